package migrate

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
)

// pgIndexer builds the keys and indexes of each table as soon as all of its rows are there, while others are still being
// loaded: a copy waits for the disk and for the other server, and a sort does not.
type pgIndexer struct {
	*pgMigration
	steps map[[2]string][]pgStep // by table
	ready chan pgIndexing        // has room for all that will come
}

// pgIndexing is an index that can be built; or nothing but the statistics of a table that has none.
type pgIndexing struct {
	table *pgTable
	step  *pgStep
	left  *atomic.Int32 // of the table's
}

func (m *pgMigration) newIndexer() *pgIndexer {
	x := &pgIndexer{pgMigration: m, steps: map[[2]string][]pgStep{}}
	tables := map[[2]string]bool{}
	for _, t := range m.catalog.tables {
		tables[[2]string{t.Schema, t.Name}] = true
	}
	room := len(tables)
	for _, s := range m.todo("index", "key", "exclusion") {
		if table := [2]string{s.Schema, s.Relation}; tables[table] {
			x.steps[table] = append(x.steps[table], s)
			room++
		}
	}
	x.ready = make(chan pgIndexing, room)
	return x
}

// loaded says that all rows of a table are there.
func (x *pgIndexer) loaded(t *pgTable) {
	steps, left := x.steps[[2]string{t.Schema, t.Name}], &atomic.Int32{}
	left.Store(int32(max(len(steps), 1)))
	for i := range steps {
		x.ready <- pgIndexing{t, &steps[i], left}
	}
	if len(steps) == 0 {
		x.ready <- pgIndexing{t, nil, left}
	}
}

// during builds with all workers while load runs, and until everything is built that load has announced.
func (x *pgIndexer) during(ctx context.Context, load func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(x.ready)
		return load(ctx)
	})
	for range x.Jobs {
		group.Go(func() error { return x.work(ctx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, steps := range x.steps {
		for _, s := range steps {
			x.made[pgBuilt{kind: "index", schema: s.Schema, name: s.Name}] = true
		}
	}
	return nil
}

func (x *pgIndexer) work(ctx context.Context) error {
	var conn *pgx.Conn
	for i := range x.ready {
		if conn == nil {
			var err error
			if conn, err = session(ctx, x.worker()); err != nil {
				return err
			}
			defer closeSession(ctx, conn)
		}
		if i.step != nil {
			if err := x.buildStep(ctx, conn, *i.step); err != nil {
				return err
			}
		}
		if i.left.Add(-1) > 0 {
			continue
		}
		if err := x.analyze(ctx, conn, i.table); err != nil { // also of what indexes compute
			return err
		}
	}
	return nil
}

// buildStep builds one index, or one constraint that has its own.
func (m *pgMigration) buildStep(ctx context.Context, conn *pgx.Conn, s pgStep) error {
	if m.made[s.built()] || m.made[pgBuilt{kind: "index", schema: s.Schema, name: s.Name}] {
		return nil
	}
	if _, err := conn.Exec(ctx, s.SQL); err != nil {
		return m.explainStep(s, err)
	}
	m.journal.event(lakeward.Event{
		Type: lakeward.EventDone, Phase: "index", Table: pgLabel(s.Schema, s.Relation), Message: s.Kind + " " + s.Name,
	})
	return nil
}

// analyze gathers the statistics of a table that the target needs for good plans.
func (m *pgMigration) analyze(ctx context.Context, conn *pgx.Conn, t *pgTable) error {
	sql := "ANALYZE " + qualified(m.stage.stageOf(t.Schema), t.Name)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return explainStatement(sql, err)
	}
	return nil
}
