package task

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

const (
	writePause    = 250 * time.Millisecond // between two writes of events: of a table's progress in between, the last one counts
	mostAtOnce    = 500                    // events of one write
	mostUnwritten = 10_000                 // events kept for a store that cannot be reached
)

// recorder keeps the events of an operation, in order, without holding it up: it writes them together, four times a
// second at most. Of the progress of one table in one phase it writes the last event of each time; all others it keeps.
type recorder struct {
	s  *Service
	o  store.Operation
	mu sync.Mutex

	fresh  []lakeward.Event // not seen by the writer yet
	latest map[table]int    // where the last progress of a table is in fresh
	gaps   int              // places in fresh whose progress was overtaken

	signal chan struct{} // there is something fresh
	ending chan struct{}
	ended  chan struct{}

	unwritten []lakeward.Event // the writer's own
	failing   bool
}

type table struct{ phase, name string }

// overtaken marks an event that a later one has made needless.
const overtaken lakeward.EventType = ""

// record begins to keep events of an operation.
func (s *Service) record(ctx context.Context, o store.Operation) *recorder {
	r := &recorder{
		s: s, o: o, latest: map[table]int{},
		signal: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	go r.work(context.WithoutCancel(ctx))
	return r
}

// send takes an event. It waits for nobody.
func (r *recorder) send(e lakeward.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	r.mu.Lock()
	if e.Type == lakeward.EventProgress {
		t := table{e.Phase, e.Table}
		if n, ok := r.latest[t]; ok {
			r.fresh[n].Type = overtaken
			r.gaps++
		}
		r.latest[t] = len(r.fresh)
	}
	r.fresh = append(r.fresh, e)
	if r.gaps > mostAtOnce {
		r.fresh = squeezed(r.fresh)
		r.gaps = 0
		for n, e := range r.fresh {
			if e.Type == lakeward.EventProgress {
				r.latest[table{e.Phase, e.Table}] = n
			}
		}
	}
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// squeezed leaves out what was overtaken.
func squeezed(all []lakeward.Event) []lakeward.Event {
	return slices.DeleteFunc(all, func(e lakeward.Event) bool { return e.Type == overtaken })
}

// close returns when all events are written, or given up.
func (r *recorder) close() {
	close(r.ending)
	<-r.ended
}

func (r *recorder) work(ctx context.Context) {
	defer close(r.ended)
	for {
		select {
		case <-r.signal:
			r.write(ctx)
		case <-r.ending:
			r.finish(ctx)
			return
		}
		select {
		case <-time.After(writePause):
		case <-r.ending:
		}
		if len(r.unwritten) > 0 { // the store could not be reached
			select {
			case r.signal <- struct{}{}:
			default:
			}
		}
	}
}

// write writes what there is. What the store does not take stays for the next time.
func (r *recorder) write(ctx context.Context) {
	r.mu.Lock()
	r.unwritten = append(r.unwritten, squeezed(r.fresh)...)
	r.fresh, r.gaps = nil, 0
	clear(r.latest)
	r.mu.Unlock()
	if more := len(r.unwritten) - mostUnwritten; more > 0 {
		r.lose(ctx, more)
	}
	for len(r.unwritten) > 0 {
		n := min(len(r.unwritten), mostAtOnce)
		if err := r.append(ctx, r.unwritten[:n]); err != nil {
			if !r.failing {
				r.s.Log.ErrorContext(ctx, "events wait for the store", "events", len(r.unwritten), "error", err)
			}
			r.failing = true
			break
		}
		r.failing = false
		r.unwritten = r.unwritten[n:]
		r.s.hub.poke(r.o.ID)
	}
}

func (r *recorder) append(ctx context.Context, events []lakeward.Event) error {
	ctx, cancel := context.WithTimeout(ctx, r.s.patience)
	defer cancel()
	return r.s.Store.Append(ctx, r.o.ID, events...)
}

// lose gives up the oldest events, and says so in their place.
func (r *recorder) lose(ctx context.Context, n int) {
	r.s.lost.Add(int64(n))
	r.s.Log.ErrorContext(ctx, "events of an operation are lost", "events", n)
	r.unwritten = r.unwritten[n:]
	r.unwritten[0] = lakeward.Event{
		Time: r.unwritten[0].Time, Type: lakeward.EventWarning, Phase: r.o.Kind,
		Message: fmt.Sprintf("%d events could not be kept", n),
	}
}

// finish writes the rest.
func (r *recorder) finish(ctx context.Context) {
	late := time.After(r.s.patience)
	for r.write(ctx); len(r.unwritten) > 0; r.write(ctx) {
		select {
		case <-time.After(writePause):
		case <-late:
			r.s.lost.Add(int64(len(r.unwritten)))
			r.s.Log.ErrorContext(ctx, "events of an operation are lost", "events", len(r.unwritten))
			return
		}
	}
}
