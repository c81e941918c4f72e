package endpoint

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

const hour = time.Hour

// recorded makes a history with a base copy at the end of each of the hours, in the middle of the segment of that number,
// and all of the log up to segment 40.
func recorded(t *testing.T, start time.Time, hours ...int) *History {
	t.Helper()
	h := NewHistory(t.TempDir())
	for _, n := range hours {
		b := BaseCopy{dir: filepath.Join(h.copies(), fmt.Sprintf("%016X", n))}
		b.Start = pgproc.LSN(n*pgproc.SegmentSize + 1000)
		b.End = b.Start + 1000
		b.Taken, b.Timeline = start.Add(time.Duration(n)*hour), 1
		half := b.dir + unfinished
		if err := os.MkdirAll(filepath.Join(half, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := h.seal(b, half); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(h.wal(), 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range 41 {
		timeline := uint32(1 + n/30)
		h.put(t, pgproc.SegmentName(timeline, pgproc.LSN(n*pgproc.SegmentSize)))
	}
	h.put(t, "00000002.history")
	h.put(t, pgproc.SegmentName(1, 29*pgproc.SegmentSize)+".partial")
	return h
}

func (h *History) put(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.wal(), name), []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForgetKeepsWhatIsNeeded: what remains always has a base copy that is as old as the window, and the log from its
// beginning on; and nothing before that.
func TestForgetKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		since, oldest int
	}{
		{0, 3}, {3, 3}, {9, 3}, {10, 10}, {11, 10}, {31, 31}, {39, 31},
	} {
		h := recorded(t, start, 3, 10, 31)
		before := start.Add(time.Duration(c.since) * hour)
		if err := h.Forget(before); err != nil {
			t.Fatal(err)
		}
		copies, err := h.Copies()
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, b := range copies {
			got = append(got, int(b.Taken.Sub(start)/hour))
		}
		want := slices.DeleteFunc([]int{3, 10, 31}, func(n int) bool { return n < c.oldest })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("window from hour %d: base copies (-want +got):\n%s", c.since, diff)
		}
		segments, err := h.segments()
		if err != nil {
			t.Fatal(err)
		}
		var first pgproc.LSN = 1 << 60
		for _, s := range segments {
			first = min(first, s.start)
		}
		if first != pgproc.LSN(c.oldest*pgproc.SegmentSize) {
			t.Errorf("window from hour %d: the log begins at %s, want segment %d", c.since, first, c.oldest)
		}
		if left, _ := filepath.Glob(filepath.Join(h.dir, "*", "*.old")); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		if _, err := os.Stat(filepath.Join(h.wal(), "00000002.history")); err != nil {
			t.Error("the history of the timelines is gone")
		}
	}
}

// TestCompressedLogIsAsGood: only what is old and large is compressed, and no compression loses the log's name.
func TestCompressedLogIsAsGood(t *testing.T) {
	t.Parallel()
	h := recorded(t, time.Now(), 3)
	large, err := pgproc.ParseLSN("0/5000000")
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 2<<20)
	_, _ = rand.Read(noise)
	path := filepath.Join(h.wal(), pgproc.SegmentName(1, large))
	if err := os.WriteFile(path, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want bool
	}{{time.Now(), false}, {time.Now().Add(2 * hour), true}} {
		if err := h.Compress(t.Context(), c.at); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(h.wal(), "*.gz"))
		if err != nil || (len(found) == 1) != c.want || c.want && found[0] != path+".gz" {
			t.Errorf("at %s, compressed are %v, %v", c.at, found, err)
		}
	}
	in, err := os.Open(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, noise) {
		t.Errorf("%d bytes come back, %v", len(got), err)
	}
	if segments, err := h.segments(); err != nil || len(segments) != 42 {
		t.Errorf("%d segments, %v", len(segments), err)
	}
}

// TestLogThatCannotBeArchivedIsTold: not what waits for a moment, but what has been waiting for minutes.
func TestLogThatCannotBeArchivedIsTold(t *testing.T) {
	t.Parallel()
	h, dir := NewHistory(t.TempDir()), t.TempDir()
	if err := h.Behind(dir, time.Time{}, time.Now()); err != nil {
		t.Errorf("of a folder without a log: %v", err)
	}
	status := filepath.Join(dir, "pg_wal", "archive_status")
	if err := os.MkdirAll(status, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"000000010000000000000001.done", "000000010000000000000002.ready"} {
		if err := os.WriteFile(filepath.Join(status, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Behind(dir, time.Time{}, time.Now()); err != nil {
		t.Errorf("at once: %v", err)
	}
	later := time.Now().Add(hour)
	if err := h.Behind(dir, time.Time{}, later); lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) == "" {
		t.Errorf("after an hour: %v", err)
	}
	if err := h.Behind(dir, later.Add(-time.Second), later); err != nil {
		t.Errorf("just after the start: %v", err)
	}
	if err := os.Remove(filepath.Join(status, "000000010000000000000002.ready")); err != nil {
		t.Fatal(err)
	}
	if err := h.Behind(dir, time.Time{}, later); err != nil {
		t.Errorf("when it was archived: %v", err)
	}
}

func TestForgetWaitsForBranches(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := recorded(t, start, 3, 10)
	h.using.RLock()
	if err := h.Forget(start.Add(20 * hour)); err != nil {
		t.Fatal(err)
	}
	if copies, err := h.Copies(); err != nil || len(copies) != 2 {
		t.Errorf("while a branch is made: %d base copies, %v", len(copies), err)
	}
	h.using.RUnlock()
	if err := h.Forget(start.Add(20 * hour)); err != nil {
		t.Fatal(err)
	}
	if copies, err := h.Copies(); err != nil || len(copies) != 1 {
		t.Errorf("afterwards: %d base copies, %v", len(copies), err)
	}
}

func TestTheNearestBaseCopyIsUsed(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := recorded(t, start, 3, 10)
	for _, c := range []struct {
		target pgproc.Target
		want   int
	}{
		{pgproc.Target{Time: start.Add(3*hour - 1)}, 0},
		{pgproc.Target{Time: start.Add(3 * hour)}, 3},
		{pgproc.Target{Time: start.Add(10*hour - 1)}, 3},
		{pgproc.Target{Time: start.Add(99 * hour)}, 10},
		{pgproc.Target{LSN: 3*pgproc.SegmentSize + 1999}, 0},
		{pgproc.Target{LSN: 3*pgproc.SegmentSize + 2000}, 3},
		{pgproc.Target{LSN: 10*pgproc.SegmentSize + 2000}, 10},
	} {
		b, err := h.before(c.target)
		if got := int(b.Taken.Sub(start) / hour); c.want != 0 && got != c.want || (c.want == 0) != errors.Is(err, ErrNoCopy) {
			t.Errorf("%s: from hour %d (%v), want %d", c.target, got, err, c.want)
		}
	}
}
