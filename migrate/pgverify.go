package migrate

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// verifyPostgres is Verify for a PostgreSQL source.
func verifyPostgres(ctx context.Context, source string, target Target, o Options) (*Report, error) {
	m := newPgMigration("verify", source, target, o)
	err := interrupted(ctx, m.prepared(ctx, m.runVerify))
	m.finish()
	return m.report, err
}

func (m *pgMigration) runVerify(ctx context.Context) error {
	m.journal.begin("verify", "compare every row with the source")
	m.stage = &pgStage{}
	if err := m.compare(ctx, nil); err != nil {
		return err
	}
	m.report.judge()
	return nil
}

// verify compares what is staged with the source. Any difference that has no explanation ends the migration.
func (m *pgMigration) verify(ctx context.Context) error {
	if err := m.compare(ctx, m.lateRefresh); err != nil {
		return err
	}
	if err := m.brokenConstraints(ctx); err != nil {
		return err
	}
	return m.report.accept()
}

// compare fills the report with what differs between the source and the target, or its staging. Views in late are
// still empty there.
func (m *pgMigration) compare(ctx context.Context, late []pgMatview) error {
	target, err := pgTargetSession(ctx, m.target)
	if err != nil {
		return err
	}
	defer closeSession(ctx, target)
	if err := m.quarantined(ctx, target); err != nil {
		return err
	}
	if err := m.compareTables(ctx); err != nil {
		return err
	}
	if err := m.compareViews(ctx, late); err != nil {
		return err
	}
	if err := m.compareSequences(ctx, target); err != nil {
		return err
	}
	if len(m.catalog.largeObjects) == 0 {
		return nil
	}
	source, err := m.snapshot.Connect(ctx)
	if err != nil {
		return err
	}
	defer closeSession(ctx, source)
	large, err := m.compareLargeObjects(ctx, source, target, m.stage.meta != "")
	if err != nil {
		return err
	}
	m.report.Tables = append(m.report.Tables, *large)
	return nil
}

func (m *pgMigration) compareTables(ctx context.Context) error {
	pairs := make([]pgTablePair, len(m.catalog.tables))
	for i, t := range m.catalog.tables {
		pairs[i] = pgTablePair{
			SourceSchema: t.Schema, TargetSchema: m.stage.stageOf(t.Schema), Name: t.Name, Key: t.Key, Rows: t.Rows,
			Quarantined: m.report.table(Table{Name: t.label(), Target: t.label()}).Quarantined,
		}
	}
	reports, err := comparePostgres(ctx, m.comparison(pairs))
	if err != nil {
		return err
	}
	for i, t := range m.catalog.tables {
		found, r := reports[i], m.report.table(Table{Name: t.label(), Target: t.label()})
		found.Name, found.Target, found.Bytes = r.Name, r.Target, r.Bytes
		if m.report.Operation == "migrate" || found.Read == found.Loaded+r.Quarantined { // it may tell of another migration
			found.Quarantined, found.Quarantine = r.Quarantined, r.Quarantine
		}
		for d := range found.Differences {
			found.Differences[d].Table = r.Name
		}
		found.forgive()
		*r = found
	}
	return nil
}

// forgive takes the rows that are in the quarantine from those that the target misses.
func (t *TableReport) forgive() {
	if t.Quarantined == 0 || t.Differing != t.Quarantined || t.Read != t.Loaded+t.Quarantined || t.Verified != t.Loaded {
		return
	}
	t.Differing, t.Differences = 0, nil
}

func (m *pgMigration) comparison(pairs []pgTablePair) pgComparison {
	return pgComparison{
		Source: m.snapshot.Connect,
		Target: func(ctx context.Context) (*pgx.Conn, error) { return pgTargetSession(ctx, m.target) },
		Tables: pairs, Jobs: m.Jobs, Journal: &m.journal,
	}
}

// compareLate compares the materialized views that the swap has filled. The swap has taken place: what is found is told.
func (m *pgMigration) compareLate(ctx context.Context) {
	if len(m.lateRefresh) == 0 {
		return
	}
	m.stage.pgState, m.catalog.matviews = pgState{}, m.lateRefresh
	if err := m.compareViews(ctx, nil); err != nil {
		m.journal.warn("", "materialized views that were filled with the swap could not be compared: "+err.Error())
	}
	m.report.judge()
}

