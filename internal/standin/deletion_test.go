package standin

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5/pgconn"
)

// putAway deletes a project or a branch so that it can be brought back.
func putAway(t *testing.T, w *databricks.WorkspaceClient, name string) {
	t.Helper()
	var err error
	if strings.Contains(name, "/branches/") {
		var op postgres.DeleteBranchOperationInterface
		if op, err = w.Postgres.DeleteBranch(t.Context(), postgres.DeleteBranchRequest{Name: name}); err == nil {
			err = op.Wait(t.Context())
		}
	} else {
		var op postgres.DeleteProjectOperationInterface
		if op, err = w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: name}); err == nil {
			err = op.Wait(t.Context())
		}
	}
	if err != nil {
		t.Fatalf("delete %s: %v", name, err)
	}
}

// bringBack undeletes a project or a branch.
func bringBack(t *testing.T, w *databricks.WorkspaceClient, name string) error {
	t.Helper()
	if strings.Contains(name, "/branches/") {
		op, err := w.Postgres.UndeleteBranch(t.Context(), postgres.UndeleteBranchRequest{Name: name})
		if err != nil {
			return err
		}
		return op.Wait(t.Context())
	}
	op, err := w.Postgres.UndeleteProject(t.Context(), postgres.UndeleteProjectRequest{Name: name})
	if err != nil {
		return err
	}
	return op.Wait(t.Context())
}

// turnedAway checks that an address tells who logs in there what was deleted, and what can be done.
func turnedAway(t *testing.T, l *Lakebase, host, deleted string) {
	t.Helper()
	_, err := login(t, l, host, l.Workspace().UserName, "any", "databricks_postgres")
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refusal.Code != codeDatabaseDropped || !strings.HasPrefix(refusal.Message, "'"+deleted+"' was deleted at ") ||
		!strings.Contains(refusal.Message, "undelete it by ") {
		t.Errorf("a login at %s of %s: %v", host, deleted, err)
	}
}

// expect checks that a call is refused with an error of the SDK that names what was deleted and what can be done.
func expect(t *testing.T, what string, err, want error, deleted string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), "'"+deleted+"' was deleted at ") ||
		!strings.Contains(err.Error(), "purge=true") {
		t.Errorf("%s: %v", what, err)
	}
}

func projectIDs(t *testing.T, w *databricks.WorkspaceClient, deleted bool) (ids []string) {
	t.Helper()
	all, err := w.Postgres.ListProjectsAll(t.Context(), postgres.ListProjectsRequest{ShowDeleted: deleted})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		ids = append(ids, p.ProjectId)
	}
	return ids
}

