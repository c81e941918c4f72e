// Package task is what the server does: each kind of operation, and the service that runs them to their end, one at a
// time for an instance, across the deaths of servers.
//
// What was asked for, how far it is and what became of it stands in the store. River's queue only wakes a server up: a
// job that is lost is made again, and one too many finds nothing to do. That no operation runs twice at once is the work
// of [store.Store.Claim].
package task

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
)

// Options are what the service works with.
type Options struct {
	Store     *store.Store
	Workspace *databricks.Workspace
	Connector func(instance string) *lakeward.Connector
	Port      int                // of all instances; 0 means PostgreSQL's
	Settings  *settings.Settings // where create and enable save the configuration
	Dir       string             // for snapshots, backups and exports
	Log       *slog.Logger       // nil means that nothing is logged
	Workers   int                // operations at a time; 0 means 8
}

// Service runs operations. It is safe for concurrent use.
type Service struct {
	Options
	queue    queue
	hub      hub
	lost     atomic.Int64
	tidied   atomic.Int64
	patience time.Duration // with a store that cannot be reached when the events of an operation are to be written
	mu       sync.Mutex
	running  map[string]context.CancelCauseFunc // the operations that this process works on
}

// New makes the service. Without [Service.Run] it queues operations for other servers, and watches them.
func New(ctx context.Context, o Options) (*Service, error) {
	o.Log, o.Workers = cmp.Or(o.Log, slog.New(slog.DiscardHandler)), cmp.Or(o.Workers, 8)
	s := &Service{Options: o, patience: 20 * time.Second, running: map[string]context.CancelCauseFunc{}}
	s.hub.store, s.hub.feeds = o.Store, map[string]*feed{}
	var err error
	s.queue, err = newQueue(ctx, s)
	return s, err
}

// LostEvents says how many events could not be written to the store. The log says which operations they were of.
func (s *Service) LostEvents() int64 { return s.lost.Load() }

// Submit checks what is asked for and queues it. What is queued or running already is not queued again: the operation
// that does it is the answer.
func (s *Service) Submit(ctx context.Context, actor string, in Input) (store.Operation, error) {
	if err := in.check(); err != nil {
		return store.Operation{}, err
	}
	secret, err := json.Marshal(in)
	if err != nil {
		return store.Operation{}, err
	}
	shown, err := json.Marshal(in.shown())
	if err != nil {
		return store.Operation{}, err
	}
	return s.add(ctx, store.Operation{Kind: in.Kind(), Instance: in.instance(), Actor: actor, Input: shown}, secret)
}

// Retry queues once more what an operation that has failed or was cancelled should have done. It goes on from what that
// one has left.
func (s *Service) Retry(ctx context.Context, actor, id string) (store.Operation, error) {
	o, err := s.Store.Operation(ctx, id)
	if err != nil {
		return o, err
	}
	switch o.State {
	case store.Queued, store.Running:
		return o, lakeward.Errorf(lakeward.KindConflict, "wait for its end, or cancel it", "operation %s is %s", id, o.State)
	case store.Succeeded:
		return o, lakeward.Errorf(lakeward.KindConflict, "ask for it anew", "operation %s has succeeded", id)
	}
	secret, err := s.Store.Secret(ctx, id)
	if err != nil {
		return o, err
	}
	return s.add(ctx, store.Operation{Kind: o.Kind, Instance: o.Instance, Actor: actor, Input: o.Input, RetryOf: id}, secret)
}

func (s *Service) add(ctx context.Context, o store.Operation, secret []byte) (store.Operation, error) {
	o, err := s.Store.AddOnce(ctx, o, secret)
	if err == nil {
		s.wake(observe.WithOperation(ctx, o.ID), o.ID)
	}
	return o, err
}

// wake has a server look at an operation. That it cannot is no failure: the sweep finds the operation a moment later.
func (s *Service) wake(ctx context.Context, id string) {
	if err := s.queue.add(context.WithoutCancel(ctx), id); err != nil {
		s.Log.WarnContext(ctx, "wake a server up for an operation", "error", err)
	}
}

// Cancel ends a queued operation at once, and has one that runs stop what it does.
func (s *Service) Cancel(ctx context.Context, actor, id string) (store.Operation, error) {
	o, err := s.Store.Cancel(ctx, actor, id)
	if err != nil {
		return o, err
	}
	if o.State.Ended() {
		s.next(observe.WithOperation(ctx, id), o)
	}
	s.mu.Lock()
	stop := s.running[id]
	s.mu.Unlock()
	if stop != nil {
		stop(&cancelled{actor})
	}
	s.hub.poke(id)
	return o, nil
}

// Wait returns an operation when it has ended, or as it is after atMost.
func (s *Service) Wait(ctx context.Context, id string, atMost time.Duration) (store.Operation, error) {
	if atMost <= 0 {
		return s.Store.Operation(ctx, id)
	}
	return s.hub.wait(ctx, id, atMost)
}

// Watch returns the events of an operation after the one with the number after, each when it has happened. They end with
// the operation. Any number of watchers costs the store as much as one.
func (s *Service) Watch(ctx context.Context, id string, after int64) iter.Seq2[store.Event, error] {
	return s.hub.watch(ctx, id, after)
}
