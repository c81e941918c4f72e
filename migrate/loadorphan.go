package migrate

import (
	"path/filepath"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// aside returns where the keys of rows that orphan policies move are kept.
func (s *snapshot) aside() string { return filepath.Join(s.folder, asideFile) }

// selectAside is selectRows with what is known of each row as an orphan behind its columns.
func selectAside(t Table, where string) string {
	columns := loadColumns(t)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = "c." + sourceName(c.Name)
	}
	return "SELECT " + strings.Join(append(names, "o.gone", "o.nulls"), ", ") + joinAside(t) +
		strings.Replace(where, " WHERE ", " WHERE c.", 1) + " ORDER BY " + strings.Join(keyOf(t, "c"), ", ")
}

// orphanedRow is what orphan policies do to one row.
type orphanedRow struct {
	misfits []misfit
	nulled  []int // places of columns that become NULL
}

// orphan takes what is known of a row as an orphan off its end. stored is false for one that is quarantined.
func (r *chunkReader) orphan(row []value) (_ []value, o orphanedRow, stored bool) {
	t, columns := r.segment.table, r.encoder.columns
	if !t.setsAside() {
		return row, o, true
	}
	n := len(columns)
	gone, nulls := asideOf(row[n], row[n+1])
	row = row[:n]
	if gone >= 0 {
		o.misfits = []misfit{t.orphan(t.ForeignKeys[gone], columns, row, ActionQuarantined)}
		return row, o, false
	}
	for _, i := range nulls {
		fk := t.ForeignKeys[i]
		o.misfits = append(o.misfits, t.orphan(fk, columns, row, ActionNulled))
		for at, c := range columns {
			if slices.Contains(fk.Columns, c.Target) {
				o.nulled = append(o.nulled, at)
			}
		}
	}
	return row, o, true
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
