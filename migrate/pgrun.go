package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtool"
)

// pgMigration is one run of Run or Verify with a PostgreSQL source.
type pgMigration struct {
	Options
	journal journal
	source  Target
	target  Target
	report  *Report

	snapshot    *pgSnapshot
	catalog     *pgCatalog
	objects     []pgObject     // of the source
	definitions []pgDefinition // of the source
	script      pgScript
	hash        string // of the script
	stage       *pgStage

	steps       []pgStep
	made        map[pgBuilt]bool // before this run
	invalid     map[pgBuilt]bool // constraints that rows break
	lateRefresh []pgMatview
	rejected    int64 // rows in the quarantine
}

// runPostgres migrates from a PostgreSQL. It is Run for such a source, with the same promises.
func runPostgres(ctx context.Context, source string, target Target, o Options) (*Report, error) {
	m := newPgMigration("migrate", source, target, o)
	err := interrupted(ctx, m.prepared(ctx, m.run))
	m.finish()
	return m.report, err
}

func newPgMigration(operation, source string, target Target, o Options) *pgMigration {
	if o.Jobs <= 0 {
		o.Jobs = defaultJobs()
	}
	return &pgMigration{
		Options: o, source: pgSource(source), target: target, journal: journal{send: o.Progress}, invalid: map[pgBuilt]bool{},
		report: &Report{Version: 1, Lakeward: libraryVersion(), Operation: operation, Started: time.Now().UTC()},
	}
}

// finish closes the report.
func (m *pgMigration) finish() {
	m.journal.end()
	m.report.Phases = m.journal.phases
	m.report.Seconds = time.Since(m.report.Started).Seconds()
}

// prepared calls do when the source is held and has been looked at.
func (m *pgMigration) prepared(ctx context.Context, do func(context.Context) error) (err error) {
	if err := m.checkOptions(); err != nil {
		return err
	}
	m.journal.begin("snapshot", "hold the source as of now, and read its catalog")
	if err := m.hold(ctx); err != nil {
		return err
	}
	defer m.snapshot.close(ctx)
	m.report.Source = m.snapshot.info
	if err := m.inspect(ctx); err != nil {
		return err
	}
	for _, t := range m.catalog.tables {
		m.report.Tables = append(m.report.Tables, TableReport{Name: t.label(), Target: t.label()})
	}
	return do(ctx)
}

// checkOptions refuses choices that mean nothing for a PostgreSQL source.
func (m *pgMigration) checkOptions() error {
	switch {
	case m.Plan != nil:
		return noPlanForPostgres()
	case m.Schema != "":
		return lakeward.Errorf(lakeward.KindInvalid, "leave the schema out", "a PostgreSQL source keeps the names of its schemas")
	case m.Strategy != "" && m.Strategy != SchemaAndData:
		return lakeward.Errorf(lakeward.KindUnsupported, "leave the strategy out, or use pg_dump for a part of the database",
			"the strategy %s is for a SQLite source", m.Strategy)
	case m.OnMisfit != "" && m.OnMisfit != PolicyQuarantine && m.OnMisfit != PolicyFail:
		return lakeward.Errorf(lakeward.KindUnsupported, "choose quarantine or fail",
			"the policy %s is for a SQLite source", m.OnMisfit)
	}
	m.Strict = m.Strict || m.OnMisfit == PolicyFail
	return nil
}

// hold takes the snapshot and reads the catalog in it. The caller closes the snapshot, unless there is an error.
func (m *pgMigration) hold(ctx context.Context) (err error) {
	if m.snapshot, err = takePgSnapshot(ctx, m.source); err != nil {
		return err
	}
	if m.catalog, err = readPgCatalog(ctx, m.snapshot.conn); err != nil {
		m.snapshot.close(ctx)
	}
	return err
}

// inspect fails early when the target cannot take a migration.
func (m *pgMigration) inspect(ctx context.Context) (err error) {
	write := m.report.Operation == "migrate"
	if write {
		if m.report.Preflight, err = checkPostgres(ctx, m.source, m.target, m.Options); err != nil {
			return err
		}
		if err := m.report.Preflight.Err(); err != nil {
			return err
		}
	}
	for _, schema := range append(slices.Clone(m.catalog.schemas), "public") {
		if m.report.Target, err = inspectTarget(ctx, m.target, schema, write); err != nil {
			return err
		}
		if len(m.catalog.schemas) > 0 && schema == m.catalog.schemas[len(m.catalog.schemas)-1] {
			break
		}
	}
	m.report.Target.Schema = strings.Join(m.catalog.schemas, ", ")
	m.report.Target.Name = cmp.Or(m.TargetName, m.report.Target.Database)
	if name := m.report.Target.Name; m.Replace != "" && m.Replace != name {
		return lakeward.Errorf(lakeward.KindInvalid, "to replace what stands there, type its name (--replace "+name+")",
			"the target is called %s, not %s", name, m.Replace)
	}
	return nil
}

func (m *pgMigration) run(ctx context.Context) (err error) {
	m.journal.begin("plan", "read the definitions with pg_dump")
	if err := m.plan(ctx); err != nil {
		return err
	}
	m.journal.begin("prepare", "make the staging schemas")
	if m.stage, err = m.openStage(ctx); err != nil {
		return err
	}
	defer m.stage.close(ctx)
	m.report.Migration = m.stage.id
	if done, err := m.doneBefore(ctx); done || err != nil {
		return err
	}
	created, err := m.resume(ctx)
	if err != nil {
		return m.givenUp(ctx, err, created)
	}
	if m.stage.Done {
		return m.proveAgain(ctx)
	}
	m.reportLeft()
	if err := m.fill(ctx); err != nil {
		return m.givenUp(ctx, err, true)
	}
	if err := m.proveAndSwap(ctx); err != nil {
		return m.givenUp(ctx, err, true)
	}
	m.report.Swapped = true
	m.compareLate(ctx)
	return nil
}

