package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"zombiezen.com/go/sqlite"
)

// Views are compared by the rows that they give, whatever their order. Both engines compute them by their own rules, so
// the canonical texts are those of the view's column types on the target, with two liberties: numbers that are not
// integers count as equal when 12 significant digits are, or when they differ by no more than one part in a billion,
// because sums of floating point numbers depend on the order of the rows.

const (
	viewDigits    = 12
	viewTolerance = 1e-9
	viewLeftover  = 10_000 // rows without a partner that are paired by tolerance
)

// viewCheck compares one view.
type viewCheck struct {
	source string // SELECT over the source's view
	target string // SELECT over the target's
	src    *sqlite.Conn
	dst    *pgx.Conn
	canon  []viewCanon
	floats []bool // columns that may differ a little
}

// viewCanon appends the canonical text of a value, of either side.
type viewCanon func(dst []byte, v value) []byte

// view compares one view. Rows that went to the quarantine are left out on the source's side.
func (v *verifier) view(ctx context.Context, conn *pgx.Conn, view View) (ViewReport, error) {
	report := ViewReport{Name: view.Name, Target: view.Target}
	src, err := v.snapshot.open()
	if err != nil {
		return report, err
	}
	defer func() { _ = src.Close() }() // it was only read
	schema := "main."
	if v.anyMisfits() {
		schema = ""
		if err := v.hideMisfits(src); err != nil {
			report.Explained = "it may read rows that are quarantined or changed: " + err.Error()
			schema = "main."
		}
	}
	check := &viewCheck{
		source: "SELECT * FROM " + schema + sourceName(view.Name),
		target: "SELECT * FROM " + qualified(v.schema, view.Target),
		src:    src, dst: conn,
	}
	if err := check.run(ctx, &report); err != nil {
		if ctx.Err() != nil || !aboutView(err) {
			return report, err
		}
		report.Error = err.Error()
	}
	if !report.Identical && report.Explained == "" {
		report.Explained = v.readsChanged(src, view)
	}
	return report, nil
}

// readsChanged names a table with changed values that a view reads, or returns "". SQLite computes the view with the
// values that the target has; but they have lost their column's affinity and collation, so its rows prove nothing.
func (v *verifier) readsChanged(src *sqlite.Conn, view View) (explained string) {
	look := func(a sqlite.Action) sqlite.AuthResult {
		if m, ok := v.misfits[a.Table()]; ok && a.Type() == sqlite.OpRead && m.changes > 0 {
			explained = fmt.Sprintf("it reads table %s, where %s changed", a.Table(), countOf(m.changes, "value is", "values are"))
		}
		return sqlite.AuthResultOK
	}
	if err := src.SetAuthorizer(sqlite.AuthorizeFunc(look)); err != nil {
		return ""
	}
	if stmt, _, err := src.PrepareTransient("SELECT * FROM main." + sourceName(view.Name)); err == nil {
		_ = stmt.Finalize() // it never ran
	}
	return explained
}

// aboutView tells errors of the view itself from those of the connections.
func aboutView(err error) bool {
	_, pg := errors.AsType[*pgconn.PgError](err)
	return pg || errors.Is(err, errViewShape) || sqlite.ErrCode(err) == sqlite.ResultError
}

var errViewShape = errors.New("the view has another number of columns")

func (v *verifier) anyMisfits() bool {
	for _, m := range v.misfits {
		if m.any() {
			return true
		}
	}
	return false
}

// hideMisfits makes temporary views on a connection to the snapshot that stand before the tables and views of the same
// names, without the quarantined rows and with the changed values.
func (v *verifier) hideMisfits(src *sqlite.Conn) error {
	for _, t := range v.plan.Tables {
		misfits := v.misfits[t.Name]
		switch {
		case !misfits.any():
			continue
		case !misfits.complete():
			return fmt.Errorf("table %s has %d of them", t.Name, misfits.count+misfits.changes)
		}
		if err := hideRows(src, t, misfits); err != nil {
			return err
		}
	}
	for _, view := range v.plan.Views {
		definition, ok := strings.CutPrefix(view.Source, "CREATE VIEW")
		if !ok {
			return fmt.Errorf("view %s is defined in an unusual way", view.Name)
		}
		if err := exec(src, "CREATE TEMP VIEW"+definition); err != nil {
			return err
		}
	}
	return nil
}

