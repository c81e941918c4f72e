package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/proxy"
)

// lateWorkspace is the workspace of a proxy that may start before the workspace can be reached. Whoever needs it signs in
// when nobody has yet: clients wait in the proxy meanwhile, as they do for an instance that sleeps.
type lateWorkspace struct {
	open func(context.Context) (lakeward.Workspace, error)
	turn chan struct{} // holds one element while somebody reads or changes the rest

	opened lakeward.Workspace // nil until then
	err    error              // of the last attempt
	tried  time.Time
}

// openAgain is how long the outcome of an attempt holds for others: of many clients that wait, one asks.
const openAgain = time.Second

func newLateWorkspace(open func(context.Context) (lakeward.Workspace, error)) *lateWorkspace {
	return &lateWorkspace{open: open, turn: make(chan struct{}, 1)}
}

func (l *lateWorkspace) workspace(ctx context.Context) (lakeward.Workspace, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l.opened != nil || time.Since(l.tried) < openAgain {
		return l.opened, l.err
	}
	opened, err := l.open(ctx)
	if err != nil && ctx.Err() != nil { // a client who left says nothing about the workspace
		return nil, err
	}
	if err == nil {
		l.opened = opened
	}
	l.err, l.tried = err, time.Now()
	return l.opened, l.err
}

// Instance implements lakeward.Workspace.
func (l *lateWorkspace) Instance(ctx context.Context, name string) (lakeward.Instance, error) {
	ws, err := l.workspace(ctx)
	if err != nil {
		return lakeward.Instance{}, err
	}
	return ws.Instance(ctx, name)
}

// Credential implements lakeward.Workspace.
func (l *lateWorkspace) Credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error) {
	ws, err := l.workspace(ctx)
	if err != nil {
		return lakeward.Credential{}, err
	}
	return ws.Credential(ctx, i)
}

// lookLimit is how long the proxy looks for its instances before it lets clients in all the same.
const lookLimit = 5 * time.Second

// look finds out at once what waiting will not mend, such as the name of an instance that is wrong.
func (c proxyRunCmd) look(ctx context.Context, ws lakeward.Workspace, routes []proxy.RouteConfig, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	for _, r := range routes {
		switch _, err := ws.Instance(ctx, r.Instance); {
		case err == nil:
		case !proxy.Passes(err):
			return err
		default:
			log.WarnContext(ctx, "start without having seen the instance", "instance", r.Instance, "err", err)
			return nil
		}
	}
	return nil
}

// later is the workspace that the configuration names, which need not answer yet. It is an error when none is named.
func (a *app) later(ctx context.Context) (*config.Config, lakeward.Workspace, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	if cfg.Workspace.Kind == config.None {
		_, err := cfg.Open(ctx) // it says so
		return nil, nil, err
	}
	return cfg, newLateWorkspace(func(ctx context.Context) (lakeward.Workspace, error) {
		_, ws, err := a.open(ctx) // a local Lakebase may have another address when it has started
		return ws, err
	}), nil
}
