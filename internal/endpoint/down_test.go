package endpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An endpoint that serves nobody says so and why, and goes on by itself when the reason is gone.
func TestEndpointThatServesNobody(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	e := s.start(o)
	// What the gate asks for each login is in the database postgres.
	folder := value[string](t, s.owner(e), "SELECT 'base/' || oid FROM pg_database WHERE datname = 'postgres'")
	database, conf := filepath.Join(o.Dir, folder, "PG_VERSION"), filepath.Join(o.Dir, "postgresql.conf")
	for name, c := range map[string]struct{ file, content, problem string }{
		"it refuses every login":     {database, "", "is not a valid data directory"},
		"it cannot be started again": {conf, "nonsense", "contains errors"},
	} {
		good, err := os.ReadFile(c.file)
		if err == nil {
			err = os.WriteFile(c.file, []byte(c.content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.file == conf {
			kill(t, o.Dir)
		}
		eventually(t, func() bool { return e.Condition().Down })
		if problem := e.Condition().Problem; problem == nil || !strings.Contains(problem.Error(), c.problem) {
			t.Errorf("%s: %v, want %q in it", name, problem, c.problem)
		}
		if err := os.WriteFile(c.file, good, 0o600); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return e.Condition().Problem == nil && s.login(e, ownerName, token) == "" })
	}
}
