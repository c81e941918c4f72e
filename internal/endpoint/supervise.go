package endpoint

import (
	"context"
	"fmt"
	"time"

	"github.com/lakeward/lakeward/internal/pgproc"
)

const (
	firstDelay  = 100 * time.Millisecond
	longest     = 10 * time.Second
	maxRestarts = 10          // in a row
	goodLife    = time.Minute // after which a death starts a new row
)

// supervise starts PostgreSQL again whenever it dies, less and less eagerly. It returns nil when ctx is done, and an
// error when PostgreSQL died too often to believe in another start.
func (e *Endpoint) supervise(ctx context.Context) error {
	born := time.Now()
	for restarts := 0; e.died(ctx); restarts++ {
		server := e.current()
		if time.Since(born) > goodLife {
			restarts = 0
		}
		if restarts >= maxRestarts {
			return fmt.Errorf("gave up after %d restarts: %w", restarts, server.Err())
		}
		delay := min(firstDelay<<restarts, longest)
		e.options.Log.Warn("PostgreSQL died and is started again", "dir", e.config.Dir, "after", delay, "err", server.Err())
		if err := e.restart(ctx, delay); err != nil && ctx.Err() == nil {
			e.options.Log.Warn("restart PostgreSQL", "dir", e.config.Dir, "err", err)
		}
		born = time.Now()
	}
	return nil
}

// died waits until PostgreSQL has died, and reports false when ctx is done.
func (e *Endpoint) died(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-e.current().Done():
	}
	return ctx.Err() == nil
}

// restart waits and starts PostgreSQL. When that fails, the dead server stays the current one, which makes supervise
// try again.
func (e *Endpoint) restart(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil
	}
	s, err := pgproc.Start(ctx, e.config)
	if err != nil {
		return err
	}
	e.setServer(s)
	return nil
}
