package migrate

import (
	"context"
	"fmt"
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
			v := &row[i]
			v.class, v.b = stmt.ColumnType(i), v.b[:0]
			switch v.class {
			case sqlite.TypeInteger:
				v.i = stmt.ColumnInt64(i)
			case sqlite.TypeFloat:
				v.f = stmt.ColumnFloat(i)
			case sqlite.TypeText, sqlite.TypeBlob:
				n := stmt.ColumnLen(i)
				if cap(v.b) < n {
					v.b = nil // the collector may have the small buffer before there is a large one
				}
				v.b = slices.Grow(v.b, n)[:n]
				stmt.ColumnBytes(i, v.b)
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}
