package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/lakeward/lakeward"
)

const stateName = "state.json"

// store keeps the state in one file. A change happens as a whole, in memory and on disk, or not at all: it is made to a
// copy, which is published when it has been written.
type store struct {
	path string
	fast bool // leaves out fsync

	write func(path string, text []byte, fast bool) error // replaces a file

	mu      sync.Mutex // held while changing
	current atomic.Pointer[state]
}

// openStore reads the state; a missing file is an empty one.
func openStore(path string, fast bool) (*store, error) {
	s := &store{path: path, fast: fast, write: writeFile}
	read := &state{}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		read.Version = stateVersion
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	default:
		err := json.Unmarshal(text, read)
		if err == nil && read.Version < 1 { // such as null or {}: what had it forgotten?
			err = errors.New("it has no version")
		}
		if err != nil {
			return nil, lakeward.Errorf(lakeward.KindInvalid, "restore the file, or choose another folder with --dir",
				"state file %s is damaged: %w", path, err)
		}
	}
	if read.Version > stateVersion {
		return nil, lakeward.Errorf(lakeward.KindUnsupported, "use that version of lakeward, or another folder (--dir)",
			"state file %s was written by a newer lakeward (format %d, this one knows %d)", path, read.Version, stateVersion)
	}
	s.current.Store(read)
	return s, nil
}

// view returns the state as it is now; it does not change any more.
func (s *store) view() *state { return s.current.Load() }

// update changes the state. When change returns an error, or the result cannot be written, nothing has changed.
func (s *store) update(change func(*state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.view().clone()
	if err != nil {
		return fmt.Errorf("copy state: %w", err)
	}
	if err := change(next); err != nil {
		return err
	}
	next.Version = stateVersion
	text, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := s.save(text); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.current.Store(next)
	return nil
}

// writeFile replaces a file that only its owner may read. After a crash there is the old one or the new one.
func writeFile(path string, text []byte, fast bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when all went well
	_, err = f.Write(text)
	if err == nil && !fast {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil || fast {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
