package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// Verify compares target with the SQLite database in the file source again, at any time after a migration: every row of
// every table, and the rows of every view. It reads only. Rows that have changed on either side since are differences.
// The error is about the comparison itself; what it found is in the report.
func Verify(ctx context.Context, source string, target Target, o Options) (*Report, error) {
	if isPostgres(source) {
		return verifyPostgres(ctx, source, target, o)
	}
	m := newMigration("verify", source, target, o)
	err := interrupted(ctx, m.prepared(ctx, false, m.runVerify))
	m.finish()
	return m.report, err
}

func (m *migration) runVerify(ctx context.Context) error {
	m.journal.begin("verify", "compare every row with the source")
	if err := m.compare(ctx, m.Schema); err != nil {
		return err
	}
	return m.foundBroken(ctx)
}

// verify compares the staged tables with the source. A view that gives other rows than the source's stays behind; any
// other difference ends the migration.
func (m *migration) verify(ctx context.Context) error {
	if err := m.compare(ctx, m.stage.name); err != nil {
		return err
	}
	if err := m.dropDifferingViews(ctx); err != nil {
		return err
	}
	return m.report.accept()
}

// checkSnapshot has SQLite look through every page of the snapshot.
func (m *migration) checkSnapshot(ctx context.Context) error {
	conn, err := m.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only read
	return checkIntegrity(ctx, conn, m.source)
}

// explainDamage has SQLite say what is wrong with a source where reading it has failed: it knows best.
func (m *migration) explainDamage(ctx context.Context, err error) error {
	if err == nil || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultCorrupt {
		return err
	}
	damage := m.checkSnapshot(ctx)
	if damage != nil && ctx.Err() == nil && m.report.Preflight != nil {
		m.report.Preflight.foundIntegrity(damage)
	}
	return cmp.Or(damage, err)
}

// compare fills the report with what differs between the source and a schema of the target.
func (m *migration) compare(ctx context.Context, schema string) error {
	v := &verifier{migration: m, schema: schema, misfits: map[string]misfitRows{}}
	if err := v.findOrphans(ctx); err != nil {
		return err
	}
	if err := v.tables(ctx); err != nil {
		return err
	}
	if err := v.views(ctx); err != nil {
		return err
	}
	m.report.judge()
	return nil
}

// verifier compares the snapshot with one schema of the target.
type verifier struct {
	*migration
	schema  string
	misfits map[string]misfitRows // by the source's table
	aside   string                // the file with the rows that orphan policies move
	moved   map[string]bool       // the tables that it knows
}

// tables compares all tables, the largest first.
func (v *verifier) tables(ctx context.Context) error {
	tables := largestFirst(v.plan.Tables)
	reports, misfits := make([]TableReport, len(tables)), make([]misfitRows, len(tables))
	err := eachItem(ctx, v.target, v.Jobs, indices(len(tables)), func(ctx context.Context, conn *pgx.Conn, i int) error {
		return frozen(ctx, conn, func() (err error) {
			reports[i], misfits[i], err = v.table(ctx, conn, tables[i])
			return err
		})
	})
	if err != nil {
		return err
	}
	for i, t := range tables {
		r := v.report.table(t)
		reports[i].Bytes = r.Bytes
		*r, v.misfits[t.Name] = reports[i], misfits[i]
	}
	return nil
}

// frozen runs fn in a transaction that sees the target as of one moment and cannot write.
func frozen(ctx context.Context, conn *pgx.Conn, fn func() error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin to compare: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing was written
	return fn()
}

// table compares one table.
func (v *verifier) table(ctx context.Context, conn *pgx.Conn, t Table) (TableReport, misfitRows, error) {
	found := TableReport{Name: t.Name, Target: t.Target}
	shape, err := newRowShape(t)
	if err != nil {
		return found, misfitRows{}, err
	}
	if err := checkHash(ctx, conn); err != nil {
		return found, misfitRows{}, err
	}
	kept, err := v.quarantined(ctx, conn, t, &found)
	if err != nil {
		return found, misfitRows{}, err
	}
	src, err := v.snapshot.open()
	if err != nil {
		return found, misfitRows{}, err
	}
	defer func() { _ = src.Close() }() // it was only read
	if shape.aside = v.moved[t.Name]; shape.aside {
		if err := attachAside(src, v.aside); err != nil {
			return found, misfitRows{}, err
		}
	}
	source := &sqliteSide{shape: shape, conn: src, meter: v.journal.meter(t.Name, t.Rows), misfits: misfitRows{handled: handled{}}}
	check := shape.check(source, &pgSide{conn: conn, name: t.Target, sql: shape.sql(v.schema)}, &found)
	if err := check.run(ctx); err != nil {
		return found, misfitRows{}, err
	}
	if found.Error == "" {
		source.meter.differing = found.Differing
		source.meter.done()
		found.Read += source.misfits.count
		found.Error = source.misfits.handled.differ(kept)
	}
	return found, source.misfits, nil
}

// views compares all views of the plan.
func (v *verifier) views(ctx context.Context) error {
	reports := make([]ViewReport, len(v.plan.Views))
	compare := func(ctx context.Context, conn *pgx.Conn, i int) error {
		return frozen(ctx, conn, func() (err error) {
			reports[i], err = v.view(ctx, conn, v.plan.Views[i])
			return err
		})
	}
	err := eachItem(ctx, v.target, v.Jobs, indices(len(reports)), compare)
	v.report.Views = reports
	return err
}

// dropDifferingViews removes the views from the staging schema that do not give the rows of the source's views, with
// those that read them, and names them.
func (m *migration) dropDifferingViews(ctx context.Context) error {
	kept := m.plan.Views
	for _, r := range m.report.Views {
		if r.Identical || r.Explained != "" {
			continue
		}
		at := slices.IndexFunc(kept, func(v View) bool { return v.Name == r.Name })
		if at < 0 { // gone with another one
			continue
		}
		m.leaveView(kept[at], "its translation gives other rows than the source: "+r.difference())
		if err := m.stage.run(ctx, "DROP VIEW "+qualified(m.stage.name, r.Target)+" CASCADE"); err != nil {
			return err
		}
		var err error
		if kept, err = m.remainingViews(ctx, slices.Delete(slices.Clone(kept), at, at+1), r.Name); err != nil {
			return err
		}
	}
	m.keepViews(kept)
	m.report.Views = slices.DeleteFunc(m.report.Views, func(r ViewReport) bool {
		return !slices.ContainsFunc(kept, func(v View) bool { return v.Name == r.Name })
	})
	return nil
}

// remainingViews returns those of views that still exist after one was dropped, and names the others.
func (m *migration) remainingViews(ctx context.Context, views []View, dropped string) (kept []View, err error) {
	for _, v := range views {
		var there bool
		name := qualified(m.stage.name, v.Target)
		err := m.stage.conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&there)
		if err != nil {
			return nil, fmt.Errorf("look for view %s: %w", v.Target, err)
		}
		if there {
			kept = append(kept, v)
		} else {
			m.leaveView(v, "it reads "+dropped+", which stays behind")
		}
	}
	return kept, nil
}

// foundBroken names the foreign keys and checks of the target that hold for new rows only, with the rows that break
// them now.
func (m *migration) foundBroken(ctx context.Context) error {
	conn, err := session(ctx, m.target)
	if err != nil {
		return err
	}
	defer closeSession(ctx, conn)
	for i, t := range m.plan.Tables {
		if m.report.Tables[i].Error != "" {
			continue
		}
		if err := m.broken(ctx, conn, m.Schema, t); err != nil {
			return err
		}
	}
	m.report.judge()
	return nil
}
