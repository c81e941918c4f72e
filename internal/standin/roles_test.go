package standin

import (
	"errors"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func makeRole(t *testing.T, w *databricks.WorkspaceClient, branch, id string, spec postgres.RoleRoleSpec) *postgres.Role {
	t.Helper()
	op, err := w.Postgres.CreateRole(t.Context(), postgres.CreateRoleRequest{
		Parent: branch, RoleId: id, Role: postgres.Role{Spec: &spec},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "roles")
	branch := p.Status.DefaultBranch
	conn := connect(t, shared, w, primaryOf(t, w, branch))

	owner, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: branch + "/roles/admin"})
	if err != nil {
		t.Fatal(err)
	}
	if s := owner.Status; s.PostgresRole != "admin@lakeward.local" || s.IdentityType != postgres.RoleIdentityTypeUser ||
		s.AuthMethod != postgres.RoleAuthMethodLakebaseOauthV1 || len(s.MembershipRoles) != 1 || !s.Attributes.Createrole {
		t.Errorf("owner is %+v", s)
	}

	app := makeRole(t, w, branch, "app-owner", postgres.RoleRoleSpec{
		PostgresRole: "app_owner", Attributes: &postgres.RoleAttributes{Createdb: true},
	})
	if s := app.Status; s.IdentityType != "IDENTITY_TYPE_UNSPECIFIED" || !s.Attributes.Createdb ||
		s.AuthMethod != postgres.RoleAuthMethodPgPasswordScramSha256 {
		t.Errorf("plain role is %+v", s)
	}
	if !value[bool](t, conn, "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'app_owner'") {
		t.Error("PostgreSQL's role has no CREATEDB")
	}
	_, err = w.Postgres.CreateRole(t.Context(), postgres.CreateRoleRequest{
		Parent: branch, RoleId: "other", Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "app_owner"}},
	})
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "role with that name already exists") {
		t.Errorf("duplicate: %v", err)
	}

	up, err := w.Postgres.UpdateRole(t.Context(), postgres.UpdateRoleRequest{
		Name: app.Name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.attributes.createdb"}},
		Role: postgres.Role{Spec: &postgres.RoleRoleSpec{Attributes: &postgres.RoleAttributes{Bypassrls: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if app, err = up.Wait(t.Context()); err != nil || app.Status.Attributes.Createdb || app.Status.Attributes.Bypassrls {
		t.Errorf("after an update of createdb alone: %+v, %v", app, err)
	}

	exec(t, conn, `CREATE ROLE "Made by SQL"`)
	if r, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: branch + "/roles/made-by-sql"}); err != nil ||
		r.Status.AuthMethod != postgres.RoleAuthMethodNoLogin {
		t.Errorf("role made by SQL: %+v, %v", r, err)
	}
	exec(t, conn, `DROP ROLE "Made by SQL"`)
	if _, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: branch + "/roles/made-by-sql"}); !errors.Is(err,
		databricks.ErrNotFound) {
		t.Errorf("role dropped by SQL: %v", err)
	}

	exec(t, conn, "GRANT app_owner TO CURRENT_USER; CREATE SCHEMA kept AUTHORIZATION app_owner")
	if err := dropRole(t, w, app.Name, ""); err == nil {
		t.Error("a role that owns a schema was dropped")
	}
	if err := dropRole(t, w, app.Name, app.Name); !errors.Is(err, databricks.ErrInvalidParameterValue) {
		t.Errorf("drop with itself as the heir: %v", err)
	}
	if err := dropRole(t, w, app.Name, owner.Name); err != nil {
		t.Errorf("drop with an heir: %v", err)
	}
	if got := value[string](t, conn, "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'kept'"); !strings.Contains(got,
		"admin@") {
		t.Errorf("the schema belongs to %s now", got)
	}
	if err := dropRole(t, w, owner.Name, ""); !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "it owns the project") {
		t.Errorf("drop the owner: %v", err)
	}
}

