package main

import (
	"context"

	"github.com/lakeward/lakeward/migrate"
)

type verifyCmd struct {
	Source string   `arg:"" help:"SQLite file, or the postgres:// address of a database."`
	To     string   `required:"" help:"An instance, or a postgres:// address." placeholder:"TARGET"`
	Schema string   `help:"Schema of the target (default: public, or the plan's)." placeholder:"S"`
	Plan   string   `help:"The plan that was migrated by, as lakeward plan -o FILE writes it." placeholder:"FILE"`
	Report []string `help:"Write the report to this file, .html, .json or .txt; repeatable." sep:"none" placeholder:"FILE"`
	Jobs   int      `help:"Tables to compare at a time (default: one a processor, up to 4)." placeholder:"N"`

	WorkDir string `help:"Folder for the snapshot of the source (default: below --dir)." placeholder:"DIR"`
}

// Run compares every row again and shows the report.
func (c verifyCmd) Run(ctx context.Context, a *app) error {
	if err := checkReports(c.Report); err != nil {
		return err
	}
	options := migrate.Options{Schema: c.Schema, Jobs: c.Jobs}
	var err error
	if options.Plan, err = readPlan(c.Plan); err != nil {
		return err
	}
	if options.WorkDir, err = workDir(a, c.WorkDir); err != nil {
		return err
	}
	target, err := a.target(ctx, c.To)
	if err != nil {
		return err
	}
	progress, done := a.watch()
	options.TargetName, options.Progress = target.name, progress
	report, err := migrate.Verify(ctx, c.Source, target, options)
	done()
	return a.conclude(report, locate(err, c.Plan), c.Report)
}
