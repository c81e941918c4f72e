package pgproc

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// EndOfLog returns how far the log goes of a server that was shut down: to the end of its last checkpoint.
func EndOfLog(ctx context.Context, c Config) (LSN, error) {
	as, err := c.prepare()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, c.Binaries.Path("pg_controldata"), "--pgdata", c.Dir)
	cmd.Env, cmd.Dir = environment(), "/"
	cmd.SysProcAttr = as.sysProcAttr(0)
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("read the control file in %s: %w", c.Dir, err)
	}
	const longest = 128 // of a checkpoint's record
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "Latest checkpoint location:"); ok {
			at, err := ParseLSN(strings.TrimSpace(text))
			return at + longest, err
		}
	}
	return 0, fmt.Errorf("the control file in %s names no checkpoint", c.Dir)
}
