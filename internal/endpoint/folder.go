package endpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// unfinished marks a folder that is being made.
const unfinished = ".new"

// Remove deletes the data folder of an endpoint that is not running, with its logs. A PostgreSQL that still runs in it
// is stopped first. A missing folder is not an error.
func Remove(ctx context.Context, dir string) error {
	errs := []error{removeFolder(ctx, dir)}
	for _, n := range nodesIn(dir) {
		errs = append(errs, removeFolder(ctx, nodeFolder(dir, n)))
	}
	return errors.Join(append(errs, os.RemoveAll(nodesFolder(dir)))...)
}

func removeFolder(ctx context.Context, dir string) error {
	return errors.Join(pgproc.Remove(ctx, dir), pgproc.Remove(ctx, dir+unfinished))
}

// makeFolder makes the data folder unless it exists. It is made under another name and renamed as the last step: a
// folder that bears its name is complete.
func (e *Endpoint) makeFolder(ctx context.Context) error {
	dir := e.config.Dir
	if prepared(dir) {
		return nil
	}
	if pgproc.Initialized(dir) { // a copy of the template that has been given to nobody
		if err := pgproc.Remove(ctx, dir); err != nil {
			return err
		}
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return lakeward.Errorf(lakeward.KindConflict,
			"move its content away, or choose another folder with --dir or LAKEWARD_DIR",
			"the folder is not empty and holds no PostgreSQL data")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	half := e.config
	half.Dir = dir + unfinished
	half.Archive = "" // its past begins when it is complete
	if err := pgproc.Remove(ctx, half.Dir); err != nil {
		return err
	}
	if err := e.fillOrRevive(ctx, half); err != nil {
		return errors.Join(err, pgproc.Remove(context.WithoutCancel(ctx), half.Dir))
	}
	if err := os.Rename(half.Dir, dir); err != nil {
		return err
	}
	return errors.Join(syncFolder(filepath.Dir(dir)), pgproc.Remove(ctx, half.Dir)) // its log is left
}

// fill makes the data folder of c, from what the options say.
func (e *Endpoint) fill(ctx context.Context, c pgproc.Config) error {
	switch {
	case e.options.Follow != nil:
		return e.options.Follow.current().BaseCopy(ctx, c)
	case e.options.Past != nil, e.options.From != nil:
		return e.branch(ctx, c)
	}
	return e.fromTemplate(ctx, c)
}

// syncFolder makes a rename in the folder survive a power cut.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