// TestDeletedProjectComesBack deletes a project and brings it back, and kills the Lakebase each time as soon as it has promised
// that.
func TestDeletedProjectComesBack(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	p := makeProject(t, w, "shop")
	e := primaryOf(t, w, p.Status.DefaultBranch)
	makeRole(t, w, e.Parent, "app", postgres.RoleRoleSpec{PostgresRole: "app"})
	reader := makeReader(t, w, e.Parent, postgres.EndpointSpec{})
	conn := connect(t, l, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 1 AS n")
	awaitHistory(t, l, e.Parent)
	at := now()
	exec(t, conn, "INSERT INTO t VALUES (2)")
	if _, err := historyOf(l, e.Parent).Add(t.Context(), l.runner(e.Uid).endpoint); err != nil { // at is before it
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w, kill := startChild(t, dir)
	if _, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: p.Name}); err != nil {
		t.Fatal(err)
	}
	kill()

	// The next one does what was begun, and the one after it finds it done.
	for range 2 {
		l = start(t, dir)
		await(t, "the addresses answer", func() bool {
			l.runMu.Lock()
			defer l.runMu.Unlock()
			return len(l.notices) == 2
		})
		for _, host := range []string{e.Status.Hosts.Host, reader.Status.Hosts.Host} {
			turnedAway(t, l, host, p.Name)
		}
		if exists(l, "shop", "production", "postmaster.pid") {
			t.Error("the deleted project runs")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l = start(t, dir)
	w = userClient(t, l)
	ctx := t.Context()
	gone, err := w.Postgres.GetProject(ctx, postgres.GetProjectRequest{Name: p.Name})
	if err != nil || gone.Uid != p.Uid || gone.DeleteTime == nil || gone.PurgeTime.AsTime().Sub(gone.DeleteTime.AsTime()) != 7*day {
		t.Errorf("the deleted project is %+v, %v", gone, err)
	}
	if live, all := projectIDs(t, w, false), projectIDs(t, w, true); len(live) != 0 || !slices.Equal(all, []string{"shop"}) {
		t.Errorf("projects are %v, with the deleted ones %v", live, all)
	}
	if all, err := w.Database.ListDatabaseInstancesAll(ctx, database.ListDatabaseInstancesRequest{}); err != nil || len(all) != 0 {
		t.Errorf("instances are %v, %v", all, err)
	}
	for what, err := range deletedProjectCalls(t, w) {
		want := databricks.ErrNotFound
		if strings.HasPrefix(what, "create shop") {
			want = databricks.ErrAlreadyExists
		}
		expect(t, what, err, want, p.Name)
	}

	l.keepHistories(ctx, now().Add(40*day))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w, kill = startChild(t, dir)
	if _, err := w.Postgres.UndeleteProject(ctx, postgres.UndeleteProjectRequest{Name: p.Name}); err != nil {
		t.Fatal(err)
	}
	kill()
	l = start(t, dir)
	w = userClient(t, l)
	for _, e := range []*postgres.Endpoint{e, reader} {
		await(t, e.Name+" is active", func() bool {
			got, err := w.Postgres.GetEndpoint(ctx, postgres.GetEndpointRequest{Name: e.Name})
			if err != nil {
				t.Fatal(err)
			}
			return got.Status.CurrentState == postgres.EndpointStatusStateActive
		})
	}
	if back, err := w.Postgres.GetProject(ctx, postgres.GetProjectRequest{Name: p.Name}); err != nil || back.DeleteTime != nil || back.PurgeTime != nil {
		t.Errorf("the project is %+v, %v", back, err)
	}
	if again := primaryOf(t, w, e.Parent); again.Status.Hosts.Host != e.Status.Hosts.Host || again.Uid != e.Uid {
		t.Errorf("its endpoint was %+v and is %+v", e, again)
	}
	for _, e := range []*postgres.Endpoint{e, reader} {
		if got := value[int](t, connect(t, l, w, e), "SELECT count(*)::int FROM t"); got != 2 {
			t.Errorf("%s has %d rows, want 2", e.Name, got)
		}
	}
	if _, err := w.Postgres.GetRole(ctx, postgres.GetRoleRequest{Name: e.Parent + "/roles/app"}); err != nil {
		t.Errorf("its role: %v", err)
	}
	before := makeBranch(t, w, p.Name, "before", postgres.BranchSpec{NoExpiry: true, SourceBranchTime: sdktime.New(at)})
	if got := value[int](t, connect(t, l, w, primaryOf(t, w, before.Name)), "SELECT count(*)::int FROM t"); got != 1 {
		t.Errorf("a moment before the deletion has %d rows, want 1", got)
	}
	if err := bringBack(t, w, p.Name); !errors.Is(err, databricks.ErrAlreadyExists) {
		t.Errorf("undelete what is not deleted: %v", err)
	}
}

// deletedProjectCalls makes the calls that there are not for the deleted project shop.
func deletedProjectCalls(t *testing.T, w *databricks.WorkspaceClient) map[string]error {
	t.Helper()
	ctx := t.Context()
	const name, branch = "projects/shop", "projects/shop/branches/production"
	errs := map[string]error{}
	_, errs["create shop"] = w.Postgres.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: "shop"})
	_, errs["create shop as an instance"] = w.Database.CreateDatabaseInstance(ctx,
		database.CreateDatabaseInstanceRequest{DatabaseInstance: database.DatabaseInstance{Name: "shop"}})
	_, errs["delete again"] = w.Postgres.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: name})
	_, errs["update"] = w.Postgres.UpdateProject(ctx, postgres.UpdateProjectRequest{
		Name: name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.display_name"}}, Project: postgres.Project{Spec: &postgres.ProjectSpec{DisplayName: "new"}},
	})
	_, errs["get a branch"] = w.Postgres.GetBranch(ctx, postgres.GetBranchRequest{Name: branch})
	_, errs["list branches"] = w.Postgres.ListBranchesAll(ctx, postgres.ListBranchesRequest{Parent: name, ShowDeleted: true})
	_, errs["undelete a branch"] = w.Postgres.UndeleteBranch(ctx, postgres.UndeleteBranchRequest{Name: branch})
	_, errs["make a branch"] = w.Postgres.CreateBranch(ctx, postgres.CreateBranchRequest{
		Parent: name, BranchId: "dev", Branch: postgres.Branch{Spec: &postgres.BranchSpec{NoExpiry: true}},
	})
	_, errs["make a role"] = w.Postgres.CreateRole(ctx, postgres.CreateRoleRequest{
		Parent: branch, RoleId: "late", Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "late"}},
	})
	_, errs["a credential"] = w.Postgres.GenerateDatabaseCredential(ctx, postgres.GenerateDatabaseCredentialRequest{Endpoint: branch + "/endpoints/primary"})
	_, errs["a credential for the instance"] = w.Database.GenerateDatabaseCredential(ctx,
		database.GenerateDatabaseCredentialRequest{InstanceNames: []string{"shop"}})
	_, errs["get the instance"] = w.Database.GetDatabaseInstanceByName(ctx, "shop")
	_, errs["a child"] = w.Database.CreateDatabaseInstance(ctx, database.CreateDatabaseInstanceRequest{
		DatabaseInstance: database.DatabaseInstance{Name: "child", ParentInstanceRef: &database.DatabaseInstanceRef{Name: "shop"}},
	})
	errs["delete the instance"] = w.Database.DeleteDatabaseInstance(ctx, database.DeleteDatabaseInstanceRequest{Name: "shop", Purge: true})
	return errs
}

