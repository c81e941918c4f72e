package standin

import (
	"bufio"
	"context"
	"fmt"
	"os"
	process "os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// childVariable makes the test binary a local Lakebase in that folder instead.
const childVariable = "LAKEWARD_TEST_LAKEBASE"

// beChild starts a local Lakebase, says so, and waits to be killed.
func beChild(dir string) {
	if _, err := Start(context.Background(), Options{Dir: dir, API: "127.0.0.1:0", Fast: true}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// startChild starts a local Lakebase in a process that kill ends.
func startChild(t *testing.T, dir string) (w *databricks.WorkspaceClient, kill func()) {
	t.Helper()
	child := process.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = child.Process.Kill() // it may have been killed
		_ = child.Wait()
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	space, err := ReadWorkspace(dir)
	if err != nil {
		t.Fatal(err)
	}
	return client(t, &databricks.Config{Host: space.Host, Token: space.Token}), kill
}

// TestKilledWhileMakingABranch kills the local Lakebase at different stages of a branch of the past. The next start makes
// the branch, with the rows of the moment.
func TestKilledWhileMakingABranch(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	p := makeProject(t, w, "killed")
	conn := connect(t, l, w, primaryOf(t, w, p.Status.DefaultBranch))
	exec(t, conn, "CREATE TABLE t AS SELECT 1 AS n")
	awaitHistory(t, l, p.Status.DefaultBranch)
	exec(t, conn, "INSERT INTO t VALUES (2)")
	at := now()
	exec(t, conn, "INSERT INTO t VALUES (3)")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	branches := []string{"copying", "replaying", "starting"}
	for _, id := range branches {
		data := filepath.Join(dir, "pg", "killed", id)
		stage := map[string]string{
			"copying": data + ".new/base", "replaying": data + ".new/recovery.signal", "starting": data + "/PG_VERSION",
		}[id]
		w, kill := startChild(t, dir)
		_, err := w.Postgres.CreateBranch(t.Context(), postgres.CreateBranchRequest{
			Parent: p.Name, BranchId: id,
			Branch: postgres.Branch{Spec: &postgres.BranchSpec{NoExpiry: true, SourceBranchTime: sdktime.New(at)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		appears(t, stage)
		kill()
	}
	l = start(t, dir)
	w = userClient(t, l)
	for _, id := range branches {
		name := p.Name + "/branches/" + id
		await(t, name+" is ready", func() bool {
			b, err := w.Postgres.GetBranch(t.Context(), postgres.GetBranchRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			return b.Status.CurrentState == postgres.BranchStatusStateReady &&
				primaryOf(t, w, name).Status.CurrentState == postgres.EndpointStatusStateActive
		})
		if got := value[int](t, connect(t, l, w, primaryOf(t, w, name)), "SELECT count(*)::int FROM t"); got != 2 {
			t.Errorf("%s: %d rows, want 2", id, got)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "pg", "killed", "*.new")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// appears waits closely for a file: what it is the sign of is over soon.
func appears(t *testing.T, path string) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within a minute", path)
		}
	}
}
