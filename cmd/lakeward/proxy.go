package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/proxy"
)

type proxyCmd struct {
	Run    proxyRunCmd    `cmd:"" default:"withargs" help:"Run the proxy (the default)."`
	Status proxyStatusCmd `cmd:"" help:"Show the routes of a running proxy."`
	Pause  proxyPauseCmd  `cmd:"" help:"Let running transactions end, and hold back new ones."`
	Switch proxySwitchCmd `cmd:"" help:"Let a route lead to another instance, without a failed transaction."`
	Resume proxyResumeCmd `cmd:"" help:"Let clients go on after a pause."`
}

type proxyRunCmd struct {
	Instance     string        `arg:"" optional:"" help:"Name of the instance."`
	Config       string        `short:"c" help:"YAML file with routes, instead of an instance." type:"existingfile" placeholder:"FILE"`
	Listen       []string      `help:"Address or path of a unix socket to listen on (default: 127.0.0.1:6432); repeatable." placeholder:"ADDR"`
	Database     string        `help:"Database of clients that name none (default: the instance's)." placeholder:"NAME"`
	PasswordFile string        `help:"File with a password that clients must know." type:"existingfile" placeholder:"FILE"`
	Wait         time.Duration `help:"How long a client waits for the instance (default: 1m)." placeholder:"TIME"`
	MaxConns     int           `name:"max-conns" help:"Sessions on the instance at most; further clients wait." placeholder:"N"`
	Mode         string        `enum:"session,transaction" default:"session" help:"session: each client has a session of its own; transaction: clients share them."`
	PoolSize     int           `help:"Sessions that clients share, of one database at most (default: 20)." placeholder:"N"`
	HTTP         string        `name:"http" help:"Address for /healthz, /readyz and /metrics." placeholder:"ADDR"`
	Drain        time.Duration `help:"How long sessions may take to end at shutdown (default: 30s)." placeholder:"TIME"`
	Admin        string        `help:"Unix socket for orders (default: one of this user's, by the route's name)." placeholder:"PATH"`
}

// read makes the configuration of flags or file.
func (c proxyRunCmd) read(getenv func(string) string) (proxy.Config, error) {
	var out proxy.Config
	switch {
	case c.Config != "" && c.Instance != "":
		return out, usagef("leave out one of them", "--config names the instances already")
	case c.Config != "":
		var err error
		if out, err = proxy.ReadConfig(c.Config); err != nil {
			return out, err
		}
	case c.Instance == "":
		return out, usagef("lakeward proxy INSTANCE, or lakeward proxy --config FILE", "which instance?")
	default:
		out = proxy.Config{HTTP: c.HTTP, Drain: c.Drain, Admin: c.Admin, Routes: []proxy.RouteConfig{{
			Instance: c.Instance, Listen: c.Listen, Database: c.Database, PasswordFile: c.PasswordFile, Wait: c.Wait, MaxConns: c.MaxConns,
			Mode: c.Mode, PoolSize: c.PoolSize,
		}}}
		if err := out.Complete(); err != nil {
			return out, err
		}
	}
	if out.Admin == "" {
		name := ""
		if len(out.Routes) == 1 {
			name = out.Routes[0].Name
		}
		var err error
		if out.Admin, err = adminSocket(getenv, name); err != nil {
			return out, err
		}
	}
	return out, nil
}

// garbage is how much of it the proxy may have, in percent of what it needs. Only logins make any: to collect it four times as
// often as usual costs nothing that could be measured, and saves a quarter of the memory of idle clients.
const garbage = 25

// Run runs the proxy until a signal ends it.
func (c proxyRunCmd) Run(ctx context.Context, a *app) error {
	settings, err := c.read(a.getenv)
	if err != nil {
		return err
	}
	if err := withoutCore(); err != nil {
		return err
	}
	cfg, ws, err := a.later(ctx)
	if err != nil {
		return err
	}
	log := observe.NewLog(a.stderr, slog.LevelInfo, !a.json)
	if err := c.look(ctx, ws, settings.Routes, log); err != nil {
		return err
	}
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	server, err := proxy.New(proxy.Options{
		Config: settings, Log: log, Version: buildVersion(),
		Connector: func(instance string) *lakeward.Connector { return cfg.Connector(ws, instance) },
	})
	if err != nil {
		return err
	}
	if err := a.print(server.States(), func(w io.Writer) error { return c.screen(w, server, settings) }); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return server.Run(ctx) })
	work.Go(func() error { return proxy.ServeHTTP(ctx, settings.Admin, server.Admin()) })
	if settings.HTTP != "" {
		work.Go(func() error { return proxy.ServeHTTP(ctx, settings.HTTP, server.Health()) })
	}
	work.Go(func() error { c.reload(ctx, a, server, log); return nil })
	return work.Wait()
}

// reload reads the configuration again at each SIGHUP.
func (c proxyRunCmd) reload(ctx context.Context, a *app, server *proxy.Server, log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
		case <-ctx.Done():
			return
		}
		settings, err := c.read(a.getenv)
		if err == nil {
			err = server.Reload(settings)
		}
		if err != nil {
			log.ErrorContext(ctx, "reload configuration", "err", err)
			continue
		}
		log.InfoContext(ctx, "configuration reloaded")
	}
}

