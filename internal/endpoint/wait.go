package endpoint

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// gatePatience is how long a login waits for another primary, or for a standby to read from.
const gatePatience = 30 * time.Second

// hold lets logins wait: there is no primary.
func (e *Endpoint) hold() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holding = true
	e.announce()
}

// setServer makes s the primary and lets logins go on.
func (e *Endpoint) setServer(s *pgproc.Server) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.server, e.holding = s, false
	e.condition.Primary = e.team.record.Primary
	e.announce()
}

// announce wakes up those who wait for a change. The caller holds mu.
func (e *Endpoint) announce() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Endpoint) current() *pgproc.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.server
}

// reach calls try with the primary, and again with the next one when it fails for want of a primary. An endpoint of one
// node has no next one, and says at once that it starts again.
func (e *Endpoint) reach(ctx context.Context, try func(context.Context, *pgproc.Server) error) error {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	for {
		e.mu.Lock()
		server, holding, several, changed := e.server, e.holding, e.several, e.changed
		e.mu.Unlock()
		var err error
		if !holding {
			if err = try(ctx, server); err == nil || !several {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for a primary: %w", context.Cause(ctx))
		}
	}
}

func (e *Endpoint) dial(ctx context.Context) (conn net.Conn, err error) {
	err = e.reach(ctx, func(ctx context.Context, s *pgproc.Server) (err error) {
		conn, err = s.Dial(ctx)
		return err
	})
	return conn, err
}

// admin calls do with a superuser's connection to a database. Such connections are not kept: one that outlived a
// restart of PostgreSQL would refuse somebody's login.
func (e *Endpoint) admin(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	var conn *pgx.Conn
	err := e.reach(ctx, func(ctx context.Context, s *pgproc.Server) (err error) {
		conn, err = connect(ctx, s, database)
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}
