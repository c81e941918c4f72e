package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// swap moves everything from the staging schema into the target's schema in one transaction: before it the target is as
// it was, after it everything is there. It waits for the disk.
func (s *stage) swap(ctx context.Context, p *Plan, drop []object, source string, quarantined int64) error {
	statements := s.swapStatements(p, drop, source, quarantined)
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return explainSwap(sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("swap the tables in: %w", err)
	}
	return nil
}

// explainSwap turns what may have changed on the target since it was looked at into a conflict.
func explainSwap(sql string, err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code {
		case "42P07", "2BP01", "42710": // duplicate table, dependent objects, duplicate object
			return lakeward.Errorf(lakeward.KindConflict, "the target has changed during the migration; start again", "%w", explainStatement(sql, err))
		case "55P03": // lock not available
			return lakeward.Errorf(lakeward.KindConflict, "end the sessions that use the tables, and start again", "%w", explainStatement(sql, err))
		}
	}
	return explainStatement(sql, err)
}

// swapStatements returns the statements of the swap.
func (s *stage) swapStatements(p *Plan, drop []object, source string, quarantined int64) []string {
	into := quoteName(s.into)
	statements := []string{"SET LOCAL synchronous_commit = on", "SET LOCAL lock_timeout = '30s'"}
	statements = append(statements, dropStatements(s.into, drop)...)
	statements = append(statements, "CREATE SCHEMA IF NOT EXISTS "+into)
	mark := fmt.Sprintf("%s%s from %s on %s", markPrefix, s.id, source, time.Now().UTC().Format(time.RFC3339))
	for _, t := range p.Tables {
		statements = append(statements,
			"ALTER TABLE "+qualified(s.name, t.Target)+" SET SCHEMA "+into,
			"COMMENT ON TABLE "+qualified(s.into, t.Target)+" IS "+literal(mark))
	}
	for _, v := range p.Views {
		statements = append(statements, "ALTER VIEW "+qualified(s.name, v.Target)+" SET SCHEMA "+into)
	}
	if quarantined > 0 {
		statements = append(statements, s.keepQuarantine()...)
	}
	return append(statements,
		"DROP TABLE "+qualified(s.name, quarantineTable),
		"DROP SCHEMA "+quoteName(s.name)) // RESTRICT: nothing may have been forgotten
}

// markPrefix begins the comment on every migrated table. The name of the migration follows.
const markPrefix = "migrated by lakeward "

// keepQuarantine appends the quarantined rows to those of earlier migrations.
func (s *stage) keepQuarantine() []string {
	create := strings.Replace(createQuarantine(s.into), "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
	return []string{create, "INSERT INTO " + qualified(s.into, quarantineTable) + " TABLE " + qualified(s.name, quarantineTable)}
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
