package browse

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Definition is a table with everything that makes it.
type Definition struct {
	Table
	Columns      []Column     `json:"columns" nullable:"false"`
	Keys         []Key        `json:"keys" nullable:"false" doc:"The primary key first, then unique and exclusion constraints"`
	ForeignKeys  []ForeignKey `json:"foreign_keys" nullable:"false"`
	ReferencedBy []ForeignKey `json:"referenced_by" nullable:"false" doc:"Foreign keys of tables that refer to this one"`
	Checks       []Check      `json:"checks" nullable:"false"`
	Indexes      []Index      `json:"indexes" nullable:"false"`
	View         string       `json:"view,omitempty" doc:"The SELECT of a view"`
}

// Column is a column of a table.
type Column struct {
	Name      string `json:"name" example:"id"`
	Type      string `json:"type" example:"bigint"`
	Nullable  bool   `json:"nullable"`
	Default   string `json:"default,omitempty" example:"now()"`
	Identity  string `json:"identity,omitempty" enum:"always,by default" doc:"Of a column that PostgreSQL numbers"`
	Generated string `json:"generated,omitempty" doc:"The expression of a generated column"`
	Comment   string `json:"comment,omitempty"`
}

// Key is a constraint that keeps rows apart.
type Key struct {
	Name       string   `json:"name" example:"orders_pkey"`
	Kind       string   `json:"kind" enum:"primary key,unique,exclusion" example:"primary key"`
	Columns    []string `json:"columns" nullable:"false"`
	Definition string   `json:"definition" example:"PRIMARY KEY (id)"`
}

// ForeignKey leads from the rows of one table to those of another.
type ForeignKey struct {
	Name       string   `json:"name" example:"orders_customer_fkey"`
	Schema     string   `json:"schema" example:"public" doc:"Of the table that it belongs to"`
	Table      string   `json:"table" example:"orders"`
	Columns    []string `json:"columns" nullable:"false"`
	ToSchema   string   `json:"to_schema" example:"public"`
	ToTable    string   `json:"to_table" example:"customers"`
	ToColumns  []string `json:"to_columns" nullable:"false"`
	Valid      bool     `json:"valid" doc:"false: it holds for new rows, and there may be old ones without a parent"`
	Definition string   `json:"definition" example:"FOREIGN KEY (customer) REFERENCES public.customers(id)"`
}

// Check is a condition that rows meet.
type Check struct {
	Name       string `json:"name" example:"orders_cents_check"`
	Valid      bool   `json:"valid" doc:"false: it holds for new rows, and there may be old ones that break it"`
	Definition string `json:"definition" example:"CHECK ((cents > 0))"`
}

// Index is an index.
type Index struct {
	Name       string `json:"name" example:"orders_pkey"`
	Unique     bool   `json:"unique"`
	Primary    bool   `json:"primary"`
	Valid      bool   `json:"valid" doc:"false: it is being made, or that has failed"`
	Bytes      int64  `json:"bytes" example:"16384"`
	Definition string `json:"definition"`
}

const (
	columnsOf = `select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull,
		case when a.attgenerated = '' then coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') else '' end,
		case a.attidentity when 'a' then 'always' when 'd' then 'by default' else '' end,
		case when a.attgenerated <> '' then coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') else '' end,
		coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')
		from pg_catalog.pg_attribute a left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
		where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`
	keysOf = `select o.conname::text, case o.contype when 'p' then 'primary key' when 'u' then 'unique' else 'exclusion' end, ` + ownColumns + `,
		pg_catalog.pg_get_constraintdef(o.oid) from pg_catalog.pg_constraint o
		where o.conrelid = $1 and o.contype in ('p', 'u', 'x') order by o.contype <> 'p', 1`
	ownColumns = `(select coalesce(pg_catalog.array_agg(a.attname::text order by k.n), '{}') from pg_catalog.unnest(o.conkey) with ordinality k (num, n)
		join pg_catalog.pg_attribute a on a.attrelid = o.conrelid and a.attnum = k.num)`
	itsColumns = `(select coalesce(pg_catalog.array_agg(a.attname::text order by k.n), '{}') from pg_catalog.unnest(o.confkey) with ordinality k (num, n)
		join pg_catalog.pg_attribute a on a.attrelid = o.confrelid and a.attnum = k.num)`
	foreignKeysOf = `select o.conname::text, n.nspname::text, c.relname::text, ` + ownColumns + `, fn.nspname::text, f.relname::text, ` + itsColumns + `,
		o.convalidated, pg_catalog.pg_get_constraintdef(o.oid) from pg_catalog.pg_constraint o
		join pg_catalog.pg_class c on c.oid = o.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_class f on f.oid = o.confrelid join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
		where o.contype = 'f' and o.conparentid = 0 and `
	checksOf = `select o.conname::text, o.convalidated, pg_catalog.pg_get_constraintdef(o.oid) from pg_catalog.pg_constraint o
		where o.conrelid = $1 and o.contype = 'c' order by 1`
	indexesOf = `select c.relname::text, i.indisunique, i.indisprimary, i.indisvalid, c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint,
		pg_catalog.pg_get_indexdef(i.indexrelid) from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
		where i.indrelid = $1 order by not i.indisprimary, 1`
)

// Define tells everything about a table or view.
func Define(ctx context.Context, tx pgx.Tx, schema, name string) (d Definition, err error) {
	oid, t, err := find(ctx, tx, schema, name)
	if err != nil {
		return d, err
	}
	d.Table = t
	if d.Columns, err = collect[Column](ctx, tx, columnsOf, oid); err != nil {
		return d, err
	}
	if d.Keys, err = collect[Key](ctx, tx, keysOf, oid); err != nil {
		return d, err
	}
	if d.ForeignKeys, err = collect[ForeignKey](ctx, tx, foreignKeysOf+"o.conrelid = $1 order by 1", oid); err != nil {
		return d, err
	}
	if d.ReferencedBy, err = collect[ForeignKey](ctx, tx, foreignKeysOf+"o.confrelid = $1 order by 2, 3, 1", oid); err != nil {
		return d, err
	}
	if d.Checks, err = collect[Check](ctx, tx, checksOf, oid); err != nil {
		return d, err
	}
	if d.Indexes, err = collect[Index](ctx, tx, indexesOf, oid); err != nil {
		return d, err
	}
	if d.Kind == "view" || d.Kind == "materialized view" {
		err = tx.QueryRow(ctx, `select coalesce(pg_catalog.pg_get_viewdef($1::oid), '')`, oid).Scan(&d.View)
	}
	if err != nil {
		return d, err
	}
	one := []Table{d.Table}
	err = count(ctx, tx, one, 1<<62, quickly)
	d.Table = one[0]
	return d, err
}

// find finds a table or view of the application's.
func find(ctx context.Context, tx pgx.Tx, schema, name string) (oid uint32, t Table, err error) {
	tables, err := list(ctx, tx, "and n.nspname = $1 and c.relname = $2", schema, name)
	if err == nil && len(tables) == 0 {
		err = lakeward.Errorf(lakeward.KindNotFound, "list the tables again", "there is no table %s in schema %s", name, schema)
	}
	if err != nil {
		return 0, t, err
	}
	err = tx.QueryRow(ctx, `select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = $2`, schema, name).Scan(&oid)
	return oid, tables[0], err
}

// collect reads all rows of a query about a table.
func collect[T any](ctx context.Context, tx pgx.Tx, query string, oid uint32) ([]T, error) {
	rows, err := tx.Query(ctx, query, oid)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]T{}, rows, pgx.RowToStructByPos[T])
}
