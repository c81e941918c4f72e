package migrate

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgPipe hands what one connection receives to another that sends it. It owns a fixed number of buffers, so that the
// slower side slows the other down. Unlike io.Pipe it lets both work at once, and takes the rest of a COPY in silence
// when nobody reads any more, so that the connection it comes from can be used again.
type pgPipe struct {
	done   <-chan struct{} // the migration ends: stop waiting
	broken chan struct{}   // the reader is gone
	free   chan []byte
	full   chan []byte
	err    error // of the writer; read when full is closed

	filling       []byte
	current, rest []byte
	bytes         int64
}

// A pipe has so many buffers of this size.
const (
	pgBuffers     = 4
	pgBufferBytes = 256 << 10
)

func newPgPipe(done <-chan struct{}) *pgPipe {
	p := &pgPipe{
		done: done, broken: make(chan struct{}),
		free: make(chan []byte, pgBuffers), full: make(chan []byte, pgBuffers),
	}
	for range pgBuffers - 1 {
		p.free <- nil // made when it is needed: most tables are small
	}
	return p
}

// Write implements io.Writer for the connection that receives.
func (p *pgPipe) Write(b []byte) (int, error) {
	p.bytes += int64(len(b))
	for piece := range slices.Chunk(b, pgBufferBytes) {
		if p.filling == nil {
			p.filling = make([]byte, 0, pgBufferBytes+pgBufferBytes/4)
		}
		p.filling = append(p.filling, piece...)
		if len(p.filling) >= pgBufferBytes {
			if err := p.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(b), nil
}

// flush hands the buffer over and takes an empty one.
func (p *pgPipe) flush() error {
	select {
	case p.full <- p.filling:
	case <-p.broken:
		p.filling = p.filling[:0]
		return nil
	case <-p.done:
		return context.Canceled
	}
	select {
	case b := <-p.free:
		p.filling = b[:0]
	case <-p.broken:
		p.filling = nil
	case <-p.done:
		return context.Canceled
	}
	return nil
}

// close ends the stream; the reader ends with err, unless it is nil.
func (p *pgPipe) close(err error) {
	p.err = err
	if err == nil && len(p.filling) > 0 {
		p.err = p.flush()
	}
	close(p.full)
}

// abandon tells the writer that nobody reads any more.
func (p *pgPipe) abandon() { close(p.broken) }

// Read implements io.Reader for the connection that sends.
func (p *pgPipe) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.current != nil {
			p.free <- p.current // never blocks: there are as many places as buffers
			p.current = nil
		}
		select {
		case chunk, ok := <-p.full:
			if !ok && p.err != nil {
				return 0, p.err
			}
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

// pgProgress tells of what is on its way.
type pgProgress struct {
	*pgPipe
	table *pgLoading
	from  *pgx.Conn
	rows  int64 // of the session until the last time
	sent  int64 // since then
}

func (p *pgProgress) Write(b []byte) (int, error) {
	if p.sent += int64(len(b)); p.sent >= 4*pgBufferBytes {
		rows := pgCopiedRows(p.from)
		p.table.progress(rows-p.rows, p.sent)
		p.rows, p.sent = rows, 0
	}
	return p.pgPipe.Write(b)
}

// pgErrorOf returns PostgreSQL's error in a chain, or nil.
func pgErrorOf(err error) *pgconn.PgError {
	e, _ := errors.AsType[*pgconn.PgError](err)
	return e
}
