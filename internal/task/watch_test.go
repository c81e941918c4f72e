package task_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
)

// TestManyWatchersCostAsMuchAsOne has 500 watch an operation on a server that does not run it, some from the middle.
func TestManyWatchersCostAsMuchAsOne(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		serverOf := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		s := newService(t, storetest.Open(t, o), nil, t.TempDir())
		const watchers, told = 500, 300
		all := make(chan struct{})
		op := submit(t, serverOf, task.NewProbe("", t.Name(), func(_ context.Context, _ store.Operation, p lakeward.Progress) (any, error) {
			for n := range told {
				if n == told/2 {
					<-all
				}
				p.Send(lakeward.Event{Type: lakeward.EventInfo, Message: fmt.Sprint(n)})
			}
			return nil, nil
		}))
		began := time.Now()
		var here, gone sync.WaitGroup
		for n := range watchers {
			here.Add(1)
			gone.Go(func() {
				after := int64(n % 7)
				last, joined := after, false
				for e, err := range s.Watch(t.Context(), op.ID, after) {
					if err != nil {
						t.Error(err)
						break
					}
					if e.Seq != last+1 || e.Message != fmt.Sprint(last) {
						t.Errorf("watcher %d got event %d %q after %d", n, e.Seq, e.Message, last)
						break
					}
					last = e.Seq
					if !joined {
						joined = true
						here.Done()
					}
				}
				if !joined {
					here.Done()
				}
				if last != told {
					t.Errorf("watcher %d got events up to %d of %d", n, last, told)
				}
			})
		}
		here.Wait()
		close(all)
		gone.Wait()
		// One reader looks every 300 ms; 500 of them would do so as often as one in a minute and a half.
		if most := int64(time.Since(began)/(200*time.Millisecond)) + 10; s.Looks() > most {
			t.Errorf("the store was asked %d times, more than %d", s.Looks(), most)
		}
	})
}

func TestWatchersOfAnotherServerSeeEventsWithinASecond(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		serverOf := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		s := newService(t, storetest.Open(t, o), nil, t.TempDir())
		seen := make(chan struct{})
		op := submit(t, serverOf, task.NewProbe("", t.Name(), func(_ context.Context, _ store.Operation, p lakeward.Progress) (any, error) {
			for range 9 {
				p.Send(lakeward.Event{Type: lakeward.EventInfo})
				<-seen
			}
			return nil, nil
		}))
		var took []time.Duration
		for e, err := range s.Watch(t.Context(), op.ID, 0) {
			if err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(e.Time))
			seen <- struct{}{}
		}
		slices.Sort(took)
		if len(took) != 9 || took[4] > time.Second { // a machine with other things to do may be late now and then
			t.Errorf("events were seen after %v", took)
		}
	})
}

func TestAWatcherMayComeLateLeaveEarlyAndBeWrong(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		for _, err := range s.Watch(t.Context(), "nowhere", 0) {
			if lakeward.KindOf(err) != lakeward.KindNotFound {
				t.Errorf("watch what is not there: %v", err)
			}
		}
		if _, err := s.Wait(t.Context(), "nowhere", time.Minute); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("wait for what is not there: %v", err)
		}
		in, runs, end := hold(t, "shop")
		held := submit(t, s, in)
		receive(t, runs)
		if o, err := s.Wait(t.Context(), held.ID, 10*time.Millisecond); err != nil || o.State != store.Running {
			t.Errorf("waited long enough: %s, %v", o.State, err)
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			for _, err := range s.Watch(ctx, held.ID, 1000) { // more than there will be
				left <- err
			}
		}()
		leave()
		if err := receive(t, left); err != context.Canceled { //nolint:errorlint // it is handed on as it is
			t.Errorf("a watcher who has left: %v", err)
		}
		end()
		finish(t, s, held.ID, store.Succeeded)
		for e := range s.Watch(t.Context(), held.ID, 1000) {
			t.Errorf("event %d after the 1000th", e.Seq)
		}
	})
}