// hideRows makes the temporary view that stands before one table.
func hideRows(src *sqlite.Conn, t Table, misfits misfitRows) error {
	store := "temp." + sourceName("changed in "+t.Name)
	if err := exec(src, "CREATE TABLE "+store+" (id, col, v, PRIMARY KEY (id, col)) WITHOUT ROWID"); err != nil {
		return err
	}
	stmt, _, err := src.PrepareTransient("INSERT INTO " + store + " VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	changed := map[int]bool{}
	for _, c := range misfits.changed {
		changed[c.column] = true
		key := []value{{class: sqlite.TypeInteger, i: c.rowid}, {class: sqlite.TypeInteger, i: int64(c.column)}}
		if err := keepKey(stmt, append(key, plainNumber(t.Columns[c.column], c.to))); err != nil {
			return err
		}
	}
	fields := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		name := sourceName(c.Name)
		fields[i] = name
		if changed[i] {
			found := fmt.Sprintf("FROM %s WHERE id = %s AND col = %d", store, t.RowID, i)
			fields[i] = "CASE WHEN EXISTS (SELECT 1 " + found + ") THEN (SELECT v " + found + ") ELSE " + name + " END AS " + name
		}
	}
	ids := make([]string, len(misfits.rowids))
	for i, id := range misfits.rowids {
		ids[i] = strconv.FormatInt(id, 10)
	}
	return exec(src, "CREATE TEMP VIEW "+sourceName(t.Name)+" AS SELECT "+strings.Join(fields, ", ")+" FROM main."+
		sourceName(t.Name)+" WHERE "+t.RowID+" NOT IN ("+strings.Join(ids, ",")+")")
}

// plainNumber makes a number of a text that stands for one on the target.
func plainNumber(c Column, v value) value {
	switch base, _ := typeParts(c.Type); {
	case v.class != sqlite.TypeText:
	case slices.Contains([]string{"smallint", "integer", "bigint", "numeric", "double precision"}, base):
		if i, err := strconv.ParseInt(string(v.b), 10, 64); err == nil {
			return value{class: sqlite.TypeInteger, i: i}
		}
		if f, err := strconv.ParseFloat(string(v.b), 64); err == nil {
			return value{class: sqlite.TypeFloat, f: f}
		}
	}
	return v
}

// run compares by sums over buckets first, in constant memory, and looks at rows only where those differ.
func (c *viewCheck) run(ctx context.Context, report *ViewReport) error {
	var source, target tally
	err := c.targetRows(ctx, func(row []byte, _ []string) {
		h := hashText(row, rowSeed)
		target.add(h, h)
	})
	if err != nil {
		return err
	}
	err = c.sourceRows(ctx, func(row []byte, _ []string) {
		h := hashText(row, rowSeed)
		source.add(h, h)
	})
	if err != nil {
		return err
	}
	report.Rows, report.Loaded = source.rows, target.rows
	differing := source.differing(&target)
	if len(differing) == 0 {
		report.Identical = true
		return nil
	}
	return c.pair(ctx, setOfBuckets(differing), report)
}

func setOfBuckets(list []int) map[uint64]bool {
	set := make(map[uint64]bool, len(list))
	for _, bucket := range list {
		set[uint64(bucket)] = true
	}
	return set
}

// pair finds the rows that only one side has, and pairs those that differ by a little.
func (c *viewCheck) pair(ctx context.Context, chosen map[uint64]bool, report *ViewReport) error {
	count := map[uint64]int{}
	err := c.sourceRows(ctx, func(row []byte, _ []string) {
		if h := hashText(row, rowSeed); chosen[h%buckets] && (len(count) < rowsExamined || count[h] > 0) {
			count[h]++
		}
	})
	if err != nil {
		return err
	}
	var extra [][]string
	more := 0
	err = c.targetRows(ctx, func(row []byte, fields []string) {
		h := hashText(row, rowSeed)
		switch {
		case !chosen[h%buckets]:
		case count[h] > 0:
			count[h]--
		case len(extra) < viewLeftover:
			extra = append(extra, slices.Clone(fields))
		default:
			more++
		}
	})
	if err != nil {
		return err
	}
	missing, err := c.missing(ctx, count)
	if err != nil {
		return err
	}
	if more == 0 {
		missing, extra = c.closePairs(missing, extra)
	}
	report.Identical = len(missing)+len(extra)+more == 0
	report.Source, report.Extra = firstRow(missing), firstRow(extra)
	return nil
}

// missing reads the source's rows that are still counted.
func (c *viewCheck) missing(ctx context.Context, count map[uint64]int) ([][]string, error) {
	var missing [][]string
	maps.DeleteFunc(count, func(_ uint64, n int) bool { return n == 0 })
	err := c.sourceRows(ctx, func(row []byte, fields []string) {
		if h := hashText(row, rowSeed); count[h] > 0 && len(missing) < viewLeftover {
			count[h]--
			missing = append(missing, slices.Clone(fields))
		}
	})
	return missing, err
}

