package browse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// QuarantineReason is how many rows of a table went to the quarantine, or lost a value to it, for one reason.
type QuarantineReason struct {
	Schema    string    `json:"schema" example:"public" doc:"Where the table and its quarantine are"`
	Migration string    `json:"migration" example:"m20261127" doc:"The migration that has done it"`
	Table     string    `json:"table" example:"orders" doc:"The source's name of the table"`
	Column    string    `json:"column" example:"placed_at"`
	Action    string    `json:"action" enum:"quarantined,nulled,replaced" example:"quarantined" doc:"quarantined: the row is not in the table; nulled, replaced: it is, with another value"`
	Reason    string    `json:"reason" example:"not a date" doc:"The first in the alphabet, where reasons differ by the values that they name"`
	Reasons   int64     `json:"reasons" example:"1" doc:"How many different ones there are"`
	Rows      int64     `json:"rows" example:"12"`
	Last      time.Time `json:"last" doc:"When the last of them was written"`
}

// mostReasons is how many lines a summary of the quarantine has.
const mostReasons = 1000

// Quarantine sums up the quarantines of all schemas, the most rows first.
func Quarantine(ctx context.Context, tx pgx.Tx) ([]QuarantineReason, error) {
	schemas, err := quarantines(ctx, tx, "")
	if err != nil || len(schemas) == 0 {
		return []QuarantineReason{}, err
	}
	var parts []string
	for _, schema := range schemas {
		parts = append(parts, fmt.Sprintf(`select '%s'::text s, migration m, table_name t, column_name c, action a,
			pg_catalog.left(min(reason), 1000) r, count(distinct reason) d, count(*) n, max(at) l from %s group by 2, 3, 4, 5`,
			strings.ReplaceAll(schema, "'", "''"), pgx.Identifier{schema, quarantineTable}.Sanitize()))
	}
	rows, err := tx.Query(ctx, strings.Join(parts, " union all ")+fmt.Sprintf(" order by 8 desc, 1, 3, 4 limit %d", mostReasons))
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]QuarantineReason{}, rows, pgx.RowToStructByPos[QuarantineReason])
}

const quarantineTable = "lakeward_quarantine"

// quarantines lists the schemas that have a quarantine which can be read, or looks for that of one schema.
func quarantines(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	rows, err := tx.Query(ctx, `select n.nspname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relname = '`+quarantineTable+`' and c.relkind = 'r' and n.nspname !~ `+ours+` and ($1 = '' or n.nspname = $1)
		and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select')
		and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid
			and a.attname in ('migration', 'table_name', 'key', 'column_name', 'reason', 'action', 'row', 'at')) = 8 order by 1`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// QuarantineAsk says which rows of a quarantine are wanted. Empty fields let everything pass.
type QuarantineAsk struct {
	Ask
	Column, Action, Migration string
}

// QuarantinedRow is a row of the quarantine.
type QuarantinedRow struct {
	Migration string    `json:"migration" example:"m20261127"`
	Table     string    `json:"table" example:"orders"`
	Key       string    `json:"key" example:"{\"id\":17}" doc:"In JSON; {} where the table has none"`
	Column    string    `json:"column" example:"placed_at"`
	Reason    string    `json:"reason" example:"not a date"`
	Action    string    `json:"action" enum:"quarantined,nulled,replaced"`
	At        time.Time `json:"at"`
	Value     Cell      `json:"value" doc:"The value that does not fit, in JSON by its storage class: {\"text\":\"soon\"}"`
	Row       Cell      `json:"row" doc:"The whole row as it was, in JSON"`
}

// QuarantinePage are some rows of a quarantine, in the order in which they came.
type QuarantinePage struct {
	Rows []QuarantinedRow `json:"rows" nullable:"false"`
	Next string           `json:"next,omitempty" doc:"What to ask for the page after this one with; without it, this is the last"`
}

// QuarantineRows reads a page of a schema's quarantine.
func QuarantineRows(ctx context.Context, tx pgx.Tx, a QuarantineAsk) (p QuarantinePage, err error) {
	p.Rows, a.Limit, a.Chars = []QuarantinedRow{}, max(a.Limit, 1), max(a.Chars, 1)
	after, err := decodeCursor(a.After, byPlace, 1)
	if err != nil {
		return p, err
	}
	found, err := quarantines(ctx, tx, a.Schema)
	if err == nil && len(found) == 0 {
		err = lakeward.Errorf(lakeward.KindNotFound, "a migration makes one when a row does not fit", "schema %s has no quarantine", a.Schema)
	}
	if err != nil {
		return p, err
	}
	if after == nil {
		after = []any{"(0,0)"}
	}
	if _, err := tx.Exec(ctx, "set local enable_seqscan = off"); err != nil {
		return p, err
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(`select ctid::text, migration, table_name, pg_catalog.left(key::text, 10000), column_name,
		pg_catalog.left(reason, 2000), action, at,
		pg_catalog.left(("row" -> column_name)::text, %[2]d), pg_catalog.octet_length(("row" -> column_name)::text),
		pg_catalog.left("row"::text, %[2]d), pg_catalog.octet_length("row"::text) from %[1]s
		where ctid > $1::text::tid and ($2 = '' or table_name = $2) and ($3 = '' or column_name = $3) and ($4 = '' or action = $4)
		and ($5 = '' or migration = $5) limit %[3]d`, pgx.Identifier{a.Schema, quarantineTable}.Sanitize(), a.Chars, a.Limit+1),
		pgx.QueryExecModeExec, after[0], a.Table, a.Column, a.Action, a.Migration)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	place, bytes := "", 0
	for rows.Next() {
		if len(p.Rows) == a.Limit || bytes > mostBytes {
			p.Next = encodeCursor(byPlace, []string{place})
			break
		}
		var r QuarantinedRow
		var valueSize, rowSize *int64
		var value, row *string
		if err := rows.Scan(&place, &r.Migration, &r.Table, &r.Key, &r.Column, &r.Reason, &r.Action, &r.At, &value, &valueSize, &row, &rowSize); err != nil {
			return p, err
		}
		r.Value, r.Row = column{}.cell(value, valueSize), column{}.cell(row, rowSize)
		if row != nil {
			bytes += len(*row)
		}
		p.Rows = append(p.Rows, r)
	}
	rows.Close()
	return p, rows.Err()
}
