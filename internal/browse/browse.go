// Package browse looks at what an instance holds: schemas, tables, their definitions and pages of their rows, and the
// quarantine of migrations. It reads in transactions that can write nothing and that PostgreSQL ends when they take too
// long, as the role of the connection that it is given. PostgreSQL's, Databricks' and Lakeward's own schemas are not shown.
package browse

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

const (
	statementTime = "10s"
	lockTime      = "1s"
	idleTime      = "30s"
)

// settings make each look the same whatever the role has set for itself, and keep it from being in the way.
const settings = `select pg_catalog.set_config('statement_timeout', '` + statementTime + `', true),
	pg_catalog.set_config('lock_timeout', '` + lockTime + `', true),
	pg_catalog.set_config('idle_in_transaction_session_timeout', '` + idleTime + `', true),
	pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('datestyle', 'ISO', true),
	pg_catalog.set_config('intervalstyle', 'postgres', true), pg_catalog.set_config('timezone', 'UTC', true),
	pg_catalog.set_config('extra_float_digits', '1', true), pg_catalog.set_config('synchronize_seqscans', 'off', true),
	pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)`

// Read does something in a transaction that can only read. Refusals of PostgreSQL become errors that say what to do.
func Read(ctx context.Context, c *pgx.Conn, do func(pgx.Tx) error) error {
	tx, err := c.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return explain(ctx, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // nothing was written, and the connection ends
	}()
	if _, err := tx.Exec(ctx, settings); err != nil {
		return explain(ctx, err)
	}
	return explain(ctx, do(tx))
}

// explain says what to do about what PostgreSQL refuses.
func explain(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*lakeward.Error](err); ok || err == nil {
		return err
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return lakeward.Errorf(lakeward.KindUnavailable, "try again in a moment", "the instance broke off: %w", err)
	}
	switch refusal.Code {
	case "57014":
		return lakeward.Errorf(lakeward.KindUnavailable, "ask for less, or use psql, which has more patience",
			"PostgreSQL took longer than %s for this look", statementTime)
	case "55P03":
		return lakeward.Errorf(lakeward.KindUnavailable, "try again in a moment", "another transaction has locked the table")
	case "42501":
		return lakeward.Errorf(lakeward.KindDenied, "its owner grants SELECT to the server's role", "%s", refusal.Message)
	case "42P01", "3F000":
		return lakeward.Errorf(lakeward.KindNotFound, "list the tables again", "%s", refusal.Message)
	case "57P01", "57P02", "57P03", "53300":
		return lakeward.Errorf(lakeward.KindUnavailable, "try again in a moment", "%s", refusal.Message)
	}
	// What a view of the application computes may fail in any way, and that is no defect here.
	return lakeward.Errorf(lakeward.KindConflict, "look at it with psql, and mend what it computes",
		"PostgreSQL cannot show it: %s (%s)", refusal.Message, refusal.Code)
}

// code is PostgreSQL's word for why it has refused something.
func code(err error) string {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusal.Code
	}
	return ""
}

// attempt does something in a part of a transaction that may fail without the rest.
func attempt(ctx context.Context, tx pgx.Tx, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, tx, do)
}

// ours are the schemas that are not the application's.
const ours = `'^pg_|^lakeward|^__db_system$'`

// Schema is a namespace of tables.
type Schema struct {
	Name    string `json:"name" example:"public"`
	Owner   string `json:"owner" example:"ana@example.com"`
	Tables  int64  `json:"tables" example:"12"`
	Views   int64  `json:"views" example:"3"`
	Usable  bool   `json:"usable" doc:"Whether the server's role may look into it"`
	Comment string `json:"comment,omitempty"`
}

// Schemas lists the application's schemas.
func Schemas(ctx context.Context, tx pgx.Tx) ([]Schema, error) {
	rows, err := tx.Query(ctx, `select n.nspname::text, pg_catalog.pg_get_userbyid(n.nspowner)::text,
		count(c.oid) filter (where c.relkind in ('r', 'p', 'f')), count(c.oid) filter (where c.relkind in ('v', 'm')),
		pg_catalog.has_schema_privilege(n.oid, 'usage'), coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), '')
		from pg_catalog.pg_namespace n left join pg_catalog.pg_class c on c.relnamespace = n.oid and not c.relispartition
			and c.relname !~ '^lakeward_'
		where n.nspname !~ `+ours+` and n.nspname <> 'information_schema'
		group by n.oid, n.nspname, n.nspowner order by n.nspname <> 'public', n.nspname`)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]Schema{}, rows, pgx.RowToStructByPos[Schema])
}
