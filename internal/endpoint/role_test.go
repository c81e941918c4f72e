package endpoint_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	ctx := t.Context()
	ownerRole := endpoint.Role{
		Name: ownerName, Identity: "USER", AuthMethod: endpoint.AuthOAuth,
		Superuser: true, BypassRLS: true, CreateDB: true, CreateRole: true,
	}
	app := endpoint.Role{Name: "0a1b-app", Identity: "SERVICE_PRINCIPAL", AuthMethod: endpoint.AuthOAuth, CreateDB: true}
	plain := endpoint.Role{Name: `od"d`, AuthMethod: endpoint.AuthPassword}
	for _, r := range []endpoint.Role{app, plain} {
		if err := e.CreateRole(ctx, r); err != nil {
			t.Fatal(err)
		}
	}

	got, err := e.Roles(ctx)
	if want := []endpoint.Role{app, ownerRole, plain}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("roles (%v): %s", err, cmp.Diff(want, got))
	}
	if got := s.login(e, app.Name, token); got != "" {
		t.Errorf("login of a linked role: %s", got)
	}
	if got := s.login(e, plain.Name, token); got != "28P01" {
		t.Errorf("login of a plain role: %q, want 28P01", got)
	}
	err = e.CreateRole(ctx, app)
	if !errors.Is(err, endpoint.ErrExists) || lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("create the same role again: %v", err)
	}

	for _, superuser := range []bool{true, false} {
		app.CreateDB, app.Superuser, app.AuthMethod = !superuser, superuser, endpoint.AuthNone
		if err := e.AlterRole(ctx, app); err != nil {
			t.Fatal(err)
		}
		if got, err := e.Role(ctx, app.Name); err != nil || got != app {
			t.Errorf("altered role (%v): %s", err, cmp.Diff(app, got))
		}
	}
	if got := s.login(e, app.Name, token); got != "28000" {
		t.Errorf("login of a NO_LOGIN role: %q, want 28000", got)
	}
}

