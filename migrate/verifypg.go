package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// Two PostgreSQL are compared as a SQLite database and a PostgreSQL are (see tableCheck), with the hashes of each side
// computed by its own server and nothing but sums sent: two servers of different versions and encodings, with other
// settings, compute the same text for the same value (see pgcanon.go).
//
// Tables are compared by what they hold themselves (FROM ONLY): a partitioned table leaf by leaf, a parent in an
// inheritance without its children. So no row counts twice, and one in the wrong partition is a difference.

// pgComparison is what is compared. Every session of the source is inside one snapshot; those of the target are put into
// one by the comparison.
type pgComparison struct {
	Source, Target func(ctx context.Context) (*pgx.Conn, error)
	Tables         []pgTablePair
	Jobs           int // sessions on each side
	Journal        *journal
}

// pgTablePair is a table, a leaf of a partitioned table or a materialized view.
type pgTablePair struct {
	SourceSchema, TargetSchema, Name string

	Key     []string // columns of the primary key; nil compares whole rows as a multiset
	Columns []string // what is compared, generated columns too; nil means all columns of the source
	Rows    int64    // about, for the progress

	Quarantined int64 // rows that the target misses with reason, as far as the progress goes
}

// comparePostgres compares the content of all tables and returns a report for each, in their order. The error is about
// the comparison itself.
func comparePostgres(ctx context.Context, in pgComparison) ([]TableReport, error) {
	c := &pgComparer{pgComparison: in, null: literal("NULL " + newID() + newID())}
	reports := make([]TableReport, len(in.Tables))
	err := c.prepared(ctx, func(tables []*pgPair) error {
		for i, t := range tables {
			reports[i], t.report = *t.report, &reports[i]
		}
		return c.run(ctx, tables)
	})
	return reports, interrupted(ctx, err)
}

// pgComparer runs one comparison.
type pgComparer struct {
	pgComparison
	null     string // stands for NULL, as a constant; no value of any table is equal to it
	snapshot string // of the target
	encoding [2]string

	drill sync.Mutex // one table at a time is looked into, to bound the memory
}

// The two sides, as indices.
const (
	onSource = iota
	onTarget
)

// pgPair is one table in both databases while it is compared.
type pgPair struct {
	pair    pgTablePair
	report  *TableReport
	names   []string // of the columns that are compared
	key     []int    // places of those that identify a row
	blocks  [2]int64
	queries [2]pgQueries
	meter   *meter

	mu      sync.Mutex
	tallies *[2]tally
	left    int // pieces that have not been summed up
	err     error
}

// pgPiece is a range of blocks of one side of a table.
type pgPiece struct {
	table *pgPair
	where string
}

// prepared calls do with everything known about the tables, while the target's snapshot is held.
func (c *pgComparer) prepared(ctx context.Context, do func([]*pgPair) error) error {
	source, err := c.open(ctx, onSource)
	if err != nil {
		return err
	}
	defer closeSession(ctx, source)
	target, err := c.open(ctx, onTarget)
	if err != nil {
		return err
	}
	defer closeSession(ctx, target)
	if err := target.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&c.snapshot); err != nil {
		return fmt.Errorf("export a snapshot of the target: %w", err)
	}
	for side, conn := range []*pgx.Conn{source, target} {
		if err := checkHash(ctx, conn); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, `SELECT current_setting('server_encoding')`).Scan(&c.encoding[side]); err != nil {
			return fmt.Errorf("ask for an encoding: %w", err)
		}
	}
	tables, err := c.look(ctx, source, target)
	if err != nil {
		return err
	}
	return do(tables)
}

// compareSettings make the text of a value depend on nothing but the value. Without row security a row that the role may
// not see is an error, not a row less.
const compareSettings = `
	SET client_encoding = 'UTF8';
	SET search_path = pg_catalog;
	SET TimeZone = 'UTC';
	SET DateStyle = 'ISO, YMD';
	SET IntervalStyle = 'postgres';
	SET bytea_output = 'hex';
	SET extra_float_digits = 1;
	SET lc_monetary = 'C';
	SET xmloption = 'content';
	SET xmlbinary = 'base64';
	SET row_security = off;
	SET jit = off;
	SET statement_timeout = 0;
	SET lock_timeout = 0;
	SET idle_in_transaction_session_timeout = 0`

// open returns a session of a side inside of its snapshot.
func (c *pgComparer) open(ctx context.Context, side int) (*pgx.Conn, error) {
	connect := c.Source
	if side == onTarget {
		connect = c.Target
	}
	conn, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	sql := compareSettings
	if side == onTarget {
		begin := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
		if c.snapshot != "" {
			begin += "SET TRANSACTION SNAPSHOT " + literal(c.snapshot) + ";"
		}
		sql = begin + sql
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		closeSession(ctx, conn)
		return nil, fmt.Errorf("set up a session to compare: %w", err)
	}
	return conn, nil
}

