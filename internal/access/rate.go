package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many requests one identity may send: more than a page of a browser or a careful script ever does.
const (
	perSecond = 50
	atOnce    = 1000 // a server that restarts meets all streams of events again
)

// maxIdentities bounds what is remembered of who has asked lately.
const maxIdentities = 10_000

// rates are the limits of those who have asked lately.
type rates struct {
	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// take counts a request. It says whether it is within the limit, and otherwise after how long the next one is.
func (r *rates) take(name string) (ok bool, wait time.Duration) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.all[name]
	if l == nil {
		r.forget(now)
		l = rate.NewLimiter(perSecond, atOnce)
		r.all[name] = l
	}
	reserved := l.ReserveN(now, 1)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
	}
	return wait == 0, wait
}

// forget drops those whose limit is whole again, and where that is not enough, all.
func (r *rates) forget(now time.Time) {
	if r.all == nil {
		r.all = map[string]*rate.Limiter{}
	}
	if len(r.all) < maxIdentities {
		return
	}
	for name, l := range r.all {
		if l.TokensAt(now) >= atOnce {
			delete(r.all, name)
		}
	}
	if len(r.all) >= maxIdentities {
		clear(r.all)
	}
}
