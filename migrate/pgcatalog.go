package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgtool"
)

// pgCatalog is what the source has, beside the definitions that pg_dump writes.
type pgCatalog struct {
	schemas      []string
	tables       []pgTable // with rows of their own: no parents of partitions
	matviews     []pgMatview
	sequences    []pgSequence
	extensions   []pgExtension
	largeObjects []pgLargeObject
}

// pgTable is a table that holds rows.
type pgTable struct {
	OID      uint32
	Schema   string
	Name     string
	FileNode int64 // changes when the table is written anew
	Pages    int64
	Bytes    int64 // with what is stored out of line
	Rows     int64 // as the statistics say
	Columns  []string
	Key      []string // columns of the primary key
	Types    []string // of Columns, see pgColumnsSQL
}

// label names the table for people: the schema that everybody uses goes without saying.
func (t pgTable) label() string { return pgLabel(t.Schema, t.Name) }

func pgLabel(schema, name string) string {
	if schema == "public" {
		return name
	}
	return schema + "." + name
}

// pgMatview is a materialized view.
type pgMatview struct {
	Schema    string
	Name      string
	Populated bool
	Columns   []string
}

// pgSequence is a sequence and where it stands. Table and Column are those that it belongs to, if it does.
type pgSequence struct {
	Schema string
	Name   string
	Table  string
	Column string
	Last   int64
	Called bool
	Step   int64
}

// next is the value that the sequence gives out next.
func (s pgSequence) next() int64 {
	if s.Called {
		return s.Last + s.Step
	}
	return s.Last
}

// pgExtension is an extension and the schema of its objects.
type pgExtension struct{ Name, Schema, Version string }

// pgLargeObject is a large object with its comment.
type pgLargeObject struct {
	OID     uint32
	Comment string
}

// pgSchemasSQL selects the schemas of $1 that are neither the system's, an extension's, nor the platform's.
const pgSchemasSQL = `
	SELECT n.oid, n.nspname FROM pg_namespace n
	WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT LIKE 'lakeward\_stage\_%' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1)
		AND NOT EXISTS (SELECT FROM pg_depend d
			WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')`

// pgNoMember is the condition that an object of a catalog belongs to no extension.
func pgNoMember(catalog, oid string) string {
	return fmt.Sprintf(`NOT EXISTS (SELECT FROM pg_depend e
		WHERE e.classid = '%s'::regclass AND e.objid = %s AND e.deptype = 'e')`, catalog, oid)
}

// readPgCatalog reads the catalog of the source in its snapshot.
func readPgCatalog(ctx context.Context, conn *pgx.Conn) (c *pgCatalog, err error) {
	c = &pgCatalog{}
	fail := func(err error) (*pgCatalog, error) { return nil, fmt.Errorf("read the catalog of the source: %w", err) }
	rows, err := conn.Query(ctx, `SELECT nspname::text FROM (`+pgSchemasSQL+`) s ORDER BY nspname`, pgtool.ProviderSchemas)
	if err != nil {
		return fail(err)
	}
	if c.schemas, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return fail(err)
	}
	if c.tables, err = pgCollect[pgTable](ctx, conn, pgTablesSQL, c.schemas); err != nil {
		return fail(err)
	}
	if c.matviews, err = pgCollect[pgMatview](ctx, conn, pgMatviewsSQL, c.schemas); err != nil {
		return fail(err)
	}
	if c.sequences, err = readPgSequences(ctx, conn, c.schemas); err != nil {
		return fail(err)
	}
	if c.extensions, err = pgCollect[pgExtension](ctx, conn, pgExtensionsSQL, pgIgnoredExtensions); err != nil {
		return fail(err)
	}
	if c.largeObjects, err = pgCollect[pgLargeObject](ctx, conn, pgLargeObjectsSQL); err != nil {
		return fail(err)
	}
	return c, nil
}

// pgCollect reads the rows of a query into structs by the names of their fields.
func pgCollect[T any](ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByNameLax[T])
}

