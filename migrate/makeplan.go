package migrate

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path/filepath"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/dialect"
)

// PlanOptions are the choices of [MakePlan]. The zero value is useful.
type PlanOptions struct {
	Schema   string            // the target's schema; empty means public
	OnMisfit Policy            // of the columns with values that do not fit; empty means quarantine
	OnOrphan OrphanPolicy      // of the foreign keys with orphans; empty means keep
	Progress lakeward.Progress // receives what happens; may be nil

	existing existingTables // of the target, whose names and types the plan takes

	aside  string                       // the file for what orphan policies move; empty means that nobody loads
	source string                       // the name of the source in messages; empty means the file behind the connection
	jobs   int                          // tables read at a time; more than one needs open
	open   func() (*sqlite.Conn, error) // another connection that sees the same rows, as only a file at rest can give
	path   string                       // of that file

	checkLater bool // the caller has SQLite check the file
}

// planMessage describes the phase.
const planMessage = "read every value and decide what it becomes"

// MakePlan reads every value of the SQLite database at path and decides, with the evidence, what each table and column
// becomes. The file is opened read-only and read in one transaction, so that an application may go on writing. Of a
// PostgreSQL database at a postgres:// address it tells what would be moved.
func MakePlan(ctx context.Context, path string, o PlanOptions) (*Plan, error) {
	if isPostgres(path) {
		return planPostgres(ctx, path, o)
	}
	return plannedFrom(ctx, path, o, func(conn *sqlite.Conn) (*Plan, error) { return planFrom(ctx, conn, o) })
}

