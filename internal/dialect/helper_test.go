package dialect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// openSQLite opens a database for one test; path may be ":memory:".
func openSQLite(t testing.TB, path string, flags ...sqlite.OpenFlags) *sqlite.Conn {
	t.Helper()
	conn, err := sqlite.OpenConn(path, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// script runs statements.
func script(t testing.TB, conn *sqlite.Conn, sql string) {
	t.Helper()
	if err := sqlitex.ExecuteScript(conn, sql, nil); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// rows returns the rows of a query, each value with its storage class: "integer 1", "text 'a'", "null".
func rows(conn *sqlite.Conn, query string) ([]string, error) {
	var list []string
	err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		values := make([]string, stmt.ColumnCount())
		for i := range values {
			values[i] = stmt.ColumnType(i).String() + " " + stmt.ColumnText(i)
		}
		list = append(list, strings.Join(values, " | "))
		return nil
	}})
	return list, err
}

// realDatabases returns the SQLite files of others that this machine has for tests; there may be none.
func realDatabases(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("LAKEWARD_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// schemaOf returns the statements of a database's schema by kind: table, index, view, trigger.
func schemaOf(t testing.TB, conn *sqlite.Conn, kind string) []string {
	t.Helper()
	query := fmt.Sprintf("SELECT sql FROM sqlite_schema WHERE type = '%s' AND sql IS NOT NULL"+
		" AND name NOT LIKE 'sqlite_%%' ORDER BY rowid", kind)
	var list []string
	err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		list = append(list, stmt.ColumnText(0))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// lines returns the lines of a file in testdata without comments and empty ones.
func lines(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			list = append(list, line)
		}
	}
	return list
}
