package migrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// A batch of rows is handed over when it has so many of them, or so many bytes; two exist for each table.
const (
	batchRows       = 512
	batchBytes      = 256 << 10
	batchesInFlight = 3
	mostExportLeft  = 10_000 // rows of a table that the file cannot hold
)

// rowBatch is some rows on their way into the file. Its memory is used again.
type rowBatch struct {
	values []value // of one row after another
	places [][6]byte
	bytes  []byte
}

func (b *rowBatch) reset() {
	b.values, b.places = b.values[:0], b.places[:0]
	if cap(b.bytes) > 4*batchBytes {
		b.bytes = nil // the large one is left to the collector
	}
	b.bytes = b.bytes[:0]
}

// copyTable copies the rows of one table: one goroutine reads and converts them, the other one stores them.
func (e *exporter) copyTable(ctx context.Context, t *exportTable) error {
	e.file.conn.SetInterrupt(ctx.Done())
	into := t.stored()
	free, full := make(chan *rowBatch, batchesInFlight), make(chan *rowBatch, batchesInFlight)
	for range batchesInFlight {
		free <- &rowBatch{}
	}
	misfits := &exportMisfits{table: t}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(full)
		return e.readTable(groupCtx, t, into, misfits, free, full)
	})
	group.Go(func() error { return e.storeTable(groupCtx, t, into, misfits, free, full) })
	if err := group.Wait(); err != nil {
		return err
	}
	return e.keepMisfits(ctx, t, misfits)
}

// stored returns the columns that the file does not compute by itself.
func (t *exportTable) stored() []exportColumn {
	var columns []exportColumn
	for _, c := range t.columns {
		if c.restore != nil {
			columns = append(columns, c)
		}
	}
	return columns
}

// readTable reads the rows in PostgreSQL's binary form, with their place before them.
func (e *exporter) readTable(ctx context.Context, t *exportTable, columns []exportColumn, misfits *exportMisfits,
	free <-chan *rowBatch, full chan<- *rowBatch,
) error {
	sql := "SELECT " + strings.Join(t.readFields(columns), ", ") + " FROM " + qualified(e.record.Schema, t.Target)
	if t.order != "" {
		sql += " ORDER BY " + t.order
	}
	rows := e.conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, []int16{1})
	err := e.restoreRows(ctx, t, rows, columns, misfits, free, full)
	if _, closeErr := rows.Close(); closeErr != nil && (err == nil || errors.Is(err, errReadRows)) {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read table %s: %w", t.Target, err)
	}
	return nil
}

var errReadRows = errors.New("the rows ended early")

func (e *exporter) restoreRows(ctx context.Context, t *exportTable, rows *pgconn.ResultReader, columns []exportColumn,
	misfits *exportMisfits, free <-chan *rowBatch, full chan<- *rowBatch,
) error {
	meter := e.journal.meter(t.Name, t.rows)
	batch, err := receive(ctx, free)
	if err != nil {
		return err
	}
	for rows.NextRow() {
		fields := rows.Values()
		if err := batch.add(fields, columns, misfits); err != nil {
			return err
		}
		meter.rows++
		meter.bytes += rowBytes(fields, len(columns))
		if len(batch.places) < batchRows && len(batch.bytes) < batchBytes {
			continue
		}
		meter.tick()
		if err := hand(ctx, full, batch); err != nil {
			return err
		}
		if batch, err = receive(ctx, free); err != nil {
			return err
		}
		batch.reset()
	}
	t.rows, t.bytes = meter.rows, meter.bytes
	meter.done()
	return hand(ctx, full, batch)
}

// add converts one row. One that the file cannot hold is noted instead.
func (b *rowBatch) add(fields [][]byte, columns []exportColumn, misfits *exportMisfits) error {
	start, used := len(b.values), len(b.bytes)
	sizes, most := fields[1+len(columns):], rowBytes(fields, len(columns))
	if most > mostSQLiteBytes-roomBytes {
		return misfits.add([6]byte(fields[0]), "", fmt.Sprintf("%d bytes are more than a row of SQLite holds", most))
	}
	for i, c := range columns {
		v := value{class: sqlite.TypeNull}
		if c.size != "" {
			if sizes[0] != nil {
				v.class, v.large = c.empty, awaited(signed(sizes[0]))
			}
			sizes = sizes[1:]
		}
		if field := fields[i+1]; field != nil {
			var reason string
			if b.bytes, reason = c.restore(b.bytes, &v, field); reason != "" {
				b.values, b.bytes = b.values[:start], b.bytes[:used]
				return misfits.add([6]byte(fields[0]), c.Name, reason)
			}
		}
		b.values = append(b.values, v)
	}
	b.places = append(b.places, [6]byte(fields[0]))
	return nil
}

// roomBytes is more than the header of a row takes.
const roomBytes = 1 << 20

// rowBytes returns how many bytes the columns of a row have, those of large values included.
func rowBytes(fields [][]byte, columns int) (n int64) {
	for _, field := range fields[1 : 1+columns] {
		n += int64(len(field))
	}
	for _, size := range fields[1+columns:] {
		if size != nil {
			n += signed(size)
		}
	}
	return n
}

