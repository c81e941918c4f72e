package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// team are the nodes of an endpoint beside its primary. It belongs to the goroutine that keeps the endpoint (see keep.go);
// others hand it what they found with post.
type team struct {
	record   record
	standbys map[int]*standby
	leaving  map[int]bool // nodes that are being stopped, or removed

	asked    []int              // the standbys of which one confirms each commit, as the primary was told last
	settling context.CancelFunc // of the proof that it does as it was told; nil when there is none going on

	hope   time.Time // until when standbys are expected to follow; commits wait for them
	asking map[*pgproc.Server]bool

	leader *pgproc.Server // that a read-only endpoint was seen to follow, or will be
	stale  *pgproc.Server // the leader that it could not follow: its data are to be made again

	beat    *time.Ticker  // between looks at the nodes
	pace    time.Duration // of it
	cramped error         // that the disk is full
	down    error         // why the primary serves nobody, and no other node takes its place
	waiting []waiter
	posts   chan func(context.Context)
	working sync.WaitGroup // goroutines of the team
}

// standby is a node that follows the primary, or shall.
type standby struct {
	number    int
	server    *pgproc.Server // nil when none runs
	mending   bool           // somebody is bringing it up
	following bool           // streams from the primary
	missed    int            // looks at the primary in a row that did not see it
	failures  int            // attempts in a row to bring it up
	retry     time.Time      // when the next one is due
	err       error          // of the last
}

// waiter waits for the team to be as it should.
type waiter chan error

func newTeam(r record) *team {
	t := &team{
		record: r, standbys: map[int]*standby{}, leaving: map[int]bool{}, asking: map[*pgproc.Server]bool{}, beat: time.NewTicker(pulse),
		posts: make(chan func(context.Context)),
	}
	t.beat.Stop()
	return t
}

// post lets the keeper of the endpoint do something. It reports false when there is none any more.
func (e *Endpoint) post(ctx context.Context, do func(context.Context)) bool {
	select {
	case e.team.posts <- do:
		return true
	case <-ctx.Done():
		return false
	}
}

// numbers returns the numbers of the standbys for which is holds, in order.
func (t *team) numbers(is func(*standby) bool) (numbers []int) {
	for _, n := range slices.Sorted(maps.Keys(t.standbys)) {
		if is(t.standbys[n]) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func (t *team) following() []int {
	return t.numbers(func(s *standby) bool { return s.following })
}

// enlist adds and dismisses standbys until there are as many nodes as there should be.
func (e *Endpoint) enlist(ctx context.Context, nodes int) {
	t := e.team
	e.mu.Lock()
	e.several = nodes > 1 && e.options.Follow == nil
	e.mu.Unlock()
	for len(t.standbys) > max(nodes-1, 0) {
		e.dismiss(ctx, t.leastUseful())
	}
	for len(t.standbys) < nodes-1 {
		n := t.freeNumber(e.options.Dir)
		t.standbys[n] = &standby{number: n}
	}
	t.pace = calmPulse
	if nodes > 1 {
		t.pace = pulse
	}
	t.beat.Reset(t.pace)
	t.hope = time.Now().Add(followTime)
	for _, s := range t.standbys {
		if !s.following {
			e.mend(ctx, s)
		}
	}
	e.agree(ctx)
}

// leastUseful returns the standby to dismiss first: one that does not follow, else that with the highest number.
func (t *team) leastUseful() *standby {
	return slices.MaxFunc(slices.Collect(maps.Values(t.standbys)), func(a, b *standby) int {
		if a.following != b.following {
			if b.following {
				return 1
			}
			return -1
		}
		return a.number - b.number
	})
}

// freeNumber returns the number for one more standby, if possible that of a node with data.
func (t *team) freeNumber(dir string) int {
	free := func(n int) bool { return n != t.record.Primary && t.standbys[n] == nil && !t.leaving[n] }
	for _, n := range append(slices.Clone(t.record.Synchronous), nodesIn(dir)...) {
		if free(n) {
			return n
		}
	}
	n := firstNode
	for !free(n) {
		n++
	}
	return n
}

// dismiss ends a standby. Its data are removed when no acknowledged commit can be in them alone (see tidy).
func (e *Endpoint) dismiss(ctx context.Context, s *standby) {
	delete(e.team.standbys, s.number)
	e.team.leaving[s.number] = true
	s.following = false
	e.publish()
	e.agree(ctx)
	if !s.mending {
		e.retire(ctx, s)
	}
}

// retire stops the server of a standby that was dismissed.
func (e *Endpoint) retire(ctx context.Context, s *standby) {
	e.team.working.Go(func() {
		if s.server != nil {
			if err := s.server.Stop(ctx); err != nil {
				e.options.Log.Warn("a node did not stop cleanly", "node", s.number, "err", err)
			}
		}
		e.post(ctx, func(ctx context.Context) {
			delete(e.team.leaving, s.number)
			e.tidy(ctx)
		})
	})
}

// tidy removes the folders of nodes that are no more. One that the record names may be the only one with an acknowledged
// commit, and stays until it does not.
func (e *Endpoint) tidy(ctx context.Context) {
	t := e.team
	gone := nodesIn(e.options.Dir)
	if t.record.Primary != firstNode {
		gone = append(gone, firstNode)
	}
	for _, n := range gone {
		if n == t.record.Primary || t.standbys[n] != nil || t.leaving[n] || slices.Contains(t.record.Synchronous, n) {
			continue
		}
		dir := nodeFolder(e.options.Dir, n)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		t.leaving[n] = true
		t.working.Go(func() {
			if err := removeFolder(ctx, dir); err != nil {
				e.options.Log.Warn("remove the data of a node that is no more", "node", n, "err", err)
			}
			e.post(ctx, func(context.Context) { delete(t.leaving, n) })
		})
	}
}

// publish makes known which standbys can be read from.
func (e *Endpoint) publish() {
	var servers []*pgproc.Server
	for _, n := range e.team.following() {
		servers = append(servers, e.team.standbys[n].server)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.readable = servers
	e.announce()
}

// live returns the settings of a primary that waits for one of these standbys with each commit.
func live(standbys []int) map[string]string {
	settings := map[string]string{"synchronous_standby_names": ""}
	if len(standbys) > 0 {
		var names []string
		for _, n := range standbys {
			names = append(names, nodeName(n))
		}
		settings["synchronous_standby_names"] = fmt.Sprintf("ANY 1 (%s)", strings.Join(names, ", "))
	}
	return settings
}

// node returns the configuration of a node's PostgreSQL.
func (e *Endpoint) node(number int) pgproc.Config {
	c := e.config
	c.Dir, c.Name = nodeFolder(e.options.Dir, number), nodeName(number)
	c.Live = live(nil)
	if e.options.Follow != nil {
		c.Name = replicaName(c.Dir) // its primary must not take it for a node of its own
	}
	return c
}

// follower returns the configuration of a node that is a standby.
func (e *Endpoint) follower(number int) pgproc.Config {
	c := e.node(number)
	c.Primary = primaryLink(e.options.Dir)
	if e.options.Follow != nil {
		c.Primary = e.config.Primary
	}
	return c
}
