package migrate

import (
	"errors"
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

// refused returns the code with which PostgreSQL refuses a statement, or "". The statement leaves nothing behind.
func refused(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	undone := errors.New("undone")
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		for _, sql := range []string{sql, "SET CONSTRAINTS ALL IMMEDIATE"} {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return undone
	})
	if code := sqlState(err); code != "" || errors.Is(err, undone) {
		return code
	}
	return err.Error()
}

func TestGeneratedColumnsOverGeneratedColumns(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE line (gross REAL AS (net + tax), tax REAL AS (net * rate / 100) STORED, net REAL, rate INT, label TEXT AS (kind || ':' || code), code TEXT,
			kind TEXT AS (upper(substr(code, 1, 1))) VIRTUAL, big INT AS (gross > 100));
		INSERT INTO line (net, rate, code) VALUES (100, 19, 'abc'), (10.5, 7, NULL), (NULL, NULL, 'x')`)
	requireIdentical(t, report)
	if _, err := conn.Exec(t.Context(), `INSERT INTO line (net, rate, code) VALUES (200, 10, 'new')`); err != nil {
		t.Fatal(err)
	}
	requireCells(t, conn, map[string]string{
		"SELECT gross || ' ' || tax || ' ' || label || ' ' || big FROM line WHERE code = 'new'": "220 20 N:new 1",
		"SELECT count(*) FROM information_schema.columns WHERE is_generated = 'ALWAYS'":         "5",
	})
}

func TestForeignKeysKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE parent (a INT, b TEXT, c INT, d VARCHAR(20), PRIMARY KEY (a, b));
		CREATE UNIQUE INDEX parent_c ON parent (c); CREATE UNIQUE INDEX parent_cd ON parent (c DESC, d);
		INSERT INTO parent VALUES (1, 'x', 10, 'ten'), (2, 'y', 20, 'twenty'), (3, 'z', 30, 'thirty');
		CREATE TABLE child (id INTEGER PRIMARY KEY, a INT, b TEXT, e TEXT DEFAULT 10 REFERENCES parent(c) ON DELETE SET DEFAULT ON UPDATE SET NULL,
			f INT REFERENCES parent (c) MATCH FULL NOT DEFERRABLE INITIALLY DEFERRED, g INT, h TEXT,
			FOREIGN KEY (a, b) REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE,
			CONSTRAINT gh FOREIGN KEY (h, g) REFERENCES parent (d, c) DEFERRABLE INITIALLY DEFERRED);
		INSERT INTO child VALUES (1, 1, 'x', '10', 10, 10, 'ten'), (2, 2, 'y', '20', NULL, 20, 'twenty'), (3, 3, NULL, '30', NULL, NULL, 'free');
		CREATE TABLE tree (id INTEGER PRIMARY KEY, up INT REFERENCES tree ON DELETE CASCADE);
		INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
		CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INT NOT NULL REFERENCES hen DEFERRABLE INITIALLY DEFERRED);
		CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INT NOT NULL REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
		INSERT INTO egg VALUES (1, 1); INSERT INTO hen VALUES (1, 1)`)
	requireIdentical(t, report)
	for _, sql := range []string{
		"UPDATE parent SET b = 'xx' WHERE a = 1", "DELETE FROM tree WHERE id = 1",
		"BEGIN; INSERT INTO egg VALUES (2, 2); INSERT INTO hen VALUES (2, 2); COMMIT",
		"BEGIN; UPDATE child SET h = NULL, g = NULL; DELETE FROM parent WHERE c = 20; UPDATE parent SET c = 31 WHERE c = 30; COMMIT",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	requireCells(t, conn, map[string]string{
		"SELECT string_agg(concat_ws(' ', id, a, b, e), '; ' ORDER BY id) FROM child": "1 1 xx 10; 3 3",
		"SELECT count(*) FROM tree": "0",
	})
	for sql, code := range map[string]string{
		"INSERT INTO child (f) VALUES (99)":           "23503",
		"INSERT INTO child (a, b) VALUES (9, 'q')":    "23503",
		"INSERT INTO child (a, b) VALUES (9, NULL)":   "",
		"INSERT INTO child (h, g) VALUES ('ten', 20)": "23503",
		"INSERT INTO egg VALUES (5, 5)":               "23503",
		"DELETE FROM parent WHERE c = 10":             "23503",
	} {
		if got := refused(t, conn, sql); got != code {
			t.Errorf("%s: got %q, want %q", sql, got, code)
		}
	}
}

