package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
)

// Options are the choices of a migration or a verification. The zero value is useful.
type Options struct {
	Schema     string            // of the target; empty means the plan's, or public
	Plan       *Plan             // what to do; nil means that it is made from the source
	Jobs       int               // tables and indexes at a time; 0 means one for each processor, up to four
	TargetName string            // what the target is called in reports and in Replace; empty means the database's name
	Replace    string            // the target's name, typed by the user: objects of the same names are replaced
	Strict     bool              // a row that would be quarantined is a failure
	WorkDir    string            // where the snapshot of the source is kept meanwhile; empty means os.TempDir
	Progress   lakeward.Progress // receives the events
}

// defaultJobs is the number of workers where nobody chose one. More than four only help on targets with many
// processors, and cost each of their connections.
func defaultJobs() int { return min(4, runtime.NumCPU()) }

// migration is one run of Run.
type migration struct {
	Options
	journal  journal
	source   string
	target   Target
	report   *Report
	snapshot *snapshot
	plan     *Plan
	stage    *stage
	drop     []object // what the swap replaces
	rejected int64    // rows in the quarantine
}

// Run migrates the SQLite database in the file source to target. It loads into a staging schema, proves there that
// every row arrived, and swaps the result in with one transaction: when Run fails, is cancelled or is killed, target and
// source are as they were. The report is never nil; with an error it tells how far the run came.
func Run(ctx context.Context, source string, target Target, o Options) (*Report, error) {
	m := newMigration("migrate", source, target, o)
	err := interrupted(ctx, m.prepared(ctx, true, m.run))
	m.finish()
	return m.report, err
}

// also joins two errors on one line; either may be nil.
func also(err, other error) error {
	if err == nil || other == nil {
		return errors.Join(err, other)
	}
	return fmt.Errorf("%w; %w", err, other)
}

// interrupted makes sure that an error which came of ctx being done says so.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

func newMigration(operation, source string, target Target, o Options) *migration {
	if o.Jobs <= 0 {
		o.Jobs = defaultJobs()
	}
	if o.Schema == "" {
		o.Schema = "public"
		if o.Plan != nil && o.Plan.Schema != "" {
			o.Schema = o.Plan.Schema
		}
	}
	return &migration{
		Options: o, source: source, target: target, plan: o.Plan,
		journal: journal{send: o.Progress},
		report:  &Report{Version: 1, Operation: operation, Started: time.Now().UTC()},
	}
}

// finish closes the report.
func (m *migration) finish() {
	m.journal.end()
	m.report.Phases = m.journal.phases
	m.report.Seconds = time.Since(m.report.Started).Seconds()
}

// prepared calls do when the target has been looked at and snapshot and plan stand, and removes the snapshot after it.
// write says whether do writes to the target.
func (m *migration) prepared(ctx context.Context, write bool, do func(context.Context) error) (err error) {
	if err := m.inspect(ctx, write); err != nil {
		return err
	}
	defer func() {
		if m.snapshot != nil {
			err = also(err, m.snapshot.remove())
		}
	}()
	if err := m.prepareSource(ctx); err != nil {
		return err
	}
	return do(ctx)
}

func (m *migration) run(ctx context.Context) (err error) {
	m.journal.begin("prepare", "look at the target and make a staging schema")
	if m.stage, err = openStage(ctx, m.target, m.Schema, &m.journal); err != nil {
		return err
	}
	defer m.stage.close(ctx)
	m.report.Migration = m.stage.id
	if err := checkRecord(ctx, m.stage.conn); err != nil {
		return err
	}
	if m.drop, err = m.stage.replaced(ctx, m.plan, m.Replace != "", m.report.Target.Name); err != nil {
		return err
	}
	if err := m.fill(ctx); err != nil {
		return also(err, m.stage.discard(ctx, m.target))
	}
	m.report.Swapped = true
	return nil
}

// inspect fails early, before a large source is copied, when the target cannot take a migration.
func (m *migration) inspect(ctx context.Context, write bool) (err error) {
	m.report.Target, err = inspectTarget(ctx, m.target, m.Schema, write)
	if err != nil {
		return err
	}
	m.report.Target.Name = cmp.Or(m.TargetName, m.report.Target.Database)
	if name := m.report.Target.Name; m.Replace != "" && m.Replace != name {
		return lakeward.Errorf(lakeward.KindInvalid, "to replace what stands there, type its name: --replace "+name,
			"the target is called %s, not %s", name, m.Replace)
	}
	return nil
}

