package endpoint

import (
	"context"
	"fmt"
	"net"
	"slices"
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
// node has no next one, and says at once that it starts again. Of a read-only endpoint any node will do.
func (e *Endpoint) reach(ctx context.Context, try func(context.Context, *pgproc.Server) error) error {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	for {
		e.mu.Lock()
		server, holding, several, changed := e.server, e.holding, e.several, e.changed
		e.mu.Unlock()
		var err error
		for _, s := range e.circle() {
			if try(ctx, s) == nil {
				return nil
			}
		}
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

// circle returns the nodes of a read-only endpoint that has several, beginning with that whose turn it is.
func (e *Endpoint) circle() []*pgproc.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.options.Follow == nil || len(e.readable) == 0 {
		return nil
	}
	all := slices.Clone(e.readable)
	if !e.holding {
		all = append(all, e.server)
	}
	k := e.turn % len(all)
	return slices.Concat(all[k:], all[:k])
}

func (e *Endpoint) dial(ctx context.Context) (conn net.Conn, err error) {
	if e.options.Follow != nil {
		e.mu.Lock()
		e.turn++
		e.mu.Unlock()
	}
	err = e.reach(ctx, func(ctx context.Context, s *pgproc.Server) (err error) {
		conn, err = s.Dial(ctx)
		return err
	})
	return conn, err
}

// dialAll connects to all nodes that dial chooses from: a cancel request is for a session on any of them.
func (e *Endpoint) dialAll(ctx context.Context) (all []net.Conn, err error) {
	for _, s := range e.circle() {
		if conn, err := s.Dial(ctx); err == nil {
			all = append(all, conn)
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	conn, err := e.dial(ctx)
	return []net.Conn{conn}, err
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

// lookUp calls do with a superuser's connection, and again with one to the next primary when it fails: a login must not fail
// because the primary dies while it is judged.
func (e *Endpoint) lookUp(ctx context.Context, do func(*pgx.Conn) error) error {
	return e.reach(ctx, func(ctx context.Context, s *pgproc.Server) error {
		conn, err := connect(ctx, s, adminDatabase)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		return do(conn)
	})
}
