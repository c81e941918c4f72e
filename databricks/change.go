package databricks

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
)

// Pauses between two looks at an instance that changes, and when to stop looking.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 3 * time.Second
	patience     = 20 * time.Minute
)

// change is what [Workspace.Start], [Workspace.Stop] and [Workspace.Resize] ask for.
type change struct {
	stopped *bool
	spec    Spec
}

// Create makes an instance and waits until it accepts logins.
func (w *Workspace) Create(ctx context.Context, s Spec, progress lakeward.Progress) (lakeward.Instance, error) {
	r, err := s.check()
	if err != nil {
		return lakeward.Instance{}, err
	}
	if strings.Contains(s.Name, "/") {
		return lakeward.Instance{}, lakeward.Errorf(lakeward.KindInvalid, "use a name without slashes",
			"%s is a path, and not the name of an instance to create", s.Name)
	}
	families := []family{w.instances}
	if r.isProject() && s.From == "" { // only the other API makes copies
		families = []family{w.projects, w.instances}
	}
	for _, f := range families {
		var operations []string
		operations, err = f.create(ctx, s)
		if err == nil {
			return w.wait(ctx, awaited{
				verb: "create", instance: r, family: f, operations: operations, status: lakeward.StatusReady,
			}, progress)
		}
		if err = explain(err, "create instance %s", s.Name); !absent(err) {
			break
		}
	}
	if lakeward.KindOf(err) == lakeward.KindConflict && r.isProject() {
		if deleted := w.projects.reserved(ctx, r); deleted != nil {
			err = deleted
		}
	}
	return lakeward.Instance{}, err
}

// Start starts a stopped instance and waits until it accepts logins.
func (w *Workspace) Start(ctx context.Context, name string, progress lakeward.Progress) (lakeward.Instance, error) {
	return w.change(ctx, "start", change{stopped: new(bool), spec: Spec{Name: name}}, progress)
}

// Stop ends all sessions of an instance and stops its compute; its data stays. It returns when it is stopped.
func (w *Workspace) Stop(ctx context.Context, name string, progress lakeward.Progress) (lakeward.Instance, error) {
	stopped := true
	return w.change(ctx, "stop", change{stopped: &stopped, spec: Spec{Name: name}}, progress)
}

// Resize changes the capacity, the retention and the number of nodes of an instance, as far as s names them, and waits
// until it accepts logins again.
func (w *Workspace) Resize(ctx context.Context, s Spec, progress lakeward.Progress) (lakeward.Instance, error) {
	if (s == Spec{Name: s.Name}) {
		return lakeward.Instance{}, lakeward.Errorf(lakeward.KindInvalid,
			"name a capacity, a retention or a number of nodes", "nothing to change about instance %s", s.Name)
	}
	return w.change(ctx, "resize", change{spec: s}, progress)
}

// Delete destroys an instance with all its data, branches and endpoints, and waits until it is gone.
func (w *Workspace) Delete(ctx context.Context, name string, progress lakeward.Progress) error {
	r, err := parseName(name)
	if err != nil {
		return err
	}
	if !r.whole() {
		return lakeward.Errorf(lakeward.KindInvalid, "name the instance: "+r.project,
			"%s is a part of instance %s and not deleted alone", name, r.project)
	}
	i, f, err := w.find(ctx, r)
	if err != nil {
		return err
	}
	operations, err := f.remove(ctx, i)
	if err != nil {
		return explain(err, "delete instance %s", name)
	}
	_, err = w.wait(ctx, awaited{
		verb: "delete", instance: r, family: f, operations: operations, status: lakeward.StatusNotCreated,
	}, progress)
	return err
}

