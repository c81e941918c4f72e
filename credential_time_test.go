package lakeward_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lakeward/lakeward"
)

// mint is a workspace that only mints: the network stays out of the bubbles in which these tests fake the time.
type mint func(ctx context.Context, n int) (lakeward.Credential, error)

type mintingWorkspace struct {
	mint  mint
	calls atomic.Int32
}

func (w *mintingWorkspace) Instance(context.Context, string) (lakeward.Instance, error) {
	return lakeward.Instance{Name: "shop"}, nil
}

func (w *mintingWorkspace) Credential(ctx context.Context, _ lakeward.Instance) (lakeward.Credential, error) {
	return w.mint(ctx, int(w.calls.Add(1)))
}

func (w *mintingWorkspace) rotator(o lakeward.RotatorOptions) *lakeward.Rotator {
	return lakeward.NewRotator(w, lakeward.Instance{Name: "shop"}, o)
}

// lasting mints token-1, token-2, … that live as long as life.
func lasting(life time.Duration) mint {
	return func(_ context.Context, n int) (lakeward.Credential, error) {
		return token(n, life), nil
	}
}

func token(n int, life time.Duration) lakeward.Credential {
	return lakeward.Credential{
		User: "ada@example.com", Token: lakeward.Secret(fmt.Sprintf("token-%d", n)), Expires: time.Now().Add(life).UTC(),
	}
}

func expectToken(t *testing.T, r *lakeward.Rotator, want string) {
	t.Helper()
	c, err := r.Credential(t.Context())
	if err != nil {
		t.Fatalf("Credential: %v", err)
	}
	if c.Token.Reveal() != want {
		t.Fatalf("Credential = %s, want %s", c.Token.Reveal(), want)
	}
}

