package task_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
)

// lonely is a probe that must never run twice at once. It needs a moment to leave off.
func lonely(t *testing.T) (in *task.Probe, began <-chan store.Operation, stopped <-chan error, end func()) {
	t.Helper()
	starts, stops, ending := make(chan store.Operation, 10), make(chan error, 10), make(chan struct{})
	var at atomic.Int32
	in = task.NewProbe("shop", t.Name(), func(ctx context.Context, o store.Operation, _ lakeward.Progress) (any, error) {
		if at.Add(1) > 1 {
			t.Errorf("attempt %d runs while another does", o.Attempt)
		}
		defer at.Add(-1)
		starts <- o
		select {
		case <-ending:
			return nil, nil
		case <-ctx.Done():
			<-time.After(300 * time.Millisecond)
			stops <- context.Cause(ctx)
			return nil, ctx.Err()
		}
	})
	return in, starts, stops, sync.OnceFunc(func() { close(ending) })
}

// TestARunWhoseClaimIsLostStops takes the claim away from under a server that lives: it stops what it does, and only then
// somebody goes on with it.
func TestARunWhoseClaimIsLostStops(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		st := storetest.Open(t, o)
		one := serve(t, newService(t, st, nil, t.TempDir()))
		serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		in, began, stopped, end := lonely(t)
		defer end()
		id := submit(t, one, in).ID
		receive(t, began)
		if o.Path != "" {
			if err := os.RemoveAll(o.Path + ".claims"); err != nil {
				t.Fatal(err)
			}
		} else if _, err := st.Postgres().Exec(t.Context(), `
			SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
			WHERE locktype = 'advisory' AND datname = current_database()`); err != nil {
			t.Fatal(err)
		}
		lost := time.Now()
		receive(t, stopped)
		if took := time.Since(lost); took > 10*time.Second {
			t.Errorf("it went on for %s", took)
		}
		if again := receive(t, began); again.Attempt != 2 || again.ID != id {
			t.Errorf("goes on with %+v", again)
		}
		end()
		finish(t, one, id, store.Succeeded)
	})
}

// TestAServerThatItsStoreHasLeftStops lets a PostgreSQL fall silent towards the server that works: it gives the claim to
// another one, and answers the first one no more.
func TestAServerThatItsStoreHasLeftStops(t *testing.T) {
	t.Parallel()
	o := storetest.InPostgres(t)
	way := newWay(t, o.DSN)
	far := o
	far.DSN = way.dsn
	one := serve(t, newService(t, storetest.Open(t, far), nil, t.TempDir()))
	in, began, stopped, end := lonely(t)
	defer end()
	id := submit(t, one, in).ID
	receive(t, began)
	two := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
	way.fallSilent()
	defer way.end()
	receive(t, stopped)
	if again := receive(t, began); again.Attempt != 2 || again.ID != id {
		t.Errorf("goes on with %+v", again)
	}
	end()
	finish(t, two, id, store.Succeeded)
}

// way is a way to a PostgreSQL that can fall silent: the server has hung up then, and its client does not hear of it.
type way struct {
	dsn    string
	listen net.Listener

	mu              sync.Mutex
	silent          bool
	clients, server []net.Conn
	copying         sync.WaitGroup
}

func newWay(t *testing.T, dsn string) *way {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	to := filepath.Join(u.Query().Get("host"), socket)
	dir := pgtest.Dir(t)
	q := u.Query()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	w := &way{dsn: u.String()}
	if w.listen, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		t.Fatal(err)
	}
	w.copying.Go(func() {
		for {
			c, err := w.listen.Accept()
			if err != nil {
				return
			}
			w.open(c, to)
		}
	})
	t.Cleanup(func() {
		w.end()
		if err := w.listen.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		w.copying.Wait()
	})
	return w
}

// open connects a client, unless nobody answers any more.
func (w *way) open(c net.Conn, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients = append(w.clients, c)
	if w.silent {
		return
	}
	s, err := net.Dial("unix", to)
	if err != nil {
		c.Close()
		return
	}
	w.server = append(w.server, s)
	w.copying.Go(func() { _, _ = io.Copy(s, c); s.Close() })
	w.copying.Go(func() {
		_, _ = io.Copy(c, s)
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.silent {
			c.Close()
		}
	})
}

// fallSilent hangs up at the server's side alone.
func (w *way) fallSilent() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
	for _, s := range w.server {
		s.Close()
	}
}

// end lets the clients know, and new ones through.
func (w *way) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = false
	for _, c := range w.clients {
		c.Close()
	}
	w.clients, w.server = nil, nil
}
