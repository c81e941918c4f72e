package proxy_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/proxy"
	"github.com/lakeward/lakeward/lakewardtest"
)

// code returns the SQLSTATE of an error, and the error that PostgreSQL or the proxy sent.
func code(err error) (string, *pgconn.PgError) {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code, e
	}
	return "", nil
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	l := startLake(t)

	t.Run("tokens that expire in the middle of a burst", func(t *testing.T) {
		p := l.start(t, nil)
		var burst sync.WaitGroup
		for range 8 {
			burst.Go(func() {
				for range 10 {
					conn, err := pgx.Connect(t.Context(), p.dsn())
					if err != nil {
						t.Errorf("a client heard of it: %v", err)
						return
					}
					conn.Close(t.Context())
				}
			})
		}
		for range 5 {
			l.ExpireTokens(t)
		}
		burst.Wait()
	})
	t.Run("an instance that does not exist", func(t *testing.T) {
		p := l.start(t, func(r *proxy.RouteConfig) { r.Instance = "nowhere" })
		_, err := pgx.Connect(t.Context(), p.dsn())
		if c, e := code(err); c != "08001" || !strings.Contains(e.Message, "nowhere") {
			t.Errorf("%v", err)
		}
	})
	t.Run("an identity without a role", func(t *testing.T) {
		p := l.start(t, nil)
		l.Inject(t, lakewardtest.Fault{Kind: lakewardtest.FaultRefuse, Times: 2}) // with one token, and with a new one
		_, err := pgx.Connect(t.Context(), p.dsn())
		if c, e := code(err); c != "28P01" || !strings.Contains(e.Hint, "databricks_create_role") {
			t.Errorf("%v", err)
		}
	})
	t.Run("physical replication, which the instance does not take", func(t *testing.T) {
		_, err := pgconn.Connect(t.Context(), l.start(t, nil).dsn("replication=true"))
		if c, e := code(err); c != "28000" || !strings.Contains(e.Hint, "physical replication") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a limit of sessions", func(t *testing.T) {
		p := l.start(t, func(r *proxy.RouteConfig) { r.MaxConns, r.Wait = 1, 4*time.Second })
		first := p.connect(t)
		_, err := pgx.Connect(t.Context(), p.dsn())
		if c, e := code(err); c != "53300" || e.Hint == "" {
			t.Errorf("the second client: %v", err)
		}
		first.Close(t.Context())
		p.connect(t)
	})
	t.Run("a password", func(t *testing.T) {
		p := l.start(t, func(r *proxy.RouteConfig) { r.Password = "correct horse" })
		if got := value[int](t, p.connect(t, "password='correct horse'"), "SELECT 1"); got != 1 {
			t.Error(got)
		}
		for _, wrong := range []string{"password=wrong", ""} {
			if _, err := pgx.Connect(t.Context(), p.dsn(wrong)); err == nil {
				t.Errorf("let in with %q", wrong)
			}
		}
		if out, err := p.try(t, "", "psql", "-XAtc", "SELECT 1", "password='correct horse'"); err != nil {
			t.Errorf("psql: %v %s", err, out)
		}
		open := proxy.Config{Routes: []proxy.RouteConfig{{Instance: "shop", Listen: []string{"0.0.0.0:0"}}}}
		if err := open.Complete(); lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("every machine is let in: %v", err)
		}
	})
	t.Run("a unix socket", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), ".s.PGSQL.6432")
		l.start(t, func(r *proxy.RouteConfig) { r.Listen = append(r.Listen, path) })
		conn, err := pgx.Connect(t.Context(), "host="+filepath.Dir(path)+" port=6432 user=app dbname=databricks_postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if got := value[int](t, conn, "SELECT 1"); got != 1 {
			t.Error(got)
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		p := l.start(t, nil)
		idle, busy := p.connect(t), p.connect(t)
		execute(t, busy, "CREATE TABLE drained (i int)")
		execute(t, busy, "BEGIN")
		execute(t, busy, "INSERT INTO drained VALUES (1)")
		stopped := make(chan struct{})
		go func() { p.stop(); close(stopped) }()
		_, err := idle.WaitForNotification(t.Context())
		if c, _ := code(err); c != "57P01" {
			t.Errorf("the idle session heard: %v", err)
		}
		execute(t, busy, "COMMIT")
		<-stopped
		if _, err := net.Dial("tcp", p.addr); err == nil {
			t.Error("it still listens")
		}
	})
	t.Run("a session that somebody ends", func(t *testing.T) {
		for _, mode := range []string{proxy.ModeSession, proxy.ModeTransaction} {
			p := l.start(t, func(r *proxy.RouteConfig) { r.Mode = mode })
			victim := p.connect(t)
			execute(t, victim, "BEGIN")
			value[bool](t, p.connect(t), "SELECT pg_terminate_backend($1)", value[int](t, victim, "SELECT pg_backend_pid()"))
			_, err := victim.Exec(t.Context(), "SELECT 1")
			if c, e := code(err); c != "57P01" || !strings.Contains(e.Hint, "Connect again") {
				t.Errorf("%s mode: %v, %+v", mode, err, e)
			}
		}
	})
	t.Run("an instance that stops and starts", func(t *testing.T) {
		p := l.start(t, nil)
		open := p.connect(t)
		if _, err := l.Workspace.Stop(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		_, err := open.Exec(t.Context(), "SELECT 1")
		if c, e := code(err); c != "57P01" || !strings.Contains(e.Hint, "Connect again") {
			t.Errorf("the open session heard: %v, %+v", err, e)
		}
		impatient := l.start(t, func(r *proxy.RouteConfig) { r.Wait = 3 * time.Second })
		_, err = pgx.Connect(t.Context(), impatient.dsn())
		if c, e := code(err); c != "57P03" || !strings.Contains(e.Hint, "instance start shop") {
			t.Errorf("the impatient client heard: %v", err)
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := pgx.Connect(ctx, p.dsn())
			left <- err
		}()
		arrived := make(chan error, 1)
		go func() {
			conn, err := pgx.Connect(t.Context(), p.dsn())
			if err == nil {
				_, err = conn.Exec(t.Context(), "SELECT 1")
				conn.Close(t.Context())
			}
			arrived <- err
		}()
		until(t, "two clients wait", func() bool { return strings.Count(p.log.String(), "login retried") >= 2 })
		leave()
		<-left
		until(t, "the proxy notices that one has left", func() bool { return strings.Contains(p.log.String(), "client left") })
		if _, err := l.Workspace.Start(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		if err := <-arrived; err != nil {
			t.Errorf("the client that waited: %v", err)
		}
	})
}

// TestAFailOver kills the primary under a session: that one ends with a hint, and whoever comes next is served by the other node.
func TestAFailOver(t *testing.T) {
	t.Parallel()
	l := &lake{Lakebase: lakewardtest.Start(t)}
	if _, err := l.Workspace.Create(t.Context(), databricks.Spec{Name: "shop", Nodes: 2}, nil); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{proxy.ModeSession, proxy.ModeTransaction} {
		p := l.start(t, func(r *proxy.RouteConfig) { r.Mode = mode })
		open := p.connect(t)
		execute(t, open, "CREATE TABLE kept_"+mode+" (i int)")
		execute(t, open, "BEGIN")
		l.Inject(t, lakewardtest.Fault{Kind: lakewardtest.FaultKill, Instance: "shop"})
		execute(t, p.connect(t), "INSERT INTO kept_"+mode+" VALUES (1)")
		_, err := open.Exec(t.Context(), "SELECT 1")
		if c, e := code(err); c != "57P01" || !strings.Contains(e.Hint, "Connect again") {
			t.Errorf("%s mode: the session whose primary died heard %v, %+v", mode, err, e)
		}
	}
}
