package proxy_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/proxy"
)

// TestPrograms runs programs of PostgreSQL through both modes.
func TestPrograms(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	for _, mode := range []string{proxy.ModeSession, proxy.ModeTransaction} {
		t.Run(mode, func(t *testing.T) {
			p := l.start(t, func(r *proxy.RouteConfig) { r.Mode, r.PoolSize = mode, 3 })
			conn := p.connect(t)

			t.Run("pg_dump and pg_restore", func(t *testing.T) {
				execute(t, conn, "CREATE TABLE kept (id int PRIMARY KEY, body text)")
				execute(t, conn, "INSERT INTO kept SELECT i, repeat('x', i % 500) FROM generate_series(1, 20000) i")
				const sum = "SELECT md5(string_agg(id || body, ',' ORDER BY id)) FROM kept"
				before := value[string](t, conn, sum)
				file := filepath.Join(t.TempDir(), "kept.dump")
				p.tool(t, "", "pg_dump", "-Fc", "-t", "kept", "-f", file)
				execute(t, conn, "DROP TABLE kept")
				p.tool(t, "", "pg_restore", "--no-owner", "--exit-on-error", "-d", "databricks_postgres", file)
				if after := value[string](t, conn, sum); after != before {
					t.Error("it is not what was dumped")
				}
				execute(t, conn, "DROP TABLE kept")
			})
			t.Run("a stream of changes", func(t *testing.T) {
				slot := "proxy_" + mode
				p.tool(t, "", "pg_recvlogical", "-d", "databricks_postgres", "-S", slot, "-P", "test_decoding", "--create-slot")
				execute(t, conn, "CREATE TABLE changed (body text)")
				execute(t, conn, "INSERT INTO changed VALUES ('seen through the proxy')")
				end := value[string](t, conn, "SELECT pg_current_wal_lsn()::text")
				execute(t, conn, "DROP TABLE changed") // something after the end, or the program would wait for it
				out := p.tool(t, "", "pg_recvlogical", "-d", "databricks_postgres", "-S", slot, "--start", "-f", "-", "--endpos", end)
				if !strings.Contains(out, "seen through the proxy") {
					t.Error(out)
				}
				p.tool(t, "", "pg_recvlogical", "-d", "databricks_postgres", "-S", slot, "--drop-slot")
			})
		})
	}
}

// TestEncryptionIsDeclined asks for each kind of encryption before the login, as libpq does.
func TestEncryptionIsDeclined(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	p := l.start(t, nil)
	for _, asked := range [][]pgproto3.FrontendMessage{
		{&pgproto3.GSSEncRequest{}, &pgproto3.SSLRequest{}}, {&pgproto3.SSLRequest{}, &pgproto3.GSSEncRequest{}}, {&pgproto3.GSSEncRequest{}},
	} {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, m := range asked {
			b, err := m.Encode(nil)
			if err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 1)
			if _, err := conn.Write(b); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
				t.Errorf("%T is answered with %q, %v", m, answer, err)
			}
		}
		f := pgproto3.NewFrontend(conn, conn)
		f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "app"}})
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		if m, err := f.Receive(); err != nil {
			t.Error(err)
		} else if _, ok := m.(*pgproto3.AuthenticationOk); !ok {
			t.Errorf("the login is answered with %T", m)
		}
	}
}

// rowMegabytes is the size of the large row; with -tags soak it is a gigabyte.
var rowMegabytes = 150

// TestALargeRowNeedsNoMemory reads a row that is larger than what the proxy may keep of it.
func TestALargeRowNeedsNoMemory(t *testing.T) {
	l := startLake(t)
	p := l.start(t, nil)
	conn, err := pgconn.Connect(t.Context(), p.dsn())
	if err != nil {
		t.Fatal(err)
	}
	h, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Conn.Close()
	b, err := query(fmt.Sprintf("SELECT repeat('x', %d000000)", rowMegabytes)).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Conn.Write(b); err != nil {
		t.Fatal(err)
	}
	watcher := p.connect(t)
	until(t, "the row waits for its client, all the way to the server", func() bool {
		return value[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") == 1
	})
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	buffer := make([]byte, 256<<10)
	most, total := uint64(0), 0
	head := make([]byte, 5)
	for done := false; !done; {
		if _, err := io.ReadFull(h.Conn, head); err != nil {
			t.Fatal(err)
		}
		done = head[0] == 'Z'
		for rest := int(binary.BigEndian.Uint32(head[1:])) - 4; rest > 0; {
			n, err := h.Conn.Read(buffer[:min(rest, len(buffer))])
			if err != nil {
				t.Fatal(err)
			}
			if rest -= n; total/(8<<20) != (total+n)/(8<<20) {
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
			total += n
		}
	}
	if total < rowMegabytes*1_000_000 {
		t.Errorf("%d bytes came", total)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 50<<20 {
		t.Errorf("the heap has grown by %d MB", grown>>20)
	}
}

// TestIdleSessionsNeedNoGoroutine lets clients be idle. A goroutine for each was a third of their memory.
func TestIdleSessionsNeedNoGoroutine(t *testing.T) {
	l := startLake(t)
	p := l.start(t, nil)
	working := func() (n int) {
		var stacks strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			t.Fatal(err)
		}
		for one := range strings.SplitSeq(stacks.String(), "\n\n") {
			if strings.Contains(one, "lakeward/internal/proxy.") {
				n++
			}
		}
		return n
	}
	p.connect(t)
	before := working()
	const clients = 30
	for range clients {
		if got := value[int](t, p.connect(t), "SELECT 1"); got != 1 {
			t.Fatal(got)
		}
	}
	until(t, "what was done for the logins has ended", func() bool { return working() <= before })
}
