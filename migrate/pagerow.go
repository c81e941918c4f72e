package migrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"zombiezen.com/go/sqlite"
)

// pageTable reads the rows of one table from the pages of a snapshot. It is for one goroutine.
type pageTable struct {
	file    *pageFile
	name    string
	root    uint32
	rowid   string // the name under which SQLite shows it
	alias   int    // the column that is the rowid, or -1
	real    []bool // columns whose whole numbers may be stored as integers, though they are REAL
	columns []string
	added   map[int]value // values of columns that were added to the table after the row
	scratch []byte
}

// errByQuery tells that a table has to be read through SQLite.
var errByQuery = errors.New("the rows have to be computed by SQLite")

// newPageTable opens a table of the snapshot at path. It fails with errByQuery for tables WITHOUT ROWID, whose columns
// are stored in another order, for tables with generated columns, and for text that is not UTF-8.
func newPageTable(ctx context.Context, conn *sqlite.Conn, path, name string) (*pageTable, error) {
	t := &pageTable{name: name, added: map[int]value{}}
	kinds, err := tableKinds(ctx, conn)
	if err != nil {
		return nil, err
	}
	if kinds[name].kind != "table" {
		return nil, errByQuery
	}
	source, err := readTable(ctx, conn, sourceObject{name: name}, kinds[name], nil)
	if err != nil {
		return nil, err
	}
	utf8, err := isUTF8(ctx, conn)
	if err != nil {
		return nil, err
	}
	if source.rowid == "" || source.withoutRowID || !utf8 {
		return nil, errByQuery
	}
	t.alias, t.rowid = source.rowidAlias, source.rowid
	for i, c := range source.columns {
		if c.generated || c.place != i {
			return nil, errByQuery
		}
		t.columns, t.real = append(t.columns, c.name), append(t.real, hasRealAffinity(c.declared))
	}
	root, err := pragmaInt(conn, "SELECT rootpage FROM main.sqlite_schema WHERE type = 'table' AND name = "+sourceText(name))
	if err != nil {
		return nil, err
	}
	t.root = uint32(root)
	t.file, err = openPages(path)
	return t, err
}

func (t *pageTable) close() { t.file.close() }

// isUTF8 reports whether the text of a database is stored as UTF-8.
func isUTF8(ctx context.Context, conn *sqlite.Conn) (utf8 bool, err error) {
	err = readRows(ctx, conn, "PRAGMA encoding", func(row []value) error {
		utf8 = string(row[0].b) == "UTF-8"
		return nil
	})
	return utf8, err
}

// sourceText quotes text for SQLite.
func sourceText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// hasRealAffinity follows SQLite's rules in their order: sqlite.org/datatype3.html.
func hasRealAffinity(declared string) bool {
	upper := strings.ToUpper(declared)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(upper, w) {
				return true
			}
		}
		return false
	}
	return !has("INT", "CHAR", "CLOB", "TEXT", "BLOB") && has("REAL", "FLOA", "DOUB")
}

// storedRows are the rows of a table that are read, with some of its columns.
type storedRows struct {
	snapshot string // the file at rest; empty reads through SQLite
	table    string
	columns  []string
	pageRange
	query string // what reads them through SQLite
}

// read hands the rows to fn. The slice and the bytes in it are reused for the next row: fn must copy what it keeps.
func (s *storedRows) read(ctx context.Context, conn *sqlite.Conn, fn func(row []value) error) error {
	if s.snapshot == "" {
		return readRowsUpTo(ctx, conn, s.query, largeBytes, fn)
	}
	t, err := newPageTable(ctx, conn, s.snapshot, s.table)
	if errors.Is(err, errByQuery) {
		return readRowsUpTo(ctx, conn, s.query, largeBytes, fn)
	}
	if err != nil {
		return err
	}
	defer t.close()
	return t.read(ctx, conn, s.columns, s.pageRange, fn)
}

// pageRange are the rows of a table that are read: those between two rowids, both included, without the first ones.
type pageRange struct {
	low, high int64
	skip      int64
}

var allRows = pageRange{low: math.MinInt64, high: math.MaxInt64}

// read hands the rows in a range to fn, with the columns of those names, or the rowid, in their order. The slice and the bytes in it
// are reused for the next row: fn must copy what it keeps.
func (t *pageTable) read(ctx context.Context, conn *sqlite.Conn, names []string, rows pageRange, fn func(row []value) error) error {
	d := &rowDecoder{table: t, conn: conn, row: make([]value, len(names)), slots: make([]int, len(t.columns)), rowid: -1}
	for i := range d.slots {
		d.slots[i] = -1
	}
	for i, name := range names {
		found := false
		for at, c := range t.columns {
			if found = sameName(c, name); found {
				d.slots[at] = i
				d.needed = max(d.needed, at+1)
				break
			}
		}
		switch {
		case !found && name == t.rowid:
			d.rowid = i
		case !found:
			return fmt.Errorf("read table %s: no such column: %s", t.name, name)
		}
	}
	r := &treeReader{file: t.file, low: rows.low, high: rows.high, fn: func(rowid int64, p payload) error {
		if rows.skip > 0 {
			rows.skip--
			return nil
		}
		if err := d.decode(ctx, rowid, p); err != nil {
			return err
		}
		return fn(d.row)
	}}
	return r.walk(ctx, t.root)
}

// rowDecoder turns stored rows into values.
type rowDecoder struct {
	table  *pageTable
	conn   *sqlite.Conn
	row    []value
	slots  []int // for each stored column its place in row, or -1
	needed int   // columns up to the last one that is wanted
	rowid  int   // the place of the rowid in row, or -1
}

