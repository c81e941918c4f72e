package dialect

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func sampleSchema() schema {
	const timestamp = "timestamp without time zone"
	return schema{
		"t": {
			{Name: "id", Target: "id", Type: "bigint", Affinity: "INTEGER", PrimaryKey: true, RowID: true},
			{Name: "n", Target: "n", Type: "bigint", Affinity: "INTEGER"},
			{Name: "q", Target: "q", Type: "numeric", Affinity: "NUMERIC"},
			{Name: "r", Target: "r", Type: "double precision", Affinity: "REAL"},
			{Name: "s", Target: "s", Type: "text", Affinity: "TEXT"},
			{Name: "c", Target: "c", Type: "text", Affinity: "TEXT", NoCase: true},
			{Name: "b", Target: "b", Type: "bytea", Affinity: "BLOB"},
			{Name: "ok", Target: "ok", Type: "boolean", Affinity: "NUMERIC"},
			{Name: "d", Target: "d", Type: "date", Affinity: "NUMERIC"},
			{Name: "ts", Target: "ts", Type: timestamp, Affinity: "NUMERIC", Form: TimeForm("2024-01-31 10:20:30")},
			{Name: "ms", Target: "ms", Type: timestamp, Affinity: "NUMERIC", Form: TimeForm("2024-01-31 10:20:30.500")},
			{Name: "j", Target: "j", Type: "jsonb", Affinity: "TEXT"},
			{Name: "u", Target: "u", Type: "text", Affinity: "TEXT"},
		},
		"k": {
			{Name: "id", Target: "id", Type: "bigint", Affinity: "INTEGER", PrimaryKey: true, RowID: true},
			{Name: "t_id", Target: "t_id", Type: "bigint", Affinity: "INTEGER"},
			{Name: "name", Target: "name", Type: "text", Affinity: "TEXT"},
			{Name: "qty", Target: "qty", Type: "integer", Affinity: "INTEGER"},
			{Name: "price", Target: "price", Type: "numeric(10,2)", Affinity: "NUMERIC"},
			{Name: "rate", Target: "rate", Type: "double precision", Affinity: "REAL"},
		},
	}
}

func sample(t testing.TB) *databases {
	t.Helper()
	d := &databases{sqlite: openSQLite(t, ":memory:"), postgres: connect(t), schema: sampleSchema()}
	data, err := os.ReadFile("testdata/sample.sql")
	if err != nil {
		t.Fatal(err)
	}
	script(t, d.sqlite, string(data))
	d.load(t, "t", "t")
	d.load(t, "k", "k")
	return d
}

func TestExpressionsHaveTheSameValue(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for i, e := range lines(t, "values.sql") {
		d.view(t, fmt.Sprintf("CREATE VIEW v%d AS SELECT id, %s AS x FROM t", i, e), false)
		if e == "hex(s)" || e == "CAST(b AS BLOB)" { // no numbers: 4E00F0 begins with one beyond all bounds
			continue
		}
		d.view(t, fmt.Sprintf("CREATE VIEW w%d AS SELECT id FROM t WHERE %s", i, e), false)
	}
}

func TestUntranslatableExpressionsAreRefused(t *testing.T) {
	t.Parallel()
	for e, reason := range map[string]string{
		`n REGEXP 'x'`:                  "SQLite itself does not define REGEXP",
		`k.rowid`:                       "no such column",
		`missing`:                       "no such column",
		`c COLLATE german = 'x'`:        "no collation",
		`CASE WHEN n THEN 1 ELSE s END`: "both numbers and texts",
		`datetime(ts, 'localtime')`:     "time zone of the machine",
		`s GLOB c`:                      "not a constant",
		`datetime('2024-02-30')`:        "read as a time",
		`n = ?1`:                        "parameter",
		`(n, q) = n`:                    "row value compared",
		`(n, q)`:                        "row value that is not compared",
		`frobnicate(n)`:                 "not translated",
		`ok = 't'`:                      "boolean compared with the text",
		`length(j)`:                     "jsonb keeps neither",
		`CAST(n AS BLOB)`:               "BLOB made of",
		`abs(random()) + (SELECT 1 FROM nowhere)`: "no such table",
	} {
		v, err := ParseCreateView("CREATE VIEW v AS SELECT " + e + " FROM t")
		if err != nil {
			t.Errorf("%s: %v", e, err)
			continue
		}
		sql, _, err := TranslateView(v, sampleSchema())
		var u *Untranslatable
		if !errors.As(err, &u) || !strings.Contains(u.Reason, reason) {
			t.Errorf("%s: got %q, %v; want a reason with %q", e, sql, err, reason)
		}
	}
}
