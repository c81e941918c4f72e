package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// drain ends all sessions: politely, and then not.
func (s *Server) drain(ctx context.Context, kill func()) {
	s.mu.Lock()
	limit := s.config.Drain
	s.mu.Unlock()
	late := time.NewTimer(limit)
	defer late.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		open := s.sessions()
		if len(open) == 0 {
			s.cutOff(kill)
			return
		}
		for _, session := range open {
			session.end(shutdown())
		}
		select {
		case <-poll.C:
			continue
		case <-late.C:
		}
		s.log.WarnContext(ctx, "sessions did not end in time", "sessions", len(open))
		for _, session := range s.sessions() {
			session.kill(shutdown())
		}
		t := time.NewTimer(farewell)
		defer t.Stop()
		<-t.C
		s.cutOff(kill)
		return
	}
}

// cutOff ends what is left. Sessions in the loop have no goroutine that would see that the time is over.
func (s *Server) cutOff(kill func()) {
	kill()
	for _, r := range s.everywhere() {
		for _, one := range r.list() {
			one.interrupt()
		}
	}
	s.closePools()
}

// member is a client with what it can do at any time.
type member interface {
	end(words *pgwire.Error) bool // between two transactions
	kill(words *pgwire.Error)
	cancel(ctx context.Context) error
}

func (s *Server) everywhere() []*route {
	s.mu.Lock()
	routes := slices.Clone(s.retired)
	s.mu.Unlock()
	return append(routes, s.all()...)
}

func (s *Server) sessions() (all []member) {
	for _, r := range s.everywhere() {
		for _, one := range r.list() {
			all = append(all, one)
		}
		for _, one := range r.visitors() {
			all = append(all, one)
		}
	}
	return all
}