func TestRoleThatDoesNotExist(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	for _, name := range []string{"nobody", "cloud_admin", "databricks_superuser", "pg_monitor"} {
		_, err := e.Role(t.Context(), name)
		for what, err := range map[string]error{
			"Role": err, "AlterRole": e.AlterRole(t.Context(), endpoint.Role{Name: name}),
			"DropRole": e.DropRole(t.Context(), name, ""), "reassign": e.DropRole(t.Context(), ownerName, name),
		} {
			if !errors.Is(err, endpoint.ErrNotExist) || lakeward.KindOf(err) != lakeward.KindNotFound {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
}

func TestInvalidRole(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	for _, r := range []endpoint.Role{
		{Name: ""},
		{Name: "pg_x"},
		{Name: "public"},
		{Name: "x", Identity: "ROBOT"},
		{Name: "x", AuthMethod: "MAGIC"},
		{Name: "x", AuthMethod: endpoint.AuthOAuth},
		{Name: "x", Identity: "USER", AuthMethod: endpoint.AuthPassword},
		{Name: "sixty-four bytes are one more than PostgreSQL has for a name, no?"},
	} {
		if err := e.CreateRole(t.Context(), r); lakeward.KindOf(err) != lakeward.KindInvalid {
			t.Errorf("create %+v: %v", r, err)
		}
	}
}

func TestDropRole(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	ctx := t.Context()
	app := endpoint.Role{Name: "app", Identity: "SERVICE_PRINCIPAL", Superuser: true, CreateDB: true}
	if err := e.CreateRole(ctx, app); err != nil {
		t.Fatal(err)
	}
	conn := s.connect(e, "app", lakeward.DefaultDatabase)
	mustExec(t, conn, "CREATE DATABASE second", "CREATE SCHEMA mine", "CREATE TABLE mine.t AS SELECT 1 AS n")
	mustExec(t, s.connect(e, "app", "second"), "CREATE TABLE t ()")
	mustExec(t, s.owner(e), "CREATE TABLE granted ()", "GRANT SELECT ON granted TO app")

	err := e.DropRole(ctx, "app", "")
	if lakeward.KindOf(err) != lakeward.KindConflict || lakeward.HintOf(err) == "" || strings.Count(err.Error(), `role "app"`) != 1 {
		t.Errorf("drop an owner: %v", err)
	}
	if err := e.DropRole(ctx, "app", ownerName); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s.owner(e), "ALTER TABLE mine.t ADD COLUMN m int", "DROP SCHEMA mine CASCADE")
	mustExec(t, s.connect(e, ownerName, "second"), "DROP TABLE t")
	if got := s.login(e, "app", token); got != "28P01" {
		t.Errorf("login of a dropped role: %q", got)
	}
}

// TestLink is about who may log in with a token, and who decides that.
func TestLink(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	conn := s.owner(e)

	t.Run("databricks_create_role makes one, in every database", func(t *testing.T) {
		mustExec(t, conn, "CREATE EXTENSION IF NOT EXISTS databricks_auth",
			"SELECT databricks_create_role('a@example.com', 'USER')", "CREATE DATABASE by_sql")
		other := s.connect(e, ownerName, "by_sql")
		mustExec(t, other, "DROP SCHEMA public CASCADE", "CREATE EXTENSION IF NOT EXISTS databricks_auth",
			"SELECT databricks_create_role('readers', 'GROUP')")
		for name, identity := range map[string]string{"a@example.com": "USER", "readers": "GROUP"} {
			want := endpoint.Role{Name: name, Identity: identity, AuthMethod: endpoint.AuthOAuth}
			if got, err := e.Role(t.Context(), name); err != nil || got != want {
				t.Errorf("role (%v): %s", err, cmp.Diff(want, got))
			}
			if got := s.login(e, name, token); got != "" {
				t.Errorf("login of %s: %s", name, got)
			}
		}
	})
	t.Run("databricks_create_role refuses nonsense and who may not create roles", func(t *testing.T) {
		humble := s.connect(e, "a@example.com", lakeward.DefaultDatabase)
		for _, c := range []struct {
			conn *pgx.Conn
			sql  string
			code string
		}{
			{humble, "SELECT databricks_create_role('b', 'USER')", "42501"},
			{conn, "SELECT databricks_create_role('b', 'ROBOT')", "22023"},
			{conn, "SELECT databricks_create_role(NULL, 'USER')", "22023"},
			{conn, "SELECT databricks_create_role('a@example.com', 'USER')", "42710"},
			{conn, "DROP EXTENSION databricks_auth", "42501"},
		} {
			if _, err := c.conn.Exec(t.Context(), c.sql); sqlState(err) != c.code {
				t.Errorf("%s: %v, want %s", c.sql, err, c.code)
			}
		}
	})
	t.Run("cannot be forged", func(t *testing.T) {
		mustExec(t, conn, "CREATE ROLE forged LOGIN")
		for _, sql := range []string{
			`INSERT INTO pg_shseclabel (objoid, classoid, provider, label)
			 VALUES ('forged'::regrole, 'pg_authid'::regclass, 'databricks_auth', 'type=USER,id=forged')`,
			"UPDATE pg_shseclabel SET label = 'type=USER,id=forged'",
			"DELETE FROM pg_shseclabel",
		} {
			if _, err := conn.Exec(t.Context(), sql); sqlState(err) != "42501" {
				t.Errorf("%s: %v, want 42501", sql, err)
			}
		}
		_, err := conn.Exec(t.Context(), "SECURITY LABEL FOR databricks_auth ON ROLE forged IS 'type=USER,id=forged'")
		if err == nil {
			t.Error("SECURITY LABEL succeeded")
		}
		if got := s.login(e, "forged", token); got != "28P01" {
			t.Errorf("login: %q, want 28P01", got)
		}
	})
	t.Run("does not follow a role to another name", func(t *testing.T) {
		mustExec(t, conn, "SELECT databricks_create_role('old', 'USER')", "ALTER ROLE old RENAME TO new")
		if got := s.login(e, "new", token); got != "28P01" {
			t.Errorf("login: %q, want 28P01", got)
		}
	})
}
