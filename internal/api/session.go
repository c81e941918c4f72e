package api

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

const (
	mostSessions   = 16  // connections to instances at a time, for answers that are no operations
	mostConnectors = 200 // that are kept
)

// connectors keeps the ways to instances, so that not each look at one mints a token.
type connectors struct {
	mu    sync.Mutex
	known map[string]*lakeward.Connector
}

func (c *connectors) of(name string, open func(string) *lakeward.Connector) *lakeward.Connector {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.known[name]; known != nil {
		return known
	}
	if c.known == nil || len(c.known) == mostConnectors {
		c.known = map[string]*lakeward.Connector{}
	}
	c.known[name] = open(name)
	return c.known[name]
}

// forget has the next look at an instance begin anew.
func (c *connectors) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, name)
}

// on does something on a new connection to an instance. Who cannot have one yet waits for it.
func (s *server) on(ctx context.Context, instance string, do func(*pgx.Conn) error) error {
	select {
	case s.sessions <- struct{}{}:
		defer func() { <-s.sessions }()
	case <-ctx.Done():
		return lakeward.Errorf(lakeward.KindUnavailable, "try again in a minute",
			"the server has too many connections open: %w", context.Cause(ctx))
	}
	c, err := s.dial(ctx, instance)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // what it was for is done
	return do(c)
}

// dial connects. What is known of the instance may be of one before it that had the same name.
func (s *server) dial(ctx context.Context, instance string) (*pgx.Conn, error) {
	to, err := s.connect(instance)
	if err != nil {
		return nil, err
	}
	known := to.Expires()
	c, err := to.Connect(ctx)
	if err == nil || known.IsZero() || ctx.Err() != nil {
		return c, err
	}
	s.connectors.forget(instance)
	if to, err = s.connect(instance); err != nil {
		return nil, err
	}
	return to.Connect(ctx)
}
