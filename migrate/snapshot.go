package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// snapshotPages is how many pages are copied at a time, between looks at the context.
const snapshotPages = 4096

// snapshot is a consistent private copy of the source. Everything that is read for a migration is read from it, by
// several connections at once, while the application goes on writing to the source.
type snapshot struct {
	folder string
	path   string
}

// takeSnapshot copies the source into a folder, consistent also while an application writes, whatever the journal mode.
// The source is only read.
func takeSnapshot(ctx context.Context, source, folder string, j *journal) (*snapshot, error) {
	s := openSnapshot(folder)
	meter := j.meter(filepath.Base(source), 0)
	err := withSource(ctx, source, func(src *sqlite.Conn) error {
		if err := s.reserve(src); err != nil {
			return err
		}
		if err := s.copy(ctx, src, source, meter); err != nil {
			return explainCopy(ctx, source, folder, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openSnapshot returns the snapshot that stands, or will stand, in a folder.
func openSnapshot(folder string) *snapshot {
	return &snapshot{folder: folder, path: filepath.Join(folder, copyFile)}
}

// reserve makes sure that the disk has room for the copy before anything is written.
func (s *snapshot) reserve(src *sqlite.Conn) error {
	pages, err := pragmaInt(src, "PRAGMA page_count")
	if err != nil {
		return err
	}
	size, err := pragmaInt(src, "PRAGMA page_size")
	if err != nil {
		return err
	}
	free, err := freeSpace(s.folder)
	if err != nil {
		return fmt.Errorf("look for free space in %s: %w", s.folder, err)
	}
	if need := pages * size; free < need {
		cause := fmt.Errorf("the snapshot needs %s, %s are free", byteCount(need), byteCount(free))
		return diskFull(filepath.Dir(s.folder), cause)
	}
	return nil
}

// diskFull is the error of a folder without room for the snapshot.
func diskFull(folder string, cause error) error {
	return lakeward.Errorf(lakeward.KindUnavailable, "free some space there, or choose another folder (--work-dir)",
		"no space left in %s: %w", folder, cause)
}

// explainCopy tells a full disk from a source that cannot be read.
func explainCopy(ctx context.Context, source, folder string, err error) error {
	code := sqlite.ErrCode(err).ToPrimary()
	if code == sqlite.ResultFull || code == sqlite.ResultIOErr && fullDisk(folder) {
		return diskFull(filepath.Dir(folder), err)
	}
	return explainRead(ctx, source, err)
}

// fullDisk reports whether next to nothing is free: SQLite reports some full disks as input/output errors.
func fullDisk(folder string) bool {
	free, err := freeSpace(folder)
	return err == nil && free < 1<<20
}

// copy copies the source under a read lock that is held all the time, so that the copy is of one moment. A writer in
// rollback mode waits for it, and meanwhile the file is at rest: it is copied as it is. A writer in WAL mode does not
// wait, and its changes are in two files: there the online backup copies page by page.
func (s *snapshot) copy(ctx context.Context, src *sqlite.Conn, source string, m *meter) (err error) {
	// Made here, because SQLite would give it the rights of the umask.
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = also(err, file.Close()) }()
	original, err := os.Open(source)
	if err != nil {
		return err
	}
	// To close any handle of a file gives up all locks that this process has on it: the lock must have ended before.
	defer func() { _ = original.Close() }() // it was only read
	src.SetInterrupt(ctx.Done())
	defer src.SetInterrupt(nil)
	if err := exec(src, "BEGIN"); err != nil { // holds the copy to one moment between its steps
		return err
	}
	defer func() { err = also(err, exec(src, "ROLLBACK")) }()
	if _, err := pragmaInt(src, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	var head [pageHeader]byte
	if _, err := original.ReadAt(head[:], 0); err != nil {
		return err
	}
	if head[18] == 1 { // rollback mode
		return copyAtRest(ctx, file, original, m)
	}
	return s.backup(ctx, src, m)
}

// copiedBytes is how much of a file is copied at a time, between looks at the context.
const copiedBytes = 16 << 20

// copyAtRest copies a file at rest; where they can, the system and the disk do so by themselves.
func copyAtRest(ctx context.Context, dst, src *os.File, m *meter) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	for m.total = info.Size(); m.rows < m.total; m.tick() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyN(dst, src, min(copiedBytes, m.total-m.rows))
		if err != nil {
			return err
		}
		m.rows += n
	}
	m.done()
	return nil
}

// backup runs the online backup.
func (s *snapshot) backup(ctx context.Context, src *sqlite.Conn, m *meter) (err error) {
	dst, err := sqlite.OpenConn(s.path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = also(err, dst.Close()) }()
	// A copy that fails is thrown away, so nothing about it has to be safe.
	for _, pragma := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"} {
		if err := exec(dst, pragma); err != nil {
			return err
		}
	}
	backup, err := sqlite.NewBackup(dst, "main", src, "main")
	if err != nil {
		return err
	}
	defer func() { err = also(err, backup.Close()) }()
	return runBackup(ctx, backup, m)
}

func runBackup(ctx context.Context, backup *sqlite.Backup, m *meter) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		more, err := backup.Step(snapshotPages)
		if err != nil {
			return err
		}
		m.total, m.rows = int64(backup.PageCount()), int64(backup.PageCount()-backup.Remaining())
		if !more {
			m.done()
			return nil
		}
		m.tick()
	}
}

// open returns a new read-only connection to the snapshot. Nobody writes to it, so SQLite need not lock.
func (s *snapshot) open() (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(sourceURI(s.path, true), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	if err := registerCollations(context.Background(), conn); err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", errors.Join(err, conn.Close()))
	}
	return conn, nil
}

// byteCount writes a number of bytes for people.
func byteCount(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGTP"[i])
}
