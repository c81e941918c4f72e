package endpoint

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Shape is what of an endpoint can be changed while it runs.
type Shape struct {
	Nodes    int       // the primary and its standbys; 0 means 1
	Readable *Readable // nil: nobody reads from the standbys
}

// Readable is the address at which the standbys are read from.
type Readable struct {
	Listen netip.AddrPort
	TLS    *tls.Config
}

// Condition is how the nodes of an endpoint are.
type Condition struct {
	FailingOver bool // there is no primary; logins wait for one
	Down        bool // nobody is served, as Problem tells
	Primary     int  // the number of the node that is the primary
	Nodes       int  // that run and follow, the primary included
	Protected   bool // every acknowledged commit is on a standby as well
	Problem     error
}

// Condition tells how the nodes are.
func (e *Endpoint) Condition() Condition {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.condition
	c.FailingOver, c.Nodes = e.holding, 1+len(e.readable)
	if e.options.Follow != nil && len(e.readable) > 0 { // any node will do
		c.FailingOver, c.Down = false, false
		if e.holding {
			c.Nodes--
		}
	}
	return c
}

// failuresToTell is after how many failed attempts to bring up a standby somebody who waits for it is told.
const failuresToTell = 3

// Reshape changes the number of nodes and whether the standbys can be read from, and returns when it is done: when every
// standby follows and each may take over. The endpoint serves all the while. An error tells what keeps a standby from
// following; the attempts go on.
func (e *Endpoint) Reshape(ctx context.Context, s Shape) error {
	gate, changes := (*reading)(nil), s.Readable == nil
	if s.Readable != nil && s.Readable.Listen != e.readingAt() {
		var err error
		if gate, err = e.openReading(ctx, s.Readable); err != nil {
			return err
		}
		changes = true
	}
	var old *reading
	posted, err := e.arrange(ctx, func(ctx context.Context) {
		if changes {
			old = e.readFrom(ctx, gate)
		}
		e.enlist(ctx, s.Nodes)
	})
	if !posted && gate != nil {
		err = errors.Join(err, gate.listener.Close())
	}
	if posted {
		old.wait(ctx)
	}
	return err
}

// Await returns when the nodes are as they should, as Reshape does.
func (e *Endpoint) Await(ctx context.Context) error {
	_, err := e.arrange(ctx, func(context.Context) {})
	return err
}

// arrange lets the keeper do something and waits until the nodes are as they should. It reports whether it was done.
func (e *Endpoint) arrange(ctx context.Context, do func(context.Context)) (done bool, err error) {
	w := make(waiter, 1)
	begun := make(chan struct{})
	task := func(ctx context.Context) {
		defer close(begun)
		do(ctx)
		e.team.waiting = append(e.team.waiting, w)
	}
	select {
	case e.team.posts <- task:
		<-begun
	case <-e.done:
		return false, errors.Join(errors.New("the endpoint has ended"), e.err)
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	select {
	case err := <-w:
		return true, err
	case <-e.done:
		return true, errors.Join(errors.New("the endpoint has ended"), e.err)
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
}

// readingAt returns the address that was asked for the readable secondaries.
func (e *Endpoint) readingAt() netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reading == nil {
		return netip.AddrPort{}
	}
	return e.reading.asked
}

// report tells everybody how the nodes are, and those who wait for it that all are well.
func (e *Endpoint) report() {
	t := e.team
	c := Condition{Primary: t.record.Primary, Protected: len(t.record.Synchronous) > 0}
	following := t.following()
	whole := len(t.leaving) == 0 && len(following) == len(t.standbys)
	if e.options.Follow == nil {
		whole = whole && t.settling == nil && slices.Equal(t.asked, t.record.Synchronous) && slices.Equal(t.asked, following)
	}
	c.Problem = cmp.Or(c.Problem, t.cramped)
	if t.down != nil {
		c.Down, c.Problem = true, t.down
	}
	for _, s := range t.standbys {
		if s.failures >= failuresToTell {
			c.Problem = fmt.Errorf("node %d does not follow the primary: %w", s.number, s.err)
		}
	}
	e.mu.Lock()
	e.condition = c
	holding := e.holding
	e.mu.Unlock()
	if holding || !whole && c.Problem == nil {
		return
	}
	for _, w := range t.waiting {
		w <- c.Problem
	}
	t.waiting = nil
}

// disband stops every standby, and waits for whoever works on one.
func (e *Endpoint) disband(patience context.Context) error {
	e.team.beat.Stop()
	var mu sync.Mutex
	var errs []error
	var stopping sync.WaitGroup
	stop := func(s *pgproc.Server) {
		if s != nil {
			stopping.Go(func() {
				err := s.Stop(patience)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			})
		}
	}
	stop(e.current())
	for _, s := range e.team.standbys {
		stop(s.server)
	}
	stopping.Wait()
	e.team.working.Wait()
	return errors.Join(errs...)
}