// change makes a change to an existing instance and waits until it has come into force.
func (w *Workspace) change(ctx context.Context, verb string, c change, p lakeward.Progress) (lakeward.Instance, error) {
	r, err := c.spec.check()
	if err != nil {
		return lakeward.Instance{}, err
	}
	i, f, err := w.find(ctx, r)
	if err != nil {
		return lakeward.Instance{}, err
	}
	target := c.target()
	if target != "" && i.Status == target {
		return i, nil
	}
	operations, err := f.change(ctx, i, c)
	if err != nil {
		return lakeward.Instance{}, explain(err, "%s instance %s", verb, r.name)
	}
	return w.wait(ctx, awaited{verb: verb, instance: r, family: f, operations: operations, status: target}, p)
}

// target is the status that a change leads to; empty for one that leaves a stopped instance stopped.
func (c change) target() lakeward.Status {
	switch {
	case c.stopped == nil:
		return ""
	case *c.stopped:
		return lakeward.StatusStopped
	}
	return lakeward.StatusReady
}

// awaited is what a change leads to.
type awaited struct {
	verb       string
	instance   reference
	family     family          // that was asked for the change: the other one may be ahead of it
	operations []string        // that must end first
	status     lakeward.Status // empty: ready or stopped
}

// reached reports whether an instance of status s is what was awaited.
func (a awaited) reached(s lakeward.Status) bool {
	if a.status == "" {
		return s == lakeward.StatusReady || s == lakeward.StatusStopped
	}
	return s == a.status
}

// wait polls until the operations ended and the instance has the awaited status, and reports each state that it sees.
func (w *Workspace) wait(ctx context.Context, a awaited, progress lakeward.Progress) (lakeward.Instance, error) {
	name := a.instance.name
	stuck := lakeward.Errorf(lakeward.KindUnavailable, "it may still get there (lakeward instance show "+name+")",
		"%s instance %s: not done after %s", a.verb, name, patience)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, stuck)
	defer cancel()
	var seen string
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		busy, err := w.pending(ctx, a)
		if err != nil {
			return lakeward.Instance{}, err
		}
		i, state, err := a.observe(ctx)
		if err != nil {
			return lakeward.Instance{}, err
		}
		if state != seen {
			seen = state
			progress.Send(lakeward.Event{
				Type: lakeward.EventInfo, Phase: a.verb, Message: fmt.Sprintf("instance %s is %s", name, state),
			})
		}
		switch {
		case busy:
		case a.reached(i.Status):
			return i, nil
		case i.Status == lakeward.StatusError:
			return i, lakeward.Errorf(lakeward.KindInternal, "look at it in the workspace, or delete it and try again",
				"%s instance %s: the workspace reports it %s", a.verb, name, state)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return i, context.Cause(ctx)
		}
	}
}

// observe looks at an instance that may not exist, and says in which state it is.
func (a awaited) observe(ctx context.Context) (lakeward.Instance, string, error) {
	i, err := a.family.get(ctx, a.instance)
	if err != nil {
		if err = explain(err, "%s instance %s", a.verb, a.instance.name); lakeward.KindOf(err) == lakeward.KindNotFound {
			return lakeward.Instance{Status: lakeward.StatusNotCreated}, string(lakeward.StatusNotCreated), nil
		}
		return lakeward.Instance{}, "", err
	}
	if i.Status == lakeward.StatusStopped {
		return i, "STOPPED", nil // the Autoscaling API says IDLE, and disabled
	}
	return i, i.State, nil
}

// pending reports whether one of the operations is still running.
func (w *Workspace) pending(ctx context.Context, a awaited) (bool, error) {
	tried := a.verb + " instance " + a.instance.name
	for _, name := range a.operations {
		op, err := w.client.Postgres.GetOperation(ctx, postgres.GetOperationRequest{Name: name})
		if err != nil {
			err = explain(err, "%s", tried)
			if a.status == lakeward.StatusNotCreated && lakeward.KindOf(err) == lakeward.KindNotFound {
				continue // it went with the project
			}
			return false, err
		}
		if op.Error != nil {
			return false, operationError(op.Error, tried)
		}
		if !op.Done {
			return true, nil
		}
	}
	return false, nil
}
