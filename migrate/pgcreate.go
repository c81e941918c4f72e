package migrate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// create makes the staging: everything of the source that stands before its rows, under the names of staging schemas.
// One transaction makes it under the final names, which definitions and the bodies of functions mean, and renames it
// before anybody can see it. What keys and indexes will be is asked of PostgreSQL itself: they are made on the empty
// tables, read back, and undone.
func (m *pgMigration) create(ctx context.Context) error {
	err := m.tryCreate(ctx, false)
	if sqlState(err) == "53200" { // out_of_memory, for locks
		return lakeward.Errorf(lakeward.KindConflict, "raise max_locks_per_transaction on the target",
			"the target cannot make so many tables in one transaction: %s", pgMessage(err))
	}
	if err != nil && sqlState(err) != "" && !m.stage.conn.IsClosed() {
		m.stage.pgState = pgState{}
		err = m.tryCreate(ctx, true) // one by one, to leave behind what the role may not make
	}
	return err
}

func (m *pgMigration) tryCreate(ctx context.Context, singly bool) error {
	c := &pgCreation{pgMigration: m, singly: singly}
	return pgx.BeginFunc(ctx, m.stage.conn, func(tx pgx.Tx) error {
		c.tx = tx
		return c.run(ctx)
	})
}

// pgCreation is the transaction that makes the staging.
type pgCreation struct {
	*pgMigration
	tx     pgx.Tx
	singly bool
	before []pgObject     // what stood in the schemas
	known  []pgDefinition // of these
	asides []pgSpace      // where replaced objects wait meanwhile
}

// pgCreateSettings are those of a restore by pg_dump.
const pgCreateSettings = `
	SET LOCAL lock_timeout = '30s';
	SET LOCAL check_function_bodies = false;
	SET LOCAL xmloption = content;
	SET LOCAL row_security = off;
	SET LOCAL default_table_access_method = heap`

func (c *pgCreation) run(ctx context.Context) error {
	if err := c.execute(ctx, pgCreateSettings, fmt.Sprintf(createPgMeta, quoteName(c.stage.meta)), createQuarantine(c.stage.meta), createQuarantineValues(c.stage.meta)); err != nil {
		return err
	}
	for _, do := range []func(context.Context) error{
		c.extensions, c.spaces, c.clear, c.makeBefore, c.learn, c.hide, c.postpone, c.giveBack,
	} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	c.stage.Key, c.stage.Hash = c.snapshot.key, c.hash
	return c.stage.save(ctx, c.tx)
}

func (c *pgCreation) execute(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := c.tx.Exec(ctx, sql); err != nil {
			return explainStatement(strings.TrimSpace(sql), err)
		}
	}
	return nil
}

// strings runs a query for names.
func (c *pgCreation) strings(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := c.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("inspect the target: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("inspect the target: %w", err)
	}
	return names, nil
}

// extensions makes those that the target lacks. They stand where they will stay: what is in them belongs to nobody's
// data, and many cannot move.
func (c *pgCreation) extensions(ctx context.Context) error {
	have, err := c.strings(ctx, "SELECT extname::text FROM pg_extension")
	if err != nil {
		return err
	}
	for _, e := range c.script.extensions {
		if slices.Contains(have, e.Name) {
			continue
		}
		schemas, err := c.strings(ctx, "SELECT nspname::text FROM pg_namespace WHERE nspname = $1", e.Schema)
		if err != nil {
			return err
		}
		if len(schemas) == 0 {
			if err := c.execute(ctx, "CREATE SCHEMA "+quoteName(e.Schema)); err != nil {
				return err
			}
			c.stage.Schemas = append(c.stage.Schemas, e.Schema)
		}
		if err := c.execute(ctx, "CREATE EXTENSION "+quoteName(e.Name)+" WITH SCHEMA "+quoteName(e.Schema)); err != nil {
			return lakeward.Errorf(lakeward.KindUnsupported, "have it installed on the target, or drop it from the source",
				"the source uses extension %s, which cannot be made on the target: %w", e.Name, err)
		}
		c.stage.Extensions = append(c.stage.Extensions, e.Name)
	}
	return nil
}

