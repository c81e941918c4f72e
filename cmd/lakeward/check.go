package main

import (
	"context"

	"github.com/lakeward/lakeward/migrate"
)

type checkCmd struct {
	Source string `arg:"" help:"SQLite file, or the postgres:// address of a database."`
	To     string `required:"" help:"An instance, or a postgres:// address." placeholder:"TARGET"`
	Schema string `help:"Schema of the target, for a SQLite source (default: public)." placeholder:"S"`
	Jobs   int    `help:"Tables that the migration would load at a time (default: one a processor, up to 4)." placeholder:"N"`

	folders
}

// Run shows every check. One that failed gives the exit code that a migration would end with.
func (c checkCmd) Run(ctx context.Context, a *app) error {
	options := migrate.Options{Schema: c.Schema, Jobs: c.Jobs}
	if err := c.folders.set(a, &options); err != nil {
		return err
	}
	target, err := a.target(ctx, c.To)
	if err != nil {
		return err
	}
	options.TargetName = target.name
	found, err := migrate.MakePreflight(ctx, c.Source, target, options)
	if err != nil {
		return err
	}
	if err := a.print(found, found.WriteText); err != nil {
		return err
	}
	if err := found.Err(); err != nil {
		return &toldError{err}
	}
	return nil
}
