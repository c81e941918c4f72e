package dialect

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestRandomExpressionsHaveTheSameValue compares expressions that nobody thought of. The translator may refuse one;
// PostgreSQL may stop with an error about a value that it cannot handle; another value is a defect.
func TestRandomExpressionsHaveTheSameValue(t *testing.T) {
	t.Parallel()
	compareRandom(t, func(r *randomSQL) string { return "SELECT id, " + r.expr(3) + " AS x FROM t" })
}

// TestRandomQueriesHaveTheSameRows does the same with groups, orders, duplicates, compounds and joins.
func TestRandomQueriesHaveTheSameRows(t *testing.T) {
	t.Parallel()
	compareRandom(t, (*randomSQL).query)
}

// compareRandom tries a thousand queries of one seed; LAKEWARD_PROPERTY_TIME=10m tries others for longer.
func compareRandom(t *testing.T, query func(*randomSQL) string) {
	t.Helper()
	const tries = 1000
	d := sample(t)
	compared := compareSeed(t, d, 1, tries, query)
	t.Logf("compared %d of %d", compared, tries)
	if compared < tries/4 {
		t.Errorf("only %d of %d could be compared", compared, tries)
	}
	longer, err := time.ParseDuration(os.Getenv("LAKEWARD_PROPERTY_TIME"))
	if err != nil {
		return
	}
	for deadline := time.Now().Add(longer); time.Now().Before(deadline) && !t.Failed(); {
		seed := rand.Uint64()
		t.Logf("seed %d: compared %d of %d", seed, compareSeed(t, d, seed, tries, query), tries)
	}
}

// compareSeed compares the queries of one seed and returns how many could be.
func compareSeed(t *testing.T, d *databases, seed uint64, tries int, query func(*randomSQL) string) (compared int) {
	t.Helper()
	random := &randomSQL{rand.New(rand.NewPCG(seed, 2))}
	for range tries {
		v, err := ParseCreateView("CREATE VIEW v AS " + query(random))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rows(d.sqlite, v.Text); err != nil {
			continue // an integer overflow
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
			t.Errorf("%s:\n%s\n%v", v.Text, sql, err)
			continue
		}
		compared++
		if want := d.sqliteRows(t, v.Text); !sameRows(want, got, len(v.Select.OrderBy) > 0) {
			t.Errorf("%s:\n%s\n  SQLite     %v\n  PostgreSQL %v", v.Text, sql, want, got)
		}
	}
	return compared
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
		"EXISTS (SELECT 1 FROM k WHERE k.qty = #)", "(#, #) = (#, #)", "(#, #) < (#, #)", "(#, id) IS (#, 2)",
		"(#, #) IN (SELECT t_id, qty FROM k)", "json_array_length(json_array(#, #))", "(json_extract(j, '$.n') = #)", "((j ->> '$.a.b[0]') || #)", "(json_extract(j, '$.n') + #)",
		"unixepoch(#)", "date(#, '+1 month')", "strftime('%H:%M', #)", "(CASE WHEN # THEN # END)", "ltrim(#, 'A')", "(# IS DISTINCT FROM #)",
		"rowid", "sign(#)", "concat(#, #)", "(# NOT BETWEEN # AND #)", "(# NOT LIKE '%' || # || '%')", "(# << 2)", "(~ #)",
		"(SELECT count(*) FROM json_each(t.j))", "(SELECT group_concat(name, # ORDER BY id) FROM k WHERE k.t_id = t.id)",
	)
	sql := fill(template, x)
	if strings.HasPrefix(template, "(SELECT") {
		return strings.ReplaceAll(sql, "(id", "(t.id")
	}
	return sql
}

// fill puts what next returns for every # of a template.
func fill(template string, next func() string) string {
	var b strings.Builder
	for i, part := range strings.Split(template, "#") {
		if i > 0 {
			b.WriteString(next())
		}
		b.WriteString(part)
	}
	return b.String()
}

// query returns a SELECT; @ stands for one expression that is the same in all places.
func (r *randomSQL) query() string {
	template := r.pick(
		"SELECT @ AS g, count(*), sum(#), max(#), min(#) FROM t GROUP BY @", "SELECT @, avg(#), total(#) FROM t GROUP BY 1",
		"SELECT @ AS g, count(#), count(DISTINCT #) FROM t GROUP BY g HAVING count(*) > 1 OR max(#)",
		"SELECT id, @ AS x FROM t ORDER BY @, id", "SELECT id, # FROM t ORDER BY # DESC, id DESC", "SELECT DISTINCT @ FROM t",
		"SELECT DISTINCT @ AS x FROM t ORDER BY x", "SELECT # FROM t UNION SELECT # FROM t",
		"SELECT # FROM t EXCEPT SELECT # FROM t",
		"SELECT # AS x FROM t UNION ALL SELECT # FROM t", "SELECT x, @ FROM (SELECT *, # AS x FROM t) AS t WHERE x > #",
		"SELECT id FROM t WHERE #", "SELECT id FROM t WHERE # AND NOT #", "SELECT id FROM t WHERE # IN (SELECT # FROM t)",
		"SELECT t.id, k.id FROM t JOIN k ON k.t_id = # AND #",
		"SELECT t.s, k.id FROM t LEFT JOIN k ON k.name = t.s OR k.qty = t.n WHERE t.r < 5",
		"SELECT id, sum(#) OVER (PARTITION BY # ORDER BY id) FROM t", "SELECT id, rank() OVER (ORDER BY #) FROM t",
		"SELECT id, lag(#) OVER (ORDER BY id) FROM t", "SELECT sum(@), max(@) - min(@) FROM t",
		"SELECT group_concat(#, '|' ORDER BY id) FROM t", "SELECT @ AS g, max(id), s, # FROM t GROUP BY @", "SELECT n, #, min(id) FROM t WHERE #",
		"WITH c(x, y) AS (SELECT id, # FROM t) SELECT x, y, # FROM c, t WHERE c.x = t.id", "WITH c AS (SELECT # AS x FROM t) SELECT x, count(*) FROM c GROUP BY x",
		"SELECT # AS x FROM t UNION SELECT # FROM t UNION ALL SELECT # FROM t", "SELECT # FROM t INTERSECT SELECT # FROM t",
		"SELECT id, count(*) OVER (PARTITION BY # ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
		"SELECT id, first_value(#) OVER (ORDER BY id DESC), dense_rank() OVER (ORDER BY # DESC) FROM t",
		"SELECT @ AS g, count(*) FROM t GROUP BY g HAVING g IS NOT NULL ORDER BY g, 2", "SELECT count(*) FILTER (WHERE #), sum(#) FILTER (WHERE #) FROM t",
		"SELECT json_group_array(# ORDER BY id) FROM t", "SELECT id FROM t ORDER BY # COLLATE NOCASE, id LIMIT 3", "VALUES (1, 'a'), (2, 'b')",
		"SELECT x.id, x.y FROM (SELECT id, # AS y FROM t WHERE #) AS x ORDER BY y, x.id",
	)
	if strings.Contains(template, "k ON") {
		return strings.ReplaceAll(fill(template, func() string { return r.expr(1) }), "(id", "(t.id")
	}
	same := r.expr(2)
	return strings.ReplaceAll(fill(template, func() string { return r.expr(2) }), "@", same)
}
