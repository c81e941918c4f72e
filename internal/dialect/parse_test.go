package dialect

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
)

// describeTable is everything that SQLite knows of a table's shape.
const describeTable = `
SELECT 'column', cid, name, type, "notnull", pk, hidden, dflt_value IS NULL FROM pragma_table_xinfo('t')
UNION ALL SELECT 'key', id, seq, "table", "from", "to", on_update || ' ' || on_delete, match FROM pragma_foreign_key_list('t')
UNION ALL SELECT 'index', l.seq, l.name, l."unique", l.origin, l.partial, x.seqno || ' ' || x.cid || ' ' || x.desc, x.coll
          FROM pragma_index_list('t') l, pragma_index_xinfo(l.name) x
UNION ALL SELECT 'table', type, ncol, wr, strict, '', '', '' FROM pragma_table_list('t')`

var tables = []string{
	`CREATE TABLE t(a)`,
	`create table if not exists main.t (a int, b text not null, c varchar(10) unique, d numeric(10, 2), e double precision)`,
	`CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, "b c" TEXT COLLATE NOCASE, [d"] BLOB)`,
	"CREATE TABLE `t`(`a``b` int, \"c\"\"d\" int, 'e''f' int)",
	`CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b TEXT) STRICT`,
	`CREATE TABLE t(a INT PRIMARY KEY, b ANY) WITHOUT ROWID, STRICT`,
	`CREATE TABLE t(a, b, PRIMARY KEY(a DESC, b COLLATE NOCASE) ON CONFLICT REPLACE) WITHOUT ROWID`,
	`CREATE TABLE t(a DEFAULT 1, b DEFAULT -1.5e3, c DEFAULT (1 + 2), d DEFAULT CURRENT_TIMESTAMP, e DEFAULT "x y",
		f DEFAULT 'it''s', g DEFAULT true, h DEFAULT word, i DEFAULT NULL, j DEFAULT x'00ff', k DEFAULT +7, l DEFAULT 0x10)`,
	`CREATE TABLE t(a int CHECK (a > 0) CONSTRAINT positive CHECK (a < 10), CONSTRAINT both CHECK (a <> 5))`,
	`CREATE TABLE t(a, b AS (a * 2), c INT GENERATED ALWAYS AS (a + 1) STORED, d text generated always as (a || 'x') virtual)`,
	`CREATE TABLE t(a REFERENCES p, b INT REFERENCES p(x) ON DELETE CASCADE ON UPDATE SET NULL MATCH FULL
		DEFERRABLE INITIALLY DEFERRED, c REFERENCES p(x) NOT DEFERRABLE)`,
	`CREATE TABLE t(a, b, c, FOREIGN KEY (a, b) REFERENCES p(x, y) ON DELETE SET DEFAULT ON UPDATE RESTRICT
		CONSTRAINT u UNIQUE (b, c DESC) PRIMARY KEY (a) CHECK (a > b))`,
	`CREATE TABLE t(key text, action int, no, "order" int, row, rows, match, like, replace, first, temp, desc int, if)`,
	`CREATE TABLE t(left int, right int, cross, natural, full)`,
	`CREATE TABLE t(a int NOT NULL ON CONFLICT IGNORE UNIQUE ON CONFLICT FAIL, b NULL)`,
	`CREATE TABLE t(id integer constraint pk primary key on conflict rollback autoincrement, x constraint dangling)`,
	"CREATE /* c */ TABLE t -- comment\n (größe 'double' , 名前 \"TEXT\" /* end */ )",
	`CREATE TABLE t(a unsigned big int(20), b native character(70), c decimal(-5, +2), d "quoted type")`,
	`CREATE TABLE t AS SELECT 1 AS a, 'x' AS b`,
}

func TestCreateTableMeansTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	for _, sql := range tables {
		t.Run(sql, func(t *testing.T) { t.Parallel(); sameTable(t, sql) })
	}
}

func sameTable(t *testing.T, sql string) {
	t.Helper()
	table, err := ParseCreateTable(sql)
	if err != nil {
		t.Fatal(err)
	}
	printed := table.String()
	if diff := cmp.Diff(shape(t, table.Name, sql), shape(t, table.Name, printed)); diff != "" {
		t.Errorf("%s\nSQLite sees another table (-read +printed):\n%s", printed, diff)
	}
}

