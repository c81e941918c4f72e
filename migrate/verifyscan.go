package migrate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// rowShape is how the rows of one table are compared: all columns, and those that identify a row.
type rowShape struct {
	table   Table
	columns []Column
	forms   []form
	stand   []standFunc // by OnMisfit
	notNull []bool
	key     []int // places of the key's columns; all columns when the table has no key
	rest    []int // the others
	keyless bool
	large   []bool // columns that may have values which are not held
	aside   bool   // what orphan policies do to a row stands beside it
	from    string // what the target's rows are read from, when it is not simply the table
}

func newRowShape(t Table) (*rowShape, error) {
	s := &rowShape{table: t, columns: t.Columns}
	names := verifyKey(t)
	s.keyless = names == nil
	for i, c := range t.Columns {
		form, err := newForm(c)
		if err != nil {
			return nil, fmt.Errorf("compare column %s.%s: %w", t.Name, c.Name, err)
		}
		s.forms = append(s.forms, form)
		s.stand = append(s.stand, newStand(c, form.append))
		s.large = append(s.large, t.mayStream(c))
		s.notNull = append(s.notNull, c.NotNull || t.inPrimaryKey(c.Target))
		if s.keyless || names[c.Target] {
			s.key = append(s.key, i)
		} else {
			s.rest = append(s.rest, i)
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

// The seeds of hashes: of the rows of a view, and of the key of a table's row.
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
		total: totalSQL(schema, s), tally: tallySQL(schema, s), hashes: hashesSQL(schema, s), details: detailsSQL(schema, s), columns: len(s.columns),
	}
}

// relation returns what stands behind FROM in the queries over the table.
func (s *rowShape) relation(schema string) string {
	if s.from != "" {
		return s.from
	}
	return qualified(schema, s.table.Target)
}

// keySQL and rowSQL return the SQL expressions of the hashes of a row's key and of the row. The key's hash is the seed of
// the hash of the other columns.
func (s *rowShape) keySQL() string { return s.hashSQL(s.key, "1::bigint") }

func (s *rowShape) rowSQL() string {
	if len(s.rest) == 0 {
		return s.keySQL()
	}
	return s.hashSQL(s.rest, s.keySQL())
}

// hash computes the hashes of a row's key and of the row.
func (s *rowShape) hash(r *sourceRow) {
	r.key = s.hashOf(r, s.key, keySeed)
	if r.row = r.key; len(s.rest) > 0 {
		r.row = s.hashOf(r, s.rest, r.key)
	}
}

// chained is how many columns are hashed one into the next. Where there are more, the hashes of several chains are
// combined, because PostgreSQL cannot nest as many calls as a table may have columns.
const chained = 100

// hashOf is the hash of some columns of a row.
func (s *rowShape) hashOf(r *sourceRow, places []int, seed uint64) (h uint64) {
	for at := 0; at < len(places); at += chained {
		chain := seed
		if at > 0 {
			chain = hashWord(folded(int64(at)), seed)
		}
		for _, i := range places[at:min(at+chained, len(places))] {
			f := &s.forms[i]
			switch {
			case r.null[i]:
				chain = f.hash(f.absent, chain)
			case r.large[i] != nil:
				var err error
				chain, err = hashLarge(r.large[i], chain)
				r.err = cmp.Or(r.err, err)
			default:
				chain = f.hash(r.field(i), chain)
			}
		}
		h ^= chain
	}
	return h
}

// digest tells apart the values of one column.
func (s *rowShape) digest(r *sourceRow, i int) string {
	return strconv.FormatInt(int64(s.hashOf(r, []int{i}, 0)), 10)
}

// sourceRow is one row of the source. Its memory is reused for the next row.
type sourceRow struct {
	values []value
	null   []bool // on the target
	large  []largeValue
	text   []byte // a large JSON text while its form is written
	forms  []byte // of all columns
	ends   []int  // where in forms each column ends
	key    uint64
	row    uint64
	rowid  int64
	err    error // of reading a large value

	misfit  int      // the column because of which the row is not on the target, or -1
	changed []change // otherwise, the columns that have another value there
	gone    int      // the foreign key because of which the row is not on the target, or -1
	nulled  []int    // otherwise, the foreign keys whose columns are NULL there
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

// field returns the form of one column.
func (r *sourceRow) field(i int) []byte {
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.forms[start:r.ends[i]]
}

// scan hands every row of the source's table to fn. The loop over SQLite's values is not the one of the load.
func (s *rowShape) scan(ctx context.Context, conn *sqlite.Conn, fn func(*sourceRow) error) error {
	conn.SetInterrupt(ctx.Done())
	defer conn.SetInterrupt(nil)
	if opens, err := opensValues(ctx, conn, s.table.Name); err != nil || !opens {
		clear(s.large)
	}
	stmt, _, err := conn.PrepareTransient(s.selectSQL())
	if err != nil {
		return fmt.Errorf("read table %s: %w", s.table.Name, err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	n := len(s.columns)
	row := sourceRow{values: make([]value, n), null: make([]bool, n), large: make([]largeValue, n), ends: make([]int, n)}
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
			columnValue(stmt, i+1, s.copied(i), &row.values[i])
		}
		s.readLarge(conn, stmt, &row)
		if s.orphan(stmt, &row); row.misfit < 0 {
			s.hash(&row)
		}
		if row.err != nil {
			return fmt.Errorf("read table %s, row %d: %w", s.table.Name, row.rowid, row.err)
		}
		if err := fn(&row); err != nil {
			return err
		}
	}
}

// opensValues reports whether SQLite can open a single value of a table: not where columns are computed, and as its bytes
// are stored, which in UTF-16 are others.
func opensValues(ctx context.Context, conn *sqlite.Conn, table string) (bool, error) {
	utf8, err := isUTF8(ctx, conn)
	if err != nil || !utf8 {
		return false, err
	}
	computed, err := pragmaInt(conn, "SELECT count(*) FROM pragma_table_xinfo("+sourceText(table)+") WHERE hidden IN (2, 3)")
	return computed == 0, err
}

// orphan fills the row as orphan policies leave it.
func (s *rowShape) orphan(stmt *sqlite.Stmt, r *sourceRow) {
	r.gone, r.nulled = -1, nil
	if !s.aside {
		s.fill(r)
		return
	}
	var gone, nulls value
	last := stmt.ColumnCount() - 1
	columnValue(stmt, last-1, math.MaxInt, &gone)
	columnValue(stmt, last, math.MaxInt, &nulls)
	r.gone, r.nulled = asideOf(gone, nulls)
	lost := func(fk int, column Column) bool {
		return slices.Contains(s.table.ForeignKeys[fk].Columns, column.Target)
	}
	for i, c := range s.columns {
		if slices.ContainsFunc(r.nulled, func(fk int) bool { return lost(fk, c) }) {
			r.values[i] = value{class: sqlite.TypeNull}
		}
	}
	s.fill(r)
	for i, c := range s.columns {
		switch {
		case r.misfit >= 0:
		case r.gone >= 0 && lost(r.gone, c):
			r.misfit = i
		case slices.ContainsFunc(r.nulled, func(fk int) bool { return lost(fk, c) }):
			r.changed = append(r.changed, change{column: i, to: value{class: sqlite.TypeNull}})
		}
	}
}

// selectSQL returns the SELECT over all columns, the generated ones included, with the rowid before them.
func (s *rowShape) selectSQL() string {
	fields, of := []string{"0"}, ""
	if s.aside {
		of = "c."
	}
	if s.table.RowID != "" {
		fields[0] = of + s.table.RowID
	}
	var sizes []string
	for i, c := range s.columns {
		name := of + sourceName(c.Name)
		if s.large[i] {
			sizes = append(sizes, "octet_length("+name+")", "typeof("+name+") = 'text'")
			name = fmt.Sprintf("CASE WHEN octet_length(%[1]s) <= %[2]d THEN %[1]s END", name, largeBytes)
		}
		fields = append(fields, name)
	}
	fields = append(fields, sizes...)
	if s.aside {
		return "SELECT " + strings.Join(append(fields, "o.gone", "o.nulls"), ", ") + joinAside(s.table)
	}
	return "SELECT " + strings.Join(fields, ", ") + " FROM main." + sourceName(s.table.Name)
}

// copied returns up to which size the values of a column are copied.
func (s *rowShape) copied(i int) int {
	if c := s.columns[i].Convert; c == ConvertText || c == ConvertBytes || c == ConvertJSON {
		return largeBytes
	}
	return math.MaxInt
}

// mayStream reports whether a column of the source may have values that are read in pieces: text or blobs that become text,
// bytea or jsonb, in tables where SQLite can open a single value.
func (t *Table) mayStream(c Column) bool {
	return c.Found.MaxBytes > largeBytes && t.RowID != "" && c.Generated == "" &&
		(c.Convert == ConvertText || c.Convert == ConvertBytes || c.Convert == ConvertJSON)
}

// readLarge takes the large values of the current row, of which the query returns size and class behind all columns.
func (s *rowShape) readLarge(conn *sqlite.Conn, stmt *sqlite.Stmt, r *sourceRow) {
	at := 1 + len(s.columns)
	for i, may := range s.large {
		if !may {
			continue
		}
		if size := stmt.ColumnInt64(at); size > largeBytes {
			r.values[i] = value{class: sqlite.TypeBlob, large: &blobValue{
				conn: conn, table: s.table.Name, column: s.columns[i].Name, rowid: r.rowid, length: size,
			}}
			if stmt.ColumnBool(at + 1) {
				r.values[i].class = sqlite.TypeText
			}
		}
		at += 2
	}
}

// fill writes the forms of the row, as it is on the target by the policies of its columns.
func (s *rowShape) fill(r *sourceRow) {
	r.forms, r.misfit, r.changed = r.forms[:0], -1, r.changed[:0]
	for i := range r.values {
		v := r.values[i]
		start := len(r.forms)
		if !s.write(r, i, v) && r.misfit < 0 {
			r.forms = r.forms[:start]
			if v.isLarge() && s.columns[i].OnMisfit == PolicyReplace {
				r.err = cmp.Or(r.err, v.hold())
			}
			stand, ok := s.stand[i](v)
			if ok && s.write(r, i, stand) {
				r.changed = append(r.changed, change{column: i, to: stand})
			} else {
				r.misfit = i
			}
		}
		r.ends[i] = len(r.forms)
	}
}

// write appends the form of one value and reports whether its column can hold it.
func (s *rowShape) write(r *sourceRow, i int, v value) (fits bool) {
	if r.null[i] = v.class == sqlite.TypeNull; r.null[i] {
		return !s.notNull[i]
	}
	if r.large[i] = v.large; v.isLarge() {
		return s.fitsLarge(r, i, v)
	}
	r.forms, fits = s.forms[i].append(r.forms, v)
	return fits
}

// fitsLarge reports whether a column can hold a value that is read in pieces.
func (s *rowShape) fitsLarge(r *sourceRow, i int, v value) bool {
	switch s.columns[i].Convert {
	case ConvertBytes:
		return v.large.size() <= mostFieldBytes
	case ConvertJSON:
		form, ok, err := newLargeJSON(v, &r.text)
		r.err = cmp.Or(r.err, err)
		r.large[i] = form
		return ok
	}
	check, err := checkText(v.large)
	r.err = cmp.Or(r.err, err)
	_, limits := typeParts(s.columns[i].Type)
	return !check.nul && !check.bad && v.large.size() <= mostFieldBytes && (len(limits) == 0 || check.chars <= int64(limits[0]))
}
