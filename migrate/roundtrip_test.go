package migrate

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestRoundTrip makes random databases, migrates them, writes to them there, and exports them: every value comes back in
// its storage class and its form, and so does what was written in between.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			g := &generator{rand.New(rand.NewPCG(seed, 1))}
			g.roundTrip(t)
		})
	}
}

// generator makes databases of a seed.
type generator struct{ *rand.Rand }

// valueKind is a column whose values have one meaning: its declared types, and a value as SQL.
type valueKind struct {
	name     string
	declared string // several with | between them
	value    func(g *generator) string
}

// formOf returns a kind of times that are all written by some layouts, the first that loses nothing.
func momentKind(declared string, digits int, layouts ...string) valueKind {
	return valueKind{strings.Join(layouts, " or "), declared, func(g *generator) string {
		at := g.moment(digits)
		for _, layout := range layouts {
			if holds(layout, at) {
				return quoteText(at.Format(layout))
			}
		}
		panic("no layout")
	}}
}

// moment returns a time of this age with so many digits of a second, often without.
func (g *generator) moment(digits int) time.Time {
	at := time.Unix(g.Int64N(1_700_000_000), 0).UTC()
	if digits > 0 && g.IntN(3) > 0 {
		unit := int64(math.Pow10(9 - digits))
		at = at.Add(time.Duration(g.Int64N(int64(math.Pow10(digits))) * unit))
	}
	return at
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func one[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// text returns a text with letters, accents, quotes and line ends that is not a number.
func (g *generator) text() string {
	var b strings.Builder
	b.WriteString("x")
	for range g.IntN(12) {
		b.WriteString(one(g, "a", "ü", "'", `"`, "\\", "\n", " ", "漢", "😀", "0", "|", "~", "\t", "\u0301"))
	}
	return b.String()
}

func (g *generator) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return hex.EncodeToString(b)
}

// real returns a number with a fraction.
func (g *generator) real() string {
	f := one(g, g.NormFloat64(), g.NormFloat64()*1e18, g.NormFloat64()*1e-9, float64(g.IntN(1000))+0.5, 0.1)
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

func (g *generator) integer() string {
	return strconv.FormatInt(one(g, g.Int64N(100), -g.Int64N(1e6), g.Int64(), math.MinInt64+1, math.MaxInt64), 10)
}

// valueKinds are the meanings that columns have in applications, and the forms in which they write them.
func valueKinds() []valueKind {
	plain := func(name, declared string, value func(g *generator) string) valueKind {
		return valueKind{name, declared, value}
	}
	words := func(no, yes string) valueKind {
		return plain("words "+no, "BOOLEAN|BOOL", func(g *generator) string { return quoteText(one(g, no, yes)) })
	}
	uuid := func(name string, write func(digits string) string) valueKind {
		return plain("uuid "+name, "UUID|GUID|CHAR(36)", func(g *generator) string {
			d := g.bytes(16)
			return write("a" + d[1:12] + "4" + d[13:16] + "8" + d[17:])
		})
	}
	hyphens := func(d string) string {
		return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
	}
	return []valueKind{
		plain("integer", "INTEGER|INT|BIGINT|int(5)|UNSIGNED BIG INT", (*generator).integer),
		plain("small", "SMALLINT|TINYINT", func(g *generator) string { return strconv.Itoa(g.IntN(60000) - 30000) }),
		plain("bit", "BOOLEAN|BOOL|TINYINT(1)", func(g *generator) string { return one(g, "0", "1") }),
		words("f", "t"), words("False", "True"), words("NO", "YES"), words("off", "on"),
		plain("real", "REAL|DOUBLE PRECISION|FLOAT", func(g *generator) string { return one(g, g.real(), "2.0", "9e999", "-9e999", "1e300") }),
		plain("numeric", "NUMERIC|DECIMAL|NUMBER", func(g *generator) string { return one(g, g.real(), g.integer(), "12.5", "1e30") }),
		plain("money", "DECIMAL(12,2)|NUMERIC(14,4)", func(g *generator) string { return fmt.Sprintf("%d.%02d", g.IntN(1e6), g.IntN(100)) }),
		plain("text", "TEXT|VARCHAR(200)|CLOB|nvarchar(80)", func(g *generator) string { return quoteText(g.text()) }),
		plain("digits", "TEXT|VARCHAR(30)", func(g *generator) string { return quoteText(one(g, "007", "1e5", " 1", "42", "+1", "1.50", "")) }),
		plain("bytes", "BLOB|VARBINARY(40)", func(g *generator) string { return "x'ff" + g.bytes(g.IntN(20)) + "'" }),
		plain("text as blob", "BLOB", func(g *generator) string { return quoteText(g.text()) }),
		plain("untyped numbers", "", func(g *generator) string { return one(g, "7", "-3", "2.5", "1e100", "0.1") }),
		plain("untyped text", "", func(g *generator) string { return quoteText(g.text()) }),
		plain("untyped integers and texts", "", func(g *generator) string { return one(g, strconv.Itoa(g.IntN(99)), quoteText(g.text())) }),
		plain("untyped texts and blobs", "", func(g *generator) string { return one(g, quoteText(g.text()), "x'fe"+g.bytes(3)+"'") }),
		plain("compact json", "JSON|JSONB", func(g *generator) string {
			return quoteText(fmt.Sprintf(`{"a":%d,"b":[1,{"x":"%s"}],"cc":null}`, g.IntN(9), one(g, "a: b, c", `\"`, "ü")))
		}),
		plain("spaced json", "JSON", func(g *generator) string {
			return quoteText(fmt.Sprintf(`{"a": %d, "b": [1, 2.50], "cc": true}`, g.IntN(9)))
		}),
		uuid("hyphens", func(d string) string { return quoteText(hyphens(d)) }),
		uuid("capitals", func(d string) string { return quoteText(strings.ToUpper(hyphens(d))) }),
		plain("uuid bare", "CHAR(32)", func(g *generator) string {
			d := g.bytes(16)
			return quoteText("a" + d[1:12] + "4" + d[13:16] + "8" + d[17:])
		}),
		plain("uuid bytes", "UUID", func(g *generator) string { return "x'" + g.bytes(16) + "'" }),
		momentKind("DATE", 0, "2006-01-02 15:04:05"), momentKind("DATETIME|TIMESTAMP", 0, "2006-01-02 15:04:05"),
		plain("date", "DATE|DATETIME", func(g *generator) string { return quoteText(g.moment(0).Format("2006-01-02")) }),
		momentKind("DATETIME|TIMESTAMP", 0, "2006-01-02T15:04:05"), momentKind("DATETIME", 3, "2006-01-02T15:04:05.000Z07:00"),
		momentKind("DATETIME", 6, "2006-01-02 15:04:05", "2006-01-02 15:04:05.000000"), momentKind("DATETIME", 6, "2006-01-02 15:04:05.000000"),
		momentKind("TIMESTAMP", 6, "2006-01-02T15:04:05+00:00", "2006-01-02T15:04:05.000000+00:00"),
		momentKind("TIMESTAMP", 3, "2006-01-02 15:04:05 -0700 MST", "2006-01-02 15:04:05.0 -0700 MST", "2006-01-02 15:04:05.00 -0700 MST", "2006-01-02 15:04:05.000 -0700 MST"),
		plain("in another zone", "TIMESTAMP|DATETIME", func(g *generator) string {
			return quoteText(g.moment(0).In(time.FixedZone("", 5*3600+1800)).Format("2006-01-02T15:04:05-07:00"))
		}),
		plain("minutes", "DATETIME", func(g *generator) string { return quoteText(g.moment(0).Format("2006-01-02 15:04")) }),
		plain("clock", "TIME", func(g *generator) string { return quoteText(g.moment(0).Format("15:04:05")) }),
		plain("clock with fraction", "TIME", func(g *generator) string { return quoteText(g.moment(6).Format("15:04:05.000000")) }),
		plain("clock of Rails", "TIME", func(g *generator) string { return quoteText("2000-01-01 " + g.moment(0).Format("15:04:05")) }),
		plain("seconds", "DATETIME|TIMESTAMP", func(g *generator) string { return strconv.FormatInt(1e9+g.Int64N(7e8), 10) }),
		plain("milliseconds", "DATETIME|TIMESTAMP", func(g *generator) string { return strconv.FormatInt(1e12+g.Int64N(7e11), 10) }),
		plain("microseconds", "DATETIME", func(g *generator) string { return strconv.FormatInt(1e15+g.Int64N(7e14), 10) }),
		plain("seconds with fraction", "TIMESTAMP", func(g *generator) string { return fmt.Sprintf("%d.%06d", 1e9+g.IntN(7e8), 1+g.IntN(999998)) }),
		plain("julian", "DATETIME", func(g *generator) string { return "julianday('" + g.moment(3).Format("2006-01-02 15:04:05.000") + "')" }),
	}
}

// column is one column of a random table.
type column struct {
	name string
	kind valueKind
}

// tableOf writes a table of some columns and its rows. Its key is an id, from 1 on.
func (g *generator) tableOf(name string, columns []column, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (id INTEGER PRIMARY KEY%s", sourceName(name), one(g, "", " AUTOINCREMENT"))
	for _, c := range columns {
		fmt.Fprintf(&b, ",\n  %s %s", sourceName(c.name), one(g, strings.Split(c.kind.declared, "|")...))
	}
	b.WriteString(");\n")
	for id := range rows {
		fields := []string{strconv.Itoa(id + 1)}
		for _, c := range columns {
			fields = append(fields, one(g, c.kind.value(g), c.kind.value(g), c.kind.value(g), c.kind.value(g), "NULL"))
		}
		fmt.Fprintf(&b, "INSERT INTO %s VALUES (%s);\n", sourceName(name), strings.Join(fields, ", "))
	}
	return b.String()
}

// roundTrip makes a database of random tables that have all kinds of values between them, and takes it there and back.
func (g *generator) roundTrip(t *testing.T) {
	kinds := valueKinds()
	g.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	names := []string{"plain", "Mixed Case", "order", "ünï", `quo"te`}
	script := ""
	var tables []string
	for i := 0; len(kinds) > 0; i++ {
		n := min(1+g.IntN(14), len(kinds))
		var columns []column
		for j, kind := range kinds[:n] {
			columns = append(columns, column{fmt.Sprintf("c%d %s", j, kind.name[:min(len(kind.name), 8)]), kind})
		}
		kinds = kinds[n:]
		tables = append(tables, fmt.Sprintf("%s %d", names[i%len(names)], i))
		script += g.tableOf(tables[i], columns, 12+g.IntN(40))
	}
	source, target := newSource(t, "PRAGMA encoding = '"+one(g, "UTF-8", "UTF-16le")+"'; "+script), DSN(pgtest.DB(t))
	if report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strict: true}); err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	back, report := export(t, target, ExportOptions{})
	requireIdentical(t, report)
	requireSameFile(t, source, back)
	g.writeCopies(t, target, tables)
	again, report := export(t, target, ExportOptions{})
	requireIdentical(t, report)
	requireCopies(t, source, again)
	if name, err := filepath.Abs(again); err != nil || report.Target.Name != name {
		t.Errorf("the report names %q, %v", report.Target.Name, err)
	}
}

// copyOffset lies between the id of a row and that of its copy.
const copyOffset = 1_000_000

// writeCopies writes each row once more, under another id.
func (g *generator) writeCopies(t *testing.T, target DSN, tables []string) {
	t.Helper()
	conn := connect(t, target)
	for _, name := range tables {
		var columns string
		err := conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(', ' || quote_ident(attname), '' ORDER BY attnum), '') FROM pg_attribute
			WHERE attrelid = to_regclass($1) AND attnum > 1`, qualified("public", name)).Scan(&columns)
		if err != nil {
			t.Fatal(err)
		}
		table := qualified("public", name)
		sql := fmt.Sprintf("INSERT INTO %s (id%s) SELECT id + %d%s FROM %s", table, columns, copyOffset, columns, table)
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// requireCopies compares the rows and their copies in the file with the rows of the source.
func requireCopies(t *testing.T, source, back string) {
	t.Helper()
	before, after := dump(t, source), dump(t, back)
	for name, rows := range before {
		if !strings.HasPrefix(name, "table ") || strings.HasPrefix(name, "table sqlite_") {
			continue
		}
		var want []string
		for _, row := range rows {
			id, rest, _ := strings.Cut(strings.TrimPrefix(row, `INTEGER "`), `"`)
			n, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, row, fmt.Sprintf(`INTEGER "%d"%s`, n+copyOffset, rest))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, after[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
