package main

import (
	"context"
)

type upCmd struct {
	Demo bool `help:"Migrate the example, a help desk's SQLite file, to an instance of its own."`
	listen
}

// Run runs the local Lakebase until a signal ends it.
func (c upCmd) Run(ctx context.Context, a *app) error {
	return a.serve(ctx, c.listen, c.Demo)
}
