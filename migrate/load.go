package migrate

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"
)

// A chunk of COPY data is sent when it is this long; chunksInFlight of them exist for each table that is being loaded.
const (
	chunkBytes     = 256 << 10
	chunksInFlight = 4
)

// copyHeader begins a binary COPY: signature, no flags, no extension. copyTrailer ends it.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// loader copies tables from a snapshot into the staging schema.
type loader struct {
	snapshot *snapshot
	stage    string
	journal  *journal
	rejects  chan<- reject // rows that the target cannot hold
}

// loaded is what a load did with one table.
type loaded struct {
	rows, quarantined, bytes int64
}

// table creates one table and fills it, in one transaction, so that its rows can be written frozen: no later vacuum has
// to visit them. A reader fills chunks while the connection sends the ones before.
func (l *loader) table(ctx context.Context, dst *pgx.Conn, t Table) (loaded, error) {
	src, err := l.snapshot.open()
	if err != nil {
		return loaded{}, err
	}
	defer func() { _ = src.Close() }() // it was only read
	tx, err := dst.Begin(ctx)
	if err != nil {
		return loaded{}, fmt.Errorf("begin to load %s: %w", t.Name, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // without effect after the commit
	if _, err := tx.Exec(ctx, createTable(l.stage, t)); err != nil {
		return loaded{}, fmt.Errorf("create table %s: %w", t.Target, err)
	}
	done, err := l.rows(ctx, src, dst, t)
	if err != nil {
		return loaded{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return loaded{}, fmt.Errorf("commit %s: %w", t.Target, err)
	}
	return done, nil
}

// rows copies the rows of t.
func (l *loader) rows(ctx context.Context, src *sqlite.Conn, dst *pgx.Conn, t Table) (loaded, error) {
	group, ctx := errgroup.WithContext(ctx)
	pipe := newChunkPipe(ctx.Done())
	var done loaded
	group.Go(func() (err error) {
		done, err = l.encode(ctx, src, t, pipe)
		return err
	})
	var accepted int64
	group.Go(func() error {
		tag, err := dst.PgConn().CopyFrom(ctx, pipe, copyStatement(l.stage, t))
		accepted = tag.RowsAffected()
		if err != nil {
			return fmt.Errorf("copy into %s: %w", t.Target, err)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return loaded{}, err
	}
	if accepted != done.rows {
		return loaded{}, fmt.Errorf("copy into %s: sent %d rows, PostgreSQL stored %d", t.Target, done.rows, accepted)
	}
	return done, nil
}

// copyStatement returns the COPY that takes the loaded columns of t.
func copyStatement(stage string, t Table) string {
	var names []string
	for _, c := range loadColumns(t) {
		names = append(names, c.Target)
	}
	return "COPY " + qualified(stage, t.Target) + " " + nameList(names) + " FROM STDIN (FORMAT binary, FREEZE)"
}

// encode reads t and writes it to pipe as binary COPY. Rows that the target cannot hold go to l.rejects.
func (l *loader) encode(ctx context.Context, src *sqlite.Conn, t Table, pipe *chunkPipe) (loaded, error) {
	encoder, err := newRowEncoder(t)
	if err != nil {
		return loaded{}, err
	}
	var done loaded
	meter := l.journal.meter(t.Name, t.Rows)
	chunk := append(pipe.buffer(), copyHeader...)
	err = readRows(ctx, src, selectRows(t), func(row []value) error {
		var misfit *misfit
		if chunk, misfit = encoder.append(chunk, row); misfit != nil {
			done.quarantined++
			return l.reject(ctx, newReject(t, encoder.columns, row, *misfit), done.quarantined)
		}
		done.rows++
		if len(chunk) < chunkBytes {
			return nil
		}
		done.bytes += int64(len(chunk))
		meter.rows, meter.bytes = done.rows+done.quarantined, done.bytes
		meter.tick()
		return pipe.send(ctx, &chunk)
	})
	if err != nil {
		return done, fmt.Errorf("read table %s: %w", t.Name, err)
	}
	chunk = append(chunk, copyTrailer...)
	done.bytes += int64(len(chunk))
	if err := pipe.finish(ctx, chunk); err != nil {
		return done, err
	}
	if done.quarantined > quarantineKept {
		l.journal.warn(t.Name, fmt.Sprintf("quarantined %d rows in all", done.quarantined))
	}
	meter.rows, meter.bytes = done.rows+done.quarantined, done.bytes
	meter.done()
	return done, nil
}

// reject hands the nth misfit of a table to the quarantine. Only the first ones are worth a warning each.
func (l *loader) reject(ctx context.Context, r reject, nth int64) error {
	if nth <= quarantineKept {
		l.journal.warn(r.table, r.String())
	}
	select {
	case l.rejects <- r:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rowEncoder encodes whole rows.
type rowEncoder struct {
	columns []Column
	encode  []encodeFunc
	notNull []bool
}

// misfit is why a row cannot be held.
type misfit struct {
	column string
	reason string
}

func newRowEncoder(t Table) (*rowEncoder, error) {
	e := &rowEncoder{columns: loadColumns(t)}
	for _, c := range e.columns {
		encode, err := newEncoder(c)
		if err != nil {
			return nil, fmt.Errorf("encode column %s.%s: %w", t.Name, c.Name, err)
		}
		e.encode = append(e.encode, encode)
		e.notNull = append(e.notNull, c.NotNull || t.inPrimaryKey(c.Target))
	}
	return e, nil
}

// append appends one row as a tuple of binary COPY, or returns dst as it was and why the row does not fit.
func (e *rowEncoder) append(dst []byte, row []value) ([]byte, *misfit) {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.columns))) // a table has at most 1600 columns
	for i, encode := range e.encode {
		field := len(dst)
		var reason string
		if dst, reason = encode(dst, row[i]); reason == "" && e.notNull[i] && isNull(dst[field:]) {
			reason = "NULL in a column that must not be NULL"
		}
		if reason != "" {
			return dst[:start], &misfit{column: e.columns[i].Name, reason: reason}
		}
	}
	return dst, nil
}

// isNull reports whether a field of binary COPY is NULL: its length is -1.
func isNull(field []byte) bool { return int32(binary.BigEndian.Uint32(field)) < 0 }

// inPrimaryKey reports whether a column is part of the primary key.
func (t *Table) inPrimaryKey(target string) bool {
	return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, target)
}

// chunkPipe is an io.Reader over chunks that another goroutine fills. It owns a fixed number of buffers, so that a slow
// target slows the reader down instead of filling the memory.
type chunkPipe struct {
	done    <-chan struct{} // the load has ended: stop waiting
	free    chan []byte
	full    chan []byte
	current []byte
	rest    []byte
}

func newChunkPipe(done <-chan struct{}) *chunkPipe {
	p := &chunkPipe{done: done, free: make(chan []byte, chunksInFlight), full: make(chan []byte, chunksInFlight)}
	for range chunksInFlight {
		p.free <- nil // made when it is needed: most tables are small
	}
	return p
}

// buffer returns the first buffer to fill.
func (p *chunkPipe) buffer() []byte { return grown(<-p.free) }

// grown returns an empty buffer of the usual size.
func grown(b []byte) []byte {
	if cap(b) == 0 {
		return make([]byte, 0, chunkBytes+chunkBytes/4)
	}
	return b[:0]
}

// send hands a full buffer over and replaces it by an empty one.
func (p *chunkPipe) send(ctx context.Context, chunk *[]byte) error {
	if cap(*chunk) > 4*chunkBytes {
		err := p.sendPieces(ctx, *chunk)
		*chunk = grown(nil) // the large one is left to the collector
		return err
	}
	if err := p.push(ctx, *chunk); err != nil {
		return err
	}
	var err error
	*chunk, err = p.take(ctx)
	return err
}

// sendPieces hands over a buffer that a large value has blown up, in pieces of the usual size: the connection must not
// hold several of its kind.
func (p *chunkPipe) sendPieces(ctx context.Context, large []byte) error {
	for piece := range slices.Chunk(large, chunkBytes) {
		b, err := p.take(ctx)
		if err != nil {
			return err
		}
		if err := p.push(ctx, append(b, piece...)); err != nil {
			return err
		}
	}
	return nil
}

// finish hands the last buffer over.
func (p *chunkPipe) finish(ctx context.Context, chunk []byte) error {
	defer close(p.full)
	return p.send(ctx, &chunk)
}

func (p *chunkPipe) push(ctx context.Context, chunk []byte) error {
	select {
	case p.full <- chunk:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *chunkPipe) take(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.free:
		return grown(b), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Read implements io.Reader for the connection.
func (p *chunkPipe) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.current != nil {
			p.free <- p.current // never blocks: there are as many places as buffers
			p.current = nil
		}
		select {
		case chunk, ok := <-p.full:
			if !ok {
				return 0, io.EOF
			}
			p.current, p.rest = chunk, chunk
		case <-p.done:
			return 0, context.Canceled
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
