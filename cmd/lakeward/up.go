package main

import (
	"context"
	"log/slog"

	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/internal/observe"
)

type upCmd struct {
	Demo   bool   `help:"Migrate the example, a help desk's SQLite file, to an instance of its own."`
	Listen string `help:"Address of the server (default: 127.0.0.1:8433)." placeholder:"ADDR"`
	listen
}

// Run runs the local Lakebase and the server until a signal ends them.
func (c upCmd) Run(ctx context.Context, a *app) error {
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	return a.serve(ctx, c.listen, c.Demo, &daemon.ServerOptions{
		Listen: c.Listen, Getenv: a.getenv, Version: buildVersion(), Log: observe.NewLog(a.stderr, level, true),
	})
}
