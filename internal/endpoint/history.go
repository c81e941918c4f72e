package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// History is what is kept of a branch's past: base copies, and the whole write-ahead log since the oldest of them. From
// these, the data of any moment can be made again. It belongs to the branch, not to one of its endpoints: whichever of them
// is the primary writes it on.
//
//	wal/                    the archive of the log
//	copies/<position>/data  base copies, each under the position at which it became whole
//	copies/<position>/copy.json
type History struct {
	dir string

	// using is held for reading while a branch is made from the history, and for writing while parts are removed.
	using sync.RWMutex

	mu     sync.Mutex
	gone   bool
	giveUp context.CancelFunc // ends the making of a base copy
	adding sync.Mutex         // held while one is made
}

// NewHistory returns the history in a folder, which need not exist yet.
func NewHistory(dir string) *History { return &History{dir: dir} }

// BaseCopy is a base copy of a history.
type BaseCopy struct {
	pgproc.Copy
	dir string
}

func (b BaseCopy) data() string { return filepath.Join(b.dir, "data") }

const copyFile = "copy.json"

func (h *History) wal() string    { return filepath.Join(h.dir, "wal") }
func (h *History) copies() string { return filepath.Join(h.dir, "copies") }

// Copies returns the base copies that are complete, the oldest first.
func (h *History) Copies() ([]BaseCopy, error) {
	entries, err := os.ReadDir(h.copies())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for base copies: %w", err)
	}
	var found []BaseCopy
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") {
			continue // one that is being made or removed
		}
		b := BaseCopy{dir: filepath.Join(h.copies(), e.Name())}
		text, err := os.ReadFile(filepath.Join(b.dir, copyFile))
		if err == nil {
			err = json.Unmarshal(text, &b.Copy)
		}
		if err != nil {
			return nil, fmt.Errorf("read base copy: %w", err)
		}
		found = append(found, b)
	}
	slices.SortFunc(found, func(a, b BaseCopy) int { return a.Taken.Compare(b.Taken) })
	return found, nil
}

// Add makes a base copy of the running endpoint, whose history this is.
func (h *History) Add(ctx context.Context, e *Endpoint) (BaseCopy, error) {
	h.adding.Lock()
	defer h.adding.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	gone := h.gone
	h.giveUp = cancel
	h.mu.Unlock()
	if gone {
		return BaseCopy{}, errGone
	}
	half := filepath.Join(h.copies(), "unfinished"+unfinished)
	if err := os.RemoveAll(half); err != nil {
		return BaseCopy{}, err
	}
	b := BaseCopy{dir: half}
	var err error
	if b.Copy, err = e.current().LiveCopy(ctx, b.data(), nil); err != nil {
		return b, errors.Join(err, os.RemoveAll(half))
	}
	b.dir = filepath.Join(h.copies(), fmt.Sprintf("%016X", uint64(b.End)))
	if err = h.seal(b, half); err != nil {
		return b, errors.Join(err, os.RemoveAll(half))
	}
	return b, nil
}

// seal writes down what a base copy is and gives it its name.
func (h *History) seal(b BaseCopy, half string) error {
	text, err := json.Marshal(b.Copy)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(half, copyFile), text, true); err != nil {
		return err
	}
	if err := os.Rename(half, b.dir); err != nil {
		return err
	}
	return syncFolder(h.copies())
}

// Behind tells when segments of the log have been waiting in the data folder dir for long, while a server has been running
// in it since a time: they cannot be archived, and the folder grows.
func (h *History) Behind(dir string, running, at time.Time) error {
	entries, err := os.ReadDir(filepath.Join(dir, "pg_wal", "archive_status"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && filepath.Ext(e.Name()) == ".ready" && at.Sub(info.ModTime()) > waiting && at.Sub(running) > waiting {
			return lakeward.Errorf(lakeward.KindUnavailable, "free space on its disk, or see "+dir+".log",
				"the write-ahead log has been waiting for its archive %s since %s, and moments from then on are out of reach",
				h.wal(), info.ModTime().UTC().Format(time.RFC3339))
		}
	}
	return nil
}

const waiting = 2 * time.Minute // twice as long as PostgreSQL waits before it tries again

// ErrNoCopy means that a history does not reach back to a moment.
var ErrNoCopy = errors.New("no base copy is old enough")

// before returns the base copy from which the way to the target is the shortest.
func (h *History) before(t pgproc.Target) (BaseCopy, error) {
	all, err := h.Copies()
	if err != nil {
		return BaseCopy{}, err
	}
	for _, b := range slices.Backward(all) {
		if t.LSN != 0 && b.End <= t.LSN || t.LSN == 0 && !b.Taken.After(t.Time) {
			return b, nil
		}
	}
	return BaseCopy{}, ErrNoCopy
}

// Past is a moment in a history.
type Past struct {
	History *History
	Target  pgproc.Target
}

// restore makes the data folder of c one with the data of the moment.
func (p *Past) restore(ctx context.Context, c pgproc.Config, progress pgproc.Progress) (pgproc.LSN, error) {
	p.History.using.RLock()
	defer p.History.using.RUnlock()
	from, err := p.History.before(p.Target)
	if err != nil {
		return 0, err
	}
	if err := pgproc.UseCopy(ctx, from.data(), c, progress); err != nil {
		return 0, err
	}
	return pgproc.Recover(ctx, c, p.History.wal(), p.Target)
}

// Mark makes every moment up to now one that the endpoint's history can tell of; it returns the position of the log.
func (e *Endpoint) Mark(ctx context.Context) (pgproc.LSN, error) { return e.current().Mark(ctx) }

// originFile holds where in the log of its source the data of a branch begin. It is made with the data, so that no crash
// can part the two.
const originFile = "lakeward.origin"

// Origin returns at which position of its source's log the data in a folder were copied, and 0 for a folder that is no
// copy.
func Origin(dir string) (pgproc.LSN, error) {
	text, err := os.ReadFile(filepath.Join(dir, originFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read origin: %w", err)
	}
	return pgproc.ParseLSN(string(text))
}

// Remove deletes the history, whose endpoints do not run any more. A missing one is not an error.
func (h *History) Remove() error {
	h.mu.Lock()
	h.gone = true
	if h.giveUp != nil {
		h.giveUp()
	}
	h.mu.Unlock()
	h.adding.Lock()
	defer h.adding.Unlock()
	h.using.Lock()
	defer h.using.Unlock()
	return os.RemoveAll(h.dir)
}

// clear makes the history one of which nothing is known.
func (h *History) clear() error {
	h.using.Lock()
	defer h.using.Unlock()
	return os.RemoveAll(h.dir)
}

var errGone = errors.New("the history was removed")
