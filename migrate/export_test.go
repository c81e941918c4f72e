package migrate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// dump reads a whole SQLite database, for comparisons: definitions, settings, and every value with its storage class. It
// shares no code with export and verification.
func dump(t *testing.T, path string) map[string][]string {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	query := func(sql string) (rows []string) {
		stmt, _, err := conn.PrepareTransient(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		defer stmt.Finalize()
		for {
			more, err := stmt.Step()
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			if !more {
				return rows
			}
			var fields []string
			for i := range stmt.ColumnCount() {
				switch class := stmt.ColumnType(i); class {
				case sqlite.TypeFloat:
					fields = append(fields, fmt.Sprintf("real %x", stmt.ColumnFloat(i)))
				case sqlite.TypeNull:
					fields = append(fields, "null")
				default:
					b := make([]byte, stmt.ColumnLen(i))
					stmt.ColumnBytes(i, b)
					fields = append(fields, strings.TrimPrefix(class.String(), "SQLITE_")+" "+shown(b))
				}
			}
			rows = append(rows, strings.Join(fields, ", "))
		}
	}
	found := map[string][]string{}
	for _, pragma := range []string{"encoding", "page_size", "auto_vacuum", "user_version", "application_id", "journal_mode"} {
		found["pragma "+pragma] = query("PRAGMA " + pragma)
	}
	found["schema"] = query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
	for _, row := range query("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_stat%'") {
		name, err := strconv.Unquote(strings.TrimPrefix(row, "TEXT "))
		if err != nil {
			t.Fatal(err)
		}
		if name == "sqlite_schema" {
			continue
		}
		rows := query("SELECT * FROM " + sourceName(name))
		slices.Sort(rows)
		found["table "+name] = rows
	}
	return found
}

// export exports target into a new file.
func export(t *testing.T, target Target, o ExportOptions) (string, *Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "back.db")
	report, err := Export(t.Context(), target, path, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
	return path, report
}

// thereAndBack migrates a source, exports it, and returns both files and the report of the export.
func thereAndBack(t *testing.T, source string, between ...string) (string, *Report) {
	t.Helper()
	target := DSN(pgtest.DB(t))
	if report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	conn := connect(t, target)
	for _, sql := range between {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return export(t, target, ExportOptions{})
}

// shown quotes a text or BLOB. Of one that nobody would read, it gives the sum, which takes a hundredth of the time.
func shown(b []byte) string {
	if len(b) > 10_000 {
		return fmt.Sprintf("of %d bytes, with the SHA-256 %x", len(b), sha256.Sum256(b))
	}
	return strconv.Quote(string(b))
}

func requireSameFile(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(dump(t, want), dump(t, got)); diff != "" {
		t.Fatalf("(-before +after):\n%s", diff)
	}
}

func TestExportRealDatabases(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("LAKEWARD_TEST_DATA")
	if folder == "" {
		folder = "../../shared/data"
	}
	for _, name := range []string{"chinook", "northwind"} {
		path := filepath.Join(folder, name+".sqlite")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			back, report := thereAndBack(t, path)
			requireIdentical(t, report)
			requireSameFile(t, path, back)
		})
	}
}

