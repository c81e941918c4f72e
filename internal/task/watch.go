package task

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

const (
	lookPause   = 300 * time.Millisecond // between two looks for what another server has written
	pageSize    = 500                    // events read at a time
	windowSize  = 4096                   // events of an operation that are kept for its watchers
	lookRetries = 10                     // of a store that cannot be reached
)

// hub lets any number of watchers of an operation share one reader of the store.
type hub struct {
	store *store.Store
	looks atomic.Int64 // how often a reader has asked the store
	mu    sync.Mutex
	feeds map[string]*feed
}

// feed is what is known of one operation that somebody watches.
type feed struct {
	id       string
	hub      *hub
	watchers int // under the hub's lock
	poked    chan struct{}
	stop     context.CancelFunc
	stopped  chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	known   bool
	o       store.Operation
	err     error // why the reader has given up

	// The window: events without a gap, those after the number first. Nobody wants events as long as follows is false.
	follows bool
	first   int64
	events  []store.Event
	whole   bool // the operation has ended and its last event is in the window
}

// poke has the reader of an operation look now.
func (h *hub) poke(id string) {
	h.mu.Lock()
	f := h.feeds[id]
	h.mu.Unlock()
	if f != nil {
		f.poke()
	}
}

func (f *feed) poke() {
	select {
	case f.poked <- struct{}{}:
	default:
	}
}

// join returns the feed of an operation, with a reader at work.
func (h *hub) join(ctx context.Context, id string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[id]
	if f == nil {
		f = &feed{id: id, hub: h, poked: make(chan struct{}, 1), stopped: make(chan struct{}), changed: make(chan struct{})}
		h.feeds[id] = f
		ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx)) // the reader serves others when this watcher goes
		go func() {
			defer close(f.stopped)
			f.read(ctx)
		}()
	}
	f.watchers++
	return f
}

// leave ends the feed with its last watcher.
func (f *feed) leave() {
	f.hub.mu.Lock()
	f.watchers--
	last := f.watchers == 0
	if last {
		delete(f.hub.feeds, f.id)
	}
	f.hub.mu.Unlock()
	if last {
		f.stop()
		<-f.stopped
	}
}

// read looks until the operation has ended.
func (f *feed) read(ctx context.Context) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for failures := 0; ; {
		o, whole, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && o.State.Ended():
			f.change(func() { f.o, f.known, f.whole = o, true, whole })
			return
		case err == nil:
			failures = 0
			f.know(o)
		case failures == lookRetries || lakeward.KindOf(err) != lakeward.KindUnavailable:
			f.change(func() { f.err = err })
			return
		default:
			failures++
		}
		select {
		case <-f.poked:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look reads the operation, and then the events that are new: of one that has ended these are all. It says whether it has
// read them.
func (f *feed) look(ctx context.Context) (o store.Operation, whole bool, err error) {
	f.hub.looks.Add(1)
	o, err = f.hub.store.Operation(ctx, f.id)
	for err == nil {
		f.mu.Lock()
		follows, last := f.follows, f.first+int64(len(f.events))
		f.mu.Unlock()
		if !follows {
			break
		}
		var page []store.Event
		if page, err = f.hub.store.Events(ctx, f.id, last, pageSize); len(page) == 0 {
			return o, err == nil, err
		}
		f.change(func() {
			if f.first+int64(len(f.events)) == last { // a new watcher has not moved the window meanwhile
				f.add(page)
			}
		})
	}
	return o, false, err
}

// add puts events into the window, which loses its oldest ones.
func (f *feed) add(page []store.Event) {
	f.events = append(f.events, page...)
	if more := len(f.events) - windowSize; more > 0 {
		f.first += int64(more)
		f.events = slices.Clone(f.events[more:])
	}
}

// know notes how the operation is. Nobody is woken up when it is as before.
func (f *feed) know(o store.Operation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.o, f.known = o, true
}

func (f *feed) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

// wait returns the operation when it has ended, or as it is after atMost.
func (h *hub) wait(ctx context.Context, id string, atMost time.Duration) (store.Operation, error) {
	f := h.join(ctx, id)
	defer f.leave()
	late := time.NewTimer(atMost)
	defer late.Stop()
	for {
		f.mu.Lock()
		o, known, err, changed := f.o, f.known, f.err, f.changed
		f.mu.Unlock()
		if err != nil || known && o.State.Ended() {
			return o, err
		}
		select {
		case <-changed:
		case <-late.C:
			return h.store.Operation(ctx, id)
		case <-ctx.Done():
			return o, ctx.Err()
		}
	}
}

func (h *hub) watch(ctx context.Context, id string, after int64) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		f := h.join(ctx, id)
		defer f.leave()
		f.follow(after)
		for at := after; ; {
			events, err := f.next(ctx, at)
			if err != nil {
				yield(store.Event{}, err)
				return
			}
			if len(events) == 0 {
				return
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			at = events[len(events)-1].Seq
		}
	}
}

// follow has the reader read events as well, from where the first watcher begins. While there are none, one who begins
// before that moves the window: it may be the first who was wrong about what there is.
func (f *feed) follow(after int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.follows || len(f.events) == 0 && after < f.first {
		f.follows, f.first = true, after
		f.poke()
	}
}

// next returns events after a number, from the window or, of a watcher who is far behind, from the store. It waits for
// them, and returns none when the operation has ended.
func (f *feed) next(ctx context.Context, at int64) ([]store.Event, error) {
	for {
		f.mu.Lock()
		first, events, changed, err := f.first, f.events, f.changed, f.err
		ended, whole := f.known && f.o.State.Ended(), f.whole
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if at >= first && at-first < int64(len(events)) {
			return events[at-first:], nil
		}
		if at < first || ended && !whole {
			page, err := f.hub.store.Events(ctx, f.id, at, pageSize)
			if err != nil || len(page) > 0 || ended {
				return page, err
			}
		} else if ended {
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
