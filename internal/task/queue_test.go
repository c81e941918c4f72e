package task_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
)

// hold is a probe that says when it runs, and ends when it is told to or its context has ended.
func hold(t *testing.T, on string) (in *task.Probe, runs <-chan store.Operation, end func()) {
	t.Helper()
	began, ending := make(chan store.Operation, 100), make(chan struct{})
	in = task.NewProbe(on, t.Name()+on, func(ctx context.Context, o store.Operation, _ lakeward.Progress) (any, error) {
		began <- o
		select {
		case <-ending:
			return map[string]string{"done": on}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return in, began, sync.OnceFunc(func() { close(ending) })
}

// receive takes what comes within a healthy machine's time.
func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(tooLong):
		t.Fatal("nothing came")
	}
	return v
}

// TestTwoServersShareOneQueue has two servers on one PostgreSQL do many operations on few instances, and none.
func TestTwoServersShareOneQueue(t *testing.T) {
	t.Parallel()
	o := storetest.InPostgres(t)
	var servers [2]*task.Service
	for n := range servers {
		servers[n] = newService(t, storetest.Open(t, o), nil, t.TempDir())
	}
	const operations, instances = 200, 12
	var mu sync.Mutex
	done, busy := map[string]int{}, map[string]bool{}
	var order [instances][]string
	var ids []string
	for n := range operations {
		on := ""
		if n%10 != 0 {
			on = fmt.Sprintf("i-%d", n%instances)
		}
		in := task.NewProbe(on, fmt.Sprint(t.Name(), n), func(ctx context.Context, o store.Operation, p lakeward.Progress) (any, error) {
			mu.Lock()
			if on != "" && busy[on] {
				t.Errorf("two operations on %s at once", on)
			}
			busy[on] = true
			mu.Unlock()
			p.Send(lakeward.Event{Type: lakeward.EventInfo, Message: "at it"})
			<-time.After(time.Duration(n%7) * time.Millisecond) // work takes its time
			mu.Lock()
			defer mu.Unlock()
			busy[on] = false
			done[o.ID]++
			if on != "" {
				order[n%instances] = append(order[n%instances], o.ID)
			}
			return nil, nil
		})
		ids = append(ids, submit(t, servers[n%2], in).ID)
	}
	for _, s := range servers {
		serve(t, s)
	}
	for _, id := range ids {
		if o := finish(t, servers[0], id, store.Succeeded); o.Attempt != 1 {
			t.Errorf("operation %s took %d attempts", id, o.Attempt)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, id := range ids {
		if done[id] != 1 {
			t.Errorf("operation %s was done %d times", id, done[id])
		}
	}
	for n, ids := range order {
		for k := 1; k < len(ids); k++ {
			if ids[k-1] > ids[k] {
				t.Errorf("instance %d: not in the order of asking", n)
			}
		}
	}
}

func TestOperationsOnOneInstanceWaitForEachOther(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		one, oneRuns, endOne := hold(t, "shop")
		first := submit(t, s, one)
		receive(t, oneRuns)
		var ran atomic.Bool
		second := submit(t, s, task.NewProbe("shop", t.Name()+"second", func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			ran.Store(true)
			return nil, nil
		}))
		other, otherRuns, endOther := hold(t, "elsewhere")
		third := submit(t, s, other)
		receive(t, otherRuns) // which is younger than the second
		endOther()
		finish(t, s, third.ID, store.Succeeded)
		if ran.Load() {
			t.Error("two operations on one instance at once")
		}
		endOne()
		finish(t, s, first.ID, store.Succeeded)
		finish(t, s, second.ID, store.Succeeded)
	})
}

func TestAskingTwiceIsAnsweredWithTheFirst(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		st := storetest.Open(t, o)
		s := newService(t, st, nil, t.TempDir())
		in := &task.Migrate{Source: "postgres://ann:first-word@host/db", To: "shop"}
		ids := make(chan string, 20)
		for range cap(ids) {
			go func() {
				o, err := s.Submit(t.Context(), "ann", in)
				if err != nil {
					t.Error(err)
				}
				ids <- o.ID
			}()
		}
		first := receive(t, ids)
		for range cap(ids) - 1 {
			if id := receive(t, ids); id != first {
				t.Errorf("asked again, got %s and not %s", id, first)
			}
		}
		for what, in := range map[string]*task.Migrate{
			"instance": {Source: in.Source, To: "other"}, "schema": {Source: in.Source, To: "shop", Schema: "s"},
			"password": {Source: "postgres://ann:other-word@host/db", To: "shop"},
		} {
			if o := submit(t, s, in); o.ID == first {
				t.Errorf("another %s is the same operation", what)
			}
		}
		if _, err := s.Cancel(t.Context(), "ann", first); err != nil {
			t.Fatal(err)
		}
		if o := submit(t, s, in); o.ID == first {
			t.Error("an operation that has ended is the answer")
		}
	})
}

