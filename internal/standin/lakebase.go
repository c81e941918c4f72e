package standin

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// DefaultAPI is the address of the REST API when [Options] name none.
const DefaultAPI = "127.0.0.1:8432"

// Options describes a local Lakebase. Dir is required.
type Options struct {
	Dir      string        // everything lives here; made when missing
	API      string        // address of the REST API; "" means DefaultAPI, port 0 takes a free one
	Port     int           // of all endpoints; 0 means lakeward.DefaultPort
	TokenTTL time.Duration // life of a database credential; 0 means an hour
	Fast     bool          // for tests: data may be lost with the machine
	NoPast   bool          // for measurements: no history is kept, and no moment of the past can be had
	Limits   Limits        // where they differ from the real service's
	Log      *slog.Logger  // nil discards
}

// Lakebase is a running local Lakebase.
type Lakebase struct {
	dir       string
	host      string // URL of the REST API
	port      int
	tokenTTL  time.Duration
	fast      bool
	noPast    bool
	log       *slog.Logger
	lock      *os.File
	store     *store
	volumes   *volumeStore
	fileLimit int64 // of an upload
	limits    Limits
	workspace WorkspaceFile
	ca        *endpoint.CA
	roots     *x509.CertPool
	tokens    *tokenMaker
	binaries  pgproc.Binaries
	templates string // folder of prepared data folders
	faults    faults

	queueMu sync.Mutex                 // held while submitting, so that queues have the order of the state's changes
	tails   map[string]<-chan struct{} // by project: closed when the last operation in its queue is over
	tasks   map[string]<-chan struct{} // by operation that is not finished: closed when it is over
	jobs    chan func(context.Context)

	runMu    sync.Mutex
	runners  map[string]*runner // by uid of the endpoint
	doors    map[string]*door   // by uid of the endpoint
	notices  map[string]notice  // by uid of the deleted endpoint
	watchers sync.WaitGroup     // one for each endpoint that has run

	historyMu  sync.Mutex
	histories  map[string]*endpoint.History // by uid of the branch or snapshot
	newHistory chan struct{}                // wakes the historian

	wake     chan struct{} // of the janitor
	stopping chan struct{} // closed when the end begins
	running  sync.WaitGroup
	server   *http.Server
	close    func() error
}

// Start starts the local Lakebase in o.Dir and returns when its REST API answers. Its endpoints start in the background:
// their states tell how far they are. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Lakebase, error) {
	l := newLakebase(o)
	if err := l.open(o.Dir); err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	listener, err := listen(ctx, cmp.Or(o.API, usualAPI(l.dir)))
	if err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	l.host = "http://" + clientAddress(listener)
	if err := l.settle(); err != nil {
		return nil, errors.Join(err, listener.Close(), l.unlock())
	}
	l.run(context.WithoutCancel(ctx), listener)
	l.resume(ctx)
	l.log.Info("local Lakebase is up", "host", l.host, "dir", l.dir)
	return l, nil
}

func newLakebase(o Options) *Lakebase {
	l := &Lakebase{
		port: o.Port, tokenTTL: o.TokenTTL, fast: o.Fast, noPast: o.NoPast, log: o.Log, fileLimit: fileLimit,
		tails: map[string]<-chan struct{}{}, tasks: map[string]<-chan struct{}{}, jobs: make(chan func(context.Context)),
		histories: map[string]*endpoint.History{}, newHistory: make(chan struct{}, 1),
		doors: map[string]*door{}, notices: map[string]notice{}, limits: o.Limits.withDefaults(),
		runners: map[string]*runner{}, wake: make(chan struct{}, 1), stopping: make(chan struct{}),
	}
	if l.port == 0 {
		l.port = lakeward.DefaultPort
	}
	if l.tokenTTL == 0 {
		l.tokenTTL = maxCredential
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.close = sync.OnceValue(l.shutDown)
	return l
}

// open takes possession of the folder and loads what is in it.
func (l *Lakebase) open(dir string) (err error) {
	if dir == "" {
		return lakeward.Errorf(lakeward.KindInvalid, "name one with --dir or LAKEWARD_DIR", "the local Lakebase has no folder")
	}
	if l.dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	// PostgreSQL's user must be able to pass; what is secret in the folder has mode 0600.
	if err := os.MkdirAll(l.dir, 0o711); err != nil {
		return lakeward.Errorf(lakeward.KindDenied, "choose another folder with --dir or LAKEWARD_DIR",
			"make folder of the local Lakebase: %w", err)
	}
	if l.lock, err = lockFolder(l.dir); err != nil {
		return err
	}
	if l.binaries, err = pgproc.Find(); err != nil {
		return err
	}
	l.templates = templatesFolder(l.dir)
	if l.store, err = openStore(filepath.Join(l.dir, stateName), l.fast); err != nil {
		return err
	}
	l.volumes, err = openVolumeStore(filepath.Join(l.dir, "volumes"), l.fast)
	if err != nil {
		return err
	}
	if l.tokens, err = loadTokenMaker(l.dir); err != nil {
		return err
	}
	if l.ca, err = endpoint.LoadCA(l.dir); err != nil {
		return err
	}
	pem, err := os.ReadFile(l.ca.Path())
	if err != nil {
		return fmt.Errorf("read certificate authority: %w", err)
	}
	l.roots, err = rootsOf(pem)
	return err
}

// templatesFolder is where prepared data folders are kept: for all local Lakebases of a user, where there is a place.
func templatesFolder(dir string) string {
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(cache, 0o700) == nil {
		return filepath.Join(cache, "lakeward", "templates")
	}
	return filepath.Join(dir, "templates")
}

// settle makes at the first start what a workspace has from the beginning.
func (l *Lakebase) settle() error {
	if err := l.settleWorkspace(); err != nil {
		return err
	}
	return l.settleCatalogs()
}

// usualAPI is where the REST API of a folder answers when nobody has said: of a named workspace at a port of its own, which
// it keeps.
func usualAPI(dir string) string {
	if filepath.Base(filepath.Dir(dir)) != workspacesFolder {
		return DefaultAPI
	}
	if w, err := ReadWorkspace(dir); err == nil {
		if u, err := url.Parse(w.Host); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return "127.0.0.1:0"
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	listener, err := c.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, lakeward.Errorf(lakeward.KindConflict, "choose another address with --api",
			"address %s of the REST API is taken", address)
	}
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "choose another address with --api",
			"listen for the REST API: %w", err)
	}
	return listener, nil
}

