package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// marksTable holds, for every segment of every table, how far it has been loaded. It stands in the staging schema and
// goes with it.
const marksTable = "lakeward_marks"

// createMarks returns the statement that makes the marks.
func createMarks(schema string) string {
	return `CREATE TABLE ` + qualified(schema, marksTable) + ` (
		table_name text NOT NULL,
		segment int NOT NULL,
		low bigint,
		high bigint,
		rows bigint NOT NULL,
		quarantined bigint NOT NULL,
		changed bigint NOT NULL,
		bytes bigint NOT NULL,
		done boolean NOT NULL,
		PRIMARY KEY (table_name, segment)
	)`
}

// segment is a part of a table that one worker loads: all of it, or the rows in a range of rowids.
type segment struct {
	table     Table
	number    int
	low, high *int64 // rowids, both included; nil for all rows
	created   bool   // the table stands
	read      int64  // rows that are loaded or in the quarantine: the order of a snapshot's rows never changes
	done      bool
}

// segmentRows is how many rows a table has at least before it is cut into segments.
const segmentRows = 100_000

// selectSegment returns the SELECT that reads what is left of a segment.
func selectSegment(s *segment) string {
	where := ""
	if s.low != nil {
		where = fmt.Sprintf(" WHERE %s BETWEEN %d AND %d", s.table.RowID, *s.low, *s.high)
	}
	query := selectRowsWhere(s.table, where)
	if s.table.setsAside() {
		query = selectAside(s.table, where)
	}
	if s.read > 0 {
		query += fmt.Sprintf(" LIMIT -1 OFFSET %d", s.read)
	}
	return query
}

// stored returns the rows that are left of a segment.
func (s *segment) stored(snapshot string) storedRows {
	rows := storedRows{snapshot: snapshot, table: s.table.Name, query: selectSegment(s), pageRange: allRows}
	if s.table.setsAside() && s.table.RowID == "" {
		rows.snapshot = "" // what is known of its rows stands in another file
	}
	if s.low != nil {
		rows.low, rows.high = *s.low, *s.high
	}
	rows.skip = s.read
	for _, c := range loadColumns(s.table) {
		rows.columns = append(rows.columns, c.Name)
	}
	if s.table.setsAside() && s.table.RowID != "" {
		rows.columns = append(rows.columns, s.table.RowID)
	}
	return rows
}

// segments returns what is left to be loaded, the largest tables first. A table that holds more than one worker's share
// of all rows is cut into several.
func (l *loader) segments(ctx context.Context, tables []Table, jobs int) ([]*segment, error) {
	var total int64
	for _, t := range tables {
		total += t.Rows
		l.tables[t.Name] = &tableLoad{meter: l.journal.meter(t.Name, t.Rows), journal: l.journal}
	}
	begun, err := l.begun(ctx, tables)
	if err != nil {
		return nil, err
	}
	var left []*segment
	for _, t := range largestFirst(tables) {
		parts := begun[t.Name]
		if parts == nil {
			if parts, err = l.cut(ctx, t, share(t.Rows, total, jobs)); err != nil {
				return nil, err
			}
		}
		load := l.tables[t.Name]
		for _, s := range parts {
			if !s.done {
				load.left++
				left = append(left, s)
			}
		}
		if load.left == 0 {
			load.meter.done()
		}
	}
	return left, nil
}

// share returns into how many segments a table is cut: one for each worker's share of all rows that it holds, rounded,
// because the rows of a table in one piece can be frozen.
func share(rows, total int64, jobs int) int {
	if rows < segmentRows {
		return 1
	}
	return max(1, int((rows*int64(jobs)+total/2)/total))
}

