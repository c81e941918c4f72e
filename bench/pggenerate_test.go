package main

import (
	"strconv"
	"testing"
)

// TestGeneratedPostgres makes fiftieths of the PostgreSQL source.
func TestGeneratedPostgres(t *testing.T) {
	t.Parallel()
	p, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	const scale = 0.02
	var contents []string
	for _, seed := range []uint64{1, 1, 2} {
		if err := p.generatePostgres(t.Context(), scale, seed); err != nil {
			t.Fatal(err)
		}
		if len(contents) == 0 {
			requireGenerated(t, p, scale)
		}
		contents = append(contents, ask(t, p, `SELECT md5(string_agg(md5(o::text), '' ORDER BY o.id)) ||
			(SELECT md5(string_agg(md5(v::text), '' ORDER BY v.id)) FROM content.visits v) FROM sales.orders o`))
		if err := p.execute(t.Context(), "DROP DATABASE "+sourceDatabase); err != nil {
			t.Fatal(err)
		}
	}
	if contents[0] != contents[1] || contents[1] == contents[2] {
		t.Errorf("the rows of seeds 1, 1 and 2: %q", contents)
	}
}

// requireGenerated checks the size of the whole, and what there is to be moved beside rows.
func requireGenerated(t *testing.T, p *place, scale float64) {
	t.Helper()
	for sql, want := range map[string]string{
		"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated":  "4",
		"SELECT count(*) FROM pg_indexes WHERE schemaname IN ('sales', 'content')": "11",
		"SELECT count(*) FROM sales.lines":                                         "136800",
		"SELECT count(DISTINCT status) FROM sales.orders":                          "3",
	} {
		if got := ask(t, p, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	const size = "SELECT pg_database_size(current_database()) - pg_database_size('template0')"
	bytes, err := strconv.ParseFloat(ask(t, p, size), 64)
	if whole := bytes / scale / (1 << 20); err != nil || whole < 0.95*pgMegabytes || whole > 1.05*pgMegabytes {
		t.Errorf("the whole database would have %.0f MB, want %d; %v", whole, pgMegabytes, err)
	}
}

// ask returns the one value of a query of the source.
func ask(t *testing.T, p *place, query string) (value string) {
	t.Helper()
	conn, err := p.connect(t.Context(), sourceDatabase)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT ("+query+")::text").Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}
