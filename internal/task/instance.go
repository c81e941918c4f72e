package task

import (
	"cmp"
	"context"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// Start starts a stopped instance and waits until it accepts logins.
type Start struct {
	Name string `json:"name"`
}

// Kind implements [Input].
func (*Start) Kind() string        { return "start" }
func (in *Start) instance() string { return works(in.Name) }
func (in *Start) shown() any       { return in }
func (in *Start) check() error     { return checkInstance(in.Name) }

func (in *Start) do(ctx context.Context, r *run) (any, error) {
	return r.told(r.Workspace.Start(ctx, in.Name, r.progress))
}

// Stop ends all sessions of an instance and stops its compute.
type Stop struct {
	Name string `json:"name"`
}

// Kind implements [Input].
func (*Stop) Kind() string        { return "stop" }
func (in *Stop) instance() string { return works(in.Name) }
func (in *Stop) shown() any       { return in }
func (in *Stop) check() error     { return checkInstance(in.Name) }

func (in *Stop) do(ctx context.Context, r *run) (any, error) {
	return r.told(r.Workspace.Stop(ctx, in.Name, r.progress))
}

// Resize changes the size of an instance, as far as it names one.
type Resize struct {
	Name          string `json:"name"`
	Capacity      string `json:"capacity,omitempty"`
	RetentionDays int    `json:"retention_days,omitempty"`
	Nodes         int    `json:"nodes,omitempty"`
}

// Kind implements [Input].
func (*Resize) Kind() string        { return "resize" }
func (in *Resize) instance() string { return works(in.Name) }
func (in *Resize) shown() any       { return in }

func (in *Resize) spec() databricks.Spec {
	return databricks.Spec{Name: in.Name, Capacity: in.Capacity, RetentionDays: in.RetentionDays, Nodes: in.Nodes}
}

func (in *Resize) check() error {
	if err := checkInstance(in.Name); err != nil {
		return err
	}
	if in.spec() == (databricks.Spec{Name: in.Name}) {
		return lakeward.Errorf(lakeward.KindInvalid, "name a capacity, retention_days or nodes", "nothing to change about instance %s", in.Name)
	}
	return in.spec().Check()
}

func (in *Resize) do(ctx context.Context, r *run) (any, error) {
	return r.told(r.Workspace.Resize(ctx, in.spec(), r.progress))
}

// told is the result of a change of an instance: none when it has failed.
func (r *run) told(i lakeward.Instance, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return r.reached(i), nil
}

// reached is an instance with the port at which it is reached, which the workspace does not know.
func (r *run) reached(i lakeward.Instance) lakeward.Instance {
	i.Port = cmp.Or(r.Port, i.Port)
	return i
}

// Delete destroys an instance with all its data. Yes is the name again, typed by whoever wants it.
type Delete struct {
	Name string `json:"name"`
	Yes  string `json:"yes"`
}

// deleted is what a deletion has found before it began.
type deleted struct {
	Seen bool `json:"seen"`
}

// Kind implements [Input].
func (*Delete) Kind() string        { return "delete" }
func (in *Delete) instance() string { return works(in.Name) }
func (in *Delete) shown() any       { return in }

func (in *Delete) check() error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if in.Yes != in.Name {
		return lakeward.Errorf(lakeward.KindInvalid, "type its name once more, in the field yes",
			"this destroys instance %s and all its data", in.Name)
	}
	return nil
}

// do succeeds when the instance is gone that it, or an attempt before, has found.
func (in *Delete) do(ctx context.Context, r *run) (any, error) {
	var mark deleted
	if err := r.load(ctx, &mark); err != nil {
		return nil, err
	}
	_, err := r.Workspace.Instance(ctx, in.Name)
	if err == nil {
		mark.Seen = true
		if err = r.save(ctx, mark); err == nil {
			err = r.Workspace.Delete(ctx, in.Name, r.progress)
		}
	}
	if err != nil && (!mark.Seen || lakeward.KindOf(err) != lakeward.KindNotFound) {
		return nil, err
	}
	return map[string]string{"deleted": in.Name}, nil
}
