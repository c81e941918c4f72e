package task

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/store"
)

const (
	sweepPause   = 2 * time.Second        // between two looks for operations that no server works on
	cancelPause  = 500 * time.Millisecond // between two looks for a cancellation that another server was told of
	claimPause   = 200 * time.Millisecond // until an instance is tried again whose last operation is just ending
	stopPatience = 30 * time.Second       // for operations to leave off when the server stops
	endPatience  = time.Minute            // for a store that cannot be reached when an operation ends
	mostAttempts = 25                     // a server that dies as often of one operation would go on to do so
)

// cancelled is why an operation is stopped that somebody has cancelled.
type cancelled struct{ by string }

func (c *cancelled) Error() string { return "cancelled by " + c.by }

var errLost = errors.New("the claim on the instance is lost")

// Run works until ctx is done. Operations that are not finished then go on with the next server.
func (s *Service) Run(ctx context.Context) error {
	if err := s.queue.start(context.WithoutCancel(ctx)); err != nil {
		return explain(s, err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		if err := s.queue.stop(stopping); err != nil {
			s.Log.ErrorContext(ctx, "stop the queue", "error", err)
		}
	}()
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "look for operations without a server", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep wakes servers up for operations whose turn it is and that nobody works on: their server has died, or could not
// say that it was their turn.
func (s *Service) sweep(ctx context.Context) error {
	heads, err := s.Store.Heads(ctx, "")
	if err != nil || len(heads) == 0 {
		return err
	}
	waiting, err := s.queue.waiting(ctx)
	if err != nil {
		return err
	}
	for _, o := range heads {
		if waiting[o.ID] || s.works(o.ID) {
			continue
		}
		claimed, err := s.Store.Claimed(ctx, key(o))
		if err != nil {
			return err
		}
		if !claimed {
			s.wake(observe.WithOperation(ctx, o.ID), o.ID)
		}
	}
	return nil
}

func (s *Service) works(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id] != nil
}

// next wakes a server up for the operation that has waited for the end of o.
func (s *Service) next(ctx context.Context, o store.Operation) {
	if o.Instance == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	heads, err := s.Store.Heads(ctx, o.Instance)
	if err != nil {
		s.Log.WarnContext(ctx, "look whose turn it is", "error", err) // the sweep looks as well
	}
	for _, h := range heads {
		s.wake(ctx, h.ID)
	}
}

// key is what an operation claims: the instance that it works on, or itself where it works on none.
func key(o store.Operation) string {
	if o.Instance == "" {
		return "operation " + o.ID
	}
	return "instance " + o.Instance
}

// work does one operation, unless somebody is at it, or it is not its turn: whoever ends the one before it wakes a
// server up again.
func (s *Service) work(ctx context.Context, id string) error {
	ctx = observe.WithOperation(ctx, id)
	o, err := s.Store.Operation(ctx, id)
	if err != nil || o.State.Ended() {
		return err
	}
	if o.Instance != "" {
		if waits, err := s.Store.Waits(ctx, o); err != nil || waits {
			return err
		}
	}
	claim, err := s.Store.Claim(ctx, key(o))
	if err != nil {
		return err
	}
	if claim == nil {
		if o.State == store.Running {
			return nil // it has a server
		}
		return river.JobSnooze(claimPause)
	}
	defer claim.Release()
	if o, err = s.Store.Operation(ctx, id); err != nil { // it may have begun since
		return err
	}
	if o.State == store.Running && !s.outwait(ctx, claim) {
		return river.JobSnooze(0)
	}
	o, ok, err := s.Store.Begin(ctx, id)
	if err == nil && ok {
		err = s.attempt(ctx, o, claim)
	}
	claim.Release()
	if err == nil && ok {
		s.next(ctx, o)
	}
	return err
}

// outwait gives the server that was at an operation before the time to notice that its claim is lost, in case that it
// lives. It returns false when the claim is lost meanwhile, or the server stops.
func (s *Service) outwait(ctx context.Context, claim *store.Claim) bool {
	select {
	case <-time.After(claim.Grace()):
		return true
	case <-claim.Lost():
	case <-ctx.Done():
	}
	return false
}

// attempt does an operation that is begun and claimed, and records how it went.
func (s *Service) attempt(ctx context.Context, o store.Operation, claim *store.Claim) error {
	running, stop := context.WithCancelCause(ctx)
	s.mu.Lock()
	s.running[o.ID] = stop
	s.mu.Unlock()
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		s.guard(running, o.ID, stop)
	}()
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		select {
		case <-claim.Lost():
			stop(errLost)
		case <-running.Done():
		}
	}()
	defer func() {
		s.mu.Lock()
		delete(s.running, o.ID)
		s.mu.Unlock()
		stop(nil)
		<-guarded
		<-lost
	}()

	events := s.record(ctx, o)
	if o.Attempt > 1 {
		events.send(lakeward.Event{
			Type: lakeward.EventInfo, Phase: o.Kind, Message: fmt.Sprintf("a server has ended in the middle: attempt %d goes on", o.Attempt),
		})
	}
	s.Log.InfoContext(ctx, "operation begins", "kind", o.Kind, "instance", o.Instance, "attempt", o.Attempt)
	result, err := s.perform(running, o, events.send)
	by, isCancelled := errors.AsType[*cancelled](cmp.Or(context.Cause(running), err))
	if err != nil && running.Err() != nil && !isCancelled {
		events.close()
		s.Log.InfoContext(ctx, "operation is left to another attempt", "reason", context.Cause(running))
		return river.JobSnooze(0)
	}
	switch {
	case err == nil:
		o.State = store.Succeeded
	case isCancelled:
		o.State = store.Cancelled
		events.send(lakeward.Event{Type: lakeward.EventInfo, Phase: o.Kind, Message: by.Error()})
	default:
		o.State, o.Error = store.Failed, store.ProblemOf(err)
	}
	events.close()
	if result != nil {
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		o.Result = text
	}
	s.Log.InfoContext(ctx, "operation ends", "state", o.State, "error", err)
	return s.end(ctx, o)
}

