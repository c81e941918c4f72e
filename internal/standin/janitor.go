package standin

import (
	"context"
	"time"
)

// janitor deletes branches whose time has come.
func (l *Lakebase) janitor(ctx context.Context) {
	for {
		next := l.deleteExpired(time.Now())
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

// wakeJanitor makes the janitor look at the branches again.
func (l *Lakebase) wakeJanitor() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}

const longestNap = time.Hour // the clock may be set, and computers sleep

// deleteExpired deletes the branches that have expired and returns how long to wait for the next one. A branch with
// children stays until they are gone.
func (l *Lakebase) deleteExpired(at time.Time) (wait time.Duration) {
	wait = longestNap
	for _, p := range l.store.view().Projects {
		for _, b := range p.Branches {
			switch {
			case b.Expires.IsZero() || b.Deleting || p.Deleting:
				continue
			case b.Expires.After(at):
				wait = min(wait, b.Expires.Sub(at))
				continue
			}
			_, err := l.submit(func(s *state) (*operation, error) {
				p, b := s.branchByName(p.branchName(b))
				if b == nil || b.Deleting || b.Expires.After(at) {
					return nil, errUnchanged
				}
				return planBranchDeletion(p, b)
			})
			if err != nil {
				wait = min(wait, time.Minute)
				l.log.Debug("expired branch stays", "branch", p.branchName(b), "err", err)
			}
		}
	}
	return wait
}