func dropRole(t *testing.T, w *databricks.WorkspaceClient, name, heir string) error {
	t.Helper()
	op, err := w.Postgres.DeleteRole(t.Context(), postgres.DeleteRoleRequest{Name: name, ReassignOwnedTo: heir})
	if err != nil {
		return err
	}
	return op.Wait(t.Context())
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	branch := makeProject(t, w, "databases").Status.DefaultBranch
	conn := connect(t, shared, w, primaryOf(t, w, branch))
	create := func(id string, spec postgres.DatabaseDatabaseSpec) (*postgres.Database, error) {
		op, err := w.Postgres.CreateDatabase(t.Context(), postgres.CreateDatabaseRequest{
			Parent: branch, DatabaseId: id, Database: postgres.Database{Spec: &spec},
		})
		if err != nil {
			return nil, err
		}
		return op.Wait(t.Context())
	}
	first, err := w.Postgres.GetDatabase(t.Context(), postgres.GetDatabaseRequest{Name: branch + "/databases/databricks-postgres"})
	if err != nil || first.Status.PostgresDatabase != "databricks_postgres" || first.Status.Role != branch+"/roles/admin" {
		t.Errorf("first database: %+v, %v", first, err)
	}
	if _, err := create("sales", postgres.DatabaseDatabaseSpec{PostgresDatabase: "sales"}); err == nil ||
		!strings.Contains(err.Error(), "Field 'database.spec.role' is required") {
		t.Errorf("without an owner: %v", err)
	}
	made, err := create("sales", postgres.DatabaseDatabaseSpec{PostgresDatabase: "sales", Role: branch + "/roles/admin"})
	if err != nil || made.Status.PostgresDatabase != "sales" {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = create("sales2", postgres.DatabaseDatabaseSpec{PostgresDatabase: "sales", Role: branch + "/roles/admin"})
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "database with that name already exists") {
		t.Errorf("duplicate: %v", err)
	}
	change := func(field string, spec postgres.DatabaseDatabaseSpec) {
		t.Helper()
		up, err := w.Postgres.UpdateDatabase(t.Context(), postgres.UpdateDatabaseRequest{
			Name: made.Name, UpdateMask: fieldmask.FieldMask{Paths: []string{field}}, Database: postgres.Database{Spec: &spec},
		})
		if err != nil {
			t.Fatal(err)
		}
		if made, err = up.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keeper := makeRole(t, w, branch, "keeper", postgres.RoleRoleSpec{PostgresRole: "keeper"})
	change("spec.postgres_database", postgres.DatabaseDatabaseSpec{PostgresDatabase: "revenue", Role: keeper.Name})
	if made.Status.PostgresDatabase != "revenue" || made.DatabaseId != "sales" || made.Status.Role != branch+"/roles/admin" {
		t.Errorf("renamed: %+v", made)
	}
	change("spec.role", postgres.DatabaseDatabaseSpec{Role: keeper.Name})
	if made.Status.PostgresDatabase != "revenue" || made.Status.Role != keeper.Name {
		t.Errorf("handed over: %+v", made)
	}
	if got := value[string](t, conn, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'revenue'"); got != "keeper" {
		t.Errorf("PostgreSQL's database was not renamed and handed over: it is %s's", got)
	}
	exec(t, conn, "CREATE DATABASE by_sql")
	all, err := w.Postgres.ListDatabasesAll(t.Context(), postgres.ListDatabasesRequest{Parent: branch})
	if err != nil || len(all) != 3 || all[0].DatabaseId != "by-sql" {
		t.Errorf("list: %+v, %v", all, err)
	}
	del, err := w.Postgres.DeleteDatabase(t.Context(), postgres.DeleteDatabaseRequest{Name: made.Name})
	if err != nil {
		t.Fatal(err)
	}
	if err := del.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if got := value[int](t, conn, "SELECT count(*)::int FROM pg_database WHERE datname = 'revenue'"); got != 0 {
		t.Error("PostgreSQL's database was not dropped")
	}
}
