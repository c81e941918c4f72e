package task

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
)

// UploadsDir is the folder in a server's own in which each file that was sent to it has a folder.
const UploadsDir = "uploads"

// exportsDir is the folder in which each export has one for its file.
const exportsDir = "exports"

// Tidied counts what a [Service.Tidy] has deleted.
type Tidied struct {
	Uploads int64
	Bytes   int64
}

// Pruned counts what a [Service.Prune] has deleted.
type Pruned struct {
	store.Pruned
	Uploads int64 `json:"uploads"`
	Exports int64 `json:"exports"`
}

// Total is the sum of all.
func (p Pruned) Total() int64 { return p.Operations + p.Events + p.Audit + p.Uploads + p.Exports }

// Prune deletes what is over: what [store.Store.Prune] and [Service.Tidy] delete, and the files of the exports that nobody
// can ask for any more, because their operations are among it.
func (s *Service) Prune(ctx context.Context, before time.Time) (p Pruned, err error) {
	exports, err := os.ReadDir(filepath.Join(s.Dir, exportsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, onDisk("look for old exports", err)
	}
	var known []string
	for _, d := range exports {
		if _, err := s.Store.Operation(ctx, d.Name()); err == nil {
			known = append(known, d.Name())
		}
	}
	if p.Pruned, err = s.Store.Prune(ctx, before); err != nil {
		return p, err
	}
	for _, id := range known {
		if _, err := s.Store.Operation(ctx, id); lakeward.KindOf(err) != lakeward.KindNotFound {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, exportsDir, id)); err != nil {
			return p, onDisk("delete an old export", err)
		}
		p.Exports++
	}
	t, err := s.Tidy(ctx, before)
	p.Uploads = t.Uploads
	return p, err
}

// Tidy deletes the files that were sent to the server and not touched since a time. One that an unfinished operation or the
// configuration names stays, however old it is.
func (s *Service) Tidy(ctx context.Context, before time.Time) (t Tidied, err error) {
	folder := filepath.Join(s.Dir, UploadsDir)
	all, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, onDisk("look for old uploads", err)
	}
	names, err := s.sources(ctx)
	if err != nil {
		return t, err
	}
	for _, d := range all {
		path := filepath.Join(folder, d.Name())
		size, touched, err := measure(path)
		if err == nil && touched.Before(before) && !strings.Contains(names, d.Name()) {
			err = os.RemoveAll(path)
			if err == nil {
				t.Uploads++
				t.Bytes += size
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return t, onDisk("delete an old upload", err)
		}
	}
	s.tidied.Add(t.Uploads)
	if t.Uploads > 0 {
		s.Log.InfoContext(ctx, "old uploads are deleted", "uploads", t.Uploads, "bytes", t.Bytes, "before", before)
	}
	return t, nil
}

// DeletedUploads says how many files that were sent to the server are deleted since its start.
func (s *Service) DeletedUploads() int64 { return s.tidied.Load() }

// sources are all that unfinished operations and the configuration name. The names of the uploads' folders are found in it.
func (s *Service) sources(ctx context.Context) (string, error) {
	kept, err := s.Store.Settings(ctx)
	if err != nil {
		return "", err
	}
	all := []string{kept[settings.Source].Value}
	for _, state := range []store.State{store.Queued, store.Running} {
		f := store.Filter{State: state, Limit: 1000}
		for {
			page, err := s.Store.Operations(ctx, f)
			if err != nil {
				return "", err
			}
			for _, o := range page {
				all = append(all, string(o.Input))
				f.Before = o.ID
			}
			if len(page) < f.Limit {
				break
			}
		}
	}
	return strings.Join(all, "\n"), nil
}

// measure returns the size of all files in a folder, and when the last of them was written.
func measure(folder string) (size int64, touched time.Time, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			size += info.Size()
		}
		if info.ModTime().After(touched) {
			touched = info.ModTime()
		}
		return nil
	})
	return size, touched, err
}

// Sweep deletes what a server that was killed has left of backups in its folder. No other server may work in it.
func Sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, workDir, "backup-*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

func onDisk(what string, err error) error {
	return lakeward.Errorf(lakeward.KindUnavailable, "see that the server's folder can be read and written", "%s: %w", what, err)
}
