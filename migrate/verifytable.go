package migrate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

const (
	differencesKept = 20      // rows of each kind of difference that the report names, per table
	rowsExamined    = 200_000 // rows that are compared one by one, to bound the memory
)

// tableCheck compares one table by what its two sides compute.
type tableCheck struct {
	name    string   // of the table, for the report
	columns []string // their names, for the report
	key     []int    // places of the columns that identify a row; nil for a table without such
	source  side
	target  side
	report  *TableReport
}

// side is one of the two tables of a comparison. Each side computes the hashes of its rows by itself.
type side interface {
	tally(ctx context.Context, t *tally) error
	hashes(ctx context.Context, chosen map[int]bool, fn func(key, row uint64)) error // of the rows in some buckets
	details(ctx context.Context, keys map[uint64]bool) (map[uint64]detail, error)
}

// detail is one row as the report shows it.
type detail struct {
	digests []string // of each column
	shown   []string
}

// run compares the whole table by one sum, or else by sums over buckets, and looks into those that differ. Where a side
// does not even have the table or its columns, the report says so.
func (c *tableCheck) run(ctx context.Context) error {
	var source, target tally
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.source.tally(groupCtx, &source) })
	pg, totals := c.target.(*pgSide)
	totals = totals && pg.sql.total != ""
	group.Go(func() error {
		if totals {
			return pg.total(groupCtx, &target)
		}
		return c.target.tally(groupCtx, &target)
	})
	if err := group.Wait(); err != nil {
		return c.explain(ctx, err)
	}
	if totals && source.rows == target.rows && source.total() == target.total() {
		c.report.Read, c.report.Loaded, c.report.Verified = source.rows, target.rows, target.rows
		return nil
	}
	if totals {
		target = tally{}
		if err := pg.tally(ctx, &target); err != nil {
			return c.explain(ctx, err)
		}
	}
	differing := c.account(&source, &target)
	if len(differing) == 0 {
		return nil
	}
	return c.examine(ctx, c.choose(differing, &source, &target))
}

// explain puts an error that is about the table itself into the report, and returns any other.
func (c *tableCheck) explain(ctx context.Context, err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || ctx.Err() != nil || pgErr.Code[:2] != "42" { // no such table, column or function, or not allowed
		return err
	}
	c.report.Error = pgErr.Message
	return nil
}

// account counts the rows of both sides, and returns the buckets that differ.
func (c *tableCheck) account(source, target *tally) (differing []int) {
	c.report.Read, c.report.Loaded = source.rows, target.rows
	differing = source.differing(target)
	for i, n := range target.count {
		if !slices.Contains(differing, i) {
			c.report.Verified += n
		}
	}
	return differing
}

// choose takes as many of the differing buckets as may be compared row by row.
func (c *tableCheck) choose(differing []int, source, target *tally) map[int]bool {
	chosen, rows := map[int]bool{}, int64(0)
	for _, i := range differing {
		if rows += max(source.count[i], target.count[i]); rows > rowsExamined && len(chosen) > 0 {
			c.report.Truncated = true
			break
		}
		chosen[i] = true
	}
	return chosen
}

// pending is a row of the source that has not been found on the target yet; n counts equal rows of a keyless table.
type pending struct {
	row uint64
	n   int
}

// findings are the keys of the rows that differ, by the kind of difference, the first ones only.
type findings map[DifferenceKind][]uint64

func (f findings) add(kind DifferenceKind, key uint64) {
	if len(f[kind]) < differencesKept {
		f[kind] = append(f[kind], key)
	}
}

// examine compares the rows of some buckets one by one.
func (c *tableCheck) examine(ctx context.Context, chosen map[int]bool) error {
	waiting := map[uint64]pending{}
	err := c.source.hashes(ctx, chosen, func(key, row uint64) {
		waiting[key] = pending{row, waiting[key].n + 1}
	})
	if err != nil {
		return err
	}
	found := findings{}
	err = c.target.hashes(ctx, chosen, func(key, row uint64) { c.match(waiting, found, key, row) })
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(waiting)) {
		c.report.Differing += int64(waiting[key].n)
		found.add(Missing, key)
	}
	return c.describe(ctx, found)
}

// match takes a row of the target from those that wait for it.
func (c *tableCheck) match(waiting map[uint64]pending, found findings, key, row uint64) {
	p, ok := waiting[key]
	switch {
	case !ok:
		c.report.Differing++
		found.add(Extra, key)
		return
	case p.row != row:
		c.report.Differing++
		found.add(Changed, key)
	default:
		c.report.Verified++
	}
	if p.n--; p.n == 0 {
		delete(waiting, key)
	} else {
		waiting[key] = p
	}
}

// describe names the rows that were found, and the columns of those that changed.
func (c *tableCheck) describe(ctx context.Context, found findings) error {
	source, err := details(ctx, c.source, found[Changed], found[Missing])
	if err != nil {
		return err
	}
	target, err := details(ctx, c.target, found[Changed], found[Extra])
	if err != nil {
		return err
	}
	for _, key := range found[Changed] {
		c.changed(source[key], target[key])
	}
	for _, key := range found[Missing] {
		c.lone(Missing, source[key])
	}
	for _, key := range found[Extra] {
		c.lone(Extra, target[key])
	}
	return nil
}

// details asks a side for the rows with some keys.
func details(ctx context.Context, s side, lists ...[]uint64) (map[uint64]detail, error) {
	keys := map[uint64]bool{}
	for _, key := range slices.Concat(lists...) {
		keys[key] = true
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return s.details(ctx, keys)
}

// changed adds the columns in which two rows with the same key differ.
func (c *tableCheck) changed(source, target detail) {
	for i, column := range c.columns {
		if i < len(source.digests) && i < len(target.digests) && source.digests[i] != target.digests[i] {
			c.report.Differences = append(c.report.Differences, Difference{
				Table: c.name, Kind: Changed, Key: c.keyText(source), Column: column,
				Source: source.shown[i], Target: target.shown[i],
			})
		}
	}
}

// lone adds a row that only one side has.
func (c *tableCheck) lone(kind DifferenceKind, d detail) {
	difference := Difference{Table: c.name, Kind: kind, Key: c.keyText(d)}
	row := c.rowText(d)
	if kind == Missing {
		difference.Source = row
	} else {
		difference.Target = row
	}
	c.report.Differences = append(c.report.Differences, difference)
}

// keyText names a row by its key; one of a table without a key has no name.
func (c *tableCheck) keyText(d detail) string {
	if d.shown == nil {
		return ""
	}
	parts := make([]string, len(c.key))
	for i, at := range c.key {
		parts[i] = c.columns[at] + "=" + d.shown[at]
	}
	return strings.Join(parts, ", ")
}

func (c *tableCheck) rowText(d detail) string {
	parts := make([]string, len(d.shown))
	for i, text := range d.shown {
		parts[i] = c.columns[i] + "=" + text
	}
	return strings.Join(parts, ", ")
}
