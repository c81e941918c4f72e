package endpoint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// How a role authenticates.
const (
	AuthOAuth    = "LAKEBASE_OAUTH_V1"         // with a token of its identity
	AuthPassword = "PG_PASSWORD_SCRAM_SHA_256" // with a password of its own, where native login is on
	AuthNone     = "NO_LOGIN"
)

// Role is a PostgreSQL role as Lakebase's APIs show it.
type Role struct {
	Name       string
	Identity   string // USER, SERVICE_PRINCIPAL, GROUP, or "" for a role that is PostgreSQL's alone
	AuthMethod string // AuthOAuth, AuthPassword, AuthNone; "" means AuthOAuth for an identity and AuthPassword otherwise
	Superuser  bool   // is a member of databricks_superuser
	BypassRLS  bool
	CreateDB   bool
	CreateRole bool
}

// adminDatabase is where the endpoint works on what all databases share. Being connected to template1 would keep
// others from creating databases.
const adminDatabase = "postgres"

// firstUserOID is FirstNormalObjectId: PostgreSQL's own roles, cloud_admin included, have smaller numbers.
const selectRoles = `
SELECT r.rolname, coalesce(l.label, ''), r.rolcanlogin, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole,
       EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                WHERE m.member = r.oid AND m.roleid = 'databricks_superuser'::regrole)
  FROM pg_catalog.pg_authid r
  LEFT JOIN pg_catalog.pg_shseclabel l ON l.objoid = r.oid
   AND l.classoid = 'pg_catalog.pg_authid'::regclass AND l.provider = 'databricks_auth'
 WHERE r.oid >= 16384 AND r.rolname <> 'databricks_superuser' AND ($1::text IS NULL OR r.rolname = $1)
 ORDER BY r.rolname`

// Roles returns all roles but the system's own.
func (e *Endpoint) Roles(ctx context.Context) ([]Role, error) { return e.roles(ctx, nil) }

// Role returns one role. The error wraps ErrNotExist when there is none of the name, or it is the system's own.
func (e *Endpoint) Role(ctx context.Context, name string) (Role, error) {
	found, err := e.roles(ctx, &name)
	if err != nil {
		return Role{}, err
	}
	if len(found) == 0 {
		return Role{}, notExist(fmt.Sprintf("role %q", name))
	}
	return found[0], nil
}

func (e *Endpoint) roles(ctx context.Context, name *string) (found []Role, err error) {
	err = e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, selectRoles, name)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanRole)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return found, nil
}

func scanRole(row pgx.CollectableRow) (Role, error) {
	var r Role
	var label string
	var login bool
	if err := row.Scan(&r.Name, &label, &login, &r.BypassRLS, &r.CreateDB, &r.CreateRole, &r.Superuser); err != nil {
		return Role{}, err
	}
	r.Identity = identityIn(label, r.Name)
	if !login {
		r.AuthMethod = AuthNone
	}
	r.AuthMethod = r.authMethod()
	return r, nil
}

// CreateRole creates a role and, when it has an identity, links it. The error wraps ErrExists when the name is taken.
func (e *Endpoint) CreateRole(ctx context.Context, r Role) error {
	return e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error { return createRole(ctx, conn, r) })
}

// AlterRole gives the role of that name the attributes, membership, login and identity of r. The error wraps
// ErrNotExist when there is none.
func (e *Endpoint) AlterRole(ctx context.Context, r Role) error {
	if _, err := e.Role(ctx, r.Name); err != nil {
		return err
	}
	return e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error { return writeRole(ctx, conn, "ALTER", r) })
}

// DropRole drops a role. With reassignTo, that role first takes over everything that it owns, in every database, and
// its privileges are revoked; without, the role must own nothing and have no privileges.
func (e *Endpoint) DropRole(ctx context.Context, name, reassignTo string) error {
	for _, role := range []string{name, reassignTo} {
		if role == "" {
			continue
		}
		if _, err := e.Role(ctx, role); err != nil {
			return err
		}
	}
	if reassignTo != "" {
		if err := e.reassign(ctx, name, reassignTo); err != nil {
			return err
		}
	}
	return e.execute(ctx, adminDatabase, fmt.Sprintf("role %q", name), "DROP ROLE "+quote(name))
}

func (e *Endpoint) reassign(ctx context.Context, from, to string) error {
	databases, err := e.Databases(ctx)
	if err != nil {
		return err
	}
	names := []string{adminDatabase}
	for _, d := range databases {
		names = append(names, d.Name)
	}
	for _, db := range names {
		err := e.execute(ctx, db, fmt.Sprintf("role %q", from),
			"REASSIGN OWNED BY "+quote(from)+" TO "+quote(to), "DROP OWNED BY "+quote(from))
		if err != nil {
			return fmt.Errorf("reassign objects in database %s: %w", db, err)
		}
	}
	return nil
}

