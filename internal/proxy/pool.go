package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// poolKey tells apart the sessions that clients cannot share. All of a route log in as the same role.
type poolKey struct {
	database string
	isUser   bool
	options  string // of the startup packet
}

// pool is the sessions on the instance that clients of a route share. The route's lock guards it.
type pool struct {
	idle  map[poolKey][]*backend // the one that was used last is at the end
	count map[poolKey]int        // with those that are being opened
	all   map[*backend]struct{}
	total int
	lent  int // with those that are being opened
	queue []*ticket
	told  map[poolKey]map[string]string // what servers told at login
	known map[string]*environment       // by startup parameters
}

// ticket is a client that waits for a session.
type ticket struct {
	key poolKey
	got chan *backend // nil: it may open one
}

func newPool() pool {
	return pool{
		idle: map[poolKey][]*backend{}, count: map[poolKey]int{}, all: map[*backend]struct{}{},
		told: map[poolKey]map[string]string{}, known: map[string]*environment{},
	}
}

// shared is what a route has for transaction mode.
type shared struct {
	pool       pool
	closed     bool // the server is shutting down
	guests     map[*pooled]struct{}
	wanted     atomic.Int64 // clients in the queue
	statements statements

	waits, transactions prometheus.Observer // of the route's metrics
	start               func(func())        // of a goroutine that the server waits for
}

// borrowNow returns an idle session, or nil. r.putBack or r.giveBack returns it.
func (r *route) borrowNow(key poolKey) *backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gate != nil || len(r.pool.queue) > 0 {
		return nil
	}
	return r.pop(key)
}

// pop takes an idle session. r.mu is held.
func (r *route) pop(key poolKey) *backend {
	list := r.pool.idle[key]
	if len(list) == 0 {
		return nil
	}
	b := list[len(list)-1]
	list[len(list)-1] = nil
	r.pool.idle[key] = list[:len(list)-1]
	r.pool.lent++
	b.lent = true
	return b
}

// reserve makes room for one more session, if there may be one. r.mu is held.
func (r *route) reserve(key poolKey) bool {
	if r.pool.count[key] >= r.config.PoolSize {
		return false
	}
	if limit := r.config.MaxConns; limit > 0 && r.pool.total >= limit && !r.evict() {
		return false
	}
	r.pool.count[key]++
	r.pool.total++
	r.pool.lent++
	return true
}

// evict ends an idle session of those who share others. r.mu is held.
func (r *route) evict() bool {
	for key, list := range r.pool.idle {
		if len(list) > 0 {
			oldest := list[0]
			r.pool.idle[key] = slices.Delete(list, 0, 1)
			r.drop(oldest)
			return true
		}
	}
	return false
}

// drop ends an idle session. r.mu is held.
func (r *route) drop(b *backend) {
	if _, ok := r.pool.all[b]; !ok {
		return
	}
	delete(r.pool.all, b)
	r.uncount(b.key)
	r.start(b.close)
}

func (r *route) uncount(key poolKey) {
	r.pool.total--
	if r.pool.count[key]--; r.pool.count[key] == 0 {
		delete(r.pool.count, key)
		delete(r.pool.idle, key)
	}
}

// borrow waits for a session, and opens one where there may be one more.
func (r *route) borrow(ctx context.Context, key poolKey) (*backend, error) {
	for {
		b, err := r.admit(ctx, key)
		if b != nil || err != nil {
			return b, err
		}
		if b, err = r.openBackend(ctx, key); b != nil || err != nil {
			return b, err
		}
	}
}

