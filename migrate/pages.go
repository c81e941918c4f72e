package migrate

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"zombiezen.com/go/sqlite"
)

// The rows of large tables are read straight from the pages of the snapshot, several times as fast as through SQLite's
// virtual machine, and without ever holding a large value. The format is frozen: sqlite.org/fileformat2.html. Only a
// file at rest can be read so, and only tables whose rows need no computing; see newPageTable. The verification reads
// through SQLite, so that a mistake made here shows there.

// pageFile is a SQLite database at rest. It is for one goroutine.
type pageFile struct {
	file   *os.File
	size   int    // of a page
	usable int    // of that, what cells may use
	pages  uint32 // in the file

	ahead  []byte // the pages from first on, read at once
	first  uint32
	count  uint32
	window uint32 // how many are read next
}

const (
	pageHeader   = 100       // bytes of the file's own header
	readAhead    = 256 << 10 // bytes read at once where pages follow each other
	deepestTree  = 40
	interiorPage = 0x05
	leafPage     = 0x0d
)

// openPages opens the SQLite database at path. Nobody may write to it.
func openPages(path string) (_ *pageFile, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	var head [pageHeader]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	f := &pageFile{file: file, size: int(binary.BigEndian.Uint16(head[16:])), window: 1}
	if f.size == 1 {
		f.size = 65536
	}
	f.usable = f.size - int(head[20])
	if f.size < 512 || f.usable < 480 {
		return nil, corrupt("pages of %d bytes", f.size)
	}
	f.pages = uint32(min(info.Size()/int64(f.size), math.MaxUint32))
	f.ahead = make([]byte, max(readAhead, f.size))
	return f, nil
}

func (f *pageFile) close() { f.file.Close() }

// corrupt is the error of a file that breaks the format.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), sqlite.ResultCorrupt.ToError())
}

// page returns a page, valid until the next call. Pages that follow each other are read more and more at a time.
func (f *pageFile) page(n uint32) ([]byte, error) {
	if at := n - f.first; n < f.first || at >= f.count {
		if n < 2 || n > f.pages { // no table begins on the first page
			return nil, corrupt("page %d of %d", n, f.pages)
		}
		f.window = min(2*f.window, uint32(len(f.ahead)/f.size))
		if n != f.first+f.count {
			f.window = 1
		}
		f.first, f.count = n, min(f.window, f.pages-n+1)
		length := int(f.count) * f.size
		if _, err := f.file.ReadAt(f.ahead[:length], int64(n-1)*int64(f.size)); err != nil && err != io.EOF {
			f.count = 0
			return nil, fmt.Errorf("read page %d: %w", n, err)
		}
	}
	at := int(n-f.first) * f.size
	return f.ahead[at : at+f.size], nil
}

// treeReader walks the rows of one table in the order of their rowids.
type treeReader struct {
	file  *pageFile
	low   int64 // the range of rowids, both included
	high  int64
	left  uint32 // pages that may still be read: a page that is met twice is damage
	leaf  []byte
	inner [][]byte // a copy of the inner page at each depth
	fn    func(rowid int64, p payload) error
}

// payload is the stored form of a row: its first bytes, and the page where the others begin.
type payload struct {
	size     int64
	local    []byte
	place    int64 // of the first bytes in the file
	overflow uint32
}

// walk hands the rows of the tree below root to fn, whose payload is valid during the call only.
func (r *treeReader) walk(ctx context.Context, root uint32) error {
	r.left = r.file.pages
	return r.tree(ctx, root, 0)
}

func (r *treeReader) tree(ctx context.Context, n uint32, depth int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if depth > deepestTree || r.left == 0 {
		return corrupt("page %d is part of itself", n)
	}
	r.left--
	page, err := r.file.page(n)
	if err != nil {
		return err
	}
	switch page[0] {
	case leafPage:
		r.leaf = append(r.leaf[:0], page...) // what overflows is read from other pages meanwhile
		return r.rows(n)
	case interiorPage:
		if depth == len(r.inner) {
			r.inner = append(r.inner, nil)
		}
		r.inner[depth] = append(r.inner[depth][:0], page...)
		return r.children(ctx, n, depth)
	}
	return corrupt("page %d is of type %d", n, page[0])
}

