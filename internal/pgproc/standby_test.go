package pgproc_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// until asks a server until it answers what is wanted.
func until(t *testing.T, s *pgproc.Server, sql, want string) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for query(t, s, sql) != want {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not %s within a minute", sql, want)
		}
	}
}

func TestPromoteAndRewind(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	c.Settings["wal_keep_size"] = "256MB"
	c.Live = map[string]string{}
	folder := filepath.Dir(c.Dir)
	link := filepath.Join(folder, "primary")
	if err := os.Symlink("data", link); err != nil {
		t.Fatal(err)
	}
	old := start(t, c)
	exec(t, old, "CREATE TABLE t AS SELECT 'both'::text AS v")
	standby := c
	standby.Dir, standby.Primary, standby.Name = filepath.Join(folder, "second"), link, "second"
	if err := old.BaseCopy(t.Context(), standby); err != nil {
		t.Fatal(err)
	}
	second := start(t, standby)
	until(t, old, "SELECT count(*)::text FROM pg_stat_replication WHERE application_name = 'second' AND state = 'streaming'", "1")
	reader := connect(t, second)

	// The standby leaves, and the old primary writes what nobody else has.
	if err := second.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, old, "INSERT INTO t VALUES ('lost')")
	if err := old.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	second = start(t, standby)
	if reader.Ping(t.Context()) == nil {
		t.Error("a session outlived its server's death")
	}
	reader = connect(t, second)
	if err := second.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if reader.Ping(t.Context()) == nil {
		t.Error("a reader's session is on a primary now")
	}
	exec(t, second, "INSERT INTO t VALUES ('new')")
	if pgproc.IsStandby(standby.Dir) {
		t.Error("the promoted server is still a standby")
	}

	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("second", link); err != nil {
		t.Fatal(err)
	}
	c.Primary = link
	if err := second.Rewind(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	first := start(t, c)
	const rows = "SELECT string_agg(v, ',' ORDER BY v) FROM t"
	until(t, first, rows, "both,new")
	exec(t, second, "INSERT INTO t VALUES ('next')")
	until(t, first, rows, "both,new,next")
}

func TestKillOfWhatIsFrozenAndGone(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	s := start(t, c)
	connect(t, s)
	pids := running(t, c.Dir)
	if len(pids) < 3 {
		t.Fatalf("only %v run", pids)
	}
	for _, pid := range pids {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(n, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %s lives", pid)
		}
	}
	select {
	case <-s.Done():
	default:
		t.Error("the server has not ended")
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	c := initialize(t, config(t))
	c.Live = map[string]string{"synchronous_standby_names": "", "work_mem": "7MB"}
	s := start(t, c)
	if got := query(t, s, "SHOW work_mem"); got != "7MB" {
		t.Errorf("work_mem = %s at the start", got)
	}
	if err := s.Reload(map[string]string{"application_name": "it's"}); err != nil {
		t.Fatal(err)
	}
	until(t, s, "SHOW work_mem", "4MB")
	c.Live = map[string]string{}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, start(t, c), "SELECT count(*)::text FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'"); got != "0" {
		t.Errorf("%s live settings are left", got)
	}
}