func createRole(ctx context.Context, conn *pgx.Conn, r Role) error {
	if err := checkName(r.Name); err != nil {
		return err
	}
	return writeRole(ctx, conn, "CREATE", r)
}

func checkName(role string) error {
	if strings.EqualFold(role, "public") || len(role) == 0 || len(role) > maxName {
		return lakeward.Errorf(lakeward.KindInvalid, "choose another name",
			"role %q: a name has 1 to %d bytes and is not public", role, maxName)
	}
	return nil
}

// maxName is the length at which PostgreSQL cuts names off.
const maxName = 63

// writeRole creates or alters a role together with its membership and its link.
func writeRole(ctx context.Context, conn *pgx.Conn, verb string, r Role) error {
	if err := r.check(); err != nil {
		return err
	}
	membership := "REVOKE " + superuser + " FROM " + quote(r.Name)
	if r.Superuser {
		membership = "GRANT " + superuser + " TO " + quote(r.Name)
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{verb + " ROLE " + quote(r.Name) + r.attributes(), membership} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return link(ctx, tx, r)
	})
	if err != nil {
		return refused(err, fmt.Sprintf("role %q", r.Name))
	}
	return nil
}

// link replaces what the role is linked to.
func link(ctx context.Context, tx pgx.Tx, r Role) error {
	const unlink = `DELETE FROM pg_catalog.pg_shseclabel WHERE classoid = 'pg_catalog.pg_authid'::regclass
		AND provider = 'databricks_auth' AND objoid = (SELECT oid FROM pg_catalog.pg_authid WHERE rolname = $1)`
	if _, err := tx.Exec(ctx, unlink, r.Name); err != nil || r.Identity == "" {
		return err
	}
	const insert = `INSERT INTO pg_catalog.pg_shseclabel (objoid, classoid, provider, label)
		SELECT oid, 'pg_catalog.pg_authid'::regclass, 'databricks_auth', $2 FROM pg_catalog.pg_authid WHERE rolname = $1`
	_, err := tx.Exec(ctx, insert, r.Name, labelOf(r.Identity, r.Name))
	return err
}

func (r Role) check() error {
	thing := fmt.Sprintf("role %q", r.Name)
	if !slices.Contains([]string{"", "USER", "SERVICE_PRINCIPAL", "GROUP"}, r.Identity) {
		return lakeward.Errorf(lakeward.KindInvalid, "", "%s: unknown identity type %q", thing, r.Identity)
	}
	if !slices.Contains([]string{AuthOAuth, AuthPassword, AuthNone}, r.authMethod()) {
		return lakeward.Errorf(lakeward.KindInvalid, "", "%s: unknown authentication method %q", thing, r.AuthMethod)
	}
	if (r.authMethod() == AuthOAuth) != (r.Identity != "") && r.authMethod() != AuthNone {
		return lakeward.Errorf(lakeward.KindInvalid, "", "%s: authentication method %s does not fit identity type %q",
			thing, r.authMethod(), r.Identity)
	}
	return nil
}

func (r Role) authMethod() string {
	switch {
	case r.AuthMethod != "":
		return r.AuthMethod
	case r.Identity != "":
		return AuthOAuth
	}
	return AuthPassword
}

func (r Role) attributes() string {
	var b strings.Builder
	for _, a := range []struct {
		name string
		on   bool
	}{
		{"LOGIN", r.authMethod() != AuthNone},
		{"BYPASSRLS", r.BypassRLS},
		{"CREATEDB", r.CreateDB},
		{"CREATEROLE", r.CreateRole},
		// For logical replication; the gate admits no physical one. Up to PostgreSQL 15 nobody but a real superuser may give
		// such a role a password, not even the role itself: one that logs in with its own is better off without.
		{"REPLICATION", r.Superuser && r.authMethod() == AuthOAuth},
	} {
		b.WriteString(" ")
		if !a.on {
			b.WriteString("NO")
		}
		b.WriteString(a.name)
	}
	return b.String()
}

// labelOf returns the label that links a role to an identity. databricks_create_role() writes the same.
func labelOf(identity, role string) string { return "type=" + identity + ",id=" + role }

// identityIn returns the kind of identity in a label, and "" when the label is not that of the role.
func identityIn(label, role string) string {
	kind, id, _ := strings.Cut(strings.TrimPrefix(label, "type="), ",id=")
	if label == "" || id != role {
		return ""
	}
	return kind
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
