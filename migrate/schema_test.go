package migrate

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// migrated migrates a script and returns the report and a session of the target.
func migrated(t *testing.T, script string) (*Report, *pgx.Conn) {
	t.Helper()
	source, target := newSource(t, script), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	return report, connect(t, target)
}

// cell returns what a query yields, as text; NULL is "NULL".
func cell(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var s *string
	if err := conn.QueryRow(t.Context(), "SELECT ("+query+")::text").Scan(&s); err != nil {
		return err.Error()
	}
	if s == nil {
		return "NULL"
	}
	return *s
}

// requireCells compares what queries yield.
func requireCells(t *testing.T, conn *pgx.Conn, want map[string]string) {
	t.Helper()
	for query, value := range want {
		if got := cell(t, conn, query); got != value {
			t.Errorf("%s: got %q, want %q", query, got, value)
		}
	}
}

func TestNamesThatPostgreSQLOrLakewardNeeds(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE a_id_seq (id INTEGER PRIMARY KEY); CREATE TABLE a_pkey (id INTEGER PRIMARY KEY);
		INSERT INTO a VALUES (7);
		CREATE TABLE lakeward_quarantine (id INTEGER PRIMARY KEY, kept TEXT); INSERT INTO lakeward_quarantine VALUES (1, 'mine');
		CREATE TABLE pg_class (relname TEXT); INSERT INTO pg_class VALUES ('mine'); CREATE VIEW over AS SELECT relname FROM pg_class;
		CREATE TABLE "" ("" INT, xmin INT, "🙂" TEXT, "A" INT, [b c] INT); INSERT INTO "" VALUES (1, 2, 'x', 4, 5);
		CREATE TABLE Straße (n INT); CREATE TABLE STRASSE (n INT)`)
	requireIdentical(t, report)
	requireCells(t, conn, map[string]string{
		"SELECT kept FROM lakeward_quarantine_2":                          "mine",
		"SELECT relname FROM pg_class_2":                                  "mine",
		"SELECT relname FROM over":                                        "mine",
		`SELECT unnamed + xmin_2 + "A" + "b c" FROM unnamed`:              "12",
		`SELECT "🙂" FROM unnamed`:                                         "x",
		`SELECT count(*) FROM "Straße", "STRASSE"`:                        "0",
		"SELECT pg_get_serial_sequence('a', 'id')":                        "public.a_id_seq_2",
		"SELECT nextval(pg_get_serial_sequence('a', 'id'))":               "8",
		"SELECT nextval(pg_get_serial_sequence('a_id_seq', 'id'))":        "1",
		"SELECT count(*) FROM pg_class WHERE relname LIKE 'lakeward_qu%'": "3",
	})
}

// TestSequencesAreLookedForBeforeTheyCollide has a sequence stand where an identity's would go.
func TestSequencesAreLookedForBeforeTheyCollide(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, "CREATE TABLE a (id INTEGER PRIMARY KEY)"), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "CREATE SEQUENCE a_id_seq"); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "sequence a_id_seq") || report.Swapped {
		t.Errorf("got %v", err)
	}
	if _, err := conn.Exec(t.Context(), "DROP SEQUENCE a_id_seq"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second replaces the first with its sequence
		_, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Replace: cell(t, conn, "SELECT current_database()")})
		if err != nil {
			t.Error(err)
		}
	}
}
