package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// propertyTime is how long the property is tried; LAKEWARD_PROPERTY_TIME=10m with -rapid.checks=100000 tries for longer.
const propertyTime = 8 * time.Second

// TestAnyDatabaseArrivesAndReturns makes databases that nobody thought of, migrates each, and compares every row by code
// that shares nothing with the migration. Then it exports each and compares the file with the database it came from.
func TestAnyDatabaseArrivesAndReturns(t *testing.T) {
	t.Parallel()
	until := propertyTime
	if s := os.Getenv("LAKEWARD_PROPERTY_TIME"); s != "" {
		var err error
		if until, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	target := DSN(pgtest.DB(t))
	conn := connect(t, target)
	p := &property{t: t, target: target, conn: conn, folder: t.TempDir()}
	deadline := time.Now().Add(until)
	failed := false
	rapid.Check(t, func(r *rapid.T) {
		if !failed && time.Now().After(deadline) {
			return
		}
		script := newRandomDatabase(r).script()
		if err := p.holds(script); err != nil {
			failed = true
			r.Fatalf("%v\n%s", err, strings.Join(script, ";\n"))
		}
	})
	t.Logf("%d databases", p.tried)
}

type property struct {
	t      *testing.T
	target DSN
	conn   *pgx.Conn
	folder string
	tried  int
}

// holds migrates one database and says what is wrong.
func (p *property) holds(script []string) error {
	p.tried++
	ctx := p.t.Context()
	name := "s" + strconv.Itoa(p.tried)
	source := filepath.Join(p.folder, name+".db")
	defer func() { _ = os.Remove(source) }()
	if err := makeDatabase(source, script); err != nil {
		return err
	}
	plan, err := MakePlan(ctx, source, PlanOptions{Schema: name})
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	defer func() { _, _ = p.conn.Exec(context.WithoutCancel(ctx), "DROP SCHEMA IF EXISTS "+name+" CASCADE") }()
	o := Options{Schema: name, WorkDir: p.folder}
	for _, step := range []func(context.Context, string, Target, Options) (*Report, error){Run, Verify} {
		report, err := step(ctx, source, p.target, o)
		if err != nil {
			return fmt.Errorf("%s: %w", report.Operation, err)
		}
		if err := asPredicted(plan, report); err != nil {
			return fmt.Errorf("%s: %w", report.Operation, err)
		}
	}
	if err := p.sameRows(source, plan); err != nil {
		return err
	}
	back := filepath.Join(p.folder, name+"_back.db")
	defer func() { _ = os.Remove(back) }()
	report, err := Export(ctx, p.target, back, ExportOptions{Schema: name})
	if err != nil || report.Verdict == VerdictDifferent {
		return fmt.Errorf("export: verdict %q, %w", report.Verdict, err)
	}
	if slices.ContainsFunc(report.Tables, func(t TableReport) bool { return t.Quarantined > 0 }) {
		return nil // SQLite cannot hold all of them, and the file says so
	}
	if err := p.sameRows(back, plan); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// asPredicted compares a report with the plan.
func asPredicted(plan *Plan, r *Report) error {
	if r.Verdict == VerdictDifferent {
		return fmt.Errorf("%s", r.firstDifference())
	}
	for _, t := range plan.Tables {
		var misfits int64
		for _, c := range t.Columns {
			misfits += c.Misfits
		}
		got := r.table(t)
		if got.Quarantined != misfits || got.Read != t.Rows || got.Loaded != t.Rows-misfits {
			return fmt.Errorf("%s: of %d rows, %d loaded and %d quarantined; the plan foresaw %d", t.Name, t.Rows,
				got.Loaded, got.Quarantined, misfits)
		}
	}
	return nil
}

// sameRows compares the rows of both sides as sets, each row written in the terms of the target's types. A row in the
// quarantine is missing on the target and nothing else.
func (p *property) sameRows(source string, plan *Plan) error {
	src, err := sqlite.OpenConn(source, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it was only read
	for _, t := range plan.Tables {
		var columns, targets []string
		for _, c := range t.Columns {
			columns, targets = append(columns, sourceName(c.Name)), append(targets, quoteName(c.Target)+"::text")
		}
		rows := map[string]int{}
		query := "SELECT " + strings.Join(columns, ", ") + " FROM main." + sourceName(t.Name)
		err := sqlitex.ExecuteTransient(src, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			var row []string
			for i, c := range t.Columns {
				row = append(row, fromSQLite(stmt, i, c))
			}
			rows[strings.Join(row, "\x1f")]++
			return nil
		}})
		if err != nil {
			return err
		}
		if err := p.subtract(rows, t, qualified(plan.Schema, t.Target), targets); err != nil {
			return err
		}
	}
	return nil
}

// subtract takes the rows of a table of the target away from those of the source.
func (p *property) subtract(rows map[string]int, t Table, table string, columns []string) error {
	found, err := p.conn.Query(p.t.Context(), "SELECT "+strings.Join(columns, ", ")+" FROM "+table)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		values, err := found.Values()
		if err != nil {
			return err
		}
		var row []string
		for i, c := range t.Columns {
			row = append(row, fromPostgres(values[i], c))
		}
		key := strings.Join(row, "\x1f")
		if rows[key]--; rows[key] < 0 {
			return fmt.Errorf("%s: the target has a row that the source does not have: %q; the source has %v", t.Name, row, rows)
		}
	}
	return found.Err()
}