// TestUniqueMeansTheSame has what NOCASE and RTRIM keep apart and make equal.
func TestUniqueMeansTheSame(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, mail TEXT, tag TEXT COLLATE RTRIM, n INT);
		CREATE UNIQUE INDEX by_mail ON person (mail COLLATE NOCASE) WHERE mail IS NOT NULL AND n > 0;
		CREATE UNIQUE INDEX by_tag ON person (tag); CREATE UNIQUE INDEX by_both ON person (lower(mail), n DESC);
		INSERT INTO person VALUES (1, 'Élan', 'a@x', 't', 1), (2, 'élan', 'A@Y', 'u ', 1), (3, 'straße', 'A@X', ' v', 0), (4, 'STRASSE', NULL, NULL, 1);
		CREATE TABLE k (a TEXT COLLATE NOCASE, b INT, PRIMARY KEY (a DESC, b)) WITHOUT ROWID; INSERT INTO k VALUES ('x', 1), ('y', 1)`)
	if !report.Complete() {
		t.Errorf("not complete: %s", asJSON(t, report))
	}
	for sql, code := range map[string]string{
		"INSERT INTO person (name) VALUES ('ÉLAN')":                         "23505", // NOCASE knows ASCII only: Élan, not élan
		"UPDATE person SET name = 'ÉLAN' WHERE id = 1":                      "",
		"UPDATE person SET name = 'ÉLAN' WHERE id = 2":                      "23505",
		"INSERT INTO person (name) VALUES ('Strasse')":                      "23505",
		"INSERT INTO person (name) VALUES ('STRAßE')":                       "23505",
		"INSERT INTO person (mail, n) VALUES ('a@y', 2)":                    "23505",
		"INSERT INTO person (mail, n) VALUES ('a@y', -2)":                   "",
		"INSERT INTO person (mail, n) VALUES ('a@Y', 1)":                    "23505",
		"INSERT INTO person (mail, n) VALUES ('A@X', 0)":                    "23505", // lower(mail), n
		"INSERT INTO person (tag) VALUES ('t  ')":                           "23505",
		"INSERT INTO person (tag) VALUES ('T')":                             "",
		"INSERT INTO k VALUES ('X', 1)":                                     "23505",
		"INSERT INTO k VALUES ('X', 2)":                                     "",
		"INSERT INTO person (name, mail) VALUES (NULL, NULL), (NULL, NULL)": "",
	} {
		if got := refused(t, conn, sql); got != code {
			t.Errorf("%s: got %q, want %q", sql, got, code)
		}
	}
}

func TestChecksAndDefaults(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE c (id INTEGER PRIMARY KEY, at TEXT CHECK (at IS datetime(at)), code TEXT CHECK (code GLOB '[A-Z][0-9]*' AND length(code) < 5),
			kind TEXT DEFAULT "abc" CHECK (kind IN ('abc', 'b')), n INT DEFAULT -5, s TEXT DEFAULT 'null', q TEXT DEFAULT 'it''s', b BLOB DEFAULT x'00ff',
			r TEXT DEFAULT (hex(randomblob(16))), day TEXT DEFAULT (date('now')), made DATETIME DEFAULT 'CURRENT_TIMESTAMP',
			ms INTEGER DEFAULT (unixepoch() * 1000), lo TEXT DEFAULT (lower(hex(randomblob(4)))), later DATETIME DEFAULT (datetime('now', '+1 day')),
			CONSTRAINT both CHECK ((n IS NULL) = (code IS NULL) OR n < 0));
		INSERT INTO c (id, at, code, made) VALUES (1, '2024-01-31 10:00:00', 'A1', NULL)`)
	if report.Verdict != VerdictIdentical {
		t.Errorf("left behind: %s", asJSON(t, report.Left))
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO c (code) VALUES ('B2')"); err != nil {
		t.Fatal(err)
	}
	requireCells(t, conn, map[string]string{
		"SELECT concat_ws('|', id, kind, n, s, q, b) FROM c WHERE code = 'B2'":                                                                                                       `2|abc|-5|null|it's|\x00ff`,
		`SELECT r ~ '^[0-9A-F]{32}$' AND lo ~ '^[0-9a-f]{8}$' FROM c WHERE code = 'B2'`:                                                                                              "true",
		`SELECT abs(extract(epoch FROM now()) - ms / 1000) < 60 AND later::date - made::date = 1 AND day = to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD') FROM c WHERE code = 'B2'`: "true",
	})
	for sql, code := range map[string]string{
		"INSERT INTO c (at) VALUES ('2024-01-31T10:00:00')": "23514",
		"INSERT INTO c (at) VALUES ('2024-01-31 10:00:00')": "",
		"INSERT INTO c (code) VALUES ('a1')":                "23514",
		"INSERT INTO c (kind) VALUES ('ABC')":               "23514",
		"INSERT INTO c (n) VALUES (3)":                      "23514",
	} {
		if got := refused(t, conn, sql); got != code {
			t.Errorf("%s: got %q, want %q", sql, got, code)
		}
	}
}