func TestCancelEndsWhatIsQueuedAndWhatRuns(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		other := newService(t, storetest.Open(t, o), nil, t.TempDir()) // a server that does not run the operation
		one, runs, _ := hold(t, "shop")
		running := submit(t, s, one)
		receive(t, runs)
		queued := submit(t, s, task.NewProbe("shop", t.Name()+"queued", func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			t.Error("a cancelled operation runs")
			return nil, nil
		}))
		if o, err := s.Cancel(t.Context(), "bob", queued.ID); err != nil || o.State != store.Cancelled {
			t.Errorf("cancel a queued operation: %s, %v", o.State, err)
		}
		after := submit(t, s, task.NewProbe("shop", t.Name()+"after", func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			return nil, nil
		}))
		began := time.Now()
		if _, err := other.Cancel(t.Context(), "bob", running.ID); err != nil {
			t.Fatal(err)
		}
		cancelled := finish(t, s, running.ID, store.Cancelled)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
		if cancelled.Error != nil || cancelled.Ended == nil {
			t.Errorf("cancelled: %+v", cancelled)
		}
		all := events(t, other, running.ID)
		if len(all) == 0 || all[len(all)-1].Message != "cancelled by bob" {
			t.Errorf("events %+v", all)
		}
		finish(t, s, after.ID, store.Succeeded)
		if _, err := s.Cancel(t.Context(), "bob", running.ID); lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("cancel what has ended: %v", err)
		}
	})
}

// TestCancelReachesAnOperationWhoseServerIsDead cancels one that nobody works on at the moment.
func TestCancelReachesAnOperationWhoseServerIsDead(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		st := storetest.Open(t, o)
		s := newService(t, st, nil, t.TempDir())
		op := submit(t, s, task.NewProbe("shop", t.Name(), func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			t.Error("a cancelled operation goes on")
			return nil, nil
		}))
		if _, _, err := st.Begin(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Cancel(t.Context(), "bob", op.ID); err != nil || o.State != store.Running {
			t.Fatalf("cancel: %s, %v", o.State, err)
		}
		serve(t, s)
		finish(t, s, op.ID, store.Cancelled)
	})
}

func TestRetryDoesItAgain(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		var failing atomic.Bool
		failing.Store(true)
		in := task.NewProbe("shop", t.Name(), func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			if failing.Load() {
				return map[string]int{"rows": 1}, lakeward.Errorf(lakeward.KindUnavailable, "wait", "no answer")
			}
			return map[string]int{"rows": 2}, nil
		})
		first := finish(t, s, submit(t, s, in).ID, store.Failed)
		if !reflect.DeepEqual(*first.Error, store.Problem{Kind: lakeward.KindUnavailable, Message: "no answer", Hint: "wait"}) || string(first.Result) != `{"rows":1}` {
			t.Errorf("failed: %+v, %s", first.Error, first.Result)
		}
		failing.Store(false)
		again, err := s.Retry(t.Context(), "bob", first.ID)
		if err != nil {
			t.Fatal(err)
		}
		again = finish(t, s, again.ID, store.Succeeded)
		if again.RetryOf != first.ID || again.Actor != "bob" || string(again.Result) != `{"rows":2}` || string(again.Input) != string(first.Input) {
			t.Errorf("retried: %+v", again)
		}
		if _, err := s.Retry(t.Context(), "bob", again.ID); lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("retry what has succeeded: %v", err)
		}
		if _, err := s.Retry(t.Context(), "bob", "nowhere"); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("retry what is not there: %v", err)
		}
	})
}

func TestAServerThatStopsLeavesItsOperationsToTheNext(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := newService(t, storetest.Open(t, o), nil, t.TempDir())
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- s.Run(ctx) }()
		in, runs, end := hold(t, "shop")
		held := submit(t, s, in)
		receive(t, runs)
		stop()
		if err := receive(t, stopped); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Wait(t.Context(), held.ID, 0); err != nil || o.State != store.Running {
			t.Fatalf("after the stop: %s, %v", o.State, err)
		}
		next := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		if o := receive(t, runs); o.Attempt != 2 || o.ID != held.ID {
			t.Errorf("goes on with %+v", o)
		}
		end()
		finish(t, next, held.ID, store.Succeeded)
	})
}

func TestAPanicFailsTheOperationAndNotTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, newService(t, storetest.Open(t, storetest.InFile(t)), nil, t.TempDir()))
	o := finish(t, s, submit(t, s, task.NewProbe("", t.Name(), func(context.Context, store.Operation, lakeward.Progress) (any, error) {
		panic("the secret is in the stack")
	})).ID, store.Failed)
	if o.Error.Kind != lakeward.KindInternal || strings.Contains(o.Error.Message, "secret") || strings.Contains(o.Error.Message, "goroutine") {
		t.Errorf("%+v", o.Error)
	}
}

func TestAnOperationThatKillsItsServersIsGivenUp(t *testing.T) {
	t.Parallel()
	st := storetest.Open(t, storetest.InFile(t))
	s := newService(t, st, nil, t.TempDir())
	o := submit(t, s, task.NewProbe("", t.Name(), func(context.Context, store.Operation, lakeward.Progress) (any, error) {
		return nil, errors.New("it was begun once more")
	}))
	for range task.MostAttempts {
		if _, _, err := st.Begin(t.Context(), o.ID); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, s)
	if o = finish(t, s, o.ID, store.Failed); !strings.Contains(o.Error.Message, "given up") {
		t.Errorf("%+v", o.Error)
	}
}
