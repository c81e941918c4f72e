package api_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

// world is a server with everything behind it: ana is its administrator, anybody else may look.
type world struct {
	*httptest.Server
	store    *store.Store
	tasks    *task.Service
	settings *settings.Settings
	lakebase *lakewardtest.Lakebase // nil when there is none
	dir      string
	logged   *safeBuffer
}

const administrator = "ana"

// serve starts a server over a Lakebase.
func serve(t testing.TB, lakebase *lakewardtest.Lakebase, change ...func(*api.Options)) *world {
	t.Helper()
	w := start(t, lakebase, change...)
	w.run(t)
	return w
}

// idle starts a server without a Lakebase, whose operations stay in the queue.
func idle(t testing.TB, change ...func(*api.Options)) *world {
	t.Helper()
	return start(t, nil, change...)
}

func start(t testing.TB, lakebase *lakewardtest.Lakebase, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{lakebase: lakebase, dir: t.TempDir(), logged: &safeBuffer{}}
	log := slog.New(slog.NewTextHandler(w.logged, nil))
	var err error
	if w.store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(w.dir, "store.db"), Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	o := api.Options{Store: w.store, Dir: w.dir, Log: log}
	so := settings.Options{Store: w.store, Log: log, Getenv: func(string) string { return "" }}
	if lakebase != nil {
		connector := func(name string) *lakeward.Connector {
			return lakeward.NewConnector(lakebase.Workspace, name, lakebase.Options())
		}
		o.Workspace, o.Connector, so.Workspace, so.Connector = lakebase.Workspace, connector, lakebase.Workspace, connector
	}
	if w.settings, err = settings.New(so); err != nil {
		t.Fatal(err)
	}
	w.tasks, err = task.New(t.Context(), task.Options{
		Store: w.store, Workspace: o.Workspace, Connector: o.Connector, Settings: w.settings, Dir: w.dir, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Tasks, o.Settings = w.tasks, w.settings
	for _, c := range change {
		c(&o)
	}
	g, err := access.New(access.Options{
		Forwarded: true, Administrators: []string{administrator}, Audit: w.store.Audit, Log: log,
		MaxBodies: api.Bodies(o.MaxUpload), RequestID: observe.RequestID,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(observe.Requests(g.Handler(api.Handler(o)), log, observe.NewMetrics("test")))
	w.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 1000
	t.Cleanup(w.Server.Close)
	return w
}

// run sets the operations to work until the test ends.
func (w *world) run(t testing.TB) {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.tasks.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// request makes a request of somebody.
func (w *world) request(t testing.TB, who, method, path string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		r.Header.Set("X-Forwarded-Email", who)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// ask sends a request as somebody and returns the status and the body.
func (w *world) ask(t testing.TB, who, method, path, body string, header ...string) (int, string) {
	t.Helper()
	status, text, _ := w.askAll(t, who, method, path, body, header...)
	return status, text
}

func (w *world) askAll(t testing.TB, who, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	response, err := w.Client().Do(w.request(t, who, method, path, strings.NewReader(body), header...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// do asks as the administrator for an operation, waits for its end, and fails the test unless it succeeds.
func (w *world) do(t testing.TB, path, body string) store.Operation {
	t.Helper()
	status, text := w.ask(t, administrator, "POST", path, body, "Prefer", "wait=120")
	var o store.Operation
	if err := json.Unmarshal([]byte(text), &o); err != nil || status != http.StatusOK || o.State != store.Succeeded {
		t.Fatalf("%s %s: %d %s", path, body, status, text)
	}
	return o
}

// message is one of a stream's events.
type message struct{ id, event, data string }

// read reads a stream to its end, or as long as more says so.
func read(body io.Reader, more func(message) bool) error {
	var m message
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "":
			if m != (message{}) && !more(m) {
				return nil
			}
			m = message{}
		case name == "id":
			m.id = value
		case name == "event":
			m.event = value
		case name == "data":
			m.data = value
		case name == "":
			m.event = ": " + value
		}
	}
	return lines.Err()
}

// source makes a small SQLite database.
func source(t testing.TB, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.ExecContext(t.Context(), statements)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

const shop = `CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
	CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), cents INTEGER);
	INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
	INSERT INTO orders VALUES (1, 1, 1200), (2, 1, 99), (3, 2, 7)`

func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
