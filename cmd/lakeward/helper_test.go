package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// openDir makes a folder that PostgreSQL's own user can enter when the tests run as root; t.TempDir's is private.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lakeward-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// child is a lakeward that runs until it is told to stop.
type child struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// tooLong is how long a child may live: a test that hangs shall fail and not wait for ever.
const tooLong = 10 * time.Minute

// startChild starts lakeward with these arguments.
func startChild(env []string, args ...string) (*child, error) {
	return startProgram(env, "", append([]string{"lakeward"}, args...)...)
}

// startProgram starts a command in a folder.
func startProgram(env []string, folder string, command ...string) (*child, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	c := &child{cmd: exec.CommandContext(ctx, command[0], command[1:]...), cancel: cancel}
	c.cmd.Env, c.cmd.Dir = env, folder
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.stdout = bufio.NewReader(out)
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return c, nil
}

// until reads what the child prints up to a line with text in it, and returns all of it.
func (c *child) until(text string) (string, error) {
	var all strings.Builder
	for {
		line, err := c.stdout.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("the child ended (%w) without saying %q; it said:\n%s%s",
				errors.Join(err, c.wait()), text, all.String(), c.stderr.String())
		}
		if strings.Contains(line, text) {
			return all.String(), nil
		}
	}
}

// ready waits until everything answers and returns what the child says about it; it must run with --json.
func (c *child) ready() (info readyInfo, err error) {
	out, err := c.until(`"ready":true`)
	if err != nil {
		return info, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return info, json.Unmarshal([]byte(lines[len(lines)-1]), &info)
}

// end sends a signal and waits until the child has ended.
func (c *child) end(signal os.Signal) error {
	if err := c.cmd.Process.Signal(signal); err != nil {
		return errors.Join(err, c.wait())
	}
	return c.wait()
}

func (c *child) wait() error {
	defer c.cancel()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, c.stderr.String())
	}
	return nil
}

// postgresOf returns the processes that have a file or folder below dir as their working folder, which is how
// PostgreSQL runs, or on their command line.
func postgresOf(dir string) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var pids []int
	for _, link := range links {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		cwd, _ := os.Readlink(link)
		args, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
		if strings.HasPrefix(cwd, dir) || bytes.Contains(args, []byte("postgres")) && bytes.Contains(args, []byte(dir)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// noPostgres waits until nothing of dir runs any more.
func noPostgres(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pids := postgresOf(dir)
		if len(pids) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("processes of %s still run: %v", dir, pids)
		}
	}
}

// startLakebase runs a local Lakebase until the test ends, and returns its folder.
func startLakebase(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	lake := startLake(t, dir)
	t.Cleanup(func() {
		if err := lake.end(os.Interrupt); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// startLake runs a local Lakebase in a folder, until the test ends it.
func startLake(t *testing.T, dir string) *child {
	t.Helper()
	lake, err := startChild(os.Environ(), "local", "--json", "--dir", dir, "--api", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lake.ready(); err != nil {
		t.Fatal(err)
	}
	return lake
}
