package migrate

import (
	"context"
	"math"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// scan reads every value and has SQLite check the file, over several connections at once. What it finds does not depend
// on their number. A migration has the file checked later, beside its proof.
func (p *planner) scan(ctx context.Context) error {
	if err := p.readBounds(ctx); err != nil {
		return err
	}
	order := p.parentsFirst()
	p.linkKeys(order)

	path := p.sourcePath(ctx)
	var damage error
	var work tasks[*sqlite.Conn]
	if !p.checkLater {
		work.add(&task[*sqlite.Conn]{size: math.Inf(1), do: func(_ context.Context, conn *sqlite.Conn) error {
			damage = checkIntegrity(ctx, conn, path) // goes on where a scan has failed: it knows best why
			return damage
		}})
	}
	p.addScans(&work, order)
	err := work.run(ctx, max(1, p.jobs), p.connections())
	if damage != nil {
		return damage
	}
	return err
}

// addScans adds the scans of the tables. One begins when the keys are known that its rows refer to.
func (p *planner) addScans(work *tasks[*sqlite.Conn], order []*tablePlanner) {
	scans := map[*keyBits]*task[*sqlite.Conn]{} // by the keys that they make known
	for _, t := range order {
		scan := work.add(&task[*sqlite.Conn]{size: float64(t.span()), do: func(ctx context.Context, conn *sqlite.Conn) error {
			return p.profile(ctx, conn, t)
		}})
		for _, found := range t.profiles {
			if found.keys != nil {
				scans[found.keys] = scan
			}
			for _, r := range found.counting {
				scan.follow(scans[r.to]) // of a table that stands before this one
			}
		}
	}
}

// connections returns what opens a connection for each worker that scans: the first has the planner's own.
func (p *planner) connections() func(context.Context) (*sqlite.Conn, func(), error) {
	own := make(chan *sqlite.Conn, 1)
	own <- p.conn
	return func(context.Context) (*sqlite.Conn, func(), error) {
		select {
		case conn := <-own:
			return conn, func() {}, nil
		default:
		}
		conn, err := p.open()
		return conn, func() { _ = conn.Close() }, err // it was only read
	}
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
