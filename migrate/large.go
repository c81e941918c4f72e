package migrate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// largeBytes is the size from which on a text or blob is not held as a whole: it is read in pieces as often as it is
// needed. So memory does not depend on the size of values, where they become text or bytea.
const largeBytes = 1 << 20

// mostFieldBytes is the largest value that PostgreSQL takes: an allocation of a gigabyte, with its length.
const mostFieldBytes = 1<<30 - 1024

// largeValue is a text or blob that can be read in pieces, as long as its row is the current one.
type largeValue interface {
	size() int64
	pieces(fn func(piece []byte) error) error // a piece is valid during the call only
}

// isLarge reports whether the bytes of a value are not held.
func (v *value) isLarge() bool { return v.large != nil }

// hold reads a large value as a whole, for what needs all of it at once.
func (v *value) hold() error {
	b := make([]byte, 0, v.large.size())
	err := v.large.pieces(func(piece []byte) error {
		b = append(b, piece...)
		return nil
	})
	v.b, v.large = b, nil
	return err
}

// startOf returns the first piece of a large value.
func startOf(l largeValue) (start []byte, err error) {
	err = l.pieces(func(piece []byte) error {
		start = bytes.Clone(piece[:min(len(piece), sampleBytes)])
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return start, err
}

// errEnough ends the reading of a large value of which nothing more is needed.
var errEnough = errors.New("enough")

// storedValue is a large value in the pages of a snapshot.
type storedValue struct {
	file    *pageFile
	payload payload
	offset  int64
	length  int64
}

func (s *storedValue) size() int64 { return s.length }

func (s *storedValue) pieces(fn func([]byte) error) error {
	return s.file.pieces(s.payload, s.offset, s.length, fn)
}

// blobValue is a large value that SQLite reads.
type blobValue struct {
	conn          *sqlite.Conn
	table, column string
	rowid         int64
	length        int64
	buffer        []byte
}

func (b *blobValue) size() int64 { return b.length }

func (b *blobValue) pieces(fn func([]byte) error) (err error) {
	blob, err := b.conn.OpenBlob("main", b.table, b.column, b.rowid, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	if b.buffer == nil {
		b.buffer = make([]byte, 256<<10)
	}
	for {
		n, err := blob.Read(b.buffer)
		if n > 0 {
			if err := fn(b.buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// textCheck looks through a text in pieces.
type textCheck struct {
	chars int64
	nul   bool
	bad   bool   // it is not UTF-8
	cut   []byte // the beginning of a character whose end is in the next piece
}

// checkText looks through a large text.
func checkText(l largeValue) (c textCheck, err error) {
	if err = l.pieces(c.add); errors.Is(err, errBadText) {
		err = nil
	}
	c.bad = c.bad || len(c.cut) > 0
	return c, err
}

// errBadText ends the look through a text that cannot be held anyway.
var errBadText = errors.New("the text cannot be held")

func (c *textCheck) add(piece []byte) error {
	if len(c.cut) > 0 {
		for len(piece) > 0 && !utf8.FullRune(c.cut) {
			c.cut, piece = append(c.cut, piece[0]), piece[1:]
		}
		if !utf8.FullRune(c.cut) {
			return nil
		}
		c.count(c.cut)
		c.cut = c.cut[:0]
	}
	end := len(piece)
	for back := 1; back < utf8.UTFMax && back <= len(piece); back++ {
		if at := len(piece) - back; utf8.RuneStart(piece[at]) {
			if !utf8.FullRune(piece[at:]) {
				end = at
			}
			break
		}
	}
	c.cut = append(c.cut, piece[end:]...)
	c.count(piece[:end])
	if c.bad || c.nul {
		return errBadText
	}
	return nil
}

func (c *textCheck) count(b []byte) {
	c.bad = c.bad || !utf8.Valid(b)
	c.nul = c.nul || slices.Index(b, 0) >= 0
	c.chars += int64(utf8.RuneCount(b))
}

// problem words why PostgreSQL cannot hold the text, or returns "".
func (c *textCheck) problem() string {
	switch {
	case c.nul:
		return "the text holds a NUL byte"
	case c.bad:
		return "the text is not valid UTF-8"
	}
	return ""
}

// hashLarge is hashText of a large value.
func hashLarge(l largeValue, seed uint64) (uint64, error) {
	a := uint32(0x9e3779b9) + uint32(l.size()) + 3923095
	b, c := a, a
	if seed != 0 {
		a, b, c = mix(a+uint32(seed>>32), b+uint32(seed), c)
	}
	var rest []byte // of the piece before, less than a round
	err := l.pieces(func(piece []byte) error {
		if len(rest) > 0 {
			take := min(12-len(rest), len(piece))
			rest, piece = append(rest, piece[:take]...), piece[take:]
			if len(rest) < 12 {
				return nil
			}
			a, b, c = hashRound(rest, a, b, c)
			rest = rest[:0]
		}
		for ; len(piece) >= 12; piece = piece[12:] {
			a, b, c = hashRound(piece, a, b, c)
		}
		rest = append(rest, piece...)
		return nil
	})
	var tail [12]byte // as in hashText
	if n := copy(tail[:8], rest); n < len(rest) {
		copy(tail[9:], rest[n:])
	}
	b, c = final(a+binary.LittleEndian.Uint32(tail[:]), b+binary.LittleEndian.Uint32(tail[4:]),
		c+binary.LittleEndian.Uint32(tail[8:]))
	return uint64(b)<<32 | uint64(c), err
}

func hashRound(b []byte, x, y, z uint32) (uint32, uint32, uint32) {
	return mix(x+binary.LittleEndian.Uint32(b), y+binary.LittleEndian.Uint32(b[4:]), z+binary.LittleEndian.Uint32(b[8:]))
}
