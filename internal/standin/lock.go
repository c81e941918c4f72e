package standin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
)

// lockFolder makes this process the only one that runs a local Lakebase in the folder. The lock ends with the process,
// however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindDenied, "choose another folder with --dir or LAKEWARD_DIR",
			"lock folder: %w", err)
	}
	if pid, err := claim(f); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, lakeward.Errorf(lakeward.KindConflict,
				"stop it first, or choose another folder with --dir or LAKEWARD_DIR", "another lakeward (pid %s) runs in %s", pid, dir)
		}
		return nil, fmt.Errorf("lock folder %s: %w", dir, err)
	}
	if err := errors.Join(f.Truncate(0), writeString(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock file: %w", err), f.Close())
	}
	return f, nil
}

// halfBorn is for how long a child may hold the lock of a process that has died: from its fork to its exec.
const halfBorn = 5 * time.Second

// claim locks the file, or returns who has it. A dead process has left the lock to a child that it was just making, which
// gives it up in a moment.
func claim(f *os.File) (pid string, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(halfBorn); ; <-tick.C {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return "", err
		}
		text, _ := os.ReadFile(f.Name()) // it may be written just now
		pid = strings.TrimSpace(string(text))
		if n, bad := strconv.Atoi(pid); bad != nil || !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) || time.Now().After(deadline) {
			return pid, err
		}
	}
}

func writeString(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return err
}

func (l *Lakebase) unlock() error {
	if l.lock == nil {
		return nil
	}
	return l.lock.Close()
}
