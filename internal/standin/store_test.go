package standin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
)

// addProject is a change of the state.
func addProject(s *state) error {
	s.Projects = append(s.Projects, &project{ID: "p"})
	return nil
}

// storeOfOne opens a store with one project in it.
func storeOfOne(t *testing.T) *store {
	t.Helper()
	s, err := openStore(filepath.Join(t.TempDir(), "state.json"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.update(addProject); err != nil {
		t.Fatal(err)
	}
	return s
}

// A state whose file cannot be written has not changed.
func TestStateChangesAsAWhole(t *testing.T) {
	t.Parallel()
	s := storeOfOne(t)
	sad := errors.New("no")
	if err := s.update(func(s *state) error { return errors.Join(addProject(s), sad) }); !errors.Is(err, sad) {
		t.Errorf("refused change: %v", err)
	}
	s.path = filepath.Join(t.TempDir(), "missing", "state.json")
	if err := s.update(addProject); err == nil {
		t.Error("an unwritten change was accepted")
	}
	if got := len(s.view().Projects); got != 1 {
		t.Errorf("%d projects, want 1", got)
	}
}

// On a full disk there is room for the truth.
func TestStateOfAFullDisk(t *testing.T) {
	t.Parallel()
	s := storeOfOne(t)
	s.write = func(path string, text []byte, fast bool) error {
		if _, err := os.Stat(path + spareSuffix); err == nil {
			return syscall.ENOSPC // as long as the spare room is taken
		}
		return writeFile(path, text, fast)
	}
	if err := s.update(addProject); err != nil || len(s.view().Projects) != 2 {
		t.Errorf("the disk is full: %v", err)
	}
	s.write = func(string, []byte, bool) error { return syscall.ENOSPC }
	if err := s.update(addProject); lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("without spare room: %v", err)
	}
	s.write = writeFile
	if err := s.update(addProject); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path + spareSuffix); err != nil {
		t.Errorf("there is room again, and none is kept: %v", err)
	}
}