func receive[T any](ctx context.Context, from <-chan T) (t T, err error) {
	select {
	case t = <-from:
		return t, nil
	case <-ctx.Done():
		return t, context.Cause(ctx)
	}
}

func hand[T any](ctx context.Context, to chan<- T, t T) error {
	select {
	case to <- t:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// storeTable writes the rows into the file, in one transaction.
func (e *exporter) storeTable(ctx context.Context, t *exportTable, columns []exportColumn, misfits *exportMisfits,
	free chan<- *rowBatch, full <-chan *rowBatch,
) error {
	conn := e.file.conn
	var large *largeStore
	if t.large != nil {
		var err error
		if large, err = e.file.openLarge(t.large); err != nil {
			return err
		}
	}
	if err := exec(conn, "BEGIN"); err != nil {
		return err
	}
	stmt, _, err := conn.PrepareTransient(insertInto(t.into, columns))
	if err != nil {
		return fmt.Errorf("store rows of %s: %w", t.Name, err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	for batch := range full {
		for i, place := range batch.places {
			row := batch.values[i*len(columns) : (i+1)*len(columns)]
			reason, err := store(stmt, row)
			switch {
			case err == nil && reason != "":
				err = misfits.add(place, "", reason)
			case err == nil && large != nil:
				t.note(place, conn.LastInsertRowID(), row)
			}
			if err != nil {
				return e.explainStore(ctx, t.Name, err)
			}
		}
		free <- batch // never blocks: there are as many places as batches
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if large == nil {
		return exec(conn, "COMMIT")
	}
	if err := e.fillLarge(ctx, t, columns, large); err != nil { // the reader has ended
		return e.explainStore(ctx, t.Name, err)
	}
	if err := exec(conn, "COMMIT"); err != nil {
		return err
	}
	return large.close(ctx)
}

// insertInto returns the INSERT of one row. OR ABORT overrides the ON CONFLICT of the table's constraints, which could drop
// rows in silence.
func insertInto(table string, columns []exportColumn) string {
	if len(columns) == 0 {
		return "INSERT OR ABORT INTO main." + sourceName(table) + " DEFAULT VALUES"
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = sourceName(c.into)
	}
	return "INSERT OR ABORT INTO main." + sourceName(table) + " (" + strings.Join(names, ", ") + ") VALUES (?" +
		strings.Repeat(", ?", len(columns)-1) + ")"
}

// store runs an INSERT. It returns the reason when a constraint of the file refuses the row.
func store(stmt *sqlite.Stmt, row []value) (reason string, err error) {
	bind(stmt, row)
	_, err = stmt.Step()
	if resetErr := stmt.Reset(); err == nil {
		err = resetErr
	}
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return constraintReason(err), nil
	}
	return "", err
}

func bind(stmt *sqlite.Stmt, row []value) {
	for i, v := range row {
		if v.isLarge() {
			v.b = nil // written later
		}
		v.bind(stmt, i+1)
	}
}

// bind gives a value to the parameter of a statement with the number i; the first is 1.
func (v value) bind(stmt *sqlite.Stmt, i int) {
	switch v.class {
	case sqlite.TypeInteger:
		stmt.BindInt64(i, v.i)
	case sqlite.TypeFloat:
		stmt.BindFloat(i, v.f)
	case sqlite.TypeText:
		stmt.BindText(i, string(v.b))
	case sqlite.TypeBlob:
		stmt.BindBytes(i, v.b)
	default:
		stmt.BindNull(i)
	}
}

// constraintReason takes what SQLite says out of the driver's words: "UNIQUE constraint failed: t.a".
func constraintReason(err error) string {
	text := err.Error()
	for _, word := range []string{"UNIQUE constraint", "NOT NULL constraint", "CHECK constraint", "FOREIGN KEY constraint", "cannot store"} {
		if at := strings.Index(text, word); at >= 0 {
			return text[at:]
		}
	}
	return text
}

func (e *exporter) explainStore(ctx context.Context, table string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultFull {
		return lakeward.Errorf(lakeward.KindUnavailable, "free some space there, or export to another folder",
			"no space left for %s: %w", e.path, err)
	}
	return fmt.Errorf("store rows of %s: %w", table, err)
}

// exportMisfits are the rows of a table that the file cannot hold, as reader and writer find them.
type exportMisfits struct {
	table *exportTable
	mu    sync.Mutex
	rows  []exportMisfit
}

type exportMisfit struct {
	place  string // ctid
	column string
	reason string
}

func (m *exportMisfits) add(place [6]byte, column, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) == mostExportLeft {
		return lakeward.Errorf(lakeward.KindConflict, "change the column back on the database, or drop it",
			"table %s has %w: %s", m.table.Name, errTooManyMisfits, reason)
	}
	m.rows = append(m.rows, exportMisfit{placeText(place), column, reason})
	return nil
}

// placeText writes a ctid as PostgreSQL does: (block,offset).
func placeText(b [6]byte) string {
	return fmt.Sprintf("(%d,%d)", binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint16(b[4:]))
}
