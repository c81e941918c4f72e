package standin

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// startLimited starts a Lakebase of one test with other limits.
func startLimited(t *testing.T, limits Limits) *Lakebase {
	t.Helper()
	return startWith(t, Options{Dir: folder(t), Limits: limits})
}

// nap is how long nobody may come before an endpoint of the tests sleeps. A login on a busy machine must take less.
const nap = time.Second

// sleeper is a Lakebase with a project whose endpoint sleeps after a moment.
func sleeper(t *testing.T) (*Lakebase, *databricks.WorkspaceClient, *postgres.Endpoint) {
	t.Helper()
	l := startLimited(t, Limits{MinSuspend: nap})
	w := userClient(t, l)
	p := makeProjectWith(t, w, "tired", &postgres.ProjectDefaultEndpointSettings{SuspendTimeoutDuration: duration.New(nap)})
	return l, w, primaryOf(t, w, p.Status.DefaultBranch)
}

func asleep(t *testing.T, l *Lakebase, w *databricks.WorkspaceClient, name string) {
	t.Helper()
	await(t, "the endpoint sleeps", func() bool {
		e, err := w.Postgres.GetEndpoint(t.Context(), postgres.GetEndpointRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		_, running := os.Stat(filepath.Join(l.dir, "pg", "tired", "production", "postmaster.pid"))
		return e.Status.CurrentState == postgres.EndpointStatusStateIdle && os.IsNotExist(running)
	})
}

func TestIdleEndpointSleepsUntilSomebodyKnocks(t *testing.T) {
	t.Parallel()
	l, w, e := sleeper(t)
	conn := connect(t, l, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")
	asleep(t, l, w, e.Name)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session outlived the PostgreSQL that it was a session of")
	}
	if i, err := w.Database.GetDatabaseInstanceByName(t.Context(), "tired"); err != nil || i.State != database.DatabaseInstanceStateAvailable {
		t.Errorf("asleep, the instance is %+v, %v", i, err)
	}

	var knocking sync.WaitGroup
	for range 5 {
		knocking.Go(func() {
			if got := value[int](t, connect(t, l, w, e), "SELECT n FROM t"); got != 42 {
				t.Errorf("the data are %d", got)
			}
		})
	}
	knocking.Wait()

	// A role is made while it sleeps.
	asleep(t, l, w, e.Name)
	op, err := w.Postgres.CreateRole(t.Context(), postgres.CreateRoleRequest{
		Parent: e.Parent, RoleId: "night", Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "night"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Errorf("make a role of an endpoint that sleeps: %v", err)
	}

	asleep(t, l, w, e.Name)
	update(t, w, e.Name, postgres.EndpointSpec{Disabled: true}, "spec.disabled")
	address := net.JoinHostPort(e.Status.Hosts.Host, strconv.Itoa(l.port))
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a disabled endpoint that slept: %v, want a refusal", err)
	}
	update(t, w, e.Name, postgres.EndpointSpec{}, "spec.disabled")
	if got := value[int](t, connect(t, l, w, e), "SELECT n FROM t"); got != 42 {
		t.Errorf("enabled again, the data are %d", got)
	}
	deletion, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: "projects/tired", Purge: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := deletion.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the address of a project that was deleted: %v, want a refusal", err)
	}
}

func TestSleeperSleepsOnAfterARestart(t *testing.T) {
	t.Parallel()
	l, w, e := sleeper(t)
	exec(t, connect(t, l, w, e), "CREATE TABLE t AS SELECT 42 AS n")
	asleep(t, l, w, e.Name)
	before := primaryOf(t, w, e.Parent).Status.LastActiveTime.AsTime()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = startWith(t, Options{Dir: l.dir, Limits: l.limits})
	w = userClient(t, l)
	if now := primaryOf(t, w, e.Parent); now.Status.CurrentState != postgres.EndpointStatusStateIdle ||
		!now.Status.LastActiveTime.AsTime().Equal(before) {
		t.Errorf("after the restart it is %s, last active at %v, want %v", now.Status.CurrentState, now.Status.LastActiveTime.AsTime(), before)
	}
	asleep(t, l, w, e.Name)
	if got := value[int](t, connect(t, l, w, e), "SELECT n FROM t"); got != 42 {
		t.Errorf("the data are %d", got)
	}
	if c := l.store.view().project("tired").defaultBranch().primary(); !c.Slept.IsZero() {
		t.Error("it is awake, and would sleep after a restart")
	}
}

// A base copy that is being made reads from the running PostgreSQL.
func TestCopyKeepsAnEndpointAwake(t *testing.T) {
	t.Parallel()
	l, _, e := sleeper(t)
	p, b, c := l.store.view().computeByUID(e.Uid)
	await(t, "its first copy is made", func() bool { all, err := l.history(p, b).Copies(); return err == nil && len(all) == 1 })
	await(t, "it is awake", func() bool {
		l.knock(e.Uid)
		running := l.runner(e.Uid).endpoint
		return running != nil && l.keepAwake(e.Uid, running)
	})
	await(t, "nobody has come for long", func() bool { return l.doors[e.Uid].quiet() > 3*c.Settings.Suspend })
	if l.mayRest(p, b, c) || l.letGo(e.Uid, now()) {
		t.Error("it falls asleep while it is copied")
	}
	l.setRunner(e.Uid, func(r *runner) { r.saving = false })
	await(t, "it sleeps", func() bool { return l.runner(e.Uid).phase == phaseIdle })
}

func TestWorkKeepsAnEndpointAwake(t *testing.T) {
	t.Parallel()
	l, w, e := sleeper(t)
	conn := connect(t, l, w, e)
	exec(t, conn, "BEGIN")
	exec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")
	beats := time.NewTimer(3 * nap)
	defer beats.Stop()
	<-beats.C // nothing shall happen: there is no event to wait for
	exec(t, conn, "COMMIT")
}

func TestEndpointFollowsTheLoadOfItsSessions(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{MinSuspend: 200 * time.Millisecond})
	w := userClient(t, l)
	e := primaryOf(t, w, makeProject(t, w, "busy").Status.DefaultBranch)
	update(t, w, e.Name, postgres.EndpointSpec{AutoscalingLimitMinCu: 1, AutoscalingLimitMaxCu: 4},
		"spec.autoscaling_limit_min_cu", "spec.autoscaling_limit_max_cu")
	watcher := connect(t, l, w, e)
	cache := func() string { return value[string](t, watcher, "SHOW effective_cache_size") }
	await(t, "one unit", func() bool { return cache() == "1536MB" })
	if got := value[string](t, watcher, "SHOW max_connections"); got != "839" {
		t.Errorf("max_connections is %s, want 839 for up to 4 CU", got)
	}
	ctx, rest := context.WithCancel(t.Context())
	defer rest()
	var working sync.WaitGroup
	for range 6 {
		conn := connect(t, l, w, e)
		working.Go(func() { _, _ = conn.Exec(ctx, "SELECT pg_sleep(60)") }) // it is cancelled
	}
	await(t, "four units", func() bool { return cache() == "6GB" })
	rest()
	working.Wait()
	await(t, "one unit again", func() bool { return cache() == "1536MB" })
}

// me returns the name of the identity that a client has signed in as.
func me(t *testing.T, w *databricks.WorkspaceClient) string {
	t.Helper()
	user, err := w.CurrentUser.Me(t.Context(), meRequest)
	if err != nil {
		t.Fatal(err)
	}
	return user.UserName
}
