package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/dialect"
)

// createIndexes builds the indexes of the original. A unique one that the rows break stays behind.
func (e *exporter) createIndexes(ctx context.Context) error {
	e.file.conn.SetInterrupt(ctx.Done())
	for _, o := range e.file.objects("index") {
		err := e.file.createIndex(o)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			e.leave(Left{Kind: "index", Table: o.Table, Name: o.Name, Reason: constraintReason(err), Source: o.SQL})
		}
	}
	return nil
}

// finish makes everything of the original that is not an ordinary table or an index, and checks the file.
func (e *exporter) finish(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		e.putBack, e.finishVirtual, e.createRest, e.restoreSequences, e.analyze, e.checkFile, e.compareViews,
	} {
		e.file.conn.SetInterrupt(ctx.Done()) // reading takes it away
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return nil
}

// createRest makes views and triggers, now that rows no longer set triggers off.
func (e *exporter) createRest(context.Context) error {
	for _, kind := range []string{"view", "trigger"} {
		for _, o := range e.file.objects(kind) {
			if err := e.file.create(o); err != nil {
				e.leave(Left{Kind: kind, Name: o.Name, Reason: err.Error(), Source: o.SQL})
			}
		}
	}
	return nil
}

// restoreSequences makes AUTOINCREMENT go on after the last value that the database has given out.
func (e *exporter) restoreSequences(ctx context.Context) error {
	for _, o := range e.file.tables() {
		column := autoIncrement(o.SQL)
		if column == "" {
			continue
		}
		last := int64(0)
		at := slices.IndexFunc(e.file.original.Sequence, func(s originalSequence) bool { return s.Table == o.Name })
		if at >= 0 {
			last = e.file.original.Sequence[at].Last
		}
		given, err := e.lastValue(ctx, o.Name, column)
		if err != nil {
			return err
		}
		if last = max(last, given); at < 0 && last == 0 {
			continue
		}
		last, err = e.file.setSequence(o.Name, last)
		if err != nil {
			return err
		}
		e.report.Sequences = append(e.report.Sequences, SequenceState{Table: o.Name, Column: column, Next: last + 1})
	}
	return nil
}

// autoIncrement returns the column of a table that is AUTOINCREMENT, or "".
func autoIncrement(sql string) string {
	parsed, err := dialect.ParseCreateTable(sql)
	if err != nil {
		return ""
	}
	for _, c := range parsed.Columns {
		if c.AutoIncrement {
			return c.Name
		}
	}
	return ""
}

// lastValue returns the last value that the sequence of an identity column has given out, 0 when there is none.
func (e *exporter) lastValue(ctx context.Context, table, column string) (int64, error) {
	at := slices.IndexFunc(e.tables, func(t *exportTable) bool { return t.Name == table })
	if at < 0 {
		return 0, nil
	}
	t := e.tables[at]
	c := t.column(column)
	if c == nil {
		return 0, nil
	}
	var sequence *string
	err := e.conn.QueryRow(ctx, "SELECT pg_get_serial_sequence($1, $2)", qualified(e.record.Schema, t.Target), c.Target).Scan(&sequence)
	if err != nil || sequence == nil {
		return 0, err
	}
	var last int64
	err = e.conn.QueryRow(ctx, "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM "+*sequence).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("read the sequence of %s: %w", t.Target, err)
	}
	return last, nil
}

// setSequence makes AUTOINCREMENT go on after last, or after the highest row, which it returns.
func (f *exportFile) setSequence(table string, last int64) (int64, error) {
	name := "'" + strings.ReplaceAll(table, "'", "''") + "'"
	for _, sql := range []string{
		fmt.Sprintf("UPDATE main.sqlite_sequence SET seq = max(seq, %d) WHERE name = %s", last, name),
		fmt.Sprintf("INSERT INTO main.sqlite_sequence (name, seq) SELECT %s, %d WHERE NOT EXISTS "+
			"(SELECT 1 FROM main.sqlite_sequence WHERE name = %s)", name, last, name),
	} {
		if err := exec(f.conn, sql); err != nil {
			return 0, err
		}
	}
	return pragmaInt(f.conn, "SELECT seq FROM main.sqlite_sequence WHERE name = "+name)
}

// analyze makes the statistics again that the original had.
func (e *exporter) analyze(context.Context) error {
	if !e.file.has("sqlite_stat1") {
		return nil
	}
	return exec(e.file.conn, "ANALYZE main")
}

// checkFile has SQLite look through the whole file, and names the rows that break its constraints. Both checks read with
// connections of their own, side by side.
func (e *exporter) checkFile(ctx context.Context) error {
	var checks []CheckReport
	var orphans []OrphanReport
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		checks, err = e.checkIntegrity(ctx)
		return err
	})
	group.Go(func() (err error) {
		orphans, err = e.checkForeignKeys(ctx)
		return err
	})
	err := group.Wait()
	e.report.Checks, e.report.Orphans = checks, orphans
	return err
}

