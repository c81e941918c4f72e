package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Since returns how much of the log was archived after a base copy.
func (h *History) Since(b BaseCopy) (int64, error) {
	segments, err := h.segments()
	if err != nil {
		return 0, err
	}
	var last pgproc.LSN
	for _, s := range segments {
		last = max(last, s.start)
	}
	if last <= b.End {
		return 0, nil
	}
	return int64(last - b.End), nil
}

type segment struct {
	name  string
	start pgproc.LSN
}

// segments returns the files of the log that are in the archive.
func (h *History) segments() ([]segment, error) {
	entries, err := os.ReadDir(h.wal())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into the archive: %w", err)
	}
	var found []segment
	for _, e := range entries {
		if start, ok := pgproc.SegmentStart(e.Name()); ok {
			found = append(found, segment{e.Name(), start})
		}
	}
	return found, nil
}

// Forget removes the base copies and the log that no moment since the time needs. While a branch is made from the history,
// all of it stays.
func (h *History) Forget(before time.Time) error {
	if !h.using.TryLock() {
		return nil
	}
	defer h.using.Unlock()
	all, err := h.Copies()
	if err != nil || len(all) == 0 {
		return err
	}
	// The youngest copy that is old enough carries the window; those before it are of no use any more.
	keep := 0
	for i, b := range all {
		if !b.Taken.After(before) {
			keep = i
		}
	}
	for _, b := range all[:keep] {
		// Under another name first: half a copy must not be taken for a whole one.
		if err := os.Rename(b.dir, b.dir+".old"); err != nil {
			return err
		}
	}
	if err := h.sweep(); err != nil {
		return err
	}
	segments, err := h.segments()
	if err != nil {
		return err
	}
	for _, s := range segments {
		if s.start+pgproc.SegmentSize <= all[keep].Start {
			if err := os.Remove(filepath.Join(h.wal(), s.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep removes what is left of base copies and segments that were given up.
func (h *History) sweep() error {
	old, err := filepath.Glob(filepath.Join(h.copies(), "*.old"))
	parts, err2 := filepath.Glob(filepath.Join(h.wal(), "*.part-*"))
	err = errors.Join(err, err2)
	for _, path := range parts {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > settled {
			old = append(old, path)
		}
	}
	for _, path := range old {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

const (
	settled   = time.Hour // after which nobody works on a file any more, and the rush that made it is over
	smallFile = 1 << 20   // on the disk, that is not worth compressing
)

// Compress makes the log in the archive smaller, but for what is young: while much is written, the processor has other
// things to do. It stops when ctx is done, or a branch is about to be made.
func (h *History) Compress(ctx context.Context, at time.Time) error {
	segments, err := h.segments()
	if err != nil {
		return err
	}
	for _, s := range segments {
		path := filepath.Join(h.wal(), s.name)
		if !worthCompressing(path, at) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !h.using.TryLock() {
			return nil
		}
		err := pgproc.Compress(path)
		h.using.Unlock()
		if err != nil {
			return fmt.Errorf("compress the log: %w", err)
		}
	}
	return nil
}

// worthCompressing reports whether a segment is old and large enough. One that was closed early has holes, and takes less
// space than its size says.
func worthCompressing(path string, at time.Time) bool {
	info, err := os.Stat(path)
	return err == nil && filepath.Ext(path) == "" && at.Sub(info.ModTime()) >= settled &&
		info.Sys().(*syscall.Stat_t).Blocks*512 >= smallFile
}
