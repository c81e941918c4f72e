package main

import (
	"bytes"
	"os"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestGeneratedDatabase(t *testing.T) {
	t.Parallel()
	path, err := cached(t.Context(), t.TempDir(), 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cached(t.Context(), t.TempDir(), 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(contents(t, path), contents(t, again)) {
		t.Error("two databases of one seed differ")
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, want := range map[string]string{
		"PRAGMA integrity_check":                                   "ok",
		"SELECT count(*) FROM pragma_foreign_key_check":            "0",
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table'":  "7",
		"SELECT count(*) FROM order_lines":                         "11200",
		"SELECT count(*) > 0 FROM files WHERE length(content) > 9": "1",
	} {
		got, err := sqlitex.ResultText(conn.Prep(query))
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", query, got, err, want)
		}
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median of 3, 1, 2 is %v", got)
	}
}

func TestRatioIsOfOneRound(t *testing.T) {
	t.Parallel()
	if got := ratio([]float64{10, 30, 40}, []float64{10, 10, 40}); got != 1 {
		t.Errorf("the figures of three rounds are 1, 3 and 1 times the others', and their ratio is said to be %v", got)
	}
}
