package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"
)

// A chunk is what one transaction loads: chunkBytes of COPY data, the rows among them that went to the quarantine, and
// the mark up to where the table has been read. A run that is killed loses at most the chunks that it was at.
// The first chunk of a table may be larger, because only rows that the transaction which creates their table writes can
// be frozen: they need not be written again when they are first read, and indexes alone answer for their keys.
// rejectBytes ends a chunk early, because rejected rows are held in memory until it is written.
const (
	chunkBytes  = 64 << 20
	frozenBytes = 512 << 20
	rejectBytes = 4 << 20
)

// copyHeader begins a binary COPY: signature, no flags, no extension. copyTrailer ends it.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// addLoad adds the jobs that copy the tables, the largest first, and returns those of each table.
func (m *migration) addLoad(ctx context.Context, w *jobs) (map[string][]*job, error) {
	l := &loader{snapshot: m.snapshot, stage: m.stage, journal: &m.journal, chunk: m.chunk, tables: map[string]*tableLoad{}}
	segments, err := l.segments(ctx, m.plan.Tables, m.Jobs)
	if err != nil {
		return nil, err
	}
	loads := map[string][]*job{}
	end := &job{do: func(context.Context, *pgx.Conn) error { return m.loaded(l) }}
	for _, s := range segments {
		name := s.table.Name
		j := w.add(&job{size: float64(s.table.weight()), do: func(ctx context.Context, conn *pgx.Conn) error { return l.segment(ctx, conn, s) }})
		loads[name] = append(loads[name], j)
		end.follow(j)
	}
	w.add(end)
	return loads, nil
}

// loaded reports what has been loaded.
func (m *migration) loaded(l *loader) error {
	for _, t := range m.plan.Tables {
		done, r := l.tables[t.Name], m.report.table(t)
		r.Read, r.Loaded, r.Quarantined, r.Bytes = done.rows+done.quarantined, done.rows, done.quarantined, done.bytes
		m.rejected += done.quarantined + done.changed
	}
	if m.Strict && m.rejected > 0 {
		return strictError(m.rejected, "their tables")
	}
	m.journal.begin("index", "build keys, indexes, constraints and views")
	return nil
}

// workers is the target as the migration's workers connect to it.
func (m *migration) workers() Target { return worker{m.target, m.stage} }

// loader copies tables from a snapshot into the staging schema.
type loader struct {
	snapshot *snapshot
	stage    *stage
	journal  *journal
	chunk    int64                 // bytes of a chunk in tests
	tables   map[string]*tableLoad // by name
}