// spaces decides where each schema is staged, and makes those that the target lacks, until hide renames them.
func (c *pgCreation) spaces(ctx context.Context) error {
	have, err := c.strings(ctx, "SELECT nspname::text FROM pg_namespace")
	if err != nil {
		return err
	}
	for i, schema := range c.catalog.schemas {
		space := pgSpace{Schema: schema, Stage: c.stage.meta + "_" + strconv.Itoa(i+1), New: !slices.Contains(have, schema)}
		c.stage.Spaces = append(c.stage.Spaces, space)
		made := quoteName(schema)
		if !space.New {
			made = quoteName(space.Stage)
		}
		if err := c.execute(ctx, "CREATE SCHEMA "+made); err != nil {
			return err
		}
	}
	return nil
}

// standing returns the schemas that the target has.
func (c *pgCreation) standing() (names []string) {
	for _, space := range c.stage.Spaces {
		if !space.New {
			names = append(names, space.Schema)
		}
	}
	return names
}

// clear refuses to meet objects of the same names, or moves them out of the way until the transaction ends.
func (c *pgCreation) clear(ctx context.Context) (err error) {
	if c.before, err = pgObjects(ctx, c.tx, c.standing()...); err != nil {
		return err
	}
	if c.stage.Replaced, err = pgInTheWay(c.before, c.objects, c.Replace != "", c.report.Target.Name); err != nil {
		return err
	}
	for i, space := range c.stage.Spaces {
		here := slices.DeleteFunc(slices.Clone(c.stage.Replaced), func(o pgObject) bool { return o.Schema != space.Schema })
		if len(here) == 0 {
			continue
		}
		aside := pgSpace{Schema: space.Schema, Stage: c.stage.meta + "_aside_" + strconv.Itoa(i+1)}
		if err := c.execute(ctx, "CREATE SCHEMA "+quoteName(aside.Stage)); err != nil {
			return err
		}
		if err := pgMove(ctx, c.tx, here, aside.Stage); err != nil {
			return err
		}
		c.asides = append(c.asides, aside)
	}
	if len(c.asides) > 0 {
		if c.before, err = pgObjects(ctx, c.tx, c.standing()...); err != nil {
			return err
		}
	}
	c.known, err = pgDefinitions(ctx, c.tx, c.standing())
	return err
}

// pgInTheWay returns the objects that stand under the names of the source's. Without permission to replace, any of them
// is an error.
func pgInTheWay(standing, coming []pgObject, replace bool, target string) ([]pgObject, error) {
	taken := map[[2]string]bool{}
	for _, o := range coming {
		class := o.Class
		if class == "type" { // a table has a type of its name
			class = "relation"
		}
		taken[[2]string{class, o.qualified()}] = true
	}
	var found []pgObject
	var names []string
	for _, o := range standing {
		class := o.Class
		if class == "type" {
			class = "relation"
		}
		if !taken[[2]string{class, o.qualified()}] {
			continue
		}
		found, names = append(found, o), append(names, o.describe())
		if replace && !o.Owned {
			return nil, lakeward.Errorf(lakeward.KindDenied, "ask its owner to drop it", "role may not replace %s", o.describe())
		}
	}
	if len(found) > 0 && !replace {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(pgWeight(a), pgWeight(b)) })
		return nil, lakeward.Errorf(lakeward.KindConflict, "replace them (--replace "+target+"), or migrate into another database",
			"the target already has %s", listFirst(names))
	}
	return found, nil
}

// pgWeight orders descriptions of objects by what people know them by.
func pgWeight(description string) int {
	return slices.Index([]string{"table", "view", "materialized", "routine", "type", "domain"}, firstWord(description)) & 7
}

// makeBefore makes what stands before the rows.
func (c *pgCreation) makeBefore(ctx context.Context) error { return c.perform(ctx, c.script.before) }

