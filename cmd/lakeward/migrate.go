package main

import (
	"context"
	"path/filepath"

	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/migrate"
)

type migrateCmd struct {
	Source   string           `arg:"" help:"SQLite file, or the postgres:// address of a database."`
	To       string           `required:"" help:"An instance, or a postgres:// address." placeholder:"TARGET"`
	Create   bool             `help:"Create the instance first."`
	Schema   string           `help:"Schema of the target (default: public, or the plan's)." placeholder:"S"`
	Plan     string           `help:"Obey the plan in this file, as lakeward plan -o FILE writes it." placeholder:"FILE"`
	Report   []string         `help:"Write the report to this file, .html, .json or .txt; repeatable." sep:"none" placeholder:"FILE"`
	Jobs     int              `help:"Tables to load at a time (default: one a processor, up to 4)." placeholder:"N"`
	Replace  string           `help:"Replace tables of the same names; takes the target's name as proof that it is meant." placeholder:"NAME"`
	Strategy migrate.Strategy `help:"What to bring: schema-and-data (default), schema-only, data-only (into the application's own empty tables), use-existing (only look) or expand-existing (add missing tables and columns)." placeholder:"STRATEGY"`
	Strict   bool             `help:"Fail when a value does not fit, whatever the policy."`

	OnMisfit migrate.Policy       `help:"What happens to values that a column's type cannot hold: quarantine (default), widen, null, fail or replace." placeholder:"POLICY"`
	OnOrphan migrate.OrphanPolicy `help:"What happens to rows without a parent: keep (default), quarantine or null." placeholder:"POLICY"`

	folders
	size
}

// folders are where a migration keeps what is not on the target.
type folders struct {
	WorkDir   string `help:"Folder for the snapshot of the source, with which a migration that was interrupted goes on (default: below --dir)." placeholder:"DIR"`
	BackupDir string `help:"Folder for the copy of the source that is kept (default: below --dir)." placeholder:"DIR"`
	NoBackup  bool   `help:"Keep no copy of the source."`
}

// set puts the folders into the options of a migration.
func (f folders) set(a *app, o *migrate.Options) (err error) {
	if o.WorkDir, err = workDir(a, f.WorkDir); err != nil || f.NoBackup {
		return err
	}
	o.BackupDir, err = localDir(a, f.BackupDir, "backups")
	return err
}

// workDir returns the folder for snapshots.
func workDir(a *app, asked string) (string, error) { return localDir(a, asked, "work") }

// localDir returns the folder that was asked for, or the one of that name in the folder of all local things.
func localDir(a *app, asked, name string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	dir, err := config.LocalDir(a.flags, a.getenv)
	return filepath.Join(dir, name), err
}

// Run migrates, shows the report, and writes it to the files that were asked for. A failed migration's report is
// written too: it tells how far it came.
func (c migrateCmd) Run(ctx context.Context, a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	options := migrate.Options{Schema: c.Schema, Jobs: c.Jobs, Replace: c.Replace, Strategy: c.Strategy, Strict: c.Strict, OnMisfit: c.OnMisfit, OnOrphan: c.OnOrphan}
	var err error
	if options.Plan, err = readPlan(c.Plan); err != nil {
		return err
	}
	if err := c.folders.set(a, &options); err != nil {
		return err
	}
	progress, done := a.watch()
	options.Progress = progress
	report, err := c.migrate(ctx, a, options)
	done()
	return a.conclude(report, locate(err, c.Plan), c.Report)
}

func (c migrateCmd) migrate(ctx context.Context, a *app, options migrate.Options) (*migrate.Report, error) {
	target, err := a.target(ctx, c.To)
	if err != nil {
		return nil, err
	}
	if c.Create {
		if err := migrate.CheckSource(ctx, c.Source); err != nil {
			return nil, err
		}
		if _, err := target.workspace.Create(ctx, c.spec(c.To), options.Progress); err != nil {
			return nil, err
		}
	}
	options.TargetName = target.name
	return migrate.Run(ctx, c.Source, target, options)
}

// check refuses a command line that cannot be meant.
func (c migrateCmd) check() error {
	switch {
	case c.Create && isDSN(c.To):
		return usagef("create the database there yourself, or name an instance", "--create makes an instance, not a server")
	case c.NoBackup && c.BackupDir != "":
		return usagef("leave one of them out", "--backup-dir and --no-backup contradict each other")
	case !c.Create && c.size != size{}:
		return usagef("add --create, or leave it out", "--capacity, --retention-days and --nodes belong to --create")
	}
	if err := checkPolicies(c.Plan, c.OnMisfit, c.OnOrphan); err != nil {
		return err
	}
	if err := c.size.check(); err != nil {
		return err
	}
	return checkReports(c.Report)
}
