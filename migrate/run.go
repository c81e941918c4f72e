package migrate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// Options are the choices of a migration or a verification. The zero value is useful.
type Options struct {
	Schema     string            // of the target; empty means the plan's, or public
	Plan       *Plan             // what to do; nil means that it is made from the source
	Jobs       int               // tables and indexes at a time; 0 means one for each processor, up to four
	TargetName string            // what the target is called in reports and in Replace; empty means the database's name
	Strategy   Strategy          // what is brought; empty means SchemaAndData
	Replace    string            // the target's name, typed by the user: objects of the same names are replaced
	OnMisfit   Policy            // of the columns with values that do not fit, where the plan is made; empty means quarantine
	OnOrphan   OrphanPolicy      // of the foreign keys with orphans, where the plan is made; empty means keep
	Strict     bool              // a value that does not fit is a failure, whatever the policy
	WorkDir    string            // where the snapshot of the source is kept meanwhile; empty means os.TempDir
	BackupDir  string            // where a copy of a SQLite source is kept for good; empty means that none is kept
	Progress   lakeward.Progress // receives the events

	chunk int64 // bytes of COPY data in a chunk; 0 means chunkBytes
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
	work     *workFolder
	snapshot *snapshot
	plan     *Plan
	stage    *stage
	existing existingTables // the target's own, for the strategies that go by them
	drop     []object       // what the swap replaces
	built    map[built]bool // indexes and constraints that stood before they were built
	rejected int64          // rows in the quarantine
}

// Run migrates source, a SQLite database in a file or a PostgreSQL database at a postgres:// address, to target. It loads
// into a staging schema, proves there that every row arrived, and swaps the result in with one transaction: when Run
// fails, is cancelled or is killed, target and source are as they were. After a kill, or when the target was lost on the
// way, the same call goes on where it was. The report is never nil; with an error it tells how far the run came.
func Run(ctx context.Context, source string, target Target, o Options) (*Report, error) {
	if isPostgres(source) {
		return runPostgres(ctx, source, target, o)
	}
	m := newMigration("migrate", source, target, o)
	err := o.Strategy.check(o)
	if err == nil {
		err = interrupted(ctx, m.prepared(ctx, true, m.run))
	}
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
		report:  &Report{Version: 1, Lakeward: libraryVersion(), Operation: operation, Started: time.Now().UTC()},
	}
}

// finish closes the report.
func (m *migration) finish() {
	m.journal.end()
	m.report.Phases = m.journal.phases
	m.report.Seconds = time.Since(m.report.Started).Seconds()
}

// prepared calls do when the target has been looked at and snapshot and plan stand. write says whether do writes to the
// target.
func (m *migration) prepared(ctx context.Context, write bool, do func(context.Context) error) (err error) {
	if err := m.inspect(ctx, write); err != nil {
		return err
	}
	source, err := filepath.Abs(m.source)
	if err != nil {
		return fmt.Errorf("find the source: %w", err)
	}
	name := newID() // a verification has nothing to go on with
	if write {
		name = workName(source, m.report.Target.Name, m.report.Target.Database, m.Schema)
	}
	if m.work, err = openWork(m.WorkDir, name); err != nil {
		return err
	}
	if err := m.prepareSource(ctx); err != nil {
		return also(err, m.work.remove())
	}
	if err = do(ctx); write && m.canGoOn(ctx, err) {
		m.work.close()
		return lakeward.Errorf(lakeward.KindUnavailable,
			"when the target is back, run the same command again: it goes on where it was", "%w", err)
	}
	if err != nil && !m.report.Swapped {
		m.dropBackup()
	}
	return also(err, m.work.remove())
}

// canGoOn reports whether the same call can succeed later with what this one has done: the target was lost on the way,
// and nobody has asked to stop.
func (m *migration) canGoOn(ctx context.Context, err error) bool {
	return ctx.Err() == nil && targetLost(err)
}

func (m *migration) run(ctx context.Context) (err error) {
	m.journal.begin("prepare", "look at the target and make a staging schema")
	if m.stage, err = openStage(ctx, m.target, m.Schema, m.work, &m.journal); err != nil {
		return err
	}
	defer m.stage.close(ctx)
	m.report.Migration = m.stage.id
	if err := checkRecord(ctx, m.stage.conn); err != nil {
		return err
	}
	if r, err := m.done(ctx); err != nil {
		return err
	} else if r != nil {
		return m.proveAgain(ctx, r)
	}
	if err := m.makeRoom(ctx); err != nil {
		return err
	}
	if err := m.keepBackup(); err != nil {
		return err
	}
	if err := m.fill(ctx); err != nil {
		if m.canGoOn(ctx, err) {
			return err
		}
		return also(err, m.stage.discard(ctx, m.target))
	}
	m.report.Swapped = m.Strategy != UseExisting
	return nil
}

