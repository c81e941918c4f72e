package pgproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lakeward/lakeward"
)

// Clone makes the data folder of c, which must be missing or empty, a copy of the folder from, whose server was shut
// down. The copy is a server of its own: it has an identifier that no other has, so that neither a standby nor an archive
// of the original's log could be mistaken for its own. The blocks are shared with the original where the file system can
// (btrfs, xfs). The copy is not brought to the disk: see [Sync].
func Clone(ctx context.Context, from string, c Config) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(from, "postmaster.pid")); err == nil {
		return lakeward.Errorf(lakeward.KindConflict, "stop it first", "a PostgreSQL runs in %s", from)
	}
	if err := CopyFolder(ctx, from, c.Dir); err != nil {
		return err
	}
	if err := renew(c.Dir); err != nil {
		return fmt.Errorf("give %s an identity: %w", c.Dir, err)
	}
	return as.chownAll(c.Dir)
}

// CopyFolder copies the files and folders below from into the folder to, with their modes. Each file shares its blocks
// with the original where the file system can.
func CopyFolder(ctx context.Context, from, to string) error {
	if _, err := copyFolder(ctx, from, to, nothing, nil); err != nil {
		return explain(fmt.Errorf("copy %s: %w", from, err), "", to)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
		return nil
	}
	_, err = io.Copy(out, in)
	return err
}

// Sync returns when everything below a folder is on the disk. Many files at once share the disk's work: one after the
// other, a data folder takes several times as long. To ask the file system as a whole would also wait for what other
// programs have written.
func Sync(dir string) error {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || d.Type().IsRegular()) {
			paths = append(paths, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a server that runs in it removes files
		}
		return err
	})
	var files errgroup.Group
	files.SetLimit(32)
	for _, path := range paths {
		files.Go(func() error {
			err := syncPath(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
	}
	if err := errors.Join(err, files.Wait()); err != nil {
		return explain(fmt.Errorf("bring %s to the disk: %w", dir, err), "", dir)
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// chownAll gives a folder and all below it to the account, whoever it belongs to now.
func (a *account) chownAll(dir string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, int(a.uid), int(a.groups[0])))
	})
}