func TestRotator(t *testing.T) {
	t.Parallel()

	t.Run("replaces a credential of an hour fifteen minutes before it expires", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := (&mintingWorkspace{mint: lasting(time.Hour)}).rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			time.Sleep(45*time.Minute - time.Second)
			expectToken(t, r, "token-1")
			time.Sleep(2 * time.Second)
			expectToken(t, r, "token-2")
		})
	})

	t.Run("replaces a shorter one proportionally earlier", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := (&mintingWorkspace{mint: lasting(8 * time.Second)}).rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			time.Sleep(5 * time.Second)
			expectToken(t, r, "token-1")
			time.Sleep(1001 * time.Millisecond)
			expectToken(t, r, "token-2")
		})
	})

	t.Run("replaces it as early as it is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := (&mintingWorkspace{mint: lasting(time.Hour)}).rotator(lakeward.RotatorOptions{Early: 50 * time.Minute})
			expectToken(t, r, "token-1")
			time.Sleep(11 * time.Minute)
			expectToken(t, r, "token-2")
		})
	})

	t.Run("keeps the old token while a refresh fails and until it expires", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			down := errors.New("workspace is down")
			w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
				if n > 1 {
					return lakeward.Credential{}, down
				}
				return token(n, time.Hour), nil
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			for range 60 {
				expectToken(t, r, "token-1")
				time.Sleep(time.Minute)
			}
			if _, err := r.Credential(t.Context()); !errors.Is(err, down) {
				t.Fatalf("after expiry: error %v, want %v", err, down)
			}
		})
	})

	t.Run("a workspace that hangs delays nobody whose credential is still good for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(ctx context.Context, n int) (lakeward.Credential, error) {
				if n > 1 {
					<-ctx.Done()
					return lakeward.Credential{}, ctx.Err()
				}
				return token(n, time.Hour), nil
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			time.Sleep(50 * time.Minute)
			began := time.Now()
			var first sync.WaitGroup
			first.Go(func() {
				expectToken(t, r, "token-1")
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the caller who asks for a new one waited %s", took)
				}
			})
			synctest.Wait()
			expectToken(t, r, "token-1")
			if took := time.Since(began); took > 0 {
				t.Errorf("another caller waited %s", took)
			}
			first.Wait()
		})
	})

	t.Run("backs off while refreshes fail, then recovers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var up atomic.Bool
			w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
				if !up.Load() {
					return lakeward.Credential{}, errors.New("workspace is down")
				}
				return token(n, time.Hour), nil
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			for range 10 * 60 { // ten minutes of a caller who asks ten times a second
				for range 10 {
					if _, err := r.Credential(t.Context()); err == nil {
						t.Fatal("a credential from a workspace that is down")
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
			if n := w.calls.Load(); n < 10 || n > 60 {
				t.Errorf("the workspace was asked %d times in ten minutes, want a few dozen times", n)
			}
			up.Store(true)
			time.Sleep(46 * time.Second) // the longest pause there is
			if _, err := r.Credential(t.Context()); err != nil {
				t.Errorf("after the workspace came back: %v", err)
			}
			up.Store(false)
			time.Sleep(2 * time.Hour)
			if _, err := r.Credential(t.Context()); err == nil {
				t.Error("a credential from a workspace that is down")
			}
			up.Store(true)
			time.Sleep(750 * time.Millisecond) // the longest pause after a first failure
			if _, err := r.Credential(t.Context()); err != nil {
				t.Errorf("after a short trouble: %v", err)
			}
		})
	})

	t.Run("those that failed at the same time do not come back at the same time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var mu sync.Mutex
			second := map[time.Duration]bool{} // when each is asked for the second time
			var callers sync.WaitGroup
			for range 20 {
				w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
					mu.Lock()
					defer mu.Unlock()
					if n == 2 {
						second[time.Since(began).Truncate(10*time.Millisecond)] = true
					}
					return lakeward.Credential{}, errors.New("workspace is down")
				}}
				r := w.rotator(lakeward.RotatorOptions{})
				callers.Go(func() {
					for w.calls.Load() < 2 {
						_, _ = r.Credential(t.Context()) // it is down
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
			callers.Wait()
			if len(second) < 5 {
				t.Errorf("twenty came back at %d different times: %v", len(second), second)
			}
		})
	})

	t.Run("callers share one refresh", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
				time.Sleep(time.Second)
				return token(n, time.Hour), nil
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() { expectToken(t, r, "token-1") })
			}
			callers.Wait()
		})
	})

	t.Run("a caller who gives up takes nobody along", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(ctx context.Context, n int) (lakeward.Credential, error) {
				select {
				case <-time.After(10 * time.Second):
					return token(n, time.Hour), nil
				case <-ctx.Done():
					return lakeward.Credential{}, ctx.Err()
				}
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			impatient, leave := context.WithCancel(t.Context())
			var callers sync.WaitGroup
			callers.Go(func() {
				if _, err := r.Credential(impatient); !errors.Is(err, context.Canceled) {
					t.Errorf("the caller who left got %v", err)
				}
			})
			synctest.Wait() // it is minting
			callers.Go(func() { expectToken(t, r, "token-2") })
			callers.Go(func() { // and one who waits leaves as well
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				if _, err := r.Credential(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
					t.Errorf("the caller with a second's patience got %v after %s", err, time.Since(began))
				}
			})
			time.Sleep(2 * time.Second)
			leave()
			callers.Wait()
		})
	})

	t.Run("a refused token is replaced once, however many logins it was refused to", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: lasting(time.Hour)}
			r := w.rotator(lakeward.RotatorOptions{})
			stale, err := r.Credential(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var logins sync.WaitGroup
			for range 10 {
				logins.Go(func() {
					c, err := r.Refresh(t.Context(), stale)
					if err != nil || c.Token.Reveal() != "token-2" {
						t.Errorf("Refresh = %s, %v", c.Token.Reveal(), err)
					}
				})
			}
			logins.Wait()
			expectToken(t, r, "token-2")
		})
	})

	t.Run("works with a clock that is hours ahead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := (&mintingWorkspace{mint: lasting(-2 * time.Hour)}).rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			expectToken(t, r, "token-2") // cannot be cached, but the server takes it
		})
	})

	t.Run("a machine that sleeps for three hours wakes up with a new token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := (&mintingWorkspace{mint: lasting(time.Hour)}).rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			time.Sleep(3 * time.Hour) // no timer of the rotator's has to fire: it looks at the wall clock when asked
			expectToken(t, r, "token-2")
		})
	})

	t.Run("goes by the wall clock, since the other one stands still while a machine is suspended", func(t *testing.T) {
		w := &mintingWorkspace{mint: func(context.Context, int) (lakeward.Credential, error) { // in real time, which has both clocks
			return lakeward.Credential{Token: "token", Expires: time.Now().Add(time.Hour)}, nil
		}}
		c, err := w.rotator(lakeward.RotatorOptions{}).Credential(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, when := range []time.Time{c.Minted, c.Expires} {
			if when.IsZero() || strings.Contains(when.String(), " m=") {
				t.Errorf("%s has a reading of the other clock, which would be compared", when)
			}
		}
	})

	t.Run("a burst in which the token expires mints once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
				if n > 1 {
					time.Sleep(time.Second) // half of the burst comes before the token expires, half of it after
				}
				return token(n, time.Hour), nil
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			expectToken(t, r, "token-1")
			var burst sync.WaitGroup
			for i := range 1000 {
				burst.Go(func() {
					time.Sleep(time.Hour - 500*time.Millisecond + time.Duration(i)*time.Millisecond)
					if c, err := r.Credential(t.Context()); err != nil || !c.Expires.After(time.Now()) {
						t.Errorf("caller %d: expires %s, %v", i, c.Expires, err)
					}
				})
			}
			burst.Wait()
			if n := w.calls.Load(); n != 2 {
				t.Errorf("%d tokens were minted", n)
			}
		})
	})

	t.Run("an API that throttles is not asked more often, and nobody notices while the token is good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(_ context.Context, n int) (lakeward.Credential, error) {
				if n == 1 {
					return token(1, time.Hour), nil
				}
				return lakeward.Credential{}, lakeward.Errorf(lakeward.KindThrottled, "", "too many requests")
			}}
			r := w.rotator(lakeward.RotatorOptions{})
			for range 59 * 60 {
				expectToken(t, r, "token-1")
				time.Sleep(time.Second)
			}
			if n := w.calls.Load(); n > 120 {
				t.Errorf("%d requests in the 14 minutes in which the API throttled", n)
			}
		})
	})

	t.Run("says for which instance, and never the token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &mintingWorkspace{mint: func(context.Context, int) (lakeward.Credential, error) {
				return token(1, time.Hour), lakeward.Errorf(lakeward.KindDenied, "ask an admin", "no permission")
			}}
			_, err := w.rotator(lakeward.RotatorOptions{}).Credential(t.Context())
			if err == nil || !strings.Contains(err.Error(), "shop") || strings.Contains(err.Error(), "token-1") {
				t.Errorf("error %v", err)
			}
			if lakeward.KindOf(err) != lakeward.KindDenied || lakeward.HintOf(err) != "ask an admin" {
				t.Errorf("kind %s, hint %q", lakeward.KindOf(err), lakeward.HintOf(err))
			}
		})
	})
}
