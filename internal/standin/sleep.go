package standin

import (
	"context"
	"net/netip"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// An endpoint at which nobody has done anything for its suspend timeout sleeps: its PostgreSQL is stopped, its door stays
// open, and who knocks wakes it. A read-only endpoint sleeps by itself; the read-write one does not while one that streams
// from it is awake, nor while it has several nodes.

// doorOf returns the door of an endpoint, which it opens when there is none.
func (l *Lakebase) doorOf(ctx context.Context, c *compute) (*door, error) {
	l.runMu.Lock()
	d := l.doors[c.UID]
	l.runMu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := openDoor(ctx, netip.AddrPortFrom(c.Host, uint16(l.port)), func() { l.knock(c.UID) })
	if err != nil {
		return nil, err
	}
	l.runMu.Lock()
	defer l.runMu.Unlock()
	l.doors[c.UID] = d
	return d, nil
}

// closeDoor turns away who waits, and who comes from now on.
func (l *Lakebase) closeDoor(uid string) {
	l.runMu.Lock()
	d := l.doors[uid]
	delete(l.doors, uid)
	l.runMu.Unlock()
	if d == nil {
		return
	}
	if err := d.close(); err != nil {
		l.log.Debug("close the address of an endpoint", "endpoint", uid, "err", err)
	}
}

func (l *Lakebase) closeDoors() {
	l.runMu.Lock()
	var all []string
	for uid := range l.doors {
		all = append(all, uid)
	}
	l.runMu.Unlock()
	for _, uid := range all {
		l.closeDoor(uid)
	}
}

// knock wakes an endpoint if it sleeps.
func (l *Lakebase) knock(uid string) {
	if l.runner(uid).phase != phaseIdle {
		return
	}
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	l.runMu.Lock()
	r := l.runners[uid]
	first := r != nil && r.phase == phaseIdle && !r.waking
	if first {
		r.waking = true
	}
	l.runMu.Unlock()
	if !first {
		return
	}
	l.enqueueFor(uid, func(ctx context.Context) {
		l.setRunner(uid, func(r *runner) { r.waking = false })
		l.wakeUp(ctx, uid)
	})
}

// enqueueFor queues work on an endpoint's branch. The caller holds queueMu.
func (l *Lakebase) enqueueFor(uid string, do func(context.Context)) {
	p, b, c := l.store.view().computeByUID(uid)
	if c != nil {
		l.enqueue(queuesOf(p, b), do)
	}
}

// wakeUp starts an endpoint that sleeps, and before it the one that it streams from.
func (l *Lakebase) wakeUp(ctx context.Context, uid string) {
	p, b, c := l.store.view().computeByUID(uid)
	if c == nil || l.runner(uid).phase != phaseIdle || c.Disabled || p.Deleting || b.Deleting || c.Deleting {
		return
	}
	l.log.Info("endpoint wakes up", "endpoint", p.under(b, "endpoints", c.ID))
	if c.ReadOnly && l.ensure(ctx, p, b, b.primary()) != nil {
		return // its problem is logged and shown
	}
	_ = l.ensure(ctx, p, b, c) // as well
}

// caretaker lets endpoints sleep and fits them to their load, until ctx is done.
func (l *Lakebase) caretaker(ctx context.Context) {
	tick := time.NewTicker(l.beat())
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		l.store.view().computes(func(p *project, b *branch, c *compute) bool {
			r := l.runner(c.UID)
			if r.phase == phaseActive && r.endpoint != nil && !r.condition().Down {
				l.fitToLoad(ctx, c, r)
				if round%measured == 0 && !c.ReadOnly && l.recentTraffic(c.UID) {
					_ = l.checkSize(ctx, p, c, r) // it is on its way down, or up; the next look sees
				}
				l.suspendWhenIdle(p, b, c)
			}
			return ctx.Err() == nil
		})
	}
}

// measured says at which of its looks the caretaker measures the databases: it asks for the size of each of their files.
const measured = 6

// beat is how often the caretaker looks.
func (l *Lakebase) beat() time.Duration { return min(5*time.Second, l.limits.MinSuspend/4) }

// suspendWhenIdle queues the suspension of an endpoint whose time has come.
func (l *Lakebase) suspendWhenIdle(p *project, b *branch, c *compute) {
	if !l.mayRest(p, b, c) {
		return
	}
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	queued := false
	l.setRunner(c.UID, func(r *runner) { queued, r.resting = r.resting, true })
	if queued {
		return
	}
	l.enqueueFor(c.UID, func(ctx context.Context) {
		l.suspend(ctx, c.UID)
		l.setRunner(c.UID, func(r *runner) { r.resting = false })
	})
}

