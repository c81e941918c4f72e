package migrate

import (
	"context"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// kindsScript has a column of every type, each with a value that another one resembles.
const kindsScript = `
CREATE TABLE kinds (
	id INTEGER PRIMARY KEY,
	small SMALLINT, whole INTEGER, flag BOOLEAN, measure DOUBLE PRECISION, amount DECIMAL(10,2), exact NUMERIC,
	words TEXT, short VARCHAR(20), bytes BLOB, doc JSON, day DATE, clock TIME, moment DATETIME, zoned TIMESTAMP, since TIMESTAMP, uid UUID
);
INSERT INTO kinds VALUES
	(1, 1, 9007199254740993, 1, 0.1, 12.5, 1.25, 'a|b', 'x', x'00ff', '{"bb":1,"a":[1.50,"\u00e9"],"b":2}', '2024-02-29', '12:34:56', '2024-02-29 12:34:56.789', '2024-02-29T12:34:56Z', 1700000000, '123e4567-e89b-12d3-a456-426614174000'),
	(2, -3, -9223372036854775808, 0, 1e300, -0.01, 3, '', '', x'', '[]', '0001-01-01', '00:00', '1999-12-31T23:59', '1999-12-31 23:59:59+02:00', 1600000000, '123E4567E89B12D3A456426614174001'),
	(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(4, 0, 0, 1, -0.0, 0, 0, 'ü', 'ü', x'41', 'null', '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999', '2000-01-01 00:00:00.000001Z', 0, '00000000-0000-0000-0000-000000000000');
CREATE TABLE pairs (a TEXT NOT NULL, b INTEGER NOT NULL, note TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('x', 1, 'one'), ('x', 2, 'two'), ('y', 1, NULL);
CREATE TABLE lines (note TEXT, n INTEGER);
INSERT INTO lines VALUES ('twice', 1), ('twice', 1), (NULL, 2), ('', 2);
`

func TestVerifyNamesEveryDifference(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, kindsScript), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	types := map[string]string{}
	rows, err := connect(t, target).Query(t.Context(), `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'kinds'::regclass AND attnum > 0`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			t.Fatal(err)
		}
		types[name] = typ
	}
	changes := []struct{ name, typ, column, key, sql string }{
		{"smallint", "", "small", "id=1", "UPDATE kinds SET small = 2 WHERE id = 1"},
		{"bigint beyond double precision", "bigint", "whole", "id=1", "UPDATE kinds SET whole = 9007199254740992 WHERE id = 1"},
		{"boolean", "boolean", "flag", "id=2", "UPDATE kinds SET flag = true WHERE id = 2"},
		{"last bit of a double", "double precision", "measure", "id=1", "UPDATE kinds SET measure = 0.10000000000000002 WHERE id = 1"},
		{"numeric with a scale", "numeric(10,2)", "amount", "id=2", "UPDATE kinds SET amount = 0.01 WHERE id = 2"},
		{"numeric", "numeric", "exact", "id=1", "UPDATE kinds SET exact = 1.250000000000000001 WHERE id = 1"},
		{"text", "text", "words", "id=1", "UPDATE kinds SET words = 'a|b ' WHERE id = 1"},
		{"empty text to NULL", "text", "words", "id=2", "UPDATE kinds SET words = NULL WHERE id = 2"},
		{"NULL to empty text", "text", "words", "id=3", "UPDATE kinds SET words = '' WHERE id = 3"},
		{"case", "character varying(20)", "short", "id=4", "UPDATE kinds SET short = 'Ü' WHERE id = 4"},
		{"bytes", "bytea", "bytes", "id=1", `UPDATE kinds SET bytes = '\x00fe' WHERE id = 1`},
		{"empty bytes to NULL", "bytea", "bytes", "id=2", "UPDATE kinds SET bytes = NULL WHERE id = 2"},
		{"JSON null to NULL", "jsonb", "doc", "id=4", "UPDATE kinds SET doc = NULL WHERE id = 4"},
		{"JSON scale", "jsonb", "doc", "id=1", `UPDATE kinds SET doc = '{"a":[1.5,"é"],"b":2}' WHERE id = 1`},
		{"date", "date", "day", "id=1", "UPDATE kinds SET day = '2024-03-01' WHERE id = 1"},
		{"time", "time without time zone", "clock", "id=4", "UPDATE kinds SET clock = '23:59:59.999998' WHERE id = 4"},
		{"timestamp", "timestamp without time zone", "moment", "id=1", "UPDATE kinds SET moment = '2024-02-29 12:34:56.788' WHERE id = 1"},
		{"zone", "timestamp with time zone", "zoned", "id=2", "UPDATE kinds SET zoned = '1999-12-31 23:59:59+00' WHERE id = 2"},
		{"epoch", "timestamp with time zone", "since", "id=1", "UPDATE kinds SET since = since + interval '1 us' WHERE id = 1"},
		{"uuid", "uuid", "uid", "id=2", "UPDATE kinds SET uid = '123e4567-e89b-12d3-a456-426614174000' WHERE id = 2"},
		{"key of two columns", "", "note", "a=x, b=2", "UPDATE pairs SET note = 'three' WHERE b = 2"},
	}
	for _, change := range changes {
		if change.typ != "" && types[change.column] != change.typ {
			t.Errorf("column %s is %s, this test is about %s", change.column, types[change.column], change.typ)
		}
		d := differences(t, source, target, change.sql)
		if len(d) != 1 || d[0].Kind != Changed || d[0].Column != change.column || d[0].Key != change.key || d[0].Source == d[0].Target {
			t.Errorf("%s: got %s, want one change of %s in %s", change.name, asJSON(t, d), change.column, change.key)
		}
	}
	lone := []struct {
		name, sql, in string
		kind          DifferenceKind
	}{
		{"a deleted row", "DELETE FROM kinds WHERE id = 2", "id=2", Missing},
		{"an added row", "INSERT INTO kinds (id) VALUES (99)", "id=99", Extra},
		{"one of two equal rows", "DELETE FROM lines WHERE ctid = (SELECT min(ctid) FROM lines WHERE n = 1)", "note=twice, n=1", Missing},
		{"a third equal row", "INSERT INTO lines VALUES ('twice', 1)", "note=twice, n=1", Extra},
	}
	for _, change := range lone {
		d := differences(t, source, target, change.sql)
		if len(d) != 1 || d[0].Kind != change.kind || !strings.Contains(d[0].Key+d[0].Source+d[0].Target, change.in) {
			t.Errorf("%s: got %s, want %s %s", change.name, asJSON(t, d), change.kind, change.in)
		}
	}
}

