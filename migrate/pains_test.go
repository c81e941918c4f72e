package migrate

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// pain is something that users of other tools have suffered from: a database that does it, and what must be true of it
// after a migration.
type pain struct {
	name   string
	script string
	cells  map[string]string // what queries on the target yield
	codes  map[string]string // the codes with which PostgreSQL refuses statements; "" for none
	check  func(t *testing.T, r *Report, conn *pgx.Conn)
}

// TestPains migrates them all.
func TestPains(t *testing.T) {
	t.Parallel()
	for _, p := range pains() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			report, conn := migrated(t, p.script)
			requireCells(t, conn, p.cells)
			for sql, code := range p.codes {
				if got := refused(t, conn, sql); got != code {
					t.Errorf("%s: refused with %q, want %q", sql, got, code)
				}
			}
			if p.check != nil {
				p.check(t, report, conn)
			}
		})
	}
}

// rowsOfAll counts what arrived, what was set aside, and what the source had.
func rowsOfAll(r *Report) (read, loaded, quarantined int64) {
	for _, t := range r.Tables {
		read, loaded, quarantined = read+t.Read, loaded+t.Loaded, quarantined+t.Quarantined
	}
	return read, loaded, quarantined
}

// setAside returns a check for the rows in quarantine: where each is, and words of the reason.
func setAside(want ...QuarantinedRow) func(*testing.T, *Report, *pgx.Conn) {
	return func(t *testing.T, r *Report, conn *pgx.Conn) {
		t.Helper()
		var got []QuarantinedRow
		for _, table := range r.Tables {
			got = append(got, table.Quarantine...)
		}
		if len(got) != len(want) {
			t.Fatalf("quarantined %+v, want %+v", got, want)
		}
		for i, w := range want {
			if g := got[i]; g.Table != w.Table || g.Key != w.Key || g.Column != w.Column || !strings.Contains(g.Reason, w.Reason) {
				t.Errorf("quarantined %+v, want %+v", g, w)
			}
		}
		if n := cell(t, conn, "SELECT count(*) FROM lakeward_quarantine"); n != cell(t, conn, "SELECT "+literal(n)) || n == "0" {
			t.Errorf("%s rows in the quarantine", n)
		}
		if r.Complete() {
			t.Error("the report says that it is complete")
		}
	}
}

// leftBehind returns the objects that stay behind, by kind and name.
func leftBehind(r *Report) map[string]Left {
	left := map[string]Left{}
	for _, l := range r.Left {
		left[l.Kind+" "+l.Name] = l
	}
	return left
}

func pains() []pain { return append(painsOfValues(), painsOfSchema()...) }