func TestProgressIsThinnedOutAndNothingElseIs(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := serve(t, newService(t, storetest.Open(t, o), nil, t.TempDir()))
		const steps = 20_000
		began := time.Now()
		op := finish(t, s, submit(t, s, task.NewProbe("", t.Name(), func(_ context.Context, _ store.Operation, p lakeward.Progress) (any, error) {
			for n := range steps {
				for _, name := range []string{"a", "b"} {
					p.Send(lakeward.Event{Type: lakeward.EventProgress, Phase: "load", Table: name, Done: int64(n + 1)})
				}
				if n%100 == 0 {
					p.Send(lakeward.Event{Type: lakeward.EventWarning, Phase: "load", Message: fmt.Sprint(n / 100)})
				}
				if n%1000 == 0 {
					<-time.After(time.Millisecond * 50)
				}
			}
			p.Send(lakeward.Event{Type: lakeward.EventDone, Phase: "load", Table: "a"})
			return nil, nil
		})).ID, store.Succeeded)
		most := int(time.Since(began)/(250*time.Millisecond)) + 2
		progress, warnings, last := map[string]int{}, 0, map[string]int64{}
		var at time.Time
		for _, e := range events(t, s, op.ID) {
			if e.Time.Before(at) {
				t.Fatalf("event %d is older than the one before", e.Seq)
			}
			at = e.Time
			switch e.Type {
			case lakeward.EventWarning:
				if e.Message != fmt.Sprint(warnings) {
					t.Fatalf("warning %s, want %d", e.Message, warnings)
				}
				warnings++
			case lakeward.EventProgress:
				progress[e.Table]++
				last[e.Table] = e.Done
			case lakeward.EventDone:
				if last["a"] != steps {
					t.Errorf("done after %d of %d", last["a"], steps)
				}
			}
		}
		if warnings != steps/100 || last["b"] != steps {
			t.Errorf("%d warnings, b has %d rows", warnings, last["b"])
		}
		for name, n := range progress {
			if n < 2 || n > most {
				t.Errorf("progress of %s was told %d times, want at most %d", name, n, most)
			}
		}
	})
}

// TestEventsWaitForAStoreThatTakesNone takes the table of events away while an operation tells something.
func TestEventsWaitForAStoreThatTakesNone(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"for a while": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := storetest.Open(t, store.Options{Path: t.TempDir() + "/store.db"})
			exec := func(query string) {
				if _, err := st.SQLite().ExecContext(t.Context(), query); err != nil {
					t.Error(err)
				}
			}
			var log lockedBuffer
			s := newServiceWithLog(t, st, &log)
			s.SetPatience(2 * time.Second)
			serve(t, s)
			op := finish(t, s, submit(t, s, task.NewProbe("", t.Name(), func(_ context.Context, _ store.Operation, p lakeward.Progress) (any, error) {
				exec(`ALTER TABLE events RENAME TO hidden`)
				for n := range 700 {
					p.Send(lakeward.Event{Type: lakeward.EventInfo, Message: fmt.Sprint(n)})
				}
				if back {
					for !strings.Contains(log.String(), "events wait for the store") {
						<-time.After(10 * time.Millisecond)
					}
					exec(`ALTER TABLE hidden RENAME TO events`)
				}
				return nil, nil
			})).ID, store.Succeeded)
			if !back {
				exec(`ALTER TABLE hidden RENAME TO events`)
				if s.LostEvents() != 700 || !strings.Contains(log.String(), "events of an operation are lost") || !strings.Contains(log.String(), op.ID) {
					t.Errorf("lost %d events\n%s", s.LostEvents(), log.String())
				}
				return
			}
			all := events(t, s, op.ID)
			if len(all) != 700 || s.LostEvents() != 0 {
				t.Errorf("kept %d events of 700, lost %d", len(all), s.LostEvents())
			}
			for n, e := range all {
				if e.Message != fmt.Sprint(n) {
					t.Fatalf("event %d is %q", n, e.Message)
				}
			}
		})
	}
}
