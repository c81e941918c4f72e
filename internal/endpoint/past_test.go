package endpoint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// TestLostFolderIsMadeAgain: the data of an endpoint whose folder is gone come back from its history.
func TestLostFolderIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	o.History = endpoint.NewHistory(filepath.Join(s.dir, "pg", "shop", "production.history"))
	e, err := endpoint.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	conn := s.owner(e)
	mustExec(t, conn, "CREATE TABLE t AS SELECT 1 AS n")
	if _, err := o.History.Add(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, "INSERT INTO t VALUES (2)")
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	e = s.start(o)
	conn = s.owner(e)
	if got := value[int](t, conn, "SELECT count(*)::int FROM t"); got != 2 {
		t.Errorf("%d rows are back, want 2", got)
	}
	mustExec(t, conn, "INSERT INTO t VALUES (3)")
	if _, err := e.Mark(t.Context()); err != nil {
		t.Errorf("the log is not kept any more: %v", err)
	}
}