// pgColumnsSQL lists columns that hold values of their own. A type is given by what it is made of, as far as the binary
// form of its values depends on it.
const pgColumnsSQL = `
	SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns,
		array_agg((WITH RECURSIVE made AS (
				SELECT t.oid, t.typtype, t.typbasetype, t.typelem, t.typlen, t.typcategory, t.typnamespace
				FROM pg_type t WHERE t.oid = a.atttypid
				UNION ALL
				SELECT t.oid, t.typtype, t.typbasetype, t.typelem, t.typlen, t.typcategory, t.typnamespace
				FROM made m JOIN pg_type t ON t.oid = CASE m.typtype WHEN 'd' THEN m.typbasetype
					ELSE CASE WHEN m.typcategory = 'A' THEN m.typelem ELSE 0 END END
			)
			SELECT string_agg(m.typtype::text || CASE WHEN m.typcategory = 'A' THEN 'a' ELSE '' END || ':' ||
				CASE WHEN m.oid < 10000 THEN m.oid::regtype::text ELSE '' END, ' ') FROM made m) ORDER BY a.attnum) AS types
	FROM pg_attribute a
	WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''`

var pgTablesSQL = `
	SELECT c.oid, n.nspname AS schema, c.relname AS name, pg_relation_filenode(c.oid)::bigint AS file_node,
		pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages, pg_table_size(c.oid) AS bytes,
		greatest(c.reltuples, 0)::bigint AS rows,
		coalesce(a.columns, '{}') AS columns, coalesce(a.types, '{}') AS types,
		coalesce((SELECT array_agg(k.attname::text ORDER BY o.n)
			FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY o (num, n)
			JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = o.num
			WHERE i.indrelid = c.oid AND i.indisprimary AND o.n <= i.indnkeyatts), '{}') AS key
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL (` + pgColumnsSQL + `) a
	WHERE c.relkind = 'r' AND n.nspname = ANY ($1) AND ` + pgNoMember("pg_class", "c.oid") + `
	ORDER BY n.nspname, c.relname`

// The views that read others come after them.
var pgMatviewsSQL = `
	WITH RECURSIVE reads AS (
		SELECT DISTINCT r.ev_class AS view, d.refobjid AS relation
		FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
	), depth AS (
		SELECT c.oid, 0 AS n FROM pg_class c WHERE c.relkind IN ('m', 'v')
		UNION
		SELECT reads.view, depth.n + 1 FROM depth JOIN reads ON reads.relation = depth.oid
	)
	SELECT n.nspname AS schema, c.relname AS name, c.relispopulated AS populated,
		(SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'm' AND n.nspname = ANY ($1) AND ` + pgNoMember("pg_class", "c.oid") + `
	ORDER BY (SELECT max(depth.n) FROM depth WHERE depth.oid = c.oid), n.nspname, c.relname`

const pgExtensionsSQL = `
	SELECT e.extname AS name, n.nspname AS schema, e.extversion AS version
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname <> ALL ($1) ORDER BY e.extname`

// pgIgnoredExtensions are there on every server, or belong to a platform.
var pgIgnoredExtensions = []string{
	"plpgsql", "databricks_auth", "neon", "neon_utils", "google_vacuum_mgmt", "rds_tools", "azure", "aiven_extras",
}

const pgLargeObjectsSQL = `
	SELECT l.oid, coalesce(obj_description(l.oid, 'pg_largeobject'), '') AS comment
	FROM pg_largeobject_metadata l ORDER BY l.oid`

var pgSequencesSQL = `
	SELECT n.nspname AS schema, c.relname AS name, s.seqincrement AS step,
		coalesce(t.relname, '') AS table, coalesce(a.attname, '') AS column
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
	LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
		AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
	LEFT JOIN pg_class t ON t.oid = d.refobjid
	LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_class", "c.oid") + `
	ORDER BY n.nspname, c.relname`

// readPgSequences reads the sequences of some schemas and where they stand now: sequences know no snapshot, and one that
// has gone on since leaves a gap at most.
func readPgSequences(ctx context.Context, conn *pgx.Conn, schemas []string) ([]pgSequence, error) {
	all, err := pgCollect[pgSequence](ctx, conn, pgSequencesSQL, schemas)
	if err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(all, 200) {
		batch := &pgx.Batch{}
		for i := range chunk {
			s := &chunk[i]
			sql := "SELECT last_value, is_called FROM " + qualified(s.Schema, s.Name)
			batch.Queue(sql).QueryRow(func(row pgx.Row) error { return row.Scan(&s.Last, &s.Called) })
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
