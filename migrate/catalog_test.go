package migrate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward"
)

// newApplication makes a SQLite file from a script. The connection stays open until the test ends, as an application's does.
func newApplication(t testing.TB, statements string) (path string, conn *sqlite.Conn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	script(t, conn, statements)
	return path, conn
}

func script(t testing.TB, conn *sqlite.Conn, statements string) {
	t.Helper()
	// One statement at a time, because ExecuteScript runs all in one transaction, where some pragmas have no effect.
	for rest := statements; strings.TrimSpace(rest) != ""; {
		stmt, trailing, err := conn.PrepareTransient(rest)
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[len(rest)-trailing:]
		if stmt == nil {
			continue
		}
		for more := true; more; {
			if more, err = stmt.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if err := stmt.Finalize(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNoSQLiteDatabaseIsRefusedByName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	good, conn := newApplication(t, "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(100000)); CREATE TABLE u (b); INSERT INTO u VALUES (1)")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := make([]byte, 8192)
	for i := range encrypted {
		encrypted[i] = byte(i*i*7 + i*131 + i>>3)
	}
	broken := bytes.Clone(whole)
	copy(broken[4096:], bytes.Repeat([]byte{0xee}, 4096))
	for _, test := range []struct {
		name, content string
		kind          lakeward.Kind
		want          string
	}{
		{"empty.db", "", lakeward.KindInvalid, "is empty"},
		{"notes.txt", "these are notes, and no database at all", lakeward.KindInvalid, "is not a SQLite database"},
		{"cipher.db", string(encrypted), lakeward.KindInvalid, "is not a SQLite database, or it is encrypted"},
		{"half.db", string(whole[:len(whole)/2]), lakeward.KindInvalid, "is corrupt"},
		{"broken.db", string(broken), lakeward.KindInvalid, "is corrupt"},
		{"short.db", string(whole[:50]), lakeward.KindInvalid, "is corrupt"},
	} {
		path := filepath.Join(folder, test.name)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, path, test.kind, test.want)
		if after, err := os.ReadFile(path); err != nil || string(after) != test.content {
			t.Errorf("%s has changed (%v)", test.name, err)
		}
	}
	expectRefusal(t, folder, lakeward.KindInvalid, "is a folder")
	expectRefusal(t, filepath.Join(folder, "none.db"), lakeward.KindNotFound, "no such file")
	expectRefusal(t, os.DevNull, lakeward.KindInvalid, "is not a file")
}

func expectRefusal(t *testing.T, path string, kind lakeward.Kind, want string) {
	t.Helper()
	_, err := MakePlan(t.Context(), path, PlanOptions{})
	switch {
	case err == nil:
		t.Errorf("%s is accepted", path)
	case lakeward.KindOf(err) != kind || !strings.Contains(err.Error(), want) || lakeward.HintOf(err) == "":
		t.Errorf("%s: %v (%s, hint %q), want %s: %q and a hint", path, err, lakeward.KindOf(err), lakeward.HintOf(err), kind, want)
	case strings.Contains(err.Error(), "\n"):
		t.Errorf("%s: more than one line: %v", path, err)
	}
}

func TestPlanLeavesNoTraceBesideTheSource(t *testing.T) {
	t.Parallel()
	path, conn := newApplication(t, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (5)")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := MakePlan(t.Context(), path, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Tables[0].Rows != 1 || plan.Source.Path != path {
		t.Errorf("planned %d rows of %s", plan.Tables[0].Rows, plan.Source.Path)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
	if beside, _ := filepath.Glob(path + "?*"); len(beside) > 0 {
		t.Errorf("left behind: %s", beside)
	}
}

func TestLiveWALDatabaseShowsWhatWasCommittedLast(t *testing.T) {
	t.Parallel()
	path, conn := newApplication(t, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id INTEGER PRIMARY KEY)")
	script(t, conn, "INSERT INTO t VALUES (1), (2); BEGIN IMMEDIATE; INSERT INTO t VALUES (3)")
	plan, err := MakePlan(t.Context(), path, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Source.Journal != "wal" || plan.Tables[0].Rows != 2 || plan.Tables[0].Columns[0].Next != 3 {
		t.Errorf("journal %s, %d rows, next key %d; want wal, 2, 3", plan.Source.Journal, plan.Tables[0].Rows,
			plan.Tables[0].Columns[0].Next)
	}
	script(t, conn, "COMMIT")
}

// TestWriterDuringAQuietReadIsNoticed has an application begin to write while the file is read as if nobody did.
func TestWriterDuringAQuietReadIsNoticed(t *testing.T) {
	t.Parallel()
	path, conn := newApplication(t, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	var counts []int64
	err := withSource(t.Context(), path, func(source *sqlite.Conn) error {
		if len(counts) == 0 {
			writer, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = writer.Close() })
			script(t, writer, "INSERT INTO t VALUES (1)")
		}
		n, err := pragmaInt(source, "SELECT count(*) FROM t")
		counts = append(counts, n)
		return err
	})
	if err != nil || len(counts) != 2 || counts[1] != 1 {
		t.Errorf("read %v rows (%v), want a second look that sees 1", counts, err)
	}
}

func TestUTF16AndNamesOfEveryKindAreRead(t *testing.T) {
	t.Parallel()
	path, _ := newApplication(t, `PRAGMA encoding = 'UTF-16le'; CREATE TABLE "tä""b" ("select" VARCHAR(3), "" INT); INSERT INTO "tä""b" VALUES ('äöü', 1)`)
	plan, err := MakePlan(t.Context(), path, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	table := plan.Tables[0]
	if table.Name != `tä"b` || table.Columns[0].Type != "character varying(3)" || table.Columns[0].Found.MaxChars != 3 {
		t.Errorf("read table %s, column %+v", table.Name, table.Columns[0])
	}
	if table.Columns[1].Target == "" {
		t.Error("the column without a name has none on the target either")
	}
}

func TestInterruptedPlanSaysWhy(t *testing.T) {
	t.Parallel()
	path, conn := newApplication(t, "CREATE TABLE t (a)")
	if err := sqlitex.Execute(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 100000) INSERT INTO t SELECT i FROM n", nil); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := MakePlan(ctx, path, PlanOptions{Progress: func(lakeward.Event) { cancel(enough) }})
	if !errors.Is(err, enough) {
		t.Errorf("interrupted plan: %v, want %v", err, enough)
	}
}
