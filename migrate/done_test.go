package migrate

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// requireDone fails unless a run has found that the same was done before, and has left the tables as they were.
func requireDone(t *testing.T, report *Report, err error, verdict Verdict) {
	t.Helper()
	if err != nil || !report.Swapped || report.Verdict != verdict || !strings.Contains(strings.Join(report.Notes, "\n"), "was done already") {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	for _, p := range report.Phases {
		if p.Name == "load" || p.Name == "swap" {
			t.Errorf("the phase %s ran", p.Name)
		}
	}
}

// fileOf tells the rows of a table from those of another load.
func fileOf(t *testing.T, conn *pgx.Conn, table string) (file string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT pg_relation_filepath($1)", table).Scan(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSameMigrationTwice repeats what was done, as after a kill when everything but the last line was over.
func TestSameMigrationTwice(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	o := Options{WorkDir: t.TempDir(), BackupDir: t.TempDir()}
	first, err := Run(t.Context(), source, target, o)
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	file := fileOf(t, conn, "orders")
	again, err := Run(t.Context(), source, target, o)
	requireDone(t, again, err, first.Verdict)
	if again.Migration != first.Migration || again.table(Table{Target: "customers"}).Quarantined != 1 {
		t.Errorf("found %s", asJSON(t, again))
	}
	requireSameChecks(t, again.Preflight, first.Preflight)
	if kept, err := os.ReadDir(o.BackupDir); err != nil || len(kept) != 1 {
		t.Errorf("%d backups are kept, %v", len(kept), err)
	}
	if n := countRowsOf(t, conn, "SELECT FROM lakeward_quarantine"); n != 1 {
		t.Errorf("%d rows are in the quarantine", n)
	}

	// What has been written to the target since is a difference, and stays.
	if _, err := conn.Exec(t.Context(), "UPDATE orders SET cents = 12345678 WHERE id = 3"); err != nil {
		t.Fatal(err)
	}
	again, err = Run(t.Context(), source, target, o)
	requireDone(t, again, err, VerdictDifferent)
	if n := countRowsOf(t, conn, "SELECT FROM orders WHERE cents = 12345678"); n != 1 || fileOf(t, conn, "orders") != file {
		t.Errorf("the table was loaded again")
	}

	// Other choices, or a source that has been written to, are another migration.
	for name, run := range map[string]func() (*Report, error){
		"other choices": func() (*Report, error) { return Run(t.Context(), source, target, Options{OnMisfit: PolicyNull}) },
		"other source":  func() (*Report, error) { return Run(t.Context(), newSource(t, shopScript), target, o) },
		"written to": func() (*Report, error) {
			changeSource(t, source, "INSERT INTO orders (customer_id, cents) VALUES (1, 1)")
			return Run(t.Context(), source, target, o)
		},
	} {
		if _, err := run(); lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "already has table") {
			t.Errorf("%s: %v", name, err)
		}
	}

	// To replace is to load again.
	o.Replace = first.Target.Name
	replaced, err := Run(t.Context(), source, target, o)
	if err != nil || replaced.Migration == first.Migration || fileOf(t, conn, "orders") == file {
		t.Errorf("%v\n%s", err, asJSON(t, replaced))
	}
}

func TestSameSchemaOnlyTwice(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	o := Options{WorkDir: t.TempDir(), Strategy: SchemaOnly}
	if _, err := Run(t.Context(), source, target, o); err != nil {
		t.Fatal(err)
	}
	again, err := Run(t.Context(), source, target, o)
	requireDone(t, again, err, VerdictSchema)
	if _, err := connect(t, target).Exec(t.Context(), "DROP TABLE orders, customers CASCADE"); err != nil {
		t.Fatal(err)
	}
	if report, err := Run(t.Context(), source, target, o); err != nil || len(report.Notes) > len(again.Notes)-1 {
		t.Errorf("what was dropped is not made again: %v\n%s", err, asJSON(t, report))
	}
}

// TestSamePostgresMigrationTwice does so with a PostgreSQL source, which leaves no record.
func TestSamePostgresMigrationTwice(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, fewerVisits)
	if _, err := Run(t.Context(), string(source), target, Options{}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	file := fileOf(t, conn, "s.visits")
	again, err := Run(t.Context(), string(source), target, Options{})
	requireDone(t, again, err, VerdictIdentical)
	if fileOf(t, conn, "s.visits") != file || len(stages(t, conn)) > 0 {
		t.Error("the target is another than before")
	}
	for _, change := range []string{
		"UPDATE s.people SET name = 'somebody' WHERE id = 7", "TRUNCATE s.visits", "ALTER TABLE s.visits DROP COLUMN note",
	} {
		if _, err := conn.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		report, err := Run(t.Context(), string(source), target, Options{})
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "already has") || report.Swapped {
			t.Errorf("after %s: %v\n%s", change, err, asJSON(t, report))
		}
	}
	runScript(t, target, "SELECT lo_unlink(99)") // which --replace does not
	if _, err := Run(t.Context(), string(source), target, Options{Replace: conn.Config().Database}); err != nil {
		t.Error(err)
	}
	if !slices.Equal(sortedDump(t, target), sortedDump(t, source)) {
		t.Error("the dumps of source and target differ")
	}
}

// TestOtherDefinitionsAreNotDone changes a target in ways that its rows do not show: what the source defines is not what
// stands there, whatever else stays behind.
func TestOtherDefinitionsAreNotDone(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, `
		CREATE TABLE pages (id int PRIMARY KEY, price int CHECK (price > 0), note text);
		INSERT INTO pages VALUES (1, 10, 'a'), (2, 20, 'b');
		CREATE INDEX pages_price ON pages (price);
		CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 2 * i';
		CREATE PUBLICATION p FOR TABLE pages`)
	if _, err := Run(t.Context(), string(source), target, Options{}); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), string(source), target, Options{})
	requireDone(t, report, err, VerdictExcept)
	for _, change := range [][2]string{
		{"DROP INDEX pages_price", "CREATE INDEX pages_price ON pages (price)"},
		{"DROP INDEX pages_price; CREATE INDEX pages_price ON pages (note)", "DROP INDEX pages_price; CREATE INDEX pages_price ON pages (price)"},
		{"CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 3 * i'", "CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 2 * i'"},
		{"ALTER TABLE pages ALTER note SET DEFAULT 'x'", "ALTER TABLE pages ALTER note DROP DEFAULT"},
	} {
		runScript(t, target, change[0])
		report, err := Run(t.Context(), string(source), target, Options{})
		if lakeward.KindOf(err) != lakeward.KindConflict || report.Swapped {
			t.Errorf("after %s: %v\n%s", change[0], err, asJSON(t, report))
		}
		runScript(t, target, change[1])
	}
	report, err = Run(t.Context(), string(source), target, Options{})
	requireDone(t, report, err, VerdictExcept)
}