// prepareSource takes the snapshot and makes the plan, or checks the one that was handed in against the source.
func (m *migration) prepareSource(ctx context.Context) (err error) {
	m.journal.begin("snapshot", "copy the source, consistent as of now")
	if m.snapshot, err = takeSnapshot(ctx, m.source, m.WorkDir, &m.journal); err != nil {
		return err
	}
	m.journal.begin("plan", planMessage)
	if err := m.makePlan(ctx); err != nil {
		return err
	}
	m.report.Source = m.plan.Source
	m.report.Left = slices.Clone(m.plan.Left)
	for _, t := range m.plan.Tables {
		m.report.Tables = append(m.report.Tables, TableReport{Name: t.Name, Target: t.Target})
	}
	for _, l := range m.plan.Left {
		m.journal.warn(l.Table, fmt.Sprintf("%s %s stays behind: %s", l.Kind, l.Name, l.Reason))
	}
	return m.checkStrict()
}

func (m *migration) makePlan(ctx context.Context) error {
	conn, err := m.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only read
	if m.plan != nil {
		m.report.Plan = "given"
		return checkPlan(ctx, conn, m.plan)
	}
	if m.report.Operation == "verify" {
		if m.plan, err = m.recordedPlan(ctx, conn); m.plan != nil || err != nil {
			return err
		}
	}
	m.report.Plan = "made from the source"
	m.plan, err = planFrom(ctx, conn, PlanOptions{
		Schema: m.Schema, Progress: m.journal.event, source: m.source, jobs: m.Jobs, open: m.snapshot.open,
	})
	if err != nil {
		return err
	}
	if m.plan.Source.Path, err = filepath.Abs(m.source); err != nil { // planFrom has seen the snapshot
		return fmt.Errorf("find the source: %w", err)
	}
	return nil
}

// checkStrict refuses a plan that foresees quarantined rows when that was asked for.
func (m *migration) checkStrict() error {
	if !m.Strict {
		return nil
	}
	for _, t := range m.plan.Tables {
		for _, c := range t.Columns {
			if c.Misfits > 0 {
				return strictError(c.Misfits, t.Name+"."+c.Name)
			}
		}
	}
	return nil
}

func strictError(rows int64, where string) error {
	return lakeward.Errorf(lakeward.KindConflict,
		"mend them in the source, or migrate without --strict and find them in "+quarantineTable,
		"%d rows would be quarantined for %s", rows, where)
}

// fill does everything that happens in the staging schema, and the swap.
func (m *migration) fill(ctx context.Context) error {
	if err := m.stage.create(ctx); err != nil {
		return err
	}
	m.journal.begin("load", "copy the rows")
	if err := m.load(ctx); err != nil {
		return err
	}
	if m.Strict && m.rejected > 0 {
		return strictError(m.rejected, "their tables")
	}
	m.journal.begin("index", "build keys, indexes, constraints and views")
	if err := m.build(ctx); err != nil {
		return err
	}
	m.journal.begin("verify", "compare every row with the source")
	if err := m.verify(ctx); err != nil {
		return err
	}
	m.journal.begin("swap", "put the tables in place")
	return m.swap(ctx)
}

// load copies all tables, the largest first, so that no worker is left alone with it at the end.
func (m *migration) load(ctx context.Context) error {
	tables := largestFirst(m.plan.Tables)
	done := make([]loaded, len(tables))
	rejects := make(chan reject)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.quarantine(ctx, rejects) })
	group.Go(func() error {
		defer close(rejects)
		l := &loader{snapshot: m.snapshot, stage: m.stage.name, journal: &m.journal, rejects: rejects}
		load := func(ctx context.Context, conn *pgx.Conn, i int) (err error) {
			done[i], err = l.table(ctx, conn, tables[i])
			return err
		}
		return eachItem(ctx, m.target, m.Jobs, indices(len(tables)), load)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for i, t := range tables {
		r := m.report.table(t)
		r.Read, r.Loaded = done[i].rows+done[i].quarantined, done[i].rows
		r.Quarantined, r.Bytes = done[i].quarantined, done[i].bytes
	}
	return nil
}

// quarantine stores the rejected rows and keeps the first of each table for the report.
func (m *migration) quarantine(ctx context.Context, rejects <-chan reject) error {
	conn, err := session(ctx, m.target)
	if err != nil {
		return err
	}
	defer closeSession(ctx, conn)
	m.rejected, err = quarantine(ctx, conn, m.stage.name, m.stage.id, rejects)
	return err
}

// largestFirst sorts tables by their rows.
func largestFirst(tables []Table) []Table {
	return slices.SortedStableFunc(slices.Values(tables), func(a, b Table) int { return cmp.Compare(b.Rows, a.Rows) })
}

// indices returns 0 to n-1.
func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
