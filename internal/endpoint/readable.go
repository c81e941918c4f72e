package endpoint

import (
	"context"
	"net"
	"net/netip"

	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// reading is the gate of the readable secondaries: an address of its own, and sessions spread over the standbys that
// follow.
type reading struct {
	asked    netip.AddrPort
	listener net.Listener
	gate     pgwire.Server
	end      context.CancelFunc
	done     chan struct{}
}

func (e *Endpoint) openReading(ctx context.Context, r *Readable) (*reading, error) {
	listener, err := Listen(ctx, r.Listen)
	if err != nil {
		return nil, err
	}
	return &reading{asked: r.Listen, listener: listener, done: make(chan struct{}), gate: pgwire.Server{
		TLS: r.TLS, Authenticate: e.authenticate, Dial: e.dialReadable, DialAll: e.dialReadables, Log: e.options.Log,
	}}, nil
}

// readFrom opens a gate in place of the one that there was, which it returns. Nil opens none.
func (e *Endpoint) readFrom(ctx context.Context, r *reading) (old *reading) {
	e.mu.Lock()
	old, e.reading = e.reading, r
	e.mu.Unlock()
	if old != nil {
		old.end()
	}
	if r == nil {
		return old
	}
	ctx, r.end = context.WithCancel(ctx)
	e.team.working.Go(func() {
		defer close(r.done)
		defer r.end()
		if err := r.gate.Serve(ctx, r.listener); err != nil {
			e.options.Log.Warn("the gate of the readable secondaries has ended", "err", err)
		}
	})
	return old
}

// wait returns when the gate has ended, so that its address can be taken again.
func (r *reading) wait(ctx context.Context) {
	if r == nil {
		return
	}
	select {
	case <-r.done:
	case <-ctx.Done():
	}
}

// ReadOnlyAddr returns the address of the readable secondaries, and the zero value when they are not served.
func (e *Endpoint) ReadOnlyAddr() netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reading == nil {
		return netip.AddrPort{}
	}
	return e.reading.listener.Addr().(*net.TCPAddr).AddrPort()
}

// readables returns the standbys that follow, each time beginning with another one, and what is closed when they change.
func (e *Endpoint) readables() ([]*pgproc.Server, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.turn++
	var servers []*pgproc.Server
	for k := range e.readable {
		servers = append(servers, e.readable[(e.turn+k)%len(e.readable)])
	}
	return servers, e.changed
}

// dialReadable connects to one of the standbys, and waits a while for one to be there.
func (e *Endpoint) dialReadable(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	for {
		servers, changed := e.readables()
		for _, s := range servers {
			if conn, err := s.Dial(ctx); err == nil {
				return conn, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &pgwire.Error{
				Code: codeCannotConnectNow, Message: "no readable secondary is available now",
				Hint: "Try again in a moment, or read from the read-write address.", Err: context.Cause(ctx),
			}
		}
	}
}

// dialReadables connects to all standbys: a cancel request is for a session on any of them.
func (e *Endpoint) dialReadables(ctx context.Context) ([]net.Conn, error) {
	var all []net.Conn
	servers, _ := e.readables()
	for _, s := range servers {
		if conn, err := s.Dial(ctx); err == nil {
			all = append(all, conn)
		}
	}
	return all, nil
}