// shape creates a table and returns what SQLite says about it and about a row made of its defaults.
func shape(t *testing.T, name, sql string) []string {
	t.Helper()
	conn := openSQLite(t, ":memory:")
	script(t, conn, sql)
	list := mustRows(t, conn, strings.ReplaceAll(describeTable, "'t'", quoteText(name)))
	if _, err := rows(conn, "INSERT INTO "+quoteName(name)+" DEFAULT VALUES"); err != nil {
		return append(list, err.Error())
	}
	return append(list, mustRows(t, conn, "SELECT * FROM "+quoteName(name))...)
}

func mustTable(t *testing.T, sql string) *CreateTable {
	t.Helper()
	table, err := ParseCreateTable(sql)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func mustRows(t *testing.T, conn *sqlite.Conn, query string) []string {
	t.Helper()
	list, err := rows(conn, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

var expressions = []string{
	`1`, `-1`, `1_000 + 0x1F`, `.5`, `1.`, `1e3`, `1.5E-3`, `x'4142'`, `'it''s'`, `NULL`, `true`, `NOT false`,
	`1 + 2 * 3`, `(1 + 2) * 3`, `10 - 4 - 3`, `100 / 7 % 4`, `1 || 2 + 3`, `-2 || 'a'`, `~5 & 12 | 3 << 2 >> 1`,
	`1 < 2 = 1`, `1 = 2 < 3`, `NOT 1 = 2`, `NOT 0 AND 0 OR 1`, `1 OR 0 AND 0`, `2 > 1 AND 1 < 2`, `5 <> 5 == 0`,
	`NULL IS NULL`, `1 IS NOT NULL`, `1 IS NOT 2`, `NULL IS DISTINCT FROM 1`, `NULL IS NOT DISTINCT FROM NULL`,
	`1 ISNULL`, `1 NOTNULL`, `1 NOT NULL`, `NOT NULL ISNULL`, `- - 3`, `-~2`, `+'a'`,
	`5 BETWEEN 1 AND 10`, `5 NOT BETWEEN 1 AND 10 AND 1`, `5 BETWEEN 1 AND 3 OR 1`, `1 BETWEEN 0 AND 2 = 1`,
	`'abc' LIKE 'A%'`, `'a%c' LIKE 'a!%c' ESCAPE '!'`, `'abc' NOT LIKE 'x%' AND 1`, `'abc' GLOB 'a*'`, `'ab' LIKE 'a' || '_'`,
	`3 IN (1, 2, 3)`, `3 NOT IN (1, 2)`, `3 IN ()`, `3 IN (SELECT 3)`, `(1, 2) IN (SELECT 1, 2)`, `(1, 2) < (1, 3)`,
	`EXISTS (SELECT 1)`, `NOT EXISTS (SELECT 1 WHERE 0)`, `(SELECT 42)`, `(VALUES (7))`, `(WITH a AS (SELECT 1) SELECT * FROM a)`,
	`CASE 1 WHEN 1 THEN 'a' ELSE 'b' END`, `CASE WHEN 0 THEN 1 END`, `CASE WHEN 1 IN (2) THEN 3 WHEN 2 THEN 4 END`,
	`CAST('12abc' AS INTEGER)`, `CAST(5 AS varchar(10))`, `CAST(1.5 AS "double precision")`,
	`'a' = 'A' COLLATE NOCASE`, `'a' || 'B' COLLATE nocase = 'AB'`, `abs(-5)`, `coalesce(NULL, 1, 2)`, `max(1, 2)`,
	`replace('abc', 'b', 'x')`, `glob('a*', 'abc')`, `like('a%', 'ABC')`, `"abs"(-1)`,
	`'{"a":[1,2]}' -> '$.a'`, `'{"a":[1,2]}' ->> '$.a[1]'`, `'{"a":{"b":1}}' -> 'a' ->> 'b' + 1`,
	`count(*)`, `count(DISTINCT 1)`, `group_concat('a', '-')`, `sum(1) FILTER (WHERE 1)`, `count(*) OVER ()`,
	`sum(1) OVER (PARTITION BY 1 ORDER BY 2 DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES)`,
	`row_number() OVER (ORDER BY 1 NULLS LAST)`, `sum(1) OVER (ORDER BY 1 RANGE UNBOUNDED PRECEDING)`,
	`CURRENT_DATE = date('now')`, `1 -- comment`, `1 /* comment */ + /* unclosed? */ 1`,
	`1.5 IS 1.5`, `1 = 1 IS 1`, `NOT 5 IN (5)`, `2 * -3`, `2 - -3`, `1 NOT IN (2) NOT NULL`, `9223372036854775808`,
	`group_concat('a' ORDER BY 1)`,
}

func TestExpressionMeansTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	conn := openSQLite(t, ":memory:")
	for _, sql := range expressions {
		e, err := ParseExpr(sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		printed := FormatExpr(e)
		if diff := cmp.Diff(mustRows(t, conn, "SELECT "+sql), mustRows(t, conn, "SELECT "+printed)); diff != "" {
			t.Errorf("%s printed as %s: SQLite sees another value (-read +printed):\n%s", sql, printed, diff)
		}
	}
}

var selects = []string{
	`SELECT * FROM a`, `SELECT a.*, y FROM a JOIN b ON a.x = b.x`, `SELECT * FROM a, b WHERE a.x = b.x ORDER BY 1 DESC LIMIT 2`,
	`SELECT * FROM a NATURAL JOIN b`, `SELECT * FROM a LEFT OUTER JOIN b USING (x)`, `SELECT * FROM a NATURAL LEFT JOIN b`,
	`SELECT * FROM a FULL JOIN b ON a.x = b.x ORDER BY 1, 3`, `SELECT * FROM a RIGHT JOIN b USING(x)`, `SELECT * FROM a CROSS JOIN b`,
	`SELECT x n FROM a ORDER BY n NULLS LAST`, `SELECT x 'n' FROM a`, `SELECT DISTINCT z FROM a ORDER BY z LIMIT 1 OFFSET 1`,
	`SELECT z, count(*) c, sum(x) FROM a GROUP BY z HAVING c > 0 ORDER BY 1`, `SELECT x FROM a LIMIT 1, 2`, `VALUES (1, 2), (3, 4)`,
	`SELECT x FROM a UNION SELECT x FROM b ORDER BY x`, `SELECT x FROM a EXCEPT SELECT x FROM b UNION ALL SELECT 9 INTERSECT SELECT 9`,
	`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n`,
	`WITH p AS MATERIALIZED (SELECT * FROM a), q AS NOT MATERIALIZED (SELECT * FROM p) SELECT count(*) FROM q`,
	`SELECT * FROM (SELECT x + 1 AS x1 FROM a) AS s WHERE x1 > 1`, `SELECT * FROM (a JOIN b ON a.x = b.x) ORDER BY 1`,
	`SELECT * FROM (a AS l JOIN b AS r USING (x)), (VALUES (1)) v`, `SELECT x, (SELECT max(y) FROM b WHERE b.x = a.x) FROM a`,
	`SELECT x FROM a WHERE x IN b2`, `SELECT x FROM a WHERE EXISTS (SELECT * FROM b WHERE b.x = a.x)`,
	`SELECT value FROM json_each('[1,2]')`, `SELECT x, sum(x) OVER w FROM a WINDOW w AS (ORDER BY x ROWS 1 PRECEDING)`,
	`SELECT x, lag(x) OVER (w ORDER BY x) FROM a WINDOW w AS (PARTITION BY z), v AS ()`,
	`SELECT x FROM main.a NOT INDEXED WHERE main.a.x > 0`, `SELECT x AS "select", z [from] FROM a AS "where"`,
	`SELECT y FROM a JOIN b USING(x) JOIN b2 ON b2.x = a.x`, `SELECT ALL x FROM a WHERE x > (SELECT avg(x) FROM a)`,
	`SELECT window.x FROM a AS window`, `SELECT x filter FROM a`, `SELECT x AS over FROM a`, `SELECT 'a'.'x' FROM a`,
	`SELECT x FROM a WHERE z COLLATE NOCASE = 'P' COLLATE binary`, `SELECT CASE x WHEN 1 THEN z END END FROM a;`,
}

const selectData = `CREATE TABLE a(x, z); CREATE TABLE b(x, y); CREATE TABLE b2(x);
INSERT INTO a VALUES (1, 'p'), (2, 'q'), (3, 'p'), (NULL, NULL); INSERT INTO b VALUES (2, 'two'), (3, 'three'), (4, 'four');
INSERT INTO b2 SELECT x FROM b;`

func TestSelectMeansTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	conn := openSQLite(t, ":memory:")
	script(t, conn, selectData)
	for _, sql := range selects {
		view, err := ParseCreateView("CREATE VIEW v AS " + sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		printed := view.Select.String()
		if diff := cmp.Diff(mustRows(t, conn, sql), mustRows(t, conn, printed)); diff != "" {
			t.Errorf("%s printed as %s: SQLite sees other rows (-read +printed):\n%s", sql, printed, diff)
		}
	}
}

func TestRealSchemasMeanTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	for _, path := range realDatabases(t) {
		conn := openSQLite(t, path, sqlite.OpenReadOnly)
		for _, sql := range schemaOf(t, conn, "table") {
			sameTable(t, sql)
		}
		for _, sql := range schemaOf(t, conn, "index") {
			if _, err := ParseCreateIndex(sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		for _, sql := range schemaOf(t, conn, "view") {
			view, err := ParseCreateView(sql)
			if err != nil {
				t.Errorf("%s: %v", sql, err)
				continue
			}
			const top = "SELECT * FROM (%s) LIMIT 500"
			want := mustRows(t, conn, strings.Replace(top, "%s", view.Text, 1))
			got := mustRows(t, conn, strings.Replace(top, "%s", view.Select.String(), 1))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: other rows (-read +printed):\n%s", view.Name, diff)
			}
		}
	}
}

func TestSyntaxErrorsNameTheirPlace(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"CREATE TABLE t(": `line 1, column 16: the statement ends too early`,
		"CREATE TABLE t(\n  a int,\n  größe int int)) x": `line 3, column 17: syntax error near ")"`,
		"CREATE TABLE t(a 'x":                            `line 1, column 18: the quote ' is not closed`,
		"CREATE TABLE t(a) t2":                           `line 1, column 19: syntax error near "t2"`,
		"CREATE TABLE select(a)":                         `line 1, column 14: syntax error near "select"`,
		"CREATE TABLE t(a CHECK (12abc > 0))":            `line 1, column 25: unrecognized token "12a"`,
		"CREATE TABLE t(a DEFAULT x'0')":                 `line 1, column 26: a blob literal needs pairs of hexadecimal digits`,
		"CREATE TABLE [t(a)":                             `line 1, column 14: the bracket [ is not closed`,
		"CREATE TABLE t(a ! b)":                          `line 1, column 18: unrecognized token '!'`,
	} {
		_, err := ParseCreateTable(sql)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: got %v, want %s", sql, err, want)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"parentheses": strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"operators":   "1" + strings.Repeat(" || 1", 5000),
		"minus":       strings.Repeat("- ", 5000) + "1",
		"subqueries":  strings.Repeat("(SELECT ", 5000) + "1" + strings.Repeat(")", 5000),
		"joins":       "(SELECT 1 FROM " + strings.Repeat("(", 5000) + "t" + strings.Repeat(")", 5001),
	} {
		if _, err := ParseExpr(sql); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func TestTextIsKeptAsWritten(t *testing.T) {
	t.Parallel()
	table := mustTable(t, `CREATE TABLE t(a int CONSTRAINT c CHECK ( a  >0 /* why */ ), b DEFAULT ( 1+ 2 ), c AS ( a*2 ))`)
	a, b, c := table.Columns[0], table.Columns[1], table.Columns[2]
	got := []string{a.Checks[0].Name, a.Checks[0].Text, b.DefaultText, c.GeneratedText, a.Type}
	if diff := cmp.Diff([]string{"c", "a  >0", "( 1+ 2 )", "a*2", "int"}, got); diff != "" {
		t.Error(diff)
	}
	view, err := ParseCreateView("CREATE VIEW v(x) AS\n SELECT a,  b + 1 FROM t ;")
	if err != nil {
		t.Fatal(err)
	}
	if view.Text != "SELECT a,  b + 1 FROM t" || view.Select.Cores[0].Columns[1].Text != "b + 1" {
		t.Errorf("view text %q", view.Text)
	}
}

func TestIndexesTriggersAndVirtualTables(t *testing.T) {
	t.Parallel()
	x, err := ParseCreateIndex(`CREATE UNIQUE INDEX i ON t(a, lower(b) COLLATE NOCASE DESC, 'c') WHERE a IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
	want := `CREATE UNIQUE INDEX "i" ON "t" ( "a" , "lower" ( b ) COLLATE "NOCASE" DESC , "c" ) WHERE ( a IS NOT NULL )`
	if x.String() != want || x.Columns[1].Text != "lower(b)" || x.WhereText != "a IS NOT NULL" {
		t.Errorf("index %s, %+v", x, x)
	}
	trigger, err := ParseCreateTrigger("CREATE TRIGGER audit AFTER UPDATE OF a, b ON t FOR EACH ROW WHEN new.a > 1\n" +
		"BEGIN UPDATE t SET b = CASE a WHEN 1 THEN 2 END; SELECT RAISE(ABORT, 'no'); END;")
	if err != nil {
		t.Fatal(err)
	}
	wantTrigger := &CreateTrigger{
		Name: "audit", Table: "t", Timing: "AFTER", Event: "UPDATE", UpdateOf: []string{"a", "b"}, WhenText: "new.a > 1",
		Body: "UPDATE t SET b = CASE a WHEN 1 THEN 2 END; SELECT RAISE(ABORT, 'no');",
	}
	trigger.When = nil
	if diff := cmp.Diff(wantTrigger, trigger); diff != "" {
		t.Error(diff)
	}
	virtual, err := ParseCreateVirtualTable(`CREATE VIRTUAL TABLE s USING fts5(title, body, tokenize = 'porter (x)', content=f(a,b))`)
	if err != nil {
		t.Fatal(err)
	}
	wantArgs := []string{"title", "body", "tokenize = 'porter (x)'", "content=f(a,b)"}
	if diff := cmp.Diff(wantArgs, virtual.Args); diff != "" || virtual.Module != "fts5" {
		t.Error(virtual.Module, diff)
	}
}

// TestKeywordsAreNamesWhereSQLiteTakesThem asks SQLite which keywords can be what.
func TestKeywordsAreNamesWhereSQLiteTakesThem(t *testing.T) {
	t.Parallel()
	conn := openSQLite(t, ":memory:")
	const words = `ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN
		BY CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE
		CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH
		ELSE END ESCAPE EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL
		GENERATED GLOB GROUP GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD
		INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL
		NULLS OF OFFSET ON OR ORDER OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE
		RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT
		SELECT SET STORED STRICT TABLE TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER UNBOUNDED UNION UNIQUE UPDATE USING
		VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT`
	for _, word := range strings.Fields(words) {
		for _, pattern := range []string{
			"CREATE TABLE %s(%s int, x)", "CREATE TABLE x(a int, %s, y)", "CREATE TABLE y(a %s)",
			"CREATE TABLE z(a CONSTRAINT %s NOT NULL)", "CREATE TABLE z(a DEFAULT %s)", "CREATE TABLE z(a int REFERENCES %s(b))",
			"CREATE VIEW v AS SELECT 1 AS %s", "CREATE VIEW v AS SELECT 1 %s", "CREATE VIEW v AS SELECT * FROM t AS %s",
			"CREATE VIEW v AS SELECT * FROM t %s", "CREATE VIEW v AS SELECT %s FROM t", "CREATE VIEW v AS SELECT a.%s + 1 FROM a",
			"CREATE VIEW v AS SELECT 1 + %s * 2 FROM t",
		} {
			sql := strings.ReplaceAll(pattern, "%s", word)
			_, want := rows(conn, "EXPLAIN "+sql)
			if want != nil && !strings.Contains(want.Error(), "syntax error") && !strings.Contains(want.Error(), "incomplete") {
				want = nil // it says something about the name, not about the grammar
			}
			var err error
			if strings.HasPrefix(sql, "CREATE TABLE") {
				_, err = ParseCreateTable(sql)
			} else {
				_, err = ParseCreateView(sql)
			}
			if (err == nil) != (want == nil) {
				t.Errorf("%s: got %v, SQLite says %v", sql, err, want)
			}
		}
	}
}