func TestExportRestoresSchemaAndSettings(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		PRAGMA page_size = 1024; PRAGMA auto_vacuum = 1; PRAGMA encoding = 'UTF-16be';
		PRAGMA user_version = 7; PRAGMA application_id = 252006;
		CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE UNIQUE ON CONFLICT REPLACE, note DEFAULT 'ü');
		CREATE TABLE children (
			parent INTEGER REFERENCES parents (id) ON DELETE CASCADE, n INTEGER CHECK (n > 0),
			double INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL, PRIMARY KEY (parent, n)) WITHOUT ROWID;
		CREATE TABLE strict (a INT, b ANY, c TEXT NOT NULL) STRICT;
		CREATE INDEX by_note ON parents (lower(note)) WHERE note IS NOT NULL;
		CREATE VIEW names AS SELECT name FROM parents;
		CREATE TRIGGER touch AFTER INSERT ON children BEGIN UPDATE parents SET note = 'touched' WHERE id = new.parent; END;
		CREATE VIRTUAL TABLE found USING fts5(note, content='parents', content_rowid='id');
		INSERT INTO parents VALUES (1, 'Ada', 'one'), (2, 'Grace', NULL), (3, 'gone', NULL);
		INSERT INTO children VALUES (1, 1), (2, 5);
		UPDATE parents SET note = 'one' WHERE id = 1;
		DELETE FROM parents WHERE id = 3;
		INSERT INTO strict VALUES (1, 'x', 'y'), (2, 1.5, ''), (NULL, 7, 'z');
		INSERT INTO found(found) VALUES ('rebuild');
		ANALYZE;`)
	back, report := thereAndBack(t, source)
	before, after := dump(t, source), dump(t, back)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if report.Verdict != VerdictIdentical || !report.Swapped || len(report.Left) > 0 {
		t.Errorf("%s", asJSON(t, report))
	}
	// The index finds what stands in the table, and the triggers work.
	changeSource(t, back, "INSERT INTO parents (name) VALUES ('Edsger'); INSERT INTO children VALUES (4, 1)")
	conn, err := sqlite.OpenConn(back, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, want := range map[string]int64{
		"SELECT rowid FROM found WHERE found MATCH 'one'":           1,
		"SELECT max(id) FROM parents":                               4,
		"SELECT count(*) FROM parents WHERE note = 'touched'":       2,
		"SELECT count(*) FROM pragma_integrity_check WHERE 1":       1,
		"SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'": 1,
		"SELECT count(*) FROM children WHERE double = 2 AND n = 1":  2,
		"SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'parents'":   2,
		"SELECT count(*) FROM names":                                3,
		"SELECT count(*) FROM pragma_foreign_key_check('children')": 0,
		"SELECT seq FROM sqlite_sequence WHERE name = 'parents'":    4,
		"SELECT count(*) FROM strict WHERE typeof(b) = 'integer'":   1,
		"SELECT count(*) FROM strict WHERE typeof(b) = 'text'":      1,
	} {
		if got, err := pragmaInt(conn, query); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
}

// TestExportIsCancelled leaves nothing behind.
func TestExportIsCancelled(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, kindsScript), DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []string{"prepare", "write", "index", "verify", "finish"} {
		ctx, cancel := context.WithCancel(t.Context())
		folder := t.TempDir()
		stop := func(e lakeward.Event) {
			if e.Phase == phase {
				cancel()
			}
		}
		_, err := Export(ctx, target, filepath.Join(folder, "back.db"), ExportOptions{Progress: stop})
		entries, _ := os.ReadDir(folder)
		if err == nil || ctx.Err() == nil || len(entries) > 0 {
			t.Errorf("cancelled in %s: %v, left %v", phase, err, entries)
		}
	}
}

// TestExportBringsWhatWasWrittenSince changes everything that can change on the database.
func TestExportBringsWhatWasWrittenSince(t *testing.T) {
	t.Parallel()
	source := newSource(t, kindsScript+`
		CREATE TABLE dropped (id INTEGER PRIMARY KEY);
		CREATE TABLE keys (id INTEGER PRIMARY KEY AUTOINCREMENT, gone TEXT, grown SMALLINT);
		INSERT INTO keys VALUES (5, 'x', 1);`)
	back, report := thereAndBack(t, source,
		`INSERT INTO kinds VALUES (9, 7, 8, true, 2.5, 3.5, 1e3, 'new', 'new', '\x01', '{"n": [1]}', '2026-11-27', '01:02:03.5',
			'2026-11-27 01:02:03.004', '2026-11-27 01:02:03+02', to_timestamp(1800000000), '00112233-4455-6677-8899-aabbccddeeff')`,
		"UPDATE pairs SET note = 'changed' WHERE b = 2", "DELETE FROM lines WHERE n = 2",
		"DROP TABLE dropped", "ALTER TABLE keys DROP COLUMN gone", "ALTER TABLE keys ALTER grown TYPE bigint",
		"ALTER TABLE keys ADD COLUMN tags text[], ADD COLUMN price numeric(8,2), ADD COLUMN seen timestamptz",
		"INSERT INTO keys (grown, tags, price, seen) VALUES (9000000000, '{a,b}', 1.50, '2026-01-02 03:04:05.678+00')",
		"DELETE FROM keys WHERE id = 6", "CREATE TABLE extra (a int, b text, c interval, PRIMARY KEY (a, b))",
		"INSERT INTO extra VALUES (1, 'x', '1 day')", "CREATE VIEW seen AS SELECT 1 AS one",
	)
	after := dump(t, back)
	want := map[string][]string{
		"table keys":            {`INTEGER "5", null, INTEGER "1", null, null, null`},
		"table dropped":         nil,
		"table extra":           {`INTEGER "1", TEXT "x", TEXT "1 day"`},
		"table pairs":           {`TEXT "x", INTEGER "1", TEXT "one"`, `TEXT "x", INTEGER "2", TEXT "changed"`, `TEXT "y", INTEGER "1", null`},
		"table lines":           {`TEXT "twice", INTEGER "1"`, `TEXT "twice", INTEGER "1"`},
		"table sqlite_sequence": {`TEXT "keys", INTEGER "6"`},
	}
	for name, rows := range want {
		if diff := cmp.Diff(rows, after[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	row := after["table kinds"][len(after["table kinds"])-1]
	if want := `INTEGER "9", INTEGER "7", INTEGER "8", INTEGER "1", real 0x1.4p+01, real 0x1.cp+01, INTEGER "1000", TEXT "new", TEXT "new", ` +
		`BLOB "\x01", TEXT "{\"n\":[1]}", TEXT "2026-11-27", TEXT "01:02:03.500000", TEXT "2026-11-27 01:02:03.004", ` +
		`TEXT "2026-11-26 23:02:03+00:00", INTEGER "1800000000", TEXT "00112233-4455-6677-8899-aabbccddeeff"`; !strings.Contains(row, want) {
		t.Errorf("got  %s\nwant %s", row, want)
	}
	var named []string
	for _, l := range report.Left {
		named = append(named, l.Kind+" "+strings.TrimPrefix(l.Table+"."+l.Name, "."))
	}
	slices.Sort(named)
	if diff := cmp.Diff([]string{"added view seen", "column keys.gone", "table dropped"}, named); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if len(report.Notes) != 5 || report.Verdict != VerdictExcept || !report.Complete() {
		t.Errorf("%s", asJSON(t, report))
	}
}

// TestExportPutsQuarantinedRowsBack has one row whose key is free, and one whose key was taken.
func TestExportPutsQuarantinedRowsBack(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		CREATE TABLE visits (id INTEGER PRIMARY KEY, minutes INTEGER, note TEXT);
		WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO visits SELECT i, i, 'n' || i FROM n;
		UPDATE visits SET minutes = 'a while', note = x'00ff' WHERE id = 7;
		UPDATE visits SET minutes = 1.5, note = char(0, 65) WHERE id = 8;`)
	back, report := thereAndBack(t, source, "INSERT INTO visits VALUES (8, 3, 'new')")
	before, after := dump(t, source), dump(t, back)
	missing := slices.DeleteFunc(slices.Clone(before["table visits"]), func(row string) bool { return slices.Contains(after["table visits"], row) })
	if len(missing) != 1 || !strings.HasPrefix(missing[0], `INTEGER "8", real 0x1.8p+00`) {
		t.Errorf("missing: %v", missing)
	}
	kept := after["table "+quarantineTable]
	if len(kept) != 1 || !strings.Contains(kept[0], `visits`) || !strings.Contains(kept[0], "UNIQUE constraint failed: visits.id") {
		t.Errorf("set aside: %v", kept)
	}
	if report.Complete() || report.Verdict != VerdictExcept || !report.Swapped || report.Tables[0].Quarantined != 1 {
		t.Errorf("%s", asJSON(t, report))
	}
}

