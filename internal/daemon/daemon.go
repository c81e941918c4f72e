// Package daemon is where the parts are put together that run for long: the local Lakebase, and the example on it. What
// `lakeward up` and `lakeward local` share stands here; how it is shown stands in the command.
//
// Run owns everything that it starts and returns when all of it has ended.
package daemon

import (
	"context"
	"errors"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/standin"
)

// Options say what to run.
type Options struct {
	Lakebase standin.Options
	Demo     bool              // load the example, unless it is there
	Progress lakeward.Progress // receives what the start does; may be nil

	// Ready is called once, when everything answers. An error from it ends the run.
	Ready func(Ready) error
}

// Ready is what answers.
type Ready struct {
	Dir       string
	Workspace standin.WorkspaceFile
	Demo      *Demo // nil when it was not asked for
}

// Run starts what the options ask for and keeps it running until ctx is done, which is a normal end. It returns when
// everything has stopped.
func Run(ctx context.Context, o Options) (err error) {
	lakebase, err := standin.Start(ctx, o.Lakebase)
	if err != nil {
		return err
	}
	defer func() {
		if closing := lakebase.Close(); closing != nil {
			err = errors.Join(err, closing)
		}
	}()
	ready := Ready{Dir: o.Lakebase.Dir, Workspace: lakebase.Workspace()}
	if o.Demo {
		if ready.Demo, err = loadDemo(ctx, ready, o.Lakebase.Port, o.Progress); err != nil {
			return err
		}
	}
	if err := o.Ready(ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
