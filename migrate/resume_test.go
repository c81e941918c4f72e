package migrate

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// killedScript has tables of every kind that the load tells apart: cut into segments, WITHOUT ROWID, without rows, and
// with rows that go to the quarantine in every chunk.
const killedScript = `
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE);
INSERT INTO people WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000)
	SELECT i, 'person '||i, date('1950-01-01', (i%20000)||' days') FROM n;
CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, person_id INTEGER NOT NULL REFERENCES people (id), minutes INTEGER, note TEXT);
INSERT INTO visits WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 120000)
	SELECT i, 1+i%3000, CASE WHEN i%1000 = 7 THEN 'long' ELSE i%90 END, 'note '||i FROM n;
CREATE INDEX visits_of_people ON visits (person_id, minutes);
CREATE TABLE words (word TEXT, lang TEXT, n INTEGER, PRIMARY KEY (word, lang)) WITHOUT ROWID;
INSERT INTO words WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) SELECT 'w'||i, 'l'||(i%7), i FROM n;
CREATE TABLE empty (id INTEGER PRIMARY KEY);
CREATE VIEW busy AS SELECT person_id, count(*) AS visits FROM visits GROUP BY person_id;
`

const killedChunk = 64 << 10

// killedRun is what a child process is told to do, in the variable of that name.
type killedRun struct{ Source, Target, WorkDir string }

const killedVariable = "LAKEWARD_TEST_KILLED_RUN"

// runKilled is the child process: it migrates and prints its events, one a line, until it is killed. It begins a phase when
// a line on its input lets it, so that it cannot be over before the parent knows.
func runKilled(told string) error {
	var r killedRun
	if err := json.Unmarshal([]byte(told), &r); err != nil {
		return err
	}
	events, begin := json.NewEncoder(os.Stdout), bufio.NewReader(os.Stdin)
	o := Options{WorkDir: r.WorkDir, Jobs: 2, chunk: killedChunk, Progress: func(e lakeward.Event) {
		_ = events.Encode(e)
		if e.Type == lakeward.EventPhase {
			_, _ = begin.ReadString('\n')
		}
	}}
	_, err := Run(context.Background(), r.Source, DSN(r.Target), o)
	return err
}

// killIn runs the child until after has passed since it entered a phase, and returns the phase in which it was killed,
// or "" when it had ended before.
func killIn(t *testing.T, r killedRun, phase string, after time.Duration) (killed string) {
	t.Helper()
	told, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	child := osexec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), killedVariable+"="+string(told))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin, err := child.StdinPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e lakeward.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		killed = e.Phase
		if e.Type == lakeward.EventPhase && e.Phase == phase {
			timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
			defer timer.Stop()
		}
		if e.Type == lakeward.EventPhase {
			_, _ = begin.Write([]byte("\n")) // in vain when it is dead
		}
	}
	if err := child.Wait(); err == nil {
		return ""
	}
	return killed
}

// TestRunGoesOnAfterKill kills migrations with SIGKILL at random moments of every phase. The same call completes each of
// them, with every row exactly once.
func TestRunGoesOnAfterKill(t *testing.T) {
	t.Parallel()
	source := newSource(t, killedScript)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	phases := []string{"snapshot", "plan", "prepare", "load", "index", "verify", "swap"}
	longest := map[string]time.Duration{}
	hit := map[string]int{}
	for round := 0; round < 20*len(phases); round++ {
		phase := phases[round%len(phases)]
		if hit[phase] > 0 {
			continue
		}
		dsn, work := pgtest.DB(t), t.TempDir()
		// The first phases are over in no time: so are the first tries.
		after := time.Duration(random.Int64N(int64(max(longest[phase], time.Millisecond))))
		killed := killIn(t, killedRun{source, dsn, work}, phase, after)
		if killed == "" { // it was faster than the kill
			longest[phase] /= 2
			continue
		}
		hit[killed]++
		report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: work, Jobs: 2, chunk: killedChunk})
		if err != nil {
			t.Fatalf("after a kill in %q: %v\n%s", killed, err, asJSON(t, report))
		}
		for _, p := range report.Phases {
			longest[p.Name] = max(longest[p.Name], time.Duration(p.Seconds*float64(time.Second)))
		}
		requireKilledRows(t, dsn, report)
		if t.Failed() {
			t.Fatalf("after a kill in %q", killed)
		}
	}
	for _, phase := range phases {
		if hit[phase] == 0 {
			t.Errorf("no kill hit the phase %s: %v", phase, hit)
		}
	}
}

