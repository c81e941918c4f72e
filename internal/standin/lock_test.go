package standin

import (
	"errors"
	"os"
	process "os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Who is killed while it makes a process leaves the folder's lock to that one, until it has become another program.
func TestLockOfADeadProcessIsWaitedFor(t *testing.T) {
	t.Parallel()
	dead := process.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	if err := os.WriteFile(path, []byte(strconv.Itoa(dead.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path)
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	locked := make(chan error, 1)
	go func() {
		f, err := lockFolder(dir)
		locked <- errors.Join(err, f.Close())
	}()
	await(t, "the other one has opened the file", func() bool { return timesOpen(t, path) == 2 || len(locked) > 0 })
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-locked; err != nil {
		t.Errorf("the folder of one that was killed: %v", err)
	}
}

// timesOpen returns how often this process has a file open.
func timesOpen(t *testing.T, path string) (n int) {
	t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if target, err := os.Readlink(fd); err == nil && target == path {
			n++
		}
	}
	return n
}
