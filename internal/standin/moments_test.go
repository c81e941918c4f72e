package standin

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// momentNow returns the moment it is, of the clock and of the log.
func momentNow(t *testing.T, conn *pgx.Conn) moment {
	t.Helper()
	m := moment{Time: now()}
	if err := m.LSN.Scan(value[string](t, conn, "SELECT pg_current_wal_insert_lsn()::text")); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMomentsThatCannotBeReached(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "window")
	conn := connect(t, shared, w, primaryOf(t, w, p.Status.DefaultBranch))
	awaitHistory(t, shared, p.Status.DefaultBranch)
	here := momentNow(t, conn)
	for name, c := range map[string]struct {
		time time.Time
		lsn  string
		want string // what the refusal says
	}{
		"the future":               {time: here.Time.Add(time.Hour), want: "spec.source_branch_time' must be between " + here.Time.Format("2006-01-02T15")},
		"before the first copy":    {time: here.Time.Add(-time.Hour), want: "where the history of branch '" + p.Status.DefaultBranch + "' reaches"},
		"before the retention":     {time: here.Time.Add(-8 * day), want: "must be between"},
		"a position to come":       {lsn: (here.LSN + 1<<30).String(), want: "spec.source_branch_lsn' must be between 0/"},
		"a position of long ago":   {lsn: "0/1000", want: "spec.source_branch_lsn' must be between 0/"},
		"no position at all":       {lsn: "yesterday", want: "such as 0/16B3748"},
		"the position of nothing":  {lsn: "0/0", want: "such as 0/16B3748"},
		"a position with a prefix": {lsn: "x0/1", want: "such as 0/16B3748"},
	} {
		spec := postgres.BranchSpec{NoExpiry: true, SourceBranchLsn: c.lsn}
		ref := database.DatabaseInstanceRef{Name: "window", Lsn: c.lsn}
		if !c.time.IsZero() {
			spec.SourceBranchTime, ref.BranchTime = sdktime.New(c.time), c.time.Format(time.RFC3339Nano)
		}
		_, err := w.Postgres.CreateBranch(t.Context(), postgres.CreateBranchRequest{
			Parent: p.Name, BranchId: "bad", Branch: postgres.Branch{Spec: &spec},
		})
		if !errors.Is(err, databricks.ErrInvalidParameterValue) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("branch of %s: %v", name, err)
		}
		_, err = w.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{
			DatabaseInstance: database.DatabaseInstance{Name: "bad", ParentInstanceRef: &ref},
		})
		if !errors.Is(err, databricks.ErrInvalidParameterValue) || strings.Contains(err.Error(), "spec.") {
			t.Errorf("child of %s: %v", name, err)
		}
	}
	if _, err := w.Postgres.GetBranch(t.Context(), postgres.GetBranchRequest{Name: p.Name + "/branches/bad"}); !errors.Is(
		err, databricks.ErrNotFound) {
		t.Errorf("a refused branch: %v", err)
	}
}

