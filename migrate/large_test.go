package migrate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// piecewise is a large value in pieces of the same length.
type piecewise struct {
	data  []byte
	piece int
}

func (p piecewise) size() int64 { return int64(len(p.data)) }

func (p piecewise) pieces(fn func([]byte) error) error {
	for rest := p.data; len(rest) > 0; {
		n := min(p.piece, len(rest))
		if err := fn(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func TestLargeValuesAreCheckedAndHashedInPieces(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "äöü", "日本語 and 😀", strings.Repeat("é", 100), "a\x00b", "ab\xff", "\xe6\x97", "x\xf0\x9f\x98", "\x80", strings.Repeat("round", 50),
	} {
		for piece := 1; piece < 20; piece++ {
			l := piecewise{[]byte(text), piece}
			check, err := checkText(l)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := check.problem() == "", textProblem([]byte(text)) == ""; got != want {
				t.Errorf("%q in pieces of %d: held %t, want %t", text, piece, got, want)
			}
			if want := int64(len([]rune(text))); check.problem() == "" && check.chars != want {
				t.Errorf("%q in pieces of %d: %d characters, want %d", text, piece, check.chars, want)
			}
			for _, seed := range []uint64{0, 77} {
				got, err := hashLarge(l, seed)
				if want := hashText([]byte(text), seed); err != nil || got != want {
					t.Errorf("%q in pieces of %d: hash %x, %v, want %x", text, piece, got, err, want)
				}
			}
		}
	}
}

func TestLargeValuesArrive(t *testing.T) {
	t.Parallel()
	const script = `
		CREATE TABLE papers (id INTEGER PRIMARY KEY, body TEXT, note VARCHAR(10), scan BLOB, size INTEGER, doc JSON, weight REAL);
		INSERT INTO papers VALUES
			(1, replace(hex(zeroblob(1600000)), '00', 'é€'), 'a', zeroblob(3000001), 1, '[1]', 1),
			(2, 'short', 'b', randomblob(1048576), 2, NULL, 2),
			(3, NULL, 'c', randomblob(1048577), 3, '["' || replace(hex(zeroblob(600000)), '0', 'x') || '"]', 3),
			(7, hex(randomblob(1000000)), 'g', 'text in a blob column', 7, NULL, 7),
			(8, 'plain', 'h', replace(hex(zeroblob(1000000)), '0', 't'), 8, NULL, 8);
		CREATE TABLE odd (id INTEGER PRIMARY KEY, body TEXT);
		WITH RECURSIVE c (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM c WHERE i < 200) INSERT INTO odd SELECT i, 'text' FROM c;
		INSERT INTO odd VALUES
			(4, 'x' || CAST(zeroblob(2000000) AS TEXT)), (5, replace(hex(zeroblob(1000000)), '0', 'y') || CAST(zeroblob(1) AS TEXT)),
			(6, replace(hex(zeroblob(1000000)), '0', 'z') || CAST(x'ff' AS TEXT)),
			(7, CAST(x'ff' AS TEXT) || replace(hex(zeroblob(5000000)), '0', 'z')), (8, replace(hex(zeroblob(1000000)), '0', 'é'));
		CREATE TABLE notes (k TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
		INSERT INTO notes VALUES ('k', replace(hex(zeroblob(700000)), '0', 'n'));`
	for _, encoding := range []string{"UTF-8", "UTF-16"} {
		source, target := newSource(t, "PRAGMA encoding = '"+encoding+"';"+script), DSN(pgtest.DB(t))
		report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		for name, rows := range map[string]int64{"papers": 5, "odd": 196, "notes": 1} {
			r := tableReport(t, report, name)
			if report.Verdict == VerdictDifferent || r.Loaded+r.Quarantined != rows || r.Verified != r.Loaded {
				t.Errorf("%s: %s: verdict %s, %d rows loaded, %d verified, %d quarantined",
					encoding, name, report.Verdict, r.Loaded, r.Verified, r.Quarantined)
			}
		}
		var got string
		err = connect(t, target).QueryRow(t.Context(), `
			SELECT concat_ws(' ', octet_length(body), left(body, 1), right(body, 1), octet_length(scan), size, doc, weight) FROM papers WHERE id = 1
			`).Scan(&got)
		if want := "8000000 é € 3000001 1 [1] 1"; err != nil || got != want {
			t.Errorf("%s: the first row is %q, %v, want %q", encoding, got, err, want)
		}
		_, err = connect(t, target).Exec(t.Context(), "UPDATE papers SET scan = set_byte(scan, 1048576, 255 - get_byte(scan, 1048576)) WHERE id = 3")
		if err != nil {
			t.Fatal(err)
		}
		report, err = Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		d := tableReport(t, report, "papers").Differences
		if len(d) != 1 || d[0].Column != "scan" || d[0].Key != "id=3" {
			t.Errorf("%s: a changed byte is %s", encoding, asJSON(t, d))
		}
	}
}

func TestPagesHoldLargeValues(t *testing.T) {
	t.Parallel()
	path, conn := pagesSource(t, "page_size = 1024")
	random := rand.New(rand.NewPCG(1, 2))
	if err := exec(conn, "CREATE TABLE large (a, b, c, d)"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := exec(conn, fmt.Sprintf("INSERT INTO large VALUES (%d, randomblob(%d), 'between', randomblob(%d))",
			random.IntN(1000), largeBytes+random.IntN(100_000), random.IntN(2*largeBytes))); err != nil {
			t.Fatal(err)
		}
	}
	columns := []string{"d", "c", "b", "a"}
	want := queryRows(t, conn, "large", columns, allRows)
	p, err := newPageTable(t.Context(), conn, path, "large")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var got strings.Builder
	large := 0
	err = p.read(t.Context(), conn, columns, allRows, func(row []value) error {
		for i := range row {
			if row[i].isLarge() {
				large++
				if err := row[i].hold(); err != nil {
					return err
				}
				row[i].b = bytes.Clone(row[i].b)
			}
		}
		return showRow(&got, row)
	})
	if err != nil || got.String() != want || large < 5 {
		t.Errorf("%d large values, %v; the same rows: %t", large, err, got.String() == want)
	}
}

func tableReport(t *testing.T, report *Report, name string) TableReport {
	t.Helper()
	for _, r := range report.Tables {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("the report has no table %s", name)
	return TableReport{}
}