// TestExportSetsAsideWhatSQLiteCannotHold writes values that only PostgreSQL has.
func TestExportSetsAsideWhatSQLiteCannotHold(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		CREATE TABLE values_of (id INTEGER PRIMARY KEY, f REAL, n NUMERIC, d DATE, t DATETIME, s STRING);
		INSERT INTO values_of VALUES (1, 1.5, 1.5, '2024-01-01', '2024-01-01 00:00:00', 'x')`)
	back, report := thereAndBack(t, source, `
		INSERT INTO values_of VALUES (2, 'NaN', 1, NULL, NULL, 'a'), (3, 1, 12345678901234567.89, NULL, NULL, 'b'),
			(4, 1, 1, 'infinity', NULL, 'c'), (5, 1, 1, NULL, '10000-01-01', 'd'), (6, 1, 1, NULL, NULL, '007'),
			(7, '-Infinity', '1e20', '9999-12-31', '0001-01-01', '7'), (8, '-0.0', 0.1, NULL, NULL, '7.0')`)
	after := dump(t, back)
	var keys []string
	for _, q := range report.Tables[0].Quarantine {
		keys = append(keys, q.Key+" "+q.Column)
	}
	if diff := cmp.Diff([]string{`{"id": 2} f`, `{"id": 3} n`, `{"id": 4} d`, `{"id": 5} t`, `{"id": 6} s`, `{"id": 8} s`}, keys); diff != "" {
		t.Errorf("set aside (-want +got):\n%s", diff)
	}
	if len(after["table values_of"]) != 2 || len(after["table "+quarantineTable]) != 6 {
		t.Errorf("%v", after)
	}
}

func TestExportRefusals(t *testing.T) {
	t.Parallel()
	target, folder := DSN(pgtest.DB(t)), t.TempDir()
	path := filepath.Join(folder, "back.db")
	refused := func(kind lakeward.Kind, words string, o ExportOptions) {
		t.Helper()
		_, err := Export(t.Context(), target, path, o)
		if lakeward.KindOf(err) != kind || !strings.Contains(err.Error(), words) || lakeward.HintOf(err) == "" {
			t.Errorf("%v", err)
		}
	}
	refused(lakeward.KindNotFound, "no record", ExportOptions{})
	for _, name := range []string{"one", "two"} {
		source := newSource(t, "CREATE TABLE "+name+" (id INTEGER PRIMARY KEY)")
		if _, err := Run(t.Context(), source, target, Options{Schema: name, WorkDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	}
	refused(lakeward.KindConflict, "app.db into schema two", ExportOptions{})
	refused(lakeward.KindNotFound, "schema three", ExportOptions{Schema: "three"})
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(lakeward.KindConflict, "exists already", ExportOptions{Schema: "one"})
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "mine" {
		t.Errorf("%q, %v", kept, err)
	}
	path = filepath.Join(folder, "none", "back.db")
	refused(lakeward.KindNotFound, "no folder", ExportOptions{Schema: "one"})
}

// TestExportMakesVirtualTablesAgain goes back with full-text tables, R*Trees, and modules that are not there.
func TestExportMakesVirtualTablesAgain(t *testing.T) {
	t.Parallel()
	source := newSource(t, virtualScript)
	back, report := thereAndBack(t, source,
		`INSERT INTO notes (rowid, title, "body text") VALUES (30, 'Planes', 'flying')`, "INSERT INTO page VALUES (4, 'still water')",
		"INSERT INTO mail VALUES (9, 'Re: Hi', 'again')", "INSERT INTO boxes VALUES (2, 5, 6, 5, 6, 5, 6)",
		"INSERT INTO places VALUES (9, 1, 2.5, 3, 4, 'half'), (10, 0.1, 2, 3, 4, 'not exact')")
	conn, err := sqlite.OpenConn(back, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, want := range map[string]int64{
		"SELECT rowid FROM notes WHERE notes MATCH 'flying'":                                30,
		"SELECT count(*) FROM notes WHERE notes MATCH 'sail'":                               1,
		"SELECT count(*) FROM notes WHERE typeof(day) = 'integer'":                          1,
		"SELECT count(*) FROM page_index WHERE page_index MATCH 'water'":                    2,
		"SELECT count(*) FROM places WHERE xmin < 5":                                        2,
		"SELECT id FROM boxes WHERE x1 > 4":                                                 2,
		"SELECT count(*) FROM mail_content":                                                 2,
		"SELECT count(*) FROM vectors_chunks":                                               1,
		"SELECT count(*) FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%'":         9,
		"SELECT count(*) FROM titles":                                                       3,
		"SELECT count(*) FROM lakeward_quarantine WHERE reason LIKE '0.1 is not exact in%'": 1,
	} {
		if got, err := pragmaInt(conn, query); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
	var named []string
	for _, l := range report.Left {
		named = append(named, l.Kind+" "+l.Name)
	}
	slices.Sort(named)
	want := []string{
		"table geometry_columns", "table spatial_ref_sys", "virtual table SpatialIndex", "virtual table idx_town_geom",
		"virtual table index_only", "virtual table mail", "virtual table vectors",
	}
	if diff := cmp.Diff(want, named); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestExportKeepsWhatOnlyTheApplicationKnows goes back with collations and functions that this program does not have.
func TestExportKeepsWhatOnlyTheApplicationKnows(t *testing.T) {
	t.Parallel()
	source := newSource(t, foreignScript)
	back, report := thereAndBack(t, source, "INSERT INTO word VALUES ('c', 'd')", "INSERT INTO book VALUES (3, 'c')")
	conn, err := sqlite.OpenConn(back, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetCollation("unicase", strings.Compare); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int64{
		"SELECT count(*) FROM word": 3, "SELECT count(*) FROM book": 3, "SELECT count(*) FROM person WHERE initial = 'x'": 1,
		"SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%icu%' OR sql LIKE '%title_sort%' OR sql LIKE '%loud%'": 3,
	} {
		if got, err := pragmaInt(conn, query); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Kind+" "+l.Name)
	}
	if got := strings.Join(left, ", "); got != "index by_name, index by_sort" || len(report.Notes) != 2 {
		t.Errorf("left: %s, notes: %v", got, report.Notes)
	}
}

// TestExportRemovesWhatKilledExportsLeft leaves the folder of one that is still at work.
func TestExportRemovesWhatKilledExportsLeft(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, kindsScript), DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	dead, alive := filepath.Join(folder, exportPrefix+"dead"), filepath.Join(folder, exportPrefix+"alive")
	if err := errors.Join(os.Mkdir(dead, 0o700), os.Mkdir(alive, 0o700), os.WriteFile(filepath.Join(dead, "export.sqlite"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := tryLock(lock); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), target, filepath.Join(folder, "back.db"), ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what a killed export left is still there: %v", err)
	}
	if _, err := os.Stat(alive); err != nil {
		t.Error(err)
	}
}

// TestExportIsOfOneMoment writes two rows that belong together, again and again, while tables are read one after another.
func TestExportIsOfOneMoment(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id));`), DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	path := filepath.Join(t.TempDir(), "back.db")
	n := 0
	write := func(lakeward.Event) { // between all steps of the export
		n++
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO a VALUES (%d); INSERT INTO b VALUES (%d, %d)", n, n, n)); err != nil {
			t.Error(err)
		}
	}
	report, err := Export(t.Context(), target, path, ExportOptions{Progress: write})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	after := dump(t, path)
	if n < 5 || len(after["table a"]) != len(after["table b"]) || len(after["table a"]) == 0 || len(after["table a"]) >= n {
		t.Errorf("%d writes, %d and %d rows", n, len(after["table a"]), len(after["table b"]))
	}
}

