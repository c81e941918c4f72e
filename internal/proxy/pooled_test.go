package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/proxy"
)

// pooled starts a proxy in transaction mode with few sessions.
func (l *lake) pooled(t *testing.T, size int) *running {
	t.Helper()
	return l.start(t, func(r *proxy.RouteConfig) { r.Mode, r.PoolSize, r.Wait = proxy.ModeTransaction, size, 20*time.Second })
}

func TestTransactionMode(t *testing.T) {
	t.Parallel()
	l := startLake(t)

	t.Run("clients share sessions, in every mode of pgx", func(t *testing.T) {
		p := l.pooled(t, 2)
		execute(t, p.connect(t), "CREATE TABLE sums (client int, n bigint)")
		modes := []pgx.QueryExecMode{
			pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
			pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
		}
		var clients sync.WaitGroup
		for i := range 20 {
			conn := p.connect(t, fmt.Sprintf("application_name=client%d", i%7))
			clients.Go(func() {
				mode := modes[i%len(modes)]
				for n := range 30 {
					err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
						var name string
						var sum int
						if err := tx.QueryRow(t.Context(), "SELECT current_setting('application_name'), $1::int + $2::int", mode, n, i).Scan(&name, &sum); err != nil {
							return err
						}
						if name != fmt.Sprintf("client%d", i%7) || sum != n+i {
							return fmt.Errorf("client %d is %s, and the sum %d", i, name, sum)
						}
						_, err := tx.Exec(t.Context(), "INSERT INTO sums VALUES ($1, $2)", mode, i, n)
						return err
					})
					if err != nil {
						t.Errorf("mode %s: %v", mode, err)
						return
					}
					var got int
					if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM sums WHERE client = $1", mode, i).Scan(&got); err != nil || got != n+1 {
						t.Errorf("mode %s: %d rows, want %d: %v", mode, got, n+1, err)
						return
					}
				}
			})
		}
		clients.Wait()
		if s := p.States()[0]; s.Sessions > 2 || s.Clients < 20 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("pgbench", func(t *testing.T) {
		p := l.pooled(t, 3)
		p.tool(t, "", "pgbench", "-i", "-q", "-s", "1")
		for _, mode := range []string{"simple", "extended", "prepared"} {
			out := p.tool(t, "", "pgbench", "-n", "-M", mode, "-c", "8", "-j", "8", "-t", "50")
			if !strings.Contains(out, "number of transactions actually processed: 400/400") {
				t.Errorf("mode %s:\n%s", mode, out)
			}
		}
		if s := p.States()[0]; s.Sessions > 3 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("what a client sets goes with it, and to nobody else", func(t *testing.T) {
		p := l.pooled(t, 1)
		one, two := p.connect(t, "timezone=Asia/Tokyo datestyle=German extra_float_digits=1"), p.connect(t)
		execute(t, one, "SET statement_timeout TO '123s'")
		execute(t, one, "SET client_encoding TO 'LATIN1'")
		execute(t, two, "BEGIN; SET LOCAL lock_timeout TO '5s'; COMMIT")
		for range 3 {
			for _, c := range []struct {
				conn                  *pgx.Conn
				timeout, zone, digits string
			}{{one, "123s", "Asia/Tokyo", "1"}, {two, "0", value[string](t, two, "SHOW timezone"), "1"}} {
				if got := value[string](t, c.conn, "SHOW statement_timeout"); got != c.timeout && !(c.timeout == "123s" && got == "2min 3s") {
					t.Errorf("statement_timeout is %s, want %s", got, c.timeout)
				}
				if got := value[string](t, c.conn, "SHOW timezone"); got != c.zone {
					t.Errorf("timezone is %s, want %s", got, c.zone)
				}
			}
			if got := value[string](t, one, "SHOW client_encoding"); got != "LATIN1" {
				t.Errorf("client_encoding is %s", got)
			}
			if got := value[string](t, two, "SHOW datestyle"); strings.HasPrefix(got, "German") {
				t.Errorf("datestyle is %s", got)
			}
		}
		if got := one.PgConn().ParameterStatus("DateStyle"); !strings.HasPrefix(got, "German") {
			t.Errorf("the client was told %s", got)
		}
		if _, err := pgx.Connect(t.Context(), p.dsn("datestyle=nonsense")); err == nil || !strings.Contains(err.Error(), "DateStyle") {
			t.Errorf("a setting that cannot be: %v", err)
		}
	})
	t.Run("what a client leaves behind, no other one finds", func(t *testing.T) {
		p := l.pooled(t, 1)
		one, two := p.connect(t), p.connect(t)
		for _, leaves := range []string{
			"CREATE TEMP TABLE mine (i int)", "SELECT pg_advisory_lock(42)", "PREPARE theirs AS SELECT 1", "LISTEN news",
			"SELECT set_config('app.tenant', '7', false)", "SET ROLE none", "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
		} {
			execute(t, one, leaves)
			const left = `SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema())
				+ (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
				+ (SELECT count(*) FROM pg_prepared_statements WHERE from_sql)
				+ (SELECT count(*) FROM pg_listening_channels()) + (SELECT count(*) FROM pg_cursors WHERE is_holdable)
				+ (coalesce(current_setting('app.tenant', true), '') <> '')::int`
			if got := value[int](t, two, left); got != 0 {
				t.Errorf("%s: %d things are left", leaves, got)
			}
		}
	})
	t.Run("prepared statements", func(t *testing.T) {
		p := l.pooled(t, 1)
		one, two := p.connect(t), p.connect(t)
		for _, conn := range []*pgx.Conn{one, two} {
			if _, err := conn.Prepare(t.Context(), "twice", "SELECT $1::int * 2"); err != nil {
				t.Fatal(err)
			}
		}
		if got := value[int](t, one, "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int * 2'"); got != 1 {
			t.Errorf("the instance has the statement %d times", got)
		}
		execute(t, one, "DEALLOCATE twice")
		if _, err := one.Exec(t.Context(), "twice", pgx.QueryExecModeExec, 4); err == nil {
			t.Error("a statement is there that was deallocated")
		}
		if got := value[int](t, two, "twice", 21); got != 42 {
			t.Error(got)
		}
		_, err := two.PgConn().Prepare(t.Context(), "twice", "SELECT 3", nil)
		if c, _ := code(err); c != "42P05" {
			t.Errorf("a name that is taken: %v", err)
		}
		for _, all := range []string{"DEALLOCATE ALL", "DISCARD ALL"} {
			if _, err := two.PgConn().Prepare(t.Context(), "again", "SELECT 3", nil); err != nil {
				t.Errorf("after an error: %v", err)
			}
			execute(t, two, all)
		}
		for i := range 450 { // more than a session keeps
			if _, err := one.PgConn().Prepare(t.Context(), fmt.Sprint("n", i), fmt.Sprintf("SELECT %d", i), nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 450 {
			r := one.PgConn().ExecPrepared(t.Context(), fmt.Sprint("n", i), nil, nil, nil).Read()
			if r.Err != nil || string(r.Rows[0][0]) != fmt.Sprint(i) {
				t.Fatalf("statement %d: %v", i, r.Err)
			}
		}
		if got := value[int](t, one, "SELECT count(*) FROM pg_prepared_statements"); got > 201 {
			t.Errorf("the session has %d statements", got)
		}
		execute(t, two, "CREATE TABLE grows (a int); INSERT INTO grows VALUES (1)")
		rows := func(conn *pgx.Conn) error { _, err := conn.Exec(t.Context(), "SELECT * FROM grows"); return err }
		if err := errors.Join(rows(one), rows(two)); err != nil {
			t.Fatal(err)
		}
		execute(t, two, "ALTER TABLE grows ADD b int")
		failed := 0
		for range 3 {
			if rows(one) != nil || rows(two) != nil {
				failed++ // pgx prepares it again
			}
		}
		if failed > 2 || rows(one) != nil || rows(two) != nil {
			t.Errorf("%d attempts failed after the table had changed", failed)
		}
	})
	t.Run("errors in the middle of a pipeline", func(t *testing.T) {
		p := l.pooled(t, 1)
		one, other := p.connect(t).PgConn(), p.connect(t)
		for range 3 {
			pipe := one.StartPipeline(t.Context())
			pipe.SendPrepare("good", "SELECT 1", nil)
			pipe.SendQueryPrepared("good", nil, nil, nil)
			pipe.SendQueryParams("SELECT 1/0", nil, nil, nil, nil)
			pipe.SendPrepare("late", "SELECT 2", nil)
			pipe.SendDeallocate("good")
			if err := pipe.Sync(); err != nil {
				t.Fatal(err)
			}
			pipe.SendQueryPrepared("good", nil, nil, nil)
			pipe.SendDeallocate("good")
			if err := pipe.Sync(); err != nil {
				t.Fatal(err)
			}
			pipe.SendQueryPrepared("late", nil, nil, nil)
			if err := pipe.Sync(); err != nil {
				t.Fatal(err)
			}
			var seen []string
			for {
				r, err := pipe.GetResults()
				if err != nil {
					c, _ := code(err)
					seen = append(seen, c)
					continue
				}
				switch r := r.(type) {
				case *pgconn.ResultReader:
					res := r.Read()
					if c, _ := code(res.Err); c != "" {
						seen = append(seen, c)
					} else {
						seen = append(seen, "row")
					}
				case *pgconn.StatementDescription:
					seen = append(seen, "prepared")
				case *pgconn.CloseComplete:
					seen = append(seen, "closed")
				case *pgconn.PipelineSync:
					seen = append(seen, "sync")
				}
				if r == nil {
					break
				}
			}
			if err := pipe.Close(); err != nil {
				t.Fatal(err)
			}
			const want = "prepared row 22012 sync row closed sync 26000 sync"
			if got := strings.Join(seen, " "); got != want {
				t.Fatalf("the client saw %s, want %s", got, want)
			}
			if got := value[int](t, other, "SELECT 1"); got != 1 {
				t.Error(got)
			}
		}
	})
	t.Run("copy both ways", func(t *testing.T) {
		p := l.pooled(t, 1)
		one, other := p.connect(t), p.connect(t)
		execute(t, one, "CREATE TABLE copied (line text)")
		line := strings.Repeat("x", 999) + "\n"
		for range 2 {
			tag, err := one.PgConn().CopyFrom(t.Context(), io.LimitReader(&repeat{text: line}, 10_000*1000), "COPY copied FROM STDIN")
			if err != nil || tag.RowsAffected() != 10_000 {
				t.Fatalf("%v %v", tag, err)
			}
			var sink counter
			if _, err := other.PgConn().CopyTo(t.Context(), &sink, "COPY copied TO STDOUT"); err != nil || sink == 0 {
				t.Errorf("%d bytes came back: %v", sink, err)
			}
			_, err = one.PgConn().CopyFrom(t.Context(), io.LimitReader(&repeat{text: line}, 10_000*1000), "COPY copied (line, line) FROM STDIN")
			if c, _ := code(err); c != "42701" {
				t.Errorf("a COPY that fails: %v", err)
			}
			execute(t, one, "SELECT 1")
		}
		for range 3 { // as libpq's PQexecParams does: Sync after the statement, and again after the data
			f := one.PgConn().Frontend()
			f.Send(&pgproto3.Parse{Query: "COPY copied FROM STDIN"})
			f.Send(&pgproto3.Bind{})
			f.Send(&pgproto3.Execute{})
			f.Send(&pgproto3.Sync{})
			f.Send(&pgproto3.CopyData{Data: []byte(line)})
			f.Send(&pgproto3.CopyDone{})
			f.Send(&pgproto3.Sync{})
			if err := f.Flush(); err != nil {
				t.Fatal(err)
			}
			for ready := false; !ready; {
				m, err := f.Receive()
				if err != nil {
					t.Fatal(err)
				}
				_, ready = m.(*pgproto3.ReadyForQuery)
			}
			execute(t, other, "SELECT 1")
		}
	})
	t.Run("cancel reaches the session that runs the query", func(t *testing.T) {
		p := l.pooled(t, 2)
		one, watcher := p.connect(t), p.connect(t)
		failed := make(chan error, 1)
		go func() {
			_, err := one.Exec(t.Context(), "SELECT pg_sleep(118)")
			failed <- err
		}()
		until(t, "the query runs", func() bool {
			return value[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(118)' AND state = 'active'") > 0
		})
		if err := one.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c, _ := code(<-failed); c != "57014" {
			t.Errorf("the query was not cancelled: %s", c)
		}
		if err := one.PgConn().CancelRequest(t.Context()); err != nil { // there is nothing to cancel
			t.Fatal(err)
		}
		execute(t, one, "SELECT 1")
		execute(t, watcher, "SELECT 1")
	})
	t.Run("cancel ends the waiting for a session", func(t *testing.T) {
		p := l.pooled(t, 1)
		holder := p.connect(t)
		execute(t, holder, "BEGIN")
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
			one := p.connect(t)
			failed := make(chan error, 1)
			go func() {
				_, err := one.Exec(t.Context(), "SELECT pg_sleep(117)", mode)
				failed <- err
			}()
			until(t, "it waits", func() bool { return p.States()[0].Waiting == 1 })
			if err := one.PgConn().CancelRequest(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c, _ := code(<-failed); c != "57014" {
				t.Errorf("mode %s: the statement was not cancelled: %s", mode, c)
			}
			execute(t, holder, "COMMIT")
			execute(t, one, "SELECT 1")
			execute(t, holder, "BEGIN")
		}
	})
	t.Run("clients that leave", func(t *testing.T) {
		p := l.pooled(t, 1)
		keeper := p.connect(t)
		execute(t, keeper, "CREATE TABLE left_behind (i int)")
		for _, polite := range []bool{true, false} {
			conn, err := pgconn.Connect(t.Context(), p.dsn())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "BEGIN; INSERT INTO left_behind VALUES (1)").ReadAll(); err != nil {
				t.Fatal(err)
			}
			if polite {
				conn.Close(t.Context())
			} else {
				conn.Conn().Close()
			}
			if got := value[int](t, keeper, "SELECT count(*) FROM left_behind"); got != 0 {
				t.Errorf("%d rows of a transaction that was not finished", got)
			}
		}
		conn, err := pgconn.Connect(t.Context(), p.dsn())
		if err != nil {
			t.Fatal(err)
		}
		conn.Frontend().SendQuery(query("INSERT INTO left_behind SELECT 1 FROM pg_sleep(0.2)"))
		conn.Frontend().Send(&pgproto3.Terminate{})
		if err := conn.Frontend().Flush(); err != nil {
			t.Fatal(err)
		}
		conn.Conn().Close()
		until(t, "what it had sent has run", func() bool { return value[int](t, keeper, "SELECT count(*) FROM left_behind") == 1 })
	})
	t.Run("a queue, and its end", func(t *testing.T) {
		p := l.start(t, func(r *proxy.RouteConfig) { r.Mode, r.PoolSize, r.Wait = proxy.ModeTransaction, 1, 2*time.Second })
		one, two := p.connect(t), p.connect(t)
		execute(t, one, "BEGIN")
		_, err := two.Exec(t.Context(), "SELECT 1")
		if c, e := code(err); c != "53300" || e.Hint == "" {
			t.Errorf("the second client: %v", err)
		}
		three := p.connect(t)
		answered := make(chan error, 1)
		go func() {
			_, err := three.Exec(t.Context(), "SELECT 1")
			answered <- err
		}()
		until(t, "it waits", func() bool { return p.States()[0].Waiting == 1 })
		execute(t, one, "COMMIT")
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
	t.Run("sessions that are old or idle end", func(t *testing.T) {
		p := l.start(t, func(r *proxy.RouteConfig) {
			r.Mode, r.Lifetime, r.Idle = proxy.ModeTransaction, time.Hour, time.Millisecond
		})
		conn := p.connect(t)
		execute(t, conn, "SELECT 1")
		until(t, "no session is left", func() bool { return p.States()[0].Sessions == 0 })
		if got := value[int](t, conn, "SELECT 1"); got != 1 {
			t.Error(got)
		}
		if out := p.tool(t, "", "pg_dump", "-s", "-t", "copied"); !strings.Contains(out, "dump complete") {
			t.Error(out)
		}
	})
}
