package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// fillStage loads the rows and builds everything of the plan that is not a row. The indexes of a table are built while
// others are still loaded.
func (m *migration) fillStage(ctx context.Context) error {
	m.journal.begin("load", "copy the rows")
	w := &jobs{}
	loads, err := m.addLoad(ctx, w)
	if err != nil {
		return err
	}
	return m.build(ctx, w, loads)
}

// build does the jobs together with those that make keys, indexes and constraints, and then what takes no time. The
// loads are the jobs that fill each table. What a run that was interrupted has built stands.
func (m *migration) build(ctx context.Context, w *jobs, loads map[string][]*job) (err error) {
	if m.built, err = m.stage.built(ctx); err != nil {
		return err
	}
	m.addBuild(w, loads)
	if err := w.run(ctx, m.workers(), m.Jobs); err != nil {
		return err
	}
	for _, t := range m.plan.Tables {
		if err := m.broken(ctx, m.stage.conn, m.stage.name, t); err != nil {
			return err
		}
	}
	if err := m.identities(ctx); err != nil {
		return err
	}
	return m.views(ctx)
}

// addBuild adds the jobs that build. No two of them wait for each other's locks: a foreign key, which locks two tables,
// is added when both have their indexes, one at a time, and proven when no more are added to its table, after the others of
// the same table.
func (m *migration) addBuild(w *jobs, loads map[string][]*job) {
	ready, links := map[string]*job{}, map[string][]*job{} // by the name on the target
	for _, t := range m.plan.Tables {
		ready[t.Target] = m.addIndexes(w, t, loads[t.Name])
	}
	var linking sync.Mutex
	for _, t := range m.plan.Tables {
		if len(t.ForeignKeys) == 0 {
			continue
		}
		tables := []string{t.Target}
		for _, fk := range t.ForeignKeys {
			tables = append(tables, fk.Table)
		}
		slices.Sort(tables)
		tables = slices.Compact(tables)
		link := w.add(buildJob(0, func(ctx context.Context, conn *pgx.Conn) error {
			linking.Lock()
			defer linking.Unlock()
			return m.link(ctx, conn, t)
		}))
		for _, name := range tables {
			link.follow(ready[name])
			links[name] = append(links[name], link)
		}
	}
	for _, t := range m.plan.Tables {
		after := links[t.Target]
		for _, fk := range t.ForeignKeys {
			if sql := validateForeignKey(m.stage.name, t, fk); sql != "" {
				after = []*job{w.add(buildJob(t.Rows*provenBytes, func(ctx context.Context, conn *pgx.Conn) error {
					return m.validate(ctx, conn, t, fk.Name, sql)
				}), after...)}
			}
		}
	}
}

// addIndexes adds the jobs that make everything of one table that concerns no other, and returns the last one. To add a
// key locks the table for as long as its index is built: the index is built before, beside the others of the table.
func (m *migration) addIndexes(w *jobs, t Table, after []*job) *job {
	if len(t.Checks) > 0 { // each locks the table
		after = []*job{w.add(buildJob(t.Rows*provenBytes, func(ctx context.Context, conn *pgx.Conn) error {
			return m.checks(ctx, conn, t)
		}), after...)}
	}
	indexes := slices.Clip(after)
	var last []string
	add := func(ix Index) {
		if !m.built[built{"index", t.Target, ix.Name}] {
			indexes = append(indexes, w.add(buildJob(t.Rows*sortedBytes, func(ctx context.Context, conn *pgx.Conn) error {
				return m.index(ctx, conn, t, createIndex(m.stage.name, t, ix))
			}), after...))
		}
	}
	addKey := func(kind string, k Key) {
		add(k.index())
		if !m.built[built{"constraint", t.Target, k.Name}] {
			last = append(last, keyOfIndex(m.stage.name, t, kind, k))
		}
	}
	if t.PrimaryKey != nil {
		addKey("PRIMARY KEY", *t.PrimaryKey)
	}
	for _, k := range t.Uniques {
		addKey("UNIQUE", k)
	}
	for _, ix := range t.Indexes {
		add(ix)
	}
	last = append(last, "ANALYZE "+qualified(m.stage.name, t.Target))
	return w.add(buildJob(0, func(ctx context.Context, conn *pgx.Conn) error {
		if err := runAll(ctx, conn, last...); err != nil {
			return err
		}
		m.journal.event(lakeward.Event{Type: lakeward.EventDone, Phase: "index", Table: t.Name, Message: "keys and indexes"})
		return nil
	}), indexes...)
}