// end records the end of an operation. It has patience with the store: what is not recorded is done again.
func (s *Service) end(ctx context.Context, o store.Operation) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	for {
		err := s.Store.End(ctx, o)
		switch {
		case err == nil:
			s.hub.poke(o.ID)
			return nil
		case lakeward.KindOf(err) == lakeward.KindConflict: // another attempt has the word
			s.Log.WarnContext(ctx, "operation was overtaken", "error", err)
			return nil
		}
		s.Log.ErrorContext(ctx, "record the end of an operation", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

// guard stops an attempt that is cancelled.
func (s *Service) guard(ctx context.Context, id string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(cancelPause)
	defer tick.Stop()
	for {
		if by, err := s.Store.CancelledBy(ctx, id); err == nil && by != "" {
			stop(&cancelled{by})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// perform does what an operation's input says. Its error may be that of ctx.
func (s *Service) perform(ctx context.Context, o store.Operation, progress lakeward.Progress) (result any, err error) {
	if by, err := s.Store.CancelledBy(ctx, o.ID); err != nil || by != "" {
		return nil, cmp.Or(err, error(&cancelled{by}))
	}
	if o.Attempt > mostAttempts {
		return nil, lakeward.Errorf(lakeward.KindInternal, "look into the server's log", "given up after %d attempts that each ended with their server", mostAttempts)
	}
	in, ok := NewInput(o.Kind)
	if !ok {
		return nil, lakeward.Errorf(lakeward.KindUnsupported, "run the newer lakeward", "this lakeward knows no operation %s", o.Kind)
	}
	secret, err := s.Store.Secret(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(secret, in); err != nil {
		return nil, lakeward.Errorf(lakeward.KindInternal, "", "read what operation %s should do: %w", o.ID, err)
	}
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(ctx, "an operation panicked", "panic", p, "stack", string(debug.Stack()))
			err = lakeward.Errorf(lakeward.KindInternal, "the server's log tells more", "%s: a defect of lakeward", o.Kind)
		}
	}()
	r := &run{s, o, progress}
	if err := r.await(ctx, in); err != nil {
		return nil, err
	}
	return in.do(ctx, r)
}
