package migrate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"zombiezen.com/go/sqlite"
)

// An INSERT of a large value takes several times its size of memory, because SQLite puts the row together before it
// writes it. So a row with large values is inserted with empty ones in their place, which checks its constraints and
// makes the entries of its indexes. Then its record is written anew in pieces: the table's tree gets a second name, under
// which its records are one BLOB each, and the pieces go into a blob of the right size. That blob begins where its own
// header ends, so the first few bytes of the record are written last, into the file itself.

// largeStore writes the records of rows with large values into one table of the file.
type largeStore struct {
	file  *exportFile
	table *sourceTable
	root  int64
	heads []recordHead
}

// recordHead is what the first bytes of a row's record will be.
type recordHead struct {
	rowid int64
	bytes []byte
}

// largeTree is the second name of the tree.
const largeTree = "lakeward_records"

// mostSQLiteBytes is the size of the largest row that SQLite takes.
const mostSQLiteBytes = 1_000_000_000

// storesLarge reports whether rows of a table can be written in pieces: the record of a row has to be that of its columns
// in their order, in UTF-8.
func (f *exportFile) storesLarge(t *sourceTable) bool {
	if t.rowid == "" || t.withoutRowID || t.shows != nil || sqliteEncoding(f.original.Encoding) != "UTF-8" {
		return false
	}
	for i, c := range t.columns {
		if c.generated || c.place != i {
			return false
		}
	}
	return true
}

// indexed reports whether an index may depend on a column.
func (t *sourceTable) indexed(column int) bool {
	for _, ix := range t.indexes {
		if ix.partial {
			return true
		}
		for _, part := range ix.parts {
			if part.column == column || part.column < rowidPlace {
				return true
			}
		}
	}
	return false
}

// openLarge gives the tree of a table its second name.
func (f *exportFile) openLarge(t *sourceTable) (*largeStore, error) {
	root, err := pragmaInt(f.conn, "SELECT rootpage FROM main.sqlite_schema WHERE type = 'table' AND name = "+sourceText(t.name))
	if err != nil {
		return nil, err
	}
	s := &largeStore{file: f, table: t, root: root}
	return s, s.setName(fmt.Sprintf("INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', '%[1]s', '%[1]s', %[2]d, 'CREATE TABLE %[1]s (record BLOB)')",
		largeTree, root))
}

// setName changes what the file says about the second name.
func (s *largeStore) setName(sql string) error {
	if err := s.file.set("writable_schema = ON"); err != nil {
		return err
	}
	return also(exec(s.file.conn, sql), s.file.set("writable_schema = RESET"))
}

// fill writes the record of a row, whose large values are given by the places of their columns.
func (s *largeStore) fill(ctx context.Context, rowid int64, large map[int]value) error {
	row, err := s.row(ctx, rowid, large)
	if err != nil {
		return err
	}
	var body int64
	for _, v := range row {
		body += storedSize(storedKind(v))
	}
	header := recordHeader(row, false)
	blob, ok := blobOf(int64(len(header)) + body)
	if !ok {
		header = recordHeader(row, true)
		blob, _ = blobOf(int64(len(header)) + body)
	}
	if err := exec(s.file.conn, fmt.Sprintf("UPDATE main.%s SET record = zeroblob(%d) WHERE rowid = %d", largeTree, blob, rowid)); err != nil {
		return err
	}
	out, err := s.file.conn.OpenBlob("main", largeTree, "record", rowid, true)
	if err != nil {
		return err
	}
	head := make([]byte, 0, int64(len(header))+body-blob)
	add := func(piece []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(cap(head)-len(head), len(piece))
		head = append(head, piece[:n]...)
		if len(piece) == n {
			return nil
		}
		_, err := out.Write(piece[n:])
		return err
	}
	err = add(header)
	for _, v := range row {
		if err != nil {
			break
		}
		if v.isLarge() {
			err = v.large.pieces(add)
		} else {
			err = add(appendStored(nil, v))
		}
	}
	s.heads = append(s.heads, recordHead{rowid, head})
	return errors.Join(err, out.Close())
}