// perform runs statements in one go, or one by one, where what the role may not do is left behind.
func (c *pgCreation) perform(ctx context.Context, statements []pgStatement) error {
	if !c.singly {
		var script strings.Builder
		for _, s := range statements {
			script.WriteString(s.text)
			script.WriteString(";\n")
		}
		_, err := c.tx.Exec(ctx, script.String())
		return err
	}
	for _, s := range statements {
		err := pgx.BeginFunc(ctx, c.tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, s.text)
			return err
		})
		if err == nil {
			continue
		}
		if !c.mayLeave(s, err) {
			return lakeward.Errorf(lakeward.KindUnsupported, "change it in the source, and start again",
				"the target does not take the source's schema: %w", explainStatement(s.text, err))
		}
	}
	return nil
}

// mayLeave records a statement that the target's role may not run, or that needs what has been left behind. A table is
// never left.
func (c *pgCreation) mayLeave(s pgStatement, err error) bool {
	switch state := sqlState(err); {
	case state == "42501", state == "0LP01": // insufficient_privilege, invalid_grant_operation
	case state == "42704" && strings.Contains(err.Error(), "role "): // undefined_object: of a policy
	case len(c.stage.Left)+len(c.script.left) > 0 && slices.Contains([]string{"42883", "42704", "42P01"}, state): // no such thing
	default:
		return false
	}
	if s.starts("CREATE", "TABLE") || s.starts("ALTER", "TABLE") || s.starts("CREATE", "SEQUENCE") || s.starts("ALTER", "SEQUENCE") {
		return false
	}
	c.stage.Left = append(c.stage.Left, Left{
		Kind: strings.ToLower(s.tokens[min(1, len(s.tokens)-1)].text), Name: pgText(s.tokens[min(2, len(s.tokens)):min(8, len(s.tokens))]),
		Reason: "the target's role cannot make it: " + pgMessage(err), Draft: s.text,
	})
	return true
}

// learn makes what comes after the rows, reads it back under the names of the staging, and undoes it.
func (c *pgCreation) learn(ctx context.Context) error {
	if err := c.execute(ctx, "SAVEPOINT learned"); err != nil {
		return err
	}
	if err := c.perform(ctx, c.script.after); err != nil {
		return err
	}
	definitions, err := pgDefinitions(ctx, c.tx, c.catalog.schemas)
	if err != nil {
		return err
	}
	definitions = pgUnknown(definitions, c.known)
	if err := c.compareDefinitions(definitions); err != nil {
		return err
	}
	if c.stage.Checks, err = c.lateChecks(ctx); err != nil {
		return err
	}
	for _, aside := range c.asides { // it must be possible without touching anything else
		objects, err := pgObjects(ctx, c.tx, aside.Stage)
		if err != nil {
			return err
		}
		if err := pgDrop(ctx, c.tx, objects); err != nil {
			return lakeward.Errorf(lakeward.KindOf(err), lakeward.HintOf(err), "%s",
				strings.ReplaceAll(err.Error(), aside.Stage, aside.Schema))
		}
	}
	if err := c.hide(ctx); err != nil {
		return err
	}
	steps, err := readPgSteps(ctx, c.tx, c.stage.Spaces)
	if err != nil {
		return err
	}
	if err := c.execute(ctx, "ROLLBACK TO SAVEPOINT learned"); err != nil {
		return err
	}
	err = pgRecord(ctx, c.tx, c.stage, "definition", []string{"kind", "name", "text"}, definitions,
		func(d pgDefinition) []any { return []any{d.Kind, d.Name, d.Text} })
	if err != nil {
		return err
	}
	if err := markLate(ctx, c.tx, c.stage, steps); err != nil {
		return err
	}
	return pgRecord(ctx, c.tx, c.stage, "step", []string{"n", "kind", "schema", "relation", "name", "sql", "finish", "late"}, steps,
		func(s pgStep) []any { return []any{s.N, s.Kind, s.Schema, s.Relation, s.Name, s.SQL, s.Finish, s.Late} })
}

// pgRecord fills one of the tables with the progress.
func pgRecord[T any](ctx context.Context, tx pgx.Tx, s *pgStage, table string, columns []string, all []T, row func(T) []any) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{s.meta, table}, columns,
		pgx.CopyFromSlice(len(all), func(i int) ([]any, error) { return row(all[i]), nil }))
	if err != nil {
		return fmt.Errorf("record the progress: %w", err)
	}
	return nil
}

