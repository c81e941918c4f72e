package migrate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// message is what a server sends.
func message(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

// messages takes a stream apart. Neighbours that belong to a COPY count as one.
func messages(t *testing.T, stream []byte) (kinds string, bodies [][]byte, sent int) {
	t.Helper()
	for len(stream) > 0 {
		size := int(binary.BigEndian.Uint32(stream[1:])) + 1
		if size > len(stream) {
			t.Fatalf("a message of %d bytes ends after %d", size, len(stream))
		}
		if body := stream[5:size]; stream[0] == 'd' && kinds != "" && kinds[len(kinds)-1] == 'd' {
			bodies[len(bodies)-1] = append(bodies[len(bodies)-1], body...)
		} else {
			kinds, bodies = kinds+string(stream[0]), append(bodies, bytes.Clone(body))
		}
		stream = stream[size:]
		sent++
	}
	return kinds, bodies, sent
}

// TestMergedRowsAreTheSame sends rows of all sizes between other messages, as one stream and in the pieces of slow
// networks.
func TestMergedRowsAreTheSame(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 5))
	body := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	stream := append(message('T', body(90)), message('H', nil)...)
	rows := int64(0)
	for i := range 6000 {
		size := random.IntN(120)
		switch {
		case i%1000 == 0:
			stream = append(stream, message('N', body(300))...)
		case i == 1500, i == 1501:
			size = 3 * pgBufferBytes
		case i == 2500:
			size = pgBufferBytes - pgHeaderBytes
		}
		stream = append(stream, message('d', body(size))...)
		rows++
	}
	stream = append(append(stream, message('c', nil)...), message('Z', []byte{'I'})...)
	wantKinds, want, sent := messages(t, stream)
	for name, in := range map[string]io.Reader{
		"whole":          bytes.NewReader(stream),
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(stream)),
		"halves":         iotest.HalfReader(bytes.NewReader(stream)),
		"end with bytes": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		merger := &pgMerger{in: in}
		merged, err := io.ReadAll(merger)
		if err != nil {
			t.Fatal(err)
		}
		kinds, got, n := messages(t, merged)
		if kinds != wantKinds || merger.rows != rows {
			t.Errorf("%s: messages %q and %d rows, want %q and %d", name, kinds, merger.rows, wantKinds, rows)
			continue
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%s: message %d (%c) differs", name, i, kinds[i])
			}
		}
		if name == "whole" && n > sent/100 {
			t.Errorf("%d messages became %d", sent, n)
		}
	}
}

// TestMergerWaitsForNothing reads what has arrived while the server is silent, and its error.
func TestMergerWaitsForNothing(t *testing.T) {
	t.Parallel()
	row, lost := message('d', []byte("row")), errors.New("lost")
	merger := &pgMerger{in: io.MultiReader(bytes.NewReader(append(bytes.Clone(row), row[:4]...)), iotest.ErrReader(lost))}
	p := make([]byte, 100)
	if n, err := merger.Read(p); err != nil || !bytes.Equal(p[:n], row) {
		t.Errorf("read %q, %v", p[:n], err)
	}
	if n, err := merger.Read(p); n != 0 || !errors.Is(err, lost) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