func (c proxyRunCmd) screen(w io.Writer, server *proxy.Server, settings proxy.Config) error {
	password := "no password"
	for _, r := range settings.Routes {
		for i, address := range r.Listen {
			if i == 0 {
				address = server.Addr(r.Name).String()
			}
			line := r.Name + "   " + localDSN(address)
			if r.Password != "" {
				line += "   with its password"
				password = "no password where none is mentioned"
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\nany user name, %s, no TLS: the proxy brings its own\nadmin  %s\n", password, settings.Admin)
	return err
}

// localDSN is what an application is configured with.
func localDSN(address string) string {
	if strings.Contains(address, "/") {
		port := strings.TrimPrefix(filepath.Ext(address), ".")
		if _, err := strconv.Atoi(port); err != nil {
			return address
		}
		return fmt.Sprintf("postgres:///?host=%s&port=%s", filepath.Dir(address), port)
	}
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			address = net.JoinHostPort(name, port)
		}
	}
	return "postgres://app@" + address + "/" + lakeward.DefaultDatabase + "?sslmode=disable"
}

// adminSocket returns where orders for a route are taken, in a folder that only this user can enter.
func adminSocket(getenv func(string) string, route string) (string, error) {
	dir := filepath.Join(os.TempDir(), "lakeward-"+strconv.Itoa(os.Getuid()))
	if runtime := getenv("XDG_RUNTIME_DIR"); runtime != "" {
		dir = filepath.Join(runtime, "lakeward")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder for the admin socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the folder for the admin socket: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(stat.Uid) != os.Getuid() {
		return "", lakeward.Errorf(lakeward.KindDenied, "name another path with --admin",
			"%s is not a folder that only this user can enter", dir)
	}
	if route != "" {
		route = "-" + route
	}
	return filepath.Join(dir, "proxy"+route+".sock"), nil
}

// adminFlag finds the admin socket of a running proxy.
type adminFlag struct {
	Admin string `help:"Admin socket of the proxy (default: the one of this route, or of the only proxy with several)." placeholder:"PATH"`
}

func (f adminFlag) client(a *app, route string) (*proxy.Client, error) {
	if f.Admin != "" {
		return proxy.NewClient(f.Admin), nil
	}
	for _, name := range []string{route, ""} {
		path, err := adminSocket(a.getenv, name)
		if err != nil {
			return nil, err
		}
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
			return proxy.NewClient(path), nil
		}
	}
	return nil, lakeward.Errorf(lakeward.KindUnavailable, "start one with: lakeward proxy "+route+", or name its socket with --admin",
		"no proxy with a route %s answers", route)
}

type proxyStatusCmd struct {
	adminFlag
	Route string `arg:"" optional:"" help:"Name of a route; default: all of the proxy that serves several."`
}

// Run shows the routes.
func (c proxyStatusCmd) Run(ctx context.Context, a *app) error {
	client, err := c.client(a, c.Route)
	if err != nil {
		return err
	}
	states, err := client.States(ctx)
	if err != nil {
		return err
	}
	if c.Route != "" {
		states = slices.DeleteFunc(states, func(s proxy.RouteState) bool { return s.Name != c.Route })
		if len(states) == 0 {
			return lakeward.Errorf(lakeward.KindNotFound, "lakeward proxy status shows which there are", "there is no route %s", c.Route)
		}
	}
	return a.print(states, func(w io.Writer) error {
		var errs []error
		for _, s := range states {
			errs = append(errs, writeRoute(w, s))
		}
		return errors.Join(errs...)
	})
}

func writeRoute(w io.Writer, s proxy.RouteState) error {
	state := "open"
	if s.Paused {
		state = "paused"
	}
	_, err := fmt.Fprintf(w, "%s → %s   %s   %s, %s inside a transaction, %d waiting\n", s.Name, s.Instance, state,
		plural(int64(s.Sessions), "session"), strconv.Itoa(s.Busy), s.Waiting)
	for _, stays := range s.Stays {
		_, err2 := fmt.Fprintf(w, "  %s on %s holds %s and cannot move\n", stays.Client, stays.Database, stays.Holds)
		err = errors.Join(err, err2)
	}
	return err
}

// pausing is what an order that needs a pause can be told.
type pausing struct {
	Within time.Duration `help:"How long running transactions may still take." default:"30s" placeholder:"TIME"`
	Force  bool          `help:"End those that take longer, instead of giving up."`
}

type proxyPauseCmd struct {
	adminFlag
	pausing
	Route string `arg:"" help:"Name of the route."`
}

// Run pauses a route.
func (c proxyPauseCmd) Run(ctx context.Context, a *app) error {
	return c.order(ctx, a, c.Route, "pause", proxy.Order{Within: c.Within, Force: c.Force})
}

type proxySwitchCmd struct {
	adminFlag
	pausing
	Route    string `arg:"" help:"Name of the route."`
	Instance string `arg:"" help:"Where it shall lead."`
}

// Run switches a route.
func (c proxySwitchCmd) Run(ctx context.Context, a *app) error {
	return c.order(ctx, a, c.Route, "switch", proxy.Order{Instance: c.Instance, Within: c.Within, Force: c.Force})
}

type proxyResumeCmd struct {
	adminFlag
	Route string `arg:"" help:"Name of the route."`
}

// Run resumes a route.
func (c proxyResumeCmd) Run(ctx context.Context, a *app) error {
	return c.order(ctx, a, c.Route, "resume", proxy.Order{})
}

func (f adminFlag) order(ctx context.Context, a *app, route, verb string, o proxy.Order) error {
	client, err := f.client(a, route)
	if err != nil {
		return err
	}
	state, err := client.Order(ctx, route, verb, o)
	if err != nil {
		return err
	}
	return a.print(state, func(w io.Writer) error { return writeRoute(w, state) })
}
