package endpoint

import (
	"context"
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

// nodeServer returns the PostgreSQL of a node.
func (e *Endpoint) nodeServer(ctx context.Context, number int) (found *pgproc.Server, err error) {
	done := make(chan struct{})
	posted := e.post(ctx, func(context.Context) {
		defer close(done)
		if s := e.team.standbys[number]; s != nil {
			found = s.server
		}
		if number == e.team.record.Primary {
			found = e.current()
		}
	})
	if !posted {
		return nil, context.Cause(ctx)
	}
	<-done
	if found == nil {
		return nil, lakeward.Errorf(lakeward.KindNotFound, "", "there is no running node %d", number)
	}
	return found, nil
}
