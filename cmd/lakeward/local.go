package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/internal/standin"
)

type localCmd struct {
	Run   localRunCmd   `cmd:"" default:"withargs" help:"Run the local Lakebase (the default)."`
	Fault localFaultCmd `cmd:"" help:"Make it misbehave: fail calls, expire tokens, kill and freeze nodes."`
	Env   localEnvCmd   `cmd:"" help:"Print the exports with which official SDKs and the Databricks CLI talk to the local Lakebase."`
}

// listen is what starting a local Lakebase can be told.
type listen struct {
	API          string            `name:"api" help:"Address of the REST API (default: 127.0.0.1:8432)." placeholder:"ADDR"`
	Port         int               `help:"PostgreSQL port of its endpoints (default: 5432)." placeholder:"N"`
	WriteProfile string            `help:"Write a Databricks profile for it to ~/.databrickscfg." placeholder:"NAME"`
	Limit        map[string]string `help:"Set a limit of the workspace: instances, projects, connections, logical-size (bytes), suspend (the least, such as 5s)." placeholder:"NAME=VALUE"`
	Verbose      bool              `short:"v" help:"Log what happens inside."`
}

// options makes the local Lakebase's options; what the log says goes to standard error.
func (l listen) options(a *app) (standin.Options, error) {
	if err := l.check(); err != nil {
		return standin.Options{}, err
	}
	dir, err := config.LocalDir(a.flags, a.getenv)
	if err != nil {
		return standin.Options{}, err
	}
	level := slog.LevelWarn
	if l.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
	var limits standin.Limits
	for name, value := range l.Limit {
		if err := limits.Set(name, value); err != nil {
			return standin.Options{}, usagef(lakeward.HintOf(err), "--limit %s=%s: %w", name, value, err)
		}
	}
	return standin.Options{Dir: dir, API: l.API, Port: l.Port, Limits: limits, Log: log}, nil
}

// check refuses addresses that there cannot be, before an endpoint finds out.
func (l listen) check() error {
	if l.Port < 0 || l.Port > math.MaxUint16 {
		return usagef("choose one from 1 to 65535", "--port %d is not a port", l.Port)
	}
	if l.API == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(l.API)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("write ADDRESS:PORT, such as 127.0.0.1:8432", "--api %s is not an address with a port", l.API)
	}
	return nil
}

// profile writes the profile, if one was asked for.
func (l listen) profile(a *app, ws standin.WorkspaceFile) error {
	if l.WriteProfile == "" {
		return nil
	}
	path, err := config.ProfilePath(a.getenv)
	if err != nil {
		return err
	}
	return config.WriteProfile(path, l.WriteProfile, ws.Host, lakeward.Secret(ws.Token))
}

type localRunCmd struct {
	listen
}

// Run runs the local Lakebase until a signal ends it.
func (c localRunCmd) Run(ctx context.Context, a *app) error {
	return a.serve(ctx, c.listen, false, nil)
}

// serve runs the local Lakebase, with or without the example and the server, and shows what answers.
func (a *app) serve(ctx context.Context, l listen, demo bool, server *daemon.ServerOptions) error {
	options, err := l.options(a)
	if err != nil {
		return err
	}
	progress, done := a.watch()
	end := sync.OnceFunc(done)
	defer end()
	return daemon.Run(ctx, daemon.Options{
		Lakebase: options, Demo: demo, Progress: progress, Server: server,
		Ready: func(r daemon.Ready) error {
			end() // the screen comes after the last bar
			if err := l.profile(a, r.Workspace); err != nil {
				return err
			}
			return a.print(readyOf(r), screen{r, a.prefix(r.Dir)}.write)
		},
	})
}

type localEnvCmd struct {
	App string `help:"What a Databricks App would find whose resource is this instance, for a service principal of its own." placeholder:"INSTANCE"`
}

// Run prints what leads a program to the local Lakebase, whatever else the environment names.
func (e localEnvCmd) Run(ctx context.Context, a *app) error {
	dir, err := config.LocalDir(a.flags, a.getenv)
	if err != nil {
		return err
	}
	c, err := config.Resolve(config.Flags{Dir: dir}, only(a.getenv, "HOME"))
	if err != nil {
		return err
	}
	if c.Workspace.Kind == config.None {
		_, err := c.Open(ctx) // it says so
		return err
	}
	if err := c.Probe(ctx); err != nil {
		return err
	}
	if e.App != "" {
		return a.appEnv(ctx, dir, e.App, c.RootCAs.Text)
	}
	vars := [][2]string{
		{"DATABRICKS_HOST", c.Workspace.Host.Text},
		{"DATABRICKS_TOKEN", c.Workspace.Token.Text},
		{"DATABRICKS_AUTH_TYPE", "pat"},
		{"PGSSLMODE", "verify-full"},
		{"PGSSLROOTCERT", c.RootCAs.Text},
		{"PGPORT", strconv.Itoa(c.PortNumber())},
	}
	return a.exports(vars)
}

// exports prints what a shell is to evaluate.
func (a *app) exports(vars [][2]string) error {
	object := map[string]string{}
	for _, v := range vars {
		object[v[0]] = v[1]
	}
	return a.print(object, func(w io.Writer) error {
		for _, name := range strangers {
			if _, set := object[name]; a.getenv(name) != "" && !set {
				fmt.Fprintf(w, "unset %s\n", name)
			}
		}
		for _, v := range vars {
			fmt.Fprintf(w, "export %s=%s\n", v[0], quote(v[1]))
		}
		return nil
	})
}

// appEnv prints the environment of an app. The certificate authority is more than the platform gives: there, the system's
// authorities have signed.
func (a *app) appEnv(ctx context.Context, dir, instance, authority string) error {
	var answer standin.AppEnvironment
	err := callLocal(ctx, dir, http.MethodPost, "/lakeward/apps/"+url.PathEscape(instance)+"/environment", nil, &answer)
	if err != nil {
		return err
	}
	vars := [][2]string{{"PGSSLROOTCERT", authority}}
	for _, name := range slices.Sorted(maps.Keys(answer.Variables)) {
		vars = append(vars, [2]string{name, answer.Variables[name]})
	}
	return a.exports(vars)
}

// strangers are variables that would lead a program elsewhere, or give it two ways to sign in.
var strangers = []string{
	"DATABRICKS_TOKEN", "DATABRICKS_AUTH_TYPE", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_WORKSPACE_ID",
}

// only hides every variable but the named one.
func only(getenv func(string) string, name string) func(string) string {
	return func(n string) string {
		if n != name {
			return ""
		}
		return getenv(n)
	}
}

// quote makes one word of s for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
