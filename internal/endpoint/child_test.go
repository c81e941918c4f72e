package endpoint_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// childVariable makes the test binary an endpoint in that folder instead.
const childVariable = "LAKEWARD_TEST_ENDPOINT"

// beChild starts an endpoint, says so, and waits to be killed.
func beChild(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	ca, err := endpoint.LoadCA(dir)
	fail(err)
	conf, err := serverTLS(ca)
	fail(err)
	_, err = endpoint.Start(context.Background(), options(dir, conf))
	fail(err)
	fmt.Println("ready")
	select {}
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+s.dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	pid := postmaster(t, o.Dir)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	eventually(t, func() bool { return !alive(pid) })

	if got := s.login(s.start(o), ownerName, token); got != "" {
		t.Errorf("login after the next start: %s", got)
	}
}

// postmaster returns the process id of the folder's server, 0 when there is none.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0 // it is being written
	}
	return pid
}

// alive reports whether a process runs; a zombie that nobody has waited for yet does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z")
}