// closePairs takes away the rows that have a partner on the other side which differs only by the tolerance.
func (c *viewCheck) closePairs(source, target [][]string) (missing, extra [][]string) {
	partners := map[string][][]string{}
	for _, row := range target {
		key := c.exactPart(row)
		partners[key] = append(partners[key], row)
	}
	for _, row := range source {
		key := c.exactPart(row)
		at := slices.IndexFunc(partners[key], func(other []string) bool { return c.close(row, other) })
		if at < 0 {
			missing = append(missing, row)
			continue
		}
		partners[key] = slices.Delete(partners[key], at, at+1)
	}
	for _, key := range slices.Sorted(maps.Keys(partners)) {
		extra = append(extra, partners[key]...)
	}
	return missing, extra
}

// exactPart joins the columns that must be equal.
func (c *viewCheck) exactPart(row []string) string {
	var b strings.Builder
	for i, field := range row {
		if !c.floats[i] {
			b.WriteString(field + "|")
		}
	}
	return b.String()
}

// close reports whether the other columns are close enough.
func (c *viewCheck) close(a, b []string) bool {
	for i := range a {
		if !c.floats[i] || a[i] == b[i] {
			continue
		}
		x, errX := strconv.ParseFloat(a[i], 64)
		y, errY := strconv.ParseFloat(b[i], 64)
		if errX != nil || errY != nil || math.Abs(x-y) > viewTolerance*max(math.Abs(x), math.Abs(y)) {
			return false
		}
	}
	return true
}

// firstRow shows the first of some rows.
func firstRow(rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	text := strings.Join(rows[0], ", ")
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200])
	}
	return text
}

// targetRows hands the canonical rows of the target's view to fn. It learns the columns' types on the way.
func (c *viewCheck) targetRows(ctx context.Context, fn func(row []byte, fields []string)) error {
	rows, err := c.dst.Query(ctx, c.target, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return fmt.Errorf("read the target's view: %w", err)
	}
	defer rows.Close()
	c.learn(rows.FieldDescriptions())
	values := make([]value, len(c.canon))
	var out viewRow
	for rows.Next() {
		for i, text := range rows.RawValues() {
			values[i] = value{class: sqlite.TypeNull}
			if text != nil {
				values[i] = value{class: sqlite.TypeText, b: text}
			}
		}
		fn(out.fill(c.canon, values))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the target's view: %w", err)
	}
	return nil
}

// sourceRows hands the canonical rows of the source's view to fn.
func (c *viewCheck) sourceRows(ctx context.Context, fn func(row []byte, fields []string)) error {
	c.src.SetInterrupt(ctx.Done())
	defer c.src.SetInterrupt(nil)
	stmt, _, err := c.src.PrepareTransient(c.source)
	if err != nil {
		return fmt.Errorf("read the source's view: %w", err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	if stmt.ColumnCount() != len(c.canon) {
		return fmt.Errorf("%w: %d in the source, %d on the target", errViewShape, stmt.ColumnCount(), len(c.canon))
	}
	values := make([]value, len(c.canon))
	var out viewRow
	for {
		more, err := stmt.Step()
		if err != nil {
			return fmt.Errorf("read the source's view: %w", err)
		}
		if !more {
			return nil
		}
		for i := range values {
			columnValue(stmt, i, math.MaxInt, &values[i])
		}
		fn(out.fill(c.canon, values))
	}
}

// viewRow is the memory for one canonical row.
type viewRow struct {
	text   []byte
	fields []string
}

func (r *viewRow) fill(canon []viewCanon, values []value) ([]byte, []string) {
	r.text, r.fields = r.text[:0], r.fields[:0]
	for i, v := range values {
		start := len(r.text)
		if v.class == sqlite.TypeNull {
			r.text = append(r.text, '~')
		} else {
			r.text = canon[i](r.text, v)
		}
		r.fields = append(r.fields, string(r.text[start:]))
		r.text = append(r.text, '|')
	}
	return r.text, r.fields
}

// learn chooses the canonical form of each column by its type on the target.
func (c *viewCheck) learn(fields []pgconn.FieldDescription) {
	c.canon, c.floats = nil, nil
	for _, f := range fields {
		canon, float := viewCanonOf(f.DataTypeOID)
		c.canon, c.floats = append(c.canon, canon), append(c.floats, float)
	}
}
