package migrate

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestRunRealDatabases migrates databases that others have made, which need not be there.
func TestRunRealDatabases(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("LAKEWARD_TEST_DATA")
	if folder == "" {
		folder = "../../shared/data"
	}
	for _, name := range []string{"chinook", "northwind"} {
		path := filepath.Join(folder, name+".sqlite")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := DSN(pgtest.DB(t))
			report, err := Run(t.Context(), path, dsn, Options{WorkDir: t.TempDir()})
			if err != nil {
				t.Fatalf("%v\n%s", err, asJSON(t, report))
			}
			requireIdentical(t, report)
			again, err := Verify(t.Context(), path, dsn, Options{WorkDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			requireIdentical(t, again)
		})
	}
}

func requireIdentical(t *testing.T, r *Report) {
	t.Helper()
	if r.Verdict != VerdictIdentical || !r.Complete() {
		t.Fatalf("verdict %q, complete %t; want identical\n%s", r.Verdict, r.Complete(), asJSON(t, r))
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// newSource makes a SQLite database of a script.
func newSource(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	changeSource(t, path, script)
	return path
}

func changeSource(t *testing.T, path, script string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// connect opens a session of the target for the test.
func connect(t *testing.T, dsn DSN) *pgx.Conn {
	t.Helper()
	conn, err := dsn.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
