package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// ExportOptions are the choices of an export. The zero value is useful.
type ExportOptions struct {
	Schema     string            // of the migrated tables; empty means the only one that a migration has filled
	Migration  string            // the name of the migration to go back from; empty means the only one into the schema
	Jobs       int               // tables compared at a time; 0 means one for each processor, up to four
	Original   bool              // leave out the tables and columns that were added since
	SourceName string            // what the migrated database is called in the report; empty means its name
	Progress   lakeward.Progress // receives the events
}

// Export writes the current state of a migrated database into a new SQLite file of the schema that the application had
// before, with the rows that were written since. All tables are read as of one moment. The file is compared with the
// database, row by row, before it gets its name: when Export fails or is cancelled, there is none. The report is never
// nil.
func Export(ctx context.Context, source Target, path string, o ExportOptions) (*Report, error) {
	if o.Jobs <= 0 {
		o.Jobs = defaultJobs()
	}
	e := &exporter{
		ExportOptions: o, source: source, path: path, journal: journal{send: o.Progress}, uneven: map[string]bool{},
		report: &Report{Version: 1, Lakeward: libraryVersion(), Operation: "export", Started: time.Now().UTC()},
	}
	err := interrupted(ctx, e.run(ctx))
	e.journal.end()
	e.report.Phases = e.journal.phases
	e.report.Seconds = time.Since(e.report.Started).Seconds()
	return e.report, err
}

// exporter is one run of Export.
type exporter struct {
	ExportOptions
	journal journal
	source  Target
	path    string // of the file that is asked for
	report  *Report
	record  recorded
	conn    *pgx.Conn // its transaction holds the moment
	beside  *pgx.Conn // reads large values while conn reads rows; opened when it is needed
	moment  string    // the name of the snapshot as of which all is read
	file    *exportFile
	tables  []*exportTable
	uneven  map[string]bool // tables of the file with other rows than the database has
}

func (e *exporter) run(ctx context.Context) (err error) {
	e.journal.begin("prepare", "look at the database and make an empty file")
	if err := checkAbsent(e.path); err != nil {
		return err
	}
	if e.conn, err = session(ctx, e.source); err != nil {
		return err
	}
	defer closeSession(ctx, e.conn)
	defer func() {
		if e.beside != nil {
			closeSession(ctx, e.beside)
		}
	}()
	if err := e.chooseRecord(ctx); err != nil {
		return err
	}
	tx, err := e.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing was written
	if err := e.conn.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&e.moment); err != nil {
		return fmt.Errorf("hold the moment of the export: %w", err)
	}
	if e.file, err = createExportFile(ctx, e.path, e.record.Original); err != nil {
		return err
	}
	defer func() { err = also(err, e.file.remove()) }()
	if err := e.write(ctx); err != nil {
		return err
	}
	if err := e.file.place(); err != nil {
		return err
	}
	e.report.Swapped = true
	return nil
}

// write fills the file and proves it.
func (e *exporter) write(ctx context.Context) error {
	if err := e.prepareTables(ctx); err != nil {
		return err
	}
	e.journal.begin("write", "copy the rows")
	for _, t := range e.tables {
		if err := e.copyTable(ctx, t); err != nil {
			return err
		}
	}
	e.journal.begin("index", "build the indexes")
	if err := e.createIndexes(ctx); err != nil {
		return err
	}
	e.journal.begin("verify", "compare every row with the database")
	if err := e.verify(ctx); err != nil {
		return err
	}
	e.journal.begin("finish", "put quarantined rows back, create views and triggers, check the file")
	if err := e.finish(ctx); err != nil {
		return err
	}
	e.judge()
	return nil
}

// judge sets the verdict. What the file cannot hold stands in its quarantine.
func (e *exporter) judge() {
	e.report.judge()
	if len(e.report.Notes) > 0 && e.report.Verdict == VerdictIdentical {
		e.report.Verdict = VerdictExcept
	}
}

// chooseRecord finds the migration to go back from.
func (e *exporter) chooseRecord(ctx context.Context) error {
	records, err := readRecords(ctx, e.conn, e.Schema)
	if err != nil {
		return err
	}
	if e.Migration != "" {
		records = slices.DeleteFunc(records, func(r recorded) bool { return r.ID != e.Migration })
	}
	switch {
	case len(records) == 0:
		return e.noRecord()
	case len(records) > 1 && e.Migration == "":
		return e.severalRecords(records)
	}
	e.record = records[0]
	e.report.Migration, e.report.Plan = e.record.ID, "recorded by migration "+e.record.ID
	at := e.record.At.UTC().Format("2006-01-02 15:04")
	e.journal.info(fmt.Sprintf("going back from migration %s of %s on %s", e.record.ID, e.record.Source, at))
	return e.describe(ctx)
}

