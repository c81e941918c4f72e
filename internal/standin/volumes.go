package standin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// volumeStore keeps the files of volumes: DIR/volumes/ID/files is what clients see, DIR/volumes/ID/uploads is what is on
// its way. A file gets its name when it is complete, so that nobody ever sees half of one.
//
// Everything goes through an [os.Root] of the volume, beyond which no path leads.
type volumeStore struct {
	dir  string
	fast bool // leaves out fsync
}

const (
	filesFolder   = "files"
	uploadsFolder = "uploads"
	deletedSuffix = ".deleted" // of the folder of a volume while it is being removed
)

// openVolumeStore removes what a crash has left: unfinished uploads, and what is left of deleted volumes.
func openVolumeStore(dir string, fast bool) (*volumeStore, error) {
	s := &volumeStore{dir: dir, fast: fast}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of volumes: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folder of volumes: %w", err)
	}
	for _, e := range entries {
		leftover := filepath.Join(dir, e.Name(), uploadsFolder)
		if strings.HasSuffix(e.Name(), deletedSuffix) {
			leftover = filepath.Join(dir, e.Name())
		}
		if err := os.RemoveAll(leftover); err != nil {
			return nil, fmt.Errorf("clean up volumes: %w", err)
		}
	}
	return s, nil
}

// path is the folder with a volume's files.
func (s *volumeStore) path(id string) string { return filepath.Join(s.dir, id, filesFolder) }

// make makes the folder of a volume.
func (s *volumeStore) make(id string) error {
	if err := os.MkdirAll(s.path(id), 0o700); err != nil {
		return fmt.Errorf("make folder of volume: %w", err)
	}
	if s.fast {
		return nil
	}
	return errors.Join(syncFolder(filepath.Join(s.dir, id)), syncFolder(s.dir))
}

// remove removes a volume with its files.
func (s *volumeStore) remove(id string) error {
	folder := filepath.Join(s.dir, id)
	if err := os.Rename(folder, folder+deletedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove files of volume: %w", err)
	}
	if err := os.RemoveAll(folder + deletedSuffix); err != nil {
		return fmt.Errorf("remove files of volume: %w", err)
	}
	return nil
}

// open opens the folder of a volume. The caller closes it.
func (s *volumeStore) open(id string) (*os.Root, error) { return os.OpenRoot(filepath.Join(s.dir, id)) }

// write stores a file from what it reads, below whichever folders it needs. Without overwrite a file that is there stays,
// and the error is [fs.ErrExist].
func (s *volumeStore) write(id, name string, overwrite bool, content io.Reader) (err error) {
	root, err := s.open(id)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(uploadsFolder, 0o700); err != nil {
		return err
	}
	upload, target := path.Join(uploadsFolder, randomHex(16)), path.Join(filesFolder, name)
	defer func() { _ = root.Remove(upload) }() // gone when all went well
	if err := s.receive(root, upload, content); err != nil {
		return err
	}
	// Only now: a volume or an upload that is gone by then leaves no folders.
	if err := root.MkdirAll(path.Dir(target), 0o700); err != nil {
		return err
	}
	if overwrite {
		err = root.Rename(upload, target)
	} else {
		err = root.Link(upload, target)
	}
	if err != nil || s.fast {
		return err
	}
	return syncFolders(root, path.Dir(target))
}

// receive writes what it reads to the disk.
func (s *volumeStore) receive(root *os.Root, name string, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err == nil && !s.fast {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeFolder makes a folder and its parents.
func (s *volumeStore) makeFolder(id, name string) error {
	root, err := s.open(id)
	if err != nil {
		return err
	}
	defer root.Close()
	target := path.Join(filesFolder, name)
	if err := root.MkdirAll(target, 0o700); err != nil || s.fast {
		return err
	}
	return syncFolders(root, target)
}

// delete removes a file, or an empty folder, and nothing else.
func (s *volumeStore) delete(id, name string, folder bool) error {
	root, err := s.open(id)
	if err != nil {
		return err
	}
	defer root.Close()
	target := path.Join(filesFolder, name)
	info, err := root.Stat(target)
	if err != nil {
		return missing(err)
	}
	if info.IsDir() != folder {
		return fs.ErrNotExist // there is no file, or folder, of that name
	}
	if err := root.Remove(target); err != nil || s.fast {
		return err
	}
	return syncFolders(root, path.Dir(target))
}

// file opens a file. The caller closes it.
func (s *volumeStore) file(id, name string) (*os.File, fs.FileInfo, error) {
	root, err := s.open(id)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close() // the file stays open
	f, err := root.Open(path.Join(filesFolder, name))
	if err != nil {
		return nil, nil, missing(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist // as a file
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// folder returns what is in a folder.
func (s *volumeStore) folder(id, name string) ([]fs.DirEntry, error) {
	root, err := s.open(id)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(path.Join(filesFolder, name))
	if err != nil {
		return nil, missing(err)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	return entries, missing(err)
}

// missing takes a path that leads through a file for what it is: one to nothing.
func missing(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fs.ErrNotExist
	}
	return err
}

// syncFolders makes what happened in a folder survive a power cut, and that the folder is there.
func syncFolders(root *os.Root, name string) error {
	for ; ; name = path.Dir(name) {
		d, err := root.Open(name)
		if errors.Is(err, fs.ErrNotExist) && name != filesFolder {
			continue // somebody has removed it since
		}
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil || name == filesFolder {
			return err
		}
	}
}