// TestKeysThatOnlySQLiteKeepsApart has unique values that the types of PostgreSQL would make equal.
func TestKeysThatOnlySQLiteKeepsApart(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE flag (f BOOLEAN UNIQUE, g BOOLEAN); INSERT INTO flag VALUES ('t', 't'), ('true', 'true'), (0, 0);
		CREATE TABLE doc (j JSON UNIQUE); INSERT INTO doc VALUES ('{"a":1}'), ('{"a": 1}'), ('[]');
		CREATE TABLE day (at DATETIME PRIMARY KEY); INSERT INTO day VALUES ('2024-01-31T10:00:00'), ('2024-01-31 10:00:00'), ('2024-01-31 11:00:00');
		CREATE TABLE visit (at DATETIME REFERENCES day); INSERT INTO visit VALUES ('2024-01-31 10:00:00'), ('2024-01-31 11:00:00');
		CREATE TABLE fine (at DATETIME PRIMARY KEY, u UUID UNIQUE); INSERT INTO fine VALUES ('2024-01-31 10:00:00', '0f8fad5b-d9cb-469f-a165-70867728950e'), ('2024-01-31 11:00:00', NULL);
		CREATE TABLE mixed (x UNIQUE, n INT); CREATE UNIQUE INDEX mixed_xn ON mixed (x, n) WHERE n > 0; INSERT INTO mixed VALUES (1, 1), ('1', 1), ('a', 2);
		CREATE TABLE user (x REFERENCES mixed(x)); INSERT INTO user VALUES ('a')`)
	requireCells(t, conn, map[string]string{
		"SELECT string_agg(f, ',' ORDER BY f) FROM flag":                                              "0,t,true",
		"SELECT count(*) FROM flag WHERE g":                                                           "2",
		"SELECT pg_typeof(j) FROM doc LIMIT 1":                                                        "text",
		"SELECT pg_typeof(d.at) || ' ' || pg_typeof(v.at) FROM day d JOIN visit v USING (at) LIMIT 1": "text text",
		"SELECT pg_typeof(at) || ' ' || pg_typeof(u) FROM fine LIMIT 1":                               "timestamp without time zone uuid",
		"SELECT count(*) FROM mixed WHERE x = '1'":                                                    "2",
	})
	left := leftBehind(report)
	for _, name := range []string{"unique mixed_x_key", "index mixed_xn", "foreign key x"} {
		if left[name].Draft == "" {
			t.Errorf("%s is not listed with a draft: %s", name, asJSON(t, report.Left))
		}
	}
}

// TestKeysAgreeWithoutALimit has a parent take the type of its child, whose length its own values do not keep.
func TestKeysAgreeWithoutALimit(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `
		CREATE TABLE parent (u INT UNIQUE); INSERT INTO parent VALUES (1), (9007199254740993), ('abc');
		CREATE TABLE child (r VARCHAR(6) REFERENCES parent (u)); INSERT INTO child VALUES (1), ('abc'), ('x')`)
	requireCells(t, conn, map[string]string{"SELECT string_agg(u, ' ' ORDER BY u) FROM parent": "1 9007199254740993 abc"})
	if _, _, quarantined := rowsOfAll(report); quarantined > 0 {
		t.Errorf("%d rows quarantined", quarantined)
	}
}

func TestDraftsOfChecksCanBeTaken(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE c (id INTEGER PRIMARY KEY, r TEXT CHECK (r LIKE '^a' AND length(r) < 9)); INSERT INTO c VALUES (1, NULL);
		PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'LIKE', 'REGEXP')`)
	draft := leftBehind(report)["check r"].Draft
	if _, err := conn.Exec(t.Context(), draft); err != nil {
		t.Errorf("%v\n%s", err, draft)
	}
	if code := refused(t, conn, "INSERT INTO c (r) VALUES ('b')"); code != "23514" {
		t.Errorf("refused with %q", code)
	}
}

