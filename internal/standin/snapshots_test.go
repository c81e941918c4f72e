package standin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func takeSnapshot(t *testing.T, w *databricks.WorkspaceClient, project, id string, spec postgres.SnapshotSpec) (*postgres.Snapshot, error) {
	t.Helper()
	op, err := w.Postgres.CreateSnapshot(t.Context(), postgres.CreateSnapshotRequest{
		Parent: project, SnapshotId: id, Snapshot: postgres.Snapshot{Spec: &spec},
	})
	if err != nil {
		return nil, err
	}
	return op.Wait(t.Context())
}

// TestBranchOfASnapshot takes snapshots of now and of a moment, lets the history forget all that it may, restarts, and makes
// branches that have the rows of just these moments.
func TestBranchOfASnapshot(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	p := makeProject(t, w, "shop")
	source := p.Status.DefaultBranch
	e := primaryOf(t, w, source)
	conn := connect(t, l, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 1 AS n; CREATE ROLE gone")
	awaitHistory(t, l, source)
	exec(t, conn, "INSERT INTO t VALUES (2)")
	two := momentNow(t, conn)
	exec(t, conn, "INSERT INTO t VALUES (3); DROP ROLE gone")
	three, err := takeSnapshot(t, w, p.Name, "three", postgres.SnapshotSpec{SourceBranch: source})
	if err != nil {
		t.Fatal(err)
	}
	if s := three.Status; three.Name != p.Name+"/snapshots/three" || three.Uid == "" || s.SourceBranch != source || !s.NoExpiry || s.FullSizeBytes < 1<<20 {
		t.Errorf("the snapshot is %+v, %+v", three, s)
	}
	exec(t, conn, "INSERT INTO t VALUES (4)")
	if _, err := takeSnapshot(t, w, p.Name, "two", postgres.SnapshotSpec{
		SourceBranch: source, SourceBranchTime: sdktime.New(two.Time), Ttl: duration.New(time.Hour),
	}); err != nil {
		t.Fatal(err)
	}

	h := historyOf(l, source)
	if _, err := h.Add(t.Context(), l.runner(e.Uid).endpoint); err != nil {
		t.Fatal(err)
	}
	l.keepHistories(t.Context(), now().Add(40*day))
	if copies, err := h.Copies(); err != nil || len(copies) != 1 || copies[0].Taken.Before(three.CreateTime.AsTime()) {
		t.Fatalf("the history has not forgotten: %v, %v", copies, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir)
	w = userClient(t, l)
	for id, want := range map[string]int{"three": 3, "two": 2} {
		name := p.Name + "/snapshots/" + id
		b := makeBranch(t, w, p.Name, "from-"+id, postgres.BranchSpec{NoExpiry: true, SourceSnapshot: name})
		if s := b.Status; s.SourceSnapshot != name || s.SourceBranch != "" || s.SourceBranchLsn != "" || s.SourceBranchTime != nil {
			t.Errorf("the branch of %s is %+v", id, s)
		}
		if got := value[int](t, connect(t, l, w, primaryOf(t, w, b.Name)), "SELECT count(*)::int FROM t"); got != want {
			t.Errorf("the branch of %s has %d rows, want %d", id, got, want)
		}
		_, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: b.Name + "/roles/gone"})
		if there := err == nil; there != (id != "three") {
			t.Errorf("the role of the branch of %s: %v", id, err)
		}
	}
	op, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: p.Name, Purge: true})
	if err == nil {
		err = op.Wait(t.Context())
	}
	if err != nil || exists(l, "shop") {
		t.Errorf("delete a project with snapshots: %v", err)
	}
}

