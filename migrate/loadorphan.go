package migrate

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// aside returns where the keys of rows that orphan policies move are kept.
func (s *snapshot) aside() string { return filepath.Join(s.folder, asideFile) }

// selectAside is selectRows with what is known of each row as an orphan behind its columns: its rowid, by which an
// asideCursor finds the rest, or in a table WITHOUT ROWID the rest itself.
func selectAside(t Table, where string) string {
	columns := loadColumns(t)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = "c." + sourceName(c.Name)
	}
	from := " FROM main." + sourceName(t.Name) + " AS c"
	if t.RowID != "" {
		names = append(names, "c."+t.RowID)
	} else {
		names, from = append(names, "o.gone", "o.nulls"), joinAside(t)
	}
	return "SELECT " + strings.Join(names, ", ") + from + strings.Replace(where, " WHERE ", " WHERE c.", 1) +
		" ORDER BY " + strings.Join(keyOf(t, "c"), ", ")
}

// asideCursor walks what is known of the rows of a table beside its rows, both in the order of their rowids.
type asideCursor struct {
	stmt        *sqlite.Stmt
	rowid       int64
	gone, nulls value
	done        bool
}

// openCursor begins with the first row of a segment. A table WITHOUT ROWID needs none.
func openCursor(src *sqlite.Conn, s *segment) (*asideCursor, error) {
	if s.table.RowID == "" {
		return nil, nil
	}
	query := "SELECT k0, gone, nulls FROM aside." + sourceName(s.table.Name)
	if s.low != nil {
		query += fmt.Sprintf(" WHERE k0 >= %d", *s.low)
	}
	stmt, _, err := src.PrepareTransient(query + " ORDER BY k0")
	if err != nil {
		return nil, fmt.Errorf("read the orphans of %s: %w", s.table.Name, err)
	}
	c := &asideCursor{stmt: stmt}
	return c, c.step()
}

func (c *asideCursor) step() error {
	more, err := c.stmt.Step()
	if err != nil {
		return fmt.Errorf("read orphans: %w", err)
	}
	if c.done = !more; more {
		c.rowid = c.stmt.ColumnInt64(0)
		columnValue(c.stmt, 1, math.MaxInt, &c.gone)
		columnValue(c.stmt, 2, math.MaxInt, &c.nulls)
	}
	return nil
}

// find returns what is known of a row that stands behind those asked for before.
func (c *asideCursor) find(rowid int64) (gone int, nulls []int, err error) {
	for !c.done && c.rowid < rowid {
		if err := c.step(); err != nil {
			return -1, nil, err
		}
	}
	if c.done || c.rowid != rowid {
		return -1, nil, nil
	}
	gone, nulls = asideOf(c.gone, c.nulls)
	return gone, nulls, nil
}

func (c *asideCursor) close() {
	if c != nil {
		_ = c.stmt.Finalize() // it repeats the error of the last step
	}
}

// orphanedRow is what orphan policies do to one row.
type orphanedRow struct {
	gone    bool // it is quarantined
	misfits []misfit
	nulled  []int // places of columns that become NULL
}

// orphan takes what is known of a row as an orphan off its end.
func (r *chunkReader) orphan(row []value) (_ []value, o orphanedRow, err error) {
	if !r.setsAside {
		return row, o, nil
	}
	t, columns := &r.segment.table, r.encoder.columns
	n := len(columns)
	var gone int
	var nulls []int
	if r.aside != nil {
		gone, nulls, err = r.aside.find(row[n].i)
	} else {
		gone, nulls = asideOf(row[n], row[n+1])
	}
	row = row[:n]
	if gone >= 0 {
		o.gone, o.misfits = true, []misfit{t.orphan(t.ForeignKeys[gone], columns, row, ActionQuarantined)}
		return row, o, err
	}
	for _, i := range nulls {
		fk := t.ForeignKeys[i]
		for at, c := range columns {
			if slices.Contains(fk.Columns, c.Target) && !slices.Contains(o.nulled, at) {
				m := t.orphan(fk, columns, row, ActionNulled)
				m.column = c.Name
				o.misfits, o.nulled = append(o.misfits, m), append(o.nulled, at)
			}
		}
	}
	return row, o, err
}

// without returns the row with NULL in the columns that lose their reference.
func (o *orphanedRow) without(row []value) []value {
	if len(o.nulled) == 0 {
		return row
	}
	row = slices.Clone(row) // the quarantine keeps it as it was
	for _, at := range o.nulled {
		row[at] = value{class: sqlite.TypeNull}
	}
	return row
}
