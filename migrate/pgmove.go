package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgObject is something that lives in a schema. Name tells it from others of its class there, as the noun of ALTER
// wants it: with the types of its arguments where it has such.
type pgObject struct {
	Class string // objects of one class share their names: relation, type, routine, …
	Noun  string // of ALTER
	Schema,
	Name string
	Moves bool // on its own; indexes and the sequences of columns move with their tables
	Owned bool // the role may move or drop it
}

// describe names the object for people.
func (o pgObject) describe() string {
	return strings.ToLower(o.Noun) + " " + pgLabel(o.Schema, o.Name)
}

// pgObjectsSQL lists what the schemas of $1 hold, except for what belongs to extensions. What is named with types comes
// before the types, so that one list of statements can move all. The functions that make the values of a range type
// depend on it, yet stay where they are when it moves.
var pgObjectsSQL = `
	SELECT * FROM (
	SELECT 2 AS rank, 'relation' AS class, n.nspname::text AS schema, c.relname::text AS name,
		CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE'
			WHEN 'c' THEN 'TYPE' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' ELSE 'TABLE' END AS noun,
		c.relkind NOT IN ('i', 'I') AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d
			WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
				AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0)) AS moves, c.relowner AS owner
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_class", "c.oid") + `
	UNION ALL
	SELECT 3, 'type', n.nspname, t.typname, CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, true, t.typowner
	FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
	WHERE n.nspname = ANY ($1) AND t.typrelid = 0 AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND ` + pgNoMember("pg_type", "t.oid") + `
	UNION ALL
	SELECT 1, 'routine', n.nspname, format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'ROUTINE', true, p.proowner
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_proc", "p.oid") + `
	UNION ALL
	SELECT 1, 'operator', n.nspname, format('%s(%s, %s)', o.oprname,
		CASE o.oprleft WHEN 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END, format_type(o.oprright, NULL)), 'OPERATOR', true, o.oprowner
	FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_operator", "o.oid") + `
	UNION ALL
	SELECT 3, 'collation', n.nspname, c.collname, 'COLLATION', true, c.collowner
	FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_collation", "c.oid") + `
	UNION ALL
	SELECT 3, 'conversion', n.nspname, c.conname, 'CONVERSION', true, c.conowner
	FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_conversion", "c.oid") + `
	UNION ALL
	SELECT 3, 'statistics', n.nspname, s.stxname, 'STATISTICS', true, s.stxowner
	FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_statistic_ext", "s.oid") + `
	UNION ALL
	SELECT 3, 'dictionary', n.nspname, d.dictname, 'TEXT SEARCH DICTIONARY', true, d.dictowner
	FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_ts_dict", "d.oid") + `
	UNION ALL
	SELECT 3, 'configuration', n.nspname, c.cfgname, 'TEXT SEARCH CONFIGURATION', true, c.cfgowner
	FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
	WHERE n.nspname = ANY ($1) AND ` + pgNoMember("pg_ts_config", "c.oid") + `
	) o ORDER BY rank, schema, noun, name COLLATE "C"`

// pgObjects lists what some schemas hold.
func pgObjects(ctx context.Context, conn pgQuerier, schemas ...string) ([]pgObject, error) {
	rows, err := conn.Query(ctx, strings.Replace(pgObjectsSQL, "SELECT *", `SELECT class, schema, name, noun, moves,
		pg_has_role(owner, 'USAGE') AS owned`, 1), schemas)
	if err != nil {
		return nil, fmt.Errorf("list the objects of %s: %w", strings.Join(schemas, ", "), err)
	}
	objects, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgObject])
	if err != nil {
		return nil, fmt.Errorf("list the objects of %s: %w", strings.Join(schemas, ", "), err)
	}
	return objects, nil
}

// pgQuerier is a session, or a transaction of it.
type pgQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// moveTo returns the statement that moves the object into another schema.
func (o pgObject) moveTo(schema string) string {
	return "ALTER " + o.Noun + " " + o.qualified() + " SET SCHEMA " + quoteName(schema)
}

// qualified is the object's name with its schema, in SQL.
func (o pgObject) qualified() string {
	if o.Class == "routine" || o.Class == "operator" {
		return quoteName(o.Schema) + "." + o.Name
	}
	return qualified(o.Schema, o.Name)
}

// pgMove moves objects into another schema. The objects that one statement takes along with it need none.
func pgMove(ctx context.Context, tx pgx.Tx, objects []pgObject, schema string) error {
	var script strings.Builder
	for _, o := range objects {
		if o.Moves {
			script.WriteString(o.moveTo(schema))
			script.WriteString(";\n")
		}
	}
	if script.Len() == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, script.String()); err != nil {
		return fmt.Errorf("move what is new into %s: %w", schema, pgExplainScript(script.String(), err))
	}
	return nil
}

// pgWithout returns the objects that are not among others.
func pgWithout(objects, others []pgObject) (rest []pgObject) {
	known := map[[3]string]bool{}
	for _, o := range others {
		known[[3]string{o.Class, o.Schema, o.Name}] = true
	}
	for _, o := range objects {
		if !known[[3]string{o.Class, o.Schema, o.Name}] {
			rest = append(rest, o)
		}
	}
	return rest
}

// pgExplainScript adds the statement of a script that failed, where PostgreSQL tells its place.
func pgExplainScript(script string, err error) error {
	e := pgErrorOf(err)
	if e == nil || e.Position < 1 {
		return err
	}
	at := len(string([]rune(script)[:min(int(e.Position)-1, len([]rune(script)))]))
	for _, s := range pgSplit(script) {
		if start := strings.Index(script, s.text); start <= at && at <= start+len(s.text) {
			return explainStatement(s.text, err)
		}
	}
	return err
}