// makeRoom finds what the swap replaces, or refuses.
func (m *migration) makeRoom(ctx context.Context) (err error) {
	if !m.Strategy.existing() {
		if m.drop, err = m.stage.replaced(ctx, m.plan, m.Replace != "", m.report.Target.Name); err != nil {
			return err
		}
	} else if err := m.stage.checkQuarantine(ctx); err != nil {
		return err
	}
	relations, _ := planNames(m.plan)
	objects, err := standing(ctx, m.stage.conn, m.Schema, relations)
	if err != nil {
		return err
	}
	m.report.Preflight.checkNames(m.Schema, objects)
	return nil
}

// inspect fails early, before a large source is copied, when the target cannot take a migration.
func (m *migration) inspect(ctx context.Context, write bool) (err error) {
	if write {
		err = m.preflight(ctx)
	} else {
		m.report.Target, err = inspectTarget(ctx, m.target, m.Schema, write)
	}
	if err != nil {
		return err
	}
	if m.Strategy.existing() {
		if m.existing, err = readExisting(ctx, m.target, m.Schema); err != nil {
			return err
		}
	}
	m.report.Strategy = cmp.Or(m.Strategy, SchemaAndData)
	m.report.Target.Name = cmp.Or(m.TargetName, m.report.Target.Database)
	if name := m.report.Target.Name; m.Replace != "" && m.Replace != name {
		return lakeward.Errorf(lakeward.KindInvalid, "to replace what stands there, type its name (--replace "+name+")",
			"the target is called %s, not %s", name, m.Replace)
	}
	return nil
}

// preflight looks at what can be seen without reading the source; the rest is looked at when it has been read.
func (m *migration) preflight(ctx context.Context) (err error) {
	p := &Preflight{}
	m.report.Preflight = p
	if m.report.Target, err = p.checkOutside(ctx, m.source, m.target, m.Schema, m.Jobs); err != nil {
		return err
	}
	return p.Err()
}

