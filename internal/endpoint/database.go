package endpoint

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Database is a database of an endpoint.
type Database struct {
	Name  string
	Owner string // a role's name
}

const whereUsers = ` WHERE NOT datistemplate AND datname <> '` + adminDatabase + `'`

// Databases returns all databases but the system's own.
func (e *Endpoint) Databases(ctx context.Context) (found []Database, err error) {
	const sql = `SELECT datname, pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database` + whereUsers +
		` ORDER BY datname`
	err = e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Database])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	return found, nil
}

// CreateDatabase creates a database. The error wraps ErrExists when the name is taken, ErrNotExist when there is no
// such owner.
func (e *Endpoint) CreateDatabase(ctx context.Context, d Database) error {
	return e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error { return createDatabase(ctx, conn, d) })
}

func createDatabase(ctx context.Context, conn *pgx.Conn, d Database) error {
	thing := fmt.Sprintf("database %q", d.Name)
	if len(d.Name) == 0 || len(d.Name) > maxName {
		return lakeward.Errorf(lakeward.KindInvalid, "choose another name", "%s: a name has 1 to %d bytes", thing, maxName)
	}
	return executeOn(ctx, conn, thing,
		"CREATE DATABASE "+quote(d.Name)+" OWNER "+quote(d.Owner),
		"GRANT ALL ON DATABASE "+quote(d.Name)+" TO "+superuser+" WITH GRANT OPTION")
}

// AlterDatabase renames a database or gives it another owner; an empty field of d leaves things as they are. A database
// with open sessions cannot be renamed.
func (e *Endpoint) AlterDatabase(ctx context.Context, name string, d Database) error {
	if err := e.userDatabase(ctx, name); err != nil {
		return err
	}
	var statements []string
	if d.Owner != "" {
		statements = append(statements, "ALTER DATABASE "+quote(name)+" OWNER TO "+quote(d.Owner))
	}
	if d.Name != "" && d.Name != name {
		statements = append(statements, "ALTER DATABASE "+quote(name)+" RENAME TO "+quote(d.Name))
	}
	return e.execute(ctx, adminDatabase, fmt.Sprintf("database %q", name), statements...)
}

// DropDatabase drops a database and ends the sessions in it. The error wraps ErrNotExist when there is none of the
// name.
func (e *Endpoint) DropDatabase(ctx context.Context, name string) error {
	if err := e.userDatabase(ctx, name); err != nil {
		return err
	}
	return e.execute(ctx, adminDatabase, fmt.Sprintf("database %q", name), "DROP DATABASE "+quote(name)+" WITH (FORCE)")
}

// userDatabase makes the system's databases look missing to whoever wants to change them.
func (e *Endpoint) userDatabase(ctx context.Context, name string) error {
	found, err := e.Databases(ctx)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Name == name {
			return nil
		}
	}
	return notExist(fmt.Sprintf("database %q", name))
}

// LogicalSize returns the size of all databases in bytes.
func (e *Endpoint) LogicalSize(ctx context.Context) (bytes int64, err error) {
	const sql = `SELECT coalesce(sum(pg_catalog.pg_database_size(oid)), 0)::bigint
		FROM pg_catalog.pg_database` + whereUsers
	err = e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&bytes) })
	if err != nil {
		return 0, fmt.Errorf("measure databases: %w", err)
	}
	return bytes, nil
}

// execute runs statements about a thing in a database.
func (e *Endpoint) execute(ctx context.Context, database, thing string, statements ...string) error {
	return e.admin(ctx, database, func(conn *pgx.Conn) error { return executeOn(ctx, conn, thing, statements...) })
}

func executeOn(ctx context.Context, conn *pgx.Conn, thing string, statements ...string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return refused(err, thing)
		}
	}
	return nil
}
