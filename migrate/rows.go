package migrate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"
)

// value is one value of a SQLite row with its storage class. Its bytes are overwritten by the next row.
type value struct {
	class sqlite.ColumnType
	i     int64
	f     float64
	b     []byte     // of TEXT and BLOB
	large largeValue // in place of b
}

// readRows runs query on conn and hands each row to fn. The slice and the bytes in it are reused for the next row: fn
// must copy what it keeps. It stops at the first error and when ctx is done.
func readRows(ctx context.Context, conn *sqlite.Conn, query string, fn func(row []value) error) error {
	return readRowsUpTo(ctx, conn, query, math.MaxInt, fn)
}

// readRowsUpTo is readRows that copies no value of more than so many bytes, which it hands over as a large one.
func readRowsUpTo(ctx context.Context, conn *sqlite.Conn, query string, most int, fn func(row []value) error) error {
	conn.SetInterrupt(ctx.Done())
	defer conn.SetInterrupt(nil)
	stmt, rest, err := conn.PrepareTransient(query)
	if err != nil {
		return fmt.Errorf("prepare %q: %w", query, err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	if rest != 0 {
		return fmt.Errorf("prepare %q: more than one statement", query)
	}
	row := make([]value, stmt.ColumnCount())
	for {
		more, err := stmt.Step()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("read rows: %w", err)
		}
		if !more {
			return nil
		}
		for i := range row {
			columnValue(stmt, i, most, &row[i])
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// columnValue reads one value of the current row. One of more bytes than most stays with SQLite.
func columnValue(stmt *sqlite.Stmt, i, most int, v *value) {
	v.class, v.b, v.large = stmt.ColumnType(i), v.b[:0], nil
	switch v.class {
	case sqlite.TypeInteger:
		v.i = stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		v.f = stmt.ColumnFloat(i)
	case sqlite.TypeText, sqlite.TypeBlob:
		n := stmt.ColumnLen(i) // before the bytes, because it makes UTF-8 of them
		if n > most {
			v.large = currentValue{stmt.ColumnReader(i)}
			return
		}
		if cap(v.b) < n {
			v.b = nil // the collector may have the small buffer before there is a large one
		}
		v.b = slices.Grow(v.b, n)[:n]
		stmt.ColumnBytes(i, v.b)
	}
}

// currentValue is a large value in SQLite's own memory, as long as its row is the current one.
type currentValue struct{ reader *bytes.Reader }

func (c currentValue) size() int64 { return c.reader.Size() }

func (c currentValue) pieces(fn func([]byte) error) error {
	if _, err := c.reader.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := c.reader.WriteTo(pieceWriter(fn))
	return err
}

// pieceWriter hands what is written on in pieces of the usual size.
type pieceWriter func([]byte) error

func (w pieceWriter) Write(b []byte) (int, error) {
	for piece := range slices.Chunk(b, pieceBytes) {
		if err := w(piece); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