func painsOfValues() []pain {
	return []pain{
		{
			name: "1 dates are integers and come out as year 54191",
			script: `CREATE TABLE post (id INTEGER PRIMARY KEY, "createdAt" DATETIME NOT NULL, seen TIMESTAMP, day DATE, born REAL);
				INSERT INTO post VALUES (1, 1627303906122, 1627303906, '2021-07-26', 2459422.03595), (2, 1627303907000, 1700000000, '2021-07-27', NULL)`,
			cells: map[string]string{
				`SELECT "createdAt" AT TIME ZONE 'utc' FROM post WHERE id = 1`: "2021-07-26 12:51:46.122",
				`SELECT seen AT TIME ZONE 'utc' FROM post WHERE id = 1`:        "2021-07-26 12:51:46",
				`SELECT day FROM post WHERE id = 1`:                            "2021-07-26",
				`SELECT extract(year FROM max("createdAt")) FROM post`:         "2021",
			},
		},
		{
			name: "2 SQLite default expressions become string literals",
			script: `CREATE TABLE d (id INTEGER PRIMARY KEY, a TEXT DEFAULT (datetime('now')), b DATETIME DEFAULT CURRENT_TIMESTAMP, c TEXT DEFAULT 'null',
				e INTEGER DEFAULT (strftime('%s', 'now')), f TEXT DEFAULT "x", g TEXT DEFAULT (hex(randomblob(4))), h DATETIME DEFAULT 'current_timestamp',
				i INTEGER DEFAULT 'null', j REAL DEFAULT (1.5 * 2))`,
			cells: map[string]string{
				"SELECT count(*) FROM d": "0",
			},
			codes: map[string]string{"INSERT INTO d DEFAULT VALUES": ""},
			check: func(t *testing.T, _ *Report, conn *pgx.Conn) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), "INSERT INTO d DEFAULT VALUES"); err != nil {
					t.Fatal(err)
				}
				requireCells(t, conn, map[string]string{
					"SELECT a ~ '^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8}$' AND g ~ '^[0-9A-F]{8}$' FROM d":                                                    "true",
					"SELECT abs(extract(epoch FROM now() AT TIME ZONE 'utc' - b)) < 60 AND abs(extract(epoch FROM now() AT TIME ZONE 'utc' - h)) < 60 FROM d": "true",
					"SELECT abs(extract(epoch FROM now()) - e) < 60 FROM d":                                                                                   "true",
					"SELECT concat_ws(',', c, f, i, j) FROM d":                                                                                                "null,x,3",
				})
			},
		},
		{
			name: "3 booleans",
			script: `CREATE TABLE flag (id INTEGER PRIMARY KEY, a BOOLEAN DEFAULT 1, b BOOL, c BOOLEAN NOT NULL DEFAULT 'false', d numeric DEFAULT false);
				INSERT INTO flag VALUES (1, 0, 't', 'true', 0), (2, 1, 'f', '0', 1), (3, NULL, NULL, 1, 0)`,
			cells: map[string]string{
				"SELECT string_agg(concat_ws(' ', a, b, c), '; ' ORDER BY id) FROM flag": "f t t; t f f; t",
				"SELECT sum(d) FROM flag": "1",
			},
			check: func(t *testing.T, _ *Report, conn *pgx.Conn) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), "INSERT INTO flag (id) VALUES (9)"); err != nil {
					t.Fatal(err)
				}
				requireCells(t, conn, map[string]string{"SELECT concat_ws(' ', a, c, d) FROM flag WHERE id = 9": "t f 0"})
			},
		},
		{
			name: "4 text in integer columns",
			script: `CREATE TABLE run (id INTEGER PRIMARY KEY, builds INTEGER, note TEXT);
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO run SELECT i, i, 'n' || i FROM n;
				UPDATE run SET builds = 'many' WHERE id = 400; UPDATE run SET builds = '17' WHERE id = 3`,
			cells: map[string]string{
				"SELECT count(*) FROM run":                                 "499",
				"SELECT builds FROM run WHERE id = 3":                      "17",
				"SELECT pg_typeof(builds) FROM run LIMIT 1":                "bigint",
				`SELECT "row"->'builds'->>'text' FROM lakeward_quarantine`: "many",
			},
			check: setAside(QuarantinedRow{"run", `{"id": 400}`, "builds", `"many" is not an integer`, ActionQuarantined}),
		},
		{
			name: "5 integers too big, text too long",
			script: `CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b SMALLINT, c VARCHAR(5), d INTEGER, e DECIMAL(4,2));
				INSERT INTO t VALUES (1, 9223372036854775807, 70000, 'much longer than five', 9223372036854775808, 1234.567), (2, -9223372036854775808, 1, 'ü', 1e30, 1)`,
			cells: map[string]string{
				"SELECT a FROM t WHERE id = 1":        "9223372036854775807",
				"SELECT min(a) FROM t":                "-9223372036854775808",
				"SELECT b FROM t WHERE id = 1":        "70000",
				"SELECT c FROM t WHERE id = 1":        "much longer than five",
				"SELECT e FROM t WHERE id = 1":        "1234.567",
				"SELECT d = 1e30 FROM t WHERE id = 2": "true",
			},
		},
		{
			name: "6 odd declared types",
			script: `CREATE TABLE t (a int(5), b NUMBER, c "double precision", d, e INTEGRE, f TEXXT, g "varchar" (10), h "unsigned big int", i NVARCHAR2(20), j decimal(10));
				INSERT INTO t VALUES (1, 2.5, 3.5, 'x', 4, 'y', 'z', 5, 'w', 6)`,
			cells: map[string]string{
				"SELECT concat_ws(' ', a, b, c, d, e, f, g, h, i, j) FROM t": "1 2.5 3.5 x 4 y z 5 w 6",
				"SELECT a + b + c + e + h + j FROM t":                        "22",
			},
		},
		{
			name: "7 NUL bytes",
			script: `CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, data BLOB);
				INSERT INTO item VALUES (1, 'fine', x'00ff00'), (2, CAST(x'610062' AS TEXT), NULL), (3, 'also fine', NULL);
				WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO item SELECT i, 'n' || i, NULL FROM n;`,
			cells: map[string]string{
				"SELECT string_agg(name, ',' ORDER BY id) FROM item WHERE id < 9": "fine,also fine",
				"SELECT data FROM item WHERE id = 1":                              `\x00ff00`,
			},
			check: setAside(QuarantinedRow{"item", `{"id": 2}`, "name", "NUL", ActionQuarantined}),
		},
		{
			name: "8 invalid UTF-8 without telling which row",
			script: `CREATE TABLE song (album TEXT, track INT, title TEXT, PRIMARY KEY (album, track));
				INSERT INTO song VALUES ('A', 1, 'ok'), ('A', 2, CAST(x'4be46e' AS TEXT)), ('B', 1, 'Zoë');
				WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO song SELECT 'C', i, 'n' || i FROM n;`,
			cells: map[string]string{"SELECT string_agg(title, ',' ORDER BY album) FROM song WHERE album < 'C'": "ok,Zoë"},
			check: setAside(QuarantinedRow{"song", `{"album": "A", "track": 2}`, "title", "UTF-8", ActionQuarantined}),
		},
		{
			name: "9 floats and decimals",
			script: `CREATE TABLE p (id INTEGER PRIMARY KEY, price DECIMAL(10,2), ratio DOUBLE, amount NUMERIC);
				INSERT INTO p VALUES (1, 1230.99, 0.1, 0.1), (2, 19.9, 9e999, 1e-7), (3, 0.3, -9e999, 12345678901234567), (4, '7.10', 1e308, 2)`,
			cells: map[string]string{
				"SELECT string_agg(price::text, ' ' ORDER BY id) FROM p":              "1230.99 19.90 0.30 7.10",
				"SELECT string_agg(ratio::text, ' ' ORDER BY id) FROM p":              "0.1 Infinity -Infinity 1e+308",
				"SELECT string_agg(trim_scale(amount)::text, ' ' ORDER BY id) FROM p": "0.1 0.0000001 12345678901234567 2",
				"SELECT 1230.99 + sum(price) FROM p WHERE id > 1":                     "1258.29",
			},
		},
	}
}

