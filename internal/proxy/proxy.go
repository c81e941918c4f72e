package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// Options are what a Server is made of.
type Options struct {
	Config    Config                                    // completed
	Connector func(instance string) *lakeward.Connector // a new one for each call
	Version   string
	Log       *slog.Logger // who came, from where and as whom; nil discards it
}

// Server is a proxy at work.
type Server struct {
	opt     Options
	log     *slog.Logger
	metrics *metrics
	nextID  atomic.Uint32

	loops    []*loop // while it runs
	nextLoop atomic.Uint32

	mu        sync.Mutex
	config    Config
	routes    map[string]*route
	retired   []*route                // gone from the configuration, perhaps with sessions
	listeners map[string]net.Listener // by address
	keys      map[string]member       // by what their clients cancel with
	clients   sync.WaitGroup
	accept    func(net.Listener, *route) // set while it runs
}

// New opens the listeners, so that whoever returns from it can be connected to.
func New(o Options) (*Server, error) {
	s := &Server{
		opt: o, log: o.Log, config: o.Config,
		routes: map[string]*route{}, listeners: map[string]net.Listener{}, keys: map[string]member{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.metrics = newMetrics(s)
	for _, c := range o.Config.Routes {
		if err := s.open(c); err != nil {
			s.closeListeners()
			return nil, err
		}
	}
	return s, nil
}

// Collector has the numbers of the proxy.
func (s *Server) Collector() prometheus.Collector { return s.metrics }

// open makes a route with its listeners. s.mu is held, or nobody else knows s yet.
func (s *Server) open(c RouteConfig) error {
	r := newRoute(c, s.opt.Connector, s.metrics, s.log)
	r.start = s.clients.Go
	for _, address := range c.Listen {
		if err := s.listen(address, r); err != nil {
			return err
		}
	}
	s.routes[c.Name] = r
	return nil
}

func (s *Server) listen(address string, r *route) error {
	l, err := listen(address)
	if err != nil {
		return err
	}
	s.listeners[address] = l
	if s.accept != nil {
		s.accept(l, r)
	}
	return nil
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		l.Close()
	}
}

// Addr returns where a route listens, for addresses whose port was left to the system.
func (s *Server) Addr(name string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.routes[name]
	if r == nil {
		return nil
	}
	return s.listeners[r.settings().Listen[0]].Addr()
}

func (s *Server) all() []*route {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*route, 0, len(s.routes))
	for _, r := range s.routes {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *route) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return out
}

// Run serves clients until ctx is done. Then it lets no more in, ends sessions as they come to the end of their
// transaction, and after the drain time the rest.
func (s *Server) Run(ctx context.Context) error {
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	var err error
	if s.loops, err = newLoops(); err != nil {
		s.closeListeners()
		return err
	}
	defer func() { closeLoops(s.loops) }()
	failed := make(chan error, 1)
	accept := func(l net.Listener, r *route) {
		s.clients.Go(func() {
			if err := s.serve(ctx, hard, l, r); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	s.mu.Lock()
	s.accept = accept
	for _, r := range s.routes {
		for _, address := range r.settings().Listen {
			accept(s.listeners[address], r)
		}
	}
	s.mu.Unlock()
	s.clients.Go(func() { s.sweep(ctx) })
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.mu.Lock()
	s.accept = func(l net.Listener, _ *route) { l.Close() }
	s.closeListeners()
	s.mu.Unlock()
	s.log.InfoContext(hard, "no client is let in any more", "clients", len(s.sessions()))
	s.drain(hard, kill)
	s.clients.Wait()
	s.log.InfoContext(hard, "all sessions have ended")
	return err
}

// serve accepts clients of one listener.
func (s *Server) serve(ctx, hard context.Context, l net.Listener, r *route) error {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.clients.Go(func() { s.client(ctx, hard, conn, r) })
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			s.log.WarnContext(ctx, "accept client", "err", err)
			t := time.NewTimer(100 * time.Millisecond)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
		default:
			return fmt.Errorf("accept client: %w", err)
		}
	}
}

// client takes one client from its first byte to its last.
func (s *Server) client(ctx, hard context.Context, conn net.Conn, r *route) {
	came := time.Now()
	g, err := greet(ctx, conn, r)
	defer func() {
		if !errors.Is(err, errHanded) {
			conn.Close()
		}
	}()
	if err == nil && g.cancel != nil {
		s.cancel(hard, r, g.cancel)
		return
	}
	log := r.logOf(g.Login)
	if err == nil {
		err = s.session(ctx, hard, conn, r, g, came, log)
	}
	if err == nil || errors.Is(err, errHanded) {
		return
	}
	if errors.Is(err, io.EOF) {
		log.DebugContext(ctx, "client left without a word")
		return
	}
	r.metrics.refused.WithLabelValues(r.name).Inc()
	if errors.Is(err, errGone) {
		log.InfoContext(ctx, "client left before its session")
		return
	}
	log.WarnContext(ctx, "client refused", "err", err)
	if e, ok := errors.AsType[*pgwire.Error](err); ok {
		e.Tell(conn)
	}
}

// remember makes the key with which the client's queries can be cancelled.
func (s *Server) remember(one member, long bool) (key []byte) {
	key = newKey(s.nextID.Add(1), long)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[string(key)] = one
	return key
}

func (s *Server) forget(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, string(key))
}

// cancel passes a cancel request on. The client never learns whether there was anything to cancel.
func (s *Server) cancel(ctx context.Context, r *route, key []byte) {
	s.mu.Lock()
	one := s.keys[string(key)]
	s.mu.Unlock()
	if one == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, 5*farewell)
	defer stop()
	r.metrics.cancels.WithLabelValues(r.name).Inc()
	if err := one.cancel(ctx); err != nil {
		r.log.WarnContext(ctx, "cancel query", "err", err)
	}
}

// logOf is the log with who a client is.
func (r *route) logOf(l pgwire.Login) *slog.Logger {
	return r.log.With("client", clientOf(l), "user", l.User, "database", l.Database, "application", l.Params["application_name"])
}

// clientOf says from where a client came.
func clientOf(l pgwire.Login) string {
	if l.RemoteAddr == nil {
		return "?"
	}
	if l.RemoteAddr.Network() == "unix" {
		return "unix socket"
	}
	return l.RemoteAddr.String()
}
