package migrate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// fill loads the rows and makes everything that had to wait for them and can be made in the staging.
func (m *pgMigration) fill(ctx context.Context) (err error) {
	m.journal.begin("load", "copy the rows, and build the keys and indexes of tables that have theirs")
	if m.steps, err = m.stage.steps(ctx); err != nil {
		return err
	}
	kept, err := m.keptChunks(ctx)
	if err != nil {
		return err
	}
	if m.made, err = m.existing(ctx); err != nil {
		return err
	}
	indexer := m.newIndexer()
	err = indexer.during(ctx, func(ctx context.Context) error {
		if err := m.load(ctx, kept, indexer.loaded); err != nil {
			return err
		}
		if err := m.loadLargeObjects(ctx); err != nil {
			return err
		}
		if m.Strict && m.rejected > 0 {
			return strictError(m.rejected, "their tables")
		}
		m.journal.begin("index", "build the other keys and indexes, constraints and materialized views")
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.build(ctx); err != nil {
		return err
	}
	return m.sequences(ctx)
}

// build makes what needs more than the rows of one table: the keys of the indexes that are built, what partitioned tables
// have, indexes of materialized views, and foreign keys.
func (m *pgMigration) build(ctx context.Context) error {
	unmade := slices.DeleteFunc(m.todo("index", "key", "exclusion"), func(s pgStep) bool {
		return m.made[pgBuilt{kind: "index", schema: s.Schema, name: s.Name}]
	})
	if err := eachItem(ctx, m.worker(), m.Jobs, unmade, m.buildStep); err != nil {
		return err
	}
	for _, s := range m.todo("key") { // quick, and each locks its table
		if err := m.finishKey(ctx, s); err != nil {
			return err
		}
	}
	for _, s := range m.todo("parent", "attach", "check") {
		if err := m.stepOnStage(ctx, s); err != nil {
			return err
		}
	}
	if err := m.foreignKeys(ctx); err != nil {
		return err
	}
	return m.refreshViews(ctx)
}

// todo returns the steps of some kinds that can be made in the staging.
func (m *pgMigration) todo(kinds ...string) (steps []pgStep) {
	for _, kind := range kinds {
		for _, s := range m.steps {
			if s.Kind == kind && !s.Late {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

// existing returns what an earlier run has made: indexes that are whole, and constraints.
func (m *pgMigration) existing(ctx context.Context) (map[pgBuilt]bool, error) {
	rows, err := m.stage.conn.Query(ctx, `
		SELECT 'index', n.nspname::text, '', c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1) AND (i.indisvalid OR c.relkind = 'I')
		UNION ALL
		SELECT CASE WHEN con.contype = 'f' AND con.convalidated THEN 'valid' ELSE 'constraint' END, n.nspname, t.relname, con.conname
		FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid
		JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = ANY ($1)
		UNION ALL
		SELECT 'attach', n.nspname, '', c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('i', 'I')
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1)`, m.stage.stages())
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	made := map[pgBuilt]bool{}
	var b pgBuilt
	_, err = pgx.ForEachRow(rows, []any{&b.kind, &b.schema, &b.table, &b.name}, func() error {
		for _, space := range m.stage.Spaces {
			if space.Stage == b.schema {
				b.schema = space.Schema
			}
		}
		made[b] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at what is built: %w", err)
	}
	return made, nil
}

func (m *pgMigration) explainStep(s pgStep, err error) error {
	if state := sqlState(err); state == "23505" || state == "23P01" { // unique_violation, exclusion_violation
		return lakeward.Errorf(lakeward.KindConflict,
			"the source's index is damaged, or its collation orders in another way: REINDEX it there, mend the rows, and start again",
			"rows of %s break %s: %w", pgLabel(s.Schema, s.Relation), s.Name, explainStatement(s.SQL, err))
	}
	return explainStatement(s.SQL, err)
}

// finishKey makes a key of its index.
func (m *pgMigration) finishKey(ctx context.Context, s pgStep) error {
	if m.made[s.built()] {
		return nil
	}
	if _, err := m.stage.conn.Exec(ctx, s.Finish); err != nil {
		return m.explainStep(s, err)
	}
	return nil
}

// stepOnStage runs a quick step.
func (m *pgMigration) stepOnStage(ctx context.Context, s pgStep) error {
	if m.made[s.built()] {
		return nil
	}
	if _, err := m.stage.conn.Exec(ctx, s.SQL); err != nil {
		return m.explainStep(s, err)
	}
	return nil
}

// foreignKeys adds the foreign keys without a look at the rows, one after another, for each locks two tables, and has
// them proven in parallel, but for those of one table, which lock it. One that the rows break stays as it is: it holds
// for new rows.
func (m *pgMigration) foreignKeys(ctx context.Context) error {
	var prove []pgStep
	for _, s := range m.todo("foreign") {
		if m.made[pgBuilt{kind: "valid", schema: s.Schema, table: s.Relation, name: s.Name}] {
			continue
		}
		err := m.stepOnStage(ctx, s)
		switch {
		case sqlState(err) == "23503" && s.Finish == "": // of a partitioned table, which is proven at once
			m.leaveForeignKey(s, err)
		case err != nil:
			return err
		case s.Finish != "":
			prove = append(prove, s)
		}
	}
	broken := make(chan pgStep, len(prove))
	err := eachItem(ctx, m.worker(), m.Jobs, m.byTable(prove), func(ctx context.Context, conn *pgx.Conn, keys []pgStep) error {
		for _, s := range keys {
			_, err := conn.Exec(ctx, s.Finish)
			if sqlState(err) == "23503" { // foreign_key_violation
				broken <- s
			} else if err != nil {
				return explainStatement(s.Finish, err)
			}
		}
		return nil
	})
	close(broken)
	if err != nil {
		return err
	}
	for s := range broken {
		m.invalid[s.built()] = true
	}
	return nil
}

// byTable sorts steps by their tables, those that look at the most rows first.
func (m *pgMigration) byTable(steps []pgStep) [][]pgStep {
	rows := map[[2]string]int64{}
	for _, t := range m.catalog.tables {
		rows[[2]string{t.Schema, t.Name}] = t.Rows
	}
	table := func(s pgStep) [2]string { return [2]string{s.Schema, s.Relation} }
	groups := map[[2]string][]pgStep{}
	for _, s := range steps {
		groups[table(s)] = append(groups[table(s)], s)
	}
	work := func(group []pgStep) int64 { return int64(len(group)) * rows[table(group[0])] }
	return slices.SortedFunc(maps.Values(groups), func(a, b []pgStep) int { return cmp.Compare(work(b), work(a)) })
}

// leaveForeignKey records a foreign key that cannot be made because rows break it.
func (m *pgMigration) leaveForeignKey(s pgStep, err error) {
	m.invalid[s.built()] = true
	draft := s.SQL
	for _, statement := range m.script.after {
		if b, ok := statement.built(); ok && b == s.built() {
			draft = statement.text
		}
	}
	m.leave(Left{
		Kind: "foreign key", Table: pgLabel(s.Schema, s.Relation), Name: s.Name, Draft: draft,
		Reason: "rows break it, and PostgreSQL cannot keep it for new rows only on a partitioned table: " + explainStatement(s.SQL, err).Error(),
	})
}

// leave records what stays behind.
func (m *pgMigration) leave(l Left) {
	m.report.Left = append(m.report.Left, l)
	m.journal.warn(l.Table, fmt.Sprintf("%s %s stays behind: %s", l.Kind, l.Name, l.Reason))
}

// refreshViews fills the materialized views that the source has filled. Those that call functions of the source wait
// for the swap, as those do that the staging does not have yet.
func (m *pgMigration) refreshViews(ctx context.Context) error {
	late, err := m.lateViews(ctx)
	if err != nil {
		return err
	}
	for _, v := range m.catalog.matviews {
		name := qualified(m.stage.stageOf(v.Schema), v.Name)
		if !v.Populated {
			continue
		}
		if late[name] {
			m.lateRefresh = append(m.lateRefresh, v)
			continue
		}
		for _, sql := range []string{"REFRESH MATERIALIZED VIEW " + name, "ANALYZE " + name} {
			if _, err := m.stage.conn.Exec(ctx, sql); err != nil {
				return explainStatement(sql, err)
			}
		}
	}
	return nil
}

// lateViews returns the materialized views that can only be filled after the swap, by their staged names.
func (m *pgMigration) lateViews(ctx context.Context) (map[string]bool, error) {
	rows, err := m.stage.conn.Query(ctx, `
		WITH RECURSIVE reads AS (
			SELECT DISTINCT r.ev_class AS view, d.refclassid, d.refobjid
			FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
			JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			WHERE n.nspname = ANY ($1)
		), deep AS (
			SELECT c.oid AS top, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind = 'm' AND n.nspname = ANY ($1)
			UNION
			SELECT deep.top, reads.refobjid FROM deep JOIN reads ON reads.view = deep.oid AND reads.refclassid = 'pg_class'::regclass
		)
		SELECT DISTINCT n.nspname::text, c.relname::text FROM deep JOIN reads ON reads.view = deep.oid AND reads.refclassid = 'pg_proc'::regclass
		JOIN pg_proc p ON p.oid = reads.refobjid JOIN pg_namespace pn ON pn.oid = p.pronamespace
		JOIN pg_class c ON c.oid = deep.top JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE pn.nspname = ANY ($1) AND `+pgNoMember("pg_proc", "p.oid"), m.stage.stages())
	if err != nil {
		return nil, fmt.Errorf("look at the materialized views: %w", err)
	}
	late := map[string]bool{}
	var schema, name string
	_, err = pgx.ForEachRow(rows, []any{&schema, &name}, func() error {
		late[qualified(schema, name)] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the materialized views: %w", err)
	}
	there := map[string]bool{}
	objects, err := pgObjects(ctx, m.stage.conn, m.stage.stages()...)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		there[qualified(o.Schema, o.Name)] = true
	}
	for _, v := range m.catalog.matviews {
		if name := qualified(m.stage.stageOf(v.Schema), v.Name); !there[name] {
			late[name] = true
		}
	}
	return late, nil
}

// sequences makes the sequences go on where those of the source stand.
func (m *pgMigration) sequences(ctx context.Context) error {
	batch := &pgx.Batch{}
	for _, s := range m.catalog.sequences {
		batch.Queue("SELECT setval($1::regclass, $2, $3)", qualified(m.stage.stageOf(s.Schema), s.Name), s.Last, s.Called)
		m.report.Sequences = append(m.report.Sequences, s.state())
	}
	if err := m.stage.conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("set the sequences: %w", err)
	}
	return nil
}

// state is the sequence as the report shows it.
func (s pgSequence) state() SequenceState {
	state := SequenceState{Table: pgLabel(s.Schema, s.Table), Column: s.Column, Next: s.next()}
	if s.Table == "" {
		state.Table = pgLabel(s.Schema, s.Name)
	}
	return state
}
