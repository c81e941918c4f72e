package migrate

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestVerifyFollowsTheRecordedPlan edits a plan and verifies without it: by a plan made anew, the texts would differ.
func TestVerifyFollowsTheRecordedPlan(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT);
		INSERT INTO codes VALUES (1, '007'), (2, '42')`), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	code := &plan.Tables[0].Columns[1]
	code.Type, code.Convert = "bigint", ConvertInteger
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, again)
	if report.Plan != "given" || report.Migration == "" || again.Plan != "recorded by migration "+report.Migration {
		t.Errorf("plans %q and %q of migration %q", report.Plan, again.Plan, report.Migration)
	}
	changeSource(t, source, "ALTER TABLE codes ADD COLUMN note TEXT")
	if again, _ = Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()}); again.Plan != "made from the source" {
		t.Errorf("after a change of the source's schema: plan %q", again.Plan)
	}
}

func TestRecordHoldsTheOriginal(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		PRAGMA page_size = 1024; PRAGMA auto_vacuum = 2; PRAGMA encoding = 'UTF-16le';
		PRAGMA user_version = 7; PRAGMA application_id = 252006;
		CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, "ü" TEXT UNIQUE);
		CREATE INDEX ai ON a (lower("ü"));
		INSERT INTO a VALUES (41, char(0)); DELETE FROM a;
		CREATE VIEW v AS SELECT count(*) AS n FROM a;
		CREATE TRIGGER tr AFTER INSERT ON a BEGIN DELETE FROM a WHERE id < 0; END`), DSN(pgtest.DB(t))
	writer, err := sqlite.OpenConn(source, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(exec(writer, "PRAGMA journal_mode = WAL"), writer.Close()); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE already (n int)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	records, err := readRecords(t.Context(), conn, "public")
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	got := records[0].Original
	var names []string
	for _, o := range got.Objects {
		names = append(names, o.Kind+" "+o.Name)
	}
	if got.Cause == nil || got.Cause.Asked == "" || got.Cause.Mark.Size != 6144 {
		t.Errorf("the migration was made from %s", asJSON(t, got.Cause))
	}
	got.Objects, got.Cause = nil, nil
	want := original{
		Sequence: []originalSequence{{"a", 41}}, Encoding: "UTF-16le", PageSize: 1024, AutoVacuum: 2, Journal: "wal",
		UserVersion: 7, ApplicationID: 252006, Beside: []string{"already"},
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const objects = "table a, index sqlite_autoindex_a_1, table sqlite_sequence, index ai, view v, trigger tr"
	if got := strings.Join(names, ", "); got != objects {
		t.Errorf("objects %s, want %s", got, objects)
	}
}

// TestRecordStaysOutOfTheWay looks at what an ORM sees that introspects the application's schema.
func TestRecordStaysOutOfTheWay(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, "CREATE TABLE a (id INTEGER PRIMARY KEY)"), DSN(pgtest.DB(t))
	for range 2 {
		name := connect(t, target).Config().Database
		if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Replace: name}); err != nil {
			t.Fatal(err)
		}
	}
	conn := connect(t, target)
	var tables, records int
	err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'),
		(SELECT count(*) FROM lakeward.migration)`).Scan(&tables, &records)
	if err != nil || tables != 1 || records != 2 {
		t.Errorf("%d tables in public, %d records, %v", tables, records, err)
	}
	if current, err := readRecords(t.Context(), conn, ""); err != nil || len(current) != 1 {
		t.Errorf("%d records of tables that stand, %v", len(current), err)
	}
}

func TestRecordOfAnotherRoleIsRefusedEarly(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, "CREATE TABLE a (id INTEGER PRIMARY KEY)"), pgtest.DB(t)
	admin := connect(t, DSN(pgtest.Admin(t, target)))
	if _, err := admin.Exec(t.Context(), "CREATE SCHEMA lakeward"); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), source, DSN(target), Options{WorkDir: t.TempDir()})
	if lakeward.KindOf(err) != lakeward.KindDenied || !strings.Contains(lakeward.HintOf(err), "GRANT") {
		t.Errorf("%v", err)
	}
}

func TestStorableHasNoNUL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a\x00b": "a\uFFFDb", `a\u0000b`: `a\u0000b`, `\`: `\`, "ü\x00": "ü\uFFFD"} {
		text, err := storable(in)
		if err != nil {
			t.Fatal(err)
		}
		var out string
		if err := json.Unmarshal(text, &out); err != nil || out != want {
			t.Errorf("%q: %q, %v", in, out, err)
		}
	}
}
