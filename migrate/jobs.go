package migrate

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// kind is what a task waits for: a load for the disk, a build for the processor. The workers do some of each kind at the
// same time, so that neither is idle, and of the first kind where there is a choice.
type kind int

const (
	kindLoad kind = iota
	kindBuild
	kinds
)

// task is a piece of work for one connection.
type task[C any] struct {
	do   func(ctx context.Context, conn C) error
	kind kind
	size float64 // in any unit that all tasks share; of loads, see weight

	waits int        // tasks that have to be done before it
	then  []*task[C] // those that wait for it
	path  float64    // the size of the longest row of tasks that begins with it; 0 until somebody asks
}

// tasks are work with an order in it: each begins when those that it comes after are done.
type tasks[C any] struct{ all []*task[C] }

// job is a piece of work for one session of the target.
type job = task[*pgx.Conn]

// jobs are all that is done on a target.
type jobs struct{ tasks[*pgx.Conn] }

// add adds a task that comes after others.
func (w *tasks[C]) add(j *task[C], after ...*task[C]) *task[C] {
	w.all = append(w.all, j)
	j.follow(after...)
	return j
}

// follow makes the task come after others.
func (j *task[C]) follow(others ...*task[C]) {
	for _, before := range others {
		j.waits++
		before.then = append(before.then, j)
	}
}

// ahead returns the size of the longest row of tasks that begins with j and of which each waits for the one before.
func (j *task[C]) ahead() float64 {
	if j.path == 0 {
		for _, next := range j.then {
			j.path = max(j.path, next.ahead())
		}
		j.path += max(j.size, 1) // nothing is so small that it need be reckoned again
	}
	return j.path
}

// run does all jobs, some of them at a time, each worker with a session of its own. It returns when all workers have
// ended, with the first error.
func (w *jobs) run(ctx context.Context, target Target, workers int) error {
	return w.tasks.run(ctx, workers, func(ctx context.Context) (*pgx.Conn, func(), error) {
		conn, err := session(ctx, target)
		return conn, func() { closeSession(ctx, conn) }, err
	})
}

// run does everything, some tasks at a time, each worker with a connection of its own and the function that closes it. It
// returns when all workers have ended, with the first error.
func (w *tasks[C]) run(ctx context.Context, workers int, open func(context.Context) (C, func(), error)) error {
	group, ctx := errgroup.WithContext(ctx)
	c := &crew[C]{left: len(w.all)}
	c.changed.L = &c.mu
	for _, j := range w.all {
		if j.waits == 0 {
			c.ready = append(c.ready, j)
		}
	}
	stop := context.AfterFunc(ctx, c.wake)
	defer stop()
	for range min(workers, len(w.all)) {
		group.Go(func() error {
			conn, end, err := open(ctx)
			if err != nil {
				return err
			}
			defer end()
			for {
				j := c.take(ctx)
				if j == nil {
					return context.Cause(ctx)
				}
				if err := j.do(ctx, conn); err != nil {
					return err
				}
				c.done(j)
			}
		})
	}
	return group.Wait()
}

// crew hands tasks to workers.
type crew[C any] struct {
	mu      sync.Mutex
	changed sync.Cond
	ready   []*task[C]
	left    int        // tasks that are not done
	doing   [kinds]int // tasks that are being done
}

// take waits for a task that can begin, and takes one on which the longest row of others waits, lest that is left for one
// worker at the end. It returns nil when there is none left, or ctx is done.
func (c *crew[C]) take(ctx context.Context) *task[C] {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.ready) == 0 && c.left > 0 && ctx.Err() == nil {
		c.changed.Wait()
	}
	if len(c.ready) == 0 || ctx.Err() != nil {
		return nil
	}
	next := 0
	for i, j := range c.ready {
		best := c.ready[next]
		if cmp.Or(cmp.Compare(c.doing[j.kind], c.doing[best.kind]), cmp.Compare(j.kind, best.kind), cmp.Compare(best.ahead(), j.ahead())) < 0 {
			next = i
		}
	}
	j := c.ready[next]
	c.doing[j.kind]++
	c.ready = slices.Delete(c.ready, next, next+1)
	return j
}

// done lets those begin that have only waited for this one.
func (c *crew[C]) done(j *task[C]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	c.doing[j.kind]--
	for _, next := range j.then {
		if next.waits--; next.waits == 0 {
			c.ready = append(c.ready, next)
		}
	}
	c.changed.Broadcast()
}

// wake has the workers look whether they may still go on.
func (c *crew[C]) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

// eachItem hands every item to fn, some of them at a time, as jobs in their order.
func eachItem[T any](ctx context.Context, target Target, workers int, items []T,
	fn func(ctx context.Context, conn *pgx.Conn, item T) error,
) error {
	var w jobs
	for _, item := range items {
		w.add(&job{do: func(ctx context.Context, conn *pgx.Conn) error { return fn(ctx, conn, item) }})
	}
	return w.run(ctx, target, workers)
}
