package migrate

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// TestPlanIsTheSameOverManyConnections includes tables that refer to each other in a ring and to themselves,
// whose orphans cannot be counted while they are read.
func TestPlanIsTheSameOverManyConnections(t *testing.T) {
	t.Parallel()
	everything, err := os.ReadFile("testdata/plan.sql")
	if err != nil {
		t.Fatal(err)
	}
	path, _ := newApplication(t, string(everything)+`
		CREATE TABLE ring_a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES ring_b (id), self INTEGER REFERENCES ring_a (id));
		CREATE TABLE ring_b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES ring_a (id));
		CREATE TABLE leaf (id INTEGER PRIMARY KEY, a INTEGER REFERENCES ring_a (id), b INTEGER REFERENCES ring_b (id));
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
			INSERT INTO ring_a SELECT i, i + 1, i - 1 FROM n;
		INSERT INTO ring_b SELECT id, id + 2 FROM ring_a;
		INSERT INTO leaf SELECT id, id + 3, id + 4 FROM ring_a;`)
	alone := planOver(t, path, 1)
	for range 20 {
		if diff := cmp.Diff(alone, planOver(t, path, 4)); diff != "" {
			t.Fatalf("four connections make another plan than one (-one +four):\n%s", diff)
		}
	}
	orphans := map[string]int64{}
	for _, table := range alone.Tables {
		for _, fk := range table.ForeignKeys {
			orphans[table.Name+" to "+fk.Table] += fk.Orphans
		}
	}
	for reference, want := range map[string]int64{
		"ring_a to ring_b": 1, "ring_a to ring_a": 1, "ring_b to ring_a": 2, "leaf to ring_a": 3, "leaf to ring_b": 4,
	} {
		if orphans[reference] != want {
			t.Errorf("%s: %d orphans, want %d", reference, orphans[reference], want)
		}
	}
}

func planOver(t *testing.T, path string, connections int) *Plan {
	t.Helper()
	conn, err := openQuiet(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	j := &journal{}
	plan, err := planFrom(t.Context(), conn, PlanOptions{
		Progress: j.event, jobs: connections,
		open: func() (*sqlite.Conn, error) { return openQuiet(t.Context(), path) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestPlanEndsWhenAConnectionCannotBeOpened(t *testing.T) {
	t.Parallel()
	path, _ := newApplication(t, `
		CREATE TABLE parent (id INTEGER PRIMARY KEY);
		CREATE TABLE child (id INTEGER REFERENCES parent);`)
	conn, err := openQuiet(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	noMore := lakeward.Errorf(lakeward.KindUnavailable, "", "no more connections")
	_, err = planFrom(t.Context(), conn, PlanOptions{jobs: 3, open: func() (*sqlite.Conn, error) { return nil, noMore }})
	if !errors.Is(err, noMore) {
		t.Errorf("error %v, want %v", err, noMore)
	}
}
