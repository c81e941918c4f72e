package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/proxy"
	"github.com/lakeward/lakeward/lakewardtest"
)

// lake is a local Lakebase with the instance shop, which the subtests of a test share.
type lake struct {
	*lakewardtest.Lakebase
	shop *lakeward.Connector
}

func startLake(t *testing.T) *lake {
	t.Helper()
	l := &lake{Lakebase: lakewardtest.Start(t)}
	l.shop = l.Instance(t, "shop")
	return l
}

// running is a proxy at work.
type running struct {
	*proxy.Server
	addr string // of its first route
	log  *syncBuffer
	stop func() // and wait
}

// connectors makes connectors to the local Lakebase.
func (l *lake) connectors(instance string) *lakeward.Connector {
	return lakeward.NewConnector(l.Workspace, instance, l.Options())
}

// start starts a proxy with one route, which the test may change, and stops it with the test.
func (l *lake) start(t *testing.T, change func(*proxy.RouteConfig)) *running {
	t.Helper()
	route := proxy.RouteConfig{Instance: "shop", Listen: []string{"127.0.0.1:0"}}
	if change != nil {
		change(&route)
	}
	return l.startWith(t, proxy.Config{Routes: []proxy.RouteConfig{route}, Drain: 2 * time.Second}, l.connectors)
}

func (l *lake) startWith(t *testing.T, c proxy.Config, connectors func(string) *lakeward.Connector) *running {
	t.Helper()
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	r := &running{log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if r.Server, err = proxy.New(proxy.Options{Config: c, Connector: connectors, Log: log, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the proxy failed: %v", err)
		}
	})
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", r.log)
		}
	})
	r.addr = r.Addr(c.Routes[0].Name).String()
	return r
}

// dsn is what a client is configured with: no token, no TLS.
func (r *running) dsn(more ...string) string {
	host, port, _ := net.SplitHostPort(r.addr)
	return fmt.Sprintf("host=%s port=%s user=app dbname=databricks_postgres sslmode=disable %s", host, port, strings.Join(more, " "))
}

func (r *running) connect(t *testing.T, more ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.dsn(more...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// tool runs a client program against the proxy.
func (r *running) tool(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := r.try(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func (r *running) try(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	host, port, _ := net.SplitHostPort(r.addr)
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "PGHOST="+host, "PGPORT="+port, "PGUSER=app", "PGDATABASE=databricks_postgres",
		"PGCONNECT_TIMEOUT=60")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// value asks for one value.
func value[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func execute(t *testing.T, conn *pgx.Conn, query string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// until waits until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute) // a gigabyte takes its time on a machine with other work
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func query(text string) *pgproto3.Query { return &pgproto3.Query{String: text} }
