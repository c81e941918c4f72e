package migrate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			source := newSource(t, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2)")
			setJournal(t, source, mode)
			app, err := sqlite.OpenConn(source, sqlite.OpenReadWrite)
			if err != nil {
				t.Fatal(err)
			}
			defer app.Close()
			if err := exec(app, "INSERT INTO t VALUES (3)"); err != nil { // in WAL mode this is in the log only
				t.Fatal(err)
			}
			s, err := takeSnapshot(t.Context(), source, t.TempDir(), &journal{})
			if err != nil {
				t.Fatal(err)
			}
			if err := exec(app, "INSERT INTO t VALUES (4)"); err != nil {
				t.Fatal(err)
			}
			conn, err := s.open()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := pragmaInt(conn, "SELECT count(*) FROM t"); n != 3 || err != nil {
				t.Errorf("the snapshot has %d rows, %v; want 3", n, err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSnapshotDoesNotTouchTheSource(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			source := newSource(t, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)")
			setJournal(t, source, mode)
			before := folderState(t, filepath.Dir(source))
			if _, err := Run(t.Context(), source, DSN(pgtest.DB(t)), Options{WorkDir: t.TempDir()}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, folderState(t, filepath.Dir(source))); diff != "" {
				t.Errorf("the source's folder has changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestSnapshotIsPrivate(t *testing.T) {
	t.Parallel()
	work, err := openWork(t.TempDir(), "private")
	if err != nil {
		t.Fatal(err)
	}
	s, err := takeSnapshot(t.Context(), newSource(t, "CREATE TABLE t (n INTEGER)"), work.folder, &journal{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{s.path: 0o600, s.folder: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has rights %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if err := work.remove(); err != nil {
		t.Error(err)
	}
}

// TestWorkOfKilledRuns: what a run can go on with is kept for a week, everything else goes with the next run.
func TestWorkOfKilledRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(name string, state bool) *workFolder {
		t.Helper()
		w, err := openWork(dir, name)
		if err == nil && state {
			w.state = workState{Version: 1, ID: name}
			err = w.save()
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	open("draft", false).close() // as the kernel does
	open("old", true).close()
	open("waiting", true).close()
	alive := open("alive", false)
	weekAgo := time.Now().Add(-workKept - time.Hour)
	if err := os.Chtimes(filepath.Join(dir, workPrefix+"old", stateFile), weekAgo, weekAgo); err != nil {
		t.Fatal(err)
	}
	again := open("waiting", false)
	if !again.begun || again.state.ID != "waiting" {
		t.Errorf("the state of the killed run is %+v", again.state)
	}
	if _, err := openWork(dir, "alive"); lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("the same migration twice at once: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != workPrefix+"alive" || filepath.Base(left[1]) != workPrefix+"waiting" {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := errors.Join(alive.remove(), again.remove()); err != nil {
		t.Error(err)
	}
}

// TestSnapshotLooksForSpaceFirst takes a source that claims to be larger than any disk here.
func TestSnapshotLooksForSpaceFirst(t *testing.T) {
	t.Parallel()
	source, work := newSource(t, "CREATE TABLE t (n INTEGER)"), t.TempDir()
	const pages = 1 << 28 // 1 TB
	file, err := os.OpenFile(source, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt([]byte{pages >> 24, pages >> 16 & 255, pages >> 8 & 255, pages & 255}, 28) // the header's page count
	if err := errors.Join(err, file.Truncate(pages*4096), file.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), source, DSN(pgtest.DB(t)), Options{WorkDir: work})
	if lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(err.Error(), "no space left in "+work) || lakeward.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func setJournal(t *testing.T, source, mode string) {
	t.Helper()
	conn, err := sqlite.OpenConn(source, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(exec(conn, "PRAGMA journal_mode = "+mode), conn.Close()); err != nil {
		t.Fatal(err)
	}
}

// folderState returns the names and contents of a folder's files.
func folderState(t *testing.T, folder string) map[string]string {
	t.Helper()
	state := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		state[e.Name()] = string(b)
	}
	return state
}