// segment copies what is left of one segment. A reader encodes its rows while the connection sends and commits the ones
// before.
func (l *loader) segment(ctx context.Context, dst *pgx.Conn, s *segment) error {
	src, err := l.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it was only read
	var aside *asideCursor
	if s.table.setsAside() {
		if err := attachAside(src, l.snapshot.aside()); err != nil {
			return err
		}
		if aside, err = openCursor(src, s); err != nil {
			return err
		}
		defer aside.close()
	}
	encoder, err := newRowEncoder(s.table)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	r := &chunkReader{
		loader: l, segment: s, encoder: encoder, load: l.tables[s.table.Name], chunks: make(chan *chunk, 1),
		setsAside: s.table.setsAside(), aside: aside, spill: spill{folder: l.snapshot.folder},
	}
	defer r.spill.close() // when nobody reads or writes any more
	if r.limit = cmp.Or(l.chunk, chunkBytes); !s.created {
		r.limit = cmp.Or(l.chunk, frozenBytes)
	}
	group.Go(func() error {
		defer close(r.chunks)
		return r.read(ctx, src)
	})
	group.Go(func() error {
		for c := range r.chunks {
			if err := l.write(ctx, dst, s, c); err != nil {
				return err
			}
			l.tables[s.table.Name].loaded(c)
		}
		return context.Cause(ctx)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	l.tables[s.table.Name].finished()
	return nil
}

// chunk is a part of a segment on its way to the target. Its counters are complete when the pipe has ended.
type chunk struct {
	pipe    *blockPipe
	rows    int64 // in the pipe
	bytes   int64
	rejects []reject
	spilled []spilledValue
	size    int64 // bytes of the rejects
	changed int64 // values of rows in the pipe whose originals are among the rejects
	last    bool  // the segment has no more rows
	limit   int64 // bytes at which it ends
}

// quarantined returns how many of the rows are not in the pipe.
func (c *chunk) quarantined() int64 { return int64(len(c.rejects)) - c.changed }

// read returns how many rows of the segment the chunk covers.
func (c *chunk) read() int64 { return c.rows + c.quarantined() }

// chunkReader reads one segment and cuts it into chunks.
type chunkReader struct {
	*loader
	segment *segment
	encoder *rowEncoder
	load    *tableLoad
	chunks  chan *chunk
	current *chunk
	block   []byte
	limit   int64 // of the next chunk
	spill   spill

	setsAside bool         // orphan policies move rows
	aside     *asideCursor // of these, where the table has rowids
}

// spillInto hands the large values of a rejected row to its chunk.
func (r *chunkReader) spillInto(c *chunk) error {
	values, bytes, err := r.spill.take()
	c.spilled, c.size = append(c.spilled, values...), c.size+bytes
	return err
}

// read encodes the rows of the segment.
func (r *chunkReader) read(ctx context.Context, src *sqlite.Conn) error {
	s := r.segment
	stored := s.stored(r.snapshot.path)
	err := stored.read(ctx, src, func(row []value) error {
		if r.current == nil {
			if err := r.begin(ctx); err != nil {
				return err
			}
		}
		return r.row(ctx, row)
	})
	if err != nil {
		return fmt.Errorf("read table %s: %w", s.table.Name, err)
	}
	if r.current == nil {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	r.current.last = true
	return r.end(ctx)
}

// begin hands over a new chunk, to be filled while it is sent.
func (r *chunkReader) begin(ctx context.Context) error {
	r.current = &chunk{pipe: newBlockPipe(ctx.Done()), limit: r.limit}
	r.limit = cmp.Or(r.chunk, chunkBytes)
	select {
	case r.chunks <- r.current:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.block = append(r.current.pipe.buffer(), copyHeader...)
	return nil
}

// end closes the current chunk.
func (r *chunkReader) end(ctx context.Context) error {
	c := r.current
	r.current = nil
	block := append(r.block, copyTrailer...)
	c.bytes += int64(len(block))
	return c.pipe.finish(ctx, block)
}

// row adds one row, to the rows, to the rejects, or, where it is not stored as it was, to both.
func (r *chunkReader) row(ctx context.Context, row []value) (err error) {
	c, start, stored := r.current, len(r.block), true
	if r.setsAside {
		stored, err = r.orphaned(row)
	} else {
		var misfits []misfit
		if r.block, misfits = r.encoder.append(r.block, row); misfits != nil {
			stored, err = r.reject(row, misfits)
		}
	}
	if err = cmp.Or(r.encoder.err, err); err != nil {
		return err
	}
	if stored {
		c.rows++
		if len(r.encoder.splices) > 0 {
			if err := r.spliced(ctx, start); err != nil {
				return err
			}
		}
	}
	if len(r.block) >= blockBytes {
		if err := r.send(ctx); err != nil {
			return err
		}
	}
	if c.bytes >= c.limit || c.size >= rejectBytes {
		return r.end(ctx)
	}
	return nil
}

// orphaned adds a row of a table whose orphans a policy moves, and reports whether it is stored.
func (r *chunkReader) orphaned(row []value) (stored bool, err error) {
	row, orphan, err := r.orphan(row)
	if err != nil {
		return false, err
	}
	if orphan.gone {
		return r.reject(row, orphan.misfits)
	}
	var misfits []misfit
	r.block, misfits = r.encoder.append(r.block, orphan.without(row))
	if misfits != nil && misfits[0].did == ActionQuarantined {
		return r.reject(row, misfits)
	}
	return r.reject(row, append(orphan.misfits, misfits...))
}

// reject keeps what becomes of a row otherwise than it was, and reports whether the row is stored.
func (r *chunkReader) reject(row []value, misfits []misfit) (stored bool, err error) {
	c, stored := r.current, true
	var first reject
	for i, m := range misfits {
		if i == 0 {
			first = newReject(r.segment.table, r.encoder.columns, row, m, &r.spill)
			if err := r.spillInto(c); err != nil {
				return false, err
			}
		}
		reject := first
		reject.misfit = m
		c.rejects, c.size = append(c.rejects, reject), c.size+int64(len(reject.row))
		r.load.warn(reject)
		switch m.did {
		case actionFailed:
			return false, failedError(reject.table, m.column, string(reject.key)+": "+m.reason, 1)
		case ActionQuarantined:
			stored = false
		default:
			c.changed++
		}
	}
	return stored, nil
}

// send hands the block over and begins another.
func (r *chunkReader) send(ctx context.Context) error {
	r.current.bytes += int64(len(r.block))
	if err := r.current.pipe.send(ctx, &r.block); err != nil {
		return err
	}
	r.load.tick(r.current)
	return nil
}

// spliced sends a row with its large values, which begins at start in the block.
func (r *chunkReader) spliced(ctx context.Context, start int) error {
	row := slices.Clone(r.block[start:])
	r.block = r.block[:start]
	add := func(piece []byte) error {
		if len(r.block)+len(piece) > blockBytes && len(r.block) > 0 {
			if err := r.send(ctx); err != nil {
				return err
			}
		}
		r.block = append(r.block, piece...)
		return nil
	}
	from := 0
	for _, s := range r.encoder.splices {
		to := s.at - start
		if err := errors.Join(add(row[from:to]), s.large.pieces(add)); err != nil {
			return err
		}
		from = to
	}
	return add(row[from:])
}

// write loads one chunk in one transaction. The chunk that creates its table is written frozen: no later vacuum has to
// visit its rows.
func (l *loader) write(ctx context.Context, dst *pgx.Conn, s *segment, c *chunk) error {
	t := s.table
	tx, err := dst.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin to load %s: %w", t.Name, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // without effect after the commit
	if !s.created {
		if _, err := tx.Exec(ctx, stagedTable(l.stage.name, t)); err != nil {
			return fmt.Errorf("create table %s: %w", t.Target, err)
		}
	}
	tag, err := dst.PgConn().CopyFrom(ctx, c.pipe, copyStatement(l.stage.name, t, !s.created))
	if err != nil {
		return fmt.Errorf("copy into %s: %w", t.Target, err)
	}
	if tag.RowsAffected() != c.rows {
		return fmt.Errorf("copy into %s: sent %d rows, PostgreSQL stored %d", t.Target, c.rows, tag.RowsAffected())
	}
	if err := writeRejects(ctx, dst, l.stage, c.rejects); err != nil {
		return err
	}
	if err := writeSpilled(ctx, dst, l.stage, c.spilled); err != nil {
		return err
	}
	if err := s.mark(ctx, tx, l.stage.name, c); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit %s: %w", t.Target, err)
	}
	s.created, s.read = true, s.read+c.read()
	return nil
}

// copyStatement returns the COPY that takes the loaded columns of t.
func copyStatement(stage string, t Table, freeze bool) string {
	var names []string
	for _, c := range loadColumns(t) {
		names = append(names, c.Target)
	}
	options := "FORMAT binary"
	if freeze {
		options += ", FREEZE"
	}
	return "COPY " + qualified(stage, t.Target) + " " + nameList(names) + " FROM STDIN (" + options + ")"
}
