package migrate

import (
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// SQLite stores -0.0 as an integer in a column of reals, and as it is in one without a type.
const zeros = `
	CREATE TABLE angles (id INTEGER PRIMARY KEY, plain, typed REAL, back REAL AS (-typed), word);
	INSERT INTO angles (id, plain, typed, word) VALUES
		(1, -0.0, -0.0, 'a'), (2, 0.0, 0.0, 'b'), (3, 1.5, 1.5, 'c'), (4, -1.5, -1.5, 'd'), (5, NULL, NULL, 'e');`

func TestVerifyTellsTheZerosApart(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, zeros), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	conn := connect(t, target)
	var got string
	if err := conn.QueryRow(t.Context(), "SELECT string_agg(plain || ' ' || typed, ', ' ORDER BY id) FROM angles").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "-0 0, 0 0, 1.5 1.5, -1.5 -1.5"; got != want {
		t.Fatalf("the numbers are %s, want %s", got, want)
	}
	for _, changed := range []struct{ sql, key, column string }{
		{"UPDATE angles SET plain = 0 WHERE id = 1", "id=1", "plain"},
		{"UPDATE angles SET plain = '-0' WHERE id = 1", "", ""},
		{"UPDATE angles SET typed = '-0' WHERE id = 2", "id=2", "typed"},
	} {
		if _, err := conn.Exec(t.Context(), changed.sql); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		d := tableReport(t, report, "angles").Differences
		if changed.key == "" && len(d) == 0 {
			continue
		}
		if len(d) != 1 || d[0].Key != changed.key || d[0].Column != changed.column {
			t.Errorf("%s: %s", changed.sql, asJSON(t, d))
		}
	}
}

func TestExportKeepsTheZeros(t *testing.T) {
	t.Parallel()
	source := newSource(t, zeros)
	back, report := thereAndBack(t, source)
	requireIdentical(t, report)
	requireSameFile(t, source, back)
	back, report = thereAndBack(t, source, "UPDATE angles SET typed = '-0' WHERE id = 2")
	requireIdentical(t, report) // the file has 0
	requireSameFile(t, source, back)
}

func TestPostgresVerifyTellsTheZerosApart(t *testing.T) {
	t.Parallel()
	source, target := pgtest.DB(t), pgtest.DB(t)
	script := `CREATE TABLE angles (id int PRIMARY KEY, f float8, r float4); INSERT INTO angles VALUES (1, '-0', '-0'), (2, 0, 0)`
	if _, err := connect(t, DSN(source)).Exec(t.Context(), script); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, DSN(target), Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	if _, err := connect(t, DSN(target)).Exec(t.Context(), "UPDATE angles SET f = 0 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if report, err = Verify(t.Context(), source, DSN(target), Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if report.Verdict != VerdictDifferent {
		t.Errorf("a zero that lost its sign: %s", asJSON(t, report))
	}
}
