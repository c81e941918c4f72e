package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/examples/helpdesk"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestRunRealDatabases migrates databases that others have made, which need not be there.
func TestRunRealDatabases(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("LAKEWARD_TEST_DATA")
	if folder == "" {
		folder = "../../shared/data"
	}
	for name, views := range map[string]int{"chinook": 0, "northwind": 16} {
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
			if len(report.Views) != views {
				t.Errorf("%d views were made, want %d", len(report.Views), views)
			}
			again, err := Verify(t.Context(), path, dsn, Options{WorkDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			requireIdentical(t, again)
		})
	}
}

// TestRunExample migrates the help desk, whose troubles are known, and knows each of them afterwards.
func TestRunExample(t *testing.T) {
	t.Parallel()
	source, target := filepath.Join(t.TempDir(), "helpdesk.db"), DSN(pgtest.DB(t))
	if err := helpdesk.Create(t.Context(), source, helpdesk.Options{Scale: 0.1}); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Report{report, again} {
		orphans := map[string]int64{}
		for _, o := range r.Orphans {
			orphans[o.Table] += o.Rows
		}
		if diff := cmp.Diff(map[string]int64{"messages": helpdesk.OrphanMessages, "ticket_tags": helpdesk.OrphanTags}, orphans); diff != "" {
			t.Errorf("%s: orphans (-want +got):\n%s", r.Operation, diff)
		}
		misfits := r.table(Table{Target: helpdesk.MisfitTable}).Quarantine
		if len(misfits) != 1 || misfits[0].Key != fmt.Sprintf(`{"id": %d}`, helpdesk.MisfitKey) || misfits[0].Column != helpdesk.MisfitColumn {
			t.Errorf("%s: quarantined %s", r.Operation, asJSON(t, misfits))
		}
		if r.Verdict != VerdictExcept || len(r.Views) == 0 || r.lostView() {
			t.Errorf("%s: verdict %q, views %s, left behind %s", r.Operation, r.Verdict, asJSON(t, r.Views), asJSON(t, r.Left))
		}
		for _, v := range r.Views {
			if !v.Identical {
				t.Errorf("%s: view %s", r.Operation, asJSON(t, v))
			}
		}
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
func connect(t testing.TB, dsn DSN) *pgx.Conn {
	t.Helper()
	conn, err := dsn.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
