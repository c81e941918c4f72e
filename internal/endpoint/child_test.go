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
	child, line := s.child(childVariable)
	if line != "ready" {
		t.Fatalf("child said %q", line)
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

// child runs this program again, for the part that the variable asks for, and returns it with the first line that it says.
func (s *stand) child(variable string) (child *exec.Cmd, line string) {
	s.t.Helper()
	child = exec.CommandContext(s.t.Context(), os.Args[0])
	child.Env = append(os.Environ(), variable+"="+s.dir)
	out, err := child.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		s.t.Fatal(err)
	}
	if line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		s.t.Fatalf("child said %q, %v", line, err)
	}
	return child, strings.TrimSpace(line)
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
