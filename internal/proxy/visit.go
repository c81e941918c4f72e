package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"syscall"
	"time"
)

// wantOf says which session a client wants.
func (r *route) wantOf(g greeting) want {
	w := want{database: g.Database, isUser: g.Database == g.User, params: g.startup()}
	if d := r.settings().Database; d != "" && w.isUser {
		w.database, w.isUser = d, false
	}
	return w
}

// errHanded says that another goroutine serves the client from now on, and closes its connection.
var errHanded = errors.New("the client is served elsewhere")

// visit lets a client in to transaction mode. From then on a goroutine serves it that has not had the deep calls of a
// login, and so needs little memory while the client is idle. An error other than errHanded has not been told yet.
func (s *Server) visit(ctx, hard context.Context, conn net.Conn, r *route, g greeting, came time.Time, log *slog.Logger) error {
	w := r.wantOf(g)
	c := &pooled{
		route: r, client: conn, who: g.Login, named: map[string]*statement{},
		pool: poolKey{database: w.database, isUser: w.isUser, options: w.params["options"]},
	}
	delete(w.params, "options")
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("connection of type %T has no descriptor", conn)
	}
	var err error
	if c.raw, err = sc.SyscallConn(); err != nil {
		return fmt.Errorf("take descriptor: %w", err)
	}
	told, early, err := c.settle(ctx, w.params)
	if err != nil {
		return err
	}
	c.key = s.remember(c, g.longKeys())
	if !r.receive(c) {
		s.forget(c.key)
		return shutdown()
	}
	if err := welcome(conn, told, c.key, nil); err != nil {
		s.forget(c.key)
		r.farewell(c)
		return fmt.Errorf("%w: %w", errGone, err)
	}
	r.metrics.began.WithLabelValues(r.name).Inc()
	r.metrics.login.WithLabelValues(r.name).Observe(seconds(came))
	log.InfoContext(ctx, "client comes", "instance", r.settings().Instance, "pid", binary.BigEndian.Uint32(c.key))
	s.clients.Go(func() {
		s.stay(hard, c, early, log)
	})
	return errHanded
}

// stay serves a client that is in.
func (s *Server) stay(ctx context.Context, c *pooled, early []byte, log *slog.Logger) {
	began := time.Now()
	c.run(ctx, early)
	c.client.Close()
	s.forget(c.key)
	c.route.farewell(c)
	c.route.metrics.lasted.WithLabelValues(c.route.name).Observe(seconds(began))
	log.InfoContext(ctx, "client goes", "seconds", seconds(began))
}

// settle finds the client's settings and what it is told of the server, which takes a session on the instance only for
// the first one of its kind.
func (c *pooled) settle(ctx context.Context, params map[string]string) (told map[string]string, early []byte, err error) {
	if c.env, told = c.route.knownSettings(c.pool, params); c.env == nil {
		early, err = whileThere(ctx, c.client, c.route.settings().Wait, func(ctx context.Context) (err error) {
			c.env, told, err = c.route.settingsOf(ctx, c.pool, params)
			return err
		})
	}
	c.birth = c.env
	return told, early, err
}

// receive counts a client in, unless the proxy is shutting down.
func (r *route) receive(c *pooled) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.guests[c] = struct{}{}
	return true
}

func (r *route) farewell(c *pooled) {
	r.mu.Lock()
	delete(r.guests, c)
	r.mu.Unlock()
	r.notify()
}

// visitors are the clients in transaction mode.
func (r *route) visitors() []*pooled {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.guests))
}

// borrowed is how many sessions clients in transaction mode have.
func (r *route) borrowed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pool.lent
}

// sweep ends sessions that are too old, or that nobody has needed for a while.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, r := range s.everywhere() {
			r.dropIdle(false)
		}
	}
}

// closePools ends the sessions that no client has any more.
func (s *Server) closePools() {
	for _, r := range s.everywhere() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.dropIdle(true)
	}
}
