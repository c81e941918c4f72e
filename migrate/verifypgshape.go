package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// pgColumn is a column of one side.
type pgColumn struct {
	name   string
	canon  pgCanon
	blocks int64 // of the table
}

// look finds out what the columns of all tables are on both sides, and how they are compared.
func (c *pgComparer) look(ctx context.Context, source, target *pgx.Conn) ([]*pgPair, error) {
	var columns [2]map[string][]pgColumn
	for side, conn := range []*pgx.Conn{source, target} {
		schemas, names := make([]string, len(c.Tables)), make([]string, len(c.Tables))
		for i, t := range c.Tables {
			schemas[i], names[i] = t.schema(side), t.Name
		}
		var err error
		if columns[side], err = pgColumns(ctx, conn, schemas, names); err != nil {
			return nil, err
		}
	}
	tables := make([]*pgPair, len(c.Tables))
	for i, pair := range c.Tables {
		t := &pgPair{pair: pair, report: &TableReport{
			Name: pgLabel(pair.SourceSchema, pair.Name), Target: pgLabel(pair.TargetSchema, pair.Name),
		}}
		c.shape(t, columns[onSource][pair.qualified(onSource)], columns[onTarget][pair.qualified(onTarget)])
		tables[i] = t
	}
	return tables, nil
}

// pgColumns reads the columns of tables, in their order.
func pgColumns(ctx context.Context, conn *pgx.Conn, schemas, names []string) (map[string][]pgColumn, error) {
	rows, err := conn.Query(ctx, `
		WITH RECURSIVE wanted AS (
			SELECT c.oid, n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks
			FROM unnest($1::text[], $2::text[]) AS w (nspname, relname)
			JOIN pg_namespace n ON n.nspname = w.nspname
			JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname AND c.relkind IN ('r', 'm', 'p', 't')
		),
		base AS (
			SELECT t.oid AS domain, t.typbasetype AS oid FROM pg_type t WHERE t.typtype = 'd'
			UNION ALL
			SELECT b.domain, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
		)
		SELECT w.nspname, w.relname, w.blocks, a.attname,
			CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END
		FROM wanted w
		JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN base b ON b.domain = a.atttypid AND NOT EXISTS (
			SELECT FROM pg_type d WHERE d.oid = b.oid AND d.typtype = 'd')
		JOIN pg_type t ON t.oid = coalesce(b.oid, a.atttypid)
		ORDER BY w.oid, a.attnum`, schemas, names)
	if err != nil {
		return nil, fmt.Errorf("read the columns of tables: %w", err)
	}
	found := map[string][]pgColumn{}
	var schema, name, builtin string
	var c pgColumn
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &c.blocks, &c.name, &builtin}, func() error {
		c.canon = pgCanonOf(builtin)
		found[qualified(schema, name)] = append(found[qualified(schema, name)], c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of tables: %w", err)
	}
	return found, nil
}

func (t pgTablePair) schema(side int) string {
	if side == onSource {
		return t.SourceSchema
	}
	return t.TargetSchema
}

func (t pgTablePair) qualified(side int) string { return qualified(t.schema(side), t.Name) }

// shape decides how a table is compared, or says in its report why it cannot be.
func (c *pgComparer) shape(t *pgPair, source, target []pgColumn) {
	if len(source) > 0 {
		t.blocks[onSource] = source[0].blocks
	}
	if len(target) > 0 {
		t.blocks[onTarget] = target[0].blocks
	}
	names := t.pair.Columns
	if names == nil {
		for _, column := range source {
			names = append(names, column.name)
		}
	}
	t.names = names
	var exprs, shown [2][]string
	for i, name := range names {
		s, inSource := columnNamed(source, name)
		d, inTarget := columnNamed(target, name)
		if !inSource || !inTarget {
			side := map[bool]string{true: "target", false: "source"}[inSource]
			t.report.Error = fmt.Sprintf("the %s has no column %s", side, name)
			return
		}
		if slices.Contains(t.pair.Key, name) {
			t.key = append(t.key, i)
		}
		how := s.canon
		if d.canon != how {
			how = pgCanon{}
		}
		for side := range exprs {
			exprs[side] = append(exprs[side], c.canon(side, name, how))
			shown[side] = append(shown[side], c.display(side, name, how))
		}
	}
	for side := range exprs {
		t.queries[side] = c.queries(t.pair.qualified(side), exprs[side], shown[side], t.key)
	}
}

func columnNamed(columns []pgColumn, name string) (pgColumn, bool) {
	i := slices.IndexFunc(columns, func(c pgColumn) bool { return c.name == name })
	if i < 0 {
		return pgColumn{}, false
	}
	return columns[i], true
}
