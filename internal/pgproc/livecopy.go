package pgproc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Copy tells about a base copy: a copy of a data folder, without the log, that was made while the server ran. It becomes
// a whole by the log from Start to End, and can become that of any moment from then on.
type Copy struct {
	Timeline uint32    `json:"timeline"`
	Start    LSN       `json:"start"`
	End      LSN       `json:"end"`
	Taken    time.Time `json:"taken"` // when End was reached
	Bytes    int64     `json:"bytes"`
}

// Progress is called now and then with how many bytes of how many are done.
type Progress func(done, total int64)

// LiveCopy makes a base copy of the running server in dir, which must be missing or empty. Where the file system can, the
// copy shares its blocks with the original. It is on the disk unless the server does without that itself.
func (s *Server) LiveCopy(ctx context.Context, dir string, progress Progress) (Copy, error) {
	c, err := s.liveCopy(ctx, dir, progress)
	if err != nil {
		return c, fmt.Errorf("copy %s: %w", s.config.Dir, explainFull(err, dir))
	}
	return c, nil
}

func (s *Server) liveCopy(ctx context.Context, dir string, progress Progress) (c Copy, err error) {
	as, err := serverAccount(dir)
	if err != nil {
		return c, err
	}
	if err := as.makeFolder(dir); err != nil {
		return c, err
	}
	// The end of the session also ends the backup mode of a copy that failed.
	err = s.admin(ctx, func(conn *pgx.Conn) error {
		const begin = `SELECT pg_backup_start('lakeward', true)::text, (SELECT timeline_id FROM pg_control_checkpoint())`
		if err := conn.QueryRow(ctx, begin).Scan(&c.Start, &c.Timeline); err != nil {
			return err
		}
		if c.Bytes, err = copyFolder(ctx, s.config.Dir, dir, notInBaseCopy, progress); err != nil {
			return err
		}
		if err := as.chownAll(dir); err != nil {
			return err
		}
		const end = `SELECT lsn::text, labelfile, clock_timestamp() FROM pg_backup_stop(false)`
		var label string
		if err := conn.QueryRow(ctx, end).Scan(&c.End, &label, &c.Taken); err != nil {
			return err
		}
		return as.writeFile(filepath.Join(dir, "backup_label"), label)
	})
	c.Taken = c.Taken.UTC()
	if err != nil || s.config.Temporary || s.config.Settings["fsync"] == "off" {
		return c, err
	}
	return c, Sync(dir)
}

// UseCopy copies the base copy in from into the data folder of c, which must be missing or empty. The base copy can be
// used again: nothing is shared that PostgreSQL writes to.
func UseCopy(ctx context.Context, from string, c Config, progress Progress) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	if _, err := copyFolder(ctx, from, c.Dir, nothing, progress); err != nil {
		return fmt.Errorf("copy %s: %w", from, explainFull(err, c.Dir))
	}
	return as.chownAll(c.Dir)
}

func nothing(string, fs.DirEntry) (skip, empty bool) { return false, false }

// notInBaseCopy says of a path in a data folder whether a base copy lacks it, or has it empty: what belongs to this run of
// this server.
func notInBaseCopy(path string, d fs.DirEntry) (skip, empty bool) {
	name := d.Name()
	switch {
	case slices.Contains([]string{
		"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
	}, path):
		return false, true
	case slices.Contains([]string{
		"postmaster.pid", "postmaster.opts", "backup_label", "backup_label.old", "tablespace_map", "standby.signal",
		"recovery.signal", "current_logfiles", liveSettings, // of the endpoint, not of the data
	}, path):
		return true, false
	}
	return strings.HasPrefix(name, "pgsql_tmp") || strings.HasPrefix(name, "pg_internal.init") ||
		strings.HasPrefix(path, "lakeward."), false
}

// copyFolder is CopyFolder without what not says, and returns how many bytes that were. What vanishes meanwhile is not
// missed: the log tells of it.
func copyFolder(
	ctx context.Context, from, to string, not func(path string, d fs.DirEntry) (skip, empty bool), progress Progress,
) (int64, error) {
	type file struct {
		from, to string
		size     int64
	}
	var files []file
	var total int64
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != from {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		inner, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inner)
		skip, empty := not(inner, d)
		switch {
		case d.IsDir() && skip:
			return fs.SkipDir
		case d.IsDir():
			err := os.Mkdir(target, 0o700)
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
			if err == nil && empty {
				err = fs.SkipDir
			}
			return err
		case d.Type().IsRegular() && !skip: // else a socket, or a link to a tablespace, of which there are none
			f := file{from: path, to: target}
			if info, err := d.Info(); err == nil {
				f.size = info.Size()
			}
			total += f.size
			files = append(files, f)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(4)
	var done atomic.Int64
	for _, f := range files {
		work.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := copyFile(f.from, f.to); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if n := done.Add(f.size); progress != nil {
				progress(n, total)
			}
			return nil
		})
	}
	return total, work.Wait()
}

// explainFull gives a full disk its words and leaves any other error as it is.
func explainFull(err error, dir string) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return explain(err, "", dir)
	}
	return err
}

// CopyLog copies from the archive what makes a live copy of the server, in the folder of c, a whole. It waits until the
// log has come there.
func (s *Server) CopyLog(ctx context.Context, c Config, copied Copy) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	return s.admin(ctx, func(conn *pgx.Conn) error {
		// The segment that End lies in was closed when the copy was done.
		for at := copied.Start - copied.Start%SegmentSize; at < copied.End; at += SegmentSize {
			name := SegmentName(copied.Timeline, at)
			if err := s.awaitArchived(ctx, conn, name, copied.Taken); err != nil {
				return err
			}
			target := filepath.Join(c.Dir, "pg_wal", name)
			if err := copyFile(filepath.Join(s.config.Archive, name), target); err != nil {
				return err
			}
			if err := as.chown(target); err != nil {
				return err
			}
		}
		return nil
	})
}