// mayRest reports whether nobody has spoken to an endpoint for as long as it waits before it sleeps.
func (l *Lakebase) mayRest(p *project, b *branch, c *compute) bool {
	if c.Settings.NoSuspension || c.nodes() > 1 || c.Disabled || c.Deleting || b.Deleting || p.Deleting || !b.Ready {
		return false
	}
	l.runMu.Lock()
	defer l.runMu.Unlock()
	d := l.doors[c.UID]
	if d == nil || d.waiting.Load() > 0 || d.quiet() < c.Settings.Suspend {
		return false
	}
	if r := l.runners[c.UID]; r != nil && r.saving {
		return false
	}
	for _, other := range b.Computes {
		if r := l.runners[other.UID]; !c.ReadOnly && other != c && r != nil && r.endpoint != nil {
			return false
		}
	}
	return true
}

// suspend stops the PostgreSQL of an endpoint, unless somebody has come or a session still works.
func (l *Lakebase) suspend(ctx context.Context, uid string) {
	p, b, c := l.store.view().computeByUID(uid)
	r := l.runner(uid)
	if c == nil || r.endpoint == nil || !l.mayRest(p, b, c) {
		return
	}
	d, err := l.doorOf(ctx, c)
	if err != nil {
		return
	}
	release := d.hold()
	if l.busy(ctx, r.endpoint) {
		d.touch()
	}
	last := time.Unix(0, d.traffic.Load()).UTC()
	if l.mayRest(p, b, c) && l.letGo(uid, last) {
		if err := halt(ctx, r.endpoint); err != nil {
			l.log.Warn("endpoint did not stop cleanly", "endpoint", uid, "err", err)
		}
		l.noteSleep(uid, last)
		l.log.Info("endpoint sleeps", "endpoint", p.under(b, "endpoints", c.ID))
	}
	release()
	if d.waiting.Load() > 0 {
		l.runMu.Lock()
		idle := l.runners[uid].phase == phaseIdle
		l.runMu.Unlock()
		if idle {
			l.wakeUp(ctx, uid)
		}
	}
}

// letGo makes an endpoint one that sleeps, unless its data are being copied. Its end is a wanted one then (see watch).
func (l *Lakebase) letGo(uid string, last time.Time) (gone bool) {
	l.setRunner(uid, func(r *runner) {
		if gone = !r.saving; gone {
			r.phase, r.problem, r.active, r.endpoint = phaseIdle, nil, last, nil
		}
	})
	return gone
}

// noteSleep writes down that an endpoint sleeps, and since when nobody has used it, or that it is awake.
func (l *Lakebase) noteSleep(uid string, last time.Time) {
	if _, _, c := l.store.view().computeByUID(uid); c == nil || c.Slept.IsZero() == last.IsZero() {
		return
	}
	err := l.store.update(func(s *state) error {
		if _, _, c := s.computeByUID(uid); c != nil {
			c.Slept = last
		}
		return nil
	})
	if err != nil {
		l.log.Warn("it is not written down whether an endpoint sleeps", "endpoint", uid, "err", err)
	}
}

// sleepOn lets an endpoint that slept when the Lakebase ended do so again.
func (l *Lakebase) sleepOn(ctx context.Context, c *compute) {
	if _, err := l.doorOf(ctx, c); err != nil {
		l.setPhase(c.UID, phaseFailed, err)
		l.log.Warn("endpoint does not run", "endpoint", c.UID, "err", err)
		return
	}
	l.setRunner(c.UID, func(r *runner) { r.phase, r.active = phaseIdle, c.Slept })
}

func (l *Lakebase) busy(ctx context.Context, e *endpoint.Endpoint) bool {
	n, err := e.Busy(ctx)
	return err != nil || n > 0 // who cannot be asked is not put to sleep
}

// awake returns the running endpoint of a compute, which it wakes if it sleeps. The caller works in the project's queue.
func (l *Lakebase) awake(ctx context.Context, p *project, b *branch, c *compute) (*endpoint.Endpoint, error) {
	if l.runner(c.UID).phase == phaseIdle {
		if err := l.ensure(ctx, p, b, c); err != nil {
			return nil, err
		}
	}
	return l.live(c.UID)
}
