package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/proxy"
)

func TestTransactionModeAndRoutes(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	other := l.Instance(t, "spare")

	t.Run("switched under load, no transaction fails", func(t *testing.T) {
		p := l.pooled(t, 3)
		for _, c := range []*lakeward.Connector{l.shop, other} {
			conn, err := c.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			execute(t, conn, "CREATE TABLE orders (id bigint, step int)")
			conn.Close(t.Context())
		}
		var done atomic.Int64
		var stop atomic.Bool
		var writers sync.WaitGroup
		for w := range 8 {
			conn := p.connect(t, fmt.Sprintf("default_query_exec_mode=%s", []string{
				"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol",
			}[w%5]))
			writers.Go(func() {
				for !stop.Load() {
					id := done.Add(1)
					err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
						for step := range 3 {
							if _, err := tx.Exec(t.Context(), "INSERT INTO orders VALUES ($1, $2)", id, step); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
						return
					}
				}
			})
		}
		for range 3 {
			for _, to := range []string{"spare", "shop"} {
				before := done.Load()
				until(t, "transactions are done", func() bool { return done.Load() > before+50 || t.Failed() })
				state, err := p.Order(t.Context(), "shop", "switch", proxy.Order{Instance: to})
				if err != nil || state.Instance != to || state.Paused {
					t.Errorf("%+v %v", state, err)
				}
			}
		}
		stop.Store(true)
		writers.Wait()
		arrived := 0
		for _, c := range []*lakeward.Connector{l.shop, other} {
			conn, err := c.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := value[int](t, conn, "SELECT count(*) FROM (SELECT FROM orders GROUP BY id HAVING count(*) = 3) x")
			if conn.Close(t.Context()); n == 0 {
				t.Error("nothing arrived on one of the instances")
			}
			arrived += n
		}
		if int64(arrived) != done.Load() {
			t.Errorf("%d transactions arrived, %d were done", arrived, done.Load())
		}
	})
	t.Run("a pause waits for transactions, and ends them by force", func(t *testing.T) {
		p := l.pooled(t, 2)
		busy, idle := p.connect(t), p.connect(t)
		execute(t, busy, "BEGIN")
		_, err := p.Order(t.Context(), "shop", "pause", proxy.Order{Within: 50 * time.Millisecond})
		if lakeward.KindOf(err) != lakeward.KindUnavailable {
			t.Errorf("%v", err)
		}
		execute(t, busy, "SELECT 1")
		if _, err := p.Order(t.Context(), "shop", "pause", proxy.Order{Within: 50 * time.Millisecond, Force: true}); err != nil {
			t.Fatal(err)
		}
		_, err = busy.Exec(t.Context(), "COMMIT")
		if c, e := code(err); c != "57P01" || e.Hint == "" {
			t.Errorf("the transaction that was ended by force: %v", err)
		}
		answered := make(chan error, 1)
		go func() {
			_, err := idle.Exec(t.Context(), "SELECT 1")
			answered <- err
		}()
		until(t, "a client waits", func() bool { return p.States()[0].Waiting == 1 })
		if s := p.States()[0]; s.Sessions != 0 {
			t.Errorf("sessions are open during a pause: %+v", s)
		}
		if _, err := p.Order(t.Context(), "shop", "resume", proxy.Order{}); err != nil {
			t.Fatal(err)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		p := l.pooled(t, 2)
		idle, busy := p.connect(t), p.connect(t)
		execute(t, busy, "BEGIN")
		stopped := make(chan struct{})
		go func() { p.stop(); close(stopped) }()
		_, err := idle.WaitForNotification(t.Context())
		if c, _ := code(err); c != "57P01" {
			t.Errorf("the idle client heard: %v", err)
		}
		execute(t, busy, "COMMIT")
		<-stopped
	})
	t.Run("an instance that stops and starts", func(t *testing.T) {
		p := l.pooled(t, 2)
		one, two := p.connect(t), p.connect(t)
		execute(t, one, "BEGIN")
		if _, err := l.Workspace.Stop(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		_, err := one.Exec(t.Context(), "SELECT 1")
		if c, _ := code(err); c != "57P01" {
			t.Errorf("the client inside a transaction heard: %v", err)
		}
		answered := make(chan error, 1)
		go func() {
			_, err := two.Exec(t.Context(), "SELECT 1")
			answered <- err
		}()
		until(t, "the idle client's statement waits", func() bool { return strings.Contains(p.log.String(), "login retried") })
		if _, err := l.Workspace.Start(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		if err := <-answered; err != nil {
			t.Errorf("the client between two transactions: %v", err)
		}
	})
	t.Run("drivers in other languages", func(t *testing.T) {
		p := l.pooled(t, 2)
		for name, script := range map[string]string{"psycopg2": psycopg2Shared, "asyncpg": asyncpgShared} {
			if out := p.tool(t, script, "/usr/bin/python3", "-"); out != "ok\n" {
				t.Errorf("%s: %s", name, out)
			}
		}
	})
	t.Run("replication has a session of its own", func(t *testing.T) {
		p := l.pooled(t, 1)
		conn, err := pgconn.Connect(t.Context(), p.dsn("replication=database"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "IDENTIFY_SYSTEM").ReadAll(); err != nil {
			t.Error(err)
		}
		execute(t, p.connect(t), "SELECT 1")
	})
}

const psycopg2Shared = `
import psycopg2
cs = [psycopg2.connect("") for _ in range(6)]
for n in range(10):
    for i, c in enumerate(cs):
        with c, c.cursor() as cur:
            cur.execute("SET TIME ZONE %s" if n == 0 else "SELECT %s::text", ("Etc/GMT+%d" % i,))
            cur.execute("SHOW timezone")
            assert cur.fetchone()[0] == "Etc/GMT+%d" % i
            cur.execute("SELECT %s::text", ("grün",))
            assert cur.fetchone()[0] == "grün"
print("ok")
`

const asyncpgShared = `
import asyncio, asyncpg
async def client(i):
    c = await asyncpg.connect(ssl="prefer", server_settings={"application_name": "a%d" % i})
    for n in range(20):
        assert await c.fetchval("SELECT $1::int * $2::int", i, n) == i * n
        async with c.transaction():
            assert sum([r["i"] async for r in c.cursor("SELECT generate_series(1, $1::int) AS i", 200)]) == 20100
        assert await c.fetchval("SHOW application_name") == "a%d" % i
    try:
        await c.fetch("SELECT pg_sleep(60)", timeout=0.2)
    except asyncio.TimeoutError:
        assert await c.fetchval("SELECT 'cancelled'") == "cancelled"
    await c.close()
async def main():
    await asyncio.gather(*[client(i) for i in range(8)])
    pool = await asyncpg.create_pool(ssl="prefer", min_size=3, max_size=6)
    async def work(i):
        async with pool.acquire() as c:
            assert await c.fetchval("SELECT $1::text", str(i)) == str(i)
    await asyncio.gather(*[work(i) for i in range(50)])
    await pool.close()
    print("ok")
asyncio.run(main())
`

// TestNoTransactionBeginsInAPause also looks at a pause that still waits, with a session at hand that nobody has.
func TestNoTransactionBeginsInAPause(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	for _, mode := range []string{proxy.ModeSession, proxy.ModeTransaction} {
		t.Run(mode, func(t *testing.T) {
			p := l.start(t, func(r *proxy.RouteConfig) { r.Mode, r.PoolSize = mode, 2 })
			busy, next := p.connect(t), p.connect(t)
			execute(t, busy, "BEGIN")
			execute(t, busy, "SELECT 1")
			execute(t, next, "SELECT 1")
			watcher, err := l.shop.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer watcher.Close(t.Context())
			mark := "begun in a pause, " + mode
			begun := func() int {
				return value[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT ''"+mark+"%'")
			}
			for round := range 3 {
				paused := make(chan error, 1)
				go func() {
					_, err := p.Order(t.Context(), "shop", "pause", proxy.Order{})
					paused <- err
				}()
				until(t, "the route is being paused", func() bool { return p.States()[0].Paused })
				answered := make(chan error, 1)
				go func() {
					_, err := next.Exec(t.Context(), "SELECT '"+mark+"'", pgx.QueryExecModeSimpleProtocol)
					answered <- err
				}()
				for range 20 { // the transaction that runs goes on meanwhile
					execute(t, busy, "SELECT 1")
				}
				if n := begun(); n != 0 {
					t.Errorf("round %d: a transaction has begun", round)
				}
				execute(t, busy, "COMMIT")
				if err := <-paused; err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-answered:
					t.Errorf("round %d: it was let through: %v", round, err)
					answered <- err
				default:
				}
				if _, err := p.Order(t.Context(), "shop", "resume", proxy.Order{}); err != nil {
					t.Fatal(err)
				}
				if err := <-answered; err != nil {
					t.Fatal(err)
				}
				execute(t, next, "SELECT 1")
				execute(t, busy, "BEGIN")
				execute(t, busy, "SELECT 1")
			}
		})
	}
}
