package endpoint_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

// A writer inserts one row after the other and remembers what was acknowledged. When its session is lost it begins another
// one, as an application does.
type writers struct {
	t       *testing.T
	dsn     string
	stop    context.CancelFunc
	writing sync.WaitGroup

	mu           sync.Mutex
	acknowledged map[[2]int]bool
	last         time.Time     // of an acknowledgement
	outage       time.Duration // the longest time without one since the last call of longest
	codes        map[string]int

	mortal bool // the endpoint may die for good
}

func (s *stand) write(e *endpoint.Endpoint, n int) *writers { return s.writeAt(e.Addr(), n) }

func (s *stand) writeAt(address netip.AddrPort, n int) *writers {
	s.t.Helper()
	dsn := s.dsnAt(address, ownerName, token, lakeward.DefaultDatabase)
	conn, err := pgx.Connect(s.t.Context(), dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(s.t.Context()))
	mustExec(s.t, conn, "CREATE TABLE IF NOT EXISTS written (writer bigint, number int, PRIMARY KEY (writer, number))")
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	w := &writers{
		t: s.t, dsn: dsn, stop: stop,
		acknowledged: map[[2]int]bool{}, last: time.Now(), codes: map[string]int{},
	}
	for id := range n {
		w.writing.Go(func() { w.run(ctx, id) })
	}
	s.t.Cleanup(w.end)
	return w
}

func (w *writers) end() {
	w.stop()
	w.writing.Wait()
}

func (w *writers) run(ctx context.Context, id int) {
	number := int(time.Now().UnixMicro() & 0x3fffffff) // rows of an earlier writer may be there
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, w.dsn)
		if err != nil {
			if ctx.Err() == nil && !w.mortal {
				w.t.Errorf("writer %d cannot connect: %v", id, err)
			}
			return
		}
		for err == nil {
			number++
			if _, err = conn.Exec(ctx, "INSERT INTO written VALUES ($1, $2)", id, number); err == nil {
				w.note(id, number)
			}
		}
		w.mu.Lock()
		w.codes[sqlState(err)]++
		w.mu.Unlock()
		conn.Close(context.WithoutCancel(ctx))
	}
}

func (w *writers) note(id, number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acknowledged[[2]int{id, number}] = true
	w.outage = max(w.outage, time.Since(w.last))
	w.last = time.Now()
}

// writes waits until n more rows are acknowledged.
func (w *writers) writes(n int) {
	w.t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acknowledged)
	}
	goal := count() + n
	eventually(w.t, func() bool { return count() >= goal })
}

// longest returns the longest outage since it was called last.
func (w *writers) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.outage
	w.outage = 0
	return d
}

// check fails the test for each acknowledged row that is not there.
func (w *writers) check(conn *pgx.Conn) {
	w.t.Helper()
	rows, err := conn.Query(w.t.Context(), "SELECT writer, number FROM written")
	if err != nil {
		w.t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (key [2]int, err error) {
		return key, row.Scan(&key[0], &key[1])
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[[2]int]bool{}
	for _, key := range there {
		found[key] = true
	}
	lost := 0
	for key := range w.acknowledged {
		if !found[key] {
			lost++
		}
	}
	if lost > 0 {
		w.t.Errorf("%d of %d acknowledged rows are lost", lost, len(w.acknowledged))
	}
	w.t.Logf("%d rows acknowledged, %d there; sessions ended with %v", len(w.acknowledged), len(there), w.codes)
}

// kill ends the postmaster of a folder as kill -9 does.
func kill(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// freeze stops every process of a folder.
func freeze(t *testing.T, dir string) {
	t.Helper()
	for _, pid := range processesIn(t, dir) {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Logf("freeze %d: %v", pid, err) // it has ended
		}
	}
}

// freezePostmaster stops the postmaster alone: who is in goes on to work.
func freezePostmaster(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// wipe removes the data under a running server.
func wipe(t *testing.T, dir string) {
	t.Helper()
	if err := os.Rename(dir, dir+".wiped"); err != nil { // PostgreSQL may make files in between
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir + ".wiped"); err != nil {
		t.Logf("wipe: %v", err)
	}
}

func processesIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatalf("nothing runs in %s", dir)
	}
	return pids
}

func (s *stand) await(e *endpoint.Endpoint) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := e.Await(ctx); err != nil {
		s.t.Fatalf("the nodes: %v (%+v)", err, e.Condition())
	}
}

// team starts an endpoint of several nodes, and returns it with its options when all of them are there.
func (s *stand) team(nodes int) (*endpoint.Endpoint, endpoint.Options) {
	s.t.Helper()
	o := s.options()
	o.Nodes = nodes
	e := s.start(o)
	s.await(e)
	return e, o
}

// rounds is how often each test of fail-overs repeats its faults.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LAKEWARD_FAILOVER_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFailOverLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, _ := s.team(3)
	w := s.write(e, 4)
	for range rounds(t) {
		for _, fault := range []struct {
			name string
			hit  func(*testing.T, string)
		}{{"kill", kill}, {"freeze", freeze}, {"wipe", wipe}, {"freeze the postmaster of", freezePostmaster}} {
			w.writes(50)
			w.longest()
			before := e.Condition()
			fault.hit(t, e.Dir())
			eventually(t, func() bool { c := e.Condition(); return c.Primary != before.Primary && !c.FailingOver })
			w.writes(50)
			t.Logf("%s the primary: write outage %s", fault.name, w.longest().Round(time.Millisecond))
			s.await(e)
			if c := e.Condition(); c.Nodes != 3 || !c.Protected {
				t.Errorf("after the %s: %+v", fault.name, c)
			}
		}
	}
	w.end()
	w.check(s.owner(e))
}

// TestLoginOutlivesThePrimary kills the primary while it is asked about the role of a login: the next one is asked again.
func TestLoginOutlivesThePrimary(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, _ := s.team(2)
	primary := e.Dir()
	lock := superuser(t, primary)
	mustExec(t, lock, "BEGIN", "LOCK TABLE pg_catalog.pg_shseclabel") // in which the identities of roles stand
	refusal := make(chan string, 1)
	go func() { refusal <- s.login(e, ownerName, token) }()
	eventually(t, func() bool {
		return value[bool](t, lock, "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE relation = 'pg_catalog.pg_shseclabel'::regclass AND NOT granted)")
	})
	kill(t, primary)
	if code := <-refusal; code != "" {
		t.Errorf("the login was refused with %s", code)
	}
	if e.Dir() == primary {
		t.Error("the primary is the one that was killed")
	}
}