// decode fills the row. A stored row is a header, whose size and types are variable-length integers, and the values one
// after another.
func (d *rowDecoder) decode(ctx context.Context, rowid int64, p payload) error {
	t := d.table
	if d.rowid >= 0 {
		d.row[d.rowid] = value{class: sqlite.TypeInteger, i: rowid}
	}
	record := p.local
	if p.overflow != 0 {
		var err error
		if record, err = t.gather(p); err != nil {
			return fmt.Errorf("row %d: %w", rowid, err)
		}
	}
	headerSize, at := varint(record)
	if at == 0 || headerSize > uint64(len(record)) {
		return corrupt("row %d has no header", rowid)
	}
	header, body := record[:headerSize], int64(headerSize)
	for i := range d.needed {
		if at >= len(header) {
			if err := d.fillAdded(ctx, i, rowid); err != nil {
				return err
			}
			continue
		}
		kind := uint64(header[at])
		if kind < 0x80 {
			at++
		} else {
			var n int
			if kind, n = varint(header[at:]); n == 0 {
				return corrupt("row %d is cut off", rowid)
			}
			at += n
		}
		size := storedSize(kind)
		if slot := d.slots[i]; slot >= 0 {
			v := &d.row[slot]
			v.large = nil
			switch {
			case i == t.alias:
				v.class, v.i = sqlite.TypeInteger, rowid
			case body+size <= int64(len(record)):
				if !decodeValue(v, kind, record[body:body+size]) {
					return corrupt("row %d has a value of type %d", rowid, kind)
				}
				d.affinity(v, i)
			case body+size > p.size:
				return corrupt("row %d is cut off", rowid)
			case size > largeBytes:
				*v = value{class: textOrBlob(kind), large: &storedValue{file: t.file, payload: p, offset: body, length: size}}
			default: // it stands behind a large one
				if err := d.fetch(v, kind, p, body, size); err != nil {
					return err
				}
				d.affinity(v, i)
			}
		}
		body += size
	}
	return nil
}

// storedSize returns how many bytes a value of a type takes.
func storedSize(kind uint64) int64 {
	if kind >= 12 {
		return int64((kind - 12) / 2)
	}
	return int64([...]byte{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[kind])
}

func textOrBlob(kind uint64) sqlite.ColumnType {
	if kind&1 == 1 {
		return sqlite.TypeText
	}
	return sqlite.TypeBlob
}

// decodeValue reads a value from its bytes, without copying text or blobs.
func decodeValue(v *value, kind uint64, b []byte) bool {
	switch {
	case kind >= 12:
		v.class, v.b = textOrBlob(kind), b
		return true
	case kind == 0:
		v.class = sqlite.TypeNull
		return true
	case kind == 7:
		v.class, v.f = sqlite.TypeFloat, math.Float64frombits(binary.BigEndian.Uint64(b))
		if math.IsNaN(v.f) { // SQLite reads what it would never write as NULL
			v.class = sqlite.TypeNull
		}
		return true
	case kind > 9:
		return false
	}
	v.class = sqlite.TypeInteger
	switch kind {
	case 1:
		v.i = int64(int8(b[0]))
	case 2:
		v.i = int64(int16(binary.BigEndian.Uint16(b)))
	case 3:
		v.i = int64(int8(b[0]))<<16 | int64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		v.i = int64(int32(binary.BigEndian.Uint32(b)))
	case 5:
		v.i = int64(int16(binary.BigEndian.Uint16(b)))<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	case 6:
		v.i = int64(binary.BigEndian.Uint64(b))
	default:
		v.i = int64(kind - 8)
	}
	return true
}

// fillAdded sets a column that was added to the table after the row was written, which SQLite fills with the column's
// default. SQLite is asked for it, once for each column.
func (d *rowDecoder) fillAdded(ctx context.Context, column int, rowid int64) error {
	slot := d.slots[column]
	if slot < 0 {
		return nil
	}
	t := d.table
	if column == t.alias {
		d.row[slot] = value{class: sqlite.TypeInteger, i: rowid}
		return nil
	}
	v, known := t.added[column]
	if !known {
		query := fmt.Sprintf("SELECT %s FROM main.%s WHERE %s = %d", sourceName(t.columns[column]), sourceName(t.name), t.rowid, rowid)
		err := readRows(ctx, d.conn, query, func(row []value) error {
			v = row[0]
			v.b = append([]byte(nil), v.b...)
			return nil
		})
		if err != nil {
			return err
		}
		t.added[column] = v
	}
	d.row[slot] = v
	return nil
}

// affinity makes a REAL of a whole number that is stored as an integer in a column of reals.
func (d *rowDecoder) affinity(v *value, column int) {
	if d.table.real[column] && v.class == sqlite.TypeInteger {
		v.class, v.f = sqlite.TypeFloat, float64(v.i)
	}
}

// fetch reads one value of a row that was not gathered as a whole.
func (d *rowDecoder) fetch(v *value, kind uint64, p payload, offset, size int64) error {
	b := make([]byte, 0, size)
	err := d.table.file.pieces(p, offset, size, func(piece []byte) error {
		b = append(b, piece...)
		return nil
	})
	if err == nil && !decodeValue(v, kind, b) {
		err = corrupt("a value of type %d", kind)
	}
	return err
}

// gatheredHead is how much of a row is gathered that has a large value: the header and what stands before the value.
const gatheredHead = 64 << 10

// gather copies a row that does not fit its page into one piece, of a large row the beginning.
func (t *pageTable) gather(p payload) ([]byte, error) {
	t.scratch = t.scratch[:0]
	size := p.size
	if size > largeBytes {
		size = gatheredHead
	}
	err := t.file.pieces(p, 0, size, func(piece []byte) error {
		t.scratch = append(t.scratch, piece...)
		return nil
	})
	return t.scratch, err
}
