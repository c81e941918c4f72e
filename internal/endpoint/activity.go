package endpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Busy returns how many sessions are doing something now: run a statement, have a transaction open, stream changes. The
// system's own do not count.
//
// It asks each node that clients can be on but the readable secondaries of a read-write endpoint.
func (e *Endpoint) Busy(ctx context.Context) (sessions int, err error) {
	const sql = `SELECT count(*)::int FROM pg_catalog.pg_stat_activity
		WHERE backend_type IN ('client backend', 'walsender') AND state <> 'idle' AND usename <> $1`
	ctx, cancel := context.WithTimeout(ctx, questions*answerTime)
	defer cancel()
	servers := e.circle()
	if servers == nil {
		servers = []*pgproc.Server{e.current()}
	}
	for _, s := range servers {
		n, err := ask[int](ctx, s, sql, pgproc.Superuser)
		if err != nil {
			return 0, fmt.Errorf("count busy sessions: %w", err)
		}
		sessions += n
	}
	return sessions, nil
}

// Resize changes settings of the running PostgreSQL, on every node. What Options.Settings say still wins.
func (e *Endpoint) Resize(settings map[string]string) error {
	e.mu.Lock()
	servers := append([]*pgproc.Server{e.server}, e.readable...)
	e.size = settings
	e.mu.Unlock()
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Apply(settings))
	}
	return errors.Join(errs...)
}

// fit gives a server that comes in the size of the endpoint.
func (e *Endpoint) fit(s *pgproc.Server) {
	e.mu.Lock()
	size := e.size
	e.mu.Unlock()
	if size == nil {
		return
	}
	if err := s.Apply(size); err != nil {
		e.options.Log.Warn("give a node the size of its endpoint", "dir", s.Dir(), "err", err)
	}
}
