package task_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

// serverVariable makes this test binary a server instead.
const serverVariable = "LAKEWARD_TEST_TASK_SERVER"

// serverOptions are what a server process needs.
type serverOptions struct {
	Path, DSN, KeyFile string // of the store
	Dir                string
	Host, Token, CA    string // of the Lakebase
}

func TestMain(m *testing.M) {
	if text := os.Getenv(serverVariable); text != "" {
		if err := beServer(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	task.AddProbes()
	pgtest.Main(m)
}

// beServer runs a service until it is killed.
func beServer(text string) error {
	var o serverOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: o.Path, DSN: o.DSN, KeyFile: o.KeyFile})
	if err != nil {
		return err
	}
	ws, err := databricks.Open(ctx, databricks.Config{Host: o.Host, Token: lakeward.Secret(o.Token)})
	if err != nil {
		return err
	}
	to := task.Options{
		Store: s, Workspace: ws, Dir: o.Dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Connector: func(instance string) *lakeward.Connector {
			return lakeward.NewConnector(ws, instance, lakeward.ConnectOptions{RootCAs: o.CA})
		},
	}
	if to.Settings, err = newSettings(to); err != nil {
		return err
	}
	service, err := task.New(ctx, to)
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

// startServer starts a server process, which does not outlive the test. The returned function kills it with SIGKILL.
func startServer(t *testing.T, st store.Options, lake *lakewardtest.Lakebase, dir string) (kill func()) {
	t.Helper()
	text, err := json.Marshal(serverOptions{st.Path, st.DSN, st.KeyFile, dir, lake.Host, lake.Token.Reveal(), lake.CAFile})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), serverVariable+"="+string(text))
	child.Stdout, child.Stderr = t.Output(), t.Output()
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		_ = child.Process.Kill()
		_ = child.Wait() // it was killed
	}
	t.Cleanup(kill)
	return kill
}

// killAt kills a server when an operation has got to an event, and fails the test when the operation had ended before.
func killAt(t *testing.T, s *task.Service, id string, kill func(), at func(store.Event) bool) {
	t.Helper()
	for e, err := range s.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if at(e) {
			break
		}
	}
	kill()
	o, err := s.Wait(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if o.State != store.Running {
		t.Fatalf("killed too late: the operation is %s: %+v", o.State, o.Error)
	}
}

func TestACreateGoesOnWhenItsServerIsKilled(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		o.KeyFile = o.Path + ".key"
		if o.DSN != "" {
			o.KeyFile = t.TempDir() + "/key"
		}
		dir, name := t.TempDir(), "made-"+map[bool]string{true: "sqlite", false: "postgres"}[o.Path != ""]
		s := newService(t, storetest.Open(t, o), lake, dir)
		kill := startServer(t, o, lake, dir)
		made := submit(t, s, &task.Create{Name: name, Source: writeSource(t, 100_000), Enable: true})
		killAt(t, s, made.ID, kill, func(e store.Event) bool { return e.Phase == "create" })

		startServer(t, o, lake, dir)
		made = finish(t, s, made.ID, store.Succeeded)
		var result task.Created
		if err := json.Unmarshal(made.Result, &result); err != nil {
			t.Fatal(err)
		}
		if made.Attempt != 2 || result.Status != lakeward.StatusReady || !result.Report.Complete() || !result.Enabled {
			t.Errorf("attempt %d, result %s", made.Attempt, made.Result)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM orders`); n != 100_000 {
			t.Errorf("%d orders of 100000 arrived", n)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM lakeward.migration`); n != 1 {
			t.Errorf("migrated %d times", n)
		}
	})
}

func TestAMigrationGoesOnWhenItsServerIsKilled(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	source := writeSource(t, 300_000)
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		if o.DSN != "" {
			o.KeyFile = t.TempDir() + "/key"
		}
		dir, name := t.TempDir(), "to-"+map[bool]string{true: "sqlite", false: "postgres"}[o.Path != ""]
		lake.Instance(t, name)
		s := newService(t, storetest.Open(t, o), lake, dir)
		kill := startServer(t, o, lake, dir)
		moved := submit(t, s, &task.Migrate{Source: source, To: name})
		killAt(t, s, moved.ID, kill, func(e store.Event) bool { return e.Phase == "load" })
		if n := count(t, lake, name, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); n != 0 {
			t.Errorf("a killed migration has left %d tables", n)
		}

		startServer(t, o, lake, dir)
		moved = finish(t, s, moved.ID, store.Succeeded)
		if moved.Attempt != 2 {
			t.Errorf("attempt %d", moved.Attempt)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM orders`); n != 300_000 {
			t.Errorf("%d orders arrived", n)
		}
		swaps := 0
		for n, e := range events(t, s, moved.ID) {
			if e.Seq != int64(n)+1 {
				t.Fatalf("event %d has number %d", n+1, e.Seq)
			}
			if e.Phase == "swap" && e.Type == lakeward.EventPhase {
				swaps++
			}
		}
		if swaps != 1 {
			t.Errorf("swapped %d times", swaps)
		}
	})
}
