package migrate

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// pagesScript has a row for every stored form of a value, and tables that grow to several levels.
const pagesScript = `
CREATE TABLE kinds (id INTEGER PRIMARY KEY, any, measure DOUBLE, "floating point" TEXT, whole INTEGER);
INSERT INTO kinds VALUES
	(-9223372036854775808, NULL, 1, 'a', 0), (-1, 1, 1.5, '', 1), (0, 127, -3, NULL, -128), (1, 128, 1e300, 'ü', 32767),
	(2, -32769, 0, x'00ff', 8388607), (3, 8388608, -0.0, 2, -8388609), (4, 2147483647, 9e999, 'b', 140737488355327),
	(5, 2147483648, -9e999, 'c', -140737488355329), (6, 140737488355328, 9007199254740993, 'd', 9223372036854775807),
	(7, 'text', 'not a number', 'e', 'seven'), (8, x'', NULL, 'f', x'01'), (9, zeroblob(100), 2, 'g', 2.5),
	(9223372036854775807, 3.25, 7, 'h', -9223372036854775808);
CREATE TABLE grown (a TEXT);
INSERT INTO grown VALUES ('before');
ALTER TABLE grown ADD COLUMN b INTEGER NOT NULL DEFAULT 7;
ALTER TABLE grown ADD COLUMN c TEXT DEFAULT 'late';
ALTER TABLE grown ADD COLUMN d REAL;
INSERT INTO grown VALUES ('after', 1, 'c', 2);
CREATE TABLE many (k INTEGER PRIMARY KEY, body BLOB, n INTEGER);
WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)
	INSERT INTO many SELECT i * 3, CASE WHEN i % 50 = 0 THEN randomblob(i * 40) ELSE randomblob(i % 300) END, i FROM c;
DELETE FROM many WHERE n % 7 = 0;
CREATE TABLE "an ""odd"" name" (x, y);
INSERT INTO "an ""odd"" name" VALUES ('x' , 'y');
CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT);
INSERT INTO hidden VALUES ('a', 'b', 'c');
CREATE TABLE keyed (a TEXT PRIMARY KEY, b) WITHOUT ROWID;
CREATE TABLE computed (a INTEGER, b INTEGER AS (a + 1));
CREATE TABLE vacant (a);
`

func TestPagesHoldTheRowsThatSQLiteReads(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"page_size = 512", "page_size = 4096", "page_size = 65536", "auto_vacuum = FULL",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			path, conn := pagesSource(t, setting)
			wide := make([]string, 300)
			for i := range wide {
				wide[i] = fmt.Sprintf("c%d", i)
			}
			if err := sqlitex.ExecuteScript(conn, "CREATE TABLE wide ("+strings.Join(wide, ", ")+");"+
				"INSERT INTO wide (c0, c150, c299) VALUES (1, 'middle', 2.5)", nil); err != nil {
				t.Fatal(err)
			}
			for table, columns := range map[string][]string{
				"kinds": {"whole", "id", "any", "measure", "floating point"}, "grown": {"d", "c", "b", "a"},
				"many": {"n", "body", "k"}, `an "odd" name`: {"y", "x"}, "vacant": {"a"}, "wide": wide,
			} {
				for _, rows := range []pageRange{
					allRows, {low: math.MinInt64, high: 3}, {low: 3, high: 3}, {low: 300, high: 6001}, {low: 10, high: math.MaxInt64, skip: 100},
				} {
					want := queryRows(t, conn, table, columns, rows)
					if got := pageRows(t, conn, path, table, columns, rows); got != want {
						t.Errorf("%s, rows %+v: pages hold\n%.2000s\nSQLite reads\n%.2000s", table, rows, got, want)
					}
				}
			}
		})
	}
}

func TestTablesThatOnlySQLiteCanRead(t *testing.T) {
	t.Parallel()
	path, conn := pagesSource(t, "page_size = 4096")
	for _, table := range []string{"hidden", "keyed", "computed"} {
		if _, err := newPageTable(t.Context(), conn, path, table); err != errByQuery { //nolint:errorlint // it is never wrapped
			t.Errorf("%s: %v", table, err)
		}
	}
	path, conn = pagesSource(t, "encoding = 'UTF-16'")
	if _, err := newPageTable(t.Context(), conn, path, "many"); err != errByQuery { //nolint:errorlint // it is never wrapped
		t.Errorf("UTF-16: %v", err)
	}
}

func TestDamagedPagesAreRefused(t *testing.T) {
	t.Parallel()
	path, conn := pagesSource(t, "page_size = 512")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(damaged, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(damaged, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write := func(bytes []byte, at int) {
		if _, err := file.WriteAt(bytes, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	for at := 512; at < len(whole); at += 9973 {
		sound := whole[at:min(at+8, len(whole))]
		broken := bytes.Clone(sound)
		for i := range broken {
			broken[i] ^= byte(0x55 << (i % 3))
		}
		write(broken, at)
		for _, table := range []string{"kinds", "many"} {
			// Whatever the damage is, reading ends, and with an error or with values.
			p, err := newPageTable(t.Context(), conn, damaged, table)
			if err != nil {
				t.Fatal(err)
			}
			err = p.read(t.Context(), conn, p.columns, allRows, func([]value) error { return nil })
			p.close()
			if err != nil && sqlite.ErrCode(err).ToPrimary() != sqlite.ResultCorrupt {
				t.Fatalf("damage at %d: %v", at, err)
			}
		}
		write(sound, at)
	}
}

func pagesSource(t *testing.T, setting string) (path string, conn *sqlite.Conn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pages.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+setting, nil); err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteScript(conn, pagesScript, nil); err != nil {
		t.Fatal(err)
	}
	return path, conn
}

func queryRows(t *testing.T, conn *sqlite.Conn, table string, columns []string, rows pageRange) string {
	t.Helper()
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = sourceName(c)
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE rowid BETWEEN %d AND %d ORDER BY rowid LIMIT -1 OFFSET %d",
		strings.Join(names, ", "), sourceName(table), rows.low, rows.high, rows.skip)
	var text strings.Builder
	err := readRows(t.Context(), conn, query, func(row []value) error { return showRow(&text, row) })
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func pageRows(t *testing.T, conn *sqlite.Conn, path, table string, columns []string, rows pageRange) string {
	t.Helper()
	p, err := newPageTable(t.Context(), conn, path, table)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var text strings.Builder
	if err := p.read(t.Context(), conn, columns, rows, func(row []value) error { return showRow(&text, row) }); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func showRow(text *strings.Builder, row []value) error {
	for _, v := range row {
		switch v.class {
		case sqlite.TypeInteger:
			fmt.Fprintf(text, "i%d ", v.i)
		case sqlite.TypeFloat:
			fmt.Fprintf(text, "f%x ", math.Float64bits(v.f))
		case sqlite.TypeText, sqlite.TypeBlob:
			fmt.Fprintf(text, "%s%x ", v.class, v.b)
		default:
			text.WriteString("NULL ")
		}
	}
	text.WriteString("\n")
	return nil
}