// plannedFrom has a plan made of, or checked against, the database at path, and puts the path into it.
func plannedFrom(ctx context.Context, path string, o PlanOptions, read func(*sqlite.Conn) (*Plan, error)) (*Plan, error) {
	var plan *Plan
	o.Progress.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: "plan", Message: planMessage})
	err := withSource(ctx, path, func(conn *sqlite.Conn) (err error) {
		plan, err = read(conn)
		if err != nil && lakeward.KindOf(err) == lakeward.KindInternal {
			err = explainRead(ctx, path, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	plan.Source.Path = path
	return plan, nil
}

// planFrom makes the plan of an open database.
func planFrom(ctx context.Context, conn *sqlite.Conn, o PlanOptions) (_ *Plan, err error) {
	if conn.AutocommitEnabled() {
		if err := exec(conn, "BEGIN"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, exec(conn, "ROLLBACK")) }()
	}
	p := newPlanner(conn, o)
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	return p.plan(), nil
}

func newPlanner(conn *sqlite.Conn, o PlanOptions) *planner {
	p := &planner{
		conn: conn, schema: o.Schema, onMisfit: o.OnMisfit, onOrphan: o.OnOrphan, progress: o.Progress, source: o.source,
		relations: targetNames{}, existing: o.existing, aside: o.aside, seed: maphash.MakeSeed(), checkLater: o.checkLater,
	}
	if p.schema == "" {
		p.schema = "public"
	}
	if o.open != nil {
		p.jobs, p.open, p.snapshot = o.jobs, o.open, o.path
	}
	return p
}

// planner holds what the steps of planFrom hand to each other.
type planner struct {
	conn        *sqlite.Conn
	open        func() (*sqlite.Conn, error) // of PlanOptions
	snapshot    string                       // its path, of PlanOptions
	jobs        int                          // connections that scan; conn is the first
	schema      string
	onMisfit    Policy
	existing    existingTables // of PlanOptions
	onOrphan    OrphanPolicy
	aside       string // the file for the keys of rows that orphan policies move, or ""
	progress    lakeward.Progress
	source      string // of PlanOptions
	checkLater  bool   // of PlanOptions
	catalog     *catalog
	tables      []*tablePlanner
	views       []View
	viewColumns [][]dialect.Column // of views, for the views over them
	relations   targetNames        // names of tables, indexes and views on the target
	reserved    map[string]string  // the target names of indexes and views, by their names in the source
	left        []Left
	given       bool     // the plan is somebody's, who has chosen the policies
	news        []string // rows that a given plan did not know of
	seed        maphash.Seed
}

// tablePlanner is one table on its way into the plan.
type tablePlanner struct {
	Table
	source   *sourceTable
	existing *existingTable       // the target's own, where the plan goes by it
	parsed   *dialect.CreateTable // nil when the statement could not be read
	profiles []*profile
	asked    []declaredType
	names    targetNames // of constraints that make no index
	rejected string      // the temporary table with the keys of rows that will be quarantined, or ""

	linked       map[int]bool   // columns of foreign keys, and those that foreign keys refer to
	changed      string         // the temporary table with values of linked columns that are others on the target, or ""
	changes      map[int]bool   // the columns with such values
	outcast      string         // the temporary table with the keys of orphans that will be quarantined, or ""
	nulled       map[int]string // by foreign key, those of orphans that lose their reference
	losses       int            // how often rows or keys have been taken
	unfitOrphans []int          // foreign keys that cannot have the policy that was asked for

	lowest  int64 // rowid, 0 in a table without rows or rowids
	highest int64
}

func (p *planner) run(ctx context.Context) (err error) {
	if p.catalog, err = readCatalog(ctx, p.conn); err != nil {
		return err
	}
	if err := p.checkWidths(); err != nil {
		return err
	}
	p.takeTables()
	p.reserveNames()
	if err := p.scan(ctx); err != nil {
		return err
	}
	p.chooseTypes()
	if p.onMisfit == PolicyWiden {
		p.widen()
	}
	p.agreeOnKeys()
	if err := p.keepApart(ctx); err != nil {
		return err
	}
	p.takeExisting()
	for _, t := range p.tables {
		p.planColumns(t)
		p.planKeys(t)
	}
	for _, t := range p.tables {
		p.planForeignKeys(t)
		p.planChecks(t)
		p.planIndexes(t)
		p.noteHabits(t)
	}
	p.keepExisting()
	p.linkedColumns()
	for _, t := range p.tables {
		if err := p.predictMisfits(ctx, t); err != nil {
			return err
		}
	}
	if err := p.settleOrphans(ctx); err != nil {
		return err
	}
	for _, t := range p.tables {
		if err := p.countViolations(ctx, t); err != nil {
			return err
		}
	}
	p.planViews()
	p.notePlanned()
	return p.leaveRest(ctx)
}

// plan assembles the result.
func (p *planner) plan() *Plan {
	plan := &Plan{
		Version: 1,
		Source: SourceInfo{
			Kind: "sqlite", Bytes: p.catalog.bytes, Encoding: p.catalog.encoding, Journal: p.catalog.journal,
			UserVersion: p.catalog.userVersion, Schema: p.catalog.schemaHash,
		},
		Schema: p.schema, Views: p.views, Left: p.left,
	}
	for _, t := range p.tables {
		plan.Tables = append(plan.Tables, t.Table)
	}
	return plan
}

// sourcePath returns the file behind the connection, for messages.
func (p *planner) sourcePath(ctx context.Context) string {
	if p.source != "" {
		return p.source
	}
	path := "the source"
	_ = readRows(ctx, p.conn, "PRAGMA database_list", func(row []value) error { // a missing path only makes a message vaguer
		if string(row[1].b) == "main" && len(row[2].b) > 0 {
			path = string(row[2].b)
		}
		return nil
	})
	return path
}

// takeTables gives every table and column its name and parses what SQLite keeps of its statement.
func (p *planner) takeTables() {
	for i := range p.catalog.tables {
		source := &p.catalog.tables[i]
		t := &tablePlanner{source: source, names: targetNames{}}
		t.Name, t.RowID = source.name, source.rowid
		t.existing = p.existing.find(source.shownName())
		t.takeName(p.relations)
		parsed, err := dialect.ParseCreateTable(source.sql)
		if err != nil && source.shows == nil {
			p.leave(Left{
				Kind: "table", Name: source.name, Source: source.sql,
				Reason: fmt.Sprintf("its checks, defaults and generated columns: %v", err),
			})
		}
		t.parsed = parsed
		t.takeColumns()
		p.tables = append(p.tables, t)
	}
}

// takeName gives the table its name on the target: its own, or that of the virtual table whose rows it holds.
func (t *tablePlanner) takeName(relations targetNames) {
	name := t.source.shownName()
	if v := t.source.shows; v != nil {
		t.note("it has the rows of the virtual table %s (%s), under whose names they arrive", v.name, v.module())
	}
	if t.existing != nil {
		t.Target = t.existing.Name
		relations[t.Target] = true
		return
	}
	t.Target = relations.pickRelation(name)
	if t.Target != name {
		t.note("renamed to %s: %s", t.Target, whyRenamed(name))
	}
}

func (t *tablePlanner) takeColumns() {
	columns := systemColumns()
	for _, c := range t.source.columns {
		asked := parseDeclared(c.declared)
		if asked.family == familyText && t.checksJSON(c.name) {
			asked.family = familyJSON
		}
		t.asked = append(t.asked, asked)
		profile := newProfile(asked)
		profile.computed = c.generated
		profile.loose = affinity(c.declared) == "BLOB"
		t.profiles = append(t.profiles, profile)
		name := t.source.shownColumn(len(t.Columns))
		column := Column{Name: c.name, Declared: c.declared}
		if there := t.existing.find(name); there != nil {
			column.Target = there.Name
			columns[there.Name] = true
			t.Columns = append(t.Columns, column)
			continue
		}
		column.Target = columns.pick(name)
		if column.Target != name {
			t.note("column %s renamed to %s: %s", sourceName(name), column.Target, whyRenamed(name))
		}
		t.Columns = append(t.Columns, column)
	}
}

// reserveNames gives indexes and views their names before the keys, whose names nobody knows, take theirs.
func (p *planner) reserveNames() {
	p.reserved = map[string]string{}
	for _, v := range p.catalog.views {
		p.reserved[v.name] = p.relations.pickRelation(v.name)
	}
	for _, t := range p.catalog.tables {
		for _, ix := range t.indexes {
			if !ix.constraint() {
				p.reserved[ix.name] = p.relations.pickRelation(ix.name)
			}
		}
	}
}

func (p *planner) leave(l Left) { p.left = append(p.left, l) }

func (t *tablePlanner) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// column finds a column of the table by its source name.
func (t *tablePlanner) column(name string) *Column {
	if i := t.source.column(name); i >= 0 {
		return &t.Columns[i]
	}
	return nil
}

// table finds a table by its source name.
func (p *planner) table(name string) *tablePlanner {
	for _, t := range p.tables {
		if sameName(t.Name, name) {
			return t
		}
	}
	return nil
}
