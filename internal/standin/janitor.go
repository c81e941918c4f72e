package standin

import (
	"context"
	"time"
)

// janitor removes for good what has expired, and what was deleted so long ago that nothing brings it back.
func (l *Lakebase) janitor(ctx context.Context) {
	for {
		next := l.cleanUp(time.Now())
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-l.wake:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// wakeJanitor makes the janitor look again.
func (l *Lakebase) wakeJanitor() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}

const longestNap = time.Hour // the clock may be set, and computers sleep

// cleanUp removes what is due at a time and returns how long to wait for what comes next. Nothing of a deleted project
// expires: it could not be brought back as it was. A branch with children stays until they are gone.
func (l *Lakebase) cleanUp(at time.Time) (wait time.Duration) {
	wait = longestNap
	for _, p := range l.store.view().Projects {
		switch {
		case p.Deleting:
		case p.Deleted != nil:
			wait = min(wait, l.purge(p.name(), p.due(), at, func(s *state) (*operation, error) {
				p := s.project(p.ID)
				if p == nil || p.Deleting || p.due().IsZero() || p.due().After(at) {
					return nil, errUnchanged
				}
				return planDeletion(p, true)
			}))
		default:
			wait = min(wait, l.cleanUpBranches(p, at), l.cleanUpSnapshots(p, at))
		}
	}
	return wait
}

func (l *Lakebase) cleanUpBranches(p *project, at time.Time) (wait time.Duration) {
	wait = longestNap
	for _, b := range p.Branches {
		if b.due().IsZero() || b.Deleting {
			continue
		}
		name := p.branchName(b)
		wait = min(wait, l.purge(name, b.due(), at, func(s *state) (*operation, error) {
			p, b := s.branchByName(name)
			if b == nil || b.Deleting || p.Deleted != nil || b.due().IsZero() || b.due().After(at) {
				return nil, errUnchanged
			}
			return planBranchDeletion(p, b, true)
		}))
	}
	return wait
}

func (l *Lakebase) cleanUpSnapshots(p *project, at time.Time) (wait time.Duration) {
	wait = longestNap
	for _, n := range p.Snapshots {
		if n.Expires.IsZero() || n.Deleting {
			continue
		}
		wait = min(wait, l.purge(p.snapshotName(n), n.Expires, at, func(s *state) (*operation, error) {
			p := s.project(p.ID)
			if p == nil || p.Deleted != nil {
				return nil, errUnchanged
			}
			n := p.snapshot(n.ID)
			if n == nil || n.Expires.IsZero() || n.Expires.After(at) {
				return nil, errUnchanged
			}
			return planSnapshotDeletion(p, n)
		}))
	}
	return wait
}

// purgeAgain is how long what could not be removed stays before the next attempt.
const purgeAgain = time.Minute

// purge submits the removal of something unless it is due later, and returns how long to wait for that.
func (l *Lakebase) purge(name string, due, at time.Time, plan func(*state) (*operation, error)) time.Duration {
	if again := l.store.view().failed(name).Add(purgeAgain); again.After(due) {
		due = again
	}
	if due.After(at) {
		return due.Sub(at)
	}
	if _, err := l.submit(plan); err != nil {
		l.log.Debug("what is due stays", "name", name, "err", err)
		return purgeAgain
	}
	return longestNap
}
