package migrate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// swap moves everything from the staging schema into the target's schema in one transaction: before it the target is as
// it was, after it everything is there. It waits for the disk.
func (m *migration) swap(ctx context.Context) error {
	s := m.stage
	statements := m.swapStatements()
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return explainSwap(sql, err)
			}
		}
		if err := m.record(ctx, tx); err != nil {
			return err
		}
		return s.grantDefaults(ctx, tx, m.plan)
	})
	if err != nil && s.conn.IsClosed() && s.swapped(ctx, m.target) {
		return nil // only the answer to the commit was lost
	}
	if err != nil {
		return fmt.Errorf("swap the tables in: %w", err)
	}
	return nil
}

// swapped finds out over a new session whether a commit that got no answer took place: then the staging schema is gone.
func (s *stage) swapped(ctx context.Context, target Target) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	conn, err := session(ctx, target)
	if err != nil {
		return false
	}
	defer closeSession(ctx, conn)
	var staged bool
	err = conn.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, quoteName(s.name)).Scan(&staged)
	return err == nil && !staged
}

// grantDefaults grants what ALTER DEFAULT PRIVILEGES IN SCHEMA says: PostgreSQL does so where an object is created, not
// where it is moved to, and the application's role would stand before closed doors.
func (s *stage) grantDefaults(ctx context.Context, tx pgx.Tx, p *Plan) error {
	relations, _ := planNames(p)
	rows, err := tx.Query(ctx, `
		WITH moved AS (
			SELECT oid FROM pg_class
			WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2) AND relkind IN ('r', 'v')
		),
		objects AS (
			SELECT oid, 'r'::"char" AS kind, 'TABLE ' AS noun FROM moved
			UNION ALL
			SELECT d.objid, 'S', 'SEQUENCE ' FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
			WHERE d.classid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM moved) AND d.deptype IN ('a', 'i')
		)
		SELECT format('GRANT %s ON %s%s TO %s%s', a.privilege_type, o.noun, o.oid::regclass,
			CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
			CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
		FROM pg_default_acl d CROSS JOIN aclexplode(d.defaclacl) a JOIN objects o ON o.kind = d.defaclobjtype
		WHERE d.defaclnamespace = to_regnamespace($1)
			AND d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)`,
		quoteName(s.into), relations)
	if err != nil {
		return fmt.Errorf("read default privileges: %w", err)
	}
	grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read default privileges: %w", err)
	}
	for _, sql := range grants {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	return nil
}

// explainSwap turns what may have changed on the target since it was looked at into a conflict.
func explainSwap(sql string, err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code {
		case "42P07", "2BP01", "42710": // duplicate table, dependent objects, duplicate object
			return lakeward.Errorf(lakeward.KindConflict, "the target has changed during the migration; start again",
				"%w", explainStatement(sql, err))
		case lockNotAvailable:
			return lakeward.Errorf(lakeward.KindConflict, "end the sessions that use the tables, and start again",
				"%w", explainStatement(sql, err))
		}
	}
	return explainStatement(sql, err)
}

// swapStatements returns the statements of the swap.
func (m *migration) swapStatements() []string {
	s, into := m.stage, quoteName(m.stage.into)
	statements := []string{"SET LOCAL synchronous_commit = on", "SET LOCAL lock_timeout = '30s'"}
	statements = append(statements, dropStatements(s.into, m.drop)...)
	statements = append(statements, "CREATE SCHEMA IF NOT EXISTS "+into)
	mark := fmt.Sprintf("%s%s from %s on %s", markPrefix, s.id, filepath.Base(m.source),
		time.Now().UTC().Format(time.RFC3339))
	for _, t := range m.plan.Tables {
		statements = append(statements,
			attended(s.name, t),
			"ALTER TABLE "+qualified(s.name, t.Target)+" SET SCHEMA "+into,
			"COMMENT ON TABLE "+qualified(s.into, t.Target)+" IS "+literal(mark))
	}
	for _, v := range m.plan.Views {
		statements = append(statements, "ALTER VIEW "+qualified(s.name, v.Target)+" SET SCHEMA "+into)
	}
	if m.rejected > 0 {
		statements = append(statements, s.keepQuarantine()...)
	}
	return append(statements,
		"DROP TABLE "+qualified(s.name, quarantineTable)+", "+qualified(s.name, quarantineValues)+", "+qualified(s.name, marksTable),
		"DROP SCHEMA "+quoteName(s.name)) // RESTRICT: nothing may have been forgotten
}

// markPrefix begins the comment on every migrated table. The name of the migration follows.
const markPrefix = "migrated by lakeward "

// keepQuarantine appends the quarantined rows to those of earlier migrations.
func (s *stage) keepQuarantine() []string {
	create := strings.Replace(createQuarantine(s.into), "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
	return []string{
		create,
		"INSERT INTO " + qualified(s.into, quarantineTable) + " TABLE " + qualified(s.name, quarantineTable),
		s.keepQuarantineValues(),
	}
}

// dropStatements drops what is replaced, views first. Each statement drops all objects of one kind, so that their
// references to each other do not matter; none cascades.
func dropStatements(schema string, drop []object) []string {
	kinds := []struct{ relkinds, noun string }{
		{"v", "VIEW"}, {"m", "MATERIALIZED VIEW"}, {"f", "FOREIGN TABLE"}, {"rp", "TABLE"},
	}
	var statements []string
	for _, kind := range kinds {
		var names []string
		for _, o := range drop {
			if strings.Contains(kind.relkinds, o.Kind) {
				names = append(names, qualified(schema, o.Name))
			}
		}
		if len(names) > 0 {
			statements = append(statements, "DROP "+kind.noun+" "+strings.Join(names, ", "))
		}
	}
	return statements
}
