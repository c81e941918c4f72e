package migrate

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// rowShape is how the rows of one table are compared: all columns, and those that identify a row.
type rowShape struct {
	table   Table
	columns []Column
	canon   []canonFunc
	stand   []standFunc // by OnMisfit
	notNull []bool
	key     []int // places of the key's columns; all columns when the table has no key
	keyless bool
	from    string // what the target's rows are read from, when it is not simply the table
}

func newRowShape(t Table) (*rowShape, error) {
	s := &rowShape{table: t, columns: t.Columns}
	names := verifyKey(t)
	s.keyless = names == nil
	for i, c := range t.Columns {
		canon, err := newCanon(c)
		if err != nil {
			return nil, fmt.Errorf("compare column %s.%s: %w", t.Name, c.Name, err)
		}
		s.canon = append(s.canon, canon)
		s.stand = append(s.stand, newStand(c, canon))
		s.notNull = append(s.notNull, c.NotNull || t.inPrimaryKey(c.Target))
		if s.keyless || names[c.Target] {
			s.key = append(s.key, i)
		}
	}
	return s, nil
}

// verifyKey returns the columns that identify a row: of the primary key, or else of a unique constraint without NULLs.
func verifyKey(t Table) map[string]bool {
	if t.PrimaryKey != nil {
		return setOf(t.PrimaryKey.Columns)
	}
	notNull := map[string]bool{}
	for _, c := range t.Columns {
		notNull[c.Target] = c.NotNull
	}
next:
	for _, k := range t.Uniques {
		for _, column := range k.Columns {
			if !notNull[column] {
				continue next
			}
		}
		return setOf(k.Columns)
	}
	return nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// The seeds of the two hashes of a row.
const (
	rowSeed = 0
	keySeed = 1
)

// check returns the comparison of the two sides of the table.
func (s *rowShape) check(source, target side, report *TableReport) *tableCheck {
	c := &tableCheck{name: s.table.Name, source: source, target: target, report: report}
	for _, column := range s.columns {
		c.columns = append(c.columns, column.Name)
	}
	if !s.keyless {
		c.key = s.key
	}
	return c
}

// sql returns the queries over the table in a schema of the target.
func (s *rowShape) sql(schema string) sideSQL {
	return sideSQL{
		tally: tallySQL(schema, s), hashes: hashesSQL(schema, s), details: detailsSQL(schema, s), columns: len(s.columns),
	}
}

// relation returns what stands behind FROM in the queries over the table.
func (s *rowShape) relation(schema string) string {
	if s.from != "" {
		return s.from
	}
	return qualified(schema, s.table.Target)
}

// rowSQL and keySQL return the SQL expressions of the hashes of a row and of its key. A row without one is its own.
func (s *rowShape) rowSQL() string { return hashSQL(rowSQL(s.columns), "0") }

func (s *rowShape) keySQL() string {
	columns := make([]Column, len(s.key))
	for i, at := range s.key {
		columns[i] = s.columns[at]
	}
	return hashSQL(rowSQL(columns), "1")
}

// sourceRow is one row of the source in canonical form. Its memory is reused for the next row.
type sourceRow struct {
	values []value
	text   []byte // canonical text of the row
	ends   []int  // where in text each column ends, without the |
	key    uint64
	row    uint64
	rowid  int64

	misfit  int      // the column because of which the row is not on the target, or -1
	changed []change // otherwise, the columns that have another value there
}

// change is a value that is another one on the target.
type change struct {
	column int
	to     value
}

// did names what was done.
func (c change) did() Action {
	if c.to.class == sqlite.TypeNull {
		return ActionNulled
	}
	return ActionReplaced
}

// field returns the canonical text of one column.
func (r *sourceRow) field(i int) []byte {
	start := 0
	if i > 0 {
		start = r.ends[i-1] + 1
	}
	return r.text[start:r.ends[i]]
}

// scan hands every row of the source's table to fn. The loop over SQLite's values is not the one of the load.
func (s *rowShape) scan(ctx context.Context, conn *sqlite.Conn, fn func(*sourceRow) error) error {
	conn.SetInterrupt(ctx.Done())
	defer conn.SetInterrupt(nil)
	stmt, _, err := conn.PrepareTransient(s.selectSQL())
	if err != nil {
		return fmt.Errorf("read table %s: %w", s.table.Name, err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	row := sourceRow{values: make([]value, len(s.columns)), ends: make([]int, len(s.columns))}
	var key []byte
	for {
		more, err := stmt.Step()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("read table %s: %w", s.table.Name, err)
		case !more:
			return nil
		}
		row.rowid = stmt.ColumnInt64(0)
		for i := range row.values {
			columnValue(stmt, i+1, &row.values[i])
		}
		s.canonical(&row)
		key = key[:0]
		for _, at := range s.key {
			key = append(append(key, row.field(at)...), '|')
		}
		row.key, row.row = hashText(key, keySeed), hashText(row.text, rowSeed)
		if err := fn(&row); err != nil {
			return err
		}
	}
}

// selectSQL returns the SELECT over all columns, the generated ones included, with the rowid before them.
func (s *rowShape) selectSQL() string {
	fields := []string{"0"}
	if s.table.RowID != "" {
		fields[0] = s.table.RowID
	}
	for _, c := range s.columns {
		fields = append(fields, sourceName(c.Name))
	}
	return "SELECT " + strings.Join(fields, ", ") + " FROM main." + sourceName(s.table.Name)
}

// columnValue reads one value of the current row.
func columnValue(stmt *sqlite.Stmt, i int, v *value) {
	v.class = stmt.ColumnType(i)
	switch v.class {
	case sqlite.TypeInteger:
		v.i = stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		v.f = stmt.ColumnFloat(i)
	case sqlite.TypeText:
		v.b = append(v.b[:0], stmt.ColumnText(i)...)
	case sqlite.TypeBlob:
		n := stmt.ColumnLen(i)
		v.b = append(v.b[:0], make([]byte, n)...)
		stmt.ColumnBytes(i, v.b)
	}
}

// canonical writes the row's canonical text, as it is on the target by the policies of its columns.
func (s *rowShape) canonical(r *sourceRow) {
	r.text, r.misfit, r.changed = r.text[:0], -1, r.changed[:0]
	for i, v := range r.values {
		start := len(r.text)
		if !s.write(r, i, v) && r.misfit < 0 {
			r.text = r.text[:start]
			stand, ok := s.stand[i](v)
			if ok && s.write(r, i, stand) {
				r.changed = append(r.changed, change{i, stand})
			} else {
				r.misfit = i
			}
		}
		r.ends[i] = len(r.text)
		r.text = append(r.text, '|')
	}
}

// write appends the canonical text of one value and reports whether its column can hold it.
func (s *rowShape) write(r *sourceRow, i int, v value) (fits bool) {
	if v.class == sqlite.TypeNull {
		r.text = append(r.text, '~')
		return !s.notNull[i]
	}
	r.text, fits = s.canon[i](r.text, v)
	return fits
}
