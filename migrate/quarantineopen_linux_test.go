package migrate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestQuarantinedValuesAreGivenUp ends a migration between the rejection of large values and their way to the target. The
// files that hold them have no names any more, so that what stays open takes room on the disk until the process ends.
func TestQuarantinedValuesAreGivenUp(t *testing.T) {
	t.Parallel()
	source, target, folder := newSource(t, hugeMisfits), DSN(pgtest.DB(t)), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	met := 0
	_, err := Run(ctx, source, target, Options{WorkDir: folder, Jobs: 1, Progress: func(e lakeward.Event) {
		if e.Type == lakeward.EventWarning && e.Phase == "load" {
			met = len(openBelow(t, folder, "rejected-"))
			cancel()
		}
	}})
	if err == nil || met == 0 {
		t.Fatalf("%d files when a row was rejected, and then %v", met, err)
	}
	if open := openBelow(t, folder, "rejected-"); len(open) > 0 {
		t.Errorf("still open: %q", open)
	}
}

// openBelow returns the files below a folder that this process has open.
func openBelow(t *testing.T, folder, name string) (open []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil && strings.HasPrefix(path, folder) && strings.HasPrefix(filepath.Base(path), name) {
			open = append(open, path)
		}
	}
	return open
}
