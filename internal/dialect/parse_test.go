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
UNION ALL SELECT 'key', id, seq, "table", "from", "to", on_update || ' ' || on_delete, match
          FROM pragma_foreign_key_list('t')
UNION ALL SELECT 'index', l.seq, l.name, l."unique", l.origin, l.partial, x.seqno || ' ' || x.cid || x.desc, x.coll
          FROM pragma_index_list('t') l, pragma_index_xinfo(l.name) x
UNION ALL SELECT 'table', type, ncol, wr, strict, '', '', '' FROM pragma_table_list('t')`

var tables = []string{
	`CREATE TABLE t(a)`,
	`create table if not exists main.t (a int, b text not null, c varchar(10) unique,
		d numeric(10, 2), e double precision)`,
	`CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, "b c" TEXT COLLATE NOCASE, [d"] BLOB)`,
	"CREATE TABLE `t`(`a``b` int, \"c\"\"d\" int, 'e''f' int)",
	`CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b TEXT) STRICT`,
	`CREATE TABLE t(a INT PRIMARY KEY, b ANY) WITHOUT ROWID, STRICT`,
	`CREATE TABLE t(a, b, PRIMARY KEY(a DESC, b COLLATE NOCASE) ON CONFLICT REPLACE) WITHOUT ROWID`,
	`CREATE TABLE t(a DEFAULT 1, b DEFAULT -1.5e3, c DEFAULT (1 + 2), d DEFAULT CURRENT_TIMESTAMP, e DEFAULT "x y",
		f DEFAULT 'it''s', g DEFAULT true, h DEFAULT word, i DEFAULT NULL, j DEFAULT x'00ff', k DEFAULT +7, l DEFAULT 0x10)`,
	`CREATE TABLE t(a int CHECK (a > 0) CONSTRAINT positive CHECK (a < 10), CONSTRAINT both CHECK (a <> 5))`,
	`CREATE TABLE t(a, b AS (a * 2), c INT GENERATED ALWAYS AS (a + 1) STORED,
		d text generated always as (a || 'x') virtual)`,
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

func TestExpressionMeansTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	conn := openSQLite(t, ":memory:")
	for _, sql := range lines(t, "expressions.sql") {
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

const selectData = `CREATE TABLE a(x, z); CREATE TABLE b(x, y); CREATE TABLE b2(x);
INSERT INTO a VALUES (1, 'p'), (2, 'q'), (3, 'p'), (NULL, NULL);
INSERT INTO b VALUES (2, 'two'), (3, 'three'), (4, 'four');
INSERT INTO b2 SELECT x FROM b;`

func TestSelectMeansTheSameWhenPrinted(t *testing.T) {
	t.Parallel()
	conn := openSQLite(t, ":memory:")
	script(t, conn, selectData)
	for _, sql := range lines(t, "selects.sql") {
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
		"CREATE TABLE t(a DEFAULT x'0')":                 "line 1, column 26: a blob needs pairs of hexadecimal digits",
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
		Name: "audit", Table: "t", Timing: "AFTER", Event: "UPDATE", UpdateOf: []string{
			"a",
			"b",
		}, WhenText: "new.a > 1",
		Body: "UPDATE t SET b = CASE a WHEN 1 THEN 2 END; SELECT RAISE(ABORT, 'no');",
	}
	trigger.When = nil
	if diff := cmp.Diff(wantTrigger, trigger); diff != "" {
		t.Error(diff)
	}
	const search = `CREATE VIRTUAL TABLE s USING fts5(title, body, tokenize = 'porter (x)', content=f(a,b))`
	virtual, err := ParseCreateVirtualTable(search)
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
			"CREATE TABLE z(a CONSTRAINT %s NOT NULL)", "CREATE TABLE z(a DEFAULT %s)",
			"CREATE TABLE z(a int REFERENCES %s(b))",
			"CREATE VIEW v AS SELECT 1 AS %s", "CREATE VIEW v AS SELECT 1 %s",
			"CREATE VIEW v AS SELECT * FROM t AS %s",
			"CREATE VIEW v AS SELECT * FROM t %s", "CREATE VIEW v AS SELECT %s FROM t",
			"CREATE VIEW v AS SELECT a.%s + 1 FROM a",
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
