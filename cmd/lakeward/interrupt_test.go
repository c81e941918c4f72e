package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestInterruptedMigration stops a migration in the middle, as Ctrl-C does: it says so, and leaves nothing behind.
func TestInterruptedMigration(t *testing.T) {
	t.Parallel()
	dir := startLakebase(t)
	source := filepath.Join(dir, "app.db")
	writeRows(t, source)
	output(t, dir, "lakeward", "instance", "create", "shop")

	run, err := startChild(append(os.Environ(), "LAKEWARD_DIR="+dir), "migrate", source, "--to", "shop", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.until(`"phase":"load"`); err != nil {
		t.Fatal(err)
	}
	err = run.cmd.Process.Signal(os.Interrupt)
	if _, lastLine := run.until(`{"error":{"kind":"interrupted"`); err != nil || lastLine != nil {
		t.Fatal(errors.Join(err, lastLine))
	}
	err = run.wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted {
		t.Errorf("ended with %v, want exit code %d", err, exitInterrupted)
	}
	const left = "SELECT nspname FROM pg_namespace WHERE nspname ~ 'lakeward' " +
		"UNION SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
	if out := output(t, dir, "lakeward", "psql", "shop", "-Atc", left); out != "" {
		t.Errorf("the target still has %q", out)
	}
}

// writeRows writes a database that takes a moment to migrate.
func writeRows(t *testing.T, path string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteScript(conn, `CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
		WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 250000)
		INSERT INTO t SELECT i, hex(randomblob(20)) FROM n;`, nil)
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
}
