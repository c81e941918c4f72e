package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// step is one statement about one table.
type step struct {
	table Table
	name  string // of the index or constraint that it makes
	sql   string
}

// build makes everything of the plan that is not a row. What takes long runs in parallel; what locks two tables at once
// runs alone, on the session of the stage, so that no two steps can wait for each other. What a run that was interrupted
// has built stands.
func (m *migration) build(ctx context.Context) (err error) {
	if m.built, err = m.stage.built(ctx); err != nil {
		return err
	}
	if err := m.indexes(ctx); err != nil {
		return err
	}
	if err := m.constraints(ctx); err != nil {
		return err
	}
	if err := m.identities(ctx); err != nil {
		return err
	}
	return m.views(ctx)
}

// parallel runs steps with all workers, those of the largest tables first.
func (m *migration) parallel(ctx context.Context, steps []step, fn func(context.Context, *pgx.Conn, step) error) error {
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(b.table.Rows, a.table.Rows) })
	return eachItem(ctx, m.workers(), m.Jobs, steps, fn)
}

// isBuilt reports whether an index or a constraint of a table stands.
func (m *migration) isBuilt(t Table, name string) bool { return m.built[[2]string{t.Target, name}] }

// built returns the indexes and constraints of the staging schema, by their table and their own name.
func (s *stage) built(ctx context.Context) (map[[2]string]bool, error) {
	rows, err := s.conn.Query(ctx, `
		SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
		WHERE t.relnamespace = to_regnamespace($1)
		UNION
		SELECT t.relname, i.relname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
		WHERE t.relnamespace = to_regnamespace($1)`, quoteName(s.name))
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	built := map[[2]string]bool{}
	var table, name string
	_, err = pgx.ForEachRow(rows, []any{&table, &name}, func() error {
		built[[2]string{table, name}] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	return built, nil
}

// indexSteps returns the statements that build the indexes which are missing: of keys first, because they are needed
// most.
func (m *migration) indexSteps() (steps []step) {
	add := func(t Table, name, sql string) {
		if !m.isBuilt(t, name) {
			steps = append(steps, step{t, name, sql})
		}
	}
	for _, t := range m.plan.Tables {
		if t.PrimaryKey != nil {
			add(t, t.PrimaryKey.Name, addPrimaryKey(m.stage.name, t))
		}
		for _, k := range t.Uniques {
			add(t, k.Name, addUnique(m.stage.name, t, k))
		}
		for _, ix := range t.Indexes {
			add(t, ix.Name, createIndex(m.stage.name, t, ix))
		}
	}
	return steps
}

// indexes builds all keys and indexes, and reports each table when it has its last one.
func (m *migration) indexes(ctx context.Context) error {
	steps := m.indexSteps()
	var mu sync.Mutex
	left := map[string]int{}
	for _, s := range steps {
		left[s.table.Name]++
	}
	return m.parallel(ctx, steps, func(ctx context.Context, conn *pgx.Conn, s step) error {
		if err := m.index(ctx, conn, s); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if left[s.table.Name]--; left[s.table.Name] == 0 {
			m.journal.event(lakeward.Event{Type: lakeward.EventDone, Table: s.table.Name, Message: "keys and indexes"})
		}
		return nil
	})
}

// index builds one key or index.
func (m *migration) index(ctx context.Context, conn *pgx.Conn, s step) error {
	err := m.execute(ctx, conn, s)
	if sqlState(err) == "23505" { // unique_violation
		return lakeward.Errorf(lakeward.KindConflict,
			"change one of the rows in the source, or the type of the column in the plan",
			"rows of %s that SQLite keeps apart are equal for PostgreSQL: %w", s.table.Name, err)
	}
	return err
}

// execute runs one step.
func (m *migration) execute(ctx context.Context, conn *pgx.Conn, s step) error {
	if _, err := conn.Exec(ctx, s.sql); err != nil {
		return explainStatement(s.sql, err)
	}
	return nil
}

// constraints adds checks and foreign keys, as NOT VALID where the data breaks them, which the report names.
func (m *migration) constraints(ctx context.Context) error {
	var analyze, validate []step
	for _, t := range m.plan.Tables {
		analyze = append(analyze, step{t, "", "ANALYZE " + qualified(m.stage.name, t.Target)})
		for _, c := range t.Checks {
			if m.isBuilt(t, c.Name) {
				continue
			}
			if err := m.check(ctx, t, c); err != nil {
				return err
			}
		}
		for _, fk := range t.ForeignKeys {
			if !m.isBuilt(t, fk.Name) {
				if err := m.stage.run(ctx, addForeignKey(m.stage.name, t, fk)); err != nil {
					return err
				}
			}
			validate = append(validate, step{t, fk.Name, validateForeignKey(m.stage.name, t, fk)})
		}
	}
	if err := m.parallel(ctx, analyze, m.execute); err != nil {
		return err
	}
	validate = slices.DeleteFunc(validate, func(s step) bool { return s.sql == "" })
	if err := m.parallel(ctx, validate, m.validate); err != nil {
		return err
	}
	for _, t := range m.plan.Tables {
		if err := m.broken(ctx, m.stage.conn, m.stage.name, t); err != nil {
			return err
		}
	}
	return nil
}

// check adds one CHECK. Where a row breaks it that the plan did not foresee, such as one that an edited plan converts
// in another way, the constraint stays NOT VALID.
func (m *migration) check(ctx context.Context, t Table, c Check) error {
	err := m.stage.run(ctx, addCheck(m.stage.name, t, c))
	if sqlState(err) == "23514" { // check_violation
		c.Violations = 1
		err = m.stage.run(ctx, addCheck(m.stage.name, t, c))
	}
	return err
}

// validate has PostgreSQL check the rows of one foreign key. One that fails although the plan found no orphans stays
// NOT VALID; orphans names its rows. Where an index has the key in order, merging it with the parent's takes a fraction
// of the time of the hash join that the planner prefers.
func (m *migration) validate(ctx context.Context, conn *pgx.Conn, s step) error {
	if s.table.ordered(s.name) {
		if _, err := conn.Exec(ctx, "SET enable_hashjoin = off"); err != nil {
			return fmt.Errorf("prepare to validate %s: %w", s.name, err)
		}
		defer func() { _, _ = conn.Exec(ctx, "RESET enable_hashjoin") }() // it would only be slower
	}
	if err := m.execute(ctx, conn, s); err != nil && sqlState(err) != "23503" { // foreign_key_violation
		return err
	}
	return nil
}

// ordered reports whether a key or an index over all rows begins with the columns of a foreign key.
func (t *Table) ordered(foreignKey string) bool {
	at := slices.IndexFunc(t.ForeignKeys, func(fk ForeignKey) bool { return fk.Name == foreignKey })
	if at < 0 {
		return false
	}
	columns := t.ForeignKeys[at].Columns
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quoteName(c)
	}
	begins := func(list, with []string) bool { return len(list) >= len(with) && slices.Equal(list[:len(with)], with) }
	return t.PrimaryKey != nil && begins(t.PrimaryKey.Columns, columns) ||
		slices.ContainsFunc(t.Uniques, func(k Key) bool { return begins(k.Columns, columns) }) ||
		slices.ContainsFunc(t.Indexes, func(ix Index) bool { return ix.Where == "" && begins(ix.Keys, quoted) })
}

// broken reports the foreign keys and checks of a table that are not valid, with the rows that break them.
func (m *migration) broken(ctx context.Context, conn *pgx.Conn, schema string, t Table) error {
	rows, err := conn.Query(ctx, `
		SELECT conname::text FROM pg_constraint WHERE conrelid = to_regclass($1) AND NOT convalidated`,
		qualified(schema, t.Target))
	if err != nil {
		return fmt.Errorf("look at the constraints of %s: %w", t.Target, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look at the constraints of %s: %w", t.Target, err)
	}
	for _, fk := range t.ForeignKeys {
		if !slices.Contains(names, fk.Name) {
			continue
		}
		n, err := countRows(ctx, conn, orphanQuery("count(*)", schema, t, fk))
		if err != nil {
			return err
		}
		m.foundOrphans(t, fk, n)
	}
	for _, c := range t.Checks {
		if !slices.Contains(names, c.Name) {
			continue
		}
		n, err := countRows(ctx, conn, checkQuery("count(*)", schema, t, c))
		if err != nil {
			return err
		}
		m.foundViolations(t, c, n)
	}
	return nil
}

func (m *migration) foundOrphans(t Table, fk ForeignKey, rows int64) {
	m.report.Orphans = append(m.report.Orphans, OrphanReport{
		Table: t.Name, ForeignKey: fk.Name, Parent: fk.Table, Rows: rows, Query: orphanQuery("c.*", m.Schema, t, fk),
	})
	m.journal.warn(t.Name, fmt.Sprintf("%s without a parent in %s; foreign key %s holds for new rows only",
		plural(rows, "row"), fk.Table, fk.Name))
}

func (m *migration) foundViolations(t Table, c Check, rows int64) {
	m.report.Checks = append(m.report.Checks, CheckReport{
		Table: t.Name, Check: c.Name, Rows: rows, Query: checkQuery("*", m.Schema, t, c),
	})
	m.journal.warn(t.Name, fmt.Sprintf("%s against the check %s, which holds for new rows only",
		plural(rows, "row"), c.Name))
}

// countRows runs a SELECT count(*).
func countRows(ctx context.Context, conn *pgx.Conn, query string) (n int64, err error) {
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
		return 0, explainStatement(query, err)
	}
	return n, nil
}

// checkQuery returns a SELECT over the rows of t that break a check.
func checkQuery(what, schema string, t Table, c Check) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE NOT (%s)", what, qualified(schema, t.Target), c.SQL)
}

