package standin

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"
)

// hurried is a client that may ask as often as it likes, to see states that pass quickly.
func hurried(t *testing.T, l *Lakebase) *databricks.WorkspaceClient {
	t.Helper()
	return client(t, &databricks.Config{Host: l.Workspace().Host, Token: l.Workspace().Token, RateLimitPerSecond: 1000})
}

// killPrimary ends the postmaster of an endpoint's primary as kill -9 does.
func killPrimary(t *testing.T, l *Lakebase, uid string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.runner(uid).endpoint.Dir(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestInstanceNodes(t *testing.T) {
	t.Parallel()
	w := hurried(t, shared)
	makeInstance(t, w, database.DatabaseInstance{Name: "highly", Capacity: "CU_1"})
	get := func() *database.DatabaseInstance {
		t.Helper()
		i, err := w.Database.GetDatabaseInstanceByName(t.Context(), "highly")
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	patch := func(body string) *database.DatabaseInstance {
		t.Helper()
		status, answer := call(t, shared, http.MethodPatch, "/api/2.0/database/instances/highly", bearer(shared), body)
		if status != http.StatusOK || !strings.Contains(answer, `"UPDATING"`) {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
		await(t, "the instance is available", func() bool { return get().State == database.DatabaseInstanceStateAvailable })
		return get()
	}
	primary := func() *pgx.Conn {
		t.Helper()
		return connect(t, shared, w, primaryOf(t, w, "projects/highly/branches/production"))
	}
	first := get()
	conn := primary()
	exec(t, conn, "CREATE TABLE t AS SELECT 1 AS n")

	i := patch(`{"node_count":3,"enable_readable_secondaries":true}`)
	if i.EffectiveNodeCount != 3 || !i.EffectiveEnableReadableSecondaries || i.ReadOnlyDns == "" ||
		i.ReadOnlyDns == i.ReadWriteDns || i.ReadWriteDns != first.ReadWriteDns {
		t.Errorf("with three nodes: %+v", i)
	}
	exec(t, conn, "UPDATE t SET n = 2") // the session of before goes on
	credential := token(t, w, "projects/highly/branches/production/endpoints/primary")
	readers := map[string]bool{}
	for range 4 {
		reader, err := login(t, shared, i.ReadOnlyDns, shared.Workspace().UserName, credential, "databricks_postgres")
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the secondary has the change", func() bool { return value[int](t, reader, "SELECT n FROM t") == 2 })
		if _, err := reader.Exec(t.Context(), "UPDATE t SET n = 3"); err == nil {
			t.Error("a secondary takes writes")
		}
		readers[value[string](t, reader, "SELECT current_setting('cluster_name')")] = true
	}
	if len(readers) != 2 {
		t.Errorf("sessions are spread over %d secondaries, want 2", len(readers))
	}

	e := primaryOf(t, w, "projects/highly/branches/production")
	killPrimary(t, shared, e.Uid)
	await(t, "the instance fails over", func() bool { return get().State == database.DatabaseInstanceStateFailingOver })
	await(t, "the instance is available", func() bool { return get().State == database.DatabaseInstanceStateAvailable })
	conn = primary()
	exec(t, conn, "UPDATE t SET n = n + 10")
	if now := get(); now.ReadWriteDns != first.ReadWriteDns {
		t.Errorf("the address was %s and is %s", first.ReadWriteDns, now.ReadWriteDns)
	}

	if i := patch(`{"node_count":2}`); i.EffectiveNodeCount != 2 || i.ReadOnlyDns == "" {
		t.Errorf("with two nodes: %+v", i)
	}
	if i := patch(`{"node_count":1}`); i.EffectiveNodeCount != 1 || i.ReadOnlyDns != "" || i.EffectiveEnableReadableSecondaries {
		t.Errorf("with one node: %+v", i)
	}
	if _, err := login(t, shared, i.ReadOnlyDns, shared.Workspace().UserName, credential, "databricks_postgres"); err == nil {
		t.Error("the address of the secondaries is still served")
	}
	exec(t, conn, "UPDATE t SET n = n + 10")
	if got := value[int](t, conn, "SELECT n FROM t"); got != 22 {
		t.Errorf("n = %d, want 22", got)
	}
	if err := w.Database.DeleteDatabaseInstance(t.Context(),
		database.DeleteDatabaseInstanceRequest{Name: "highly", Purge: true}); err != nil {
		t.Fatal(err)
	}
	await(t, "its data are gone", func() bool { return !exists(shared, "highly") })
}

func TestEndpointGroup(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := hurried(t, l)
	create := func(id string, in postgres.InitialEndpointSpec) (postgres.CreateProjectOperationInterface, error) {
		return w.Postgres.CreateProject(t.Context(), postgres.CreateProjectRequest{
			ProjectId: id, Project: postgres.Project{InitialEndpointSpec: &in},
		})
	}
	for name, in := range map[string]postgres.InitialEndpointSpec{
		"unequal": {NoSuspension: true, Group: &postgres.EndpointGroupSpec{Min: 1, Max: 2}},
		"five":    {NoSuspension: true, Group: &postgres.EndpointGroupSpec{Min: 5, Max: 5}},
		"sleepy":  {Group: &postgres.EndpointGroupSpec{Min: 2, Max: 2}},
	} {
		if _, err := create(name, in); err == nil || !strings.Contains(err.Error(), "group") && !strings.Contains(err.Error(), "no_suspension") {
			t.Errorf("%s: %v", name, err)
		}
	}
	op, err := create("grouped", postgres.InitialEndpointSpec{
		NoSuspension: true, Group: &postgres.EndpointGroupSpec{Min: 2, Max: 2, EnableReadableSecondaries: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	const branch = "projects/grouped/branches/production"
	e := primaryOf(t, w, branch)
	if g := e.Status.Group; e.Status.CurrentState != postgres.EndpointStatusStateActive || g == nil || g.Min != 2 || g.Max != 2 ||
		!g.EnableReadableSecondaries || e.Status.Hosts.ReadOnlyHost == "" {
		t.Errorf("the endpoint is %+v", e.Status)
	}
	exec(t, connect(t, l, w, e), "CREATE TABLE t AS SELECT 1 AS n")
	reader, err := login(t, l, e.Status.Hosts.ReadOnlyHost, l.Workspace().UserName, token(t, w, e.Name), "databricks_postgres")
	if err != nil {
		t.Fatal(err)
	}
	inject(t, l, Fault{Kind: FaultFreeze, Instance: e.Name, Node: 2})
	if err := l.ClearFaults(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Ping(t.Context()); err != nil {
		t.Errorf("the session on a node that was frozen and is thawed: %v", err)
	}
	killPrimary(t, l, e.Uid)
	await(t, "the endpoint fails over", func() bool {
		s := primaryOf(t, w, branch).Status
		return s.CurrentState == postgres.EndpointStatusStateInit && s.PendingState == postgres.EndpointStatusStateActive
	})
	await(t, "the endpoint is active", func() bool {
		s := primaryOf(t, w, branch).Status
		return s.CurrentState == postgres.EndpointStatusStateActive && s.PendingState == ""
	})
	exec(t, connect(t, l, w, e), "UPDATE t SET n = 2")
	if err := l.runner(e.Uid).endpoint.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := l.runner(e.Uid).endpoint.Condition()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = start(t, dir)
	w = hurried(t, l)
	await(t, "the endpoint is active", func() bool {
		return primaryOf(t, w, branch).Status.CurrentState == postgres.EndpointStatusStateActive
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.runner(e.Uid).endpoint.Await(ctx); err != nil {
		t.Fatal(err)
	}
	if now := l.runner(e.Uid).endpoint.Condition(); now.Primary != before.Primary || now.Nodes != 2 || !now.Protected {
		t.Errorf("before the restart %+v, after it %+v", before, now)
	}
	if got := value[int](t, connect(t, l, w, primaryOf(t, w, branch)), "SELECT n FROM t"); got != 2 {
		t.Errorf("n = %d after the restart", got)
	}
}
