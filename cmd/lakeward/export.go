package main

import (
	"context"

	"github.com/lakeward/lakeward/migrate"
)

type exportCmd struct {
	From      string   `arg:"" name:"instance" help:"An instance, or a postgres:// address."`
	File      string   `arg:"" help:"The SQLite file to make."`
	Schema    string   `help:"Schema of the migrated tables (default: the only one that a migration has filled)." placeholder:"S"`
	Migration string   `help:"The migration to go back from, where there are several." placeholder:"ID"`
	Original  bool     `help:"Leave out tables and columns that were added since."`
	Report    []string `help:"Write the report to this file, .html, .json or .txt; repeatable." sep:"none" placeholder:"FILE"`
	Jobs      int      `help:"Tables to compare at a time (default: one a processor, up to 4)." placeholder:"N"`
}

// Run writes the file, proves it, and shows the report.
func (c exportCmd) Run(ctx context.Context, a *app) error {
	if err := checkReports(c.Report); err != nil {
		return err
	}
	source, err := a.target(ctx, c.From)
	if err != nil {
		return err
	}
	progress, done := a.watch()
	report, err := migrate.Export(ctx, source, c.File, migrate.ExportOptions{
		Schema: c.Schema, Migration: c.Migration, Original: c.Original, Jobs: c.Jobs,
		SourceName: source.name, Progress: progress,
	})
	done()
	return a.conclude(report, err, c.Report)
}
