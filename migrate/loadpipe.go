package migrate

import (
	"context"
	"io"
	"slices"
)

// A block of COPY data is sent when it is this long; blocksInFlight of them exist for each chunk that is being loaded.
const (
	blockBytes     = 256 << 10
	blocksInFlight = 4
)

// blockPipe is an io.Reader over blocks that another goroutine fills. It owns a fixed number of buffers, so that a slow
// target slows the reader down instead of filling the memory.
type blockPipe struct {
	done    <-chan struct{} // the load has ended: stop waiting
	free    chan []byte
	full    chan []byte
	current []byte
	rest    []byte
}

func newBlockPipe(done <-chan struct{}) *blockPipe {
	p := &blockPipe{done: done, free: make(chan []byte, blocksInFlight), full: make(chan []byte, blocksInFlight)}
	for range blocksInFlight {
		p.free <- nil // made when it is needed: most tables are small
	}
	return p
}

// buffer returns the first buffer to fill.
func (p *blockPipe) buffer() []byte { return grown(<-p.free) }

// grown returns an empty buffer of the usual size.
func grown(b []byte) []byte {
	if cap(b) == 0 {
		return make([]byte, 0, blockBytes+blockBytes/4)
	}
	return b[:0]
}

// send hands a full buffer over and replaces it by an empty one.
func (p *blockPipe) send(ctx context.Context, block *[]byte) error {
	if cap(*block) > 4*blockBytes {
		err := p.sendPieces(ctx, *block)
		*block = grown(nil) // the large one is left to the collector
		return err
	}
	if err := p.push(ctx, *block); err != nil {
		return err
	}
	var err error
	*block, err = p.take(ctx)
	return err
}

// sendPieces hands over a buffer that a large value has blown up, in pieces of the usual size: the connection must not
// hold several of its kind.
func (p *blockPipe) sendPieces(ctx context.Context, large []byte) error {
	for piece := range slices.Chunk(large, blockBytes) {
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
func (p *blockPipe) finish(ctx context.Context, block []byte) error {
	defer close(p.full)
	if cap(block) > 4*blockBytes {
		return p.sendPieces(ctx, block)
	}
	return p.push(ctx, block)
}

func (p *blockPipe) push(ctx context.Context, block []byte) error {
	select {
	case p.full <- block:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *blockPipe) take(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.free:
		return grown(b), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Read implements io.Reader for the connection.
func (p *blockPipe) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.current != nil {
			p.free <- p.current // never blocks: there are as many places as buffers
			p.current = nil
		}
		select {
		case block, ok := <-p.full:
			if !ok {
				return 0, io.EOF
			}
			p.current, p.rest = block, block
		case <-p.done:
			return 0, context.Canceled
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