// fromPostgres writes a value of the target, which comes as text.
func fromPostgres(v any, c Column) string {
	text, ok := v.(string)
	if !ok {
		return "NULL"
	}
	switch base, _ := splitType(c.Type); base {
	case "boolean":
		return map[string]string{"true": "1", "false": "0"}[text]
	case "numeric", "double precision", "smallint", "integer", "bigint":
		return writtenNumber(text)
	case "jsonb":
		return writtenJSON(text)
	case "timestamp with time zone", "timestamp without time zone", "date":
		return writtenTime(text)
	}
	return text
}

// fromSQLite writes a value of the source as fromPostgres writes it after a faultless conversion.
func fromSQLite(stmt *sqlite.Stmt, i int, c Column) string {
	class := stmt.ColumnType(i)
	if class == sqlite.TypeNull {
		return "NULL"
	}
	raw := make([]byte, stmt.ColumnLen(i))
	stmt.ColumnBytes(i, raw)
	text := string(raw)
	base, _ := splitType(c.Type)
	switch c.Convert {
	case ConvertEpoch, ConvertEpochMS, ConvertEpochUS, ConvertJulian:
		if scale := map[Conversion]int64{ConvertEpoch: 1e6, ConvertEpochMS: 1e3, ConvertEpochUS: 1}[c.Convert]; scale > 0 && class == sqlite.TypeInteger {
			return fmt.Sprint(stmt.ColumnInt64(i) * scale)
		}
		if class == sqlite.TypeInteger || class == sqlite.TypeFloat {
			return writtenEpoch(stmt.ColumnFloat(i), c.Convert)
		}
	}
	switch base {
	case "boolean":
		return map[string]string{
			"1": "1", "t": "1", "true": "1", "y": "1", "yes": "1", "on": "1",
			"0": "0", "f": "0", "false": "0", "n": "0", "no": "0", "off": "0",
		}[strings.ToLower(strings.TrimSpace(text))]
	case "numeric", "double precision", "smallint", "integer", "bigint":
		if class == sqlite.TypeFloat {
			return writtenNumber(strconv.FormatFloat(stmt.ColumnFloat(i), 'g', -1, 64))
		}
		return writtenNumber(text)
	case "jsonb":
		if class == sqlite.TypeFloat {
			return writtenJSON(strconv.FormatFloat(stmt.ColumnFloat(i), 'g', -1, 64))
		}
		return writtenJSON(text)
	case "timestamp with time zone", "timestamp without time zone", "date":
		return writtenTime(text)
	case "time without time zone":
		return writtenClock(text)
	case "uuid":
		return writtenUUID(text, class == sqlite.TypeBlob)
	case "bytea":
		if class == sqlite.TypeFloat {
			text = shortestReal(stmt.ColumnFloat(i))
		}
		return fmt.Sprintf(`\x%x`, text)
	}
	if class == sqlite.TypeFloat {
		return shortestReal(stmt.ColumnFloat(i))
	}
	return text
}

// shortestReal writes a REAL as a text column keeps it: in SQLite's form, with all the digits that it has.
func shortestReal(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	switch abs := math.Abs(f); {
	case math.IsInf(f, 0):
		return strings.TrimPrefix(s, "+")
	case abs != 0 && (abs < 1e-4 || abs >= 1e15):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		return mantissa + "e" + exponent
	case !strings.Contains(s, "."):
		return s + ".0"
	}
	return s
}

func writtenNumber(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if f, err := strconv.ParseFloat(s, 64); err != nil || strings.Contains(s, "inf") {
		return fmt.Sprint(f)
	}
	exact, ok := new(big.Rat).SetString(s)
	if !ok {
		return "no number: " + s
	}
	return exact.RatString()
}

// plainTime writes a date or timestamp, with a zone or in UTC, as microseconds of UTC.
func writtenTime(s string) string {
	s = strings.Replace(strings.TrimSpace(s), "T", " ", 1)
	s, before := strings.CutSuffix(s, " BC")
	for _, layout := range []string{
		"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04Z07:00",
		"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07",
	} {
		if at, err := time.Parse(layout, s); err == nil {
			if before { // the year before 1 is 1 BC
				at = at.AddDate(1-2*at.Year(), 0, 0)
			}
			return fmt.Sprint(at.UnixMicro())
		}
	}
	return "no time: " + s
}

func writtenEpoch(f float64, c Conversion) string {
	switch c {
	case ConvertEpoch:
		f *= 1e6
	case ConvertEpochMS:
		f *= 1e3
	case ConvertJulian:
		f = math.Round((f-2440587.5)*86400e3) * 1e3
	}
	return fmt.Sprintf("%.0f", math.Round(f)) // halves away from zero
}

func writtenClock(s string) string {
	_, s, _ = strings.Cut(" "+strings.Replace(s, "T", " ", 1), " ")
	if at := strings.LastIndexByte(s, ' '); at >= 0 {
		s = s[at+1:]
	}
	for _, layout := range []string{"15:04", "15:04:05.999999999"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.Truncate(time.Microsecond).Format("15:04:05.999999")
		}
	}
	return "no time: " + s
}

func writtenUUID(s string, bytes bool) string {
	if bytes {
		s = fmt.Sprintf("%x", s)
	}
	s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
	if len(s) != 32 {
		return "no UUID: " + s
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func writtenJSON(s string) string {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return "no JSON: " + s
	}
	b, _ := json.Marshal(v)
	return string(b)
}
