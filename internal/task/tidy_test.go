package task_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
)

// upload keeps a file as the server keeps what is sent to it, of a week and a day ago or of now.
func upload(t *testing.T, dir, name string, old bool) string {
	t.Helper()
	path := filepath.Join(dir, task.UploadsDir, name, "app.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if old {
		for _, path := range []string{path, filepath.Dir(path)} {
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(-8*24*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func TestOnlyUploadsThatNobodyNeedsAreDeleted(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		dir := t.TempDir()
		st := storetest.Open(t, o)
		s := newService(t, st, nil, dir) // which does not run: what is asked for stays queued
		now := time.Now()
		if got, err := s.Tidy(t.Context(), now); err != nil || got != (task.Tidied{}) {
			t.Errorf("without any upload: %+v, %v", got, err)
		}
		used, running := upload(t, dir, "queued", true), upload(t, dir, "running", true)
		ended := upload(t, dir, "ended", true)
		configured, fresh, forgotten := upload(t, dir, "configured", true), upload(t, dir, "fresh", false), upload(t, dir, "forgotten", true)
		submit(t, s, &task.Migrate{Source: used, To: "shop"})
		if _, _, err := st.Begin(t.Context(), submit(t, s, &task.Plan{Source: running}).ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Cancel(t.Context(), "ann", submit(t, s, &task.Plan{Source: ended}).ID); err != nil {
			t.Fatal(err)
		}
		if err := st.PutSettings(t.Context(), "ann", map[string]string{"source": configured}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Tidy(t.Context(), now.Add(-7*24*time.Hour))
		if err != nil || got != (task.Tidied{Uploads: 2, Bytes: 10}) || s.DeletedUploads() != 2 {
			t.Errorf("deleted %+v (%v), and counted %d", got, err, s.DeletedUploads())
		}
		for path, want := range map[string]bool{
			used: true, running: true, configured: true, fresh: true, forgotten: false, ended: false,
		} {
			if _, err := os.Stat(filepath.Dir(path)); (err == nil) != want {
				t.Errorf("%s is there: %t, want %t", filepath.Base(filepath.Dir(path)), err == nil, want)
			}
		}
	})
}

// TestAnExportGoesWithItsOperation: nobody can ask for its file any more. What the store has never known is not its own.
func TestAnExportGoesWithItsOperation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newService(t, storetest.Open(t, storetest.InFile(t)), nil, dir)
	probe := func(what string) store.Operation {
		return submit(t, s, task.NewProbe("", t.Name()+what, func(context.Context, store.Operation, lakeward.Progress) (any, error) {
			return nil, nil
		}))
	}
	over, going := probe("over"), probe("going")
	if _, err := s.Cancel(t.Context(), "ann", over.ID); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{over.ID: false, going.ID: true, "of-another-store": true} {
		path := filepath.Join(dir, "exports", name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := os.Stat(path); (err == nil) != want {
				t.Errorf("%s is there: %t, want %t", path, err == nil, want)
			}
		}()
	}
	p, err := s.Prune(t.Context(), time.Now().Add(time.Second))
	if err != nil || p.Exports != 1 || p.Operations != 1 || p.Total() < 2 {
		t.Errorf("deleted %+v, %v", p, err)
	}
}

func TestWhatAKilledServerHasLeftIsSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"work/backup-1/shop.db", "work/of-a-migration/snapshot.db"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := task.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "work", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "of-a-migration" {
		t.Errorf("left: %q, %v", left, err)
	}
}