// tablesOpen is how many tables are summed up at a time, per worker: what is kept of them is all that the memory of a
// comparison depends on.
const tablesOpen = 4

// run sums up all tables, the largest first, with workers of its own for each side, so that neither waits for the other.
func (c *pgComparer) run(ctx context.Context, tables []*pgPair) error {
	order := slices.SortedStableFunc(slices.Values(tables), func(a, b *pgPair) int {
		return cmp.Compare(b.blocks[onSource], a.blocks[onSource])
	})
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, tablesOpen*c.Jobs)
	var queues [2]chan pgPiece
	for side := range queues {
		queues[side] = make(chan pgPiece, cap(slots)*(piecesMost+1))
		for range min(c.Jobs, len(tables)) {
			group.Go(func() error { return c.work(ctx, side, queues[side], slots) })
		}
	}
	group.Go(func() error {
		defer close(queues[onSource])
		defer close(queues[onTarget])
		for _, t := range order {
			if t.report.Error != "" {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			t.begin(c.Journal)
			for side := range queues { // there is room for all of them
				for _, where := range pieces(t.blocks[side]) {
					queues[side] <- pgPiece{t, where}
				}
			}
		}
		return nil
	})
	return group.Wait()
}

// begin makes room for the sums of a table.
func (t *pgPair) begin(j *journal) {
	t.meter = j.meter(t.report.Name, t.pair.Rows)
	t.tallies = new([2]tally)
	t.left = len(pieces(t.blocks[onSource])) + len(pieces(t.blocks[onTarget]))
}

// work sums up pieces of one side. A session in which a statement has failed is of no use any more.
func (c *pgComparer) work(ctx context.Context, side int, queue <-chan pgPiece, slots <-chan struct{}) error {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			closeSession(ctx, conn)
		}
	}()
	for p := range queue {
		if conn == nil {
			var err error
			if conn, err = c.open(ctx, side); err != nil {
				return err
			}
		}
		var sum tally
		err := (&pgSide{conn: conn, name: p.table.report.Name, sql: p.table.queries[side].over(p.where)}).tally(ctx, &sum)
		if err != nil {
			closeSession(ctx, conn)
			conn = nil
		}
		if p.table.summed(side, &sum, err) {
			if err := c.finish(ctx, p.table); err != nil {
				return err
			}
			<-slots
		}
	}
	return nil
}

// A table is summed up in pieces of pieceBlocks, or in piecesMost pieces where that would be more.
const (
	pieceBlocks = 8192
	piecesMost  = 256
)

// pieces returns conditions that cut a table of so many blocks into ranges. The last one has no end: a table grows.
func pieces(blocks int64) (where []string) {
	size := max(pieceBlocks, (blocks+piecesMost-1)/piecesMost)
	if blocks <= size {
		return []string{""}
	}
	for at := int64(0); at < blocks; at += size {
		piece := fmt.Sprintf(" WHERE ctid >= '(%d,0)'", at)
		if at+size < blocks {
			piece += fmt.Sprintf(" AND ctid < '(%d,0)'", at+size)
		}
		where = append(where, piece)
	}
	return where
}

// summed adds the sums of a piece and reports whether it was the last one.
func (t *pgPair) summed(side int, sum *tally, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tallies[side].merge(sum)
	t.err = cmp.Or(t.err, err)
	t.left--
	if side == onSource {
		t.meter.rows += sum.rows
		t.meter.tick()
	}
	return t.left == 0
}

// finish compares the sums of a table and looks into what differs.
func (c *pgComparer) finish(ctx context.Context, t *pgPair) error {
	sums := t.tallies
	t.tallies = nil
	check := &tableCheck{name: t.report.Name, columns: t.names, key: t.key, report: t.report}
	if t.err != nil {
		return check.explain(ctx, t.err)
	}
	if differing := check.account(&sums[onSource], &sums[onTarget]); len(differing) > 0 {
		chosen := check.choose(differing, &sums[onSource], &sums[onTarget])
		if err := c.examine(ctx, t, check, chosen); err != nil {
			return check.explain(ctx, err)
		}
	}
	if t.report.Differing != t.pair.Quarantined {
		t.meter.differing = t.report.Differing
	}
	t.meter.done()
	return nil
}

// examine compares the rows of some buckets one by one. Most tables are the same, so it opens sessions of its own.
func (c *pgComparer) examine(ctx context.Context, t *pgPair, check *tableCheck, chosen map[int]bool) error {
	c.drill.Lock()
	defer c.drill.Unlock()
	var sides [2]*pgSide
	for side := range sides {
		conn, err := c.open(ctx, side)
		if err != nil {
			return err
		}
		defer closeSession(ctx, conn)
		sides[side] = &pgSide{conn: conn, name: t.report.Name, sql: t.queries[side].over("")}
	}
	check.source, check.target = sides[onSource], sides[onTarget]
	return check.examine(ctx, chosen)
}
