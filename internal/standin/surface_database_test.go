package standin

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/google/uuid"
)

func TestRefusalsOfTheInstanceAPI(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w, tap := tapped(t, l)
	d, ctx := w.Database, t.Context()
	create := func(in database.DatabaseInstance) func() error {
		return func() error {
			return second(d.CreateDatabaseInstance(ctx, database.CreateDatabaseInstanceRequest{DatabaseInstance: in}))
		}
	}
	update := func(in database.DatabaseInstance, mask string) func() error {
		return func() error {
			return second(d.UpdateDatabaseInstance(ctx, database.UpdateDatabaseInstanceRequest{Name: "closed", DatabaseInstance: in, UpdateMask: mask}))
		}
	}
	remove := func(in database.DeleteDatabaseInstanceRequest) func() error {
		return func() error { return d.DeleteDatabaseInstance(ctx, in) }
	}
	credential := func(in database.GenerateDatabaseCredentialRequest) func() error {
		return func() error { return second(d.GenerateDatabaseCredential(ctx, in)) }
	}
	createRole := func(in database.DatabaseInstanceRole) func() error {
		return func() error {
			return second(d.CreateDatabaseInstanceRole(ctx, database.CreateDatabaseInstanceRoleRequest{InstanceName: "closed", DatabaseInstanceRole: in}))
		}
	}
	deleteRole := func(in database.DeleteDatabaseInstanceRoleRequest) func() error {
		in.InstanceName = "closed"
		return func() error { return d.DeleteDatabaseInstanceRole(ctx, in) }
	}
	parent := func(ref database.DatabaseInstanceRef) database.DatabaseInstance {
		return database.DatabaseInstance{Name: "child", ParentInstanceRef: &ref}
	}
	makeStopped(t, w, database.DatabaseInstance{Name: "closed"})
	makeStopped(t, w, parent(database.DatabaseInstanceRef{Name: "closed"}))
	const noInstance = "Database instance 'none' not found. [TraceId: "
	checkRefusals(t, tap, []wrongCall{
		{"an instance without a name", create(database.DatabaseInstance{}), isRequired("database_instance.name")},
		{"an instance with a bad name", create(database.DatabaseInstance{Name: "a_b"}), badParameter("must match pattern ^[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$, got 'a_b'.")},
		{"an instance twice", create(database.DatabaseInstance{Name: "closed"}), isThere("Database instance 'closed' already exists.")},
		{"a size that is none", create(database.DatabaseInstance{Name: "x", Capacity: "CU_3"}), badParameter("must be one of CU_1, CU_2, CU_4, CU_8, got 'CU_3'.")},
		{"a retention of a day", create(database.DatabaseInstance{Name: "x", RetentionWindowInDays: 1}), badParameter("must be between 2 and 35, got 1.")},
		{"a retention of 36 days", update(database.DatabaseInstance{RetentionWindowInDays: 36}, "*"), badParameter("must be between 2 and 35, got 36.")},
		{"four nodes", create(database.DatabaseInstance{Name: "x", NodeCount: 4}), badParameter("Field 'node_count' must be between 1 and 3, got 4.")},
		{"no node", update(database.DatabaseInstance{ForceSendFields: []string{"NodeCount"}}, "*"), badParameter("must be between 1 and 3, got 0.")},
		{"a child of nobody", create(database.DatabaseInstance{Name: "x", ParentInstanceRef: &database.DatabaseInstanceRef{Name: "none"}}), isNotFound(noInstance)},
		{
			"a child of no time", create(database.DatabaseInstance{Name: "x", ParentInstanceRef: &database.DatabaseInstanceRef{Name: "closed", BranchTime: "noon"}}),
			badParameter("Field 'parent_instance_ref.branch_time' must be a time such as"),
		},
		{"another uid", update(database.DatabaseInstance{Uid: "x"}, "capacity,uid"), badParameter("Field 'uid' of update_mask does not exist or cannot be updated.")},
		{"no instance", func() error { return second(d.GetDatabaseInstanceByName(ctx, "none")) }, isNotFound(noInstance)},
		{"an instance in other letters", func() error { return second(d.GetDatabaseInstanceByName(ctx, "Closed")) }, isNotFound("'Closed' not found")},
		{"the end of no instance", remove(database.DeleteDatabaseInstanceRequest{Name: "none"}), isNotFound(noInstance)},
		{"the end of a parent", remove(database.DeleteDatabaseInstanceRequest{Name: "closed", Purge: true}), badCall("has child instances, such as 'child'")},
		{
			"an end that is none", remove(database.DeleteDatabaseInstanceRequest{Name: "child", ForceSendFields: []string{"Purge"}}),
			badParameter("Field 'purge' must be true or absent"),
		},
		{"no uid", func() error {
			return second(d.FindDatabaseInstanceByUid(ctx, database.FindDatabaseInstanceByUidRequest{}))
		}, isRequired("uid")},
		{"nobody's uid", func() error {
			return second(d.FindDatabaseInstanceByUid(ctx, database.FindDatabaseInstanceByUidRequest{Uid: "none"}))
		}, isNotFound("Database instance with uid 'none' not found.")},

		{"a credential for nothing", credential(database.GenerateDatabaseCredentialRequest{}), isRequired("instance_names")},
		{"a credential for one that is not there", credential(database.GenerateDatabaseCredentialRequest{InstanceNames: []string{"closed", "none"}}), isNotFound(noInstance)},
		{
			"a credential for tables", credential(database.GenerateDatabaseCredentialRequest{Claims: []database.RequestedClaims{
				{PermissionSet: database.RequestedClaimsPermissionSetReadOnly, Resources: []database.RequestedResource{{TableName: "a.b.c"}}},
			}}), isMissing("a credential with Unity Catalog claims"),
		},

		{"a role without a name", createRole(database.DatabaseInstanceRole{}), isRequired("database_instance_role.name")},
		{"a role of the system", createRole(database.DatabaseInstanceRole{Name: "pg_monitor"}), badParameter("reserved")},
		{"a role twice", createRole(database.DatabaseInstanceRole{Name: adminName}), badCall("role with that name already exists")},
		{"a role of another kind", createRole(database.DatabaseInstanceRole{Name: "r", IdentityType: "ROBOT"}), badParameter("has the unknown value 'ROBOT'")},
		{"a role without a PostgreSQL", createRole(database.DatabaseInstanceRole{Name: "r"}), wrongState("is not running; start it first")},
		{"no role", func() error {
			return second(d.GetDatabaseInstanceRoleByInstanceNameAndName(ctx, "closed", "a+b@x.com"))
		}, isNotFound("Role 'a+b@x.com' not found in database instance 'closed'. [TraceId: ")},
		{"a role of no instance", func() error {
			return second(d.GetDatabaseInstanceRoleByInstanceNameAndName(ctx, "none", "r"))
		}, isNotFound(noInstance)},
		{"the end of no role", deleteRole(database.DeleteDatabaseInstanceRoleRequest{Name: "r"}), isNotFound("Role 'r' not found")},
		{"the end of a role that must be there", deleteRole(database.DeleteDatabaseInstanceRoleRequest{Name: "r", ForceSendFields: []string{"AllowMissing"}}), isNotFound("Role 'r' not found")},
		{
			"an heir that is nobody", deleteRole(database.DeleteDatabaseInstanceRoleRequest{Name: adminName, ReassignOwnedTo: "none"}),
			badParameter("must name another role of the instance, got 'none'"),
		},
	})
	if err := deleteRole(database.DeleteDatabaseInstanceRoleRequest{Name: "r", AllowMissing: true})(); err != nil {
		t.Errorf("the end of a role that may be missing: %v", err)
	}

	// While it is being deleted.
	change := func(deleting bool) {
		if err := l.store.update(func(s *state) error { s.project("closed").Deleting = deleting; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change(true)
	if i, err := d.GetDatabaseInstanceByName(ctx, "closed"); err != nil || i.State != database.DatabaseInstanceStateDeleting {
		t.Errorf("about to be deleted: %+v, %v", i, err)
	}
	const ending = "Database instance 'closed' is being deleted."
	checkRefusals(t, tap, []wrongCall{
		{"a change of what ends", update(database.DatabaseInstance{Capacity: "CU_1"}, ""), wrongState(ending)},
		{"a role of what ends", createRole(database.DatabaseInstanceRole{Name: "r"}), wrongState(ending)},
		{"the end of what ends", remove(database.DeleteDatabaseInstanceRequest{Name: "closed", Force: true}), wrongState(ending)},
	})
	change(false)
	if err := remove(database.DeleteDatabaseInstanceRequest{Name: "child"})(); err != nil {
		t.Errorf("a deletion that says nothing of purge: %v", err)
	}
}

// TestFieldsOfAnInstance: what a client has not said has a default in an effective_ field; what it has said is shown again,
// but not what is input only, and tags in answers to changes alone.
func TestFieldsOfAnInstance(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	r := raw{t, l}
	const path = "/api/2.0/database/instances"
	const always = `"uid":"*","creation_time":"*","read_write_dns":"*","pg_version":"*","state":"*"`
	made := r.ask("POST", path, `{"name":"Bare","stopped":true}`)
	if _, err := uuid.Parse(made["uid"].(string)); err != nil {
		t.Error(err)
	}
	if _, err := time.Parse(time.RFC3339, made["creation_time"].(string)); err != nil {
		t.Error(err)
	}
	if net.ParseIP(made["read_write_dns"].(string)) == nil || made["pg_version"] != fmt.Sprintf("PG_VERSION_%d", l.binaries.Major) {
		t.Errorf("made %v", made)
	}
	const bare = `{` + always + `,"name":"Bare","creator":"admin@lakeward.local","capacity":"CU_2","effective_capacity":"CU_2",
		"effective_node_count":1,"effective_retention_window_in_days":7,"effective_stopped":true,
		"effective_enable_pg_native_login":false,"effective_enable_readable_secondaries":false`
	r.like("with defaults", made, bare+"}")
	var got map[string]any
	await(t, "it is stopped", func() bool { got = r.ask("GET", path+"/Bare?", ""); return got["state"] == "STOPPED" })
	r.like("asked again", got, bare+"}")

	const full = always + `,"read_only_dns":"*","creator":"admin@lakeward.local","capacity":"CU_8","effective_capacity":"CU_8","effective_node_count":3,
		"effective_retention_window_in_days":35,"retention_window_in_days":35,"effective_stopped":true,
		"effective_enable_pg_native_login":false,"enable_pg_native_login":false,"effective_enable_readable_secondaries":true,
		"usage_policy_id":"p","effective_usage_policy_id":"p","effective_custom_tags":[{"key":"team","value":"a"}]`
	made = r.ask("POST", path, `{"name":"Full","stopped":true,"capacity":"CU_8","node_count":3,"enable_readable_secondaries":true,
		"retention_window_in_days":35,"enable_pg_native_login":false,"usage_policy_id":"p","custom_tags":[{"key":"team","value":"a"}],
		"invented_later":{"a":[1]}}`)
	readOnly := made["read_only_dns"]
	if readOnly == nil || readOnly == made["read_write_dns"] {
		t.Errorf("secondaries to read from are at %v", readOnly)
	}
	r.like("with everything", made, `{"name":"Full","custom_tags":[{"key":"team","value":"a"}],`+full+"}")
	r.like("everything asked again", r.ask("GET", path+"/Full", ""), `{"name":"Full",`+full+"}")

	// A change names its fields, or has them in its body.
	for _, c := range []struct{ mask, body, want string }{
		{"?update_mask=capacity", `{"capacity":"CU_1","retention_window_in_days":9}`, `["CU_1",7,false,null]`},
		{"?update_mask=capacity,retention_window_in_days", `{"capacity":"CU_4","retention_window_in_days":9}`, `["CU_4",9,false,null]`},
		{"?update_mask=%2A", `{"enable_pg_native_login":true}`, `["CU_4",9,true,null]`},
		{"", `{"name":"Bare","capacity":"CU_1"}`, `["CU_1",9,true,null]`},
		{"?", `{"custom_tags":[{"key":"k","value":"v"}]}`, `["CU_1",9,true,[{"key":"k","value":"v"}]]`},
		{"?update_mask=custom_tags", `{}`, `["CU_1",9,true,null]`},
		{"?update_mask=retention_window_in_days", `{}`, `["CU_1",7,true,null]`},
	} {
		got := r.ask("PATCH", path+"/Bare"+c.mask, c.body)
		if line := compact(t, []any{
			got["capacity"], got["effective_retention_window_in_days"], got["effective_enable_pg_native_login"], got["custom_tags"],
		}); line != c.want {
			t.Errorf("PATCH %s %s: %s, want %s", c.mask, c.body, line, c.want)
		}
	}

	// A parent shows its children, and a child its parent.
	w := userClient(t, l)
	child := makeStopped(t, w, database.DatabaseInstance{Name: "child", ParentInstanceRef: &database.DatabaseInstanceRef{Uid: made["uid"].(string)}})
	if ref := child.ParentInstanceRef; ref == nil || ref.Name != "Full" || ref.Uid != made["uid"] || ref.BranchTime != "" || ref.Lsn != "" {
		t.Errorf("the parent of the child is %+v", ref)
	}
	parent, err := w.Database.GetDatabaseInstanceByName(t.Context(), "Full")
	if err != nil || len(parent.ChildInstanceRefs) != 1 || parent.ChildInstanceRefs[0].Name != "child" || parent.ChildInstanceRefs[0].Uid != child.Uid {
		t.Errorf("the children of the parent are %+v, %v", parent, err)
	}
	if m, err := parentMoment(&database.DatabaseInstanceRef{Lsn: "0/16B3748", BranchTime: "2026-01-31T12:30:00Z"}); err != nil || m.LSN == 0 || !m.Time.IsZero() {
		t.Errorf("a position and a time: %+v, %v; the position wins", m, err)
	}
}

func TestRolesOfEveryKind(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	d, ctx := w.Database, t.Context()
	conn := connect(t, shared, w, primaryOf(t, w, makeProject(t, w, "kinds").Status.DefaultBranch))
	for _, in := range []database.DatabaseInstanceRole{
		{Name: "a+b@x.com", IdentityType: "USER", MembershipRole: "DATABRICKS_SUPERUSER"},
		{Name: uuid.NewString(), IdentityType: "SERVICE_PRINCIPAL", Attributes: &database.DatabaseInstanceRoleAttributes{Createrole: true}},
		{Name: "admins", IdentityType: "GROUP", Attributes: &database.DatabaseInstanceRoleAttributes{Bypassrls: true, Createdb: true}},
		{Name: "plain", IdentityType: "PG_ONLY"},
		{Name: "untold"},
	} {
		request := database.CreateDatabaseInstanceRoleRequest{
			InstanceName: "kinds", DatabaseInstanceName: "kinds", DatabaseInstanceRole: in,
		}
		if _, err := d.CreateDatabaseInstanceRole(ctx, request); err != nil {
			t.Errorf("%s: %v", in.Name, err)
			continue
		}
		got, err := d.GetDatabaseInstanceRoleByInstanceNameAndName(ctx, "kinds", in.Name)
		if err != nil {
			t.Errorf("%s: %v", in.Name, err)
			continue
		}
		want := cmp.Or(in.Attributes, &database.DatabaseInstanceRoleAttributes{})
		if got.Name != in.Name || got.InstanceName != "kinds" || got.IdentityType != cmp.Or(in.IdentityType, "PG_ONLY") ||
			got.MembershipRole != in.MembershipRole || compact(t, got.Attributes) != compact(t, got.EffectiveAttributes) ||
			got.EffectiveAttributes.Bypassrls != want.Bypassrls || got.EffectiveAttributes.Createdb != want.Createdb ||
			got.EffectiveAttributes.Createrole != want.Createrole {
			t.Errorf("asked for %+v, got %+v with %+v", in, got, got.EffectiveAttributes)
		}
		attributes := value[[]bool](t, conn, "SELECT ARRAY[rolbypassrls, rolcreatedb, rolcreaterole, pg_has_role(oid, 'databricks_superuser', 'member')]"+
			" FROM pg_roles WHERE rolname = '"+in.Name+"'")
		if !slices.Equal(attributes, []bool{want.Bypassrls, want.Createdb, want.Createrole, in.MembershipRole != ""}) {
			t.Errorf("PostgreSQL has %s with %v", in.Name, attributes)
		}
	}
	var names []string
	pages := d.ListDatabaseInstanceRoles(ctx, database.ListDatabaseInstanceRolesRequest{InstanceName: "kinds", PageSize: 4})
	for pages.HasNext(ctx) {
		r, err := pages.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.Name)
	}
	if len(names) != 6 || !slices.IsSorted(names) || slices.Index(names, "a+b@x.com") < 0 {
		t.Errorf("in pages of four: %v", names)
	}

	exec(t, conn, "GRANT plain TO CURRENT_USER; CREATE SCHEMA kept AUTHORIZATION plain")
	remove := database.DeleteDatabaseInstanceRoleRequest{InstanceName: "kinds", Name: "plain"}
	if err := d.DeleteDatabaseInstanceRole(ctx, remove); !errors.Is(err, databricks.ErrResourceConflict) {
		t.Errorf("the end of a role that owns a schema: %v", err)
	}
	remove.ReassignOwnedTo = "a+b@x.com"
	if err := d.DeleteDatabaseInstanceRole(ctx, remove); err != nil {
		t.Errorf("the end of a role with an heir: %v", err)
	}
	if got := value[string](t, conn, "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'kept'"); got != "a+b@x.com" {
		t.Errorf("the schema is %s's now", got)
	}
	if err := d.DeleteDatabaseInstanceRoleByInstanceNameAndName(ctx, "kinds", "untold"); err != nil {
		t.Error(err)
	}
}