// TestExportPutsChangedValuesBack goes back from migrations whose policies stored other values, of which one was changed
// on the database since.
func TestExportPutsChangedValuesBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{PolicyNull, PolicyReplace, PolicyQuarantine} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
			plan, err := MakePlan(t.Context(), source, PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			setPolicy(plan, policy)
			if _, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()}); err != nil {
				t.Fatal(err)
			}
			back, report := export(t, target, ExportOptions{})
			requireSameFile(t, source, back)
			if !report.Complete() || len(report.Notes) != 1 {
				t.Errorf("%s", asJSON(t, report))
			}
			if _, err := connect(t, target).Exec(t.Context(), "UPDATE things SET n = 5 WHERE id = 2001"); err != nil {
				t.Fatal(err)
			}
			again, _ := export(t, target, ExportOptions{})
			before, after := dump(t, source)["table things"], dump(t, again)["table things"]
			n := 0
			for i := range before {
				if before[i] != after[i] {
					n++
				}
			}
			if want := map[bool]int{true: 1, false: 0}[policy != PolicyQuarantine]; n != want {
				t.Errorf("%d rows differ, want %d", n, want)
			}
		})
	}
}

// TestExportSetsRowsAsideBesideATableOfThatName has an application with a table called like the quarantine.
func TestExportSetsRowsAsideBesideATableOfThatName(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE lakeward_quarantine (id INTEGER PRIMARY KEY, f REAL); INSERT INTO lakeward_quarantine VALUES (1, 1.5)`)
	back, _ := thereAndBack(t, source, `INSERT INTO lakeward_quarantine_2 VALUES (2, 'NaN')`)
	after := dump(t, back)
	if len(after["table lakeward_quarantine"]) != 1 || len(after["table lakeward_quarantine_2"]) != 1 {
		t.Errorf("got %v", after)
	}
}

// TestExportGoesBackFromTheApplicationsTables exports rows that were brought into tables of the application's own types,
// and a schema without rows.
func TestExportGoesBackFromTheApplicationsTables(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(40), active BOOLEAN, seen DATETIME, balance DECIMAL(10,2), ip TEXT);
		INSERT INTO users VALUES (1, 'Ada', 1, '2024-01-02 03:04:05.000000', 12.5, '10.0.0.1'), (2, 'Grace', 0, NULL, 3, 'fe80::1')`)
	target := DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE users (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text,
		active boolean, seen timestamptz, balance numeric(12,4), ip text, extra text DEFAULT 'x')`); err != nil {
		t.Fatal(err)
	}
	if report, err := Run(t.Context(), source, target, Options{Strategy: DataOnly, WorkDir: t.TempDir()}); err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	back, report := export(t, target, ExportOptions{Original: true})
	requireSameFile(t, source, back)
	if report.Verdict != VerdictExcept || len(report.Left) != 1 || report.Left[0].Name != "extra" {
		t.Errorf("%s", asJSON(t, report))
	}
	empty := DSN(pgtest.DB(t))
	if report, err := Run(t.Context(), source, empty, Options{Strategy: SchemaOnly, WorkDir: t.TempDir()}); err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if _, err := connect(t, empty).Exec(t.Context(), "INSERT INTO users (name, active) VALUES ('Edsger', true)"); err != nil {
		t.Fatal(err)
	}
	back, _ = export(t, empty, ExportOptions{})
	if rows := dump(t, back)["table users"]; len(rows) != 1 || !strings.Contains(rows[0], `TEXT "Edsger", INTEGER "1"`) {
		t.Errorf("%v", rows)
	}
}
