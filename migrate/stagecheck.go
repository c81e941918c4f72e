package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// discardTimeout bounds how long cleaning up after a failure may take.
const discardTimeout = 30 * time.Second

// inspectTarget asks the target everything that would make a migration fail later, and names what is wrong. write is
// false for a verification, which needs to read only.
func inspectTarget(ctx context.Context, target Target, schema string, write bool) (info TargetInfo, err error) {
	conn, err := session(ctx, target)
	if err != nil {
		return info, err
	}
	defer closeSession(ctx, conn)
	info.Schema = schema
	var encoding string
	var readOnly, create, exists, createIn bool
	err = conn.QueryRow(ctx, `
		SELECT current_database(), current_user, current_setting('server_version'), current_setting('server_encoding'),
			pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
			has_database_privilege(current_database(), 'CREATE'),
			to_regnamespace($1) IS NOT NULL,
			coalesce(has_schema_privilege(to_regnamespace($1), 'CREATE'), true)`, quoteName(schema)).
		Scan(&info.Database, &info.User, &info.Server, &encoding, &readOnly, &create, &exists, &createIn)
	if err != nil {
		return info, fmt.Errorf("inspect the target: %w", err)
	}
	if encoding != "UTF8" {
		return info, lakeward.Errorf(lakeward.KindConflict,
			"create a database WITH ENCODING 'UTF8' TEMPLATE template0 and migrate into that",
			"database %s has encoding %s, not UTF8", info.Database, encoding)
	}
	if !write {
		return info, nil
	}
	return info, checkPrivileges(info, readOnly, create, createIn)
}

func checkPrivileges(info TargetInfo, readOnly, create, createIn bool) error {
	switch {
	case readOnly:
		return lakeward.Errorf(lakeward.KindConflict, "use the read-write host of the instance",
			"database %s can only be read here", info.Database)
	case !create:
		return lakeward.Errorf(lakeward.KindDenied,
			"ask the owner for: GRANT CREATE ON DATABASE "+quoteName(info.Database)+" TO "+quoteName(info.User),
			"role %s may not create schemas in database %s", info.User, info.Database)
	case !createIn:
		return lakeward.Errorf(lakeward.KindDenied,
			"ask the owner for: GRANT CREATE ON SCHEMA "+quoteName(info.Schema)+" TO "+quoteName(info.User),
			"role %s may not create tables in schema %s", info.User, info.Schema)
	}
	return nil
}

// object is something on the target that stands in the way of a migration.
type object struct {
	Name  string
	Kind  string // of pg_class.relkind
	Owned bool   // the role may drop it
	Table string // of an index or a sequence: the table it belongs to
}

// describe names the object for people.
func (o object) describe() string {
	kinds := map[string]string{
		"r": "table", "p": "table", "v": "view", "m": "materialized view", "S": "sequence",
		"f": "foreign table", "i": "index", "I": "index", "c": "type",
	}
	if o.Table != "" {
		return fmt.Sprintf("%s %s (of table %s)", kinds[o.Kind], o.Name, o.Table)
	}
	return kinds[o.Kind] + " " + o.Name
}

// planNames returns the names that a plan takes in the target's schema: of tables and views, and of the indexes and
// sequences that belong to tables.
func planNames(p *Plan) (relations, indexes []string) {
	for _, t := range p.Tables {
		relations = append(relations, t.Target)
		if t.PrimaryKey != nil {
			indexes = append(indexes, t.PrimaryKey.Name)
		}
		for _, k := range t.Uniques {
			indexes = append(indexes, k.Name)
		}
		for _, ix := range t.Indexes {
			indexes = append(indexes, ix.Name)
		}
		for _, c := range t.Columns {
			if c.Sequence != "" {
				indexes = append(indexes, c.Sequence)
			}
		}
	}
	for _, v := range p.Views {
		relations = append(relations, v.Target)
	}
	return relations, indexes
}

