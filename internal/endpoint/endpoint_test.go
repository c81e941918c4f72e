package endpoint_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	dsn := s.dsn(e, ownerName, token, lakeward.DefaultDatabase)

	t.Run("passes psql with a verified certificate", func(t *testing.T) {
		got, err := psql(t, dsn, "SELECT current_user")
		if err != nil || got != ownerName {
			t.Errorf("psql: %q, %v", got, err)
		}
	})
	t.Run("passes pgx with a verified certificate", func(t *testing.T) {
		if got := value[string](t, s.owner(e), "SELECT current_user::text"); got != ownerName {
			t.Errorf("current_user = %q", got)
		}
	})
	t.Run("is refused with another password", func(t *testing.T) {
		out, err := psql(t, s.dsn(e, ownerName, "stale", lakeward.DefaultDatabase), "SELECT 1")
		want := `FATAL:  password authentication failed for user "` + ownerName + `"`
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("psql said %q, want %q", out, want)
		}
	})
	t.Run("is refused without TLS", func(t *testing.T) {
		out, err := psql(t, strings.Replace(dsn, "verify-full", "disable", 1), "SELECT 1")
		if want := "Invalid protocol version: 196608"; err == nil || !strings.Contains(out, want) {
			t.Errorf("psql said %q, want %q", out, want)
		}
	})
	t.Run("is refused to the superuser, system roles and strangers", func(t *testing.T) {
		for _, user := range []string{"cloud_admin", "databricks_superuser", "pg_monitor", "nobody"} {
			if got := s.login(e, user, token); got != "28P01" {
				t.Errorf("login of %s: %q, want 28P01", user, got)
			}
		}
	})
	t.Run("says that a database does not exist", func(t *testing.T) {
		_, err := pgx.Connect(t.Context(), s.dsn(e, ownerName, token, "nowhere"))
		if got := sqlState(err); got != "3D000" {
			t.Errorf("connect: %v", err)
		}
	})
}

func TestCancelRequest(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	conn, watcher := s.owner(e), s.owner(e)

	failed := make(chan error)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT pg_sleep(600)")
		failed <- err
	}()
	const sleeps = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active')`
	eventually(t, func() bool { return value[bool](t, watcher, sleeps, conn.PgConn().PID()) })
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; sqlState(err) != "57014" {
		t.Errorf("query ended with %v, want 57014", err)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	first := s.start(o)
	mustExec(t, s.owner(first),
		"CREATE TABLE t AS SELECT 42 AS n", "SELECT databricks_create_role('app', 'SERVICE_PRINCIPAL')")
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := first.Err(); err != nil {
		t.Errorf("a stopped endpoint has error %v", err)
	}

	second := s.start(o)
	if got := value[int](t, s.owner(second), "SELECT n FROM t"); got != 42 {
		t.Errorf("n = %d after the restart", got)
	}
	if got := s.login(second, "app", token); got != "" {
		t.Errorf("login of a role made before the restart: %s", got)
	}
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	e := s.start(o)
	conn := s.owner(e)
	mustExec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")
	for range 2 {
		killed := postmaster(t, o.Dir)
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return s.login(e, ownerName, token) == "" && postmaster(t, o.Dir) != killed })
	}
	if got := value[int](t, s.owner(e), "SELECT n FROM t"); got != 42 {
		t.Errorf("n = %d after the crash", got)
	}
	select {
	case <-e.Done():
		t.Error("the endpoint gave up:", e.Err())
	default:
	}
}

func TestHalfMadeFolder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	if err := os.MkdirAll(filepath.Join(o.Dir+".new", "base"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := s.start(o)
	if got := s.login(e, ownerName, token); got != "" {
		t.Errorf("login: %s", got)
	}
	if _, err := os.Stat(o.Dir + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the half-made folder is still there: %v", err)
	}
}

func TestForeignFolder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	precious := filepath.Join(o.Dir, "precious.txt")
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := endpoint.Start(t.Context(), o)
	if lakeward.KindOf(err) != lakeward.KindConflict || lakeward.HintOf(err) == "" {
		t.Errorf("error %v, kind %s, hint %q", err, lakeward.KindOf(err), lakeward.HintOf(err))
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestAddressTaken(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	o.Listen = s.start(o).Addr()
	o.Dir += "2"
	_, err := endpoint.Start(t.Context(), o)
	if want := "address " + o.Listen.String() + " is taken"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if lakeward.KindOf(err) != lakeward.KindConflict || lakeward.HintOf(err) == "" {
		t.Errorf("kind %s, hint %q", lakeward.KindOf(err), lakeward.HintOf(err))
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the refused endpoint has left a folder: %v", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	o.MaxConnections = 41
	o.Settings["work_mem"] = "7MB"
	conn := s.owner(s.start(o))
	for name, want := range map[string]string{
		"max_connections": "41", "work_mem": "7MB", "wal_level": "logical", "listen_addresses": "", "TimeZone": "UTC",
		"data_checksums": "on", "server_encoding": "UTF8",
	} {
		if got := value[string](t, conn, "SELECT current_setting($1)", name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	const collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
	if got := value[string](t, conn, collation); got != "C.UTF-8" {
		t.Errorf("collation %q", got)
	}
}

func TestBranch(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	source := s.start(o)
	mustExec(t, s.owner(source), "CREATE TABLE t AS SELECT 1 AS n")
	o.From, o.Dir = source, o.Dir+"-branch"
	branch := s.start(o)
	mustExec(t, s.owner(branch), "UPDATE t SET n = 2")
	if got := value[int](t, s.owner(source), "SELECT n FROM t"); got != 1 {
		t.Errorf("a change of the branch reached its source: n = %d", got)
	}
}

func TestStandby(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	primary := s.start(o)
	mustExec(t, s.owner(primary), "CREATE TABLE t AS SELECT 1 AS n")
	o.Follow, o.Dir, o.MaxConnections = primary, o.Dir+"-ro", 5
	standby := s.start(o)

	conn := s.owner(standby)
	_, err := conn.Exec(t.Context(), "UPDATE t SET n = 3")
	if got := sqlState(err); got != "25006" {
		t.Errorf("write on the standby: %v", err)
	}
	follows := func() {
		t.Helper()
		mustExec(t, s.owner(primary), "UPDATE t SET n = n + 1")
		want := value[int](t, s.owner(primary), "SELECT n FROM t")
		eventually(t, func() bool { return value[int](t, conn, "SELECT n FROM t") == want })
	}
	follows()
	killed := postmaster(t, primary.Dir())
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return s.login(primary, ownerName, token) == "" && postmaster(t, primary.Dir()) != killed
	})
	follows()
}

// eventually polls for a condition that no event announces.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen within a minute")
		}
	}
}
