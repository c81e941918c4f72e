package migrate

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// misfitsKept is how many rowids of a table's quarantined rows are remembered for the views.
const misfitsKept = 10_000

// misfitRows are the rows of a table that the target cannot hold.
type misfitRows struct {
	count  int64
	rowids []int64 // up to misfitsKept
}

// complete reports whether all rowids are known.
func (m misfitRows) complete() bool { return int64(len(m.rowids)) == m.count }

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
		if r.misfit >= 0 {
			s.misfits.count++
			if s.shape.table.RowID != "" && len(s.misfits.rowids) < misfitsKept {
				s.misfits.rowids = append(s.misfits.rowids, r.rowid)
			}
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
			d.digests = append(d.digests, digest(r.field(i)))
			d.shown = append(d.shown, displayValue(v))
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

// sideSQL are the queries over one table of a PostgreSQL.
type sideSQL struct {
	tally   string // bucket, number of rows, sum of their hashes
	hashes  string // hashes of key and row, for the rows in the buckets $1
	details string // hash of the key, a digest and a short form of every column, for the hashes of keys in $1
	columns int
}

func (s *pgSide) tally(ctx context.Context, t *tally) error {
	rows, err := s.conn.Query(ctx, s.sql.tally, pgx.QueryResultFormats{pgx.TextFormatCode})
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
	for i := range texts {
		into = append(into, &texts[i])
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