// differences makes a change on the target, verifies, and takes the change back.
func differences(t *testing.T, source string, target DSN, change string) (found []Difference) {
	t.Helper()
	conn := connect(t, target)
	for _, sql := range []string{
		"CREATE TABLE kept_kinds AS TABLE kinds", "CREATE TABLE kept_pairs AS TABLE pairs", "CREATE TABLE kept_lines AS TABLE lines", change,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	report, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if report.Outcome() != VerdictDifferent || report.Complete() {
		t.Errorf("%s: verdict %q, complete %t", change, report.Outcome(), report.Complete())
	}
	for _, r := range report.Tables {
		found = append(found, r.Differences...)
	}
	for _, name := range []string{"kinds", "pairs", "lines"} {
		sql := "DELETE FROM " + name + "; INSERT INTO " + name + " TABLE kept_" + name + "; DROP TABLE kept_" + name
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return found
}

func TestVerifyNamesWhatIsGone(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, kindsScript), DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, target).Exec(t.Context(), "DROP TABLE lines; ALTER TABLE kinds DROP COLUMN words"); err != nil {
		t.Fatal(err)
	}
	report, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	problems := map[string]string{}
	for _, r := range report.Tables {
		problems[r.Name] = r.Error
	}
	if report.Verdict != VerdictDifferent || !strings.Contains(problems["lines"], "does not exist") ||
		!strings.Contains(problems["kinds"], `"words" does not exist`) || problems["pairs"] != "" {
		t.Errorf("verdict %q, problems %v", report.Verdict, problems)
	}
}