func (e *exporter) noRecord() error {
	where := "the database"
	if e.Schema != "" {
		where = "schema " + e.Schema
	}
	hint := "migrate a SQLite file into it first"
	if e.Migration != "" || e.Schema != "" {
		hint = "leave out --schema and --migration to see what there is"
	}
	return lakeward.Errorf(lakeward.KindNotFound, hint, "%s has no record of such a migration from SQLite", where)
}

func (e *exporter) severalRecords(records []recorded) error {
	list := make([]string, len(records))
	for i, r := range records {
		list[i] = fmt.Sprintf("%s (%s into schema %s)", r.ID, r.Source, r.Schema)
	}
	return lakeward.Errorf(lakeward.KindConflict, "choose one with --schema or --migration",
		"several migrations have filled the database: %s", strings.Join(list, ", "))
}

// describe fills in where the rows come from and where they go.
func (e *exporter) describe(ctx context.Context) error {
	info := &e.report.Target
	err := e.conn.QueryRow(ctx, `SELECT current_database(), current_user, current_setting('server_version')`).
		Scan(&info.Database, &info.User, &info.Server)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if info.Name, err = filepath.Abs(e.path); err != nil {
		return fmt.Errorf("find the folder of %s: %w", e.path, err)
	}
	info.Schema = e.record.Schema
	name := cmp.Or(e.SourceName, info.Database)
	e.report.Source = SourceInfo{Kind: "postgresql", Path: name, Encoding: "UTF-8"}
	return nil
}

// leave records something that the file does not have, or has in another way.
func (e *exporter) leave(l Left) {
	e.report.Left = append(e.report.Left, l)
	name := l.Name
	if l.Table != "" {
		name = l.Table + "." + l.Name
	}
	e.journal.warn(l.Table, fmt.Sprintf("%s %s: %s", l.Kind, name, l.Reason))
}

// note records a decision that a person should know of.
func (e *exporter) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	e.report.Notes = append(e.report.Notes, text)
	e.journal.info(text)
}

// verify compares each table of the file with that of the database, as of the same moment.
func (e *exporter) verify(ctx context.Context) error {
	tables := slices.Clone(e.tables)
	slices.SortStableFunc(tables, func(a, b *exportTable) int { return cmp.Compare(b.rows, a.rows) })
	err := eachItem(ctx, e.source, e.Jobs, tables, func(ctx context.Context, conn *pgx.Conn, t *exportTable) error {
		return e.atMoment(ctx, conn, func() error { return e.compare(ctx, conn, t) })
	})
	if err != nil {
		return err
	}
	for _, t := range e.tables {
		e.report.Tables = append(e.report.Tables, t.found)
	}
	e.report.judge()
	if e.report.Verdict == VerdictDifferent {
		return lakeward.Errorf(lakeward.KindInternal, "no file was written; please report this with the report file",
			"the rows of the file are not those of the database: %s", e.report.firstDifference())
	}
	return nil
}

// compare proves one table. Rows that the file cannot hold are left out on the side of the database.
func (e *exporter) compare(ctx context.Context, conn *pgx.Conn, t *exportTable) error {
	shape, err := newRowShape(t.compared())
	if err != nil {
		return err
	}
	shape.from = t.from(e.record.Schema)
	if err := checkHash(ctx, conn); err != nil {
		return err
	}
	file, err := e.file.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	found := &t.found
	misfits := misfitRows{handled: handled{}} // a value that the file should not have: the table differs
	target := &sqliteSide{shape: shape, conn: file, meter: e.journal.meter(t.Name, t.rows), misfits: misfits}
	source := &pgSide{conn: conn, name: t.Target, sql: shape.sql(e.record.Schema)}
	if err := shape.check(source, target, found).run(ctx); err != nil {
		return err
	}
	target.meter.done()
	if found.Error == "" && target.misfits.count > 0 {
		found.Error = fmt.Sprintf("%d rows of the file are none that the database can have", target.misfits.count)
	}
	found.Read += found.Quarantined
	found.Bytes = t.bytes
	return nil
}

// errTooManyMisfits ends an export of a table that SQLite cannot hold at all.
var errTooManyMisfits = errors.New("too many rows that SQLite cannot hold")