func TestDeletedBranchComesBack(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	ctx := t.Context()
	p := makeProject(t, w, "pruned")
	root := connect(t, shared, w, primaryOf(t, w, p.Status.DefaultBranch))
	b := makeBranch(t, w, p.Name, "dev", postgres.BranchSpec{Ttl: duration.New(time.Hour)})
	e := primaryOf(t, w, b.Name)
	conn := connect(t, shared, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")
	child := makeBranch(t, w, p.Name, "child", postgres.BranchSpec{NoExpiry: true, SourceBranch: b.Name})
	if _, err := w.Postgres.DeleteBranch(ctx, postgres.DeleteBranchRequest{Name: b.Name}); !errors.Is(err, databricks.ErrBadRequest) {
		t.Errorf("delete a branch with a child: %v", err)
	}
	putAway(t, w, child.Name)
	putAway(t, w, b.Name)
	if err := conn.Ping(ctx); err == nil {
		t.Error("a session has outlived its branch")
	}
	turnedAway(t, shared, e.Status.Hosts.Host, b.Name)
	if err := root.Ping(ctx); err != nil {
		t.Errorf("a session at another branch: %v", err)
	}
	gone, err := w.Postgres.GetBranch(ctx, postgres.GetBranchRequest{Name: b.Name})
	if err != nil || gone.Status.CurrentState != postgres.BranchStatusStateDeleted || gone.Status.DeleteTime == nil ||
		gone.Status.PurgeTime.AsTime().Sub(gone.Status.DeleteTime.AsTime()) != 7*day {
		t.Errorf("the deleted branch is %+v, %v", gone, err)
	}
	listed := func(deleted bool) (ids []string) {
		t.Helper()
		all, err := w.Postgres.ListBranchesAll(ctx, postgres.ListBranchesRequest{Parent: p.Name, ShowDeleted: deleted})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			ids = append(ids, b.BranchId)
		}
		return ids
	}
	if live, all := listed(false), listed(true); !slices.Equal(live, []string{"production"}) || !slices.Equal(all, []string{"child", "dev", "production"}) {
		t.Errorf("branches are %v, with the deleted ones %v", live, all)
	}
	for what, spec := range map[string]postgres.BranchSpec{
		"dev":  {NoExpiry: true},
		"next": {NoExpiry: true, SourceBranch: b.Name},
	} {
		_, err := w.Postgres.CreateBranch(ctx, postgres.CreateBranchRequest{Parent: p.Name, BranchId: what, Branch: postgres.Branch{Spec: &spec}})
		want := databricks.ErrNotFound
		if what == "dev" {
			want = databricks.ErrAlreadyExists
		}
		expect(t, "make "+what, err, want, b.Name)
	}
	_, err = w.Postgres.GetEndpoint(ctx, postgres.GetEndpointRequest{Name: e.Name})
	expect(t, "get its endpoint", err, databricks.ErrNotFound, b.Name)

	// Its time has come while it was deleted.
	if err := shared.store.update(func(s *state) error {
		_, b := s.branchByName(b.Name)
		b.Expires = now().Add(-time.Minute)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := bringBack(t, w, b.Name); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, connect(t, shared, w, e), "SELECT n FROM t"); got != 42 {
		t.Errorf("the data are %d", got)
	}
	back, err := w.Postgres.GetBranch(ctx, postgres.GetBranchRequest{Name: b.Name})
	if err != nil || back.Status.CurrentState != postgres.BranchStatusStateReady || back.Status.DeleteTime != nil || back.Status.ExpireTime != nil {
		t.Errorf("the branch is %+v, %v", back, err)
	}
}

// TestWhatCannotBeRemovedIsTriedAgainLater and not at once, for ever.
func TestWhatCannotBeRemovedIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "stubborn")
	b := makeBranch(t, w, p.Name, "dev", postgres.BranchSpec{NoExpiry: true})
	fail := func(at time.Time) {
		if err := shared.store.update(func(s *state) error {
			p, b := s.branchByName(b.Name)
			b.Expires = now()
			op := newOperation(deleteBranch, p.branchName(b)).of(p, b, "")
			op.finish(nil, errors.New("its folder is in use"))
			op.Finished = at
			s.Operations = append(s.Operations, op)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	fail(now())
	if wait := shared.cleanUp(now()); wait <= 0 || wait > purgeAgain {
		t.Errorf("after the failure the janitor comes back in %v", wait)
	}
	if _, err := w.Postgres.GetBranch(t.Context(), postgres.GetBranchRequest{Name: b.Name}); err != nil {
		t.Errorf("it was removed at once: %v", err)
	}
	fail(now().Add(-purgeAgain))
	shared.wakeJanitor()
	await(t, "the branch is removed", func() bool {
		_, err := w.Postgres.GetBranch(t.Context(), postgres.GetBranchRequest{Name: b.Name})
		return errors.Is(err, databricks.ErrNotFound)
	})
}

// TestDeletedThingsArePurged when their time has come, or somebody asks for it. Their ids are free then.
func TestDeletedThingsArePurged(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{Projects: 1})
	w := userClient(t, l)
	ctx := t.Context()
	p := makeProject(t, w, "one")
	host := primaryOf(t, w, p.Status.DefaultBranch).Status.Hosts.Host
	b := makeBranch(t, w, p.Name, "dev", postgres.BranchSpec{NoExpiry: true})
	putAway(t, w, b.Name)
	due := func(change func(*project)) {
		t.Helper()
		if err := l.store.update(func(s *state) error { change(s.project("one")); return nil }); err != nil {
			t.Fatal(err)
		}
		l.wakeJanitor()
	}
	due(func(p *project) { p.branch("dev").Deleted.Purge = now() })
	await(t, "the branch is purged", func() bool {
		_, err := w.Postgres.GetBranch(ctx, postgres.GetBranchRequest{Name: b.Name})
		return errors.Is(err, databricks.ErrNotFound) && !exists(l, "one", "dev") && !exists(l, "one", "dev.history")
	})
	makeBranch(t, w, p.Name, "dev", postgres.BranchSpec{NoExpiry: true})

	putAway(t, w, p.Name)
	makeProject(t, w, "two") // the deleted one does not count
	if err := bringBack(t, w, p.Name); !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "1 projects already") {
		t.Errorf("undelete a project too many: %v", err)
	}
	due(func(p *project) { p.Deleted.Purge = now() })
	await(t, "the project is purged", func() bool {
		_, err := w.Postgres.GetProject(ctx, postgres.GetProjectRequest{Name: p.Name})
		return errors.Is(err, databricks.ErrNotFound) && !exists(l, "one")
	})
	if _, err := login(t, l, host, l.Workspace().UserName, "any", "databricks_postgres"); err == nil || errors.As(err, new(*pgconn.PgError)) {
		t.Errorf("a login at the address of what was purged: %v", err)
	}

	putAway(t, w, "projects/two")
	op, err := w.Postgres.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: "projects/two", Purge: true})
	if err == nil {
		err = op.Wait(ctx)
	}
	if err != nil || exists(l, "two") || len(projectIDs(t, w, true)) != 0 {
		t.Errorf("purge a deleted project: %v", err)
	}
	makeProject(t, w, "two")
}
