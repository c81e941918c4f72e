package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward/lakewardtest"
)

// TestAProxyThatDiesLeavesNoCore kills a proxy in the way in which programs leave their memory in a file: there are tokens
// in it.
func TestAProxyThatDiesLeavesNoCore(t *testing.T) {
	t.Parallel()
	l := lakewardtest.Start(t)
	l.Instance(t, "shop")
	dir := openDir(t)
	env := append(os.Environ(), "GOTRACEBACK=crash")
	for name, value := range l.Env() {
		env = append(env, name+"="+value)
	}
	c, err := startProgram(env, dir, "bash", "-c", "ulimit -c unlimited && exec lakeward proxy shop --listen 127.0.0.1:0 --admin admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer c.cancel()
	if _, err := c.stdout.ReadString('\n'); err != nil {
		t.Fatalf("it does not run: %v\n%s", err, c.stderr.String())
	}
	if err := c.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // the signal
	if cores, _ := filepath.Glob(filepath.Join(dir, "core*")); len(cores) > 0 {
		t.Errorf("it left %q", cores)
	}
}
