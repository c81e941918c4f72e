package standin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func makeInstance(t *testing.T, w *databricks.WorkspaceClient, in database.DatabaseInstance) *database.DatabaseInstance {
	t.Helper()
	wait, err := w.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{DatabaseInstance: in})
	if err != nil {
		t.Fatal(err)
	}
	discard(t, w, in.Name)
	if s := wait.Response.State; s != database.DatabaseInstanceStateStarting && s != database.DatabaseInstanceStateStopped {
		t.Errorf("a new instance is %s", s)
	}
	if in.Stopped {
		return wait.Response
	}
	i, err := wait.GetWithTimeout(5 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInstanceIsAProject(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	i := makeInstance(t, w, database.DatabaseInstance{Name: "Orders", Capacity: "CU_1", RetentionWindowInDays: 14})
	if i.State != database.DatabaseInstanceStateAvailable || i.EffectiveCapacity != "CU_1" || i.EffectiveNodeCount != 1 ||
		i.EffectiveRetentionWindowInDays != 14 || i.Creator != "admin@lakeward.local" || i.ReadOnlyDns != "" {
		t.Errorf("instance is %+v", i)
	}
	c, err := w.Database.GenerateDatabaseCredential(t.Context(),
		database.GenerateDatabaseCredentialRequest{InstanceNames: []string{"Orders"}})
	if err != nil {
		t.Fatal(err)
	}
	if expires, err := time.Parse(time.RFC3339, c.ExpirationTime); err != nil || time.Until(expires) > time.Hour {
		t.Errorf("credential expires at %q (%v)", c.ExpirationTime, err)
	}
	conn, err := login(t, shared, i.ReadWriteDns, i.Creator, c.Token, "databricks_postgres")
	if err != nil {
		t.Fatal(err)
	}
	if got := value[string](t, conn, "SHOW max_connections"); got != "1000" {
		t.Errorf("max_connections of CU_1 is %s, want the limit of an instance", got)
	}

	p, err := w.Postgres.GetProject(t.Context(), postgres.GetProjectRequest{Name: "projects/Orders"})
	if err != nil || p.Uid != i.Uid || p.Status.HistoryRetentionDuration.AsDuration() != 14*day {
		t.Errorf("the instance as a project: %+v, %v", p, err)
	}
	e := primaryOf(t, w, p.Status.DefaultBranch)
	if s := e.Status; s.AutoscalingLimitMinCu != 8 || s.AutoscalingLimitMaxCu != 8 || s.Hosts.Host != i.ReadWriteDns {
		t.Errorf("its endpoint: %+v", s)
	}
	if found, err := w.Database.FindDatabaseInstanceByUid(t.Context(),
		database.FindDatabaseInstanceByUidRequest{Uid: i.Uid}); err != nil || found.Name != "Orders" {
		t.Errorf("found by uid: %+v, %v", found, err)
	}
	status, body := call(t, shared, http.MethodGet, "/api/2.0/database/instances/Orders?", bearer(shared), "")
	for _, field := range []string{
		`"effective_stopped":false`, `"effective_enable_pg_native_login":false`, `"effective_enable_readable_secondaries":false`,
	} {
		if status != http.StatusOK || !strings.Contains(body, field) {
			t.Errorf("GET lacks %s: %s", field, body)
		}
	}
	for _, field := range []string{`"stopped"`, `"node_count"`, `"enable_readable_secondaries"`} {
		if strings.Contains(body, field) {
			t.Errorf("GET echoes the input %s: %s", field, body)
		}
	}
}

func TestProjectIsAnInstance(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "plain")
	i, err := w.Database.GetDatabaseInstanceByName(t.Context(), "plain")
	if err != nil || i.Uid != p.Uid || i.State != database.DatabaseInstanceStateAvailable || i.Capacity != "" {
		t.Errorf("a project of 1 unit as an instance: %+v, %v", i, err)
	}

	// The endpoint may sleep, and must not with several nodes. Who asks for them here cannot say so.
	const wish = `{"node_count":2,"stopped":true}`
	status, answer := call(t, shared, http.MethodPatch, "/api/2.0/database/instances/plain", bearer(shared), wish)
	if e := primaryOf(t, w, p.Status.DefaultBranch).Status; status != http.StatusOK || e.Group == nil || e.SuspendTimeoutDuration != nil {
		t.Errorf("several nodes for an endpoint that may sleep: %d %s, %+v", status, answer, e)
	}
}

