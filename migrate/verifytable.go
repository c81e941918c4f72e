package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"
)

const (
	differencesKept = 20      // rows of each kind of difference that the report names, per table
	rowsExamined    = 200_000 // rows that are compared one by one, to bound the memory
	misfitsKept     = 10_000  // rowids of quarantined rows that are remembered for the views
)

// tableCheck compares one table.
type tableCheck struct {
	shape   *rowShape
	schema  string // of the target, or the staging schema
	src     *sqlite.Conn
	dst     *pgx.Conn
	report  *TableReport
	meter   *meter
	misfits misfitRows
}

// misfitRows are the rows of a table that the target cannot hold.
type misfitRows struct {
	count  int64
	rowids []int64 // up to misfitsKept
}

// complete reports whether all rowids are known.
func (m misfitRows) complete() bool { return int64(len(m.rowids)) == m.count }

// run compares the whole table by sums over buckets, and looks into those that differ. Where the target does not even
// have the table or its columns, the report says so.
func (c *tableCheck) run(ctx context.Context) error {
	var source, target tally
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.tallySource(groupCtx, &source) })
	group.Go(func() error { return c.tallyTarget(groupCtx, &target) })
	if err := group.Wait(); err != nil {
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || ctx.Err() != nil || pgErr.Code[:2] != "42" { // no such table, column or function
			return err
		}
		c.report.Error = pgErr.Message
		return nil
	}
	c.report.Read, c.report.Loaded = source.rows+c.misfits.count, target.rows
	differing := source.differing(&target)
	for i, n := range target.count {
		if !slices.Contains(differing, i) {
			c.report.Verified += n
		}
	}
	if len(differing) == 0 {
		return nil
	}
	return c.examine(ctx, c.choose(differing, &source, &target))
}

func (c *tableCheck) tallySource(ctx context.Context, t *tally) error {
	return c.shape.scan(ctx, c.src, func(r *sourceRow) error {
		c.meter.rows++
		if c.meter.rows&1023 == 0 {
			c.meter.tick()
		}
		if r.misfit >= 0 {
			c.misfits.count++
			if c.shape.table.RowID != "" && len(c.misfits.rowids) < misfitsKept {
				c.misfits.rowids = append(c.misfits.rowids, r.rowid)
			}
			return nil
		}
		t.add(r.key, r.row)
		return nil
	})
}

func (c *tableCheck) tallyTarget(ctx context.Context, t *tally) error {
	rows, err := c.dst.Query(ctx, tallySQL(c.schema, c.shape), pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return fmt.Errorf("sum up table %s: %w", c.shape.table.Target, err)
	}
	var bucket int
	var count int64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&bucket, &count, &text}, func() error {
		sum, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return fmt.Errorf("%q is not a sum", text)
		}
		t.set(bucket, count, sum)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum up table %s: %w", c.shape.table.Target, err)
	}
	return nil
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
	err := c.shape.scan(ctx, c.src, func(r *sourceRow) error {
		if r.misfit < 0 && chosen[int(r.key%buckets)] {
			waiting[r.key] = pending{r.row, waiting[r.key].n + 1}
		}
		return nil
	})
	if err != nil {
		return err
	}
	found := findings{}
	if err := c.match(ctx, chosen, waiting, found); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(waiting)) {
		c.report.Differing += int64(waiting[key].n)
		found.add(Missing, key)
	}
	return c.describe(ctx, found)
}

// match takes the target's rows from those that wait for them.
func (c *tableCheck) match(ctx context.Context, chosen map[int]bool, waiting map[uint64]pending, found findings) error {
	rows, err := c.dst.Query(ctx, hashesSQL(c.schema, c.shape), slices.Collect(maps.Keys(chosen)))
	if err != nil {
		return fmt.Errorf("compare rows of %s: %w", c.shape.table.Target, err)
	}
	var keyHash, rowHash int64
	_, err = pgx.ForEachRow(rows, []any{&keyHash, &rowHash}, func() error {
		key, row := uint64(keyHash), uint64(rowHash)
		p, ok := waiting[key]
		switch {
		case !ok:
			c.report.Differing++
			found.add(Extra, key)
			return nil
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
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare rows of %s: %w", c.shape.table.Target, err)
	}
	return nil
}

// detail is one row as the report shows it.
type detail struct {
	digests []string // of the canonical text of each column
	shown   []string
}

// describe names the rows that were found, and the columns of those that changed.
func (c *tableCheck) describe(ctx context.Context, found findings) error {
	source, err := c.sourceDetails(ctx, keySet(found[Changed], found[Missing]))
	if err != nil {
		return err
	}
	target, err := c.targetDetails(ctx, keySet(found[Changed], found[Extra]))
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

func keySet(lists ...[]uint64) map[uint64]bool {
	set := map[uint64]bool{}
	for _, key := range slices.Concat(lists...) {
		set[key] = true
	}
	return set
}

func (c *tableCheck) sourceDetails(ctx context.Context, keys map[uint64]bool) (map[uint64]detail, error) {
	details := map[uint64]detail{}
	if len(keys) == 0 {
		return details, nil
	}
	err := c.shape.scan(ctx, c.src, func(r *sourceRow) error {
		if r.misfit >= 0 || !keys[r.key] {
			return nil
		}
		var d detail
		for i, v := range r.values {
			d.digests = append(d.digests, digest(r.field(i)))
			d.shown = append(d.shown, displayValue(v))
		}
		details[r.key] = d
		return nil
	})
	return details, err
}

func (c *tableCheck) targetDetails(ctx context.Context, keys map[uint64]bool) (map[uint64]detail, error) {
	details := map[uint64]detail{}
	if len(keys) == 0 {
		return details, nil
	}
	wanted := make([]int64, 0, len(keys))
	for key := range keys {
		wanted = append(wanted, int64(key))
	}
	rows, err := c.dst.Query(ctx, detailsSQL(c.schema, c.shape), wanted)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", c.shape.table.Target, err)
	}
	var key int64
	n := len(c.shape.columns)
	texts := make([]string, 2*n)
	into := []any{&key}
	for i := range texts {
		into = append(into, &texts[i])
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		details[uint64(key)] = detail{digests: slices.Clone(texts[:n]), shown: slices.Clone(texts[n:])}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", c.shape.table.Target, err)
	}
	return details, nil
}

// changed adds the columns in which two rows with the same key differ.
func (c *tableCheck) changed(source, target detail) {
	for i, column := range c.shape.columns {
		if i < len(source.digests) && i < len(target.digests) && source.digests[i] != target.digests[i] {
			c.report.Differences = append(c.report.Differences, Difference{
				Table: c.shape.table.Name, Kind: Changed, Key: c.keyText(source), Column: column.Name,
				Source: source.shown[i], Target: target.shown[i],
			})
		}
	}
}

// lone adds a row that only one side has.
func (c *tableCheck) lone(kind DifferenceKind, d detail) {
	difference := Difference{Table: c.shape.table.Name, Kind: kind, Key: c.keyText(d)}
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
	if c.shape.keyless || d.shown == nil {
		return ""
	}
	parts := make([]string, len(c.shape.key))
	for i, at := range c.shape.key {
		parts[i] = c.shape.columns[at].Name + "=" + d.shown[at]
	}
	return strings.Join(parts, ", ")
}

func (c *tableCheck) rowText(d detail) string {
	parts := make([]string, len(d.shown))
	for i, text := range d.shown {
		parts[i] = c.shape.columns[i].Name + "=" + text
	}
	return strings.Join(parts, ", ")
}