// TestPastAcrossARestart goes back to moments before and after a restart, on a branch, on a branch of that, on a source
// that is stopped, and by a child instance.
func TestPastAcrossARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	makeInstance(t, w, database.DatabaseInstance{Name: "shop", Capacity: "CU_1"})
	const production = "projects/shop/branches/production"
	conn := connect(t, l, w, primaryOf(t, w, production))
	exec(t, conn, "CREATE TABLE t (n int)")
	awaitHistory(t, l, production)
	exec(t, conn, "INSERT INTO t VALUES (1); CREATE ROLE gone")
	one := momentNow(t, conn)
	exec(t, conn, "INSERT INTO t VALUES (2); DROP ROLE gone")
	two := momentNow(t, conn)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = start(t, dir)
	w = userClient(t, l)
	active := func(branch string) {
		t.Helper()
		await(t, branch+" is active", func() bool {
			return primaryOf(t, w, branch).Status.CurrentState == postgres.EndpointStatusStateActive
		})
	}
	count := func(branch string, want int) *pgx.Conn {
		t.Helper()
		active(branch)
		conn := connect(t, l, w, primaryOf(t, w, branch))
		if got := value[int](t, conn, "SELECT count(*)::int FROM t"); got != want {
			t.Errorf("%s has %d rows, want %d", branch, got, want)
		}
		return conn
	}
	exec(t, count(production, 2), "INSERT INTO t VALUES (3)")
	old := makeBranch(t, w, "projects/shop", "old", postgres.BranchSpec{NoExpiry: true, SourceBranchTime: sdktime.New(one.Time)})
	conn = count(old.Name, 1)
	if got := old.Status; got.SourceBranch != production || !got.SourceBranchTime.AsTime().Equal(one.Time) ||
		!between(t, got.SourceBranchLsn, one.LSN, two.LSN) {
		t.Errorf("the branch is %+v", got)
	}
	if _, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: old.Name + "/roles/gone"}); err != nil {
		t.Errorf("a role of that moment: %v", err)
	}

	awaitHistory(t, l, old.Name)
	exec(t, conn, "INSERT INTO t VALUES (10)")
	own := momentNow(t, conn)
	exec(t, conn, "INSERT INTO t VALUES (11)")
	stop := func(stopped bool) {
		t.Helper()
		if _, err := w.Database.UpdateDatabaseInstance(t.Context(), database.UpdateDatabaseInstanceRequest{
			Name: "shop", UpdateMask: "stopped",
			DatabaseInstance: database.DatabaseInstance{Stopped: stopped, ForceSendFields: []string{"Stopped"}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	stop(true)
	older := makeBranch(t, w, "projects/shop", "older", postgres.BranchSpec{
		NoExpiry: true, SourceBranch: old.Name, SourceBranchLsn: own.LSN.String(),
	})
	count(older.Name, 2)
	await(t, "the instance is stopped", func() bool {
		i, err := w.Database.GetDatabaseInstanceByName(t.Context(), "shop")
		return err == nil && i.State == database.DatabaseInstanceStateStopped
	})
	child := makeInstance(t, w, database.DatabaseInstance{Name: "child", ParentInstanceRef: &database.DatabaseInstanceRef{
		Name: "shop", BranchTime: two.Time.Format(time.RFC3339Nano),
	}})
	count("projects/child/branches/production", 2)
	if ref := child.ParentInstanceRef; ref == nil || ref.BranchTime != wireMoment(two.Time) || ref.Lsn != "" ||
		!between(t, ref.EffectiveLsn, two.LSN, two.LSN+1<<24) {
		t.Errorf("the child's parent is %+v", ref)
	}
	parent, err := w.Database.GetDatabaseInstanceByName(t.Context(), "shop")
	if err != nil || len(parent.ChildInstanceRefs) != 1 || parent.ChildInstanceRefs[0].EffectiveLsn != child.ParentInstanceRef.EffectiveLsn {
		t.Errorf("the parent is %+v, %v", parent, err)
	}
	if err := w.Database.DeleteDatabaseInstance(t.Context(), database.DeleteDatabaseInstanceRequest{Name: "shop", Purge: true}); !errors.Is(
		err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "child") {
		t.Errorf("delete a parent: %v", err)
	}
	if err := w.Database.DeleteDatabaseInstance(t.Context(),
		database.DeleteDatabaseInstanceRequest{Name: "shop", Purge: true, Force: true}); err != nil {
		t.Fatal(err)
	}
	await(t, "nothing is left", func() bool { return !exists(l, "shop") && !exists(l, "child") })
}

func between(t *testing.T, text string, low, high pgproc.LSN) bool {
	t.Helper()
	at, err := pgproc.ParseLSN(text)
	if err != nil {
		t.Error(fmt.Errorf("effective position: %w", err))
	}
	return low <= at && at <= high
}

// TestProgressOfACopyIsShown: by the operation, and where there is none, by a tag of the instance.
func TestProgressOfACopyIsShown(t *testing.T) {
	t.Parallel()
	l := newLakebase(Options{})
	var err error
	if l.store, err = openStore(filepath.Join(t.TempDir(), "state.json"), true); err != nil {
		t.Fatal(err)
	}
	c := &compute{ID: primaryEndpoint, UID: "ep-1"}
	b := &branch{ID: rootBranch, Source: "projects/parent/branches/production", Computes: []*compute{c}}
	p := &project{ID: "child", DefaultBranch: rootBranch, Branches: []*branch{b}, Instance: &instance{Parent: "parent"}}
	op := newOperation(createProject, p.name()).of(p, b, "")
	if err := l.store.update(func(s *state) error { s.Projects = append(s.Projects, p); return nil }); err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		return string(l.operationAnswer(op).Metadata) + fmt.Sprint(l.tags(p))
	}
	if got := shown(); strings.Contains(got, "copied") {
		t.Errorf("before the copy: %s", got)
	}
	report := l.progress(c.UID)
	report(3<<20, 8<<20)
	report(2<<20, 8<<20) // four files at once do not report in order
	if got := shown(); strings.Count(got, "copied 3 of 8 MB") != 2 || !strings.Contains(got, `"copied_bytes":3145728`) {
		t.Errorf("in the middle: %s", got)
	}
	report(8<<20, 8<<20)
	if got := shown(); strings.Count(got, "replaying the log") != 2 {
		t.Errorf("after the copy: %s", got)
	}
}
