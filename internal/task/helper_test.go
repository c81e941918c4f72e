package task_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

// tooLong is for what a healthy machine does in seconds.
const tooLong = 2 * time.Minute

// toldPort is the port that instances have in results, whatever the workspace says.
const toldPort = 6543

// newService makes a service that does not run yet. Without a Lakebase it has no workspace.
func newService(t *testing.T, s *store.Store, lake *lakewardtest.Lakebase, dir string) *task.Service {
	t.Helper()
	o := task.Options{Store: s, Dir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if lake != nil {
		o.Workspace, o.Port = lake.Workspace, toldPort
		o.Connector = func(instance string) *lakeward.Connector {
			return lakeward.NewConnector(lake.Workspace, instance, lake.Options())
		}
	}
	var err error
	if o.Settings, err = newSettings(o); err != nil {
		t.Fatal(err)
	}
	service, err := task.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// newServiceWithLog is newService without a Lakebase, whose log is kept.
func newServiceWithLog(t *testing.T, s *store.Store, log io.Writer) *task.Service {
	t.Helper()
	o := task.Options{Store: s, Dir: t.TempDir(), Log: observe.NewLog(log, slog.LevelDebug, false)}
	service, err := task.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newSettings makes the settings that a server with these options has.
func newSettings(o task.Options) (*settings.Settings, error) {
	return settings.New(settings.Options{
		Getenv: func(string) string { return "" }, Store: o.Store, Workspace: o.Workspace, Connector: o.Connector, Log: o.Log,
	})
}

// serve runs a service until the test ends.
func serve(t *testing.T, s *task.Service) *task.Service {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func submit(t *testing.T, s *task.Service, in task.Input) store.Operation {
	t.Helper()
	o, err := s.Submit(t.Context(), "ann", in)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// finish waits for the end of an operation, which must be as it is wanted.
func finish(t *testing.T, s *task.Service, id string, want store.State) store.Operation {
	t.Helper()
	o, err := s.Wait(t.Context(), id, tooLong)
	if err != nil {
		t.Fatal(err)
	}
	if o.State != want {
		t.Fatalf("operation %s %s on %s is %s after attempt %d, not %s: %+v", o.Kind, o.ID, o.Instance, o.State, o.Attempt, want, o.Error)
	}
	return o
}

// events returns all events of an operation that has ended.
func events(t *testing.T, s *task.Service, id string) (all []store.Event) {
	t.Helper()
	for e, err := range s.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// writeSource makes a SQLite database of two tables.
func writeSource(t *testing.T, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	conn, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteScript(conn, `
		CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
		CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, note TEXT, price REAL);
		INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob');`, nil)
	if err == nil {
		err = sqlitex.Execute(conn, `
			WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
			INSERT INTO orders SELECT n, 1 + n % 2, 'order ' || n || hex(randomblob(40)), n / 7.0 FROM n`,
			&sqlitex.ExecOptions{Args: []any{rows}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// count asks an instance for a number.
func count(t *testing.T, lake *lakewardtest.Lakebase, instance, query string) (n int) {
	t.Helper()
	conn, err := lakeward.NewConnector(lake.Workspace, instance, lake.Options()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
