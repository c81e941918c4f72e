package pgproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mark names the servers of a folder in their process titles (as PostgreSQL's cluster_name). It identifies them where
// the kernel does not show root the working folder of another user's process, as in a container without CAP_SYS_PTRACE.
func mark(dir string) string {
	return fmt.Sprintf("lakeward-%.4x", sha256.Sum256([]byte(dir)))
}

// processes returns the PostgreSQL processes that run in the data folder dir, children of a killed postmaster included.
// Every PostgreSQL process keeps the data folder as its working folder, so that a recycled process id cannot deceive.
func processes(dir string, folder fs.FileInfo) ([]*os.Process, error) {
	names, err := filepath.Glob("/proc/[1-9]*")
	if err != nil {
		return nil, err
	}
	var found []*os.Process
	for _, name := range names {
		if !runsIn(name, dir, folder) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		p, err := os.FindProcess(pid) // holds the process, where the kernel can: a later signal reaches no other
		if err == nil && runsIn(name, dir, folder) {
			found = append(found, p)
		}
	}
	return found, nil
}

// runsIn reports whether the process with the /proc folder proc is a PostgreSQL of the data folder. A zombie is not:
// it has neither a working folder nor a command line any more.
func runsIn(proc, dir string, folder fs.FileInfo) bool {
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil || strings.TrimSpace(string(comm)) != "postgres" {
		return false
	}
	cwd, err := os.Stat(proc + "/cwd")
	if errors.Is(err, fs.ErrPermission) {
		title, _ := os.ReadFile(proc + "/cmdline") // unreadable means gone
		return strings.Contains(string(title), mark(dir))
	}
	return err == nil && os.SameFile(cwd, folder)
}

// endOrphans stops whatever PostgreSQL still runs in dir, in the order of decreasing politeness, and returns when
// nothing does. It then frees their shared memory, and removes the lock files, which by the number of a process that now is
// another one could keep a new server from starting.
func endOrphans(ctx context.Context, dir string) error {
	folder, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look for servers: %w", err)
	}
	return endOrphansIn(ctx, dir, folder)
}

// endOrphansIn is endOrphans for a folder whose name may be gone.
func endOrphansIn(ctx context.Context, dir string, folder fs.FileInfo) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		left, err := processes(dir, folder)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			release(folder)
			return removeLocks(dir)
		}
		for _, p := range left {
			signalOrphan(p, dir, folder, i)
			_ = p.Release() // no error on unix
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("stop a PostgreSQL left over in %s: %w", dir, context.Cause(ctx))
		}
	}
}

// signalOrphan asks the postmaster for a fast shutdown first, for an immediate one after 5 seconds, and kills what is
// left after 10. Backends without a postmaster are killed at once: they cannot reach the disk in any order that the
// write-ahead log would not repair.
func signalOrphan(p *os.Process, dir string, folder fs.FileInfo, round int) {
	const second = 50 // rounds
	isPostmaster := p.Pid == postmasterPID(dir)
	switch {
	case isPostmaster && round == 0:
		_ = p.Signal(syscall.SIGINT) // an error means that it has ended: the next round sees
	case isPostmaster && round == 5*second:
		_ = p.Signal(syscall.SIGQUIT)
	case round == 10*second, !isPostmaster && postmasterGone(dir, folder):
		_ = p.Signal(syscall.SIGKILL)
	}
}

func postmasterGone(dir string, folder fs.FileInfo) bool {
	return !runsIn(fmt.Sprintf("/proc/%d", postmasterPID(dir)), dir, folder)
}

// postmasterPID reads the first line of postmaster.pid, and returns 0 when there is none.
func postmasterPID(dir string) int {
	text, _ := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	line, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return pid
}

func removeLocks(dir string) error {
	socket := filepath.Join(SocketFolder, socketName)
	// Older versions had the socket in the data folder itself.
	for _, name := range []string{"postmaster.pid", socket, socket + ".lock", socketName, socketName + ".lock"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove stale lock: %w", err)
		}
	}
	return nil
}

// Remove deletes a data folder and its logs, after stopping whatever PostgreSQL still runs in it. A missing folder is
// not an error.
func Remove(ctx context.Context, dir string) error {
	err := endOrphans(ctx, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, path := range []string{dir, dir + logSuffix, dir + logSuffix + oldLogSuffix} {
		if err := os.RemoveAll(path); err != nil {
			return explain(err, "", dir)
		}
	}
	return nil
}
