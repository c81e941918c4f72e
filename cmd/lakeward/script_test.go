package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestScripts runs the scripts in testdata, which are the specification of the command line. They share one local
// Lakebase in $LAKE, each with instances of its own; those that spoil theirs start one in their own folder.
func TestScripts(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	lake := filepath.Join(root, "lake")
	shared, err := startChild(os.Environ(), "local", "--json", "--dir", lake, "--api", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.end(os.Interrupt); err != nil {
			t.Error(err)
		}
	})
	if _, err := shared.ready(); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		WorkdirRoot:         root,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values[served{}] = &served{}
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("LAKE", lake)
			env.Setenv("LAKEWARD_DIR", filepath.Join(env.WorkDir, "own"))
			return errors.Join(os.Chmod(env.WorkDir, 0o755), os.Mkdir(home, 0o755))
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition " + name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fails":     fails,
			"serve":     serve,
			"sqlite":    makeSQLite,
			"smalldisk": smallDisk,
			"occupy":    occupy,
			"freeport":  freePort,
			"oneline":   oneLineOf,
		},
	})
}

// fails runs a command that must exit with a code: fails CODE COMMAND ARG….
func fails(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// oneLineOf checks that standard error ends with one line that tells of the error, and at most one with what to do.
func oneLineOf(ts *testscript.TestScript, _ bool, _ []string) {
	text := "\n" + ts.ReadFile("stderr")
	_, told, ok := strings.Cut(text, "\nlakeward: ")
	lines := strings.Split(strings.TrimSpace(told), "\n")
	if !ok || len(lines) > 2 || len(lines) == 2 && !strings.HasPrefix(lines[1], "  → ") {
		ts.Fatalf("not one line and a hint:%s", text)
	}
}

// served is the local Lakebase of a script's own.
type served struct{ child *child }

// serve runs a local Lakebase in $LAKEWARD_DIR until the script ends or says `serve stop`.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	own := ts.Value(served{}).(*served)
	if len(args) == 1 && args[0] == "stop" {
		ts.Check(own.stop())
		return
	}
	env := os.Environ()
	for _, name := range []string{"HOME", "LAKEWARD_DIR", "TMPDIR"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	c, err := startChild(env, append([]string{"local", "--json", "--api", "127.0.0.1:0"}, args...)...)
	ts.Check(err)
	own.child = c
	ts.Defer(func() {
		if err := own.stop(); err != nil {
			ts.Logf("stop the local Lakebase: %v", err)
		}
	})
	_, err = c.ready()
	ts.Check(err)
}

func (s *served) stop() error {
	if s.child == nil {
		return nil
	}
	c := s.child
	s.child = nil
	return c.end(os.Interrupt)
}

// makeSQLite writes a database: sqlite FILE SQLFILE.
func makeSQLite(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := sqlite.OpenConn(ts.MkAbs(args[0]), sqlite.OpenReadWrite|sqlite.OpenCreate)
	ts.Check(err)
	ts.Check(errors.Join(sqlitex.ExecuteScript(conn, ts.ReadFile(args[1]), nil), conn.Close()))
}

// smallDisk makes a folder on a disk of its own: smalldisk DIR SIZE.
func smallDisk(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o755))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755,size="+args[1]))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}

// occupy listens on an address until the script ends, and puts the port into $PORT: occupy HOST:PORT, or occupy FILE
// with the host in it.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	address := args[0]
	if _, err := os.Stat(ts.MkAbs(address)); err == nil {
		address = net.JoinHostPort(strings.TrimSpace(ts.ReadFile(address)), args[1])
	}
	l, err := net.Listen("tcp", address)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}

// freePort puts a port that nobody listens at into $PORT.
func freePort(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(errors.Join(err, l.Close()))
	ts.Setenv("PORT", port)
}
