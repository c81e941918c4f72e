package endpoint

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// TestPinTakesWhatAMomentNeeds: the base copy in front of it, the log from there to a record behind it, of all timelines, and
// no more. It stays when the history that it was taken from is gone.
func TestPinTakesWhatAMomentNeeds(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := recorded(t, start, 3, 10, 31)
	dir := filepath.Join(t.TempDir(), "pinned")
	if err := os.MkdirAll(filepath.Join(dir, "copies", "leftover"), 0o700); err != nil {
		t.Fatal(err)
	}
	behind := pgproc.LSN(31*pgproc.SegmentSize + 5)
	if err := h.Pin(t.Context(), dir, pgproc.Target{LSN: 30*pgproc.SegmentSize + 7}, behind); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	pin := NewHistory(dir)
	copies, err := pin.Copies()
	if err != nil || len(copies) != 1 || copies[0].Start != 10*pgproc.SegmentSize+1000 {
		t.Errorf("base copies: %+v, %v", copies, err)
	}
	found, err := os.ReadDir(pin.wal())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"00000002.history": true, pgproc.SegmentName(1, 29*pgproc.SegmentSize) + ".partial": true}
	for n := 10; n <= 31; n++ {
		want[pgproc.SegmentName(uint32(1+n/30), pgproc.LSN(n*pgproc.SegmentSize))] = true
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
		if text, err := os.ReadFile(filepath.Join(pin.wal(), f.Name())); err != nil || string(text) != "log" {
			t.Errorf("%s: %q, %v", f.Name(), text, err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), names); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if err := h.Pin(t.Context(), dir, pgproc.Target{Time: start}, behind); err == nil {
		t.Error("a moment that the history does not reach was pinned")
	}
	if copies, err := pin.Copies(); err != nil || len(copies) != 1 {
		t.Errorf("after a refusal there are %d base copies, %v", len(copies), err)
	}
}