// admit waits for an idle session, or for leave to open one: then it returns nil.
func (r *route) admit(ctx context.Context, key poolKey) (*backend, error) {
	r.mu.Lock()
	if r.gate == nil && len(r.pool.queue) == 0 {
		if b := r.pop(key); b != nil || r.reserve(key) {
			r.mu.Unlock()
			return b, nil
		}
	}
	t := &ticket{key: key, got: make(chan *backend, 1)}
	r.pool.queue = append(r.pool.queue, t)
	r.wanted.Add(1)
	r.waiting++
	r.serveQueue()
	r.mu.Unlock()
	select {
	case b := <-t.got:
		return b, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := slices.Index(r.pool.queue, t); at >= 0 {
		r.pool.queue = slices.Delete(r.pool.queue, at, at+1)
		r.wanted.Add(-1)
		r.waiting--
		return nil, r.noSession()
	}
	return <-t.got, nil // it came at the last moment; whoever called looks at ctx itself
}

// noSession is what a client is told that has waited in vain.
func (r *route) noSession() error {
	if r.gate != nil {
		return r.noEntry(false)
	}
	return &pgwire.Error{
		Code:    "53300",
		Message: fmt.Sprintf("route %s has no session left: %d are inside transactions", r.name, r.pool.lent),
		Hint:    "End transactions sooner, or raise poolsize of the route.",
	}
}

// serveQueue lets clients have what there is. r.mu is held.
func (r *route) serveQueue() {
	if r.gate != nil || len(r.pool.queue) == 0 {
		return
	}
	var none []poolKey // of which there is nothing
	r.pool.queue = slices.DeleteFunc(r.pool.queue, func(t *ticket) bool {
		if slices.Contains(none, t.key) {
			return false
		}
		b := r.pop(t.key)
		if b == nil && !r.reserve(t.key) {
			none = append(none, t.key)
			return false
		}
		t.got <- b
		r.wanted.Add(-1)
		r.waiting--
		return true
	})
}

// openBackend logs in. It returns nil when the route was paused or switched meanwhile.
func (r *route) openBackend(ctx context.Context, key poolKey) (*backend, error) {
	c := r.connector()
	up, err := r.persist(ctx, c, want{database: key.database, isUser: key.isUser, params: key.params()})
	if err != nil {
		err = r.explain(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || r.to != c || r.gate != nil {
		r.pool.lent--
		r.uncount(key)
		r.serveQueue()
		r.notify()
		if err == nil {
			r.start(up.close)
		}
		return nil, err
	}
	now := time.Now()
	life := r.config.Lifetime
	b := &backend{
		route: r, key: key, up: up, made: c, born: now, expires: now.Add(life - rand.N(life/10+1)), birth: ofParams(up.params),
		prepared: map[*statement]uint64{}, lent: true,
	}
	b.env = b.birth
	r.pool.all[b] = struct{}{}
	r.pool.told[key] = up.params
	r.start(b.run)
	return b, nil
}

func (k poolKey) params() map[string]string {
	if k.options == "" {
		return nil
	}
	return map[string]string{"options": k.options}
}

// letGo takes a session back from a client, on the client's goroutine.
func (r *route) letGo(c *pooled, b *backend) {
	if b.did == 0 || b.broken {
		r.giveBack(c, b)
		return
	}
	b.dirty.Store(c) // the one who reads from it has to clean it
	_ = b.up.wire.SetReadDeadline(longAgo)
}

// giveBack takes a session back from a client, and cleans it where that has left something behind.
func (r *route) giveBack(c *pooled, b *backend) {
	b.cancels.Wait() // a cancel request that is on its way must not hit the next client
	if did := b.did; did != 0 && !b.broken {
		settings, err := b.wash(did)
		if b.broken = err != nil; err == nil && did&makesSetting != 0 {
			c.adopt(settings)
		}
	}
	r.putBack(b)
	c.mu.Lock()
	if c.leaving != nil {
		close(c.leaving)
		c.leaving = nil
	}
	c.mu.Unlock()
}

// putBack takes a session back that is as it was.
func (r *route) putBack(b *backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlend(b)
	now := time.Now()
	if _, ok := r.pool.all[b]; ok {
		if b.broken || r.closed || b.made != r.to || r.gate != nil || now.After(b.expires) {
			r.drop(b)
		} else {
			b.idle = now
			r.pool.idle[b.key] = append(r.pool.idle[b.key], b)
		}
	}
	r.serveQueue()
	if r.gate != nil {
		r.notify()
	}
}

// unlend counts a session out of those that clients have. r.mu is held.
func (r *route) unlend(b *backend) {
	if b.lent {
		b.lent = false
		r.pool.lent--
	}
}

// discard takes a session back that nobody can use.
func (r *route) discard(b *backend) {
	b.broken = true
	r.putBack(b)
}

// lose hears that a session has ended. A client that has it still gives it back.
func (r *route) lose(b *backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.pool.all[b]; !ok {
		return
	}
	delete(r.pool.all, b)
	if at := slices.Index(r.pool.idle[b.key], b); at >= 0 {
		r.pool.idle[b.key] = slices.Delete(r.pool.idle[b.key], at, at+1)
	}
	r.unlend(b)
	r.uncount(b.key)
	r.serveQueue()
	r.notify()
}

// dropIdle ends the sessions that nobody has, or of them those that are too old or have been idle for too long.
func (r *route) dropIdle(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for key, list := range r.pool.idle {
		r.pool.idle[key] = slices.DeleteFunc(list, func(b *backend) bool {
			old := all || b.made != r.to || now.After(b.expires) || now.Sub(b.idle) > r.config.Idle
			if old {
				delete(r.pool.all, b)
				r.pool.total--
				r.pool.count[key]--
				r.start(b.close)
			}
			return old
		})
	}
	r.serveQueue()
}
