package dialect

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// databases is the same data in both databases.
type databases struct {
	sqlite   *sqlite.Conn
	postgres *pgx.Conn
	schema   schema
}

// schema is a Schema of tables by lower-case name.
type schema map[string][]Column

func (s schema) Table(name string) ([]Column, string, bool) {
	columns, ok := s[strings.ToLower(name)]
	return columns, strings.ToLower(name), ok
}

// connect opens a connection to a new database.
func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, pgtest.DB(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func (d *databases) execute(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := d.postgres.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// load creates a table of the schema in PostgreSQL and copies its rows from SQLite.
func (d *databases) load(t testing.TB, name, target string) {
	t.Helper()
	columns := d.schema[strings.ToLower(name)]
	var definitions, places []string
	for i, c := range columns {
		definition := quoteName(c.Target) + " " + c.Type
		definitions = append(definitions, definition+when(c.PrimaryKey, " NOT NULL"))
		places = append(places, fmt.Sprintf("$%d::text::%s", i+1, c.Type))
		if c.Type == "bytea" {
			places[i] = fmt.Sprintf("decode($%d::text, 'hex')", i+1)
		}
	}
	var keys []string
	for _, c := range columns {
		if c.PrimaryKey {
			keys = append(keys, quoteName(c.Target))
		}
	}
	if keys != nil {
		definitions = append(definitions, "PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	d.execute(t, "CREATE TABLE "+quoteName(target)+" ("+strings.Join(definitions, ", ")+")")
	insert := "INSERT INTO " + quoteName(target) + " VALUES (" + strings.Join(places, ", ") + ")"
	batch := &pgx.Batch{}
	queue := func(stmt *sqlite.Stmt) error {
		row := make([]any, stmt.ColumnCount())
		for i := range row {
			row[i] = pgText(stmt, i)
		}
		batch.Queue(insert, row...)
		return nil
	}
	all := "SELECT * FROM " + quoteName(name)
	err := sqlitex.ExecuteTransient(d.sqlite, all, &sqlitex.ExecOptions{ResultFunc: queue})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.postgres.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatalf("load %s: %v", name, err)
	}
}

// pgText returns a value of SQLite as text that PostgreSQL reads.
func pgText(stmt *sqlite.Stmt, i int) any {
	switch stmt.ColumnType(i) {
	case sqlite.TypeNull:
		return nil
	case sqlite.TypeBlob:
		b := make([]byte, stmt.ColumnLen(i))
		stmt.ColumnBytes(i, b)
		return fmt.Sprintf("%x", b)
	case sqlite.TypeFloat:
		return fmt.Sprint(stmt.ColumnFloat(i))
	}
	return stmt.ColumnText(i)
}

// sqliteRows returns the rows of a query, each value as nil, float64, string or []byte.
func (d *databases) sqliteRows(t testing.TB, query string) [][]any {
	t.Helper()
	var list [][]any
	err := sqlitex.ExecuteTransient(d.sqlite, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		row := make([]any, stmt.ColumnCount())
		for i := range row {
			switch stmt.ColumnType(i) {
			case sqlite.TypeInteger, sqlite.TypeFloat:
				row[i] = stmt.ColumnFloat(i)
			case sqlite.TypeText:
				row[i] = stmt.ColumnText(i)
			case sqlite.TypeBlob:
				row[i] = []byte(stmt.ColumnText(i))
			}
		}
		list = append(list, row)
		return nil
	}})
	if err != nil {
		t.Fatalf("SQLite: %s: %v", query, err)
	}
	return list
}

// postgresRows returns the rows of a query in the same types.
func (d *databases) postgresRows(t testing.TB, query string, columns []Column) ([][]any, error) {
	t.Helper()
	rows, err := d.postgres.Query(t.Context(), query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list [][]any
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = normal(t, row[i], columns[i])
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// normal returns a value of PostgreSQL as SQLite has it.
func normal(t testing.TB, v any, c Column) any {
	t.Helper()
	switch v := v.(type) {
	case nil, string, []byte, float64:
		return v
	case bool:
		return map[bool]float64{true: 1}[v]
	case int16:
		return float64(v)
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case pgtype.Numeric:
		f, err := v.Float64Value()
		if err != nil { // beyond the range of a double
			return math.Inf(v.Int.Sign())
		}
		return f.Float64
	case time.Time:
		if layout, ok := layoutOf(c.Form); ok {
			return v.Format(layout)
		}
		return v.Format(time.DateOnly)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("no normal form of %T", v)
	}
	return string(text)
}

// sameRows says whether both have the same rows; in which order does not matter unless ordered.
func sameRows(a, b [][]any, ordered bool) bool {
	if len(a) != len(b) {
		return false
	}
	if !ordered {
		order := func(x, y []any) int { return strings.Compare(sortKey(x), sortKey(y)) }
		slices.SortFunc(a, order)
		slices.SortFunc(b, order)
	}
	for i := range a {
		if !slices.EqualFunc(a[i], b[i], sameValue) {
			return false
		}
	}
	return true
}

func sortKey(row []any) string {
	var b strings.Builder
	for _, v := range row {
		if f, ok := v.(float64); ok {
			v = fmt.Sprintf("%.9e", f+0) // a negative zero is a zero
		}
		fmt.Fprintf(&b, "%v|", v)
	}
	return b.String()
}

func sameValue(a, b any) bool {
	if x, ok := a.([]byte); ok {
		y, ok := b.([]byte)
		return ok && slices.Equal(x, y)
	}
	if x, y, ok := sameKind(a, b); ok {
		return x == y
	}
	x, okX := a.(float64)
	y, okY := b.(float64)
	if okX && okY {
		return x == y || math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
	}
	return a == b
}

// sameKind returns texts in a form in which they are equal when they are the same JSON, or numbers that differ in the 16th
// digit at most, as decimals and doubles do.
func sameKind(a, b any) (x, y string, ok bool) {
	x, okX := a.(string)
	y, okY := b.(string)
	if !okX || !okY || x == y {
		return "", "", false
	}
	var l, r any
	if json.Unmarshal([]byte(x), &l) != nil || json.Unmarshal([]byte(y), &r) != nil {
		return x, y, true
	}
	return fmt.Sprint(rounded(l)), fmt.Sprint(rounded(r)), true
}

// rounded cuts the numbers in JSON to 12 digits.
func rounded(v any) any {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'e', 11, 64)
	case []any:
		for i := range v {
			v[i] = rounded(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = rounded(v[key])
		}
	}
	return v
}

// view translates a view, creates it in both databases, and returns whether the rows are the same.
func (d *databases) view(t testing.TB, sql string, ordered bool) {
	t.Helper()
	v, err := ParseCreateView(sql)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	translated, columns, err := TranslateView(v, d.schema)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	target := strings.ToLower(v.Name)
	if _, err := d.postgres.Exec(t.Context(), "CREATE VIEW "+quoteName(target)+" AS "+translated); err != nil {
		t.Errorf("%s:\n%s\n%v", sql, translated, err)
		return
	}
	d.checkColumns(t, target, columns)
	d.schema[target] = columns
	want := d.sqliteRows(t, v.Text)
	if len(v.Columns) > 0 {
		want = d.sqliteRows(t, "SELECT * FROM "+quoteName(v.Name))
	}
	got, err := d.postgresRows(t, "SELECT * FROM "+quoteName(target), columns)
	if err != nil {
		t.Errorf("%s:\n%s\n%v", sql, translated, err)
		return
	}
	if !sameRows(want, got, ordered) {
		t.Errorf("%s:\n%s\n  SQLite     %v\n  PostgreSQL %v", sql, translated, some(want), some(got))
	}
}

func some(rows [][]any) string {
	return fmt.Sprintf("%d rows: %.600q", len(rows), fmt.Sprint(rows))
}

// checkColumns compares the columns that TranslateView announced with those that PostgreSQL sees.
func (d *databases) checkColumns(t testing.TB, target string, columns []Column) {
	t.Helper()
	rows, err := d.postgres.Query(t.Context(), `SELECT attname::text || ' ' || format_type(atttypid, atttypmod)
		FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`, quoteName(target))
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range columns {
		want = append(want, c.Target+" "+c.Type)
	}
	if !slices.Equal(want, got) {
		t.Errorf("%s: announced columns %q, PostgreSQL has %q", target, want, got)
	}
}
