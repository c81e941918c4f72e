package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/lakeward/lakeward/migrate"
)

// result is one migration, measured.
type result struct {
	wall   time.Duration
	cpu    time.Duration // of the tool, 0 where it is this process
	all    time.Duration // cpu with PostgreSQL's and the gate's
	peak   int64         // resident memory of the tool, in bytes
	rows   int64         // that have arrived
	phases []migrate.Phase
}

// run runs a tool to its end. Its output is shown only when it fails.
func run(cmd *exec.Cmd) (result, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("start: %w", err)
	}
	var (
		r     result
		watch sync.WaitGroup
		done  = make(chan struct{})
	)
	watch.Go(func() { r.peak = peakMemory(cmd.Process.Pid, done) })
	err := cmd.Wait()
	r.wall = time.Since(start)
	close(done)
	watch.Wait()
	if err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, lastLines(output.Bytes(), 4000))
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}

// peakMemory watches the high-water mark of a process until done. The kernel's own figure for a child that has ended
// cannot be used: it begins with the memory of the parent that the child was forked from.
func peakMemory(pid int, done <-chan struct{}) (peak int64) {
	mark := regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		if m := mark.FindSubmatch(status); err == nil && m != nil {
			if kb, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
				peak = max(peak, kb<<10)
			}
		}
		select {
		case <-tick.C:
		case <-done:
			return peak
		}
	}
}

func lastLines(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
