package daemon

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lakeward/lakeward"
)

func TestAnAnswerAboutAManagerHoldsForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		manages := true
		m := newManagers("shop", func(_ context.Context, app, name string) (bool, error) {
			asked = append(asked, app+" "+name)
			return manages, nil
		})
		expect := func(name string, want bool, questions int) {
			t.Helper()
			if got, err := m.Manages(t.Context(), name); got != want || err != nil || len(asked) != questions {
				t.Errorf("%s: %t, %v after %q; want %t after %d questions", name, got, err, asked, want, questions)
			}
		}
		expect("ana", true, 1)
		manages = false
		expect("Ana", true, 1)
		expect("bob", false, 2)
		time.Sleep(managerTime - time.Second)
		expect("ana", true, 2)
		time.Sleep(2 * time.Second)
		expect("ana", false, 3)
		if len(m.known) != 1 {
			t.Errorf("it remembers %v, of which bob's answer no longer holds", m.known)
		}
	})
}

func TestAFailureIsNobodysRole(t *testing.T) {
	t.Parallel()
	var failure error
	m := newManagers("shop", func(context.Context, string, string) (bool, error) { return true, failure })
	failure = errors.New("no")
	if got, err := m.Manages(t.Context(), "ana"); got || !errors.Is(err, failure) {
		t.Errorf("the failure is answered with %t, %v", got, err)
	}
	failure = nil
	if got, err := m.Manages(t.Context(), "ana"); !got || err != nil {
		t.Errorf("the failure is remembered: %t, %v", got, err)
	}
}

// TestTheWorkspaceIsAskedOnceAtATime has many people come while the workspace is silent: nobody waits for longer than they
// would alone, and not one is an administrator.
func TestTheWorkspaceIsAskedOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most, questions atomic.Int32
		m := newManagers("shop", func(ctx context.Context, _, name string) (bool, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			questions.Add(1)
			if name == "silent" {
				<-ctx.Done()
				return true, ctx.Err()
			}
			time.Sleep(time.Millisecond)
			return true, nil
		})
		var all sync.WaitGroup
		for i := range 40 {
			name := "ana"
			if i%2 == 0 {
				name = strings.Repeat("b", i+1)
			}
			all.Go(func() {
				if got, err := m.Manages(t.Context(), name); !got || err != nil {
					t.Errorf("%s: %t, %v", name, got, err)
				}
			})
		}
		all.Wait()
		if most.Load() != 1 || questions.Load() != 21 {
			t.Errorf("%d questions, up to %d at once; want one for each of 21 people, one at a time", questions.Load(), most.Load())
		}
		began := time.Now()
		for range 10 {
			all.Go(func() {
				if got, err := m.Manages(t.Context(), "silent"); got || lakeward.KindOf(err) != lakeward.KindUnavailable {
					t.Errorf("a silent workspace: %t, %v", got, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != managerWait {
			t.Errorf("it took %s, want %s", took, managerWait)
		}
	})
}
