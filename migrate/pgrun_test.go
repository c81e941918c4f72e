package migrate

import (
	"bytes"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// loadScript runs a script in a database with psql, as its owner.
func loadScript(t testing.TB, dsn DSN, script string) {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-", string(dsn))
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}

// dumpOf returns what pg_dump writes of a database, rows included, without what differs from run to run.
func dumpOf(t testing.TB, dsn DSN, options ...string) string {
	t.Helper()
	args := append([]string{"--no-owner", "--dbname=" + string(dsn)}, options...)
	cmd := osexec.CommandContext(t.Context(), "pg_dump", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, stderr.String())
	}
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
}

// requireSameDump fails when the dumps of two databases differ.
func requireSameDump(t testing.TB, source, target DSN, options ...string) {
	t.Helper()
	want, got := dumpOf(t, source, options...), dumpOf(t, target, options...)
	if want != got {
		diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
		t.Errorf("the dumps differ (-source +target):\n%.8000s", diff)
	}
}

// TestPostgresPagila migrates a database that others have made, which need not be there: its dump before and after
// must not differ.
func TestPostgresPagila(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("LAKEWARD_TEST_DATA")
	if folder == "" {
		folder = "../../shared/data"
	}
	script, err := os.ReadFile(filepath.Join(folder, "pagila.sql"))
	if err != nil {
		return
	}
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, string(script))
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	requireSameDump(t, source, target)
	again, err := Verify(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, again)
}

// everythingSource is a source with one of each kind of thing.
func everythingSource(t testing.TB) DSN {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "everything.pg.sql"))
	if err != nil {
		t.Fatal(err)
	}
	source := DSN(pgtest.DB(t))
	loadScript(t, source, string(script))
	return source
}

func TestPostgresEverything(t *testing.T) {
	t.Parallel()
	source, target := everythingSource(t), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if report.Verdict != VerdictExcept || !report.Complete() {
		t.Errorf("verdict %q\n%s", report.Verdict, asJSON(t, report))
	}
	if len(report.Left) != 1 || report.Left[0].Name != "everything_out" {
		t.Errorf("left behind: %s", asJSON(t, report.Left))
	}
	for _, v := range report.Views {
		if !v.Identical {
			t.Errorf("view %s", asJSON(t, v))
		}
	}
	if len(report.Views) != 4 {
		t.Errorf("%d views were compared", len(report.Views))
	}
	requireSameDump(t, source, target, "--no-publications")
}

// TestPostgresVerifyNamesWhatDiffers changes the target after a migration, in a row, a large object and a sequence.
func TestPostgresVerifyNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, killedPostgres)
	if report, err := Run(t.Context(), string(source), target, Options{}); err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	loadScript(t, target, `UPDATE s.visits SET note = 'other' WHERE id = 77; SELECT lo_put(99, 1, 'x');
		SELECT setval('s.visits_id_seq', 5); DROP TABLE keyless`)
	report, err := Verify(t.Context(), string(source), target, Options{})
	if err != nil || report.Verdict != VerdictDifferent {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	for table, want := range map[string]string{
		"s.visits":      "row id=77, column note: source note 77, target other",
		"large objects": "row oid=99, column data: source , target ",
		"sequences":     "row s.visits_id_seq, column next value: source 120001, target 6",
	} {
		r := report.table(Table{Target: table})
		if len(r.Differences) != 1 || r.Differences[0].String() != want {
			t.Errorf("%s: %s", table, asJSON(t, r))
		}
	}
	if r := report.table(Table{Target: "keyless"}); r.Error == "" {
		t.Errorf("a table that is gone: %s", asJSON(t, r))
	}
}

// TestPostgresExpressionsAreReadAnew migrates expressions that PostgreSQL writes with other casts once it has read them
// from its own text, and an index that was never finished.
func TestPostgresExpressionsAreReadAnew(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, `
		CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9) DEFAULT 'new' CHECK (state IN ('new', 'done')), kind char(3), n int);
		ALTER TABLE jobs ADD CONSTRAINT kinds CHECK (kind IN ('a', 'b')) NOT VALID;
		CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('new', 'late') AND kind NOT IN ('x', 'y');
		CREATE INDEX jobs_case ON jobs ((CASE WHEN state IN ('new', 'done') THEN 1 ELSE 2 END));
		CREATE VIEW open_jobs AS SELECT * FROM jobs WHERE state IN ('new', 'late');
		CREATE TABLE booked (r int, s varchar, EXCLUDE USING gist (int4range(r, r, '[]') WITH &&) WHERE (s IN ('a', 'b')));
		INSERT INTO jobs SELECT i, 'done', 'a', 1 FROM generate_series(1, 100) i;`)
	conn := connect(t, source)
	if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY unfinished ON jobs (n)"); sqlState(err) != "23505" {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if len(report.Left) != 1 || report.Left[0].Name != "public.unfinished" || report.Verdict != VerdictExcept || !report.Swapped {
		t.Errorf("verdict %s, left %s", report.Verdict, asJSON(t, report.Left))
	}
	// What a dump of the target makes is what it has.
	again := DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), string(target), again, Options{}); err != nil {
		t.Fatal(err)
	}
	requireSameDump(t, target, again)
}

// TestPostgresForeignTablesStayBehind without being missed when the same command looks for what it has done.
func TestPostgresForeignTablesStayBehind(t *testing.T) {
	t.Parallel()
	source, target := pgtest.DB(t), DSN(pgtest.DB(t))
	loadScript(t, DSN(pgtest.Admin(t, source)), `CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
		GRANT USAGE ON FOREIGN SERVER nowhere TO PUBLIC`)
	loadScript(t, DSN(source), `CREATE TABLE far_away (n int); INSERT INTO far_away VALUES (1);
		CREATE FOREIGN TABLE far (n int, note text) SERVER nowhere`)
	report, err := Run(t.Context(), source, target, Options{})
	if err != nil || !report.Swapped || !slices.ContainsFunc(report.Left, func(l Left) bool { return l.Kind == "foreign table" && l.Name == "far" }) {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if n := countRowsOf(t, connect(t, target), "SELECT FROM far_away"); n != 1 {
		t.Errorf("%d rows", n)
	}
	again, err := Run(t.Context(), source, target, Options{})
	requireDone(t, again, err, report.Verdict)
}
