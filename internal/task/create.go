package task

import (
	"context"
	"errors"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/migrate"
)

// Create makes an instance. With a source it migrates that into it, and with Enable it then makes the instance the one
// that the application uses.
type Create struct {
	Name          string `json:"name"`
	Capacity      string `json:"capacity,omitempty"`
	RetentionDays int    `json:"retention_days,omitempty"`
	Nodes         int    `json:"nodes,omitempty"`
	Source        string `json:"source,omitempty"`
	Schema        string `json:"schema,omitempty"`
	Enable        bool   `json:"enable,omitempty"`
}

// Created is the result of a [Create].
type Created struct {
	lakeward.Instance
	Report  *migrate.Report `json:"report,omitempty"` // of the migration
	Enabled bool            `json:"enabled,omitempty"`
}

// making is how far a creation is.
type making struct {
	Asked  bool            `json:"asked"`            // the name was free, and the workspace was asked for the instance
	UID    string          `json:"uid,omitempty"`    // of the instance
	Report *migrate.Report `json:"report,omitempty"` // of the migration into it, which has succeeded
}

// Kind implements [Input].
func (*Create) Kind() string        { return "create" }
func (in *Create) instance() string { return in.Name }

func (in *Create) shown() any {
	shown := *in
	shown.Source = address.Shown(in.Source)
	return shown
}

func (in *Create) spec() databricks.Spec {
	return databricks.Spec{Name: in.Name, Capacity: in.Capacity, RetentionDays: in.RetentionDays, Nodes: in.Nodes}
}

func (in *Create) check() error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if err := in.spec().Check(); err != nil {
		return err
	}
	if in.Source == "" {
		return nil
	}
	return checkSource(in.Source)
}

func (in *Create) do(ctx context.Context, r *run) (any, error) {
	var mark making
	if err := r.load(ctx, &mark); err != nil {
		return nil, err
	}
	if in.Source != "" && mark.Report == nil { // no instance is made for a source that cannot be read
		if err := migrate.CheckSource(ctx, in.Source); err != nil {
			return nil, err
		}
	}
	instance, err := in.ensure(ctx, r, &mark)
	if err != nil {
		return nil, err
	}
	result := Created{Instance: r.reached(instance), Report: mark.Report}
	var migrated time.Time
	if in.Source != "" {
		if result.Report == nil {
			move := Migrate{Source: in.Source, To: in.Name, Schema: in.Schema}
			if result.Report, err = move.run(ctx, r); err != nil {
				return result, err
			}
			mark.Report = result.Report
			if err := r.save(ctx, mark); err != nil {
				return result, err
			}
		}
		migrated = time.Now()
	}
	if in.Enable {
		err = r.enable(ctx, instance, choice{schema: in.Schema, source: in.Source, migrated: migrated})
		result.Enabled = err == nil
	}
	return result, err
}

// ensure makes the instance, or goes on with the one that an attempt before has made. Somebody else's is a conflict.
func (in *Create) ensure(ctx context.Context, r *run, mark *making) (lakeward.Instance, error) {
	found, err := r.Workspace.Instance(ctx, in.Name)
	switch {
	case err == nil && !mark.Asked:
		return found, lakeward.Errorf(lakeward.KindConflict, "choose another name, or migrate into it (lakeward migrate SOURCE --to "+in.Name+")",
			"there is an instance %s already", in.Name)
	case err == nil && mark.UID != "" && mark.UID != found.UID:
		return found, lakeward.Errorf(lakeward.KindConflict, "choose another name, or migrate into it (lakeward migrate SOURCE --to "+in.Name+")",
			"instance %s is another than the one that was made here", in.Name)
	case err != nil && lakeward.KindOf(err) != lakeward.KindNotFound:
		return found, err
	case err != nil:
		found, err = in.make(ctx, r, mark)
	default:
		found, err = in.await(ctx, r)
	}
	if err != nil || mark.UID == found.UID {
		return found, err
	}
	mark.UID = found.UID
	return found, r.save(ctx, mark)
}

// make asks the workspace for the instance. That it will is noted before: whoever comes after a kill must know that the
// instance is ours.
func (in *Create) make(ctx context.Context, r *run, mark *making) (lakeward.Instance, error) {
	asked := mark.Asked
	*mark = making{Asked: true}
	if err := r.save(ctx, mark); err != nil {
		return lakeward.Instance{}, err
	}
	i, err := r.Workspace.Create(ctx, in.spec(), r.progress)
	if lakeward.KindOf(err) != lakeward.KindConflict {
		return i, err
	}
	if asked { // by the attempt before, of which the workspace had not told yet
		return in.await(ctx, r)
	}
	mark.Asked = false // somebody was faster
	return i, errors.Join(err, r.save(ctx, mark))
}

// await waits until an instance that is being made accepts logins.
func (in *Create) await(ctx context.Context, r *run) (lakeward.Instance, error) {
	i, err := r.settled(ctx, in.Name, in.Kind())
	switch {
	case err != nil || i.Status == lakeward.StatusReady:
		return i, err
	case i.Status == lakeward.StatusStopped:
		return r.Workspace.Start(ctx, in.Name, r.progress)
	}
	return i, lakeward.Errorf(lakeward.KindInternal, "look at it in the workspace, or delete it and try again",
		"create instance %s: the workspace reports it %s", in.Name, i.State)
}
