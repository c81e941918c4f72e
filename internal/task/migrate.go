package task

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/migrate"
)

// Migrate moves a database into an instance. The fields are the flags of lakeward migrate.
type Migrate struct {
	Source   string               `json:"source"`
	To       string               `json:"to"`
	Schema   string               `json:"schema,omitempty"`
	Strategy migrate.Strategy     `json:"strategy,omitempty"`
	Replace  string               `json:"replace,omitempty"`
	Jobs     int                  `json:"jobs,omitempty"`
	Strict   bool                 `json:"strict,omitempty"`
	NoBackup bool                 `json:"no_backup,omitempty"`
	OnMisfit migrate.Policy       `json:"on_misfit,omitempty"`
	OnOrphan migrate.OrphanPolicy `json:"on_orphan,omitempty"`
	Plan     json.RawMessage      `json:"plan,omitempty"` // as a plan operation returns it, edited or not
}

// Kind implements [Input].
func (*Migrate) Kind() string        { return "migrate" }
func (in *Migrate) instance() string { return works(in.To) }
func (in *Migrate) reaches() string  { return in.To }

func (in *Migrate) shown() any {
	shown := *in
	shown.Source, shown.To = address.Shown(in.Source), address.Shown(in.To)
	return shown
}

func (in *Migrate) check() error {
	return firstOf(checkSource(in.Source), checkTarget(in.To), checkStrategy(in.Strategy), checkJobs(in.Jobs),
		checkPolicies(in.OnMisfit, in.OnOrphan, in.Plan))
}

func (in *Migrate) do(ctx context.Context, r *run) (any, error) {
	report, err := in.run(ctx, r)
	if err == nil {
		in.note(ctx, r)
	}
	return reported(report, err)
}

// note has the configuration say that the application's instance has its data. The migration stands without that.
func (in *Migrate) note(ctx context.Context, r *run) {
	if in.Strategy == migrate.SchemaOnly || address.IsPostgres(in.To) {
		return
	}
	if err := r.Settings.Migrated(ctx, r.o.Actor, in.To, time.Now()); err != nil {
		r.Log.WarnContext(ctx, "the configuration could not be told of a migration", "instance", in.To, "error", err)
		r.progress.Send(lakeward.Event{Type: lakeward.EventWarning, Phase: "migrate", Message: "the configuration does not say that the data is migrated: " + err.Error()})
	}
}

// run is done again when it was interrupted: the migration finds what it has left, and goes on from there.
func (in *Migrate) run(ctx context.Context, r *run) (*migrate.Report, error) {
	o := migrate.Options{
		Schema: in.Schema, Strategy: in.Strategy, Replace: in.Replace, Jobs: in.Jobs, Strict: in.Strict,
		OnMisfit: in.OnMisfit, OnOrphan: in.OnOrphan, TargetName: targetName(in.To), Progress: r.progress,
		WorkDir: r.workDir(),
	}
	if !in.NoBackup {
		o.BackupDir = filepath.Join(r.Dir, "backups")
	}
	var err error
	if o.Plan, err = readPlan(in.Plan); err != nil {
		return nil, err
	}
	return judged(migrate.Run(ctx, in.Source, r.target(in.To), o))
}

// workDir is the folder in a server's own for what operations keep while they run.
const workDir = "work"

func (r *run) workDir() string { return filepath.Join(r.Dir, workDir) }

// judged makes an error of differences. Rows in quarantine are none: the report names them.
func judged(report *migrate.Report, err error) (*migrate.Report, error) {
	if err == nil && report.Outcome() == migrate.VerdictDifferent {
		err = lakeward.Errorf(lakeward.KindConflict, "the result names the rows that differ", "%s: source and target differ", report.Operation)
	}
	return report, err
}

// reported is the result of an operation with a report: none is none, and not a null.
func reported(report *migrate.Report, err error) (any, error) {
	if report == nil {
		return nil, err
	}
	return report, err
}

func checkStrategy(s migrate.Strategy) error {
	switch s {
	case "", migrate.SchemaAndData, migrate.SchemaOnly, migrate.DataOnly, migrate.UseExisting, migrate.ExpandExisting:
		return nil
	}
	return lakeward.Errorf(lakeward.KindInvalid,
		"choose schema-and-data, schema-only, data-only, use-existing or expand-existing", "there is no strategy %q", s)
}

func checkJobs(n int) error {
	if n < 0 {
		return lakeward.Errorf(lakeward.KindInvalid, "leave it out for one a processor", "jobs cannot be %d", n)
	}
	return nil
}

// checkPolicies refuses policies that there are not, those beside a plan, which has its own, and a plan that is none.
func checkPolicies(onMisfit migrate.Policy, onOrphan migrate.OrphanPolicy, plan json.RawMessage) error {
	if _, err := migrate.ParsePolicy(string(onMisfit)); err != nil {
		return err
	}
	if _, err := migrate.ParseOrphanPolicy(string(onOrphan)); err != nil {
		return err
	}
	given, err := readPlan(plan)
	if err == nil && given != nil && (onMisfit != "" || onOrphan != "") {
		err = lakeward.Errorf(lakeward.KindInvalid, "edit the plan", "on_misfit and on_orphan are for a plan that is made; this one has policies of its own")
	}
	return err
}

// readPlan reads a plan that was given, if one was.
func readPlan(text json.RawMessage) (*migrate.Plan, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	return migrate.ReadPlan(bytes.NewReader(text))
}

func firstOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
