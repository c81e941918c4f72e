package main

import (
	"context"
	"os"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/migrate"
)

// app is what every command is handed: the process's streams and environment, and the flags that all commands share.
type app struct {
	stdout, stderr *os.File

	getenv func(string) string
	flags  config.Flags
	json   bool
}

// config resolves the configuration.
func (a *app) config() (*config.Config, error) { return config.Resolve(a.flags, a.getenv) }

// open resolves the configuration and signs in to the workspace that it names.
func (a *app) open(ctx context.Context) (*config.Config, *databricks.Workspace, error) {
	c, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	ws, err := c.Open(ctx)
	return c, ws, err
}

// session is an instance that accepts logins, and the way to it.
type session struct {
	config    *config.Config
	workspace *databricks.Workspace
	connector *lakeward.Connector
	instance  lakeward.Instance
}

// session finds an instance that accepts logins.
func (a *app) session(ctx context.Context, name string) (s session, err error) {
	if s.config, s.workspace, err = a.open(ctx); err != nil {
		return s, err
	}
	s.connector = s.config.Connector(s.workspace, name)
	s.instance, err = usable(ctx, s.connector)
	return s, err
}

// usable returns the connector's instance unless it cannot be logged in to.
func usable(ctx context.Context, c *lakeward.Connector) (lakeward.Instance, error) {
	i, err := c.Instance(ctx)
	if err == nil && i.Status == lakeward.StatusError {
		err = lakeward.Errorf(lakeward.KindUnavailable, "to hear why: lakeward instance start "+i.Name,
			"instance %s has failed: the workspace reports it %s", i.Name, i.State)
	}
	return i, err
}

// target is where a migration goes, by the name that the user knows it by.
type target struct {
	migrate.Target
	name      string                // of the instance; empty for a postgres:// address
	workspace *databricks.Workspace // of the instance
}

// target finds what --to names.
func (a *app) target(ctx context.Context, to string) (target, error) {
	if isDSN(to) {
		return target{Target: migrate.DSN(to)}, nil
	}
	c, ws, err := a.open(ctx)
	if err != nil {
		return target{}, err
	}
	return target{Target: c.Connector(ws, to), name: to, workspace: ws}, nil
}
