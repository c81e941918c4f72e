package standin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// update changes fields of an endpoint and waits for the end of the operation.
func update(t *testing.T, w *databricks.WorkspaceClient, name string, spec postgres.EndpointSpec, paths ...string) *postgres.Endpoint {
	t.Helper()
	op, err := w.Postgres.UpdateEndpoint(t.Context(), postgres.UpdateEndpointRequest{
		Name: name, Endpoint: postgres.Endpoint{Spec: &spec}, UpdateMask: fieldmask.FieldMask{Paths: paths},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEndpointStopsStartsAndGrows(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	branch := makeProject(t, w, "elastic").Status.DefaultBranch
	e := primaryOf(t, w, branch)
	conn := connect(t, shared, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")

	e = update(t, w, e.Name, postgres.EndpointSpec{Disabled: true}, "spec.disabled")
	if !e.Status.Disabled || e.Status.CurrentState != postgres.EndpointStatusStateIdle {
		t.Errorf("disabled endpoint is %+v", e.Status)
	}
	if _, err := login(t, shared, e.Status.Hosts.Host, "admin@lakeward.local", token(t, w, e.Name), "databricks_postgres"); err == nil {
		t.Error("a disabled endpoint accepts a login")
	}
	_, err := w.Postgres.CreateRole(t.Context(), postgres.CreateRoleRequest{
		Parent: branch, RoleId: "late", Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "late"}},
	})
	if !errors.Is(err, databricks.ErrInvalidState) {
		t.Errorf("create a role while stopped: %v, want INVALID_STATE", err)
	}

	e = update(t, w, e.Name, postgres.EndpointSpec{
		Disabled: false, AutoscalingLimitMinCu: 2, AutoscalingLimitMaxCu: 8,
		Settings: &postgres.EndpointSettings{PgSettings: map[string]string{"work_mem": "7MB"}}, ForceSendFields: []string{"Disabled"},
	}, "spec.disabled", "spec.autoscaling_limit_min_cu", "spec.autoscaling_limit_max_cu", "spec.settings.pg_settings")
	if e.Status.Disabled || e.Status.CurrentState != postgres.EndpointStatusStateActive || e.Status.AutoscalingLimitMaxCu != 8 {
		t.Errorf("started endpoint is %+v", e.Status)
	}
	conn = connect(t, shared, w, e)
	if got := value[string](t, conn, "SHOW max_connections"); got != "1678" {
		t.Errorf("max_connections is %s, want 1678 for 8 CU", got)
	}
	if got := value[string](t, conn, "SHOW work_mem"); got != "7MB" {
		t.Errorf("work_mem is %s", got)
	}
	if got := value[int](t, conn, "SELECT n FROM t"); got != 42 {
		t.Errorf("the data are %d", got)
	}
}

// makeReader makes the read-only endpoint reader of a branch.
func makeReader(t *testing.T, w *databricks.WorkspaceClient, branch string, spec postgres.EndpointSpec) *postgres.Endpoint {
	t.Helper()
	spec.EndpointType = postgres.EndpointTypeEndpointTypeReadOnly
	op, err := w.Postgres.CreateEndpoint(t.Context(), postgres.CreateEndpointRequest{
		Parent: branch, EndpointId: "reader", Endpoint: postgres.Endpoint{Spec: &spec},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReadOnlyEndpointFollows(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	branch := makeProject(t, w, "replicas").Status.DefaultBranch
	primary := primaryOf(t, w, branch)
	conn := connect(t, shared, w, primary)
	exec(t, conn, "CREATE TABLE t (n int)")
	reader := makeReader(t, w, branch, postgres.EndpointSpec{NoSuspension: true, Group: &postgres.EndpointGroupSpec{Min: 2, Max: 2}})
	nodes := map[string]bool{}
	for range 4 {
		nodes[value[string](t, connect(t, shared, w, reader), "SELECT current_setting('cluster_name')")] = true
	}
	if g := reader.Status.Group; g == nil || g.Min != 2 || g.Max != 2 || len(nodes) != 2 {
		t.Errorf("a group of two: %+v, sessions on %v", g, nodes)
	}
	replica := connect(t, shared, w, reader)
	exec(t, conn, "INSERT INTO t VALUES (1)")
	await(t, "the row arrives", func() bool { return value[int](t, replica, "SELECT count(*)::int FROM t") == 1 })
	if _, err := replica.Exec(t.Context(), "INSERT INTO t VALUES (2)"); err == nil {
		t.Error("a read-only endpoint accepts a write")
	}

	update(t, w, primary.Name, postgres.EndpointSpec{AutoscalingLimitMaxCu: 4}, "spec.autoscaling_limit_max_cu")
	reader, err := w.Postgres.GetEndpoint(t.Context(), postgres.GetEndpointRequest{Name: reader.Name})
	if err != nil || reader.Status.CurrentState != postgres.EndpointStatusStateActive {
		t.Errorf("after the primary has grown, the reader is %+v, %v", reader, err)
	}
	for _, size := range []float64{4, 1} {
		update(t, w, primary.Name, postgres.EndpointSpec{AutoscalingLimitMaxCu: size}, "spec.autoscaling_limit_max_cu")
		conn, replica := connect(t, shared, w, primary), connect(t, shared, w, reader)
		exec(t, conn, "INSERT INTO t VALUES (1)")
		want := value[int](t, conn, "SELECT count(*)::int FROM t")
		await(t, fmt.Sprintf("with %v units the row arrives", size), func() bool { return value[int](t, replica, "SELECT count(*)::int FROM t") == want })
	}

	reader = update(t, w, reader.Name, postgres.EndpointSpec{Group: &postgres.EndpointGroupSpec{Min: 1, Max: 1}}, "spec.group")
	if reader.Status.Group != nil {
		t.Errorf("a group of one: %+v", reader.Status.Group)
	}
	connect(t, shared, w, reader)

	del, err := w.Postgres.DeleteEndpoint(t.Context(), postgres.DeleteEndpointRequest{Name: reader.Name})
	if err != nil {
		t.Fatal(err)
	}
	if err := del.Wait(t.Context()); err != nil || exists(shared, "replicas", "production+reader") {
		t.Errorf("delete the reader: %v", err)
	}
	_, err = w.Postgres.DeleteEndpoint(t.Context(), postgres.DeleteEndpointRequest{Name: primary.Name})
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "Read-write endpoints cannot be deleted") {
		t.Errorf("delete the primary: %v", err)
	}
}

func TestEndpointThatCannotStartIsDegraded(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "broken")
	name := primaryOf(t, w, p.Status.DefaultBranch).Name
	op, err := w.Postgres.UpdateEndpoint(t.Context(), postgres.UpdateEndpointRequest{
		Name: name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.settings"}},
		Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{
			Settings: &postgres.EndpointSettings{PgSettings: map[string]string{"work_mem": "a lot"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "work_mem") {
		t.Errorf("the operation ends with %v, want PostgreSQL's complaint about work_mem", err)
	}
	if e := primaryOf(t, w, p.Status.DefaultBranch); e.Status.CurrentState != postgres.EndpointStatusStateDegraded {
		t.Errorf("state is %s, want DEGRADED", e.Status.CurrentState)
	}
	got, err := w.Postgres.GetProject(t.Context(), postgres.GetProjectRequest{Name: p.Name})
	if err != nil {
		t.Fatal(err)
	}
	if tags := got.Status.CustomTags; len(tags) != 1 || tags[0].Key != problemTag || !strings.Contains(tags[0].Value, "work_mem") {
		t.Errorf("the reason is not in the project's tags: %+v", tags)
	}
	if i, err := w.Database.GetDatabaseInstanceByName(t.Context(), "broken"); err != nil || i.State != "DEGRADED" {
		t.Errorf("the instance is %+v, %v", i, err)
	}
	if problems := shared.Problems(); problems[name] == nil {
		t.Errorf("problems are %v", problems)
	}
	update(t, w, name, postgres.EndpointSpec{}, "spec.settings")
	if e := primaryOf(t, w, p.Status.DefaultBranch); e.Status.CurrentState != postgres.EndpointStatusStateActive {
		t.Errorf("mended, the state is %s", e.Status.CurrentState)
	}
}
