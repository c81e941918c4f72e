package browse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Counted says how a number of rows came about.
type Counted string

// The ways to a number of rows.
const (
	Exact     Counted = "exact"
	Estimated Counted = "estimated" // PostgreSQL's own guess, of its last ANALYZE
	Unknown   Counted = "unknown"   // nobody has counted; the number is 0
)

// Table is a table or a view.
type Table struct {
	Schema   string  `json:"schema" example:"public"`
	Name     string  `json:"name" example:"orders"`
	Kind     string  `json:"kind" enum:"table,partitioned table,view,materialized view,foreign table" example:"table"`
	Rows     int64   `json:"rows" example:"4800"`
	Counted  Counted `json:"counted" enum:"exact,estimated,unknown" example:"exact" doc:"How the number of rows came about"`
	Bytes    int64   `json:"bytes" example:"81920" doc:"With indexes, and what stands apart from the rows"`
	Readable bool    `json:"readable" doc:"Whether the server's role may read rows"`
	Comment  string  `json:"comment,omitempty"`
}

// MostTables is how many tables a list has at most.
const MostTables = 20_000

const kinds = `case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
	when 'm' then 'materialized view' else 'foreign table' end`

// sized adds up what a table takes on the disk; it waits for locks. guessed knows as much as the last VACUUM.
const (
	sized = `case when c.relkind in ('r', 'm') then pg_catalog.pg_total_relation_size(c.oid)
		when c.relkind = 'p' then (select coalesce(sum(pg_catalog.pg_total_relation_size(p.relid)), 0)::bigint
			from pg_catalog.pg_partition_tree(c.oid) p where p.isleaf) else 0 end`
	guessed = `c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint`
)

func listOf(size, where string) string {
	return `select n.nspname::text, c.relname::text, ` + kinds + `, greatest(c.reltuples, 0)::bigint,
		case when c.reltuples >= 0 and c.relkind <> 'v' and (c.reltuples > 0 or c.relpages > 0 or c.relkind = 'm') then 'estimated' else 'unknown' end,
		coalesce(` + size + `, 0), pg_catalog.has_schema_privilege(n.oid, 'usage') and (pg_catalog.has_table_privilege(c.oid, 'select')
			or pg_catalog.has_any_column_privilege(c.oid, 'select')),
		coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ ` + ours + ` and n.nspname <> 'information_schema'
		and c.relname !~ '^lakeward_' ` + where
}

// Tables lists tables and views, those of one schema when it is named. Small tables are counted, as far as there is time;
// with all, larger ones too.
func Tables(ctx context.Context, tx pgx.Tx, schema string, all bool) ([]Table, error) {
	where := fmt.Sprintf(`and not c.relispartition and ($1 = '' or n.nspname = $1) order by n.nspname <> 'public', 1, 2 limit %d`, MostTables)
	tables, err := list(ctx, tx, where, schema)
	if err != nil {
		return nil, err
	}
	budget, most := quickly, int64(smallTable)
	if all {
		budget, most = thoroughly, 1<<62
	}
	return tables, count(ctx, tx, tables, most, budget)
}

// list lists tables. Where one is locked, sizes are as of the last VACUUM.
func list(ctx context.Context, tx pgx.Tx, where string, args ...any) (tables []Table, err error) {
	for _, size := range []string{sized, guessed} {
		err = attempt(ctx, tx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, listOf(size, where), args...)
			if err != nil {
				return err
			}
			tables, err = pgx.AppendRows([]Table{}, rows, pgx.RowToStructByPos[Table])
			return err
		})
		if code(err) != "55P03" {
			break
		}
	}
	return tables, err
}

const (
	smallTable = 1 << 20 // bytes of a table that is counted at once
	quickly    = 2 * time.Second
	thoroughly = 9 * time.Second
	atOnce     = 50 // tables that one statement counts
	countLock  = "50ms"
)

// count replaces estimates by counts, as far as the time allows. What cannot be counted keeps its estimate.
func count(ctx context.Context, tx pgx.Tx, tables []Table, most int64, budget time.Duration) error {
	began := time.Now()
	var waiting []*Table
	for n := range tables {
		t := &tables[n]
		if t.Readable && t.Bytes <= most && (t.Kind == "table" || t.Kind == "partitioned table" || t.Kind == "materialized view") {
			waiting = append(waiting, t)
		}
	}
	for len(waiting) > 0 {
		some := waiting[:min(atOnce, len(waiting))]
		waiting = waiting[len(some):]
		err := countSome(ctx, tx, some, budget-time.Since(began))
		for n := 0; err != nil && len(some) > 1 && n < len(some); n++ { // one that is locked shall not spoil the others
			if ctx.Err() != nil {
				return err
			}
			_ = countSome(ctx, tx, some[n:n+1], budget-time.Since(began))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// countSome counts the rows of some tables in one statement.
func countSome(ctx context.Context, tx pgx.Tx, some []*Table, left time.Duration) error {
	if left <= 0 {
		return nil
	}
	var parts []string
	for n, t := range some {
		parts = append(parts, fmt.Sprintf("select %d, count(*) from %s", n, pgx.Identifier{t.Schema, t.Name}.Sanitize()))
	}
	counts := make([]int64, len(some))
	err := attempt(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("set local statement_timeout = %d; set local lock_timeout = '%s'", left.Milliseconds()+1, countLock))
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, strings.Join(parts, " union all "), pgx.QueryExecModeExec)
		if err != nil {
			return err
		}
		var n int
		var rowCount int64
		_, err = pgx.ForEachRow(rows, []any{&n, &rowCount}, func() error {
			counts[n] = rowCount
			return nil
		})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "set local statement_timeout = '"+statementTime+"'; set local lock_timeout = '"+lockTime+"'")
		return err
	})
	if err != nil {
		return err
	}
	for n, t := range some {
		t.Rows, t.Counted = counts[n], Exact
	}
	return nil
}