// requireKilledRows fails unless every row of killedScript is on the target once.
func requireKilledRows(t *testing.T, dsn string, report *Report) {
	t.Helper()
	conn := connect(t, DSN(dsn))
	for query, want := range map[string]int64{
		"SELECT count(*) FROM people":                         3000,
		"SELECT count(*) FROM visits":                         119880,
		"SELECT count(DISTINCT id) FROM visits":               119880,
		"SELECT count(*) FROM words":                          20000,
		"SELECT sum(n) FROM words":                            200010000,
		"SELECT count(*) FROM empty":                          0,
		"SELECT count(*) FROM lakeward_quarantine":            120,
		"SELECT count(DISTINCT key) FROM lakeward_quarantine": 120,
		"SELECT count(*) FROM busy":                           2997,
		"SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'visits'": 2,
		"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated":              1,
		"SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'lakeward_stage_')":      0,
	} {
		var got int64
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
	if !report.Swapped || report.Verdict != VerdictExcept || report.table(Table{Target: "visits"}).Verified != 119880 {
		t.Errorf("report: %s", asJSON(t, report))
	}
}

// TestRunGoesOnAfterTheServerWasKilled kills PostgreSQL itself while rows are loaded.
func TestRunGoesOnAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	source, work := newSource(t, killedScript), t.TempDir()
	config := pgproc.Config{Dir: filepath.Join(pgtest.Dir(t), "pg"), Settings: map[string]string{"wal_level": "logical"}}
	if err := pgproc.Init(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	server, err := pgproc.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	dsn := "postgres:///postgres?user=" + pgproc.Superuser + "&sslmode=disable&host=" + server.SocketDir()
	begun := 0
	o := Options{WorkDir: work, Jobs: 2, chunk: killedChunk, Progress: func(e lakeward.Event) {
		if e.Phase == "load" && e.Type == lakeward.EventDone {
			begun++
			_ = syscall.Kill(server.PID(), syscall.SIGKILL)
		}
	}}
	_, err = Run(t.Context(), source, DSN(dsn), o)
	if begun == 0 || lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(lakeward.HintOf(err), "same command") {
		t.Errorf("got %v, hint %q", err, lakeward.HintOf(err))
	}
	<-server.Done()
	if server, err = pgproc.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	o.Progress = nil
	report, err := Run(t.Context(), source, DSN(dsn), o)
	if err != nil {
		t.Fatal(err)
	}
	requireKilledRows(t, dsn, report)
}

// loseTarget runs a migration whose sessions are ended when its first table is loaded.
func loseTarget(t *testing.T, source, dsn string, o Options) {
	t.Helper()
	admin := connect(t, DSN(pgtest.Admin(t, dsn)))
	lost := false
	o.Progress = func(e lakeward.Event) {
		if e.Phase == "load" && e.Type == lakeward.EventDone && !lost {
			lost = true
			_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := Run(t.Context(), source, DSN(dsn), o); lakeward.KindOf(err) != lakeward.KindUnavailable {
		t.Fatalf("got %v", err)
	}
}

// TestRunLoadsNothingTwice changes a row that a lost run has loaded: the next one finds it, so it has not loaded it again.
func TestRunLoadsNothingTwice(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	o := Options{WorkDir: t.TempDir(), Jobs: 1}
	loseTarget(t, source, dsn, o)
	conn := connect(t, DSN(dsn))
	if _, err := conn.Exec(t.Context(), "UPDATE "+stages(t, conn)[0]+".orders SET cents = 4711 WHERE id = 3"); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, DSN(dsn), o)
	if err == nil || !strings.Contains(err.Error(), "table orders: row id=3, column cents: source 3, target 4711") {
		t.Errorf("got %v\n%s", err, asJSON(t, report))
	}
	requireEmpty(t, DSN(dsn))
}

// TestRunWaitsForTheSessionsOfTheRunBefore, and says so: one of them lives until then.
func TestRunWaitsForTheSessionsOfTheRunBefore(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	o := Options{WorkDir: t.TempDir()}
	loseTarget(t, source, dsn, o)
	before := connect(t, DSN(dsn))
	if _, err := before.Exec(t.Context(), "SELECT pg_advisory_lock("+lockKey+")", "migrate public"); err != nil {
		t.Fatal(err)
	}
	waited := 0
	o.Progress = func(e lakeward.Event) {
		if e.Type == lakeward.EventInfo && strings.Contains(e.Message, "waiting up to 30s") {
			waited++
			if err := before.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	if report, err := Run(t.Context(), source, DSN(dsn), o); err != nil || waited != 1 {
		t.Errorf("it said %d times that it waits: %v\n%s", waited, err, asJSON(t, report))
	}
}

// TestRunGoesOnBetweenAnIndexAndItsKey loses the target when the index of a key stands, and the key does not.
func TestRunGoesOnBetweenAnIndexAndItsKey(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	admin := connect(t, DSN(pgtest.Admin(t, dsn)))
	run := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE FUNCTION public.lose() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		IF current_query() LIKE '%USING INDEX%' THEN RAISE EXCEPTION 'gone' USING ERRCODE = 'admin_shutdown'; END IF; END $$;
		CREATE EVENT TRIGGER lose ON ddl_command_start EXECUTE FUNCTION public.lose()`)
	o := Options{WorkDir: t.TempDir()}
	if _, err := Run(t.Context(), source, DSN(dsn), o); lakeward.KindOf(err) != lakeward.KindUnavailable {
		t.Fatalf("got %v", err)
	}
	conn := connect(t, DSN(dsn))
	count := func(where string) int64 {
		return countRowsOf(t, conn, "SELECT FROM pg_index JOIN pg_class t ON t.oid = indrelid WHERE indisunique AND relname IN ('customers', 'orders') AND "+where)
	}
	key := "EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'p')"
	if alone := count("NOT " + key); alone == 0 {
		t.Error("no index was built before its key")
	}
	run("DROP EVENT TRIGGER lose; DROP FUNCTION public.lose()")
	report, err := Run(t.Context(), source, DSN(dsn), o)
	if err != nil || !report.Swapped {
		t.Fatalf("the next run: %v\n%s", err, asJSON(t, report))
	}
	if keys := count(key); keys != 2 {
		t.Errorf("%d primary keys, want those of both tables", keys)
	}
}

// TestRunStartsOver when the source or the choices are not those of the run that was lost.
func TestRunStartsOver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(t *testing.T, source string, o *Options)
		orders int64
	}{
		{"the source has changed", func(t *testing.T, source string, _ *Options) {
			changeSource(t, source, "INSERT INTO orders (customer_id, cents) VALUES (1, 1)")
		}, 2002},
		{"the plan is another one", func(t *testing.T, source string, o *Options) {
			plan, err := MakePlan(t.Context(), source, PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			plan.Tables[0].Columns[2].Type, plan.Tables[0].Columns[2].Convert = "text", ConvertText
			o.Plan = plan
		}, 2001},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source, dsn := newSource(t, shopScript), pgtest.DB(t)
			o := Options{WorkDir: t.TempDir(), BackupDir: t.TempDir(), Jobs: 1}
			loseTarget(t, source, dsn, o)
			conn := connect(t, DSN(dsn))
			if _, err := conn.Exec(t.Context(), "UPDATE "+stages(t, conn)[0]+".orders SET cents = 4711 WHERE id = 3"); err != nil {
				t.Fatal(err)
			}
			test.change(t, source, &o)
			if _, err := Run(t.Context(), source, DSN(dsn), o); err != nil {
				t.Fatal(err)
			}
			if n := countRowsOf(t, conn, "SELECT FROM orders"); n != test.orders {
				t.Errorf("%d orders, want %d", n, test.orders)
			}
			if left := stages(t, conn); len(left) > 0 {
				t.Errorf("staging schemas are left: %v", left)
			}
			if backups, err := os.ReadDir(o.BackupDir); err != nil || len(backups) != 1 {
				t.Errorf("backups: %v, %v; want the one of the second run", backups, err)
			}
		})
	}
}

// TestRunKnowsThatItIsDone when it was killed between its swap and its report.
func TestRunKnowsThatItIsDone(t *testing.T) {
	t.Parallel()
	source, dsn, work := newSource(t, shopScript), pgtest.DB(t), t.TempDir()
	kept := filepath.Join(t.TempDir(), "kept")
	_, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: work, Progress: func(e lakeward.Event) {
		if e.Type == lakeward.EventPhase && e.Phase == "swap" { // what a kill would leave of the work folder
			folders, err := filepath.Glob(filepath.Join(work, workPrefix+"*"))
			if err == nil {
				err = os.CopyFS(kept, os.DirFS(folders[0]))
			}
			if err == nil {
				kept = strings.Join([]string{kept, filepath.Base(folders[0])}, "\n")
			}
			if err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	folder, name, _ := strings.Cut(kept, "\n")
	if err := os.CopyFS(filepath.Join(work, name), os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: work})
	if err != nil || !report.Swapped || report.Verdict != VerdictExcept {
		t.Errorf("%v\n%s", err, asJSON(t, report))
	}
	if n := countRowsOf(t, connect(t, DSN(dsn)), "SELECT FROM orders"); n != 2001 {
		t.Errorf("%d orders", n)
	}
	report, err = Run(t.Context(), source, DSN(dsn), Options{WorkDir: work})
	if err != nil || report.Verdict != VerdictExcept || countRowsOf(t, connect(t, DSN(dsn)), "SELECT FROM orders") != 2001 {
		t.Errorf("migrating once more, without a kill: %v\n%s", err, asJSON(t, report))
	}
}

func TestRunKeepsABackup(t *testing.T) {
	t.Parallel()
	source, dsn, backups := newSource(t, shopScript), pgtest.DB(t), t.TempDir()
	touched := false
	report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: t.TempDir(), BackupDir: backups, Progress: func(e lakeward.Event) {
		if files, err := os.ReadDir(backups); e.Type == lakeward.EventPhase && e.Phase == "load" {
			touched = err == nil && len(files) == 1
		}
	}})
	if err != nil || !touched {
		t.Fatalf("%v; the backup stood before the first row was loaded: %t", err, touched)
	}
	if filepath.Dir(report.Backup) != backups {
		t.Fatalf("the report names the backup %q", report.Backup)
	}
	again, err := Verify(t.Context(), report.Backup, DSN(dsn), Options{WorkDir: t.TempDir()})
	if err != nil || again.Verdict != VerdictExcept {
		t.Errorf("the backup is not what was migrated: %v\n%s", err, asJSON(t, again))
	}
}
