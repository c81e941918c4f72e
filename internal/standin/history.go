package standin

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// The history of a branch lives beside its data, for all its endpoints. The historian keeps it: it makes base copies and
// removes what no moment within the retention needs. PostgreSQL itself writes the log there.

// historySuffix ends the name of a history's folder; ids hold no dot.
const historySuffix = ".history"

func (l *Lakebase) historyFolder(p *project, b *branch) string {
	return filepath.Join(l.projectFolder(p), b.ID+historySuffix)
}

// history returns the history of a branch: the same one each time, because it knows who is using it.
func (l *Lakebase) history(p *project, b *branch) *endpoint.History {
	return l.historyIn(b.UID, l.historyFolder(p, b))
}

func (l *Lakebase) historyIn(uid, dir string) *endpoint.History {
	l.historyMu.Lock()
	defer l.historyMu.Unlock()
	h := l.histories[uid]
	if h == nil {
		h = endpoint.NewHistory(dir)
		l.histories[uid] = h
	}
	return h
}

// forgetHistory deletes the history of a snapshot, or of a branch whose endpoints do not run any more.
func (l *Lakebase) forgetHistory(uid string, h *endpoint.History) error {
	if err := h.Remove(); err != nil {
		return err
	}
	l.historyMu.Lock()
	defer l.historyMu.Unlock()
	delete(l.histories, uid)
	return nil
}

const historyInterval = time.Minute

// historian looks after all histories, now and then and when an endpoint has become active.
func (l *Lakebase) historian(ctx context.Context) {
	tick := time.NewTicker(historyInterval)
	defer tick.Stop()
	for {
		l.keepHistories(ctx, now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.newHistory:
		}
	}
}

// wakeHistorian makes the historian look again.
func (l *Lakebase) wakeHistorian() {
	select {
	case l.newHistory <- struct{}{}:
	default: // it will look anyway
	}
}

// keepHistories brings every history to what it should be at a time.
func (l *Lakebase) keepHistories(ctx context.Context, at time.Time) {
	for _, p := range l.store.view().Projects {
		for _, b := range p.Branches {
			if ctx.Err() != nil {
				return
			}
			if !b.Ready || b.Deleting || p.Deleting || b.away(p) != "" {
				continue
			}
			if err := l.keepHistory(ctx, p, b, at); err != nil && ctx.Err() == nil && l.runs(b) {
				l.log.Warn("history is not kept", "branch", p.branchName(b), "err", err)
			}
		}
	}
}

// runs reports whether the primary of a branch runs and is to run on.
func (l *Lakebase) runs(b *branch) bool {
	_, current, c := l.store.view().computeByUID(b.primary().UID)
	return c != nil && !c.Disabled && !current.Deleting && l.runner(c.UID).endpoint != nil
}

// worry is the trouble of an endpoint, or of the history of its data, which does not keep it from running.
func (r runner) worry() error {
	if err := r.trouble(); err != nil {
		return err
	}
	return r.behind
}

func (l *Lakebase) keepHistory(ctx context.Context, p *project, b *branch, at time.Time) error {
	h := l.history(p, b)
	var errs []error
	r := l.runner(b.primary().UID)
	if e := r.endpoint; e != nil {
		due, err := copyDue(h, at)
		if due && l.keepAwake(b.primary().UID, e) {
			_, err = h.Add(ctx, e)
			l.setRunner(b.primary().UID, func(r *runner) { r.saving = false })
		}
		behind := h.Behind(e.Dir(), r.active, at)
		l.setRunner(b.primary().UID, func(r *runner) { r.behind = behind })
		errs = append(errs, err, behind)
	}
	return errors.Join(append(errs, h.Forget(at.Add(-p.Retention)), h.Compress(ctx, at))...)
}

// keepAwake keeps an endpoint from falling asleep while its data are copied. It reports false when it sleeps already.
func (l *Lakebase) keepAwake(uid string, e *endpoint.Endpoint) (yes bool) {
	l.setRunner(uid, func(r *runner) {
		yes = r.endpoint == e
		r.saving = yes
	})
	return yes
}

const (
	copyInterval = 24 * time.Hour
	littleLog    = 16 << 20  // of which a day's is not worth a copy
	muchLog      = 256 << 20 // that is replayed sooner than a copy is made
)

// copyDue reports whether it is time for a base copy. What a copy costs is in proportion to what it saves: the log since
// the last one is as long as the data, or a tenth of that after a day.
func copyDue(h *endpoint.History, at time.Time) (bool, error) {
	copies, err := h.Copies()
	if err != nil || len(copies) == 0 {
		return err == nil, err
	}
	last := copies[len(copies)-1]
	grown, err := h.Since(last)
	if err != nil {
		return false, err
	}
	return grown >= max(muchLog, last.Bytes) ||
		at.Sub(last.Taken) >= copyInterval && grown >= max(littleLog, last.Bytes/10), nil
}
