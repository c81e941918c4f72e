package migrate

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// crashed returns what an application leaves that is killed after a script: its database, and the files beside it.
func crashed(t *testing.T, script string) string {
	t.Helper()
	living, left := filepath.Join(t.TempDir(), "app.db"), filepath.Join(t.TempDir(), "app.db")
	app, err := sqlite.OpenConn(living, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(script, ";") {
		if err := sqlitex.ExecuteTransient(app, statement, nil); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	beside := 0
	for _, suffix := range []string{"", "-wal", "-journal"} {
		data, err := os.ReadFile(living + suffix)
		if err == nil {
			beside++
			err = os.WriteFile(left+suffix, data, 0o600)
		}
		if suffix == "-journal" && err == nil && !bytes.HasPrefix(data, []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")) {
			t.Fatalf("the journal takes nothing back: it begins with % x", data[:min(len(data), 8)])
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	if beside != 2 {
		t.Fatalf("%d files are left", beside)
	}
	return left
}

// TestSourceOfCrashedApplication reads what stands in the write-ahead log only, also through a link in another folder.
func TestSourceOfCrashedApplication(t *testing.T) {
	t.Parallel()
	source := crashed(t, "PRAGMA journal_mode = wal; CREATE TABLE t (n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
	link := filepath.Join(t.TempDir(), "current.db")
	if err := os.Symlink(source, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{source, link} {
		target := DSN(pgtest.DB(t))
		report, err := Run(t.Context(), path, target, Options{WorkDir: t.TempDir()})
		if err != nil || report.Verdict != VerdictIdentical {
			t.Fatalf("%s: %v\n%s", path, err, asJSON(t, report))
		}
		if n := countRowsOf(t, connect(t, target), "SELECT FROM t"); n != 2 {
			t.Errorf("%s: %d rows", path, n)
		}
	}
}

// TestSourceWithHotJournal refuses a database that is half written, also through a link in another folder.
func TestSourceWithHotJournal(t *testing.T) {
	t.Parallel()
	// With synchronous off the journal counts from its first page on. Otherwise it does once SQLite has written a page of the
	// transaction to the file, and when that is depends on all connections of the process: they share one page cache.
	source := crashed(t, `PRAGMA synchronous = OFF; PRAGMA cache_size = 2; PRAGMA cache_spill = 2; CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT);
		WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i+1 FROM n WHERE i < 1000) INSERT INTO t SELECT i, hex(randomblob(200)) FROM n;
		BEGIN; UPDATE t SET s = 'half'`)
	link := filepath.Join(t.TempDir(), "current.db")
	if err := os.Symlink(source, link); err != nil {
		t.Fatal(err)
	}
	target := DSN(pgtest.DB(t))
	for _, path := range []string{source, link} {
		_, err := Run(t.Context(), path, target, Options{WorkDir: t.TempDir()})
		if lakeward.KindOf(err) != lakeward.KindInvalid || !strings.Contains(err.Error(), "left in the middle of a transaction") ||
			!strings.Contains(lakeward.HintOf(err), "takes the transaction back") {
			t.Errorf("%s: %v", path, err)
		}
	}
	requireEmpty(t, target)
}