// checkIntegrity fails when the file is damaged, and returns the constraints that rows break.
func (e *exporter) checkIntegrity(ctx context.Context) (found []CheckReport, err error) {
	conn, err := e.file.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // it was only read
	broken := map[string]int64{}
	err = readRows(ctx, conn, "PRAGMA main.integrity_check(1000000)", func(row []value) error {
		for problem := range strings.Lines(string(row[0].b)) {
			switch problem = strings.TrimSpace(problem); {
			case problem == "ok", strings.HasPrefix(problem, "***"):
			case brokenConstraint(problem):
				broken[problem]++
			default:
				return lakeward.Errorf(lakeward.KindInternal, "please report this with the report file", "the new file is damaged: %s", problem)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, problem := range sortedKeys(broken) {
		what, table, _ := strings.Cut(problem, " in ")
		found = append(found, CheckReport{
			Table: table, Check: what, Rows: broken[problem], Query: "PRAGMA integrity_check(" + sourceName(table) + ")",
		})
	}
	return found, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// checkForeignKeys returns the foreign keys with rows that have no parent.
func (e *exporter) checkForeignKeys(ctx context.Context) (found []OrphanReport, err error) {
	conn, err := e.file.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // it was only read
	now, err := readCatalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	for i := range now.tables {
		orphans, err := e.orphansOf(ctx, conn, &now.tables[i])
		if err != nil {
			return nil, err
		}
		found = append(found, orphans...)
	}
	return found, nil
}

func (e *exporter) orphansOf(ctx context.Context, conn *sqlite.Conn, t *sourceTable) (found []OrphanReport, err error) {
	query := "PRAGMA foreign_key_check(" + sourceName(t.name) + ")"
	rows, parents := map[int64]int64{}, map[int64]string{}
	err = readRows(ctx, conn, query, func(row []value) error {
		rows[row[3].i]++
		parents[row[3].i] = string(row[2].b)
		return nil
	})
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultError { // as in the original: a key that refers to nothing unique
		e.note("the foreign keys of %s cannot be checked: %v", t.name, errors.Unwrap(err))
		return nil, nil
	}
	for at, fk := range t.foreignKeys { // listed as declared, and numbered from the last
		if id := int64(len(t.foreignKeys) - 1 - at); rows[id] > 0 {
			found = append(found, OrphanReport{
				Table: t.name, ForeignKey: strings.Join(fk.columns, ", "), Parent: parents[id], Rows: rows[id], Query: query,
			})
		}
	}
	return found, err
}

// keepMisfits writes the rows that the file cannot hold into its quarantine, and names the first of them.
func (e *exporter) keepMisfits(ctx context.Context, t *exportTable, misfits *exportMisfits) error {
	if len(misfits.rows) == 0 {
		return nil
	}
	byPlace := map[string]exportMisfit{}
	for _, m := range misfits.rows {
		byPlace[m.place] = m
		t.left = append(t.left, m.place)
	}
	key := "'{}'::jsonb"
	if t.PrimaryKey != nil {
		parts := make([]string, len(t.PrimaryKey.Columns))
		for i, c := range t.PrimaryKey.Columns {
			parts[i] = literal(c) + ", " + quoteName(c)
		}
		key = "jsonb_build_object(" + strings.Join(parts, ", ") + ")"
	}
	rows, err := e.conn.Query(ctx, "SELECT ctid::text, "+key+"::text, "+t.rowJSON()+"::text FROM "+
		qualified(e.record.Schema, t.Target)+" lakeward_row WHERE ctid = ANY ($1::text[]::tid[])", t.left)
	if err != nil {
		return fmt.Errorf("read the rows of %s that SQLite cannot hold: %w", t.Name, err)
	}
	var place, id, row string
	_, err = pgx.ForEachRow(rows, []any{&place, &id, &row}, func() error {
		m := byPlace[place]
		return e.setAside(&t.found, QuarantinedRow{Table: t.Name, Key: id, Column: m.column, Reason: m.reason}, row)
	})
	if err != nil {
		return fmt.Errorf("keep the rows of %s that SQLite cannot hold: %w", t.Name, err)
	}
	return nil
}

// setAside puts one row into the quarantine of the file.
func (e *exporter) setAside(found *TableReport, q QuarantinedRow, row string) error {
	found.Quarantined++
	e.uneven[q.Table] = true
	q.Action = ActionQuarantined
	if found.Quarantined <= quarantineKept {
		found.Quarantine = append(found.Quarantine, q)
		e.journal.warn(q.Table, fmt.Sprintf("set aside a row %s: %s", q.Key, strings.TrimPrefix(q.Column+": "+q.Reason, ": ")))
	}
	if e.file.quarantine == "" {
		name := quarantineTable
		for n := 2; e.file.has(name); n++ { // the application may have a table of that name
			name = quarantineTable + "_" + strconv.Itoa(n)
		}
		err := exec(e.file.conn, "CREATE TABLE main."+name+` (migration TEXT NOT NULL, table_name TEXT NOT NULL, key TEXT NOT NULL, `+
			`column_name TEXT NOT NULL, reason TEXT NOT NULL, "row" TEXT NOT NULL, at TEXT NOT NULL)`)
		if err != nil {
			return err
		}
		e.file.quarantine = name
	}
	stmt, _, err := e.file.conn.PrepareTransient("INSERT INTO main." + e.file.quarantine + " VALUES (?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	for i, text := range []string{e.record.ID, q.Table, q.Key, q.Column, q.Reason, row, time.Now().UTC().Format(time.RFC3339)} {
		stmt.BindText(i+1, text)
	}
	_, err = stmt.Step()
	return errors.Join(err, stmt.Finalize())
}
