package migrate

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// misfitsKept is how many rowids of a table's quarantined rows, and how many of its changed values, are remembered for the
// views.
const misfitsKept = 10_000

// misfitRows are the rows of a table that the target does not hold as they are.
type misfitRows struct {
	handled handled
	count   int64   // of those that it does not hold at all
	rowids  []int64 // of them, up to misfitsKept

	changes int64          // values that are others on the target
	changed []changedValue // of them, up to misfitsKept
}

// changedValue is a change of one row.
type changedValue struct {
	change
	rowid int64
}

// any reports whether the target holds any row in another way than the source.
func (m misfitRows) any() bool { return m.count+m.changes > 0 }

// complete reports whether all of them are known.
func (m misfitRows) complete() bool {
	return int64(len(m.rowids)) == m.count && int64(len(m.changed)) == m.changes
}

// add takes what one row has to tell.
func (m *misfitRows) add(s *rowShape, r *sourceRow) {
	m.handled.note(s, r)
	known := s.table.RowID != ""
	if r.misfit >= 0 {
		if m.count++; known && len(m.rowids) < misfitsKept {
			m.rowids = append(m.rowids, r.rowid)
		}
		return
	}
	for _, c := range r.changed {
		if m.changes++; known && len(m.changed) < misfitsKept && len(c.to.b) <= sampleBytes {
			c.to.b = bytes.Clone(c.to.b)
			m.changed = append(m.changed, changedValue{c, r.rowid})
		}
	}
}

// sqliteSide is a table of the snapshot. Rows that the target cannot hold are counted and left out.
type sqliteSide struct {
	shape   *rowShape
	conn    *sqlite.Conn
	meter   *meter
	misfits misfitRows
}

func (s *sqliteSide) tally(ctx context.Context, t *tally) error {
	return s.shape.scan(ctx, s.conn, func(r *sourceRow) error {
		s.meter.rows++
		if s.meter.rows&1023 == 0 {
			s.meter.tick()
		}
		if s.misfits.add(s.shape, r); r.misfit >= 0 {
			return nil
		}
		t.add(r.key, r.row)
		return nil
	})
}

func (s *sqliteSide) hashes(ctx context.Context, chosen map[int]bool, fn func(key, row uint64)) error {
	return s.shape.scan(ctx, s.conn, func(r *sourceRow) error {
		if r.misfit < 0 && chosen[int(r.key%buckets)] {
			fn(r.key, r.row)
		}
		return nil
	})
}

func (s *sqliteSide) details(ctx context.Context, keys map[uint64]bool) (map[uint64]detail, error) {
	found := map[uint64]detail{}
	err := s.shape.scan(ctx, s.conn, func(r *sourceRow) error {
		if r.misfit >= 0 || !keys[r.key] {
			return nil
		}
		var d detail
		for i, v := range r.values {
			d.digests = append(d.digests, s.shape.digest(r, i))
			d.shown = append(d.shown, displayValue(v))
		}
		for _, changed := range r.changed {
			d.shown[changed.column] = displayValue(changed.to)
		}
		found[r.key] = d
		return nil
	})
	return found, err
}

// pgSide is a table of a PostgreSQL, which computes the hashes.
type pgSide struct {
	conn *pgx.Conn
	name string // for errors
	sql  sideSQL
}

// detailColumns is for how many columns the details are columns too. PostgreSQL has no room for more, and they are one
// array.
const detailColumns = 800

// sideSQL are the queries over one table of a PostgreSQL.
type sideSQL struct {
	total   string // as tally, in one bucket; may be empty
	tally   string // bucket, number of rows, sum of their hashes
	hashes  string // hashes of key and row, for the rows in the buckets $1
	details string // hash of the key, a digest and a short form of every column, for the hashes of keys in $1
	columns int
}

// total sums up all rows as one bucket.
func (s *pgSide) total(ctx context.Context, t *tally) error { return s.sum(ctx, s.sql.total, t) }

func (s *pgSide) tally(ctx context.Context, t *tally) error { return s.sum(ctx, s.sql.tally, t) }

func (s *pgSide) sum(ctx context.Context, sql string, t *tally) error {
	rows, err := s.conn.Query(ctx, sql, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return fmt.Errorf("sum up table %s: %w", s.name, err)
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
		return fmt.Errorf("sum up table %s: %w", s.name, err)
	}
	return nil
}

func (s *pgSide) hashes(ctx context.Context, chosen map[int]bool, fn func(key, row uint64)) error {
	rows, err := s.conn.Query(ctx, s.sql.hashes, slices.Collect(maps.Keys(chosen)))
	if err != nil {
		return fmt.Errorf("compare rows of %s: %w", s.name, err)
	}
	var key, row int64
	_, err = pgx.ForEachRow(rows, []any{&key, &row}, func() error {
		fn(uint64(key), uint64(row))
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare rows of %s: %w", s.name, err)
	}
	return nil
}

func (s *pgSide) details(ctx context.Context, keys map[uint64]bool) (map[uint64]detail, error) {
	wanted := make([]int64, 0, len(keys))
	for key := range keys {
		wanted = append(wanted, int64(key))
	}
	rows, err := s.conn.Query(ctx, s.sql.details, wanted)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", s.name, err)
	}
	var key int64
	n := s.sql.columns
	texts := make([]string, 2*n)
	into := []any{&key}
	if n > detailColumns {
		into = append(into, &texts)
	} else {
		for i := range texts {
			into = append(into, &texts[i])
		}
	}
	found := map[uint64]detail{}
	_, err = pgx.ForEachRow(rows, into, func() error {
		found[uint64(key)] = detail{digests: slices.Clone(texts[:n]), shown: slices.Clone(texts[n:])}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", s.name, err)
	}
	return found, nil
}
