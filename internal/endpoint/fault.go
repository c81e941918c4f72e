package endpoint

import (
	"context"
	"errors"
	"syscall"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// Signal sends a signal to every process of a node, as the world outside may at any time: 0 stands for the primary.
func (e *Endpoint) Signal(ctx context.Context, node int, signal syscall.Signal) error {
	server := e.current()
	if node != 0 {
		var err error
		if server, err = e.nodeServer(ctx, node); err != nil {
			return err
		}
	}
	return server.Signal(signal)
}

// SignalAll sends a signal to every process of every node.
func (e *Endpoint) SignalAll(ctx context.Context, signal syscall.Signal) error {
	var servers []*pgproc.Server
	err := e.consult(ctx, func() {
		servers = append(servers, e.current())
		for _, s := range e.team.standbys {
			if s.server != nil {
				servers = append(servers, s.server)
			}
		}
	})
	for _, s := range servers {
		err = errors.Join(err, s.Signal(signal))
	}
	return err
}

// nodeServer returns the PostgreSQL of a node.
func (e *Endpoint) nodeServer(ctx context.Context, number int) (found *pgproc.Server, err error) {
	err = e.consult(ctx, func() {
		if s := e.team.standbys[number]; s != nil {
			found = s.server
		}
		if number == e.team.record.Primary {
			found = e.current()
		}
	})
	if err == nil && found == nil {
		err = lakeward.Errorf(lakeward.KindNotFound, "", "there is no running node %d", number)
	}
	return found, err
}

// consult lets do look at the team.
func (e *Endpoint) consult(ctx context.Context, do func()) error {
	done := make(chan struct{})
	if !e.post(ctx, func(context.Context) { defer close(done); do() }) {
		return context.Cause(ctx)
	}
	<-done
	return nil
}
