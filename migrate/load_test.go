package migrate

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestChunkPipeKeepsTheOrder sends small chunks and large ones, one of which comes last.
func TestChunkPipeKeepsTheOrder(t *testing.T) {
	t.Parallel()
	for _, sizes := range [][]int{{}, {1}, {chunkBytes, 1, 10 * chunkBytes, 3}, {5*chunkBytes + 1, 7, 9 * chunkBytes}} {
		pipe := newChunkPipe(t.Context().Done())
		var want, got []byte
		group, ctx := errgroup.WithContext(t.Context())
		group.Go(func() error {
			chunk := pipe.buffer()
			for i, size := range sizes {
				part := bytes.Repeat([]byte{byte('a' + i)}, size)
				want, chunk = append(want, part...), append(chunk, part...)
				if i == len(sizes)-1 {
					break
				}
				if err := pipe.send(ctx, &chunk); err != nil {
					return err
				}
			}
			return pipe.finish(ctx, chunk)
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
