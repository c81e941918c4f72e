package proxy

import (
	"context"
	"fmt"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// pause makes the session hold back what comes after its transaction.
func (s *session) pause(gate chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		return
	}
	if s.hold == nil {
		s.open = make(chan struct{})
	}
	s.hold = gate
	s.waited.Store(true)
	if s.flowing != nil {
		s.poke()
	}
}

// tryPark parks the session if it is between two transactions, and reports whether it is parked already.
func (s *session) tryPark(gate chan struct{}) (done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		return false // it is not parked until it is gone
	}
	if s.spot == gate {
		return true
	}
	if s.stay == relaying && s.flowing == nil && !s.back && s.boundary() {
		s.stay = parking
		s.poke()
	}
	return false
}

// release lets a session go on that the end of its route's pause finds not parked: the pause was given up.
func (s *session) release(gate chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == gate && s.stay == relaying && s.last == nil {
		s.pass()
	}
}

// pass lets pieces pass again. s.mu is held.
func (s *session) pass() {
	s.hold = nil
	s.waited.Store(false)
	close(s.open)
	if s.flowing == nil && s.last == nil && s.loop != nil {
		s.back = true
		_ = s.client.SetReadDeadline(longAgo)
	}
}

// park runs between two transactions while the route is paused: it takes down what the session holds, gives the upstream
// back, and makes a new one when the pause is over. It returns last words when that is not possible.
func (s *session) park(ctx context.Context, up *upstream) *pgwire.Error {
	_ = up.wire.SetReadDeadline(time.Now().Add(packing))
	luggage, err := s.pack(up)
	if err != nil {
		return s.loss(ctx, err)
	}
	kept := luggage.stays != ""
	if !kept {
		up.close()
	}
	_ = up.wire.SetReadDeadline(time.Time{})

	s.mu.Lock()
	gate := s.hold
	s.stay, s.spot, s.why = parked, gate, luggage.stays
	s.mu.Unlock()
	s.route.notify()
	select {
	case <-gate:
	case <-s.done:
		return nil
	case <-ctx.Done():
		return shutdown()
	}
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last != nil {
		return last
	}
	if kept && s.route.connector() != s.made {
		return s.strand(luggage.stays)
	}
	to := s.made
	if !kept {
		var words *pgwire.Error
		if up, to, words = s.reconnect(ctx, luggage); words != nil {
			return words
		}
	}
	s.unpark(up, to, gate)
	return nil
}

// packing bounds the questions about what a session holds.
const packing = 10 * time.Second

// strand ends a session that cannot follow its route.
func (s *session) strand(held string) *pgwire.Error {
	return &pgwire.Error{
		Code:    "57P01",
		Message: fmt.Sprintf("terminating connection: route %s now leads to instance %s", s.route.name, s.route.settings().Instance),
		Detail:  "The session held " + held + ", which cannot be moved.",
		Hint:    "Connect again.",
	}
}

// reconnect makes a session like the one that was given back, where the route leads now.
func (s *session) reconnect(ctx context.Context, l luggage) (*upstream, *lakeward.Connector, *pgwire.Error) {
	ctx, cancel := context.WithTimeout(ctx, s.route.settings().Wait)
	defer cancel()
	if err := s.route.turn(ctx); err != nil {
		return nil, nil, s.route.explain(err)
	}
	defer s.route.pass()
	c := s.route.connector()
	up, err := s.route.persist(ctx, c, s.want)
	if err != nil {
		return nil, nil, s.route.explain(err)
	}
	_ = up.wire.SetReadDeadline(time.Now().Add(s.route.settings().Wait))
	if err := s.unpack(up, l); err != nil {
		up.conn.Close()
		return nil, nil, &pgwire.Error{
			Code: "57P01", Err: err,
			Message: fmt.Sprintf("terminating connection: what the session held could not be made again on instance %s: %v",
				s.route.settings().Instance, err),
			Hint: "Connect again.",
		}
	}
	_ = up.wire.SetReadDeadline(time.Time{})
	s.route.metrics.moved.WithLabelValues(s.route.name).Inc()
	return up, c, nil
}

// unpark lets the client go on, unless the next pause has begun.
func (s *session) unpark(up *upstream, made *lakeward.Connector, gate chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.made, s.stay, s.why = up, made, relaying, ""
	if s.hold == gate {
		s.pass()
		return
	}
	s.route.notify() // it can be parked again
}
