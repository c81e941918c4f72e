package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Pin makes another history, in the folder dir, of what the data of a moment need: a base copy, and the log from its
// beginning to a position behind the moment. The two histories share their files, which nobody ever writes to: what is pinned
// takes no space as long as this one has it, too, and stays when this one forgets it or is removed. A folder that is there
// already, as after a crash, is made anew.
func (h *History) Pin(ctx context.Context, dir string, t pgproc.Target, behind pgproc.LSN) error {
	h.using.RLock()
	defer h.using.RUnlock()
	from, err := h.before(t)
	if err != nil {
		return err
	}
	pin := NewHistory(dir + unfinished)
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(pin.dir)); err != nil {
		return err
	}
	err = share(ctx, from.dir, filepath.Join(pin.copies(), filepath.Base(from.dir)))
	if err == nil {
		err = h.shareLog(pin, from.Start, behind)
	}
	if err == nil {
		err = pgproc.Sync(pin.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("pin %s: %w", t, err), os.RemoveAll(pin.dir))
	}
	if err := os.Rename(pin.dir, dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

// shareLog gives another history the log between two positions, and the histories of its timelines.
func (h *History) shareLog(other *History, from, to pgproc.LSN) error {
	// PostgreSQL's own user reads the log when it is replayed.
	if err := os.MkdirAll(other.wal(), 0o711); err != nil {
		return err
	}
	entries, err := os.ReadDir(h.wal())
	if err != nil {
		return err
	}
	for _, e := range entries {
		start, segment := pgproc.SegmentStart(e.Name())
		if segment && (start+pgproc.SegmentSize <= from || start >= to) || !segment && filepath.Ext(e.Name()) != ".history" {
			continue
		}
		if err := os.Link(filepath.Join(h.wal(), e.Name()), filepath.Join(other.wal(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// share makes another folder of the same files.
func share(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		target := filepath.Join(to, path[len(from):])
		if !d.IsDir() {
			return os.Link(path, target)
		}
		return os.MkdirAll(target, 0o711)
	})
}
