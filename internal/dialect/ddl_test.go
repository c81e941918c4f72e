package dialect

import (
	"errors"
	"fmt"
	"testing"
)

// TestTableExpressionsAreImmutable puts expressions where PostgreSQL takes only immutable ones.
func TestTableExpressionsAreImmutable(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for i, source := range []string{
		`lower(s)`, `n + 1`, `s || c`, `n || '-' || s`, `substr(s, 1, 3)`, `length(s)`, `coalesce(n, 0)`,
		`date(ts)`, `strftime('%Y-%m', ts)`, `json_extract(j, '$.n')`, `CAST(s AS INTEGER)`,
		`n / 2`, `q / 2`, `round(r, 2)`, `c`, `CASE WHEN n > 0 THEN 'pos' END`, `iif(ok, 1, 0)`,
		`date(d, '+1 month')`, `ts || ''`, `julianday(ts)`, `unixepoch(ts)`, `time(ts)`, `hex(b)`,
		`upper(trim(s))`, `instr(s, 'a')`,
	} {
		e, err := ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := TranslateExpr(e, d.schema, "t")
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if _, err := d.postgres.Exec(t.Context(), fmt.Sprintf("CREATE INDEX i%d ON t ((%s))", i, sql)); err != nil {
			t.Errorf("%s: %s: %v", source, sql, err)
		}
	}
}

func TestConditionsHoldForTheSameRows(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for i, source := range []string{
		`n > 0`, `ok`, `ok = 1`, `NOT ok`, `n`, `length(s)`, `s IN ('Alpha', '42')`, `c = 'ALPHA'`,
		`s LIKE '%a%'`, `d >= '2000-01-01'`, `ts < '2000-01-01'`, `n IS NULL OR q > 1`, `typeof(n) = 'integer'`,
		`d IS date(d)`, `json_valid(j)`, `r BETWEEN 0 AND 1`, `s <> ''`, `d LIKE '____-__-__'`,
		`s GLOB '[0-9]*'`, `ok AND n`, `ok IS NOT NULL`, `length(c) <= 5 AND c NOT LIKE '% %'`,
	} {
		e, err := ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := TranslateCondition(e, d.schema, "t")
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		d.execute(t, fmt.Sprintf("CREATE INDEX p%d ON t (id) WHERE %s", i, sql))
		d.execute(t, fmt.Sprintf("ALTER TABLE t ADD CONSTRAINT c%d CHECK (%s) NOT VALID", i, sql))
		got, err := d.postgresRows(t, "SELECT id FROM t WHERE "+sql, []Column{{Type: "bigint"}})
		if err != nil {
			t.Fatal(err)
		}
		if want := d.sqliteRows(t, "SELECT id FROM t WHERE "+source); !sameRows(want, got, false) {
			t.Errorf("%s: %s: got %v, want %v", source, sql, got, want)
		}
	}
}

func TestGeneratedColumnsHaveTheSameValue(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for i, c := range []struct{ source, pgType string }{
		{`n * 2`, "bigint"},
		{`n > 0`, "bigint"},
		{`n > 0`, "boolean"},
		{`ok`, "bigint"},
		{`s || '!'`, "text"},
		{`date(ts)`, "date"},
		{`date(ts)`, "text"},
		{`q * 1.19`, "double precision"},
		{
			`CAST(n AS TEXT)`,
			"text",
		},
		{`json_extract(j, '$.a.b')`, "text"},
		{`upper(s)`, "character varying(40)"},
		{
			`round(q, 1)`,
			"numeric(12,1)",
		},
		{`NULL`, "text"},
	} {
		e, err := ParseExpr(c.source)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := TranslateGenerated(e, d.schema, "t", c.pgType)
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		d.execute(t, fmt.Sprintf("ALTER TABLE t ADD COLUMN g%d %s GENERATED ALWAYS AS (%s) STORED", i, c.pgType, sql))
		got, err := d.postgresRows(t, fmt.Sprintf("SELECT id, g%d FROM t", i), []Column{
			{Type: "bigint"},
			{Type: c.pgType},
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.source == `json_extract(j, '$.a.b')` {
			continue // the text of an array is jsonb's; it is here for its being immutable
		}
		if want := d.sqliteRows(t, "SELECT id, "+c.source+" FROM t"); !sameRows(want, got, false) {
			t.Errorf("%s: %s: got %v, want %v", c.source, sql, got, want)
		}
	}
}

func TestWhatIsNotImmutableIsRefused(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`date('now')`, `random()`, `r || ''`, `date(u)`, `strftime('%s', 'now')`, `CURRENT_TIMESTAMP`, `ms || ''`,
	} {
		e, err := ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		var u *Untranslatable
		if sql, err := TranslateExpr(e, sampleSchema(), "t"); !errors.As(err, &u) {
			t.Errorf("%s: got %s, %v", source, sql, err)
		}
	}
}

func TestTimeFormsAreThoseOfTheText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-01-31": "YYYY-MM-DD", "2024-01-31 10:20": "YYYY-MM-DD HH24:MI",
		"2024-01-31 10:20:30.123":     "YYYY-MM-DD HH24:MI:SS.MS",
		"2024-01-31T10:20:30.123456Z": `YYYY-MM-DD"T"HH24:MI:SS.US"Z"`, "10:20:30": "HH24:MI:SS",
		"2024-02-31": "", "31.01.2024": "", "": "", "2024-01-31 10:20:30+02:00": "",
	} {
		if got := TimeForm(text); got != want {
			t.Errorf("TimeForm(%q) = %q, want %q", text, got, want)
		}
	}
}