// TestColumnsThatIgnoreCaseCanBecomeSo takes the drafts for COLLATE NOCASE and RTRIM.
func TestColumnsThatIgnoreCaseCanBecomeSo(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT COLLATE NOCASE UNIQUE, tag TEXT COLLATE RTRIM);
		INSERT INTO person VALUES (1, 'Ada@example.com', 'x '), (2, 'bob@example.com', 'y'); CREATE INDEX by_mail ON person (mail COLLATE NOCASE, tag)`)
	const find = "SELECT count(*) FROM person WHERE mail = 'ADA@example.com'"
	requireCells(t, conn, map[string]string{
		find: "0", `SELECT count(*) FROM person WHERE lower(mail COLLATE "C") = lower('ADA@example.com')`: "1",
	})
	for _, name := range []string{"collation mail", "collation tag"} {
		if _, err := conn.Exec(t.Context(), leftBehind(report)[name].Draft); err != nil {
			t.Errorf("%v\n%s", err, leftBehind(report)[name].Draft)
		}
	}
	requireCells(t, conn, map[string]string{
		find: "1", "SELECT count(*) FROM person WHERE tag = 'x'": "1",
		"SELECT string_agg(mail, ' ' ORDER BY mail) FROM person WHERE mail LIKE 'ADA%'": "Ada@example.com",
	})
	if code := refused(t, conn, "INSERT INTO person (mail) VALUES ('BOB@example.com')"); code != "23505" {
		t.Errorf("refused with %q", code)
	}
}

// TestGeneratedColumnsThatLeave64Bits has SQLite go on with a REAL where PostgreSQL would stop.
func TestGeneratedColumnsThatLeave64Bits(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE g (a INT, b INT, next NUMERIC AS (a + 1) STORED, area NUMERIC AS (b * b), half REAL AS (b / 2.0));
		INSERT INTO g (a, b) VALUES (9223372036854775807, 4000000000), (1, 2)`)
	requireCells(t, conn, map[string]string{
		"SELECT max(next) >= 9223372036854775807 AND max(area) = 1.6e19 FROM g":                                   "true",
		"SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'g'::regclass AND attgenerated <> ''": "half",
	})
	if left := leftBehind(report); left["generated column next"].Reason == "" || left["generated column area"].Reason == "" {
		t.Errorf("left behind: %s", asJSON(t, report.Left))
	}
}

func TestTheServerLooksAfterTheTablesFromTheSwapOn(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t, shopScript)
	requireCells(t, conn, map[string]string{
		`SELECT count(*) FROM pg_class WHERE relname IN ('customers', 'orders') AND reloptions IS NULL`: "2",
		`SELECT count(*) FROM pg_class t JOIN pg_class o ON o.reltoastrelid = t.oid WHERE o.relname IN ('customers', 'orders')
			AND t.reloptions IS NOT NULL`: "0",
	})
}

// TestGeneratedColumnsOfNumbersAndTexts has texts of which SQLite makes numbers in the generated column only.
func TestGeneratedColumnsOfNumbersAndTexts(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE t (code TEXT, n NUMERIC AS (code), r REAL AS (code), i INTEGER AS (code), x TEXT AS (code));
		INSERT INTO t (code) VALUES ('0.0'), (-0.0), ('1.50'), ('007'), ('Zoë'), (NULL);`)
	requireCells(t, conn, map[string]string{
		"SELECT concat_ws(' ', n, r, i, x) FROM t WHERE code = '1.50'": "1.5 1.5 1.5 1.50",
		"SELECT concat_ws(' ', n, i, x) FROM t WHERE code = '007'":     "7 7 007",
	})
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Name)
	}
	if got := strings.Join(left, " "); got != "n r i" || report.Verdict != VerdictExcept {
		t.Errorf("verdict %s, %q stay behind", report.Verdict, got)
	}
}

func TestGeneratedColumnsOverTextsHeldAsBytes(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, size INTEGER AS (length(body)) STORED);
		INSERT INTO t (body) VALUES (CAST(x'610062' AS TEXT)), ('abc'), (CAST(x'ff00' AS TEXT));`)
	requireCells(t, conn, map[string]string{"SELECT string_agg(size::text, ' ' ORDER BY id) FROM t": "1 3 1"})
	if report.Verdict != VerdictExcept || len(report.Left) != 1 || report.Left[0].Name != "size" {
		t.Errorf("verdict %s\n%s", report.Verdict, asJSON(t, report.Left))
	}
}

