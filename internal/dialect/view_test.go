package dialect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestViewsHaveTheSameRows(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for i, sql := range lines(t, "views.sql") {
		d.view(t, fmt.Sprintf("CREATE VIEW v%d AS %s", i, sql), strings.Contains(sql, "ORDER BY"))
	}
}

func TestViewsOverViewsHaveTheSameRows(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for _, sql := range []string{
		`CREATE VIEW amounts(owner, "the amount") AS SELECT t_id, sum(qty * price) FROM k GROUP BY t_id`,
		`CREATE VIEW big AS SELECT a.*, t.s, t.ok, t.ts, t.d FROM amounts a LEFT JOIN t ON t.id = a.owner
			WHERE "the amount" > 5`,
		`CREATE VIEW bigger AS SELECT owner, ok = 1 AS good, date(ts) AS day, s || '!' AS shout FROM big
			WHERE ts >= '1997-01-01' OR s = 42`,
		`CREATE VIEW biggest AS SELECT * FROM bigger WHERE day < '2024-02-01' AND good`,
	} {
		script(t, d.sqlite, sql)
		d.view(t, sql, false)
	}
}

func TestUntranslatableViewsAreRefused(t *testing.T) {
	t.Parallel()
	for sql, reason := range map[string]string{
		`SELECT name, max(price), min(qty) FROM k`:                              "more than one min() or max()",
		`SELECT name, rank() OVER w, count(*) FROM k WINDOW w AS (ORDER BY id)`: "neither grouped by nor aggregated",
		`SELECT * FROM json_tree('[1]')`:                                        "table-valued function",
		`SELECT * FROM json_each('[1]')`:                                        "all columns of json_each",
		`SELECT path FROM json_each('[1]')`:                                     "no such column",
		`SELECT 1 FROM t WHERE (id, s) IN (SELECT s, id FROM t)`:                "IN compares",
		`SELECT c, count(*) FROM t GROUP BY c`:                                  "collation NOCASE",
		`SELECT c FROM t UNION SELECT s FROM t`:                                 "collation NOCASE",
		`SELECT DISTINCT c FROM t`:                                              "collation NOCASE",
		`SELECT count(DISTINCT c) FROM t`:                                       "DISTINCT under a collation",
		`SELECT DISTINCT 'a' COLLATE NOCASE || s FROM t`:                        "COLLATE inside an operation",
		`SELECT max(c) FROM t`:                                                  "under a collation",
		`SELECT qty FROM k UNION SELECT name FROM k`:                            "both numbers and texts",
		`SELECT id FROM k LIMIT (SELECT 1)`:                                     "LIMIT or OFFSET",
		`SELECT id FROM t JOIN k ON t.id = k.id`:                                "ambiguous",
		`SELECT k.id FROM k JOIN k ON 1`:                                        "two tables",
		`SELECT * FROM k WHERE price IN (SELECT name FROM k)`:                   "IN compares",
		`SELECT x / 2 FROM (SELECT sum(price) AS x FROM k GROUP BY t_id)`:       "divides integers",
	} {
		v, err := ParseCreateView("CREATE VIEW v AS " + sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		translated, _, err := TranslateView(v, sampleSchema())
		var u *Untranslatable
		if !errors.As(err, &u) || !strings.Contains(u.Reason, reason) {
			t.Errorf("%s: got %q, %v; want a reason with %q", sql, translated, err, reason)
		}
	}
}

// TestRealViewsHaveTheSameRows migrates the views of Northwind, over columns of the types that are declared.
func TestRealViewsHaveTheSameRows(t *testing.T) {
	t.Parallel()
	for _, path := range realDatabases(t) {
		if !strings.Contains(path, "northwind") {
			continue
		}
		d := &databases{sqlite: openSQLite(t, path, sqlite.OpenReadOnly), postgres: connect(t), schema: schema{}}
		for _, sql := range schemaOf(t, d.sqlite, "table") {
			table := mustTable(t, sql)
			d.schema[strings.ToLower(table.Name)] = realColumns(t, d.sqlite, table)
			d.load(t, table.Name, strings.ToLower(table.Name))
		}
		views := schemaOf(t, d.sqlite, "view")
		if len(views) != 16 {
			t.Errorf("%s has %d views", path, len(views))
		}
		for _, sql := range views {
			d.view(t, sql, false) // one orders by what is not unique
		}
	}
}

func realColumns(t *testing.T, conn *sqlite.Conn, table *CreateTable) []Column {
	t.Helper()
	types := map[string]string{
		"INTEGER": "bigint", "NUMERIC": "numeric", "REAL": "double precision", "TEXT": "text", "BLOB": "bytea",
		"DATE": "date", "DATETIME": "timestamp without time zone",
	}
	var columns []Column
	for _, c := range table.Columns {
		column := Column{Name: c.Name, Target: c.Name, Type: types[c.Type], Affinity: affinityOf(c.Type)}
		if c.Type == "DATETIME" {
			column.Form = formOf(t, conn, table.Name, c.Name)
		}
		column.PrimaryKey = c.PrimaryKey || slices.ContainsFunc(table.Constraints, func(k TableConstraint) bool {
			names := func(x IndexedColumn) bool { return x.Name == c.Name }
			return k.Kind == PrimaryKeyConstraint && slices.ContainsFunc(k.Columns, names)
		})
		columns = append(columns, column)
	}
	return columns
}

// formOf returns the form that every text of a column has, or "".
func formOf(t *testing.T, conn *sqlite.Conn, table, column string) string {
	t.Helper()
	form, first := "", true
	const distinct = "SELECT DISTINCT %[1]s FROM %[2]s WHERE %[1]s IS NOT NULL"
	query := fmt.Sprintf(distinct, quoteName(column), quoteName(table))
	err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		f := TimeForm(stmt.ColumnText(0))
		if !first && f != form {
			f = ""
		}
		form, first = f, false
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// TestDraftsOfViewsKeepWhatCanBeTranslated has PostgreSQL take the drafts of views that cannot be translated whole.
func TestDraftsOfViewsKeepWhatCanBeTranslated(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for sql, want := range map[string]string{
		`SELECT id, frobnicate(n) AS f, upper(s) AS u FROM t WHERE ok`: "frobnicate",
		`SELECT c, count(*) AS n FROM t GROUP BY c`:                    `lower("t"."c" COLLATE "C")`,
		`SELECT id FROM t WHERE s REGEXP '^a' AND id > 2`:              "~ '^a'",
		`SELECT id, datetime(ts, 'localtime') AS at FROM t`:            "time zone of the machine",
		`SELECT * FROM nowhere WHERE x = 1`:                            "-- SELECT * FROM nowhere WHERE x = 1",
	} {
		v, err := ParseCreateView("CREATE VIEW v AS " + sql)
		if err != nil {
			t.Fatal(err)
		}
		draft := DraftView(v, d.schema)
		if !strings.Contains(draft, want) {
			t.Errorf("%s: the draft lacks %q:\n%s", sql, want, draft)
		}
		if _, err := d.postgres.Exec(t.Context(), draft+"\n; DROP VIEW IF EXISTS v"); err != nil {
			t.Errorf("%v\n%s", err, draft)
		}
	}
}