// proveAgain ends a run that was killed after its swap: what is in place is compared once more.
func (m *pgMigration) proveAgain(ctx context.Context) error {
	m.report.Swapped = true
	m.reportLeft()
	m.journal.info("the run that was interrupted has already put everything in place")
	conn, staged := m.stage.conn, m.stage
	if err := m.runVerify(ctx); err != nil {
		return err
	}
	staged.conn = conn
	return staged.discard(ctx, m.target)
}

// givenUp removes the staging after a failure, unless the same command may succeed where this run was cut off.
func (m *pgMigration) givenUp(ctx context.Context, err error, staged bool) error {
	switch {
	case !staged:
		return err
	case ctx.Err() == nil && targetLost(err):
		return lakeward.Errorf(lakeward.KindUnavailable,
			"when both servers are back, run the same command again: it goes on where it was", "%w", err)
	}
	return also(err, m.stage.discard(ctx, m.target))
}

// plan reads the source's definitions and decides which of them go along.
func (m *pgMigration) plan(ctx context.Context) error {
	filter := &pgFilter{}
	if err := m.askTarget(ctx, filter); err != nil {
		return err
	}
	return m.readScript(ctx, filter)
}

// readScript has pg_dump write the source's definitions, and sorts them.
func (m *pgMigration) readScript(ctx context.Context, filter *pgFilter) error {
	tools, err := pgtool.Find(ctx, m.snapshot.major)
	if err != nil {
		return err
	}
	if m.objects, err = pgObjects(ctx, m.snapshot.conn, m.catalog.schemas...); err != nil {
		return err
	}
	if m.definitions, err = pgDefinitions(ctx, m.snapshot.conn, m.catalog.schemas); err != nil {
		return err
	}
	before, after, err := dumpSchema(ctx, tools, m.snapshot)
	if err != nil {
		return err
	}
	filter.owner = []string{m.snapshot.user, m.snapshot.owner}
	m.script = filter.filter(before, after)
	unsaid, err := leftUnsaid(ctx, m.snapshot.conn, cmp.Or(m.report.Target.Database, m.snapshot.database))
	if err != nil {
		return err
	}
	m.script.left = append(m.script.left, unsaid...)
	digest := sha256.New()
	for _, s := range slices.Concat(m.script.before, m.script.after) {
		digest.Write([]byte(s.text + ";\n"))
	}
	m.hash = hex.EncodeToString(digest.Sum(nil))
	m.report.Source.Schema = m.hash
	return nil
}

// askTarget tells the filter what the target has.
func (m *pgMigration) askTarget(ctx context.Context, f *pgFilter) error {
	conn, err := session(ctx, m.target)
	if err != nil {
		return err
	}
	defer closeSession(ctx, conn)
	err = conn.QueryRow(ctx, `
		SELECT (SELECT array_agg(rolname::text) FROM pg_roles),
			coalesce((SELECT array_agg(nspname::text) FROM pg_namespace WHERE nspname = ANY ($1)), '{}')`,
		m.catalog.schemas).Scan(&f.roles, &f.schemas)
	if err != nil {
		return fmt.Errorf("inspect the target: %w", err)
	}
	return nil
}

// resume goes on with the staging of an earlier run, or makes one. created says whether there is a staging now.
func (m *pgMigration) resume(ctx context.Context) (created bool, err error) {
	for _, left := range m.stage.found {
		if left.id == m.stage.id {
			continue
		}
		if err := left.discard(ctx, m.target); err != nil {
			return false, err
		}
		m.journal.info("removed " + left.meta + ", which a run of another source, or of other definitions, left behind")
	}
	if m.stage.Key != "" {
		return true, nil
	}
	if err := m.create(ctx); err != nil {
		return false, err
	}
	return true, nil
}

// worker is the target of the sessions that do the work. They hold a lock by which a later run sees that they have
// ended.
func (m *pgMigration) worker() Target {
	return worker{m.target, &stage{id: m.stage.id}}
}

// reportLeft names what stays behind.
func (m *pgMigration) reportLeft() {
	for _, l := range slices.Concat(m.script.left, m.stage.Left) {
		m.leave(l)
	}
}

// proveAndSwap compares what is staged with the source, and puts it in place.
func (m *pgMigration) proveAndSwap(ctx context.Context) error {
	m.journal.begin("verify", "compare every row with the source")
	if err := m.verify(ctx); err != nil {
		return err
	}
	m.journal.begin("swap", "give the schemas their names")
	return m.swap(ctx)
}

// pgMajor is the major version of the server of a session.
func pgMajor(conn *pgx.Conn) int {
	version := conn.PgConn().ParameterStatus("server_version")
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	major, _ := strconv.Atoi(version[:digits]) // session has read it before
	return major
}

// brokenConstraints reports the constraints that rows of the target break.
func (m *pgMigration) brokenConstraints(ctx context.Context) error {
	for _, b := range slices.SortedFunc(maps.Keys(m.invalid), func(a, b pgBuilt) int { return cmp.Compare(a.String(), b.String()) }) {
		if err := m.orphans(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