// children walks the pages below an inner page that can hold rows of the range. A cell's key is the highest rowid below
// it.
func (r *treeReader) children(ctx context.Context, n uint32, depth int) error {
	page := r.inner[depth]
	for i := range int(binary.BigEndian.Uint16(page[3:])) {
		at, err := cellAt(page, 12, i)
		if err != nil {
			return corrupt("page %d: %v", n, err)
		}
		key, length := varint(page[min(at+4, len(page)):])
		if at+4 > len(page) || length == 0 {
			return corrupt("page %d: cell %d is cut off", n, i)
		}
		if int64(key) >= r.low {
			if err := r.tree(ctx, binary.BigEndian.Uint32(page[at:]), depth+1); err != nil {
				return err
			}
		}
		if int64(key) >= r.high {
			return nil
		}
	}
	return r.tree(ctx, binary.BigEndian.Uint32(page[8:]), depth+1)
}

// cellAt returns where the ith cell of a page begins.
func cellAt(page []byte, header, i int) (int, error) {
	pointer := header + 2*i
	if pointer+2 > len(page) {
		return 0, fmt.Errorf("it has no cell %d", i)
	}
	at := int(binary.BigEndian.Uint16(page[pointer:]))
	if at < header || at >= len(page) {
		return 0, fmt.Errorf("cell %d begins at %d", i, at)
	}
	return at, nil
}

// rows hands over the rows of the current leaf.
func (r *treeReader) rows(n uint32) error {
	for i := range int(binary.BigEndian.Uint16(r.leaf[3:])) {
		at, err := cellAt(r.leaf, 8, i)
		if err != nil {
			return corrupt("page %d: %v", n, err)
		}
		cell := r.leaf[at:]
		size, length := varint(cell)
		id, more := varint(cell[length:])
		rowid := int64(id)
		if length == 0 || more == 0 {
			return corrupt("page %d: cell %d is cut off", n, i)
		}
		if rowid < r.low || rowid > r.high {
			continue
		}
		p, ok := r.file.payload(cell[length+more:], size)
		if !ok {
			return corrupt("page %d: cell %d is cut off", n, i)
		}
		p.place = int64(n-1)*int64(r.file.size) + int64(at+length+more)
		if err := r.fn(rowid, p); err != nil {
			return err
		}
	}
	return nil
}

// payload splits the payload of a table's cell into what is on the page and what overflows.
func (f *pageFile) payload(cell []byte, size uint64) (payload, bool) {
	if size > uint64(f.pages)*uint64(f.size) {
		return payload{}, false
	}
	p, local := payload{size: int64(size)}, int(size)
	if local > f.usable-35 {
		least := (f.usable-12)*32/255 - 23
		if local = least + (local-least)%(f.usable-4); local > f.usable-35 {
			local = least
		}
		if local+4 > len(cell) {
			return p, false
		}
		p.overflow = binary.BigEndian.Uint32(cell[local:])
	}
	if local > len(cell) {
		return p, false
	}
	p.local = cell[:local]
	return p, true
}

// pieces hands size bytes of a payload from an offset on to fn, in pieces that are valid during the call only.
func (f *pageFile) pieces(p payload, offset, size int64, fn func([]byte) error) error {
	if offset < 0 || size < 0 || offset+size > p.size {
		return corrupt("a value beyond its row")
	}
	piece, next := p.local, p.overflow
	for {
		if offset < int64(len(piece)) && size > 0 {
			take := min(int64(len(piece))-offset, size)
			if err := fn(piece[offset : offset+take]); err != nil {
				return err
			}
			size -= take
		}
		if size == 0 {
			return nil
		}
		offset = max(offset-int64(len(piece)), 0)
		page, err := f.page(next)
		if err != nil {
			return err
		}
		next, piece = binary.BigEndian.Uint32(page), page[4:f.usable]
	}
}

// varint reads a variable-length integer of SQLite. Its length is 0 when b ends before it does.
func varint(b []byte) (v uint64, length int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	for i, c := range b {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