// begun returns the segments that the run before has begun, by table, with the counters of their tables.
func (l *loader) begun(ctx context.Context, tables []Table) (map[string][]*segment, error) {
	byName := map[string]Table{}
	for _, t := range tables {
		byName[t.Name] = t
	}
	rows, err := l.stage.conn.Query(ctx, `
		SELECT table_name, segment, low, high, rows, quarantined, changed, bytes, done
		FROM `+qualified(l.stage.name, marksTable)+` ORDER BY table_name, segment`)
	if err != nil {
		return nil, fmt.Errorf("read how far the load has come: %w", err)
	}
	segments := map[string][]*segment{}
	var s segment
	var name string
	var loaded, quarantined, changed, bytes int64
	_, err = pgx.ForEachRow(rows, []any{&name, &s.number, &s.low, &s.high, &loaded, &quarantined, &changed, &bytes, &s.done}, func() error {
		found := s
		found.table, found.created, found.read = byName[name], true, loaded+quarantined
		segments[name] = append(segments[name], &found)
		load := l.tables[name]
		load.rows, load.quarantined, load.bytes = load.rows+loaded, load.quarantined+quarantined, load.bytes+bytes
		load.changed += changed
		load.meter.rows, load.meter.bytes, load.meter.rejected = load.rows+load.quarantined, load.bytes, load.quarantined
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read how far the load has come: %w", err)
	}
	return segments, nil
}

// cut makes the segments of a table that nobody has begun. A table of several is created here, because none of them can
// be the one that creates it.
func (l *loader) cut(ctx context.Context, t Table, parts int) ([]*segment, error) {
	if parts < 2 || t.RowID == "" {
		return []*segment{{table: t}}, nil
	}
	low, high, err := l.bounds(ctx, t)
	if err != nil {
		return nil, err
	}
	width := uint64(high) - uint64(low) // of the range less one, right also where it does not fit an int64
	if width < uint64(parts) {
		return []*segment{{table: t}}, nil
	}
	var segments []*segment
	step := width/uint64(parts) + 1
	for at := uint64(0); ; at += step {
		first := int64(uint64(low) + at)
		last := int64(uint64(first) + min(step-1, width-at))
		segments = append(segments, &segment{table: t, number: len(segments), low: &first, high: &last, created: true})
		if width-at < step {
			break
		}
	}
	err = pgx.BeginFunc(ctx, l.stage.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, stagedTable(l.stage.name, t)); err != nil {
			return err
		}
		for _, s := range segments {
			if err := s.mark(ctx, tx, l.stage.name, &chunk{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create table %s: %w", t.Target, err)
	}
	return segments, nil
}

// bounds returns the lowest and the highest rowid of a table.
func (l *loader) bounds(ctx context.Context, t Table) (low, high int64, err error) {
	src, err := l.snapshot.open()
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = src.Close() }() // it was only read
	// Each end alone is one look; both at once would read the whole table.
	end := func(fn string) string {
		return "(SELECT " + fn + "(" + t.RowID + ") FROM main." + sourceName(t.Name) + ")"
	}
	err = readRows(ctx, src, "SELECT "+end("min")+", "+end("max"), func(row []value) error {
		low, high = row[0].i, row[1].i
		return nil
	})
	return low, high, err
}

// mark records in the chunk's own transaction that it is loaded. A mark that is not where this run has left it means that
// another one is at work.
func (s *segment) mark(ctx context.Context, tx pgx.Tx, stage string, c *chunk) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO `+qualified(stage, marksTable)+` AS m
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (table_name, segment) DO UPDATE SET rows = m.rows + $5, quarantined = m.quarantined + $6,
			changed = m.changed + $7, bytes = m.bytes + $8, done = $9
			WHERE m.rows + m.quarantined = $10 AND NOT m.done`,
		s.table.Name, s.number, s.low, s.high, c.rows, c.quarantined(), c.changed, c.bytes, c.last, s.read)
	if err == nil && tag.RowsAffected() != 1 {
		err = errors.New("another run has loaded it too")
	}
	if err != nil {
		return fmt.Errorf("mark how far %s is loaded: %w", s.table.Name, err)
	}
	return nil
}

// tableLoad counts what has been loaded of one table, from all of its segments.
type tableLoad struct {
	mu      sync.Mutex
	meter   *meter
	journal *journal
	left    int // segments that are not done

	rows, quarantined, bytes int64
	changed                  int64 // values of the rows that are others on the target
	warned                   int64
}

// loaded counts a chunk that was committed.
func (t *tableLoad) loaded(c *chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.quarantined, t.bytes = t.rows+c.rows, t.quarantined+c.quarantined(), t.bytes+c.bytes
	t.changed += c.changed
	t.meter.rows, t.meter.bytes, t.meter.rejected = t.rows+t.quarantined, t.bytes, t.quarantined
}

// tick reports the progress with what stands of the chunk that is on its way.
func (t *tableLoad) tick(c *chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meter.rows, t.meter.bytes, t.meter.rejected = t.rows+t.quarantined+c.read(), t.bytes+c.bytes, t.quarantined+c.quarantined()
	t.meter.tick()
}

// warn names a row that goes to the quarantine, or its original. Only the first ones are worth a warning each.
func (t *tableLoad) warn(r reject) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.warned++; t.warned <= quarantineKept {
		t.journal.warn(r.table, r.String())
	}
}

// finished ends one segment. The last one reports the table.
func (t *tableLoad) finished() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left--; t.left > 0 {
		return
	}
	if t.quarantined+t.changed > quarantineKept {
		t.journal.warn(t.meter.table, fmt.Sprintf("quarantined %d rows in all, changed %d values", t.quarantined, t.changed))
	}
	t.meter.rows, t.meter.bytes, t.meter.rejected = t.rows+t.quarantined, t.bytes, t.quarantined
	t.meter.done()
}