func painsOfSchema() []pain {
	return []pain{
		{
			name: "10 sequences not set, first insert fails",
			script: `CREATE TABLE a (id INTEGER PRIMARY KEY, x); INSERT INTO a VALUES (41, 1);
				CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO b VALUES (7, 1); DELETE FROM b;
				CREATE TABLE c (id INTEGER PRIMARY KEY, x); CREATE TABLE "Mixed" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT, x)`,
			check: func(t *testing.T, _ *Report, conn *pgx.Conn) {
				t.Helper()
				for table, want := range map[string]string{"a": "42", "b": "8", "c": "1", `"Mixed"`: "1"} {
					if _, err := conn.Exec(t.Context(), "INSERT INTO "+table+" (x) VALUES (DEFAULT)"); err != nil {
						t.Error(err)
					}
					if got := cell(t, conn, "SELECT max(t::text) FROM "+table+" AS t"); !strings.Contains(got, want) {
						t.Errorf("%s: the new row is %s, want the key %s", table, got, want)
					}
				}
			},
		},
		{
			name: "11 foreign key order, orphans, and silent drops",
			script: `CREATE TABLE message (id INTEGER PRIMARY KEY, chat_id INT REFERENCES chat(id), reply_to INT REFERENCES message(id));
				CREATE TABLE chat (id INTEGER PRIMARY KEY, owner_id INT REFERENCES person(id)); CREATE TABLE person (id INTEGER PRIMARY KEY, age INT);
				INSERT INTO person VALUES (1, 30), (2, 'unknown');
				WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO person SELECT i, i % 90 FROM n;
				 INSERT INTO chat VALUES (1, 1), (2, 2), (3, 99);
				INSERT INTO message VALUES (1, 1, 2), (2, 1, NULL), (3, 77, NULL), (4, 2, 3), (5, 3, 500)`,
			cells: map[string]string{
				"SELECT count(*) FROM message":             "5",
				"SELECT count(*) FROM chat":                "3",
				"SELECT count(*) FROM lakeward_quarantine": "1",
			},
			codes: map[string]string{
				"INSERT INTO message (chat_id) VALUES (78)": "23503", "INSERT INTO chat (owner_id) VALUES (2)": "23503",
				"INSERT INTO message (chat_id, reply_to) VALUES (1, 1)": "",
			},
			check: func(t *testing.T, r *Report, conn *pgx.Conn) {
				t.Helper()
				found := map[string]int64{}
				for _, o := range r.Orphans {
					found[o.ForeignKey] = o.Rows
					if n := countRowsOf(t, conn, o.Query); n != o.Rows {
						t.Errorf("%s finds %d rows, reported %d", o.Query, n, o.Rows)
					}
				}
				if found["message_chat_id_fkey"] != 1 || found["message_reply_to_fkey"] != 1 || found["chat_owner_id_fkey"] != 2 {
					t.Errorf("orphans %v", found)
				}
			},
		},
		{
			name: "12 memory: heap exhausted",
			script: `CREATE TABLE blob_of (id INTEGER PRIMARY KEY, data BLOB); INSERT INTO blob_of VALUES (1, zeroblob(40000000)), (2, x'01');
				CREATE TABLE narrow (a INT, b TEXT);
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) INSERT INTO narrow SELECT i, 'row ' || i FROM n`,
			cells: map[string]string{
				"SELECT octet_length(data) FROM blob_of WHERE id = 1": "40000000",
				"SELECT count(*) || ' ' || sum(a) FROM narrow":        "100000 5000050000",
			},
			check: func(t *testing.T, r *Report, _ *pgx.Conn) { t.Helper(); requireIdentical(t, r) },
		},
		{
			name: "13 identifier case half applied",
			script: `CREATE TABLE "UserAccount" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT, "userName" TEXT, "references" INT REFERENCES "UserAccount" ("Id"), "order" INT CHECK ("order" > 0));
				INSERT INTO "UserAccount" VALUES (3, 'Ann', NULL, 1); CREATE UNIQUE INDEX "IX_UserAccount_userName" ON "UserAccount" ("userName");
				CREATE VIEW "AllUsers" AS SELECT "userName" AS "Name" FROM UserAccount`,
			cells: map[string]string{
				`SELECT "userName" FROM "UserAccount" WHERE "Id" = 3`: "Ann",
				`SELECT "Name" FROM "AllUsers"`:                       "Ann",
				`SELECT count(*) FROM pg_class WHERE relname IN ('UserAccount', 'UserAccount_pkey', 'IX_UserAccount_userName', 'UserAccount_Id_seq')`: "4",
			},
			codes: map[string]string{
				`INSERT INTO "UserAccount" ("userName", "references") VALUES ('Bob', 3)`: "",
				`INSERT INTO "UserAccount" ("userName") VALUES ('Ann')`:                  "23505",
				`INSERT INTO "UserAccount" ("references") VALUES (8)`:                    "23503",
				`INSERT INTO "UserAccount" ("order") VALUES (0)`:                         "23514",
			},
		},
		{
			name: "14 generated columns vanish, a partial unique index becomes a full one",
			script: `CREATE TABLE o (id INTEGER PRIMARY KEY, net INT, gross INT GENERATED ALWAYS AS (net * 2) STORED, label TEXT AS ('#' || id), state TEXT, mail TEXT);
				INSERT INTO o (net, state, mail) VALUES (5, 'open', 'A@x'), (6, 'closed', 'b@x'), (7, 'closed', 'c@x');
				CREATE UNIQUE INDEX one_open ON o (state) WHERE state = 'open'; CREATE UNIQUE INDEX by_mail ON o (lower(mail))`,
			cells: map[string]string{
				"SELECT string_agg(gross || label, ' ' ORDER BY id) FROM o": "10#1 12#2 14#3",
				"SELECT count(*) FROM o WHERE state = 'closed'":             "2",
			},
			codes: map[string]string{
				"INSERT INTO o (state) VALUES ('closed')":  "",
				"INSERT INTO o (state) VALUES ('open')":    "23505",
				"INSERT INTO o (mail) VALUES ('a@X')":      "23505",
				"INSERT INTO o (net, gross) VALUES (1, 1)": "428C9",
			},
			check: func(t *testing.T, r *Report, _ *pgx.Conn) { t.Helper(); requireIdentical(t, r) },
		},
		{
			name: "15 views, triggers and checks ignored",
			script: `CREATE TABLE sale (id INTEGER PRIMARY KEY, qty INT CHECK (qty > 0), at DATETIME, changed DATETIME); INSERT INTO sale VALUES (1, 2, '2024-01-31 10:00:00', NULL), (2, 3, '2024-02-01 11:00:00', NULL);
				CREATE VIEW by_month AS SELECT strftime('%Y-%m', at) AS month, sum(qty) AS n FROM sale GROUP BY 1;
				CREATE VIEW best AS SELECT month, max(n) AS most FROM by_month;
				CREATE TRIGGER touch AFTER UPDATE OF qty ON sale WHEN NEW.qty <> OLD.qty BEGIN UPDATE sale SET changed = CURRENT_TIMESTAMP WHERE id = NEW.id; END`,
			cells: map[string]string{
				"SELECT string_agg(month || n, ' ' ORDER BY month) FROM by_month": "2024-012 2024-023",
				"SELECT month || ' ' || most FROM best":                           "2024-02 3",
			},
			codes: map[string]string{"INSERT INTO sale (qty) VALUES (0)": "23514"},
			check: func(t *testing.T, r *Report, conn *pgx.Conn) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), leftBehind(r)["trigger touch"].Draft); err != nil {
					t.Fatalf("%v\n%s", err, leftBehind(r)["trigger touch"].Draft)
				}
				if _, err := conn.Exec(t.Context(), "UPDATE sale SET qty = 9 WHERE id = 1"); err != nil {
					t.Fatal(err)
				}
				requireCells(t, conn, map[string]string{"SELECT string_agg(id::text, '') FROM sale WHERE changed IS NOT NULL": "1"})
			},
		},
		{
			name:   "16 virtual, full-text and SpatiaLite tables kill the run",
			script: virtualScript,
			cells:  map[string]string{"SELECT count(*) FROM town": "1", "SELECT count(*) FROM notes": "2"},
			check: func(t *testing.T, r *Report, _ *pgx.Conn) {
				t.Helper()
				for _, name := range []string{"notes", "mail", "vectors", "SpatialIndex"} {
					if leftBehind(r)["virtual table "+name].Reason == "" {
						t.Errorf("nothing tells of %s", name)
					}
				}
			},
		},
		{
			name: "17 complete with missing rows",
			script: `CREATE TABLE chat (id INTEGER PRIMARY KEY, n INT); INSERT INTO chat VALUES (1, 1), (2, 'two'), (3, 3);
				WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO chat SELECT i, i FROM n;
				CREATE TABLE tag (id INTEGER PRIMARY KEY); INSERT INTO tag VALUES (1)`,
			cells: map[string]string{"SELECT count(*) FROM chat": "502"},
			check: func(t *testing.T, r *Report, _ *pgx.Conn) {
				t.Helper()
				read, loaded, quarantined := rowsOfAll(r)
				var text bytes.Buffer
				if err := r.WriteText(&text); err != nil {
					t.Fatal(err)
				}
				if read != 504 || loaded != 503 || quarantined != 1 || r.Complete() || r.Verdict != VerdictExcept ||
					!strings.Contains(text.String(), `"two" is not an integer`) {
					t.Errorf("%d rows read, %d loaded, %d quarantined, complete %t, verdict %q\n%s", read, loaded, quarantined, r.Complete(), r.Verdict, &text)
				}
			},
		},
	}
}