// row returns the values of a row as they will be stored.
func (s *largeStore) row(ctx context.Context, rowid int64, large map[int]value) ([]value, error) {
	names := make([]string, len(s.table.columns))
	for i, c := range s.table.columns {
		names[i] = sourceName(c.name)
		if _, ok := large[i]; ok || i == s.table.rowidAlias {
			names[i] = "NULL"
		}
	}
	var kept []value
	query := fmt.Sprintf("SELECT %s FROM main.%s WHERE %s = %d", strings.Join(names, ", "), sourceName(s.table.name), s.table.rowid, rowid)
	err := readRows(ctx, s.file.conn, query, func(row []value) error {
		for i, v := range row {
			v.b = bytes.Clone(v.b)
			if l, ok := large[i]; ok {
				v = l
			}
			kept = append(kept, v)
		}
		return nil
	})
	s.file.conn.SetInterrupt(ctx.Done()) // reading takes it away
	if err == nil && len(kept) != len(names) {
		err = fmt.Errorf("row %d is gone", rowid)
	}
	return kept, err
}

// close takes the second name away and writes the beginnings of the records. Nothing may be uncommitted.
func (s *largeStore) close(ctx context.Context) (err error) {
	if err := s.setName("DELETE FROM main.sqlite_schema WHERE name = '" + largeTree + "'"); err != nil {
		return err
	}
	if len(s.heads) == 0 {
		return nil
	}
	pages, err := openPages(s.file.path)
	if err != nil {
		return err
	}
	defer pages.close()
	file, err := os.OpenFile(s.file.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, head := range s.heads {
		found := false
		r := &treeReader{file: pages, low: head.rowid, high: head.rowid, fn: func(_ int64, p payload) error {
			found = true
			_, err := file.WriteAt(head.bytes, p.place)
			return err
		}}
		if err := r.walk(ctx, uint32(s.root)); err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("row %d of %s is gone", head.rowid, s.table.name)
		}
	}
	return countChange(file)
}

// countChange tells connections that the file has changed under them: in its header stands the number of changes, twice.
func countChange(file *os.File) error {
	const counter, validFor = 24, 92
	var number [4]byte
	if _, err := file.ReadAt(number[:], counter); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(number[:], binary.BigEndian.Uint32(number[:])+1)
	_, err := file.WriteAt(number[:], counter)
	_, err2 := file.WriteAt(number[:], validFor)
	return errors.Join(err, err2)
}

// recordHeader returns the header of a record: its own size, and the types of all values. A wide one writes the size with a
// byte more than it needs.
func recordHeader(row []value, wide bool) []byte {
	var kinds []byte
	for _, v := range row {
		kinds = appendVarint(kinds, storedKind(v))
	}
	size := len(kinds) + 1
	switch {
	case size > 127 && wide:
		size += 2
		return append([]byte{0x80, 0x80 | byte(size>>7), byte(size & 0x7f)}, kinds...)
	case size > 127 || wide:
		size++
		return append([]byte{0x80 | byte(size>>7), byte(size & 0x7f)}, kinds...)
	}
	return append([]byte{byte(size)}, kinds...)
}

// blobOf returns the size of the BLOB that makes a record of one column so large. There are a few sizes that none makes.
func blobOf(record int64) (int64, bool) {
	for head := int64(2); head <= 10; head++ {
		blob := record - head
		if int64(1+len(appendVarint(nil, uint64(2*blob+12)))) == head {
			return blob, true
		}
	}
	return 0, false
}

// storedKind returns the type under which a record holds a value; see storedSize.
func storedKind(v value) uint64 {
	size := uint64(len(v.b))
	if v.isLarge() {
		size = uint64(v.large.size())
	}
	switch v.class {
	case sqlite.TypeInteger:
		return integerKind(v.i)
	case sqlite.TypeFloat:
		return 7
	case sqlite.TypeText:
		return 2*size + 13
	case sqlite.TypeBlob:
		return 2*size + 12
	}
	return 0
}

func integerKind(i int64) uint64 {
	switch {
	case i == 0 || i == 1:
		return 8 + uint64(i)
	case i == int64(int8(i)):
		return 1
	case i == int64(int16(i)):
		return 2
	case i == i<<40>>40:
		return 3
	case i == int64(int32(i)):
		return 4
	case i == i<<16>>16:
		return 5
	}
	return 6
}

// appendStored appends a value as a record holds it.
func appendStored(dst []byte, v value) []byte {
	switch v.class {
	case sqlite.TypeInteger:
		whole := binary.BigEndian.AppendUint64(nil, uint64(v.i))
		return append(dst, whole[8-storedSize(integerKind(v.i)):]...)
	case sqlite.TypeFloat:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.f))
	}
	return append(dst, v.b...)
}

// appendVarint appends a number below 2^56 as SQLite writes it.
func appendVarint(dst []byte, n uint64) []byte {
	shift := 0
	for n>>(shift+7) > 0 {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, 0x80|byte(n>>shift))
	}
	return append(dst, byte(n&0x7f))
}
