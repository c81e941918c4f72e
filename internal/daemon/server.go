package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/web"
)

// DefaultListen is where a server listens unless it is told otherwise or runs as a Databricks App.
const DefaultListen = "127.0.0.1:8433"

// ServerOptions say how to serve.
type ServerOptions struct {
	Config *config.Config // the workspace, and the folder for everything local
	Getenv func(string) string

	Listen         string            // an address; empty means DefaultListen, or what Databricks Apps ask for
	Store          string            // see [config.StorePlace]
	Settings       map[string]string // flags among the settings
	File           string            // of settings
	Administrators []string          // behind Databricks Apps, besides who manages the app

	Version string
	Log     *slog.Logger

	// Ready is called once, when requests are answered. An error from it ends the server.
	Ready func(Serving) error
}

// Serving is what answers.
type Serving struct {
	Address string // such as http://127.0.0.1:8433
	Link    string // works once; empty where identities are forwarded
	Store   string // where the server keeps what it knows
	App     string // the name of the Databricks App
}

// How long a client may take, and the server at its end. There is no limit on a whole request or answer, which would cut
// streams of events: the handlers bound what they read and write.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	graceTime  = 10 * time.Second // for requests that are being answered when the server ends
	streamTime = time.Second      // for streams of events, which begin again at the next server
	settleTime = time.Minute      // between tries to tell mirrors what they missed
	tidyTime   = time.Hour        // between looks for uploads that nobody needs any more
	uploadTime = 7 * 24 * time.Hour
)

// Serve answers requests and works on operations until ctx is done, which is a normal end. What was being worked on goes
// on with the next server.
func Serve(ctx context.Context, o ServerOptions) error {
	listener, err := listen(ctx, o.address())
	if err != nil {
		return err
	}
	return serve(ctx, o, listener)
}

// serve is [Serve] with the address taken already.
func serve(ctx context.Context, o ServerOptions, listener net.Listener) (err error) {
	defer listener.Close()
	ending := context.WithoutCancel(ctx)
	endTraces, err := observe.Trace(ctx, o.Getenv, o.Version)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ending, graceTime)
		defer cancel()
		if failed := endTraces(ctx); failed != nil {
			o.Log.Warn("the last traces were not sent", "error", failed)
		}
	}()
	ws, err := o.Config.Open(ctx)
	if err != nil {
		return err
	}
	dir := config.ServerDir(o.Config.Dir.Text)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return lakeward.Errorf(lakeward.KindUnavailable, "choose a folder that can be written, with --dir or LAKEWARD_DIR",
			"make the server's folder: %w", err)
	}
	leave, err := occupy(dir)
	if err != nil {
		return err
	}
	defer leave()
	os.Remove(filepath.Join(dir, serverFile)) // of a server that was killed
	if err := task.Sweep(dir); err != nil {
		o.Log.Warn("what a killed server has left is not deleted", "error", err)
	}
	s, err := o.open(ctx, ws, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	return s.run(ctx, listener)
}

// server is a server with everything that it stands on.
type server struct {
	ServerOptions
	workspace *databricks.Workspace
	store     *store.Store
	settings  *settings.Settings
	tasks     *task.Service
	gate      *access.Gate
	token     lakeward.Secret // for programs of this machine
	dir       string
}

// app says whether the server runs as a Databricks App. The platform always says at which port to listen; the name alone
// may be set by anybody who wants to find an app's configuration, and makes nobody believe forwarded identities.
func (o *ServerOptions) app() bool { return o.Getenv("DATABRICKS_APP_PORT") != "" }

func (o *ServerOptions) address() string {
	if o.Listen == "" && o.app() {
		return net.JoinHostPort("0.0.0.0", o.Getenv("DATABRICKS_APP_PORT"))
	}
	return cmp.Or(o.Listen, DefaultListen)
}

func (o *ServerOptions) connector(ws *databricks.Workspace) func(string) *lakeward.Connector {
	return func(instance string) *lakeward.Connector { return o.Config.Connector(ws, instance) }
}

