package endpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// spoil replaces what is in a file, and returns how to put it back.
func spoil(t *testing.T, file, content string) (restore func()) {
	t.Helper()
	good, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// loginFile is a file of the data folder without which PostgreSQL refuses every login: what the gate asks for each of them
// is in the database postgres.
func (s *stand) loginFile(e *endpoint.Endpoint) string {
	s.t.Helper()
	const folder = "SELECT 'base/' || oid FROM pg_database WHERE datname = 'postgres'"
	return filepath.Join(value[string](s.t, s.owner(e), folder), "PG_VERSION")
}

// down waits until nobody is served, and checks the reason that is told.
func down(t *testing.T, e *endpoint.Endpoint, why string) {
	t.Helper()
	eventually(t, func() bool { return e.Condition().Down })
	if problem := e.Condition().Problem; problem == nil || !strings.Contains(problem.Error(), why) {
		t.Errorf("the reason is %v, want %q in it", problem, why)
	}
}

// An endpoint that serves nobody says so and why, and goes on by itself when the reason is gone.
func TestEndpointThatServesNobody(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	e := s.start(o)
	back := func() {
		t.Helper()
		eventually(t, func() bool { return e.Condition().Problem == nil && s.login(e, ownerName, token) == "" })
	}

	restore := spoil(t, filepath.Join(o.Dir, s.loginFile(e)), "") // it refuses every login
	down(t, e, "is not a valid data directory")
	restore()
	back()

	restore = spoil(t, filepath.Join(o.Dir, "postgresql.conf"), "nonsense") // it cannot be started again
	kill(t, o.Dir)
	down(t, e, "contains errors")
	restore()
	back()
}

// The same with a standby, which takes over where that helps: not from a primary that answers, and not when it is lost itself.
func TestTeamThatServesNobody(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, o := s.team(2)
	mustExec(t, s.owner(e), "CREATE TABLE t AS SELECT 42 AS n")
	back := func() {
		t.Helper()
		s.await(e)
		if c := e.Condition(); c.Down || c.Problem != nil || c.Primary != 1 {
			t.Errorf("mended, it is %+v", c)
		}
		if n := value[int](t, s.owner(e), "SELECT n FROM t"); n != 42 {
			t.Errorf("the data are %d", n)
		}
	}

	restore := spoil(t, filepath.Join(o.Dir, s.loginFile(e)), "")
	down(t, e, "is not a valid data directory")
	restore()
	eventually(t, func() bool { return !e.Condition().Down })
	back()

	// The standby cannot come back, not as a copy of the primary either, which has the same file. So the primary is alone.
	standby := filepath.Join(o.Dir+".nodes", "2")
	restore = spoil(t, filepath.Join(o.Dir, "postgresql.conf"), "nonsense")
	spoil(t, filepath.Join(standby, "postgresql.conf"), "nonsense")
	kill(t, standby)
	eventually(t, func() bool { c := e.Condition(); return c.Problem != nil && !c.Protected })
	if got := s.login(e, ownerName, token); e.Condition().Down || got != "" {
		t.Errorf("without its standby, the primary answers a login with %q: %+v", got, e.Condition())
	}
	kill(t, o.Dir)
	down(t, e, "contains errors")
	restore()
	eventually(t, func() bool { c := e.Condition(); return !c.Down && c.Problem == nil })
	back()
}