// clientAddress is where a client on this machine reaches the listener.
func clientAddress(listener net.Listener) string {
	a := listener.Addr().(*net.TCPAddr).AddrPort()
	if a.Addr().IsUnspecified() {
		a = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return a.String()
}

// run starts the goroutines that live as long as the Lakebase: the REST server, the dispatcher of operations, the
// janitor, the historian.
func (l *Lakebase) run(ctx context.Context, listener net.Listener) {
	ctx, cancel := context.WithCancel(ctx)
	l.running.Go(func() {
		<-l.stopping
		cancel()
	})
	l.running.Go(func() { l.dispatch(ctx) })
	l.running.Go(func() { l.janitor(ctx) })
	if !l.noPast {
		l.running.Go(func() { l.historian(ctx) })
	}
	l.running.Go(func() { l.caretaker(ctx) })
	l.server = newServer(l.routes())
	l.running.Go(func() {
		if err := l.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.log.Error("REST API has ended", "err", err)
		}
	})
}

// dispatch runs jobs until ctx is done, and returns when all of them have.
func (l *Lakebase) dispatch(ctx context.Context) {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		select {
		case job := <-l.jobs:
			jobs.Go(func() { job(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// resume starts the endpoints and takes up the operations that were not finished.
func (l *Lakebase) resume(ctx context.Context) {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	s := l.store.view()
	for _, p := range s.Projects {
		for _, b := range p.Branches {
			for _, c := range b.Computes {
				switch {
				case b.away(p) != "":
					l.setPhase(c.UID, phaseStopped, nil)
				case c.Disabled || b.primary().Disabled:
					l.setPhase(c.UID, phaseStopped, nil)
				case !c.Slept.IsZero():
					l.sleepOn(ctx, c)
				}
			}
			starts := slices.ContainsFunc(b.Computes, func(c *compute) bool { return l.runner(c.UID).phase == phaseStarting })
			if s.pending(p, b) || !starts && b.away(p) == "" {
				continue // its operation does it, or who knocks
			}
			l.enqueue(queuesOf(p, b), func(ctx context.Context) {
				// What went wrong is logged and shown as the endpoint's state.
				_ = l.reconcile(ctx, p.ID, b.ID)
			})
		}
	}
	for _, op := range s.Operations {
		if !op.Done {
			l.schedule(op)
		}
	}
}

// Close stops the REST API, every endpoint and its PostgreSQL, and returns when all is over. What was going on is taken
// up again by the next Start.
func (l *Lakebase) Close() error { return l.close() }

func (l *Lakebase) shutDown() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	close(l.stopping)
	if err := l.server.Shutdown(ctx); err != nil {
		l.server.Close() // a client that holds on to its call is not waited for
	}
	l.running.Wait()
	err := l.stopAll()
	l.closeDoors()
	l.watchers.Wait()
	l.log.Info("local Lakebase has stopped", "dir", l.dir)
	return errors.Join(err, l.unlock())
}

// stopAll stops what runs, replicas before the primaries that they stream from.
func (l *Lakebase) stopAll() error {
	var replicas, primaries []*endpoint.Endpoint
	l.store.view().computes(func(_ *project, _ *branch, c *compute) bool {
		e := l.runner(c.UID).endpoint
		switch {
		case e == nil:
		case c.ReadOnly:
			replicas = append(replicas, e)
		default:
			primaries = append(primaries, e)
		}
		l.setRunner(c.UID, func(r *runner) { r.endpoint = nil })
		return true
	})
	return errors.Join(haltAll(replicas), haltAll(primaries))
}

func haltAll(endpoints []*endpoint.Endpoint) error {
	errs := make([]error, len(endpoints))
	var stopping sync.WaitGroup
	for i, e := range endpoints {
		stopping.Go(func() { errs[i] = halt(context.Background(), e) })
	}
	stopping.Wait()
	return errors.Join(errs...)
}

// Workspace returns how to reach the local Lakebase and sign in to it.
func (l *Lakebase) Workspace() WorkspaceFile { return l.workspace }
