package task

import (
	"context"
	"fmt"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/address"
)

const (
	settlePause    = 500 * time.Millisecond
	settlePatience = 20 * time.Minute
)

// reacher is an [Input] that logs in to an instance.
type reacher interface {
	reaches() string // its name; empty, or an address, where there is none
}

// await waits for the instance that an input logs in to. After a restart of the machine, or of the local Lakebase, it may
// come up later than the server: an operation that goes on then must not fail for that.
func (r *run) await(ctx context.Context, in Input) error {
	to, ok := in.(reacher)
	if !ok || to.reaches() == "" || address.IsPostgres(to.reaches()) || r.Workspace == nil {
		return nil
	}
	i, err := r.settled(ctx, to.reaches(), in.Kind())
	if i.Status == lakeward.StatusCreating {
		return err
	}
	return nil // whoever logs in finds out, and can say more
}

// settled returns an instance when it is no longer being made and does not come up any more. The last error has it as it
// was last seen.
func (r *run) settled(ctx context.Context, name, phase string) (lakeward.Instance, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, settlePatience, lakeward.Errorf(lakeward.KindUnavailable,
		"it may still get there (lakeward instance show "+name+")", "instance %s is not ready after %s", name, settlePatience))
	defer cancel()
	var seen string
	for {
		i, err := r.Workspace.Instance(ctx, name)
		if err != nil || i.Status != lakeward.StatusCreating {
			return i, err
		}
		if i.State != seen {
			seen = i.State
			r.progress.Send(lakeward.Event{
				Type: lakeward.EventInfo, Phase: phase, Message: fmt.Sprintf("instance %s is %s", name, i.State),
			})
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return i, context.Cause(ctx)
		}
	}
}