func TestInstanceStopsStartsAndGrows(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeInstance(t, w, database.DatabaseInstance{Name: "nightly", Capacity: "CU_1"})
	patch := func(in database.DatabaseInstance, mask string) *database.DatabaseInstance {
		t.Helper()
		i, err := w.Database.UpdateDatabaseInstance(t.Context(),
			database.UpdateDatabaseInstanceRequest{Name: "nightly", DatabaseInstance: in, UpdateMask: mask})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	becomes := func(state database.DatabaseInstanceState) *database.DatabaseInstance {
		t.Helper()
		var i *database.DatabaseInstance
		await(t, "the instance is "+string(state), func() (yes bool) {
			var err error
			i, err = w.Database.GetDatabaseInstanceByName(t.Context(), "nightly")
			return err == nil && i.State == state
		})
		return i
	}
	if i := patch(database.DatabaseInstance{Name: "nightly", Stopped: true}, "*"); i.State == database.DatabaseInstanceStateAvailable {
		t.Error("about to stop, the instance is AVAILABLE")
	}
	if i := becomes(database.DatabaseInstanceStateStopped); !i.EffectiveStopped || i.Capacity != "CU_1" {
		t.Errorf("stopped: %+v", i)
	}
	i := patch(database.DatabaseInstance{Name: "nightly", ForceSendFields: []string{"Stopped"}}, "*")
	if i.State == database.DatabaseInstanceStateStopped {
		t.Error("about to start, the instance is STOPPED")
	}
	becomes(database.DatabaseInstanceStateAvailable)
	// As the documentation's curl does: no mask.
	if status, body := call(t, shared, http.MethodPatch, "/api/2.0/database/instances/nightly", bearer(shared),
		`{"capacity":"CU_4"}`); status != http.StatusOK || strings.Contains(body, `"AVAILABLE"`) {
		t.Errorf("resize: %d %s", status, body)
	}
	if i := becomes(database.DatabaseInstanceStateAvailable); i.EffectiveCapacity != "CU_4" || i.EffectiveRetentionWindowInDays != 7 {
		t.Errorf("resized: %+v", i)
	}
	for _, body := range []string{
		`{"capacity":"CU_3"}`, `{"retention_window_in_days":1}`, `{"retention_window_in_days":36}`, `{"node_count":4}`,
	} {
		if status, answer := call(t, shared, http.MethodPatch, "/api/2.0/database/instances/nightly", bearer(shared),
			body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want 400", body, status, answer)
		}
	}
}

func TestInstanceRoles(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	i := makeInstance(t, w, database.DatabaseInstance{Name: "team", Capacity: "CU_1"})
	create := func(r database.DatabaseInstanceRole) (*database.DatabaseInstanceRole, error) {
		return w.Database.CreateDatabaseInstanceRole(t.Context(),
			database.CreateDatabaseInstanceRoleRequest{InstanceName: "team", DatabaseInstanceRole: r})
	}
	app := shared.Workspace().ClientID
	r, err := create(database.DatabaseInstanceRole{
		Name: app, IdentityType: database.DatabaseInstanceRoleIdentityTypeServicePrincipal,
		MembershipRole: database.DatabaseInstanceRoleMembershipRoleDatabricksSuperuser,
	})
	if err != nil || r.MembershipRole != database.DatabaseInstanceRoleMembershipRoleDatabricksSuperuser || r.EffectiveAttributes == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	principal := principalClient(t, shared)
	c, err := principal.Database.GenerateDatabaseCredential(t.Context(),
		database.GenerateDatabaseCredentialRequest{InstanceNames: []string{"team"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login(t, shared, i.ReadWriteDns, app, c.Token, "databricks_postgres"); err != nil {
		t.Errorf("log in as the service principal: %v", err)
	}
	_, err = create(database.DatabaseInstanceRole{Name: "r2d2", IdentityType: "ROBOT"})
	if want := "Field 'database_instance_role.identity_type'"; !errors.Is(err, databricks.ErrInvalidParameterValue) || !strings.Contains(err.Error(), want) {
		t.Errorf("a role of a robot: %v, want %s in it", err, want)
	}
	if _, err := create(database.DatabaseInstanceRole{Name: app}); err == nil {
		t.Error("a role was created twice")
	}
	if _, err := create(database.DatabaseInstanceRole{Name: "eve@lakeward.local", IdentityType: "USER"}); err != nil {
		t.Error(err)
	}
	got, err := w.Database.GetDatabaseInstanceRole(t.Context(),
		database.GetDatabaseInstanceRoleRequest{InstanceName: "team", Name: "eve@lakeward.local"})
	if err != nil || got.IdentityType != database.DatabaseInstanceRoleIdentityTypeUser {
		t.Errorf("role with an e-mail address: %+v, %v", got, err)
	}
	all, err := w.Database.ListDatabaseInstanceRolesAll(t.Context(), database.ListDatabaseInstanceRolesRequest{InstanceName: "team"})
	if err != nil || len(all) != 3 {
		t.Errorf("roles are %+v, %v", all, err)
	}
	for name, del := range map[string]database.DeleteDatabaseInstanceRoleRequest{
		"one":          {InstanceName: "team", Name: "eve@lakeward.local"},
		"none of them": {InstanceName: "team", Name: "nobody", AllowMissing: true},
	} {
		if err := w.Database.DeleteDatabaseInstanceRole(t.Context(), del); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
}

func TestChildInstance(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	parent := makeInstance(t, w, database.DatabaseInstance{Name: "parent", Capacity: "CU_1"})
	conn := connect(t, shared, w, primaryOf(t, w, "projects/parent/branches/production"))
	exec(t, conn, "CREATE TABLE t AS SELECT 7 AS n")
	child := makeInstance(t, w, database.DatabaseInstance{
		Name: "child", Capacity: "CU_1", ParentInstanceRef: &database.DatabaseInstanceRef{Name: "parent"},
	})
	if ref := child.ParentInstanceRef; ref == nil || ref.Name != "parent" || ref.Uid != parent.Uid {
		t.Errorf("child is %+v", child)
	}
	copied := connect(t, shared, w, primaryOf(t, w, "projects/child/branches/production"))
	if got := value[int](t, copied, "SELECT n FROM t"); got != 7 {
		t.Errorf("the child's data are %d", got)
	}

	del := func(name string, force bool) error {
		return w.Database.DeleteDatabaseInstance(t.Context(),
			database.DeleteDatabaseInstanceRequest{Name: name, Force: force, Purge: true})
	}
	if err := del("parent", false); !errors.Is(err, databricks.ErrBadRequest) {
		t.Errorf("delete an instance with a child: %v", err)
	}
	_, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: "projects/parent"})
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "'child'") {
		t.Errorf("delete the project of an instance with a child: %v", err)
	}
	status, _ := call(t, shared, http.MethodDelete, "/api/2.0/database/instances/child?purge=false", bearer(shared), "")
	if status != http.StatusBadRequest {
		t.Errorf("purge=false: %d, want 400", status)
	}
	if err := del("parent", true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"child", "parent"} {
		await(t, name+" is gone", func() bool {
			_, err := w.Database.GetDatabaseInstanceByName(t.Context(), name)
			return errors.Is(err, databricks.ErrNotFound)
		})
		if exists(shared, name) {
			t.Errorf("the data of %s are still there", name)
		}
	}
	makeInstance(t, w, database.DatabaseInstance{Name: "parent", Capacity: "CU_1"}) // the name can be used again
}

func TestInstanceLimitAndDuplicates(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w := userClient(t, l)
	create := func(name string) error {
		_, err := w.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{
			DatabaseInstance: database.DatabaseInstance{Name: name, Stopped: true}, // no PostgreSQL is needed here
		})
		return err
	}
	const clients = 8
	errs := make(chan error)
	for range clients {
		go func() { errs <- create("wanted") }()
	}
	var made int
	for range clients {
		if err := <-errs; err == nil {
			made++
		} else if !errors.Is(err, databricks.ErrAlreadyExists) || !errors.Is(err, databricks.ErrResourceConflict) {
			t.Errorf("second client: %v, want ALREADY_EXISTS", err)
		}
	}
	if made != 1 {
		t.Errorf("%d clients made the same instance", made)
	}
	if err := create("Wanted"); !errors.Is(err, databricks.ErrAlreadyExists) {
		t.Errorf("a name that differs by case only: %v", err)
	}
	const maxInstances = 10
	for n := range maxInstances - 1 {
		if err := create(fmt.Sprintf("no-%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	err := create("one-too-many")
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("instance %d: %v", maxInstances+1, err)
	}
	all, err := w.Database.ListDatabaseInstancesAll(t.Context(), database.ListDatabaseInstancesRequest{PageSize: 3})
	if err != nil || len(all) != maxInstances {
		t.Errorf("%d instances in pages of three, %v", len(all), err)
	}
	hosts := map[string]bool{}
	for _, i := range all {
		hosts[i.ReadWriteDns] = true
		if i.State != database.DatabaseInstanceStateStopped {
			t.Errorf("%s is %s", i.Name, i.State)
		}
	}
	if len(hosts) != maxInstances {
		t.Errorf("%d addresses for %d instances", len(hosts), maxInstances)
	}
	for _, name := range []string{"", "1st", "a_b", "a.b", "x-", strings.Repeat("x", 64)} {
		if err := create(name); !errors.Is(err, databricks.ErrInvalidParameterValue) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