// compareDefinitions makes sure that the target made of the dump what the source has.
func (c *pgCreation) compareDefinitions(made []pgDefinition) error {
	if c.snapshot.major != pgMajor(c.stage.conn) || len(c.stage.Left) > 0 {
		return nil // versions word the same definition in different ways, and what the target did not take is named
	}
	if differences := pgDiffer(c.definitions, made, sameAcrossDump, c.script.staysBehind); len(differences) > 0 {
		return lakeward.Errorf(lakeward.KindInternal, "the target was left as it was; please report this",
			"the target makes something else of the source's schema: %s", listFirst(differences))
	}
	return nil
}

// hide gives everything that is new the names of the staging.
func (c *pgCreation) hide(ctx context.Context) error {
	objects, err := pgObjects(ctx, c.tx, c.standing()...)
	if err != nil {
		return err
	}
	fresh := map[string][]pgObject{}
	for _, o := range pgWithout(objects, c.before) {
		fresh[o.Schema] = append(fresh[o.Schema], o)
	}
	for _, space := range c.stage.Spaces {
		if space.New {
			err = c.execute(ctx, "ALTER SCHEMA "+quoteName(space.Schema)+" RENAME TO "+quoteName(space.Stage))
		} else {
			err = pgMove(ctx, c.tx, fresh[space.Schema], space.Stage)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lateChecks finds the CHECKs of tables that call functions of the source.
func (c *pgCreation) lateChecks(ctx context.Context) ([]pgCheck, error) {
	rows, err := c.tx.Query(ctx, `
		SELECT format('%s %I', c.conrelid::regclass, c.conname) AS name, concat(
			format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)),
			'; COMMENT ON CONSTRAINT ' || quote_ident(c.conname) || ' ON ' || c.conrelid::regclass || ' IS ' ||
				quote_literal(obj_description(c.oid, 'pg_constraint'))) AS sql
		FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE n.nspname = ANY ($1) AND c.contype = 'c' AND c.convalidated AND c.coninhcount = 0
			AND n.nspname || '.' || t.relname <> ALL ($2) AND EXISTS (
			SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_namespace pn ON pn.oid = p.pronamespace
			WHERE d.classid = 'pg_constraint'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_proc'::regclass
				AND pn.nspname = ANY ($1) AND `+pgNoMember("pg_proc", "p.oid")+`)
		ORDER BY 1`, c.catalog.schemas, c.namesBefore())
	if err != nil {
		return nil, fmt.Errorf("look for checks that call functions: %w", err)
	}
	checks, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgCheck])
	if err != nil {
		return nil, fmt.Errorf("look for checks that call functions: %w", err)
	}
	return checks, nil
}

// namesBefore returns the names of the tables that stood in the schemas.
func (c *pgCreation) namesBefore() []string {
	names := map[string]bool{}
	for _, o := range c.before {
		names[o.Schema+"."+o.Name] = true
	}
	return slices.AppendSeq([]string{}, maps.Keys(names)) // no NULL
}

// postpone takes away the checks that can only be made after the swap.
func (c *pgCreation) postpone(ctx context.Context) error {
	for _, check := range c.stage.Checks {
		s := pgSplit(check.SQL)[0]
		built, _ := s.built()
		drop := "ALTER TABLE " + qualified(c.stage.stageOf(built.schema), built.table) + " DROP CONSTRAINT " + quoteName(built.name)
		if err := c.execute(ctx, drop); err != nil {
			return err
		}
	}
	return nil
}

// giveBack moves what will be replaced back to its place.
func (c *pgCreation) giveBack(ctx context.Context) error {
	for _, aside := range c.asides {
		objects, err := pgObjects(ctx, c.tx, aside.Stage)
		if err != nil {
			return err
		}
		if err := pgMove(ctx, c.tx, objects, aside.Schema); err != nil {
			return err
		}
		if err := c.execute(ctx, "DROP SCHEMA "+quoteName(aside.Stage)); err != nil {
			return err
		}
	}
	return nil
}
