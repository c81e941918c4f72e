package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/term"

	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/settings"
)

// serverFlags say where a server's store and configuration are, for the commands that look at them.
type serverFlags struct {
	Store      string `help:"The server's store: a SQLite file, a postgres:// address or an instance (default: $$LAKEWARD_STORE, else a file in --dir)." placeholder:"STORE"`
	ConfigFile string `name:"config-file" help:"YAML file of settings (default: $$LAKEWARD_CONFIG)." placeholder:"FILE"`
	Instance   string `help:"The instance that the application uses." placeholder:"NAME"`
	Schema     string `help:"The schema of the application's tables." placeholder:"NAME"`
	Source     string `help:"The database that the application had before: a SQLite file or a postgres:// address." placeholder:"SOURCE"`
}

// fill takes what no flag has set from the environment.
func (f *serverFlags) fill(getenv func(string) string) {
	if f.Store == "" {
		f.Store = getenv("LAKEWARD_STORE")
	}
	if f.ConfigFile == "" {
		f.ConfigFile = getenv("LAKEWARD_CONFIG")
	}
}

func (f *serverFlags) settings() map[string]string {
	return map[string]string{settings.Instance: f.Instance, settings.Schema: f.Schema, settings.Source: f.Source}
}

type serveCmd struct {
	Listen string   `help:"Address to listen at (default: 127.0.0.1:8433; as a Databricks App, the port that it is given)." placeholder:"ADDR"`
	Admin  []string `help:"Who may change things on a Databricks App, by e-mail address, besides who has CAN_MANAGE on it; repeatable (also: $$LAKEWARD_ADMINS). Others may look." placeholder:"EMAIL" sep:"none"`
	serverFlags
	Verbose bool `short:"v" help:"Log what happens inside."`
}

// Run serves until a signal ends it.
func (c serveCmd) Run(ctx context.Context, a *app) error {
	c.fill(a.getenv)
	config, err := a.config()
	if err != nil {
		return err
	}
	if err := withoutCore(); err != nil {
		return err
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	// A person reads text; whatever collects logs reads JSON.
	text := term.IsTerminal(int(a.stderr.Fd()))
	return daemon.Serve(ctx, daemon.ServerOptions{
		Config: config, Getenv: a.getenv, Listen: c.Listen, Store: c.Store, Settings: c.settings(), File: c.ConfigFile,
		Administrators: c.Admin, Version: buildVersion(), Log: observe.NewLog(a.stderr, level, text),
		Ready: func(s daemon.Serving) error {
			return a.print(map[string]any{"ready": true, "server": servingOf(&s)}, func(w io.Writer) error {
				return writeServing(w, s, config.Workspace.Host.Text)
			})
		},
	})
}

// writeServing is what a person sees when the server answers.
func writeServing(w io.Writer, s daemon.Serving, workspace string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nLakeward is serving.\n\n")
	if s.App != "" {
		line(&b, "app", s.App+", at "+s.Address)
	} else {
		line(&b, "open", s.Link)
		line(&b, "", "the link works once; start the server again for another")
	}
	line(&b, "workspace", workspace)
	line(&b, "store", s.Store)
	fmt.Fprintf(&b, "\nCtrl-C stops it; what it was working on goes on with the next start.\n")
	_, err := io.WriteString(w, b.String())
	return err
}
