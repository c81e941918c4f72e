package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lakeward/lakeward"
)

// workFolder is the folder of one migration. It holds all that is needed to go on after a kill: the snapshot of the source,
// the plan, and what the two were made from. It is locked for as long as the migration lives.
type workFolder struct {
	folder string
	lock   *os.File
	state  workState
	begun  bool // by an earlier run, whose snapshot and state are those in the folder
}

// workState is what stands in the folder beside the snapshot. It is written when the snapshot is complete.
type workState struct {
	Version int        `json:"version"` // of this structure: 1
	ID      string     `json:"id"`      // of the migration
	Started time.Time  `json:"started"`
	Asked   string     `json:"asked"`            // digest of the choices that the result depends on
	Source  sourceMark `json:"source"`           // of the source when the snapshot was taken
	Backup  string     `json:"backup,omitempty"` // the copy of the source that is kept
}

// sourceMark is what shows from outside that a source has been written to.
type sourceMark struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Counter  string    `json:"counter"` // the file's change counter
	Beside   string    `json:"beside"`  // size and time of the -wal and -journal files that hold something
}

const (
	workPrefix = "lakeward-work-"
	stateFile  = "state.json"
	planFile   = "plan.json"
	copyFile   = "source.sqlite"
)

// workKept is how long the folder of a migration that was killed waits for the same command.
const workKept = 7 * 24 * time.Hour

// workName names the folder of a migration, so that the same command finds it again.
func workName(parts ...string) string {
	hash := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(hash, "%s\x00", p)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// openWork opens the folder of that name below dir, which only this user can enter, and locks it.
func openWork(dir, name string) (*workFolder, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, workError(err)
	}
	removeAbandoned(dir)
	folder := filepath.Join(dir, workPrefix+name)
	for {
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, workError(err)
		}
		lock, err := os.Open(folder)
		if errors.Is(err, fs.ErrNotExist) { // somebody has just removed it as abandoned
			continue
		}
		if err != nil {
			return nil, workError(err)
		}
		if err := tryLock(lock); err != nil {
			lock.Close()
			return nil, lakeward.Errorf(lakeward.KindConflict, "wait until it has ended, or end it",
				"the same migration is running already: it has locked %s", folder)
		}
		if locksFolder(lock, folder) {
			w := &workFolder{folder: folder, lock: lock}
			return w, w.load()
		}
		lock.Close()
	}
}

// locksFolder reports whether the folder that was locked is the one that has the name now.
func locksFolder(lock *os.File, folder string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(folder)
	return err == nil && os.SameFile(locked, named)
}

func workError(err error) error {
	return lakeward.Errorf(lakeward.KindInvalid, "name a folder that can be written to",
		"make a folder for the snapshot: %w", err)
}

// removeAbandoned deletes the folders of runs that were killed: nobody holds their locks. Those that a migration may go
// on with are kept for a while. It is a courtesy; what cannot be deleted stays.
func removeAbandoned(dir string) {
	folders, _ := filepath.Glob(filepath.Join(dir, workPrefix+"*")) // the pattern is well formed
	for _, folder := range folders {
		lock, err := os.Open(folder)
		if err != nil { // of another user
			continue
		}
		state, err := os.Stat(filepath.Join(folder, stateFile))
		waits := err == nil && time.Since(state.ModTime()) < workKept
		if !waits && tryLock(lock) == nil {
			_ = os.RemoveAll(folder)
		}
		lock.Close()
	}
}

// load reads what an earlier run has left. What it cannot read is of no use and is removed.
func (w *workFolder) load() error {
	data, err := os.ReadFile(filepath.Join(w.folder, stateFile))
	if err == nil && json.Unmarshal(data, &w.state) == nil && w.state.Version == 1 {
		w.begun = true
		return nil
	}
	return w.clear()
}

// clear empties the folder.
func (w *workFolder) clear() error {
	w.state, w.begun = workState{}, false
	entries, err := os.ReadDir(w.folder)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(w.folder, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("empty %s: %w", w.folder, err)
	}
	return nil
}

// save writes the state.
func (w *workFolder) save() error { return w.write(stateFile, w.state) }

// write writes a value as JSON, so that a kill leaves the old file or the new one.
func (w *workFolder) write(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// plan returns the plan that an earlier run has made, or nil.
func (w *workFolder) plan() *Plan {
	data, err := os.ReadFile(filepath.Join(w.folder, planFile))
	if err != nil {
		return nil
	}
	var p Plan
	if json.Unmarshal(data, &p) != nil {
		return nil
	}
	return &p
}

// close gives the folder up for the next run of the same command.
func (w *workFolder) close() { w.lock.Close() }

// remove deletes the folder.
func (w *workFolder) remove() error {
	if err := errors.Join(os.RemoveAll(w.folder), w.lock.Close()); err != nil {
		return fmt.Errorf("remove the snapshot: %w", err)
	}
	return nil
}

// markSource looks at the source from outside.
func markSource(path string) (sourceMark, error) {
	look, err := lookAt(path)
	if err != nil {
		return sourceMark{}, err
	}
	mark := sourceMark{Size: look.size, Modified: look.modified.UTC(), Counter: hex.EncodeToString(look.counter[:])}
	for _, suffix := range []string{"-wal", "-journal"} {
		info, err := os.Stat(beside(path, suffix))
		switch {
		case err == nil && info.Size() > 0:
			mark.Beside += fmt.Sprintf("%s %d %d;", suffix, info.Size(), info.ModTime().UnixNano())
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return mark, explainOpen(path, err)
		}
	}
	return mark, nil
}
