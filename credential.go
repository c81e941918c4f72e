package lakeward

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// RotatorOptions adjusts a [Rotator]. The zero value is right for most programs.
type RotatorOptions struct {
	// Early is how long before its expiry a credential is replaced. Zero means a quarter of its life: 15 minutes of
	// the usual hour.
	Early time.Duration

	// Timeout bounds one refresh. Zero means 30 seconds.
	Timeout time.Duration

	// Tracer sees credentials being minted.
	Tracer CredentialTracer
}

// earlyTimeout bounds a refresh that nobody needs yet: the caller who makes it holds a credential that is still good
// and should not wait long for a better one.
const earlyTimeout = 5 * time.Second

// The pause after a failed refresh, doubled with each further failure.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second
)

// Rotator hands out a credential for one instance that is good for a login now. It mints late, keeps what it minted,
// replaces it well before it expires, and goes on with a credential that is still good while the workspace cannot be
// reached.
//
// Rotator has no goroutine and nothing to close: the first caller who finds the credential due replaces it. Other
// callers meanwhile get the one at hand or, when there is none, wait for their turn no longer than their context
// lasts. Rotator is safe for concurrent use.
type Rotator struct {
	ws       Workspace
	instance Instance
	opt      RotatorOptions

	turn chan struct{} // holds one element while a caller refreshes

	mu       sync.Mutex
	current  *Credential // never nil; a pointer, because fmt shows what an unexported field holds
	due      time.Time   // when current is to be replaced
	failures int         // refreshes that failed since the last good one
	lastErr  error       // of the last failed refresh
	retry    time.Time   // no refresh before, after a failed one
}

// NewRotator returns a Rotator for ws's identity on instance. It mints nothing yet.
func NewRotator(ws Workspace, instance Instance, opt RotatorOptions) *Rotator {
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	return &Rotator{ws: ws, instance: instance, opt: opt, turn: make(chan struct{}, 1), current: new(Credential)}
}

// Credential returns a credential that is good for a login now.
func (r *Rotator) Credential(ctx context.Context) (Credential, error) {
	now := wallClock()
	current, due := r.cached()
	if now.Before(due) {
		return current, nil
	}
	if !now.Before(current.Expires) {
		return r.await(ctx, "")
	}
	select {
	case r.turn <- struct{}{}:
		defer r.pass()
	default:
		return current, nil // somebody else is replacing it
	}
	if fresh, err := r.refresh(ctx, "", min(earlyTimeout, r.opt.Timeout)); err == nil {
		return fresh, nil
	}
	return current, nil
}

// Refresh returns a credential other than stale, which PostgreSQL has refused although it had not expired. It mints one
// unless another caller already did.
func (r *Rotator) Refresh(ctx context.Context, stale Credential) (Credential, error) {
	return r.await(ctx, stale.Token)
}

// await waits for its turn and then returns a credential other than refused, which may be empty.
func (r *Rotator) await(ctx context.Context, refused Secret) (Credential, error) {
	select {
	case r.turn <- struct{}{}:
		defer r.pass()
	case <-ctx.Done():
		return Credential{}, fmt.Errorf("wait for a credential for %s: %w", r.instance.Name, context.Cause(ctx))
	}
	return r.refresh(ctx, refused, r.opt.Timeout)
}

// pass lets the next caller refresh.
func (r *Rotator) pass() { <-r.turn }

// refresh mints, unless the caller who had the turn before did, or failed a moment ago. Only the holder of the turn
// calls it.
func (r *Rotator) refresh(ctx context.Context, refused Secret, timeout time.Duration) (Credential, error) {
	began := wallClock()
	if c, due := r.cached(); began.Before(due) && c.Token != refused {
		return c, nil
	}
	if err := r.pausing(began); err != nil {
		return Credential{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := r.mint(bounded, refused != "")
	if err != nil {
		err = fmt.Errorf("mint credential for %s: %w", r.instance.Name, err)
		if ctx.Err() == nil { // a caller who left says nothing about the workspace
			r.failed(err)
		}
		return Credential{}, err
	}
	return r.minted(c, began), nil
}

// mint asks the workspace, and lets the tracer see that.
func (r *Rotator) mint(ctx context.Context, refused bool) (Credential, error) {
	if r.opt.Tracer == nil {
		return r.ws.Credential(ctx, r.instance)
	}
	ctx = r.opt.Tracer.TraceCredentialStart(ctx, TraceCredentialStartData{Instance: r.instance.Name, Refused: refused})
	c, err := r.ws.Credential(ctx, r.instance)
	r.opt.Tracer.TraceCredentialEnd(ctx, TraceCredentialEndData{User: c.User, Expires: c.Expires, Err: err})
	return c, err
}

// cached returns the credential at hand and when it is to be replaced; both are zero at first.
func (r *Rotator) cached() (Credential, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.current, r.due
}

// pausing returns the error of the last refresh while it is too early for another one.
func (r *Rotator) pausing(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.retry) {
		return r.lastErr
	}
	return nil
}

// minted keeps a credential, and returns it as it is handed out.
func (r *Rotator) minted(c Credential, began time.Time) Credential {
	c.Expires, c.Minted = c.Expires.Round(0), began
	early := r.opt.Early
	if life := c.Expires.Sub(began); early == 0 || early >= life {
		early = life / 4
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.due = &c, c.Expires.Add(-early)
	r.failures, r.lastErr, r.retry = 0, nil, time.Time{}
	return c
}

func (r *Rotator) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pause := min(maxPause, firstPause<<min(r.failures, 10))
	pause = pause/2 + rand.N(pause) // half to one and a half: many clients must not come back at once
	r.failures++
	r.lastErr, r.retry = err, wallClock().Add(pause)
}

// wallClock returns the time without its monotonic reading. Differences of monotonic readings leave out the time that
// a laptop slept; a credential's expiry does not.
func wallClock() time.Time { return time.Now().Round(0) }
