package migrate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// pgKinds has a column of every kind of type, and values that resemble others.
const pgKinds = `
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN posint AS bigint CHECK (VALUE > 0);
CREATE DOMAIN label AS character varying(30);
CREATE TABLE kinds (
	id bigint PRIMARY KEY,
	i2 smallint, i4 integer, i8 bigint, b boolean, f4 real, f8 double precision, n numeric, n2 numeric(12,2), cash money,
	t text, v character varying(40), c character(8), ch "char", nm name, e mood, lab label, pos posint, by bytea,
	d date, tm time, tz timetz, ts timestamp, tstz timestamptz, iv interval, u uuid, j json, jb jsonb, x xml,
	arr integer[], tarr text[], farr double precision[], barr bytea[], comp pair, comps pair[],
	r int4range, nr numrange, tr tstzrange, mr int4multirange, vec tsvector, q tsquery,
	pt point, bx box, pg polygon, ci circle, ln line, ip inet, net cidr, mac macaddr, bits bit varying(20), b8 bit(8),
	cls regclass, ot oid, lsn pg_lsn,
	twice bigint GENERATED ALWAYS AS (i8 * 2) STORED
);
INSERT INTO kinds VALUES
	(1, 1, 2, 9007199254740993, true, 0.1, 0.1, 1.50, 12.5, '12.34',
	'a|b', 'x ', 'ab', 'q', 'name', 'ok', 'lab', 7, '\x00ff',
	'2024-02-29', '12:34:56.789', '12:34:56+02', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+02', '1 mon 2 days 03:00', '123e4567-e89b-12d3-a456-426614174000', '{"b": 1,"a":2}', '{"b":1.50,"a":"é"}', '<a>1</a>',
	'{1,NULL,3}', '{"",NULL,"a b"}', '{0.1,-0,NaN}', '{"\\x01","\\x"}', '(1,"x y")', '{"(1,)","(2,\"\")"}',
	'[1,5)', '[1.5,2.50]', '[2024-01-01 00:00+00,)', '{[1,2),[5,9)}', 'a:1 fat:2A', 'a & b',
	'(1,-0)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '<(1,2),3>', '{1,2,3}', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '10110', '10101010',
	'kinds', 42, '0/16B3748'),
	(2, -1, -2, 0, false, 'NaN', '-0', 'NaN', 0, '-0.01',
	'', '', '', '', '', 'sad', '', 1, '',
	'infinity', '00:00', '24:00:00-00', '-infinity', 'infinity', '30 days', '00000000-0000-0000-0000-000000000000', 'null', 'null', '',
	'{}', '{}', '{}', '{}', '(,)', '{}',
	'empty', 'empty', 'empty', '{}', '', '',
	'(0,0)', '((0,0),(0,0))', '((0,0))', '<(0,0),0>', '{1,0,0}', '::1', '::/0', '00:00:00:00:00:00', '', '00000000',
	'pg_class', 0, '0/0');
INSERT INTO kinds (id) VALUES (3);
CREATE TABLE lines (note text, n integer);
INSERT INTO lines VALUES ('twice', 1), ('twice', 1), (NULL, 2), ('', 2);
CREATE TABLE pairs (a text, b integer, note text, PRIMARY KEY (b, a));
INSERT INTO pairs VALUES ('x', 1, 'one'), ('x', 2, 'two'), ('y', 1, NULL);
`

// pgPairs are the two databases of a comparison with their tables.
type pgPairs struct {
	source, target DSN
	tables         []pgTablePair
}

// comparison returns what comparePostgres is handed for it.
func (p pgPairs) comparison() pgComparison {
	return pgComparison{
		Source: func(ctx context.Context) (*pgx.Conn, error) {
			conn, err := session(ctx, p.source)
			if err == nil {
				_, err = conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
			}
			return conn, err
		},
		Target: func(ctx context.Context) (*pgx.Conn, error) { return session(ctx, p.target) },
		Tables: p.tables, Jobs: 2, Journal: &journal{},
	}
}

// twoDatabases runs a script in two databases.
func twoDatabases(t *testing.T, script string) pgPairs {
	t.Helper()
	p := pgPairs{source: DSN(pgtest.DB(t)), target: DSN(pgtest.DB(t))}
	for _, dsn := range []DSN{p.source, p.target} {
		runScript(t, dsn, script)
	}
	return p
}

