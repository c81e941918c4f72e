package pgproc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// tool is one run of initdb, pg_basebackup or their like.
type tool struct {
	binaries Binaries
	as       *account
	program  string
	args     []string
	dir      string     // the data folder it works on, for its errors
	files    []*os.File // handed to it as descriptors 3, 4, …
}

// run waits for the tool and turns a failure into the line of its output that explains it.
func (t tool) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, t.binaries.Path(t.program), t.args...)
	cmd.Env = environment()
	cmd.Dir = "/" // the working folder of a root process may be closed to the account
	cmd.ExtraFiles = t.files
	cmd.SysProcAttr = t.as.sysProcAttr(syscall.SIGTERM)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second

	// The kernel sends the parent death signal when the thread that forked ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("run %s: %w", t.program, cause)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("run %s: %w", t.program, explain(err, decisive(lines), t.dir))
}

// environment returns the environment of PostgreSQL's programs. The caller's PG* variables would change what they do,
// and its locale the language of the messages that decisive and explain read.
func environment() []string {
	env := []string{"LC_ALL=C.UTF-8", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