// open opens the store and makes what stands on it.
func (o ServerOptions) open(ctx context.Context, ws *databricks.Workspace, dir string) (_ *server, err error) {
	s := &server{ServerOptions: o, workspace: ws, dir: dir, token: newToken()}
	if s.store, err = OpenStore(ctx, config.StorePlace(o.Store, o.Config.Dir.Text), o.connector(ws), o.Getenv, o.Log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.store.Close()
		}
	}()
	s.settings, err = settings.New(settings.Options{
		Flags: o.Settings, Getenv: o.Getenv, File: o.File, Store: s.store, Workspace: ws, Connector: o.connector(ws), Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	s.tasks, err = task.New(ctx, task.Options{
		Store: s.store, Workspace: ws, Connector: o.connector(ws), Port: o.Config.PortNumber(), Settings: s.settings,
		Dir: s.dir, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	gate := access.Options{
		Forwarded: o.app(), Administrators: o.administrators(), Token: s.token, Audit: s.store.Audit,
		Sessions: filepath.Join(s.dir, "sessions.json"), RequestID: observe.RequestID, MaxBodies: api.Bodies(0), Log: o.Log,
	}
	if name := o.Getenv("DATABRICKS_APP_NAME"); o.app() && name != "" {
		gate.Manages = newManagers(name, ws.ManagesApp).Manages
	}
	s.gate, err = access.New(gate)
	if err != nil && o.app() {
		err = lakeward.Errorf(lakeward.KindInvalid, "set LAKEWARD_ADMINS to e-mail addresses with commas between them, or pass --admin; "+
			"with DATABRICKS_APP_NAME, who has CAN_MANAGE on the app is an administrator", "%w", err)
	}
	return s, err
}

// OpenStore opens the store at a place.
func OpenStore(ctx context.Context, at config.Place, connector func(string) *lakeward.Connector, getenv func(string) string,
	log *slog.Logger,
) (*store.Store, error) {
	o := store.Options{Path: at.Path, DSN: at.DSN, Log: log}
	if at.Instance != "" {
		o.Config = connector(at.Instance).Config
	}
	if text := getenv(store.KeyVariable); text != "" {
		var err error
		if o.Key, err = store.ParseKey(text); err != nil {
			return nil, err
		}
	}
	return store.Open(ctx, o)
}

func (o *ServerOptions) administrators() []string {
	all := o.Administrators
	for name := range strings.SplitSeq(o.Getenv("LAKEWARD_ADMINS"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// listen takes the address before anything else is begun, so that a second server changes nothing.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, lakeward.Errorf(lakeward.KindConflict, "end the program that has it, or choose another address with --listen",
			"%s is taken: another program listens there", address)
	case err != nil:
		return nil, lakeward.Errorf(lakeward.KindInvalid, "choose another address with --listen, such as "+DefaultListen,
			"listen at %s: %w", address, err)
	}
	return l, nil
}

// run answers and works until ctx is done.
func (s *server) run(ctx context.Context, listener net.Listener) error {
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return streams },
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answer requests: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		late := time.AfterFunc(streamTime, endStreams)
		defer late.Stop()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
		defer cancel()
		if err := srv.Shutdown(ending); err != nil {
			s.Log.Warn("not all requests were answered before the end", "error", err)
			return srv.Close()
		}
		return nil
	})
	group.Go(func() error { return s.tasks.Run(ctx) })
	group.Go(func() error { return s.settle(ctx) })
	group.Go(func() error { return s.tidy(ctx) })
	group.Go(func() error { return s.announce(ctx, listener) })
	return group.Wait()
}

