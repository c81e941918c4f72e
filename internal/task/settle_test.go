package task_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

// TestAnOperationWaitsForAnInstanceThatComesUp asks for something while the instance cannot be logged in to yet: its
// PostgreSQL is stopped in its start, and goes on when the operation has said that it waits.
func TestAnOperationWaitsForAnInstanceThatComesUp(t *testing.T) {
	t.Parallel()
	const name = "slow-to-come"
	lake := lakewardtest.Start(t)
	s := newService(t, storetest.Open(t, storetest.InFile(t)), lake, t.TempDir())
	serve(t, s)
	made := make(chan error, 1)
	go func() {
		_, err := lake.Workspace.Create(t.Context(), databricks.Spec{Name: name}, nil)
		made <- err
	}()
	process := postmaster(t, name, made)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Signal(syscall.SIGCONT) }() // if it has not gone on
	o := submit(t, s, &task.Enable{Instance: name})
	waits := false
	for e, err := range s.Watch(t.Context(), o.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if waits = strings.Contains(e.Message, "instance "+name+" is "); waits {
			break
		}
	}
	if err := process.Signal(syscall.SIGCONT); err != nil || !waits {
		t.Fatalf("it waits: %t, %v", waits, err)
	}
	r := resultOf[task.Enabled](t, finish(t, s, o.ID, store.Succeeded))
	if err := <-made; err != nil || !r.Enabled {
		t.Errorf("%+v, %v", r, err)
	}
}

// postmaster returns the PostgreSQL of an instance as soon as it begins, while the instance is being made.
func postmaster(t *testing.T, instance string, made <-chan error) *os.Process {
	t.Helper()
	for {
		select {
		case err := <-made:
			t.Fatalf("the instance was made, or not, before its PostgreSQL was seen: %v", err)
		default:
		}
		files, _ := filepath.Glob(filepath.Join(os.TempDir(), "lakewardtest-*", "pg", instance, "*", "postmaster.pid"))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			line, _, whole := strings.Cut(string(text), "\n")
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 && whole { // less than 0 is not a server
				process, err := os.FindProcess(pid)
				if err != nil {
					t.Fatal(err)
				}
				return process
			}
		}
	}
}
