package migrate

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// killedPostgres is a source whose migration takes long enough to be killed in every phase.
const killedPostgres = `
CREATE SCHEMA s;
CREATE TABLE s.people (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO s.people SELECT i, 'person ' || i FROM generate_series(1, 3000) i;
CREATE TABLE s.visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int NOT NULL REFERENCES s.people, minutes int, note text);
INSERT INTO s.visits (person, minutes, note) SELECT 1 + i % 3000, i % 90, 'note ' || i FROM generate_series(1, 120000) i;
CREATE INDEX visits_person ON s.visits (person, minutes);
CREATE TABLE public.keyless (a int, b text);
INSERT INTO public.keyless SELECT i % 10, 'x' FROM generate_series(1, 20000) i;
CREATE MATERIALIZED VIEW s.busy AS SELECT person, count(*) FROM s.visits GROUP BY 1;
CREATE VIEW public.v AS SELECT * FROM s.people;
SELECT lo_from_bytea(99, 'abc');
`

// fewerVisits is the same source with less in it, where it does not matter how long its migration takes.
var fewerVisits = strings.Replace(killedPostgres, "120000", "12000", 1)

// TestPostgresGoesOnAfterKill kills migrations with SIGKILL at random moments of every phase. The same call completes
// each of them, with every row exactly once.
func TestPostgresGoesOnAfterKill(t *testing.T) {
	t.Parallel()
	source := DSN(pgtest.DB(t))
	loadScript(t, source, killedPostgres)
	want := sortedDump(t, source)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	phases := []string{"snapshot", "plan", "prepare", "load", "index", "verify", "swap"}
	longest, hit := map[string]time.Duration{}, map[string]int{}
	for round := range 10 * len(phases) {
		phase := phases[round%len(phases)]
		if hit[phase] > 0 {
			continue
		}
		target := DSN(pgtest.DB(t))
		after := time.Duration(random.Int64N(int64(max(longest[phase], time.Millisecond))))
		killed := killIn(t, killedRun{string(source), string(target), t.TempDir()}, phase, after)
		if killed == "" { // it was faster than the kill
			longest[phase] /= 2
			continue
		}
		hit[killed]++
		report, err := Run(t.Context(), string(source), target, Options{Jobs: 2, chunk: killedChunk})
		if err != nil {
			t.Fatalf("after a kill in %q: %v\n%s", killed, err, asJSON(t, report))
		}
		for _, p := range report.Phases {
			longest[p.Name] = max(longest[p.Name], time.Duration(p.Seconds*float64(time.Second)))
		}
		requireIdentical(t, report)
		if got := sortedDump(t, target); !slices.Equal(got, want) || !report.Swapped {
			t.Fatalf("after a kill in %q the target has not what the source has", killed)
		}
	}
	for _, phase := range phases {
		if hit[phase] == 0 {
			t.Errorf("no kill hit the phase %s: %v", phase, hit)
		}
	}
}

// sortedDump is the dump of a database in the order of its lines: workers load the chunks of a table in any order.
func sortedDump(t *testing.T, dsn DSN) []string {
	t.Helper()
	return slices.Sorted(strings.SplitSeq(dumpOf(t, dsn), "\n"))
}

// losePostgres runs a migration whose sessions on the target are ended at an event.
func losePostgres(t *testing.T, source, target DSN, at func(lakeward.Event) bool) {
	t.Helper()
	admin := connect(t, DSN(pgtest.Admin(t, string(target))))
	lost := false
	_, err := Run(t.Context(), string(source), target, Options{Jobs: 1, chunk: killedChunk, Progress: func(e lakeward.Event) {
		if lost || !at(e) {
			return
		}
		lost = true
		_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Error(err)
		}
	}})
	if !lost || lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(lakeward.HintOf(err), "same command") {
		t.Fatalf("got %v, hint %q", err, lakeward.HintOf(err))
	}
}

// loadedTable is the event of a table that is loaded.
func loadedTable(name string) func(lakeward.Event) bool {
	return func(e lakeward.Event) bool {
		return e.Type == lakeward.EventDone && e.Phase == "load" && (name == "" || e.Table == name)
	}
}

// isSettled reports whether every transaction of the server has ended that is as old as any row of the source, of which those
// of one table are the youngest. While one of another test goes on, rows cannot be told from younger ones, and loading them
// again is right.
func isSettled(t *testing.T, dsn DSN, youngest string) (settled bool) {
	t.Helper()
	err := connect(t, dsn).QueryRow(t.Context(),
		"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > max(xmin::text::bigint) FROM "+youngest).Scan(&settled)
	if err != nil {
		t.Fatal(err)
	}
	return settled
}