// orphanQuery returns a SELECT over the rows of t whose parent does not exist.
func orphanQuery(what, schema string, t Table, fk ForeignKey) string {
	var set, match string
	for i, column := range fk.Columns {
		set += " AND c." + quoteName(column) + " IS NOT NULL"
		if i > 0 {
			match += " AND "
		}
		match += "p." + quoteName(fk.References[i]) + " = c." + quoteName(column)
	}
	return fmt.Sprintf("SELECT %s FROM %s c WHERE NOT EXISTS (SELECT FROM %s p WHERE %s)%s",
		what, qualified(schema, t.Target), qualified(schema, fk.Table), match, set)
}

// identities makes identity columns go on after the last value of the source.
func (m *migration) identities(ctx context.Context) error {
	for _, t := range m.plan.Tables {
		for _, c := range t.Columns {
			if !c.Identity {
				continue
			}
			if err := m.stage.run(ctx, setIdentity(m.stage.name, t, c)); err != nil {
				return err
			}
			m.report.Sequences = append(m.report.Sequences, SequenceState{Table: t.Name, Column: c.Name, Next: max(c.Next, 1)})
		}
	}
	return nil
}

// views creates the views over the staged tables. One that PostgreSQL does not accept stays behind with the reason, and
// so do those that need it.
func (m *migration) views(ctx context.Context) error {
	if err := m.stage.run(ctx, "SET search_path = "+quoteName(m.stage.name)); err != nil {
		return err
	}
	created := make([]View, 0, len(m.plan.Views))
	for _, v := range m.plan.Views {
		err := m.stage.run(ctx, createView(m.stage.name, v))
		pgErr, refused := errors.AsType[*pgconn.PgError](err)
		switch {
		case refused:
			m.leaveView(v, "PostgreSQL does not accept its translation: "+pgErr.Message)
		case err != nil:
			return err
		default:
			created = append(created, v)
		}
	}
	m.keepViews(created)
	return m.stage.run(ctx, "SET search_path = pg_catalog")
}

// leaveView records that a view stays behind.
func (m *migration) leaveView(v View, reason string) {
	m.report.Left = append(m.report.Left, Left{Kind: "view", Name: v.Name, Reason: reason, Source: v.Source, Draft: v.SQL})
	m.journal.warn("", fmt.Sprintf("view %s stays behind: %s", v.Name, reason))
}

// keepViews makes created the views of the plan, without a change to the plan that the caller handed in.
func (m *migration) keepViews(created []View) {
	plan := *m.plan
	plan.Views = created
	m.plan = &plan
}

// sqlState returns PostgreSQL's code of an error, or "".
func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}