// prepareSource takes the snapshot and makes the plan, or checks the one that was handed in against the source. Where a
// run that was interrupted has left both, it goes on with them.
func (m *migration) prepareSource(ctx context.Context) (err error) {
	m.journal.begin("snapshot", "copy the source, consistent as of now")
	if err := m.takeSnapshot(ctx); err != nil {
		return err
	}
	m.journal.begin("plan", planMessage)
	if err := m.makePlan(ctx); err != nil {
		return err
	}
	if err := m.lookInside(ctx); err != nil {
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
	if err := m.checkExisting(); err != nil {
		return err
	}
	return m.checkPolicies()
}

// lookInside adds to the preflight of a migration what reading the source has shown.
func (m *migration) lookInside(ctx context.Context) error {
	if m.report.Preflight == nil {
		return nil
	}
	conn, err := m.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only read
	if err := m.report.Preflight.checkPlanned(ctx, conn, m.plan); err != nil || m.proves() {
		return err
	}
	m.report.Preflight.foundIntegrity(nil) // otherwise it is checked beside the proof
	return nil
}

// takeSnapshot copies the source, unless the copy of a run that was interrupted is still good: made for the same
// choices, of a source that nobody has written to since.
func (m *migration) takeSnapshot(ctx context.Context) error {
	asked, err := m.asked()
	if err != nil {
		return err
	}
	if err := checkFile(m.source); err != nil {
		return err
	}
	mark, err := markSource(m.source) // before the copy: what is written while it is made counts as a change
	if err != nil {
		return err
	}
	if m.work.begun {
		switch {
		case m.work.state.Asked != asked:
			m.journal.info("other choices than those of the run that was interrupted: starting over")
		case m.work.state.Source != mark:
			m.journal.info("the source has changed since the run that was interrupted: starting over")
		default:
			m.journal.info("going on with the migration that began at " + m.work.state.Started.Format(time.RFC3339))
			m.snapshot = openSnapshot(m.work.folder)
			if m.report.Preflight != nil {
				m.report.Preflight.pass("disk-space", "the snapshot has been taken already")
			}
			return nil
		}
		m.dropBackup()
	}
	if err := m.work.clear(); err != nil {
		return err
	}
	if p := m.report.Preflight; p != nil {
		if p.checkSpace(m.source, m.Options); p.Err() != nil {
			return p.Err()
		}
	}
	if m.snapshot, err = takeSnapshot(ctx, m.source, m.work.folder, &m.journal); err != nil {
		return err
	}
	m.work.state = workState{Version: 1, ID: newID(), Started: time.Now().UTC(), Asked: asked, Source: mark}
	return m.work.save()
}

// asked returns the digest of the choices that the result depends on.
func (m *migration) asked() (string, error) {
	choices, err := json.Marshal(struct {
		Schema   string
		Plan     *Plan
		OnMisfit Policy
		OnOrphan OrphanPolicy
		Strategy Strategy
		Existing existingTables
	}{m.Schema, m.Options.Plan, m.OnMisfit, m.OnOrphan, m.Strategy, m.existing})
	if err != nil {
		return "", fmt.Errorf("write down the choices: %w", err)
	}
	return workName(string(choices)), nil
}

// makePlan makes the plan, or checks the one that was handed in, and keeps it beside the snapshot.
func (m *migration) makePlan(ctx context.Context) error {
	if m.work.begun {
		if m.plan = m.work.plan(); m.plan != nil {
			return nil
		}
		m.plan = m.Options.Plan
	}
	if err := m.decide(ctx); err != nil {
		return m.explainDamage(ctx, err)
	}
	return m.work.write(planFile, m.plan)
}

func (m *migration) decide(ctx context.Context) error {
	conn, err := m.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only read
	if m.plan != nil {
		m.report.Plan = "given"
		return m.checkGiven(ctx, conn)
	}
	if m.report.Operation == "verify" {
		if m.plan, err = m.recordedPlan(ctx, conn); m.plan != nil || err != nil {
			return err
		}
	}
	m.report.Plan = "made from the source"
	m.plan, err = planFrom(ctx, conn, PlanOptions{
		Schema: m.Schema, OnMisfit: m.OnMisfit, OnOrphan: m.OnOrphan, Progress: m.journal.event, source: m.source, jobs: m.Jobs,
		open: m.snapshot.open, path: m.snapshot.path, existing: m.existing, aside: m.snapshot.aside(), checkLater: m.proves(),
	})
	if err != nil {
		return err
	}
	if m.plan.Source.Path, err = filepath.Abs(m.source); err != nil { // planFrom has seen the snapshot
		return fmt.Errorf("find the source: %w", err)
	}
	return nil
}

// proves reports whether the run ends with a proof, beside which SQLite checks the file.
func (m *migration) proves() bool {
	return m.report.Operation == "migrate" && (m.report.Strategy == SchemaAndData || m.report.Strategy == DataOnly)
}

// checkGiven checks the plan that was handed in. A verification need not foresee anything.
func (m *migration) checkGiven(ctx context.Context, conn *sqlite.Conn) error {
	given, err := m.plan, error(nil)
	o := PlanOptions{
		Schema: m.Schema, Progress: m.journal.event, source: m.source, jobs: m.Jobs,
		open: m.snapshot.open, path: m.snapshot.path, aside: m.snapshot.aside(), checkLater: m.proves(),
	}
	m.plan, err = checkPlan(ctx, conn, given, o, m.report.Operation == "migrate")
	return err
}

// checkPolicies refuses a plan that foresees values which do not fit, where that was asked for.
func (m *migration) checkPolicies() error {
	for _, t := range m.plan.Tables {
		for _, c := range t.Columns {
			switch {
			case c.Misfits == 0 || m.report.Operation != "migrate":
			case m.Strict:
				return strictError(c.Misfits, t.Name+"."+c.Name)
			case c.OnMisfit == PolicyFail:
				return failedError(t.Name, c.Name, c.Misfit, c.Misfits)
			}
		}
		for _, fk := range t.ForeignKeys {
			if m.Strict && m.report.Operation == "migrate" && fk.moves() && fk.Orphans > 0 {
				return strictError(fk.Orphans, t.Name+"."+strings.Join(fk.Columns, ", "))
			}
		}
	}
	return nil
}

func strictError(rows int64, where string) error {
	return lakeward.Errorf(lakeward.KindConflict,
		"mend them in the source, or migrate without --strict and find them in "+quarantineTable,
		"%s of %s would not be stored as they are", plural(rows, "value"), where)
}

// fillAll does everything that happens in the staging schema, and the swap.
func (m *migration) fillAll(ctx context.Context) error {
	if err := m.stage.create(ctx); err != nil {
		return err
	}
	if err := m.loadProven(ctx); err != nil {
		return err
	}
	m.journal.begin("swap", "put the tables in place")
	return m.swap(ctx)
}

// loadProven fills the staging schema and compares it with the source, whose file SQLite checks meanwhile.
func (m *migration) loadProven(ctx context.Context) error {
	if err := m.explainDamage(ctx, m.fillStage(ctx)); err != nil {
		return err
	}
	m.journal.begin("verify", "compare every row with the source")
	return m.checked(ctx, m.verify)
}

// checked does something with the snapshot while SQLite checks its file.
func (m *migration) checked(ctx context.Context, do func(context.Context) error) error {
	group, together := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := m.checkSnapshot(together)
		if together.Err() == nil {
			m.report.Preflight.foundIntegrity(err)
		}
		return err
	})
	group.Go(func() error { return do(together) })
	return m.explainDamage(ctx, group.Wait())
}

// largestFirst sorts tables by their weight.
func largestFirst(tables []Table) []Table {
	return slices.SortedStableFunc(slices.Values(tables), func(a, b Table) int { return cmp.Compare(b.weight(), a.weight()) })
}

// weight is about how many bytes are moved with a table. Few large values keep a disk as busy as many small ones a
// processor; what takes longest begins first, so that nobody waits for it alone.
func (t *Table) weight() int64 {
	bytes := int64(0)
	for _, c := range t.Columns {
		bytes += c.Found.Bytes
	}
	const number = 8
	return bytes + t.Rows*number*int64(len(t.Columns))
}

// indices returns 0 to n-1.
func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
