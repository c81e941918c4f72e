package endpoint_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

// teamVariable makes the test binary an endpoint of three nodes in that folder instead.
const teamVariable = "LAKEWARD_TEST_TEAM"

// beTeam starts an endpoint, tells its address when its nodes are complete, and waits to be killed.
func beTeam(dir string) {
	ca, err := endpoint.LoadCA(dir)
	if err == nil {
		err = runTeam(dir, ca)
	}
	fmt.Println(err)
	os.Exit(1)
}

func runTeam(dir string, ca *endpoint.CA) error {
	conf, err := serverTLS(ca)
	if err != nil {
		return err
	}
	o := options(dir, conf)
	o.Nodes = 3
	e, err := endpoint.Start(context.Background(), o)
	if err == nil {
		err = e.Await(context.Background())
	}
	if err != nil {
		return err
	}
	fmt.Println(e.Addr())
	select {}
}

// primaryDir returns the data folder of the primary of an endpoint that another process runs.
func primaryDir(t *testing.T, dir string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(filepath.Join(dir+".nodes", "primary"))
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// The whole program is killed at various moments of a fail-over. The next start finds who is the primary, and everything
// that was acknowledged.
func TestProgramKilledWhileFailingOver(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	o.Nodes = 3
	var acknowledged []*writers
	after := func(d time.Duration) func(*writers) { return func(*writers) { <-time.After(d) } } // any moment will do
	for moment, wait := range map[string]func(*writers){
		"soon": after(20 * time.Millisecond), "meanwhile": after(120 * time.Millisecond),
		"when the next one acknowledges": func(w *writers) { w.writes(10) },
	} {
		for range rounds(t) {
			child, line := s.child(teamVariable)
			address, err := netip.ParseAddrPort(line)
			if err != nil {
				t.Fatalf("child said %q", line)
			}
			w := s.writeAt(address, 3)
			w.mortal = true
			acknowledged = append(acknowledged, w)
			w.writes(50)
			kill(t, primaryDir(t, o.Dir))
			wait(w)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // it was killed
			w.end()

			e := s.start(o)
			t.Logf("killed %s: node %d is the primary", moment, e.Condition().Primary)
			for _, w := range acknowledged {
				w.check(s.owner(e))
			}
			s.await(e)
			if err := e.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Commits do not wait for a standby that nobody can bring back soon, and what is acknowledged meanwhile is the primary's
// alone: it is started again instead of being replaced.
func TestPrimaryAlone(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, o := s.team(2)
	w := s.write(e, 2)
	w.writes(20)
	standby := filepath.Join(o.Dir+".nodes", "2")
	wipe(t, standby) // and what is in its place keeps it from coming back
	if err := os.WriteFile(standby, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, primaryDir(t, o.Dir))
	eventually(t, func() bool { c := e.Condition(); return !c.Protected && !c.FailingOver })
	w.writes(50)
	if c := e.Condition(); c.Primary != 1 || c.Nodes != 1 {
		t.Errorf("alone: %+v", c)
	}
	eventually(t, func() bool { return e.Condition().Problem != nil })
	if err := os.Remove(standby); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { c := e.Condition(); return c.Problem == nil && c.Protected && c.Nodes == 2 })
	w.end()
	w.check(s.owner(e))
	t.Logf("the longest outage was %s", w.longest().Round(time.Millisecond))
}

func TestReadersAndFollowersFindTheNewPrimary(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	o.Nodes = 3
	o.Readable = &endpoint.Readable{Listen: netip.MustParseAddrPort("127.0.0.1:0"), TLS: o.TLS}
	e := s.start(o)
	s.await(e)
	ro := s.options()
	ro.Follow, ro.Dir = e, o.Dir+"+replica"
	replica := s.start(ro)
	mustExec(t, s.owner(e), "CREATE TABLE t AS SELECT 1 AS n")
	reader := func() *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), s.dsnAt(e.ReadOnlyAddr(), ownerName, token, lakeward.DefaultDatabase))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
		return conn
	}
	sees := func(conn *pgx.Conn, want int) {
		t.Helper()
		eventually(t, func() bool { return value[int](t, conn, "SELECT coalesce(max(n), 0) FROM t") == want })
	}
	one, other := reader(), reader()
	sees(one, 1)

	// A cancel request reaches the standby with the session.
	failed := make(chan error, 2)
	for _, conn := range []*pgx.Conn{one, other} {
		go func() {
			_, err := conn.Exec(t.Context(), "SELECT pg_sleep(600)")
			failed <- err
		}()
		eventually(t, func() bool {
			return value[bool](t, reader(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active') OR "+
				"NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", conn.PgConn().PID())
		})
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := <-failed; sqlState(err) != "57014" {
			t.Errorf("query ended with %v, want 57014", err)
		}
	}

	before := e.Condition().Primary
	kill(t, e.Dir())
	eventually(t, func() bool { c := e.Condition(); return c.Primary != before && !c.FailingOver })
	mustExec(t, s.owner(e), "UPDATE t SET n = 2")
	for range 2 {
		conn := reader()
		sees(conn, 2)
		if _, err := conn.Exec(t.Context(), "UPDATE t SET n = 3"); sqlState(err) != "25006" {
			t.Errorf("a reader's write: %v", err)
		}
	}
	for _, conn := range []*pgx.Conn{one, other} {
		if _, err := conn.Exec(t.Context(), "UPDATE t SET n = 4"); err == nil {
			t.Error("a reader of before the fail-over writes")
		}
	}
	sees(s.owner(replica), 2)
}

// The primary's disk is lost while nothing runs.
func TestDiskLostWhileStopped(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, o := s.team(3)
	mustExec(t, s.owner(e), "CREATE TABLE t AS SELECT 42 AS n")
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wipe(t, o.Dir)
	e = s.start(o)
	if got := value[int](t, s.owner(e), "SELECT n FROM t"); got != 42 || e.Condition().Primary == 1 {
		t.Errorf("n = %d, %+v", got, e.Condition())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.Reshape(ctx, endpoint.Shape{Nodes: 1}); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	primary := primaryDir(t, o.Dir)
	if err := os.RemoveAll(primary); err != nil {
		t.Fatal(err)
	}
	if e, err := endpoint.Start(t.Context(), o); lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) == "" {
		t.Errorf("without any data: %v", err)
		if err == nil {
			_ = e.Stop(t.Context())
		}
	}
}

// A replica, for which no commit waits, has what no standby has received. The standby that takes over lacks it, and so must
// the replica then.
func TestReplicaThatIsAhead(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, o := s.team(2)
	ro := s.options()
	ro.Follow, ro.Dir = e, o.Dir+"+replica"
	replica := s.start(ro)
	mustExec(t, s.owner(e), "CREATE TABLE t (v text)")
	const rows = "SELECT count(*) FROM t"
	reader := s.owner(replica)
	eventually(t, func() bool { return value[bool](t, reader, "SELECT to_regclass('t') IS NOT NULL") })
	standby := filepath.Join(o.Dir+".nodes", "2")
	frozen := processesIn(t, standby)
	freeze(t, standby)
	written := make(chan error, 1)
	conn := s.owner(e)
	go func() { // more than fits into the sockets between the primary and the standby
		_, err := conn.Exec(t.Context(), "INSERT INTO t SELECT string_agg(sha512(n::text::bytea)::text, '') FROM generate_series(1, 60000) n")
		written <- err
	}()
	eventually(t, func() bool { return value[int](t, reader, rows) == 1 })
	kill(t, o.Dir)
	for _, pid := range frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
	}
	if err := <-written; err == nil {
		t.Fatal("the commit was acknowledged without a standby")
	}
	eventually(t, func() bool { return e.Condition().Primary == 2 })
	if got := value[int](t, s.owner(e), rows); got != 0 {
		t.Fatalf("the new primary has %d rows: the test has not made what it is about", got)
	}
	mustExec(t, s.owner(e), "INSERT INTO t VALUES ('a'), ('b')")
	eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), s.dsn(replica, ownerName, token, lakeward.DefaultDatabase))
		if err != nil {
			return false // it is being made again
		}
		defer conn.Close(t.Context())
		var n int
		return conn.QueryRow(t.Context(), rows).Scan(&n) == nil && n == 2 // its session may end, too
	})
}