func runScript(t *testing.T, dsn DSN, sql string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func comparePairs(t *testing.T, p pgPairs) []TableReport {
	t.Helper()
	reports, err := comparePostgres(t.Context(), p.comparison())
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func TestComparePostgresNamesEveryDifference(t *testing.T) {
	t.Parallel()
	p := twoDatabases(t, pgKinds)
	p.tables = []pgTablePair{
		{SourceSchema: "public", TargetSchema: "public", Name: "kinds", Key: []string{"id"}},
		{SourceSchema: "public", TargetSchema: "public", Name: "lines"},
		{SourceSchema: "public", TargetSchema: "public", Name: "pairs", Key: []string{"b", "a"}},
	}
	for i, r := range comparePairs(t, p) {
		if rows := []int64{3, 4, 3}[i]; !r.same() || r.Read != rows || r.Verified != rows {
			t.Errorf("%s: %s", r.Name, asJSON(t, r))
		}
	}
	changes := []struct{ column, value, key string }{
		{"i2", "2", "1"},
		{"i4", "3", "1"},
		{"i4", "NULL", "1"},
		{"b", "NULL", "2"},
		{"f4", "0.10000001", "1"},
		{"f8", "0.10000000000000002", "1"},
		{"f8", "0", "2"},
		{"n", "1.5", "1"},
		{"n", "1.500", "1"},
		{"n", "'Infinity'", "2"},
		{"n2", "12.51", "1"},
		{"cash", "'12.35'", "1"},
		{"t", "'a|b '", "1"},
		{"t", "NULL", "2"},
		{"t", "'NULL'", "3"},
		{"t", "'~'", "3"},
		{"t", "''", "3"},
		{"v", "'x'", "1"},
		{"v", "'x  '", "1"},
		{"c", "'ab c'", "1"},
		{"ch", "'Q'", "1"},
		{"nm", "'Name'", "1"},
		{"e", "'happy'", "1"},
		{"lab", "'Lab'", "1"},
		{"pos", "8", "1"},
		{"by", `'\x00fe'`, "1"},
		{"by", "NULL", "2"},
		{"d", "'2024-03-01'", "1"},
		{"tm", "'12:34:56.788999'", "1"},
		{"tz", "'11:34:56+01'", "1"},
		{"tz", "'00:00:00-00'", "2"},
		{"ts", "'2024-02-29 12:34:56.788999'", "1"},
		{"tstz", "'2024-02-29 12:34:56+00'", "1"},
		{"iv", "'1 mon'", "2"},
		{"iv", "'720 hours'", "2"},
		{"u", "'00000000-0000-0000-0000-000000000001'", "2"},
		{"j", `'{"b":1,"a":2}'`, "1"},
		{"j", "NULL", "2"},
		{"jb", `'{"b":1.5,"a":"é"}'`, "1"},
		{"jb", "NULL", "2"},
		{"x", "'<a>2</a>'", "1"},
		{"arr", "'{1,NULL,4}'", "1"},
		{"arr", "'[0:2]={1,NULL,3}'", "1"},
		{"tarr", `'{NULL,NULL,"a b"}'`, "1"},
		{"tarr", `'{"","NULL","a b"}'`, "1"},
		{"farr", "'{0.1,0,NaN}'", "1"},
		{"barr", `'{"\\x02","\\x"}'`, "1"},
		{"comp", "NULL", "2"},
		{"comp", "'(,\"\")'", "2"},
		{"comps", `'{"(1,)","(2,)"}'`, "1"},
		{"r", "'[1,6)'", "1"},
		{"nr", "'[1.5,2.5]'", "1"},
		{"tr", "'(2024-01-01 00:00+00,)'", "1"},
		{"mr", "'{[1,9)}'", "1"},
		{"vec", "'a:1 fat:2B'", "1"},
		{"q", "'a | b'", "1"},
		{"pt", "'(1,0)'", "1"},
		{"bx", "'((0,0),(1,2))'", "1"},
		{"pg", "'((0,0),(1,1),(2,1))'", "1"},
		{"ci", "'<(1,2),4>'", "1"},
		{"ln", "'{1,2,4}'", "1"},
		{"ip", "'10.0.0.1/32'", "1"},
		{"net", "'10.0.0.0/9'", "1"},
		{"mac", "'08:00:2b:01:02:04'", "1"},
		{"bits", "'101100'", "1"},
		{"b8", "'10101011'", "1"},
		{"cls", "'lines'", "1"},
		{"ot", "43", "1"},
		{"lsn", "'0/16B3749'", "1"},
	}
	for _, change := range changes {
		name := fmt.Sprintf("%s = %s of row %s", change.column, change.value, change.key)
		d := p.differences(t, fmt.Sprintf("UPDATE kinds SET %s = %s WHERE id = %s", change.column, change.value, change.key))
		if len(d) != 1 || d[0].Kind != Changed || d[0].Column != change.column || d[0].Key != "id="+change.key {
			t.Errorf("%s: got %s", name, asJSON(t, d))
		}
	}
	if d := p.differences(t, "UPDATE kinds SET i8 = 2 WHERE id = 2"); len(d) != 2 || d[1].Column != "twice" {
		t.Errorf("a generated column: got %s", asJSON(t, d))
	}
	if d := p.differences(t, "UPDATE pairs SET note = 'three' WHERE a = 'x' AND b = 2"); len(d) != 1 || d[0].Key != "a=x, b=2" {
		t.Errorf("a key of two columns: got %s", asJSON(t, d))
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
		d := p.differences(t, change.sql)
		if len(d) != 1 || d[0].Kind != change.kind || !strings.Contains(d[0].Key+d[0].Source+d[0].Target, change.in) {
			t.Errorf("%s: got %s, want %s %s", change.name, asJSON(t, d), change.kind, change.in)
		}
	}
	d := p.differences(t, "UPDATE lines SET note = '' WHERE note IS NULL")
	if len(d) != 2 || d[0].Source != "note=NULL, n=2" || d[1].Target != "note=, n=2" {
		t.Errorf("a NULL that became empty, without a key: got %s", asJSON(t, d))
	}
}

// differences makes a change on the target, compares, and takes the change back.
func (p pgPairs) differences(t *testing.T, change string) (found []Difference) {
	t.Helper()
	conn := connect(t, p.target)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("CREATE SCHEMA kept")
	for _, table := range p.tables {
		exec("CREATE TABLE kept." + table.Name + " AS TABLE " + table.Name)
		exec("ALTER TABLE kept." + table.Name + " DROP COLUMN IF EXISTS twice")
	}
	exec(change)
	for _, r := range comparePairs(t, p) {
		if r.Error != "" || r.Differing != int64(lines(r.Differences)) {
			t.Errorf("%s: %s", change, asJSON(t, r))
		}
		found = append(found, r.Differences...)
	}
	for _, table := range p.tables {
		exec("DELETE FROM " + table.Name + "; INSERT INTO " + table.Name + " SELECT * FROM kept." + table.Name)
	}
	exec("DROP SCHEMA kept CASCADE")
	return found
}

// lines counts the rows that differences are about: the columns of one row are one.
func lines(differences []Difference) int {
	keys := map[string]bool{}
	for _, d := range differences {
		keys[d.Key+d.Source+d.Target] = true
		if d.Column != "" {
			delete(keys, d.Key+d.Source+d.Target)
			keys[d.Key] = true
		}
	}
	return len(keys)
}

func TestComparePostgresOfAnotherEncoding(t *testing.T) {
	t.Parallel()
	p := pgPairs{source: DSN(pgtest.DB(t)), target: DSN(pgtest.DB(t))}
	conn := connect(t, DSN(pgtest.Admin(t, string(p.source))))
	name := conn.Config().Database + "_latin"
	for _, encoding := range []string{"LATIN1", sqlASCII} {
		runScript(t, DSN(pgtest.Admin(t, string(p.source))),
			"CREATE DATABASE "+name+" TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING '"+encoding+"'")
		source := DSN(strings.Replace(pgtest.Admin(t, string(p.source)), conn.Config().Database, name, 1) + "&client_encoding=UTF8")
		const script = `CREATE TABLE words (id integer PRIMARY KEY, t text, a text[]); INSERT INTO words VALUES (1, 'Zürich', '{é}'), (2, 'plain', NULL)`
		runScript(t, source, script)
		if encoding == "LATIN1" {
			runScript(t, p.target, script)
		}
		other := pgPairs{source: source, target: p.target, tables: []pgTablePair{
			{SourceSchema: "public", TargetSchema: "public", Name: "words", Key: []string{"id"}},
		}}
		if r := comparePairs(t, other)[0]; !r.same() || r.Verified != 2 {
			t.Errorf("%s: %s", encoding, asJSON(t, r))
		}
		runScript(t, source, "UPDATE words SET t = 'Zurich' WHERE id = 1")
		if r := comparePairs(t, other)[0]; len(r.Differences) != 1 || r.Differences[0].Column != "t" {
			t.Errorf("%s: %s", encoding, asJSON(t, r))
		}
		runScript(t, DSN(pgtest.Admin(t, string(p.source))), "DROP DATABASE "+name+" WITH (FORCE)")
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	for blocks, want := range map[int64]int{0: 1, 1: 1, pieceBlocks: 1, pieceBlocks + 1: 2, 10 * pieceBlocks: 10, 1 << 32: piecesMost} {
		if got := pieces(blocks); len(got) != want || want > 1 && strings.Contains(got[want-1], "<") {
			t.Errorf("%d blocks: %d pieces, the last is %q", blocks, len(got), got[len(got)-1])
		}
	}
}

func TestComparePostgresInPieces(t *testing.T) {
	t.Parallel()
	p := twoDatabases(t, `CREATE TABLE wide (id integer PRIMARY KEY, t text);
		ALTER TABLE wide ALTER t SET STORAGE PLAIN;
		INSERT INTO wide SELECT n, repeat('x', 7000) || n FROM generate_series(1, 9000) n`)
	p.tables = []pgTablePair{{SourceSchema: "public", TargetSchema: "public", Name: "wide", Key: []string{"id"}}}
	if r := comparePairs(t, p)[0]; !r.same() || r.Verified != 9000 {
		t.Error(asJSON(t, r))
	}
	runScript(t, p.target, "DELETE FROM wide WHERE id = 8999; UPDATE wide SET t = '' WHERE id = 3")
	r := comparePairs(t, p)[0]
	if len(r.Differences) != 2 || r.Differences[0].Key != "id=3" || r.Differences[1].Key != "id=8999" || r.Verified != 8998 {
		t.Error(asJSON(t, r))
	}
}
