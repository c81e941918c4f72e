package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// session makes a session for a client and relays until it ends. An error has not been told yet.
func (s *Server) session(ctx, hard context.Context, conn net.Conn, r *route, g greeting, came time.Time, log *slog.Logger) error {
	if r.settings().Mode == ModeTransaction && g.Params["replication"] == "" {
		return s.visit(ctx, hard, conn, r, g, came, log)
	}
	one := &session{route: r, client: conn, who: g.Login, began: time.Now(), done: make(chan struct{})}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("connection of type %T has no descriptor", conn)
	}
	var err error
	if one.raw, err = sc.SyscallConn(); err != nil {
		return fmt.Errorf("take descriptor: %w", err)
	}
	one.want = r.wantOf(g)
	one.who.Params = one.want.params
	wait := r.settings().Wait
	entered, handed := false, false
	defer func() {
		if entered && !handed {
			r.leave()
		}
	}()
	early, err := whileThere(ctx, conn, wait, func(ctx context.Context) error {
		if err := r.enter(ctx); err != nil {
			return err
		}
		entered = true
		return one.connect(ctx)
	})
	if err != nil {
		return err
	}
	one.loop = s.loops[int(s.nextLoop.Add(1))%len(s.loops)]
	one.key = s.remember(one, g.longKeys())
	if err := welcome(conn, one.params, one.key, one.up.early); err != nil {
		one.up.close()
		r.remove(one)
		s.forget(one.key)
		return fmt.Errorf("%w: %w", errGone, err)
	}
	one.up.early = nil
	r.metrics.began.WithLabelValues(r.name).Inc()
	r.metrics.login.WithLabelValues(r.name).Observe(seconds(came))
	log.InfoContext(ctx, "session begins", "as", one.up.user, "instance", r.settings().Instance,
		"pid", binary.BigEndian.Uint32(one.key))
	handed = true
	if !s.embark(hard, one, early) {
		s.live(hard, one, early)
	}
	return errHanded
}

// embark leaves a session to the loop, if that takes it, and goes on with it when the loop lets go.
func (s *Server) embark(ctx context.Context, one *session, early []byte) bool {
	s.clients.Add(1) // for the time without a goroutine
	ok := one.embark(ctx, early, func(early []byte) {
		defer s.clients.Done()
		s.live(ctx, one, early)
	})
	if !ok {
		s.clients.Done()
	}
	return ok
}

// live does what is to be done for a session outside of the loop, until it is in the loop again or has ended.
func (s *Server) live(ctx context.Context, one *session, early []byte) {
	for again := true; again; again = !s.embark(ctx, one, early) {
		if early, again = one.attend(ctx, early); !again {
			s.finish(ctx, one)
			return
		}
	}
}

func (s *Server) finish(ctx context.Context, one *session) {
	r := one.route
	one.client.Close()
	one.upstream().conn.Close()
	r.metrics.lasted.WithLabelValues(r.name).Observe(seconds(one.began))
	r.logOf(one.who).InfoContext(ctx, "session ends", "as", one.upstream().user, "seconds", seconds(one.began))
	r.remove(one)
	s.forget(one.key)
	r.leave()
}

// connect logs in to the instance that the route leads to, and makes the session one of the route's.
func (s *session) connect(ctx context.Context) error {
	for {
		c := s.route.connector()
		up, err := s.route.persist(ctx, c, s.want)
		if err != nil {
			if errors.Is(context.Cause(ctx), errGone) {
				return errGone
			}
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return shutdown()
			}
			return s.route.explain(err)
		}
		s.made, s.up, s.params = c, up, up.params
		s.down.param = func(name, value string) { s.params = withParam(s.params, name, value) }
		s.status.Store('I')
		if s.route.add(s) {
			return nil
		}
		up.close() // it was paused or switched meanwhile
		if err := s.route.opened(ctx); err != nil {
			return err
		}
	}
}

// whileThere does something for a client that waits, until it leaves. It returns what the client has said meanwhile.
func whileThere(ctx context.Context, conn net.Conn, wait time.Duration, do func(context.Context) error) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	bounded, stop := context.WithTimeout(ctx, wait)
	defer stop()
	var one [1]byte
	var n int
	read := make(chan struct{})
	go func() {
		defer close(read)
		var err error
		if n, err = conn.Read(one[:]); err != nil {
			cancel(errGone)
		}
	}()
	err := do(bounded)
	gone := errors.Is(context.Cause(ctx), errGone)
	_ = conn.SetReadDeadline(longAgo)
	<-read
	_ = conn.SetReadDeadline(time.Time{})
	if err != nil && gone {
		err = errGone
	}
	return one[:n], err
}
