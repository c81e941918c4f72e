package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
)

type configCmd struct {
	serverFlags
}

// Run prints every value with the place it comes from, secrets hidden.
func (cmd configCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	cmd.fill(a.getenv)
	lakebase, notes, err := cmd.load(ctx, a, c)
	if err != nil {
		return err
	}
	all := append(c.Settings(), lakebase.Set()...)
	values := map[string]any{}
	rows := [][]string{{"SETTING", "VALUE", "ORIGIN"}}
	for _, s := range all {
		values[s.Name] = s.Value
		rows = append(rows, []string{s.Name, s.String(), s.Origin})
	}
	if len(notes) > 0 {
		values["notes"] = notes
	}
	return a.print(values, func(w io.Writer) error {
		if err := table(w, rows); err != nil {
			return err
		}
		for _, n := range notes {
			fmt.Fprintf(w, "\n%s\n", oneLine(n))
		}
		if c.Workspace.Kind != config.None {
			return nil
		}
		_, err := fmt.Fprintln(w, "\nNo workspace is configured and no local Lakebase was started here. Start one with: lakeward up")
		return err
	})
}

// load finds out which instance the application uses, as a server with the same flags would. What cannot be asked is a
// note: the rest is worth showing.
func (cmd configCmd) load(ctx context.Context, a *app, c *config.Config) (settings.Lakebase, []string, error) {
	var notes []string
	note := func(what string, err error) {
		text := what + ": " + err.Error()
		if hint := lakeward.HintOf(err); hint != "" {
			text += " → " + hint
		}
		notes = append(notes, text)
	}
	var ws *databricks.Workspace
	connector := func(instance string) *lakeward.Connector { return c.Connector(ws, instance) }
	place := config.StorePlace(cmd.Store, c.Dir.Text)
	var kept *store.Store
	o := settings.Options{Flags: cmd.settings(), Getenv: a.getenv, File: cmd.ConfigFile, Connector: connector}
	if place.Instance == "" && there(place.Path) {
		var err error
		if kept, err = daemon.OpenStore(ctx, place, connector, a.getenv, slog.New(slog.DiscardHandler)); err != nil {
			note("the server's store could not be read", err)
		} else {
			defer kept.Close()
			o.Store = kept
		}
	}
	s, err := settings.New(o)
	if err != nil {
		return settings.Lakebase{}, nil, err
	}
	if place.Instance != "" || s.Leads(ctx) {
		if ws, err = c.Open(ctx); err != nil {
			note("the workspace could not be asked", err)
		}
	}
	if place.Instance != "" && ws != nil {
		if kept, err = daemon.OpenStore(ctx, place, connector, a.getenv, slog.New(slog.DiscardHandler)); err != nil {
			note("the server's store could not be read", err)
		} else {
			defer kept.Close()
			o.Store = kept
		}
	}
	if o.Workspace = ws; ws != nil {
		if s, err = settings.New(o); err != nil {
			return settings.Lakebase{}, nil, err
		}
	}
	l, err := s.Load(ctx)
	if err != nil {
		note("Lakebase cannot be used", err)
	}
	for _, c := range l.Contradictions {
		notes = append(notes, c.String())
	}
	return l, append(notes, l.Notes...), nil
}

// there says whether a store in a file was ever made: to look at the configuration makes none.
func there(path string) bool {
	if path == "" {
		return true
	}
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
