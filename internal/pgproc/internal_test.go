package pgproc

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
)

func TestNothingInstalled(t *testing.T) {
	t.Parallel()
	_, err := firstUsable([]string{t.TempDir()})
	hint := lakeward.HintOf(err)
	if lakeward.KindOf(err) != lakeward.KindNotFound || !strings.Contains(hint, "apt-get install postgresql") {
		t.Errorf("error %v, hint %q", err, hint)
	}
}

func TestFolderThatTheAccountCannotEnter(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	// The test's own folder is closed to strangers as well.
	stranger := &account{name: "stranger", uid: 4_000_000_000, groups: []uint32{4_000_000_000}}
	err := stranger.makeFolder(filepath.Join(closed, "data"))
	if lakeward.KindOf(err) != lakeward.KindDenied || !strings.Contains(lakeward.HintOf(err), "chmod o+x ") {
		t.Errorf("error %v, hint %q", err, lakeward.HintOf(err))
	}
	if _, err := os.Stat(filepath.Join(closed, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the refused folder was made: %v", err)
	}
	me := &account{name: "me", uid: uint32(os.Getuid()), groups: []uint32{uint32(os.Getgid())}}
	if err := me.canEnter(filepath.Join(closed, "data")); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 1")
	mkdir := func(errno syscall.Errno) error { return &fs.PathError{Op: "mkdir", Path: "/x", Err: errno} }
	for _, c := range []struct {
		err  error
		line string
		kind lakeward.Kind
		says string
	}{
		{failed, `could not write file "base/4": No space left on device`, lakeward.KindUnavailable, "the disk is full"},
		{mkdir(syscall.ENOSPC), "", lakeward.KindUnavailable, "the disk is full"},
		{mkdir(syscall.EACCES), "", lakeward.KindDenied, "/x: permission denied"},
		{failed, `data directory "/x" has wrong ownership`, lakeward.KindDenied, "wrong ownership"},
		{mkdir(syscall.EROFS), "", lakeward.KindDenied, "read-only file system"},
		{mkdir(syscall.ENOTDIR), "", lakeward.KindInvalid, "below a file"},
		{failed, "invalid value", lakeward.KindInternal, "PostgreSQL in /x: invalid value"},
	} {
		err := explain(c.err, c.line, "/x")
		if lakeward.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("explain(%v, %q) = %v (%s)", c.err, c.line, err, lakeward.KindOf(err))
		}
		if c.kind != lakeward.KindInternal && lakeward.HintOf(err) == "" {
			t.Errorf("explain(%v, %q) has no hint", c.err, c.line)
		}
	}
}

func TestDecisive(t *testing.T) {
	t.Parallel()
	lines := []string{
		"2026-11-23 02:10:00.000 UTC [7] LOG:  starting PostgreSQL 15.14",
		"2026-11-23 02:10:00.001 UTC [7] FATAL:  could not create lock file",
		"2026-11-23 02:10:00.002 UTC [7] LOG:  database system is shut down",
	}
	if got, want := decisive(lines), "could not create lock file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	lines = []string{"creating directory", "initdb: error: could not change it"}
	if got, want := decisive(lines), "could not change it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := decisive([]string{"something else\n"}), "something else"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := decisive(nil); got != "" {
		t.Errorf("got %q of nothing", got)
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1023) + "\n"
	l.copy(strings.NewReader(strings.Repeat(line, 3*maxLog/len(line)) + "FATAL:  the end\n"))
	l.close()
	for _, p := range []string{path, path + ".1"} {
		if info, err := os.Stat(p); err != nil || info.Size() > maxLog || info.Size() == 0 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	if got := l.reason(); got != "the end" {
		t.Errorf("reason %q", got)
	}
}

func TestOrphansOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := endOrphans(context.Background(), dir); err != nil {
		t.Error(err)
	}
}
