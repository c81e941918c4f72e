package dialect

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestRandomExpressionsHaveTheSameValue compares expressions that nobody thought of. The translator may refuse one;
// PostgreSQL may stop with an error about a value that it cannot handle; another value is a defect.
func TestRandomExpressionsHaveTheSameValue(t *testing.T) {
	t.Parallel()
	const tries = 1500
	d := sample(t)
	random := &randomSQL{rand.New(rand.NewPCG(1, 2))}
	compared := 0
	for range tries {
		e := random.expr(3)
		v, err := ParseCreateView("CREATE VIEW v AS SELECT id, " + e + " AS x FROM t")
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if _, err := rows(d.sqlite, v.Text); err != nil {
			continue // an integer overflow, a malformed JSON path
		}
		sql, columns, err := TranslateView(v, d.schema)
		if err != nil {
			continue
		}
		got, err := d.postgresRows(t, sql, columns)
		if stopped(err) {
			continue
		}
		if err != nil {
			t.Errorf("%s:\n%s\n%v", e, sql, err)
			continue
		}
		compared++
		if want := d.sqliteRows(t, v.Text); !sameRows(want, got, false) {
			t.Errorf("%s:\n%s\n  SQLite     %v\n  PostgreSQL %v", e, sql, want, got)
		}
	}
	t.Logf("compared %d of %d", compared, tries)
	if compared < tries/3 {
		t.Errorf("only %d of %d expressions could be compared", compared, tries)
	}
}

// stopped says whether PostgreSQL stopped at a number that its type cannot hold, or at a text that SQLite reads as a
// time in a form that the translation does not know.
func stopped(err error) bool {
	p, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (p.Code == "22003" || p.Code == "22008" || strings.Contains(p.Message, "not an ISO 8601 time"))
}

// randomSQL makes expressions over the sample's table t.
type randomSQL struct{ *rand.Rand }

func (r *randomSQL) pick(list ...string) string { return list[r.IntN(len(list))] }

func (r *randomSQL) leaf() string {
	if r.IntN(3) > 0 {
		return r.pick("n", "n", "q", "r", "s", "s", "c", "ok", "d", "ts", "ms", "id", "b")
	}
	return r.pick("0", "1", "7", "-3", "2.5", "0.1", "NULL", "TRUE", "x'41'", "'7'", "'abc'", "''", "' 12x'", "'1e1'",
		"'2024-01-31'", "'1997-12-31 00:00:00'")
}

func (r *randomSQL) expr(depth int) string {
	if depth == 0 || r.IntN(6) == 0 {
		return r.leaf()
	}
	x := func() string { return r.expr(depth - 1) }
	template := r.pick(
		"(# + #)", "(# - #)", "(# * #)", "(# / #)", "(# % #)", "(# || #)", "(# = #)", "(# <> #)", "(# < #)",
		"(# >= #)", "(# > #)", "(# <= #)",
		"(# AND #)", "(# OR #)", "(NOT #)", "(- #)", "(+ #)", "(# IS #)", "(# IS NOT #)", "(# IS NULL)",
		"(# BETWEEN # AND #)", "(# IN (#, #))", "(# NOT IN (#))",
		"coalesce(#, #)", "ifnull(#, #)", "nullif(#, #)", "iif(#, #, #)", "CASE WHEN # THEN # ELSE # END",
		"CASE # WHEN # THEN # END", "max(#, #)", "min(#, #)",
		"abs(#)", "round(#, 1)", "length(#)", "upper(#)", "lower(#)", "substr(#, 2, 3)", "substr(#, -2)",
		"trim(#)", "replace(#, 'a', #)", "instr(#, #)", "typeof(#)", "quote(#)", "hex(#)",
		"CAST(# AS INTEGER)", "CAST(# AS REAL)", "CAST(# AS TEXT)", "CAST(# AS NUMERIC)", "(# LIKE 'a%')",
		"(# LIKE #)", "(# GLOB '*[0-9]*')", "(# COLLATE NOCASE = #)", "(# & #)", "(# | #)",
		"date(#)", "strftime('%Y-%m', #)", "datetime(#)", "julianday(#)", "printf('%d %s', #, #)",
		"(SELECT max(#) FROM k WHERE k.t_id = t.id)", "(SELECT sum(#) FROM k)",
		"EXISTS (SELECT 1 FROM k WHERE k.qty = #)",
	)
	var b strings.Builder
	for i, part := range strings.Split(template, "#") {
		if i > 0 {
			b.WriteString(x())
		}
		b.WriteString(part)
	}
	if strings.HasPrefix(template, "(SELECT") {
		return strings.ReplaceAll(b.String(), "(id", "(t.id")
	}
	return fmt.Sprint(b.String())
}