// announce tells the command line and the caller where the server is.
func (s *server) announce(ctx context.Context, listener net.Listener) error {
	address := "http://" + reachable(listener.Addr())
	serving := Serving{Address: address, Store: s.store.Name()}
	if s.app() {
		serving.App = cmp.Or(s.Getenv("DATABRICKS_APP_NAME"), "unnamed")
	} else {
		serving.Link = s.gate.Link(address)
	}
	file := filepath.Join(s.dir, serverFile)
	if err := writeServerFile(file, ServerFile{Address: address, Token: s.token.Reveal(), PID: os.Getpid()}); err != nil {
		return err
	}
	defer os.Remove(file)
	s.Log.Info("serving", "address", address, "store", s.store.Name(), "workspace", s.workspace.Host())
	if err := s.Ready(serving); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// setup is the configuration that the server was started with.
func (s *server) setup() (all []api.Setting) {
	for _, v := range s.Config.Settings() {
		all = append(all, api.ShowSetting(v.Name, v.Value))
	}
	return append(all, api.Setting{Name: "store", Value: s.store.Name(), Origin: cmp.Or(s.storeOrigin(), "default")},
		api.Setting{Name: "sources", Value: s.sources(), Origin: cmp.Or(s.sourcesOrigin(), "default")})
}

func (s *server) storeOrigin() string {
	switch s.Store {
	case "":
		return ""
	case s.Getenv("LAKEWARD_STORE"):
		return "LAKEWARD_STORE"
	}
	return "--store"
}

// sourcesVariable names the folder below which administrators may look for databases.
const sourcesVariable = "LAKEWARD_SOURCES"

func (s *server) sourcesOrigin() string {
	if s.Getenv(sourcesVariable) != "" {
		return sourcesVariable
	}
	return ""
}

// sources is where administrators may look for databases: by default the home of the server's user.
func (s *server) sources() string {
	folder := s.Getenv(sourcesVariable)
	if folder == "" {
		folder, _ = os.UserHomeDir()
	}
	if folder, err := filepath.Abs(folder); err == nil {
		return folder
	}
	return ""
}

// reachable is the address under which a program on this machine finds a listener.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// settle tells instances what they could not be told when the configuration was saved.
func (s *server) settle(ctx context.Context) error {
	return s.every(ctx, settleTime, "look for mirrors to write", s.settings.Settle)
}

// tidy deletes files that were sent to the server and that nobody needs any more.
func (s *server) tidy(ctx context.Context) error {
	return s.every(ctx, tidyTime, "look for old uploads", func(ctx context.Context) error {
		_, err := s.tasks.Tidy(ctx, time.Now().Add(-uploadTime))
		return err
	})
}

// every does something now and then, until ctx is done. That it fails is told, and it is tried again.
func (s *server) every(ctx context.Context, pause time.Duration, what string, do func(context.Context) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn(what, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// handler puts the parts in front of each other: what machines ask without an identity, the gate, and the API behind it.
func (s *server) handler() http.Handler {
	metrics := observe.NewMetrics(s.Version)
	metrics.Gauge("lakeward_events_lost", "Events of operations that could not be written to the store.",
		func() float64 { return float64(s.tasks.LostEvents()) })
	metrics.Gauge("lakeward_uploads_deleted", "Files sent to the server that it has deleted since its start, because nobody needed them any more.",
		func() float64 { return float64(s.tasks.DeletedUploads()) })
	routes := api.Handler(api.Options{
		Store: s.store, Tasks: s.tasks, Settings: s.settings, Workspace: s.workspace, Connector: s.connector(s.workspace),
		Version: s.Version, Dir: s.dir, Port: s.Config.PortNumber(), RootCAs: s.Config.RootCAs.Text, Database: s.Config.Database.Text,
		Setup: s.setup(), Sources: s.sources(), Log: s.Log,
	})
	inner := http.NewServeMux()
	for _, path := range []string{"/api/", "/docs", "/docs/", "/openapi.json", "/openapi.yaml"} {
		inner.Handle(path, routes)
	}
	inner.Handle("/", web.Handler(routes))
	outer := http.NewServeMux()
	outer.Handle("GET /healthz", observe.Alive())
	outer.Handle("GET /readyz", observe.Ready(
		observe.Check{Name: "store", Do: s.store.Check}, observe.Check{Name: "lakebase", Do: s.settings.Check}))
	outer.Handle("GET /metrics", metrics.Handler())
	outer.Handle("/", s.gate.Handler(inner))
	return observe.Requests(outer, s.Log, metrics)
}
