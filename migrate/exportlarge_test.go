package migrate

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
)

// papers has large values before and behind others, in every form that goes back in pieces, and in places where they cannot.
const papers = `
	CREATE TABLE papers (
		name TEXT UNIQUE, body TEXT NOT NULL, id INTEGER PRIMARY KEY, scan BLOB, size INTEGER, doc JSON, weight REAL, spaced JSON, word);
	INSERT INTO papers (id, name, body, scan, size, doc, weight, spaced, word) VALUES
		(1, 'a', replace(hex(zeroblob(1600000)), '00', 'é€'), zeroblob(3000001), -70000, '[1,"a"]', 1.5, '[1, 2]', x'00'),
		(2, 'b', 'short', randomblob(1048576), 2, NULL, 2, NULL, 'x'),
		(3, 'c', '', randomblob(1048577), 1 << 40, '["' || replace(hex(zeroblob(600000)), '0', 'x') || '",{"a":"\" : , "}]', 3, NULL, -7),
		(-9, 'd', hex(randomblob(1000000)), 'text in a blob column', 0, NULL, NULL, '["' || replace(hex(zeroblob(600000)), '0', 'y') || '", 2]', 7),
		(8, 'e', 'plain', replace(hex(zeroblob(1000000)), '0', 't'), -1, '{}', 9e99, '{"a": 1}', 0.5);
	CREATE TABLE unsorted (a, b TEXT);
	INSERT INTO unsorted VALUES (randomblob(2000000), hex(randomblob(700000))), (1, 'b'), (NULL, hex(zeroblob(900000)));
	CREATE TABLE notes (k TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
	INSERT INTO notes VALUES ('k', replace(hex(zeroblob(700000)), '0', 'n'));
	CREATE TABLE computed (id INTEGER PRIMARY KEY, body TEXT, size INTEGER AS (length(body)));
	INSERT INTO computed (id, body) VALUES (1, hex(randomblob(700000)));
	CREATE INDEX by_size ON papers (size, name);`

func TestExportLargeValues(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{"", "PRAGMA page_size = 512; PRAGMA auto_vacuum = 1;", "PRAGMA page_size = 65536;", "PRAGMA encoding = 'UTF-16';"} {
		source := newSource(t, settings+papers)
		back, report := thereAndBack(t, source)
		requireIdentical(t, report)
		requireSameFile(t, source, back)
	}
}

