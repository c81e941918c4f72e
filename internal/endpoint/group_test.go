package endpoint_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// pause keeps a standby from applying what it receives, as PostgreSQL does when the primary has become too large for it.
func pause(t *testing.T, dir string) {
	t.Helper()
	mustExec(t, superuser(t, dir), "SELECT pg_wal_replay_pause()")
}

// superuser connects to the node of a folder behind the endpoint's back.
func superuser(t *testing.T, dir string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s user=%s dbname=postgres", filepath.Join(dir, pgproc.SocketFolder), pgproc.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// A read-only endpoint of three nodes is read from as long as one of them answers, and each comes back by itself, whatever
// happens to it and to the primary that it follows.
func TestGroupOfReaders(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e, o := s.team(2)
	ro := s.options()
	ro.Follow, ro.Dir, ro.Nodes, ro.MaxConnections = e, o.Dir+"+readers", 3, 300
	group := s.start(ro)
	s.await(group)
	mustExec(t, s.owner(e), "CREATE TABLE t AS SELECT 1 AS n")
	nodes := func() int { // that sessions are spread over, and that have the latest row
		t.Helper()
		want := value[int](t, s.owner(e), "SELECT n FROM t")
		seen := map[string]bool{}
		for range 6 {
			conn, err := pgx.Connect(t.Context(), s.dsn(group, ownerName, token, lakeward.DefaultDatabase))
			if err != nil {
				t.Fatal(err) // never is there nobody to read from
			}
			var n int
			var name string
			const sql = "SELECT coalesce(max(n), 0), current_setting('cluster_name') FROM t"
			if conn.QueryRow(t.Context(), sql).Scan(&n, &name) == nil && n == want {
				seen[name] = true
			}
			conn.Close(t.Context())
		}
		return len(seen)
	}
	whole := func(n int) {
		t.Helper()
		eventually(t, func() bool { return group.Condition().Nodes == n && nodes() == n })
	}
	whole(3)

	conn := s.owner(group)
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT pg_sleep(600)")
		failed <- err
	}()
	eventually(t, func() bool { n, err := group.Busy(t.Context()); return err == nil && n == 1 })
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; sqlState(err) != "57014" {
		t.Errorf("query ended with %v, want 57014", err)
	}

	other := filepath.Join(ro.Dir+".nodes", "2")
	for name, harm := range map[string]func(){
		"its first node dies":     func() { kill(t, ro.Dir) },
		"its first node freezes":  func() { freeze(t, ro.Dir) },
		"it loses its first disk": func() { wipe(t, ro.Dir) },
		"another disk is lost":    func() { wipe(t, other) },
		"another node pauses":     func() { pause(t, other) },
		"the primary dies":        func() { kill(t, e.Dir()) },
	} {
		before := e.Condition().Primary
		harm()
		if name == "the primary dies" {
			eventually(t, func() bool { return e.Condition().Primary != before && !e.Condition().FailingOver })
		}
		mustExec(t, s.owner(e), "UPDATE t SET n = n + 1")
		t.Logf("%s: %d nodes are read from", name, nodes())
		whole(3)
	}
	if err := group.Reshape(t.Context(), endpoint.Shape{Nodes: 2}); err != nil {
		t.Fatal(err)
	}
	whole(2)
	if err := group.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	group = s.start(ro)
	whole(3)
}