// TestPain18VerificationWithTheWrongInvariant has a retired column on an empty table, and a target that is ahead of its
// source because the application has moved on.
func TestPain18VerificationWithTheWrongInvariant(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE task (id INTEGER PRIMARY KEY, title TEXT, retired WHATEVER NOT NULL DEFAULT 'x');
		CREATE TABLE note (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO note VALUES (1, 'a'), (2, 'b')`)
	target := DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "INSERT INTO note (t) VALUES ('new'); INSERT INTO task (title) VALUES ('new')"); err != nil {
		t.Fatal(err)
	}
	report, err = Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range report.Tables { // every row of the source is there, and what is new is called that
		if len(table.Differences) != 1 || table.Differences[0].Kind != Extra || table.Verified != table.Read {
			t.Errorf("%s: %s", table.Name, asJSON(t, table))
		}
	}
}

// TestPain19CopyingALiveWALDatabase has an application that has just written, and has a transaction open.
func TestPain19CopyingALiveWALDatabase(t *testing.T) {
	t.Parallel()
	path, app := newApplication(t, `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT);
		INSERT INTO log VALUES (1, 'first')`)
	other, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for conn, sql := range map[*sqlite.Conn]string{app: "INSERT INTO log VALUES (2, 'last')", other: "BEGIN"} {
		if err := sqlitex.ExecuteTransient(conn, sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqlitex.ExecuteTransient(other, "INSERT INTO log VALUES (3, 'not committed')", nil); err != nil {
		t.Fatal(err)
	}
	target := DSN(pgtest.DB(t))
	report, err := Run(t.Context(), path, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	requireCells(t, connect(t, target), map[string]string{"SELECT string_agg(line, ', ' ORDER BY id) FROM log": "first, last"})
	if err := sqlitex.ExecuteTransient(other, "COMMIT", nil); err != nil {
		t.Errorf("the application could not go on: %v", err)
	}
}

// TestPain20PeopleJustWantAButton needs nothing but the two databases.
func TestPain20PeopleJustWantAButton(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO a VALUES (1, 'x'); CREATE VIEW v AS SELECT t FROM a`)
	target := DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	requireCells(t, connect(t, target), map[string]string{"SELECT t FROM v": "x"})
}
