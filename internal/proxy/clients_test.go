package proxy_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestClients(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	p := l.start(t, nil)

	t.Run("pgx", func(t *testing.T) {
		conn := p.connect(t, "application_name=orders")
		direct, err := l.shop.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close(t.Context())
		want := value[string](t, direct, "SELECT current_user")
		if got := value[string](t, conn, "SELECT current_user"); got != want {
			t.Errorf("the session is of %s, want the credential's role %s", got, want)
		}
		if got := value[string](t, conn, "SHOW application_name"); got != "orders" {
			t.Errorf("application_name is %q: the client's parameters were not passed on", got)
		}
	})
	t.Run("psql", func(t *testing.T) {
		for _, mode := range []string{"disable", "prefer"} {
			if out := p.tool(t, "", "psql", "-XAtc", "SELECT 6 * 7", "sslmode="+mode); strings.TrimSpace(out) != "42" {
				t.Errorf("sslmode %s: %s", mode, out)
			}
		}
		if out, err := p.try(t, "", "psql", "-XAtc", "SELECT 1", "sslmode=require"); err == nil || !strings.Contains(out, "server does not support SSL") {
			t.Errorf("sslmode require: %v, %s", err, out)
		}
	})
	t.Run("the user's name as database", func(t *testing.T) {
		conn := p.connect(t, "dbname=app")
		if got := value[string](t, conn, "SELECT current_database()"); got != "databricks_postgres" {
			t.Errorf("the database is %s, want the instance's own", got)
		}
		_, err := pgx.Connect(t.Context(), p.dsn("dbname=nowhere"))
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "3D000" {
			t.Errorf("a database that is not there: %v", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		for _, version := range []string{"3.0", "3.2"} {
			conn := p.connect(t, "max_protocol_version="+version)
			if key := len(conn.PgConn().SecretKey()); (version == "3.2") != (key == 32) {
				t.Errorf("protocol %s: a key of %d bytes", version, key)
			}
			failed := make(chan error, 1)
			go func() {
				_, err := conn.Exec(t.Context(), "SELECT pg_sleep(120)")
				failed <- err
			}()
			watcher := p.connect(t)
			until(t, "the query runs", func() bool {
				return value[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(120)' AND state = 'active'") > 0
			})
			if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*pgconn.PgError](<-failed); !ok || e.Code != "57014" {
				t.Errorf("protocol %s: the query was not cancelled: %v", version, e)
			}
			if got := value[int](t, conn, "SELECT 1"); got != 1 {
				t.Error("the session did not survive")
			}
		}
	})
	t.Run("a client that vanishes frees its query", func(t *testing.T) {
		conn, err := pgconn.Connect(t.Context(), p.dsn())
		if err != nil {
			t.Fatal(err)
		}
		conn.Frontend().SendQuery(query("SELECT pg_sleep(121)"))
		if err := conn.Frontend().Flush(); err != nil {
			t.Fatal(err)
		}
		watcher := p.connect(t)
		running := func() bool {
			return value[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(121)' AND state = 'active'") > 0
		}
		until(t, "the query runs", running)
		conn.Conn().Close()
		until(t, "the query has ended", func() bool { return !running() })
	})
	t.Run("notifications", func(t *testing.T) {
		listener, sender := p.connect(t), p.connect(t)
		execute(t, listener, "LISTEN news")
		execute(t, sender, "SELECT pg_notify('news', 'hello')")
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		n, err := listener.WaitForNotification(ctx)
		if err != nil || n.Payload != "hello" {
			t.Errorf("%v %v", n, err)
		}
	})
	t.Run("copy 100 MB both ways", func(t *testing.T) {
		conn := p.connect(t)
		execute(t, conn, "CREATE TABLE copied (line text)")
		line := strings.Repeat("x", 999) + "\n"
		const lines = 100_000
		tag, err := conn.PgConn().CopyFrom(t.Context(), io.LimitReader(&repeat{text: line}, lines*1000), "COPY copied FROM STDIN")
		if err != nil || tag.RowsAffected() != lines {
			t.Fatalf("%v %v", tag, err)
		}
		var sink counter
		if _, err := conn.PgConn().CopyTo(t.Context(), &sink, "COPY copied TO STDOUT"); err != nil || sink != lines*1000 {
			t.Errorf("%d bytes came back: %v", sink, err)
		}
	})
	t.Run("a row of 100 MB", func(t *testing.T) {
		conn := p.connect(t)
		if got := value[string](t, conn, "SELECT repeat('x', 100000000)"); len(got) != 100_000_000 {
			t.Errorf("%d bytes came back", len(got))
		}
	})
	t.Run("a pipeline", func(t *testing.T) {
		conn := p.connect(t)
		var batch pgx.Batch
		for i := range 2000 {
			batch.Queue("SELECT $1::int", i)
		}
		results := conn.SendBatch(t.Context(), &batch)
		for i := range 2000 {
			var got int
			if err := results.QueryRow().Scan(&got); err != nil || got != i {
				t.Fatalf("answer %d is %d: %v", i, got, err)
			}
		}
		if err := results.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("pgbench", func(t *testing.T) {
		p.tool(t, "", "pgbench", "-i", "-q", "-s", "1")
		for _, mode := range []string{"simple", "extended", "prepared"} {
			out := p.tool(t, "", "pgbench", "-n", "-M", mode, "-c", "8", "-j", "2", "-t", "50")
			if !strings.Contains(out, "number of transactions actually processed: 400/400") {
				t.Errorf("mode %s:\n%s", mode, out)
			}
		}
	})
	t.Run("pg_dump", func(t *testing.T) {
		out := p.tool(t, "", "pg_dump", "-t", "pgbench_accounts")
		if strings.Count(out, "\n") < 100_000 || !strings.Contains(out, "PostgreSQL database dump complete") {
			t.Errorf("the dump has %d lines", strings.Count(out, "\n"))
		}
	})
	t.Run("replication", func(t *testing.T) {
		conn, err := pgconn.Connect(t.Context(), p.dsn("replication=database"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "IDENTIFY_SYSTEM").ReadAll(); err != nil {
			t.Error(err)
		}
	})
	t.Run("psycopg2", func(t *testing.T) {
		const python = "/usr/bin/python3"
		if _, err := p.try(t, "", python, "-c", "import psycopg2"); err != nil {
			t.Fatalf("psycopg2 is not installed, tools/setup.sh clients does that: %v", err)
		}
		out := p.tool(t, `
import psycopg2
c = psycopg2.connect("")
with c, c.cursor() as cur:
    cur.execute("SELECT %s::text", ("grün",))
    print(cur.fetchone()[0])
`, python, "-")
		if strings.TrimSpace(out) != "grün" {
			t.Error(out)
		}
	})
	t.Run("asyncpg", func(t *testing.T) {
		const python = "/usr/bin/python3"
		if _, err := p.try(t, "", python, "-c", "import asyncpg"); err != nil {
			t.Fatalf("asyncpg is not installed, tools/setup.sh clients does that: %v", err)
		}
		out := p.tool(t, `
import asyncio, asyncpg
async def main():
    c = await asyncpg.connect(ssl="prefer")
    async with c.transaction():
        print(sum([r["i"] async for r in c.cursor("SELECT generate_series(1, $1::int) AS i", 1000)]))
    await c.execute("CREATE TEMP TABLE copied (i int)")
    await c.copy_records_to_table("copied", records=[(i,) for i in range(1000)])
    print(await c.fetchval("SELECT sum(i) FROM copied"))
    try:
        await c.fetch("SELECT pg_sleep(60)", timeout=0.2)
    except asyncio.TimeoutError:
        print(await c.fetchval("SELECT 'cancelled'"))
    await c.close()
asyncio.run(main())
`, python, "-")
		if out != "500500\n499500\ncancelled\n" {
			t.Error(out)
		}
	})
	t.Run("the token is seen nowhere", func(t *testing.T) {
		if strings.Contains(p.log.String(), "eyJ") {
			t.Error("there is something like a token in the log")
		}
		if !strings.Contains(p.log.String(), "application=orders") {
			t.Error("the log does not say who came")
		}
	})
}

// repeat reads a text over and over.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(b []byte) (n int, err error) {
	for n < len(b) {
		m := copy(b[n:], r.text[r.at:])
		n += m
		r.at = (r.at + m) % len(r.text)
	}
	return n, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