// TestPostgresLoadsAgainWhatHasChanged writes to the source between a run that was lost and the next. What the first has
// loaded stays where the source is still the same, and is loaded again where it is not.
func TestPostgresLoadsAgainWhatHasChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"nothing":   "",
		"updated":   "UPDATE s.visits SET minutes = minutes + 1 WHERE id = 7000",
		"deleted":   "DELETE FROM s.visits WHERE id = 1",
		"inserted":  "INSERT INTO s.visits (person) VALUES (1)",
		"replaced":  "DELETE FROM s.visits WHERE id = 5; INSERT INTO s.visits (person) VALUES (1)",
		"rewritten": "VACUUM FULL s.visits",
		"truncated": "TRUNCATE s.visits",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
			loadScript(t, source, fewerVisits)
			settled := isSettled(t, source, "public.keyless")
			losePostgres(t, source, target, loadedTable("s.visits"))
			loadScript(t, source, change+"; REFRESH MATERIALIZED VIEW s.busy; VACUUM FREEZE;")
			var again []string
			report, err := Run(t.Context(), string(source), target, Options{Jobs: 2, chunk: killedChunk, Progress: func(e lakeward.Event) {
				if strings.Contains(e.Message, "has changed since") {
					again = append(again, e.Table)
				}
			}})
			if err != nil {
				t.Fatalf("%v\n%s", err, asJSON(t, report))
			}
			want, found := name != "nothing", slices.Contains(again, "s.visits")
			if want && !found || settled && (found != want || len(again) > 1) {
				t.Errorf("loaded again: %v", again)
			}
			requireIdentical(t, report)
			if !slices.Equal(sortedDump(t, source), sortedDump(t, target)) {
				t.Error("the dumps differ")
			}
		})
	}
}

// TestPostgresLoadsNothingTwice changes a row that a lost run has loaded: the next one finds it, so it has not loaded it
// again. It runs alone, without t.Parallel: as long as a transaction of another test goes on, loading again is right (see
// isSettled).
func TestPostgresLoadsNothingTwice(t *testing.T) {
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, fewerVisits)
	losePostgres(t, source, target, loadedTable("s.visits"))
	conn := connect(t, target)
	for _, stage := range stages(t, conn) {
		_, _ = conn.Exec(t.Context(), "UPDATE "+stage+".visits SET minutes = 4711 WHERE id = 3") // one of them has it
	}
	report, err := Run(t.Context(), string(source), target, Options{})
	if err == nil || !strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v\n%s", err, asJSON(t, report))
	}
	if left := stages(t, conn); len(left) > 0 {
		t.Errorf("staging schemas are left: %v", left)
	}
}

// TestPostgresStartsOver when the source's definitions are others than those of the run that was lost.
func TestPostgresStartsOver(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, fewerVisits)
	losePostgres(t, source, target, loadedTable(""))
	loadScript(t, source, "ALTER TABLE s.people ADD COLUMN born date")
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	requireSameDump(t, source, target)
	if left := stages(t, connect(t, target)); len(left) > 0 {
		t.Errorf("staging schemas are left: %v", left)
	}
}

// TestPostgresRefusesASecondRunAtOnce has the same migration begin while the first is at work: it must not take the first
// one's sessions for those of a run that was killed, and wait for them.
func TestPostgresRefusesASecondRunAtOnce(t *testing.T) {
	t.Parallel()
	source, target, folder := DSN(pgtest.DB(t)), DSN(pgtest.DB(t)), t.TempDir()
	loadScript(t, source, fewerVisits)
	var second error
	var took time.Duration
	report, err := Run(t.Context(), string(source), target, Options{Jobs: 2, WorkDir: folder, Progress: func(e lakeward.Event) {
		if e.Type == lakeward.EventPhase && e.Phase == "load" {
			began := time.Now()
			_, second = Run(t.Context(), string(source), target, Options{Jobs: 2, WorkDir: folder})
			took = time.Since(began)
		}
	}})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	if lakeward.KindOf(second) != lakeward.KindConflict || took >= orphanWait {
		t.Errorf("the second run ended after %v with %v", took, second)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v are left of the work, %v", left, err)
	}
}