// standing returns the objects of a schema that have one of the names.
func standing(ctx context.Context, conn *pgx.Conn, schema string, names []string) ([]object, error) {
	rows, err := conn.Query(ctx, `
		SELECT c.relname AS name, c.relkind::text AS kind, pg_has_role(c.relowner, 'USAGE') AS owned,
			coalesce((SELECT t.relname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
				WHERE i.indexrelid = c.oid), (SELECT t.relname FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
				WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S'
					AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')), '') AS table
		FROM pg_class c
		WHERE c.relnamespace = to_regnamespace($1) AND c.relname = ANY($2)
		ORDER BY c.relkind NOT IN ('r', 'p'), c.relname`, quoteName(schema), names)
	if err != nil {
		return nil, fmt.Errorf("look for objects in schema %s: %w", schema, err)
	}
	objects, err := pgx.CollectRows(rows, pgx.RowToStructByName[object])
	if err != nil {
		return nil, fmt.Errorf("look for objects in schema %s: %w", schema, err)
	}
	return objects, nil
}

// replaced finds the objects that the plan would replace. Without permission to replace, any of them is an error; with
// it, those are that cannot be replaced without touching something else.
func (s *stage) replaced(ctx context.Context, p *Plan, replace bool, name string) ([]object, error) {
	relations, indexes := planNames(p)
	objects, err := standing(ctx, s.conn, s.into, slices.Concat(relations, indexes))
	if err != nil {
		return nil, err
	}
	// The indexes and sequences of a table come and go with it.
	drop := slices.DeleteFunc(objects, func(o object) bool { return slices.Contains(relations, o.Table) })
	if len(drop) > 0 && !replace {
		return nil, standingError(s.into, name, drop)
	}
	for _, o := range drop {
		if !o.Owned {
			return nil, lakeward.Errorf(lakeward.KindDenied, "ask its owner to drop it", "role may not replace %s", o.describe())
		}
		if !strings.Contains("rpvmf", o.Kind) {
			return nil, lakeward.Errorf(lakeward.KindConflict, "rename or drop it, or migrate into another schema (--schema)",
				"%s is in the way and belongs to nothing that is replaced", o.describe())
		}
	}
	if err := s.dependents(ctx, drop); err != nil {
		return nil, err
	}
	return drop, s.checkQuarantine(ctx)
}

// dependents refuses to replace objects that others depend on: dropping those as well is not what was asked for.
func (s *stage) dependents(ctx context.Context, drop []object) error {
	names := make([]string, len(drop))
	for i, o := range drop {
		names[i] = o.Name
	}
	rows, err := s.conn.Query(ctx, `
		WITH gone AS (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2))
		SELECT format('foreign key %I of table %s', conname, conrelid::regclass)
		FROM pg_constraint
		WHERE contype = 'f' AND confrelid IN (TABLE gone) AND conrelid NOT IN (TABLE gone)
		UNION
		SELECT format('view %s', r.ev_class::regclass)
		FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (TABLE gone) AND r.ev_class NOT IN (TABLE gone)
		UNION
		SELECT format('child table %s', inhrelid::regclass)
		FROM pg_inherits WHERE inhparent IN (TABLE gone) AND inhrelid NOT IN (TABLE gone)
		ORDER BY 1`, quoteName(s.into), names)
	if err != nil {
		return fmt.Errorf("look for dependent objects: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for dependent objects: %w", err)
	}
	if len(found) > 0 {
		return lakeward.Errorf(lakeward.KindConflict, "drop or change it first, or migrate into another schema (--schema)",
			"what would be replaced is needed by %s", listFirst(found))
	}
	return nil
}

// checkQuarantine refuses a table that has the quarantine's name and is not one.
func (s *stage) checkQuarantine(ctx context.Context) error {
	var columns []string
	err := s.conn.QueryRow(ctx, `
		SELECT coalesce(array_agg(attname::text ORDER BY attnum), '{}') FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
		qualified(s.into, quarantineTable)).Scan(&columns)
	if err != nil {
		return fmt.Errorf("look for an earlier quarantine: %w", err)
	}
	if len(columns) > 0 && !slices.Equal(columns, quarantineColumns) {
		return lakeward.Errorf(lakeward.KindConflict, "rename it: migrations keep the rows there that PostgreSQL cannot hold",
			"schema %s has a table %s that lakeward did not make", s.into, quarantineTable)
	}
	return nil
}

// listObjects names the first of some objects.
func listObjects(objects []object) string {
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = o.describe()
	}
	return listFirst(names)
}

// listFirst names the first three and counts the rest.
func listFirst(names []string) string {
	if rest := len(names) - 3; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), rest)
	}
	return strings.Join(names, ", ")
}