// TestSnapshotOutlivesItsBranch, whose files it shares, and takes no more of them than it needs.
func TestSnapshotOutlivesItsBranch(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	ctx := t.Context()
	p := makeProject(t, w, "shots")
	source := p.Status.DefaultBranch
	conn := connect(t, shared, w, primaryOf(t, w, source))
	exec(t, conn, "CREATE TABLE t AS SELECT 1 AS n")
	// There may be no base copy yet.
	one, err := takeSnapshot(t, w, p.Name, "one", postgres.SnapshotSpec{SourceBranch: source, Ttl: duration.New(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	pinned := filepath.Join(shared.dir, "pg", "shots", "one.snapshot")
	err = filepath.WalkDir(pinned, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !sharedFile(t, path) {
			t.Errorf("%s is the snapshot's alone", path)
		}
		return err
	})
	if segments, wal := os.ReadDir(filepath.Join(pinned, "wal")); err != nil || wal != nil || len(segments) == 0 || len(segments) > 3 {
		t.Errorf("it has %d segments of the log, %v, %v", len(segments), err, wal)
	}
	got, err := w.Postgres.GetSnapshot(ctx, postgres.GetSnapshotRequest{Name: one.Name})
	if err != nil || got.Status.NoExpiry || !got.Spec.ExpireTime.AsTime().Equal(got.Status.ExpireTime.AsTime()) {
		t.Errorf("the snapshot is %+v, %v", got, err)
	}

	root := makeBranch(t, w, p.Name, "root", postgres.BranchSpec{NoExpiry: true, SourceSnapshot: one.Name})
	conn = connect(t, shared, w, primaryOf(t, w, root.Name))
	exec(t, conn, "INSERT INTO t VALUES (2)")
	awaitHistory(t, shared, root.Name)
	exec(t, conn, "INSERT INTO t VALUES (3)")
	at := momentNow(t, conn).LSN.String()
	exec(t, conn, "INSERT INTO t VALUES (4)")
	two, err := takeSnapshot(t, w, p.Name, "two", postgres.SnapshotSpec{SourceBranch: root.Name, SourceBranchLsn: at})
	if err != nil || two.Spec.SourceBranchLsn != at {
		t.Fatalf("a snapshot of a branch of a snapshot: %+v, %v", two, err)
	}
	if err := dropBranch(t, w, root.Name); err != nil {
		t.Fatal(err)
	}
	again := makeBranch(t, w, p.Name, "again", postgres.BranchSpec{Ttl: duration.New(time.Hour), SourceSnapshot: two.Name})
	if got := value[int](t, connect(t, shared, w, primaryOf(t, w, again.Name)), "SELECT count(*)::int FROM t"); got != 3 {
		t.Errorf("from the snapshot of a branch that is gone: %d rows, want 3", got)
	}

	op, err := w.Postgres.DeleteSnapshot(ctx, postgres.DeleteSnapshotRequest{Name: two.Name})
	if err == nil {
		err = op.Wait(ctx)
	}
	all, listErr := w.Postgres.ListSnapshotsAll(ctx, postgres.ListSnapshotsRequest{Parent: p.Name})
	if err != nil || listErr != nil || len(all) != 1 || all[0].SnapshotId != "one" || exists(shared, "shots", "two.snapshot") {
		t.Errorf("after a deletion there are %+v, %v, %v", all, err, listErr)
	}
	if err := shared.store.update(func(s *state) error { s.project("shots").snapshot("one").Expires = now(); return nil }); err != nil {
		t.Fatal(err)
	}
	shared.wakeJanitor()
	await(t, "the other one has expired", func() bool {
		_, err := w.Postgres.GetSnapshot(ctx, postgres.GetSnapshotRequest{Name: one.Name})
		return errors.Is(err, databricks.ErrNotFound) && !exists(shared, "shots", "one.snapshot")
	})
}

// sharedFile reports whether a file has another name.
func sharedFile(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Nlink > 1
}

func TestSnapshotsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	ctx := t.Context()
	p := makeProject(t, w, "unshot")
	source := p.Status.DefaultBranch
	awaitHistory(t, shared, source)
	child := makeBranch(t, w, p.Name, "child", postgres.BranchSpec{NoExpiry: true})
	fill := func(n int) {
		t.Helper()
		if err := shared.store.update(func(s *state) error {
			p := s.project("unshot")
			p.Snapshots = nil
			for range n {
				p.Snapshots = append(p.Snapshots, &snapshot{ID: "s" + randomHex(4), UID: randomHex(8), Source: source})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		id   string
		spec postgres.SnapshotSpec
		want error
		text string
	}{
		"no source":      {"a", postgres.SnapshotSpec{}, databricks.ErrInvalidParameterValue, "snapshot.spec.source_branch' is required"},
		"no such source": {"a", postgres.SnapshotSpec{SourceBranch: p.Name + "/branches/x"}, databricks.ErrNotFound, "source branch not found"},
		"of a child":     {"a", postgres.SnapshotSpec{SourceBranch: child.Name}, databricks.ErrBadRequest, "only of root branches"},
		"a bad id":       {"A", postgres.SnapshotSpec{SourceBranch: source}, databricks.ErrInvalidParameterValue, "snapshot_id"},
		"two expiries": {
			"a",
			postgres.SnapshotSpec{SourceBranch: source, NoExpiry: true, Ttl: duration.New(time.Hour)},
			databricks.ErrInvalidParameterValue, "Exactly one",
		},
		"two moments": {
			"a",
			postgres.SnapshotSpec{SourceBranch: source, SourceBranchLsn: "0/1", SourceBranchTime: sdktime.New(now())},
			databricks.ErrInvalidParameterValue, "Only one of",
		},
		"a moment to come": {
			"a",
			postgres.SnapshotSpec{SourceBranch: source, SourceBranchTime: sdktime.New(now().Add(time.Hour))},
			databricks.ErrInvalidParameterValue, "must be between",
		},
	} {
		if _, err := takeSnapshot(t, w, p.Name, c.id, c.spec); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fill(maxSnapshots)
	if _, err := takeSnapshot(t, w, p.Name, "many", postgres.SnapshotSpec{SourceBranch: source}); !errors.Is(err, databricks.ErrBadRequest) ||
		!strings.Contains(err.Error(), "10 snapshots already") {
		t.Errorf("a snapshot too many: %v", err)
	}
	half := shared.store.view().project("unshot").Snapshots[0].ID
	for name, c := range map[string]struct {
		spec postgres.BranchSpec
		text string
	}{
		"of none":             {postgres.BranchSpec{SourceSnapshot: p.Name + "/snapshots/x"}, "snapshot not found"},
		"of one being made":   {postgres.BranchSpec{SourceSnapshot: p.Name + "/snapshots/" + half}, "is not ready"},
		"and of a branch too": {postgres.BranchSpec{SourceSnapshot: p.Name + "/snapshots/" + half, SourceBranch: source}, "Beside"},
	} {
		c.spec.NoExpiry = true
		_, err := w.Postgres.CreateBranch(ctx, postgres.CreateBranchRequest{Parent: p.Name, BranchId: "bad", Branch: postgres.Branch{Spec: &c.spec}})
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("a branch %s: %v", name, err)
		}
	}
	fill(0)
}
