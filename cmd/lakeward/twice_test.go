package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTwoMigrationsAtOnce starts migrations while another into the same schema is in the middle of its load: of the same
// source, as by a person who clicks twice, and of another one. They are refused and say why, and the first one wins.
func TestTwoMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	dir := startLakebase(t)
	for _, name := range []string{"shop", "copy"} {
		output(t, dir, "lakeward", "instance", "create", name)
	}
	one, other := filepath.Join(dir, "one.db"), filepath.Join(dir, "other.db")
	writeRows(t, one)
	writeRows(t, other)
	user := output(t, dir, "lakeward", "psql", "shop", "-Atc", "SELECT replace(current_user, '@', '%40')")
	host := output(t, dir, "sh", "-c", `lakeward instance show shop --json | sed 's/.*"host":"\([^"]*\)".*/\1/'`)
	t.Run("SQLite", func(t *testing.T) {
		oneWins(t, dir, nil, "shop", one, map[string]string{
			one:   "the same migration is running already",
			other: "another migration into schema public is running",
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		env := []string{
			"PGPASSWORD=" + output(t, dir, "lakeward", "token", "shop"), "PGSSLROOTCERT=" + filepath.Join(dir, "ca.pem"),
		}
		source := "postgres://" + user + "@" + host + "/databricks_postgres?sslmode=verify-full"
		oneWins(t, dir, env, "copy", source, map[string]string{
			source: "the same migration is running already",
			other:  "another migration into schema public is running",
		})
	})
}

// oneWins stops a migration in its load, tries others meanwhile, and lets it go on.
func oneWins(t *testing.T, dir string, env []string, to, source string, others map[string]string) {
	t.Helper()
	env = append(append(os.Environ(), "LAKEWARD_DIR="+dir), env...)
	first, err := startChild(env, "migrate", source, "--to", to, "--json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.until(`"phase":"load"`); err != nil {
		t.Fatal(err)
	}
	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for again, why := range others {
		second, err := startChild(env, "migrate", again, "--to", to, "--json")
		if err != nil {
			t.Fatal(err)
		}
		said, err := second.until(`"kind":"conflict"`)
		if err != nil || !strings.Contains(said, why) {
			t.Errorf("%s did not say %q: %v\n%s", again, why, err, said)
		}
		if err := second.wait(); second.cmd.ProcessState.ExitCode() != exitConflict {
			t.Errorf("ended with %v, want exit code %d", err, exitConflict)
		}
	}
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := first.until(`"verdict":"identical"`); err != nil {
		t.Error(err)
	}
	if err := first.wait(); err != nil {
		t.Error(err)
	}
	if rows := output(t, dir, "lakeward", "psql", to, "-Atc", "SELECT count(*), count(DISTINCT id) FROM t"); rows != "250000|250000" {
		t.Errorf("the target has %q", rows)
	}
}