func TestDefaultsThatAreNoMomentStayBehind(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP DEFAULT 1.5); INSERT INTO t (at) VALUES (2460340.5)`)
	requireCells(t, conn, map[string]string{"SELECT at FROM t": "2024-01-31 00:00:00"})
	if len(report.Left) != 1 || report.Left[0].Kind != "default" {
		t.Errorf("left behind: %s", asJSON(t, report.Left))
	}
}

// TestGeneratedColumnsOverValuesOfAnotherClass has generated columns over values that the target holds as ones of another
// class: keys that are REALs, booleans and numbers that are texts, and whole numbers among REALs.
func TestGeneratedColumnsOverValuesOfAnotherClass(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE parent (id INTEGER PRIMARY KEY);
		INSERT INTO parent VALUES (2), (3);
		CREATE TABLE t (id INTEGER PRIMARY KEY,
			up DOUBLE PRECISION REFERENCES parent (id), chars INTEGER AS (length(up)), half AS (up / 2),
			flag BOOLEAN, same SMALLINT AS (flag),
			mixed INTEGRE, part AS (mixed / 2),
			uid UUID, capital TEXT AS (uid),
			julian TIMESTAMP, later REAL AS (julian + 1),
			plain BOOLEAN, opposite BOOLEAN AS (NOT plain), price REAL, twice REAL AS (price * 2));
		INSERT INTO t (up, flag, mixed, uid, julian, plain, price) VALUES
			(2, 't', 7, '0F8FAD5B-D9CB-469F-A165-70867728950E', 2460340.5, 1, 1.5), (3, 'f', 1.5, '7C9E6679742540DE944BE07FC1F90AE7', NULL, 0, 2);
		CREATE UNIQUE INDEX halves ON t (up / 2);
		CREATE UNIQUE INDEX flags ON t (plain) WHERE length(up) = 3;
		CREATE INDEX found ON t (abs(up));`)
	requireCells(t, conn, map[string]string{
		"SELECT string_agg(concat_ws(' ', up, chars, half, same, part, capital, later), ', ' ORDER BY id) FROM t": "2 3 1 t 3 0F8FAD5B-D9CB-469F-A165-70867728950E 2460341.5, " +
			"3 3 1.5 f 0.75 7C9E6679742540DE944BE07FC1F90AE7",
	})
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Name)
	}
	if got := strings.Join(left, " "); got != "chars half same part capital later halves flags" || report.Verdict != VerdictExcept {
		t.Errorf("verdict %s, %q stay behind", report.Verdict, got)
	}
}

// TestGeneratedColumnsOfManyDigits has REALs to the last bit, as SQLite computes them also of decimals.
func TestGeneratedColumnsOfManyDigits(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10,2), n INTEGER, r REAL,
			exact DECIMAL(10,2) AS (price * 2), total AS (price * n), more NUMERIC AS (r + 1), whole NUMERIC AS (r * 4), same REAL AS (r + 1));
		INSERT INTO t (price, n, r) VALUES (0.1, 3, 0.1), (19.99, 2, -9223372036854775808), (2, 2, 2251799813685249);`)
	requireCells(t, conn, map[string]string{
		"SELECT string_agg(concat_ws(' ', exact, total, more, whole, same), ', ' ORDER BY id) FROM t": "0.20 0.30000000000000004 1.1 0.4 1.1, " +
			"39.98 39.98 -9223372036854776000 -36893488147419103000 -9.223372036854776e+18, 4.00 4 2251799813685250 9007199254740996 2.25179981368525e+15",
	})
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Name)
	}
	if got := strings.Join(left, " "); got != "total more whole" || report.Verdict != VerdictExcept {
		t.Errorf("verdict %s, %q stay behind", report.Verdict, got)
	}
}