// How many bytes are loaded while one row is sorted into an index, and while one is checked, roughly.
const (
	sortedBytes = 64
	provenBytes = 32
)

// buildJob is a job for a table that has its rows. Its size is in bytes that are loaded meanwhile.
func buildJob(size int64, do func(context.Context, *pgx.Conn) error) *job {
	return &job{kind: kindBuild, size: float64(size), do: do}
}

// built is an index or a constraint of the staging schema. A key is both, under one name.
type built struct{ kind, table, name string }

// built returns the indexes and constraints that stand in the staging schema.
func (s *stage) built(ctx context.Context) (map[built]bool, error) {
	rows, err := s.conn.Query(ctx, `
		SELECT 'constraint', t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
		WHERE t.relnamespace = to_regnamespace($1)
		UNION ALL
		SELECT 'index', t.relname, i.relname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
		WHERE t.relnamespace = to_regnamespace($1)`, quoteName(s.name))
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	all := map[built]bool{}
	var b built
	_, err = pgx.ForEachRow(rows, []any{&b.kind, &b.table, &b.name}, func() error {
		all[b] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	return all, nil
}

// index builds one key or index.
func (m *migration) index(ctx context.Context, conn *pgx.Conn, t Table, sql string) error {
	err := runAll(ctx, conn, sql)
	if sqlState(err) == "23505" { // unique_violation
		return lakeward.Errorf(lakeward.KindConflict,
			"change one of the rows in the source, or the type of the column in the plan",
			"rows of %s that SQLite keeps apart are equal for PostgreSQL: %w", t.Name, err)
	}
	return err
}

// checks adds the CHECKs of a table. Where a row breaks one that the plan did not foresee, such as one that an edited
// plan converts in another way, the constraint stays NOT VALID.
func (m *migration) checks(ctx context.Context, conn *pgx.Conn, t Table) error {
	for _, c := range t.Checks {
		if m.built[built{"constraint", t.Target, c.Name}] {
			continue
		}
		err := runAll(ctx, conn, addCheck(m.stage.name, t, c))
		if sqlState(err) == "23514" { // check_violation
			c.Violations = 1
			err = runAll(ctx, conn, addCheck(m.stage.name, t, c))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link adds the foreign keys of a table, as NOT VALID.
func (m *migration) link(ctx context.Context, conn *pgx.Conn, t Table) error {
	for _, fk := range t.ForeignKeys {
		if m.built[built{"constraint", t.Target, fk.Name}] {
			continue
		}
		if err := runAll(ctx, conn, addForeignKey(m.stage.name, t, fk)); err != nil {
			return err
		}
	}
	return nil
}

// validate has PostgreSQL check the rows of one foreign key. One that fails although the plan found no orphans stays
// NOT VALID; orphans names its rows. Where an index has the key in order, merging it with the parent's takes a fraction
// of the time of the hash join that the planner prefers.
func (m *migration) validate(ctx context.Context, conn *pgx.Conn, t Table, foreignKey, sql string) error {
	if t.ordered(foreignKey) {
		if _, err := conn.Exec(ctx, "SET enable_hashjoin = off"); err != nil {
			return fmt.Errorf("prepare to validate %s: %w", foreignKey, err)
		}
		defer func() { _, _ = conn.Exec(ctx, "RESET enable_hashjoin") }() // it would only be slower
	}
	if err := runAll(ctx, conn, sql); err != nil && sqlState(err) != "23503" { // foreign_key_violation
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
	quoted := quoteNames(columns)
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
