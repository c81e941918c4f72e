package migrate

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestBlockPipeKeepsTheOrder sends small blocks and large ones, one of which comes last.
func TestBlockPipeKeepsTheOrder(t *testing.T) {
	t.Parallel()
	for _, sizes := range [][]int{{}, {1}, {blockBytes, 1, 10 * blockBytes, 3}, {5*blockBytes + 1, 7, 9 * blockBytes}} {
		pipe := newBlockPipe(t.Context().Done())
		var want, got []byte
		group, ctx := errgroup.WithContext(t.Context())
		group.Go(func() error {
			block := pipe.buffer()
			for i, size := range sizes {
				part := bytes.Repeat([]byte{byte('a' + i)}, size)
				want, block = append(want, part...), append(block, part...)
				if i == len(sizes)-1 {
					break
				}
				if err := pipe.send(ctx, &block); err != nil {
					return err
				}
			}
			return pipe.finish(ctx, block)
		})
		group.Go(func() (err error) {
			got, err = io.ReadAll(pipe)
			return err
		})
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("sizes %v: read %d bytes, sent %d, or in another order", sizes, len(got), len(want))
		}
	}
}
