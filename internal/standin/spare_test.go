package standin

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
)

// On a full disk there is room for the truth.
func TestStateOfAFullDisk(t *testing.T) {
	t.Parallel()
	s, err := openStore(filepath.Join(t.TempDir(), "state.json"), true)
	if err != nil {
		t.Fatal(err)
	}
	add := func(s *state) error {
		s.Projects = append(s.Projects, &project{ID: "p"})
		return nil
	}
	if err := s.update(add); err != nil {
		t.Fatal(err)
	}
	s.write = func(path string, text []byte, fast bool) error {
		if _, err := os.Stat(path + spareSuffix); err == nil {
			return syscall.ENOSPC // as long as the spare room is taken
		}
		return writeFile(path, text, fast)
	}
	if err := s.update(add); err != nil || len(s.view().Projects) != 2 {
		t.Errorf("the disk is full: %v", err)
	}
	s.write = func(string, []byte, bool) error { return syscall.ENOSPC }
	if err := s.update(add); lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("without spare room: %v", err)
	}
	s.write = writeFile
	if err := s.update(add); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path + spareSuffix); err != nil {
		t.Errorf("there is room again, and none is kept: %v", err)
	}
}