func TestExportLargeValuesWrittenSince(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		CREATE TABLE papers (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT, scan BLOB);
		INSERT INTO papers VALUES (1, 'a', 'short', x'00'), (2, 'b', 'short', x'01'), (3, 'c', NULL, NULL);`)
	back, report := thereAndBack(t, source,
		"UPDATE papers SET body = repeat('long ', 400000) WHERE id = 2",
		"ALTER TABLE papers ADD COLUMN more text, ADD COLUMN last integer DEFAULT 5",
		"INSERT INTO papers (id, name, body, scan, more) VALUES (4, 'd', repeat('x', 2000000), decode(repeat('0a', 3000000), 'hex'), repeat('y', 1500000))",
		"CREATE TABLE added (id int PRIMARY KEY, body text)", "INSERT INTO added VALUES (7, repeat('z', 1200000))",
	)
	if report.Verdict != VerdictExcept || !report.Swapped {
		t.Errorf("verdict %s: %s", report.Verdict, asJSON(t, report))
	}
	conn, err := sqlite.OpenConn(back, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, want := range map[string]int64{
		"SELECT body = replace(hex(zeroblob(200000)), '0', 'long ') FROM papers WHERE id = 2":                                      1,
		"SELECT typeof(scan) = 'blob' AND length(scan) = 3000000 AND hex(substr(scan, 2999999)) = '0A0A' FROM papers WHERE id = 4": 1,
		"SELECT more = replace(hex(zeroblob(750000)), '0', 'y') AND last = 5 FROM papers WHERE id = 4":                             1,
		"SELECT length(body) FROM added WHERE id = 7":                                                                              1_200_000,
		"SELECT id FROM papers WHERE name = 'd'":                                                                                   4,
	} {
		if got, err := pragmaInt(conn, query); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", query, got, err, want)
		}
	}
}

func TestExportSetsLargeRowsAside(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE papers (id INTEGER PRIMARY KEY, weight REAL, body TEXT); INSERT INTO papers VALUES (1, 1.5, 'a'), (2, 2.5, 'b')`)
	back, _ := thereAndBack(t, source, "UPDATE papers SET weight = 'NaN', body = repeat('long ', 400000) WHERE id = 2")
	conn, err := sqlite.OpenConn(back, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const query = `SELECT count(*) FROM lakeward_quarantine WHERE row ->> '$.id' = 2 AND row ->> '$.weight' = 'NaN'
		AND row ->> '$.body.bytes' = 2000000 AND row ->> '$.body.start' LIKE 'bG9uZyBsb25n%' AND length(row) < 100000`
	if n, err := pragmaInt(conn, query); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A record that is written in pieces may be of any size, of which a few have no BLOB of that size.
func TestRecordsAreWrittenInPieces(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "records.sqlite")
	file, err := createExportFile(t.Context(), path, &original{PageSize: 1024})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.remove() }()
	if err := exec(file.conn, "CREATE TABLE t (a, b, c, d)"); err != nil {
		t.Fatal(err)
	}
	now, err := readCatalog(t.Context(), file.conn)
	if err != nil {
		t.Fatal(err)
	}
	store, err := file.openLarge(&now.tables[0])
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	sizes := []int{0, 1, 50, 60, 127, 1 << 20}
	for size := (1<<13-12)/2 - 20; size < (1<<13-12)/2+20; size++ { // where the header of a BLOB grows by a byte
		sizes = append(sizes, size, size<<7, size>>7)
	}
	for i, size := range sizes {
		text := make([]byte, size)
		for at := range text {
			text[at] = byte('a' + random.IntN(26))
		}
		want = append(want, text)
		sql := fmt.Sprintf("INSERT INTO t (rowid, a, b, c, d) VALUES (%d, %d, '', %v, 'end')", i, random.Int64()>>random.IntN(64), random.NormFloat64())
		if err := exec(file.conn, sql); err != nil {
			t.Fatal(err)
		}
		v := value{class: sqlite.TypeText, large: piecewise{text, 1000}}
		if err := store.fill(t.Context(), int64(i), map[int]value{1: v}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := 0
	err = readRows(t.Context(), file.conn, "SELECT b, typeof(a), typeof(c), d FROM t ORDER BY rowid", func(row []value) error {
		if got := fmt.Sprintf("%s %s %s", row[1].b, row[2].b, row[3].b); !bytes.Equal(row[0].b, want[at]) || got != "integer real end" {
			t.Errorf("a text of %d bytes came back as %d bytes beside %s", len(want[at]), len(row[0].b), got)
		}
		at++
		return nil
	})
	if err != nil || at != len(want) {
		t.Errorf("%d rows, %v", at, err)
	}
	if err := readRows(t.Context(), file.conn, "PRAGMA integrity_check", func(row []value) error {
		if string(row[0].b) != "ok" {
			t.Errorf("integrity: %s", row[0].b)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// What stands in a record is read back by the reader of pages, which shares no code with it.
func TestStoredIntegers(t *testing.T) {
	t.Parallel()
	for _, i := range []int64{0, 1, -1, 127, 128, -128, -129, 32767, 32768, 1<<23 - 1, 1 << 23, -1 << 23, 1 << 31, 1<<47 - 1, 1 << 47, math.MinInt64, math.MaxInt64} {
		v := value{class: sqlite.TypeInteger, i: i}
		var got value
		kind := storedKind(v)
		if !decodeValue(&got, kind, appendStored(nil, v)) || got.i != i {
			t.Errorf("%d became %d as type %d", i, got.i, kind)
		}
	}
}
