package migrate

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// makeDatabase makes a SQLite file. Statements that SQLite refuses, such as rows that break a constraint, are left out.
func makeDatabase(path string, script []string) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := sqlitex.ExecuteTransient(conn, "BEGIN", nil); err != nil {
		return err
	}
	for _, sql := range script {
		err := sqlitex.ExecuteTransient(conn, sql, nil)
		if code := sqlite.ErrCode(err).ToPrimary(); err != nil && code != sqlite.ResultConstraint && code != sqlite.ResultMismatch {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return sqlitex.ExecuteTransient(conn, "COMMIT", nil)
}

// randomDatabase draws a schema and rows.
type randomDatabase struct {
	*rapid.T
	tables []*randomTable
}

type randomTable struct {
	name    string
	columns []randomColumn
	key     string // a column that others can refer to, or ""
	strict  bool
	tail    string // table constraints
	options string
}

type randomColumn struct {
	name, declared, constraints string
	style                       []string // the values that most rows have
	generated                   bool
}

func newRandomDatabase(t *rapid.T) *randomDatabase {
	d := &randomDatabase{T: t}
	names := rapid.Permutation([]string{
		"plain", "Order Details", "select", "Ünï", "🙂", `quo"te`, "a.b", "pg_type", "lakeward_quarantine", strings.Repeat("long_", 14) + "1",
		strings.Repeat("long_", 14) + "2",
	}).Draw(t, "names")
	for i := range rapid.IntRange(1, 3).Draw(t, "tables") {
		d.tables = append(d.tables, d.table(names[i]))
	}
	return d
}

func (d *randomDatabase) pick(label string, list ...string) string {
	return rapid.SampledFrom(list).Draw(d.T, label)
}

func (d *randomDatabase) oneIn(n int, label string) bool {
	return rapid.IntRange(1, n).Draw(d.T, label) == n
}

func (d *randomDatabase) table(name string) *randomTable {
	t := &randomTable{name: name, strict: d.oneIn(5, "strict")}
	var options []string
	if t.strict {
		options = append(options, "STRICT")
	}
	switch d.pick("key", "rowid", "autoincrement", "text", "pair", "unique", "none") {
	case "rowid":
		t.key = "id"
		t.columns = append(t.columns, randomColumn{name: "id", declared: "INTEGER", constraints: "PRIMARY KEY", style: small()})
	case "autoincrement":
		t.key = "Id"
		t.columns = append(t.columns, randomColumn{name: "Id", declared: "INTEGER", constraints: "PRIMARY KEY AUTOINCREMENT", style: small()})
	case "text":
		t.key = "code"
		t.columns = append(t.columns, randomColumn{name: "code", declared: "TEXT", constraints: "PRIMARY KEY", style: words()})
	case "pair":
		t.columns = append(t.columns, randomColumn{name: "order", declared: "INT", style: small()}, randomColumn{name: "second", declared: "TEXT", style: words()})
		t.tail = `, PRIMARY KEY ("order" DESC, second)`
		options = append(options, "WITHOUT ROWID")
	case "unique":
		t.key = "u"
		t.columns = append(t.columns, randomColumn{name: "u", declared: "INT", constraints: "UNIQUE", style: small()})
	}
	for i := range rapid.IntRange(1, 4).Draw(d.T, "columns") {
		t.columns = append(t.columns, d.column(t, i))
	}
	t.options = strings.Join(options, ", ")
	return t
}

func (d *randomDatabase) column(t *randomTable, i int) randomColumn {
	c := randomColumn{name: fmt.Sprintf("%s%d", d.pick("column", "c", "C d", "ctid", "group", "é", `"`), i)}
	c.declared = d.pick("type", "INTEGER", "SMALLINT", "BIGINT", "REAL", "DOUBLE PRECISION", "NUMERIC", "DECIMAL(10,2)", "TEXT",
		"VARCHAR(6)", "BLOB", "BOOLEAN", "DATE", "DATETIME", "TIMESTAMP", "TIME", "JSON", "UUID", "", "INTEGRE")
	if t.strict {
		c.declared = d.pick("strict type", "INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
	}
	styles := [][]string{
		small(), words(),
		{"1.5", "-0.25", "0.1", "1e300", "19.99", "3.0"},
		{"0", "1"},
		{"'t'", "'f'", "'true'"},
		{"'2024-01-31'", "'1999-12-31'", "'2000-02-29'"},
		{"'2024-01-31 10:20:30'", "'1999-12-31 23:59:59.5'", "'2024-01-31T10:20:30Z'"},
		{"1700000000", "1600000000.5", "1"},
		{"1700000000123", "1600000000000"},
		{"2460340.5", "2451545.25"},
		{"'08:00'", "'23:59:59'"},
		{`'{"a": 1, "b": [1.5, null, "x"]}'`, "'[]'", `'"s"'`},
		{"x'00ff'", "x''", "x'41'"},
		{"'0f8fad5b-d9cb-469f-a165-70867728950e'", "'7c9e6679742540de944be07fc1f90ae7'"},
		{"9223372036854775807", "-9223372036854775808", "70000"},
	}
	c.style = rapid.SampledFrom(styles).Draw(d.T, "style")
	if d.oneIn(4, "default") {
		c.constraints += " DEFAULT " + d.pick("value", "0", "'x'", "NULL", "1.5", "CURRENT_TIMESTAMP", "(1 + 2)", "x'00'", "''", "'2024-01-31'", "true")
	}
	switch d.pick("constraint", "", "", "", "", "NOT NULL", "UNIQUE", "COLLATE NOCASE", "COLLATE NOCASE UNIQUE", "CHECK", "REFERENCES", "AS") {
	case "":
	case "CHECK":
		c.constraints += " CHECK (" + quoteName(c.name) + " IS NULL OR length(" + quoteName(c.name) + ") < 60)"
	case "REFERENCES":
		parent := t
		if len(d.tables) > 0 {
			parent = rapid.SampledFrom(d.tables).Draw(d.T, "parent")
		}
		if parent.key != "" && parent != t {
			c.constraints += " REFERENCES " + quoteName(parent.name) + " (" + quoteName(parent.key) + ")" + d.pick("action", "", " ON DELETE CASCADE", " ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED")
			c.style = small()
		}
	case "AS":
		if len(t.columns) > 0 && !t.strict {
			other := quoteName(t.columns[len(t.columns)-1].name)
			c.constraints = " AS (" + fmt.Sprintf(d.pick("expression", "%s", "%s || '!'", "length(%s)", "upper(%s)", "%s + 1", "%s IS NULL"), other) + ")" + d.pick("stored", "", " STORED")
			c.generated = true
		}
	default:
		c.constraints += " " + d.pick("key", "NOT NULL", "UNIQUE", "COLLATE NOCASE", "COLLATE NOCASE UNIQUE")
	}
	return c
}

func small() []string { return []string{"1", "2", "3", "4", "5", "7", "11", "40"} }

func words() []string {
	return []string{"'a'", "'B'", "'b'", "'Zoë'", "''", "'it''s'", "' x '", "'long enough to widen'", "'🙂'"}
}

// script returns the statements that make the database.
func (d *randomDatabase) script() []string {
	var script []string
	for _, t := range d.tables {
		var columns []string
		for _, c := range t.columns {
			columns = append(columns, strings.TrimSpace(quoteName(c.name)+" "+c.declared+" "+c.constraints))
		}
		script = append(script, "CREATE TABLE "+quoteName(t.name)+" ("+strings.Join(columns, ", ")+t.tail+") "+t.options)
		script = append(script, d.indexes(t)...)
		for range rapid.IntRange(0, 25).Draw(d.T, "rows") {
			script = append(script, d.row(t))
		}
	}
	return script
}

func (d *randomDatabase) indexes(t *randomTable) []string {
	if !d.oneIn(3, "index") {
		return nil
	}
	c := quoteName(rapid.SampledFrom(t.columns).Draw(d.T, "indexed").name)
	element := fmt.Sprintf(d.pick("element", "%s", "%s DESC", "%s COLLATE NOCASE", "lower(%s)"), c)
	where := fmt.Sprintf(d.pick("where", "", " WHERE %[1]s IS NOT NULL", " WHERE %[1]s > 1"), c)
	where, _, _ = strings.Cut(where, "%!(EXTRA")
	return []string{"CREATE " + d.pick("unique", "", "UNIQUE ") + "INDEX " + quoteName("ix "+t.name) + " ON " + quoteName(t.name) + " (" + element + ")" + where}
}

// row returns an INSERT. One value in twenty is of any kind.
func (d *randomDatabase) row(t *randomTable) string {
	var names, values []string
	for _, c := range t.columns {
		if c.generated {
			continue
		}
		value := rapid.SampledFrom(c.style).Draw(d.T, "value")
		switch rapid.IntRange(1, 40).Draw(d.T, "odd") {
		case 1, 2, 3:
			value = "NULL"
		case 4, 5:
			value = d.pick("any", "1", "-7", "2.5", "'abc'", "x'00'", "x'fffe'", "''", "'1'", "9e999", "CAST(x'610062' AS TEXT)", "CAST(x'ff' AS TEXT)",
				"'2024-02-30'", "1e20", "'{'", "'12x'", "-0.0", "9007199254740993", "'NaN'", "zeroblob(3000)")
		}
		names, values = append(names, quoteName(c.name)), append(values, value)
	}
	if len(names) == 0 {
		return "INSERT INTO " + quoteName(t.name) + " DEFAULT VALUES"
	}
	return "INSERT OR IGNORE INTO " + quoteName(t.name) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}
