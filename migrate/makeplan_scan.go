package migrate

import (
	"context"

	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// scanJob is something that one connection reads.
type scanJob func(ctx context.Context, conn *sqlite.Conn) error

// scan reads every value and has SQLite check the file, over several connections at once. What it finds does not depend
// on their number. A migration has the file checked later, while it loads.
func (p *planner) scan(ctx context.Context) error {
	if err := p.readBounds(ctx); err != nil {
		return err
	}
	order := p.parentsFirst()
	p.linkKeys(order)

	path := p.sourcePath(ctx)
	var damage error
	jobs := make(chan scanJob, len(order)+1)
	if !p.checkLater {
		jobs <- func(_ context.Context, conn *sqlite.Conn) error {
			damage = checkIntegrity(ctx, conn, path) // goes on where a scan has failed: it knows best why
			return damage
		}
	}
	for _, t := range order {
		jobs <- func(ctx context.Context, conn *sqlite.Conn) error { return p.profile(ctx, conn, t) }
	}
	close(jobs)

	group, scanning := errgroup.WithContext(ctx)
	group.Go(func() error { return work(scanning, p.conn, jobs) })
	for range min(p.jobs, cap(jobs)) - 1 {
		group.Go(func() error {
			conn, err := p.open()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // it was only read
			return work(scanning, conn, jobs)
		})
	}
	err := group.Wait()
	if damage != nil {
		return damage
	}
	return err
}

// work does jobs until there are none left.
func work(ctx context.Context, conn *sqlite.Conn, jobs <-chan scanJob) error {
	for job := range jobs {
		if err := job(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// profile scans the values of one table.
func (p *planner) profile(ctx context.Context, conn *sqlite.Conn, t *tablePlanner) (err error) {
	t.Rows, err = profileTable(ctx, conn, p.snapshot, t.source, t.profiles, func(rows int64) {
		p.progress.Send(lakeward.Event{Type: lakeward.EventProgress, Phase: "plan", Table: t.Name, Done: rows})
	})
	if err != nil {
		return err
	}
	p.progress.Send(lakeward.Event{Type: lakeward.EventDone, Phase: "plan", Table: t.Name, Done: t.Rows, Total: t.Rows})
	return nil
}