// compareViews compares the materialized views. One that the source has not refreshed since its tables changed differs
// with reason.
func (m *pgMigration) compareViews(ctx context.Context, late []pgMatview) error {
	var pairs []pgTablePair
	var views []pgMatview
	for _, v := range m.catalog.matviews {
		waits := false
		for _, l := range late {
			waits = waits || l.Schema == v.Schema && l.Name == v.Name
		}
		if waits {
			continue // it is compared after the swap
		}
		if v.Populated {
			views = append(views, v)
			pairs = append(pairs, pgTablePair{SourceSchema: v.Schema, TargetSchema: m.stage.stageOf(v.Schema), Name: v.Name, Columns: v.Columns})
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	reports, err := comparePostgres(ctx, m.comparison(pairs))
	if err != nil {
		return err
	}
	for i, v := range views {
		r := ViewReport{
			Name: pgLabel(v.Schema, v.Name), Target: pgLabel(v.Schema, v.Name), Rows: reports[i].Read, Loaded: reports[i].Loaded,
			Identical: reports[i].same(), Error: reports[i].Error,
		}
		if !r.Identical && r.Error == "" {
			if r.Explained, err = m.stale(ctx, v); err != nil {
				return err
			}
			for _, d := range reports[i].Differences {
				if d.Kind == Missing && r.Source == "" {
					r.Source = d.Source
				}
				if d.Kind == Extra && r.Extra == "" {
					r.Extra = d.Target
				}
			}
		}
		m.report.Views = append(m.report.Views, r)
	}
	return nil
}

// stale explains a view whose rows on the source are not those that its definition gives there now.
func (m *pgMigration) stale(ctx context.Context, v pgMatview) (string, error) {
	conn, err := m.snapshot.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer closeSession(ctx, conn)
	var definition string
	name := qualified(v.Schema, v.Name)
	if err := conn.QueryRow(ctx, "SELECT rtrim(pg_get_viewdef($1::regclass), ';')", name).Scan(&definition); err != nil {
		return "", fmt.Errorf("read the definition of %s: %w", name, err)
	}
	var differing int64
	err = conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (
		SELECT v::text FROM %[1]s v EXCEPT ALL SELECT d::text FROM (%[2]s) d) gone`, name, definition)).Scan(&differing)
	var missing int64
	if err == nil {
		err = conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (
			SELECT d::text FROM (%[2]s) d EXCEPT ALL SELECT v::text FROM %[1]s v) gone`, name, definition)).Scan(&missing)
	}
	switch {
	case err != nil && sqlState(err) != "":
		return "", nil // it cannot be told: a difference stays one
	case err != nil:
		return "", fmt.Errorf("compute %s on the source: %w", name, err)
	case differing+missing == 0:
		return "", nil
	}
	return "the source has not refreshed it since its tables changed; the target has", nil
}

// compareSequences makes sure that no sequence of the target gives out a value again that the source has given out. One
// that would is a difference.
func (m *pgMigration) compareSequences(ctx context.Context, target *pgx.Conn) error {
	m.report.Sequences = nil
	behind := TableReport{Name: "sequences", Target: "sequences", Read: int64(len(m.catalog.sequences))}
	for _, s := range m.catalog.sequences {
		there := pgSequence{Step: s.Step}
		err := target.QueryRow(ctx, "SELECT last_value, is_called FROM "+qualified(m.stage.stageOf(s.Schema), s.Name)).Scan(&there.Last, &there.Called)
		if err != nil && !strings.HasPrefix(sqlState(err), "42") { // there is none, or nobody may look at it
			return fmt.Errorf("read sequence %s of the target: %w", pgLabel(s.Schema, s.Name), err)
		}
		if err == nil {
			behind.Loaded++
		}
		if err != nil || (there.next()-s.next())*s.Step < 0 {
			behind.Differing++
			behind.Differences = append(behind.Differences, Difference{
				Table: behind.Name, Kind: Changed, Key: pgLabel(s.Schema, s.Name), Column: "next value",
				Source: strconv.FormatInt(s.next(), 10), Target: strconv.FormatInt(there.next(), 10),
			})
		}
		state := s.state()
		state.Next = there.next()
		m.report.Sequences = append(m.report.Sequences, state)
	}
	if behind.Differing > 0 {
		behind.Verified = behind.Read - behind.Differing
		m.report.Tables = append(m.report.Tables, behind)
	}
	return nil
}

// orphans reports the rows that break a foreign key.
func (m *pgMigration) orphans(ctx context.Context, b pgBuilt) error {
	var parent, parentSchema string
	var columns, references []string
	name := qualified(b.schema, b.table)
	err := m.snapshot.conn.QueryRow(ctx, `
		SELECT n.nspname, p.relname,
			(SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k (num, n)
				JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num),
			(SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k (num, n)
				JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num)
		FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
		WHERE c.conrelid = $1::regclass AND c.conname = $2`, name, b.name).Scan(&parentSchema, &parent, &columns, &references)
	if err != nil {
		return fmt.Errorf("look at foreign key %s of %s: %w", b.name, name, err)
	}
	query := func(what, child, parent string) string {
		var set, match []string
		for i, c := range columns {
			set = append(set, "c."+quoteName(c)+" IS NOT NULL")
			match = append(match, "p."+quoteName(references[i])+" = c."+quoteName(c))
		}
		return fmt.Sprintf("SELECT %s FROM %s c WHERE NOT EXISTS (SELECT FROM %s p WHERE %s) AND %s",
			what, child, parent, strings.Join(match, " AND "), strings.Join(set, " AND "))
	}
	rows, err := countRows(ctx, m.stage.conn, query("count(*)", qualified(m.stage.stageOf(b.schema), b.table),
		qualified(m.stage.stageOf(parentSchema), parent)))
	if err != nil {
		return err
	}
	m.report.Orphans = append(m.report.Orphans, OrphanReport{
		Table: pgLabel(b.schema, b.table), ForeignKey: b.name, Parent: pgLabel(parentSchema, parent), Rows: rows,
		Query: query("c.*", name, qualified(parentSchema, parent)),
	})
	m.journal.warn(pgLabel(b.schema, b.table), fmt.Sprintf("%s without a parent in %s; foreign key %s holds for new rows only",
		plural(rows, "row"), pgLabel(parentSchema, parent), b.name))
	return nil
}
