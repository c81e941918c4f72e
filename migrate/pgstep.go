package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// pgStep is a key, an index or a constraint that is made when the rows are there. SQL, and Finish after it, make it in
// the staging, in the words of the target's own catalog.
type pgStep struct {
	N        int
	Kind     string // index, key, parent, exclusion, attach, foreign, check
	Schema   string // of the source
	Relation string
	Name     string
	SQL      string
	Finish   string
	Late     bool // only possible when the swap has given everything its name
}

// built is what the statement of the dump makes that makes the same.
func (s pgStep) built() pgBuilt {
	switch s.Kind {
	case "index":
		return pgBuilt{kind: "index", schema: s.Schema, name: s.Name}
	case "attach":
		return pgBuilt{kind: "attach", schema: s.Schema, name: s.Name}
	}
	return pgBuilt{kind: "constraint", schema: s.Schema, table: s.Relation, name: s.Name}
}

// pgStepsSQL selects the steps in the staging schemas of $1. An index or a constraint that calls functions of the
// source, by their names or as operators, is late: their bodies name things by the names that these have after the swap, and
// may read tables that have to be full.
var pgStepsSQL = `
	WITH relation AS (
		SELECT c.oid, c.relname, c.relkind, c.reloptions, n.nspname
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1)
	),
	late AS (
		SELECT DISTINCT d.objid AS oid FROM pg_depend d
		LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
		JOIN pg_proc p ON p.oid IN (CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid END, o.oprcode)
		JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE d.classid = 'pg_class'::regclass AND n.nspname = ANY ($1)
			AND ` + pgNoMember("pg_proc", "p.oid") + `
	),
	build AS (
		SELECT i.indexrelid, i.indrelid, con.oid AS constraint_oid, con.contype, con.conname, con.condeferrable, con.condeferred,
			coalesce(to_jsonb(con) ->> 'conperiod', 'false')::bool AS period
		FROM pg_index i LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
	)
	SELECT CASE WHEN b.contype IS NULL THEN 'index' WHEN t.relkind = 'p' THEN 'parent'
			WHEN b.contype = 'x' OR b.period THEN 'exclusion' ELSE 'key' END AS kind,
		t.nspname::text AS schema, t.relname::text AS relation, x.relname::text AS name,
		CASE WHEN b.contype IS NULL OR b.contype IN ('p', 'u') AND t.relkind <> 'p' AND NOT b.period THEN pg_get_indexdef(b.indexrelid)
			ELSE format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', b.indrelid::regclass, b.conname, pg_get_constraintdef(b.constraint_oid)) ||
				coalesce(format('; ALTER INDEX %I.%I SET (', x.nspname, x.relname) || array_to_string(x.reloptions, ', ') || ')', '') END AS sql,
		CASE WHEN b.contype IN ('p', 'u') AND t.relkind <> 'p' AND NOT b.period THEN
			format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s USING INDEX %I', b.indrelid::regclass, b.conname,
				CASE b.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, x.relname) ||
				CASE WHEN b.condeferrable THEN ' DEFERRABLE' ELSE '' END || CASE WHEN b.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
			ELSE '' END AS finish,
		b.indexrelid IN (SELECT oid FROM late) AS late
	FROM build b JOIN relation t ON t.oid = b.indrelid JOIN relation x ON x.oid = b.indexrelid
	UNION ALL
	SELECT 'attach', x.nspname, p.relname, x.relname, format('ALTER INDEX %s ATTACH PARTITION %s', h.inhparent::regclass, h.inhrelid::regclass), '', false
	FROM pg_inherits h JOIN relation x ON x.oid = h.inhrelid JOIN relation p ON p.oid = h.inhparent WHERE x.relkind IN ('i', 'I')
	UNION ALL
	SELECT CASE c.contype WHEN 'f' THEN 'foreign' ELSE 'check' END, t.nspname, t.relname, c.conname,
		format('ALTER TABLE %s%s ADD CONSTRAINT %I %s', CASE WHEN t.relkind = 'p' THEN '' ELSE 'ONLY ' END, t.oid::regclass, c.conname,
			pg_get_constraintdef(c.oid)) || CASE WHEN c.contype = 'f' AND c.convalidated AND t.relkind <> 'p' THEN ' NOT VALID' ELSE '' END,
		CASE WHEN c.contype = 'f' AND c.convalidated AND t.relkind <> 'p'
			THEN format('ALTER TABLE ONLY %s VALIDATE CONSTRAINT %I', t.oid::regclass, c.conname) ELSE '' END, false
	FROM pg_constraint c JOIN relation t ON t.oid = c.conrelid
	WHERE c.contype = 'f' AND c.conparentid = 0 OR c.contype = 'c' AND NOT c.convalidated AND c.conislocal
	ORDER BY 1, 2, 3, 4`

// readPgSteps reads the steps of what has been made in the staging.
func readPgSteps(ctx context.Context, tx pgx.Tx, spaces []pgSpace) ([]pgStep, error) {
	stages := make([]string, len(spaces))
	for i, space := range spaces {
		stages[i] = space.Stage
	}
	rows, err := tx.Query(ctx, pgStepsSQL, stages)
	if err != nil {
		return nil, fmt.Errorf("read the keys and indexes: %w", err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[pgStep])
	if err != nil {
		return nil, fmt.Errorf("read the keys and indexes: %w", err)
	}
	for i := range steps {
		steps[i].N = i
		at := slices.Index(stages, steps[i].Schema)
		steps[i].Schema = spaces[at].Schema
	}
	return steps, nil
}

// markLate makes those steps late whose relation is not made before the rows, and what is built on late ones.
func markLate(ctx context.Context, tx pgx.Tx, s *pgStage, steps []pgStep) error {
	rows, err := tx.Query(ctx, `
		SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = ANY ($1)`, s.schemaNow())
	if err != nil {
		return fmt.Errorf("read the staged tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read the staged tables: %w", err)
	}
	there, late := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for i := range steps {
		s := &steps[i]
		if s.Kind != "attach" && !there[s.Schema+"."+s.Relation] {
			s.Late = true
		}
		if s.Late {
			late[s.Schema+"."+s.Name] = true
		}
	}
	for i := range steps {
		if s := &steps[i]; s.Kind == "attach" && (late[s.Schema+"."+s.Name] || late[s.Schema+"."+s.Relation]) {
			s.Late = true
		}
	}
	return nil
}

// schemaNow returns the schemas under the names that they have while the staging is made.
func (s *pgStage) schemaNow() (names []string) {
	for _, space := range s.Spaces {
		names = append(names, space.Schema)
	}
	return names
}

// steps reads the recorded steps.
func (s *pgStage) steps(ctx context.Context) ([]pgStep, error) {
	rows, err := s.conn.Query(ctx, "SELECT * FROM "+s.table("step")+" ORDER BY n")
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgStep])
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	return steps, nil
}
