package pgproc_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// childVariable makes the test binary a server in that folder instead.
const childVariable = "LAKEWARD_TEST_PGPROC"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		beChild(dir)
	}
	pgtest.Main(m)
}

// beChild starts a server, says so, and waits to be killed.
func beChild(dir string) {
	c := pgproc.Config{Dir: dir, Settings: quick()}
	err := pgproc.Init(context.Background(), c)
	if err == nil {
		_, err = pgproc.Start(context.Background(), c)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

func quick() map[string]string { return map[string]string{"fsync": "off", "shared_buffers": "16MB"} }

// config returns the configuration of a server whose folder has a path that is too long for a socket.
func config(t *testing.T) pgproc.Config {
	t.Helper()
	return pgproc.Config{
		Dir:      filepath.Join(pgtest.Dir(t), strings.Repeat("a-long-name-", 12), "data"),
		Settings: quick(),
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func initialize(t *testing.T, c pgproc.Config) pgproc.Config {
	t.Helper()
	if err := pgproc.Init(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, c pgproc.Config) *pgproc.Server {
	t.Helper()
	s, err := pgproc.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *pgproc.Server) *pgx.Conn {
	t.Helper()
	c, err := s.ConnConfig("postgres")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t *testing.T, s *pgproc.Server, sql string) {
	t.Helper()
	if _, err := connect(t, s).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, s *pgproc.Server, sql string) string {
	t.Helper()
	var v string
	if err := connect(t, s).QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// running returns the ids of the PostgreSQL processes whose working folder is dir.
func running(t *testing.T, dir string) (pids []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// ends waits until a process has ended, which no event announces to somebody else than its parent.
func ends(t *testing.T, pid string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("process %s still runs", pid)
		}
	}
}

// alive reports whether a process runs; a zombie that nobody has waited for yet does not.
func alive(pid string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z")
}
