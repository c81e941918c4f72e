package pgproc_test

import (
	"bufio"
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestServer(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	s := start(t, c)
	exec(t, s, "CREATE TABLE t AS SELECT 'kept' AS v")
	const who = "SELECT current_user || ' ' || rolsuper FROM pg_roles WHERE rolname = current_user"
	if got := query(t, s, who); got != "cloud_admin true" {
		t.Errorf("logged in as %s", got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Err(); err != nil {
		t.Errorf("a stopped server has error %v", err)
	}
	if left := running(t, c.Dir); len(left) > 0 {
		t.Errorf("processes %v are left after Stop", left)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}

	if got := query(t, start(t, c), "SELECT v FROM t"); got != "kept" {
		t.Errorf("v = %q after a restart", got)
	}
	log, err := os.ReadFile(c.Dir + ".log")
	if err != nil || strings.Count(string(log), "ready to accept connections") != 2 {
		t.Errorf("log (%v): %s", err, log)
	}
}

func TestStopDoesNotWaitForSessionsForever(t *testing.T) {
	t.Parallel()
	s := start(t, initialize(t, config(t)))
	conn := connect(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session has outlived the server")
	}
}

func TestStartQuotesTheDecisiveLine(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	c.Settings["shared_preload_libraries"] = "no_such_library"
	_, err := pgproc.Start(t.Context(), c)
	if want := `could not access file "no_such_library"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if left := running(t, c.Dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	if err := os.WriteFile(filepath.Join(c.Dir, "PG_VERSION"), []byte("14\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := pgproc.Start(t.Context(), c)
	if lakeward.KindOf(err) != lakeward.KindUnsupported || !strings.Contains(lakeward.HintOf(err), "PostgreSQL 14") {
		t.Errorf("error %v, hint %s", err, lakeward.HintOf(err))
	}
}

func TestStartWithoutData(t *testing.T) {
	t.Parallel()
	if _, err := pgproc.Start(t.Context(), config(t)); lakeward.KindOf(err) != lakeward.KindNotFound {
		t.Errorf("error %v", err)
	}
}

// TestKilledPostmaster kills it under a session that works and would not notice by itself.
func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	s := start(t, c)
	conn := connect(t, s)
	busy := make(chan error)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT count(*) FROM generate_series(1, 1000000000000)")
		busy <- err
	}()
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if s.Err() == nil {
		t.Error("no error of a server that was killed")
	}
	if left := running(t, c.Dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if err := <-busy; err == nil {
		t.Error("the session has outlived its postmaster")
	}
	query(t, start(t, c), "SELECT 'it starts again'")
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.Dir(t), "data")
	child := osexec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	if !alive(pid) {
		t.Fatal("no server runs")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	ends(t, pid)
	if left := running(t, dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// TestOrphan starts a server where another one still runs, as after kill -9 on a system without parent death signals.
func TestOrphan(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	orphan := start(t, c)
	exec(t, orphan, "CREATE TABLE t AS SELECT 'kept' AS v")
	if got := query(t, start(t, c), "SELECT v FROM t"); got != "kept" {
		t.Errorf("v = %q", got)
	}
	<-orphan.Done()
	if orphan.Err() == nil {
		t.Error("the orphan does not know that it was stopped by somebody else")
	}
}

func TestStaleLockOfAnotherProcess(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	recycled := strconv.Itoa(os.Getpid()) + "\n" + c.Dir + "\n"
	for _, name := range []string{"postmaster.pid", ".s.PGSQL.5432.lock", "pg_stat_tmp/.s.PGSQL.5432.lock"} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(recycled), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	query(t, start(t, c), "SELECT 'started'")
}

func TestBaseCopy(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	c.Settings["wal_level"] = "logical"
	original := start(t, c)
	exec(t, original, "CREATE TABLE t AS SELECT 'first' AS v")

	t.Run("makes a server of its own", func(t *testing.T) {
		branch := config(t)
		if err := original.BaseCopy(t.Context(), branch); err != nil {
			t.Fatal(err)
		}
		s := start(t, branch)
		exec(t, s, "UPDATE t SET v = 'changed'")
		if got := query(t, original, "SELECT v FROM t"); got != "first" {
			t.Errorf("the original's v = %q", got)
		}
	})
	t.Run("makes a standby", func(t *testing.T) {
		standby := config(t)
		standby.Primary = c.Dir
		if err := original.BaseCopy(t.Context(), standby); err != nil {
			t.Fatal(err)
		}
		s := start(t, standby)
		if got := query(t, s, "SELECT pg_is_in_recovery()::text || t.v FROM t"); got != "truefirst" {
			t.Errorf("standby: %q", got)
		}
	})
	t.Run("refuses a folder that is not empty", func(t *testing.T) {
		full := config(t)
		if err := os.MkdirAll(filepath.Join(full.Dir, "something"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := original.BaseCopy(t.Context(), full)
		if err == nil || !strings.Contains(err.Error(), "exists but is not empty") {
			t.Errorf("error %v", err)
		}
	})
}

func TestInitStopsWithItsContext(t *testing.T) {
	t.Parallel()
	c := config(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pgproc.Init(ctx, c); err == nil || pgproc.Initialized(c.Dir) {
		t.Errorf("error %v, initialized %v", err, pgproc.Initialized(c.Dir))
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	s := start(t, c)
	if err := pgproc.Remove(t.Context(), c.Dir); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	left, err := os.ReadDir(filepath.Dir(c.Dir))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := pgproc.Remove(t.Context(), c.Dir); err != nil {
		t.Errorf("remove a folder that is gone: %v", err)
	}
}
