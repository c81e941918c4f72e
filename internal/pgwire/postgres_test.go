package pgwire_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/pgwire"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// servePostgres puts a Server before a real PostgreSQL. The config logs in through it to a database of the test's own.
func servePostgres(t testing.TB) (*gate, *pgx.ConnConfig) {
	t.Helper()
	behind, err := pgx.ParseConfig(pgtest.DB(t))
	if err != nil {
		t.Fatal(err)
	}
	g := serve(t, &pgwire.Server{
		Authenticate: func(_ context.Context, l pgwire.Login) error {
			if l.Password != password {
				return errors.New("wrong password")
			}
			return nil
		},
		Dial: func(ctx context.Context) (net.Conn, error) {
			network, address := pgconn.NetworkAddress(behind.Host, behind.Port)
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	c, err := pgx.ParseConfig("sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	c.Config = *g.config(t, "dbname="+behind.Database)
	c.User = behind.User
	return g, c
}

func open(t testing.TB, c *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), c.Copy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// until polls a boolean query. PostgreSQL itself does the waiting.
func until(t *testing.T, conn *pgx.Conn, query string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ok := false; !ok; {
		query := fmt.Sprintf(`SELECT (%s) FROM pg_sleep(0.01)`, query)
		if err := conn.QueryRow(ctx, query, args...).Scan(&ok); err != nil {
			t.Fatalf("%s does not become true: %v", query, err)
		}
	}
}

func TestPgxInEveryMode(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
		c := c.Copy()
		c.DefaultQueryExecMode = mode
		conn := open(t, c)
		var user, text string
		if err := conn.QueryRow(t.Context(), "SELECT current_user, $1::text || '!'", "grüß dich").Scan(&user, &text); err != nil {
			t.Fatalf("%v: %v", mode, err)
		}
		if user != c.User || text != "grüß dich!" {
			t.Errorf("%v: got %q, %q", mode, user, text)
		}
	}
}

func TestPipelineAndErrors(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	conn := open(t, c)
	p := conn.PgConn().StartPipeline(t.Context())
	for range 200 {
		p.SendQueryParams("SELECT 1", nil, nil, nil, nil)
	}
	p.SendQueryParams("SELECT 1/0", nil, nil, nil, nil)
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	results := 0
	var failure *pgconn.PgError
	for {
		r, err := p.GetResults()
		if err != nil {
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			continue
		}
		if _, ok := r.(*pgconn.PipelineSync); ok {
			break
		}
		if res := r.(*pgconn.ResultReader).Read(); res.Err == nil {
			results++
		} else if !errors.As(res.Err, &failure) {
			t.Fatal(res.Err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if results != 200 || failure == nil || failure.Code != "22012" {
		t.Errorf("%d results and error %v", results, failure)
	}
}

func TestCopyBothWays(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	conn := open(t, c)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE words (n int, word text)"); err != nil {
		t.Fatal(err)
	}
	const n = 50_000
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "%d\tword number %d\n", i, i)
	}
	if _, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(in.String()), "COPY words FROM STDIN"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := conn.PgConn().CopyTo(t.Context(), &out, "COPY (SELECT * FROM words ORDER BY n) TO STDOUT"); err != nil {
		t.Fatal(err)
	}
	if in.String() != out.String() {
		t.Errorf("%d bytes went in and other %d came out", in.Len(), out.Len())
	}
}

func TestListenAndNotify(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	listener, speaker := open(t, c), open(t, c)
	if _, err := listener.Exec(t.Context(), "LISTEN news"); err != nil {
		t.Fatal(err)
	}
	if _, err := speaker.Exec(t.Context(), "NOTIFY news, 'it works'"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := listener.WaitForNotification(ctx)
	if err != nil || n.Payload != "it works" {
		t.Errorf("heard %v, %v", n, err)
	}
}

func TestCancelStopsAStatement(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	sleeper, watcher := open(t, c), open(t, c)
	failed := make(chan error, 1)
	pid := sleeper.PgConn().PID()
	go func() {
		_, err := sleeper.Exec(context.WithoutCancel(t.Context()), "SELECT pg_sleep(600)")
		failed <- err
	}()
	until(t, watcher, "EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND query ~ 'pg_sleep.600')", pid)
	if err := sleeper.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := wait(t, failed, "the statement goes on")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "57014" {
		t.Errorf("the statement ended with %v", err)
	}
}

func TestVanishedClientFreesPostgres(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	doomed, watcher := open(t, c), open(t, c)
	pid := doomed.PgConn().PID()
	f := doomed.PgConn().Frontend()
	f.SendQuery(&pgproto3.Query{String: "SELECT pg_sleep(600)"})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	until(t, watcher, "EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND query ~ 'pg_sleep.600')", pid)
	_ = doomed.PgConn().Conn().Close()
	until(t, watcher, "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)
}

func TestTerminatedBackendReachesItsClient(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	victim, killer := open(t, c), open(t, c)
	if _, err := killer.Exec(t.Context(), "SELECT pg_terminate_backend($1)", victim.PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := victim.WaitForNotification(ctx)
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "57P01" {
		t.Errorf("the client saw %v", err)
	}
}

func TestReplicationConnection(t *testing.T) {
	t.Parallel()
	_, c := servePostgres(t)
	c.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(t.Context(), &c.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	got, err := conn.Exec(t.Context(), "IDENTIFY_SYSTEM").ReadAll()
	if err != nil || len(got) != 1 || len(got[0].Rows) != 1 || string(got[0].Rows[0][3]) != c.Database {
		t.Errorf("IDENTIFY_SYSTEM: %v, %v", got, err)
	}
}

func TestPsql(t *testing.T) {
	t.Parallel()
	g, c := servePostgres(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	psql := func(sslmode, password string) (string, error) {
		dsn := fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=%s sslrootcert=%s", c.Host, c.Port, c.User, c.Database, sslmode, ca)
		cmd := exec.CommandContext(t.Context(), "psql", "-X", "-A", "-t", "-c", `SELECT 'as ' || current_user`, dsn)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	for _, mode := range []string{"prefer", "require", "verify-full"} {
		if got, err := psql(mode, password); err != nil || got != "as "+c.User {
			t.Errorf("sslmode=%s: %q, %v", mode, got, err)
		}
	}
	for mode, want := range map[string]string{"disable": "Invalid protocol version: 196608", "require": `password authentication failed for user "` + c.User} {
		if got, err := psql(mode, "wrong"); err == nil || !strings.Contains(got, want) {
			t.Errorf("sslmode=%s with a wrong password: %q, %v", mode, got, err)
		}
	}
}

// A row passes through a buffer of fixed size, however large it is. Not parallel: it looks at all that the process holds.
func TestMemoryStaysFlat(t *testing.T) {
	_, c := servePostgres(t)
	pg, err := pgconn.ConnectConfig(t.Context(), &c.Config)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pg.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Conn.Close()
	const size = 64 << 20
	query, err := (&pgproto3.Query{String: fmt.Sprintf("SELECT repeat('x', %d)", size)}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	alive := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := alive()
	send(t, h.Conn, string(query))
	for part := range 4 {
		if _, err := io.CopyN(io.Discard, h.Conn, size/4); err != nil {
			t.Fatal(err)
		}
		if now := alive(); now > before+size/32 {
			t.Errorf("%d MB are held after %d quarters of a row of %d MB", (now-before)>>20, part+1, size>>20)
		}
	}
}
