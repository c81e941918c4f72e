package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/proxy"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	other := l.Instance(t, "spare")
	order := func(t *testing.T, p *running, verb string, o proxy.Order) proxy.RouteState {
		t.Helper()
		state, err := p.Order(t.Context(), "shop", verb, o)
		if err != nil {
			t.Fatalf("%s: %v", verb, err)
		}
		return state
	}
	both := func(t *testing.T, query string) {
		t.Helper()
		for _, c := range []*lakeward.Connector{l.shop, other} {
			conn, err := c.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			execute(t, conn, query)
			conn.Close(t.Context())
		}
	}
	count := func(t *testing.T, c *lakeward.Connector, query string) int {
		t.Helper()
		conn, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		return value[int](t, conn, query)
	}

	t.Run("switched under load, no transaction fails", func(t *testing.T) {
		p := l.start(t, nil)
		both(t, "CREATE TABLE orders (id bigint, step int); CREATE UNIQUE INDEX ON orders (id, step)")
		var done atomic.Int64
		var stop atomic.Bool
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				mode := []pgx.QueryExecMode{
					pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol,
					pgx.QueryExecModeDescribeExec, pgx.QueryExecModeCacheDescribe,
				}[w%4]
				cfg, err := pgx.ParseConfig(p.dsn())
				if err != nil {
					t.Error(err)
					return
				}
				cfg.DefaultQueryExecMode = mode
				conn, err := pgx.ConnectConfig(t.Context(), cfg)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close(t.Context())
				for i := 0; !stop.Load(); i++ {
					err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
						for step := range 3 {
							if _, err := tx.Exec(t.Context(), "INSERT INTO orders VALUES ($1, $2)", w*1_000_000+i, step); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Errorf("mode %v: %v", mode, err)
						return
					}
					done.Add(1)
				}
			})
		}
		for range 2 { // others come and go meanwhile
			writers.Go(func() {
				for !stop.Load() {
					conn, err := pgx.Connect(t.Context(), p.dsn())
					if err == nil {
						_, err = conn.Exec(t.Context(), "SELECT 1")
						conn.Close(t.Context())
					}
					if err != nil {
						t.Errorf("a client that came: %v", err)
						return
					}
				}
			})
		}
		for range 3 {
			for _, to := range []string{"spare", "shop"} {
				before := done.Load()
				until(t, "transactions are done", func() bool { return done.Load() > before+50 || t.Failed() })
				state := order(t, p, "switch", proxy.Order{Instance: to})
				if state.Instance != to || state.Paused || len(state.Stays) > 0 {
					t.Errorf("%+v", state)
				}
			}
		}
		stop.Store(true)
		writers.Wait()
		whole := "SELECT count(*) FROM (SELECT id FROM orders GROUP BY id HAVING count(*) = 3) x"
		here, there := count(t, l.shop, whole), count(t, other, whole)
		if int64(here+there) != done.Load() || here == 0 || there == 0 {
			t.Errorf("%d and %d transactions arrived, %d were done", here, there, done.Load())
		}
	})
	t.Run("pgbench does not notice", func(t *testing.T) {
		p := l.start(t, nil)
		for _, to := range []string{"spare", "shop"} {
			order(t, p, "switch", proxy.Order{Instance: to})
			p.tool(t, "", "pgbench", "-i", "-q", "-s", "1")
		}
		for _, mode := range []string{"simple", "extended", "prepared"} {
			both(t, "TRUNCATE pgbench_history")
			ended := make(chan string, 1)
			go func() {
				out, err := p.try(t, "", "pgbench", "-n", "-M", mode, "-c", "8", "-j", "2", "-t", "300")
				ended <- fmt.Sprint(out, err)
			}()
			// While pgbench prepares, it blocks on one connection although another one is inside a transaction: a pause
			// would wait in vain.
			until(t, "pgbench has prepared its statements", func() bool { return count(t, l.shop, "SELECT count(*) FROM pgbench_history") > 300 })
			order(t, p, "switch", proxy.Order{Instance: "spare"})
			order(t, p, "switch", proxy.Order{Instance: "shop"})
			if out := <-ended; !strings.Contains(out, "actually processed: 2400/2400") {
				t.Errorf("mode %s:\n%s", mode, out)
			}
		}
		if moved := strings.Count(p.log.String(), "order done"); moved < 8 {
			t.Errorf("%d orders were done", moved)
		}
	})
	t.Run("an idle session takes along what it holds", func(t *testing.T) {
		p := l.start(t, nil)
		both(t, "CREATE SCHEMA app")
		conn := p.connect(t)
		execute(t, conn, "SET search_path TO app, public")
		execute(t, conn, "SET statement_timeout TO '123s'")
		execute(t, conn, "SET TIME ZONE 'Asia/Tokyo'")
		execute(t, conn, `LISTEN "my news"`)
		execute(t, conn, `PREPARE twice (int) AS SELECT $1 * 2`)
		if _, err := conn.Prepare(t.Context(), "thrice", "SELECT $1::int * 3"); err != nil {
			t.Fatal(err)
		}
		before := value[int](t, conn, "SELECT pg_backend_pid()")
		order(t, p, "switch", proxy.Order{Instance: "spare"})
		for query, want := range map[string]string{
			"SHOW search_path": "app, public", "SHOW statement_timeout": "123s", "SHOW timezone": "Asia/Tokyo",
			"SELECT pg_listening_channels()": "my news",
		} {
			if got := value[string](t, conn, query); got != want {
				t.Errorf("%s is %s, want %s", query, got, want)
			}
		}
		if got := value[int](t, conn, "EXECUTE twice(21)"); got != 42 {
			t.Error(got)
		}
		if got := value[int](t, conn, "thrice", 14); got != 42 {
			t.Error(got)
		}
		if value[int](t, conn, "SELECT pg_backend_pid()") == before {
			t.Error("it is the same session as before")
		}
		if conn.PgConn().ParameterStatus("TimeZone") != "Asia/Tokyo" {
			t.Errorf("the client was told %s", conn.PgConn().ParameterStatus("TimeZone"))
		}
		sender, err := other.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close(t.Context())
		execute(t, sender, `NOTIFY "my news", 'from the spare'`)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if n, err := conn.WaitForNotification(ctx); err != nil || n.Payload != "from the spare" {
			t.Errorf("%v %v", n, err)
		}
		// The cancel key that the client has leads to the new session.
		failed := make(chan error, 1)
		go func() {
			_, err := conn.Exec(t.Context(), "SELECT pg_sleep(119)")
			failed <- err
		}()
		until(t, "the query runs", func() bool {
			return value[int](t, sender, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(119)' AND state = 'active'") > 0
		})
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c, _ := code(<-failed); c != "57014" {
			t.Errorf("the query was not cancelled: %s", c)
		}
	})
	t.Run("what cannot move ends with a reason", func(t *testing.T) {
		for holds, query := range map[string]string{
			"temporary tables":            "CREATE TEMP TABLE mine (i int)",
			"an advisory lock":            "SELECT pg_advisory_lock(1)",
			"an open cursor":              "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
			"setting of the application":  "SET app.tenant = '7'",
			"setting of the application ": "SELECT set_config('app.tenant', '7', false)",
		} {
			p := l.start(t, nil)
			conn := p.connect(t)
			execute(t, conn, query)
			state := order(t, p, "pause", proxy.Order{})
			if len(state.Stays) != 1 || !strings.Contains(state.Stays[0].Holds, strings.TrimSpace(holds)) {
				t.Errorf("%s: %+v", query, state)
			}
			order(t, p, "resume", proxy.Order{})
			execute(t, conn, "SELECT 1")
			order(t, p, "switch", proxy.Order{Instance: "spare"})
			_, err := conn.Exec(t.Context(), "SELECT 1")
			c, e := code(err)
			if c != "57P01" || !strings.Contains(e.Detail, strings.TrimSpace(holds)) || e.Hint == "" {
				t.Errorf("%s: %v %+v", query, err, e)
			}
		}
	})
	t.Run("a pause waits for transactions", func(t *testing.T) {
		p := l.start(t, nil)
		busy := p.connect(t)
		execute(t, busy, "BEGIN")
		_, err := p.Order(t.Context(), "shop", "pause", proxy.Order{Within: 50 * time.Millisecond})
		if lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(lakeward.HintOf(err), "--force") {
			t.Errorf("%v", err)
		}
		execute(t, busy, "COMMIT") // as if there had been no pause
		execute(t, busy, "BEGIN")
		execute(t, busy, "SELECT 1")
		paused := make(chan error, 1)
		go func() {
			_, err := p.Order(t.Context(), "shop", "pause", proxy.Order{})
			paused <- err
		}()
		until(t, "the route is being paused", func() bool { return p.States()[0].Paused })
		execute(t, busy, "COMMIT")
		if err := <-paused; err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 2)
		go func() {
			_, err := busy.Exec(t.Context(), "SELECT 1")
			answered <- err
		}()
		go func() {
			conn, err := pgx.Connect(t.Context(), p.dsn())
			if err == nil {
				conn.Close(t.Context())
			}
			answered <- err
		}()
		until(t, "a new client waits", func() bool { return p.States()[0].Waiting == 1 })
		select {
		case err := <-answered:
			t.Errorf("somebody was let through: %v", err)
		default:
		}
		order(t, p, "resume", proxy.Order{})
		for range 2 {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
		execute(t, busy, "BEGIN")
		order(t, p, "pause", proxy.Order{Within: 50 * time.Millisecond, Force: true})
		_, err = busy.Exec(t.Context(), "SELECT 1")
		if c, _ := code(err); c != "57P01" {
			t.Errorf("the transaction that was ended by force: %v", err)
		}
		order(t, p, "resume", proxy.Order{})
		p.connect(t)
	})
	t.Run("orders over the admin socket, and health", func(t *testing.T) {
		p := l.start(t, nil)
		conn := p.connect(t)
		ctx, cancel := context.WithCancel(t.Context())
		path := filepath.Join(t.TempDir(), "admin.sock")
		ended := make(chan error, 1)
		go func() { ended <- proxy.ServeHTTP(ctx, path, p.Admin()) }()
		client := proxy.NewClient(path)
		until(t, "the admin socket answers", func() bool { _, err := client.States(ctx); return err == nil })
		if s, err := client.Order(ctx, "shop", "switch", proxy.Order{Instance: "spare"}); err != nil || s.Instance != "spare" {
			t.Errorf("%+v %v", s, err)
		}
		_, err := client.Order(ctx, "shop", "switch", proxy.Order{Instance: "nowhere"})
		if lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("%v", err)
		}
		if _, err := client.Order(ctx, "x/y", "pause", proxy.Order{}); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("%v", err)
		}
		execute(t, conn, "SELECT 1")
		for path, wants := range map[string][]string{
			"/healthz": {"alive"}, "/readyz": {`"ready":true`},
			"/metrics": {`lakeward_proxy_sessions{route="shop",state="all"} 1`, `lakeward_proxy_token_age_seconds{route="shop"} `},
		} {
			w := httptest.NewRecorder()
			p.Health().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
			for _, want := range wants {
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Run("reload", func(t *testing.T) {
		p := l.start(t, nil)
		conn := p.connect(t)
		c := proxy.Config{Routes: []proxy.RouteConfig{
			{Name: "shop", Instance: "spare", Listen: []string{"127.0.0.1:0"}},
			{Name: "old", Instance: "shop", Listen: []string{filepath.Join(t.TempDir(), "old.sock")}},
		}}
		if err := c.Complete(); err != nil {
			t.Fatal(err)
		}
		if err := p.Reload(c); err != nil {
			t.Fatal(err)
		}
		execute(t, conn, "SELECT 1") // still there, on the old instance
		for _, s := range p.States() {
			if s.Name == "shop" && s.Instance != "spare" || s.Name == "old" && s.Instance != "shop" {
				t.Errorf("%+v", s)
			}
		}
		p.connect(t)
		if err := p.Reload(proxy.Config{Routes: c.Routes[1:], Drain: time.Second}); err != nil {
			t.Fatal(err)
		}
		execute(t, conn, "SELECT 1")
		if _, err := pgx.Connect(t.Context(), p.dsn()); err == nil {
			t.Error("a route that is gone lets clients in")
		}
	})
}
