package pgproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Template is a data folder that is made once and copied from then on: initdb takes a second and more, the copy a tenth
// of it. Processes of one user share it.
type Template struct {
	Cache string // the folder where it is kept, made when missing; "" keeps nothing
	Key   string // a word for everything that shapes it but PostgreSQL itself

	// Make makes the data folder of c and leaves no server running in it.
	Make func(ctx context.Context, c Config) error
}

// Fill makes the data folder of c, which must be missing or empty: a copy of the template, each with an identity of its
// own. The first time, the template is made. What cannot be kept is made again the next time.
func (t Template) Fill(ctx context.Context, c Config) error {
	if _, err := c.prepare(); err != nil {
		return err
	}
	if t.Cache == "" || os.MkdirAll(t.Cache, 0o700) != nil {
		return t.Make(ctx, c)
	}
	path := filepath.Join(t.Cache, t.name(c.Binaries))
	if done, err := t.clone(ctx, path, c); done {
		return err
	}
	lock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return errors.Join(context.Cause(ctx), t.Make(ctx, c))
	}
	defer lock.Close()
	if done, err := t.clone(ctx, path, c); done { // made by another process in the meantime
		return err
	}
	if err := t.Make(ctx, c); err != nil {
		return err
	}
	t.keep(ctx, path, c)
	return nil
}

// name tells a template from those of other installations and other versions of this program, and from those of other
// users, who could not read it.
func (t Template) name(b Binaries) string {
	sum := sha256.Sum256([]byte(strings.Join(append(initArgs, b.Dir, accessRules), "\x00")))
	return fmt.Sprintf("%s-%s-%.6x-%d", t.Key, b.Version, sum, os.Geteuid())
}

// clone copies the template, and reports false when there is none, or it is of no use: then c's folder is empty again.
func (t Template) clone(ctx context.Context, path string, c Config) (bool, error) {
	if !Initialized(path) {
		return false, nil
	}
	err := Clone(ctx, path, c)
	if err == nil {
		at := time.Now()
		_ = os.Chtimes(path, at, at) // which templates are in use; see sweep
		return true, nil
	}
	if ctx.Err() != nil || errors.Is(err, syscall.ENOSPC) {
		return true, err
	}
	_ = os.RemoveAll(path)
	return false, empty(c.Dir)
}

// keep copies a folder that was just made into the cache. It appears there under its name when it is complete and on the
// disk.
func (t Template) keep(ctx context.Context, path string, c Config) {
	half := path + unfinished
	_ = os.RemoveAll(half)
	err := os.Mkdir(half, 0o700)
	if err == nil {
		err = CopyFolder(ctx, c.Dir, half)
	}
	if err == nil {
		err = Sync(half)
	}
	if err == nil {
		err = os.Rename(half, path)
	}
	if err != nil {
		_ = os.RemoveAll(half)
		if c.Log != nil {
			c.Log.Debug("template is not kept", "path", path, "err", err)
		}
		return
	}
	t.sweep(path)
}

const (
	unfinished = ".new"
	unused     = 30 * 24 * time.Hour
)

// sweep removes templates that nobody has used for long, such as those of older versions.
func (t Template) sweep(fresh string) {
	entries, _ := os.ReadDir(t.Cache) // what cannot be read is not removed
	for _, e := range entries {
		info, err := e.Info()
		if path := filepath.Join(t.Cache, e.Name()); err == nil && path != fresh && time.Since(info.ModTime()) > unused {
			_ = os.RemoveAll(path)
		}
	}
}

// empty removes what is in a folder.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

// lockFile takes a lock that ends with this process.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		break
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
