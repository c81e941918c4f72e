package task

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/migrate"
)

// Plan says what a migration would do. Its result is a [migrate.Plan].
type Plan struct {
	Source   string               `json:"source"`
	Schema   string               `json:"schema,omitempty"`
	OnMisfit migrate.Policy       `json:"on_misfit,omitempty"`
	OnOrphan migrate.OrphanPolicy `json:"on_orphan,omitempty"`
	Plan     json.RawMessage      `json:"plan,omitempty"` // to check, instead of making one
}

// Kind implements [Input].
func (*Plan) Kind() string     { return "plan" }
func (*Plan) instance() string { return "" }

func (in *Plan) shown() any {
	shown := *in
	shown.Source = address.Shown(in.Source)
	return shown
}

func (in *Plan) check() error {
	return firstOf(checkSource(in.Source), checkPolicies(in.OnMisfit, in.OnOrphan, in.Plan))
}

func (in *Plan) do(ctx context.Context, r *run) (any, error) {
	o := migrate.PlanOptions{Schema: in.Schema, OnMisfit: in.OnMisfit, OnOrphan: in.OnOrphan, Progress: r.progress}
	given, err := readPlan(in.Plan)
	if err != nil {
		return nil, err
	}
	var plan *migrate.Plan
	if given != nil {
		plan, err = migrate.CheckPlan(ctx, in.Source, given, o)
	} else {
		plan, err = migrate.MakePlan(ctx, in.Source, o)
	}
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// Verify compares a source with an instance that it was migrated into. Differences are a failure.
type Verify struct {
	Source string          `json:"source"`
	To     string          `json:"to"`
	Schema string          `json:"schema,omitempty"`
	Jobs   int             `json:"jobs,omitempty"`
	Plan   json.RawMessage `json:"plan,omitempty"` // that was migrated by
}

// Kind implements [Input].
func (*Verify) Kind() string        { return "verify" }
func (in *Verify) instance() string { return works(in.To) }
func (in *Verify) reaches() string  { return in.To }

func (in *Verify) shown() any {
	shown := *in
	shown.Source, shown.To = address.Shown(in.Source), address.Shown(in.To)
	return shown
}

func (in *Verify) check() error {
	return firstOf(checkSource(in.Source), checkTarget(in.To), checkJobs(in.Jobs), checkPolicies("", "", in.Plan))
}

func (in *Verify) do(ctx context.Context, r *run) (any, error) {
	o := migrate.Options{
		Schema: in.Schema, Jobs: in.Jobs, TargetName: targetName(in.To), Progress: r.progress, WorkDir: r.workDir(),
	}
	var err error
	if o.Plan, err = readPlan(in.Plan); err != nil {
		return nil, err
	}
	return reported(judged(migrate.Verify(ctx, in.Source, r.target(in.To), o)))
}

// Check looks for what stands in the way of a migration. Its result is a [migrate.Preflight]; a check that failed is a
// failure.
type Check struct {
	Source string `json:"source"`
	To     string `json:"to"`
	Schema string `json:"schema,omitempty"`
	Jobs   int    `json:"jobs,omitempty"`

	NoBackup bool `json:"no_backup,omitempty"` // the migration would keep none
}

// Kind implements [Input].
func (*Check) Kind() string        { return "check" }
func (in *Check) instance() string { return works(in.To) }

func (in *Check) shown() any {
	shown := *in
	shown.Source, shown.To = address.Shown(in.Source), address.Shown(in.To)
	return shown
}

func (in *Check) check() error {
	return firstOf(checkSource(in.Source), checkTarget(in.To), checkJobs(in.Jobs))
}

func (in *Check) do(ctx context.Context, r *run) (any, error) {
	o := migrate.Options{Schema: in.Schema, Jobs: in.Jobs, TargetName: targetName(in.To), WorkDir: r.workDir()}
	if !in.NoBackup {
		o.BackupDir = filepath.Join(r.Dir, "backups")
	}
	found, err := migrate.MakePreflight(ctx, in.Source, r.target(in.To), o)
	if err != nil {
		return nil, err
	}
	return found, found.Err()
}
