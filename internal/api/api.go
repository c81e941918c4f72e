// Package api answers over HTTP: operations with their events, instances, and the endpoints of the guide. It says what
// it answers in an OpenAPI document, which is made from the types here.
//
// It decides nothing about who may ask: an access.Gate stands before it. Handlers for GET change nothing.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
)

// Options are what the API needs.
type Options struct {
	Store     *store.Store
	Tasks     *task.Service
	Settings  *settings.Settings
	Workspace *databricks.Workspace
	Connector func(instance string) *lakeward.Connector
	Port      int    // of endpoints, where it is another than PostgreSQL's: the workspace does not know it
	RootCAs   string // a file with the authorities that endpoints' certificates are from; empty means the system's
	Database  string // that connections are to, where it is another than the instance's
	Version   string
	Heartbeat time.Duration // between signs of life in a stream of events; 0 means 15 seconds
	Dir       string        // where uploads are kept, and where operations leave files
	Setup     []Setting     // what the server was started with
	Sources   string        // the folder below which administrators may look for databases; empty means none
	MaxUpload int64         // of a file, in bytes; 0 means DefaultMaxUpload
	Log       *slog.Logger
}

type server struct {
	Options
	connectors connectors
	sessions   chan struct{} // one for each connection to an instance that is open
}

const (
	answerFor = 30 * time.Second // to reach Lakebase for an answer that is not an operation
	readFor   = 30 * time.Second // to send a request's body
	waitMost  = 10 * time.Minute // for an operation, as a caller may prefer
	maxBody   = 1 << 20          // of a request in JSON
)

// Handler returns the API: everything below /api, the OpenAPI document and the page at /docs. It panics when two routes
// collide, as http.ServeMux does.
func Handler(o Options) http.Handler {
	mux, _ := build(o)
	return mux
}

// OpenAPI returns the description of the API in YAML.
func OpenAPI() ([]byte, error) {
	_, a := build(Options{})
	return a.OpenAPI().YAML()
}

func build(o Options) (*http.ServeMux, huma.API) {
	problems()
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Lakeward", cmp.Or(o.Version, "dev"))
	config.Info.Description = "Move an application's database onto Databricks Lakebase, and keep it there."
	config.Info.License = &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"}
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Tags = tags
	config.DocsPath, config.SchemasPath = "", "" // huma's page loads scripts from elsewhere; ours is at /docs
	config.CreateHooks = nil                     // no $schema in answers: consoles for the guide do not know it
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	a := humago.New(mux, config)
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	s := &server{Options: o, sessions: make(chan struct{}, mostSessions)}
	s.operations(a)
	s.reports(a)
	s.migrations(a)
	s.uploads(a)
	s.backups(a)
	s.instances(a)
	s.vitals(a)
	s.connection(a)
	s.data(a)
	s.me(a)
	s.audit(a)
	s.setup(a)
	s.progress(a)
	s.sources(a)
	s.guide(a)
	s.config(a)
	s.changes(a)
	s.guideMigrations(a)
	s.info(a)
	examples(a.OpenAPI())
	samples(a.OpenAPI())
	docs(mux)
	mux.HandleFunc("/", elsewhere(mux))
	return mux, a
}

// The groups that the document and its page are divided into.
const (
	tagOperations = "operations"
	tagInstances  = "instances"
	tagMigrations = "migrations"
	tagServer     = "server"
	tagGuide      = "guide"
)

var tags = []*huma.Tag{
	{Name: tagOperations, Description: "What is slow: asked for, watched while it happens, cancelled, tried again."},
	{Name: tagMigrations, Description: "Move a database onto an instance, compare it again, and go back."},
	{Name: tagInstances, Description: "The instances of the workspace."},
	{Name: tagData, Description: "A look at what an instance holds. It can change nothing, and ends when it takes too long."},
	{Name: tagServer, Description: "What the server itself keeps."},
	{Name: tagGuide, Description: "The endpoints that a console written for the guide calls, with its words."},
}

// handle registers a handler whose errors become problems.
func handle[I, O any](s *server, a huma.API, o huma.Operation, do func(context.Context, *I) (*O, error)) {
	o.MaxBodyBytes, o.BodyReadTimeout = maxBody, readFor
	if slices.Contains(planPaths, o.Path) {
		o.MaxBodyBytes = maxPlan
	}
	huma.Register(a, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		return nil, s.problem(ctx, o, err)
	})
}

// answer is handle for an endpoint that reaches Lakebase before it answers, and has nothing but a body.
func answer[I, O any](s *server, a huma.API, o huma.Operation, do func(context.Context, *I) (O, error)) {
	handle(s, a, o, func(ctx context.Context, in *I) (*body[O], error) {
		ctx, cancel := context.WithTimeout(ctx, answerFor)
		defer cancel()
		out, err := do(ctx, in)
		return &body[O]{out}, err
	})
}

// reach returns the workspace, which a server may have been started without.
func (s *server) reach() (*databricks.Workspace, error) {
	if s.Workspace == nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "start the server with DATABRICKS_HOST, or with a profile",
			"no workspace is configured")
	}
	return s.Workspace, nil
}

// instance returns an instance as the workspace knows it now.
func (s *server) instance(ctx context.Context, name string) (lakeward.Instance, error) {
	w, err := s.reach()
	if err != nil {
		return lakeward.Instance{}, err
	}
	i, err := w.Instance(ctx, name)
	i.Port = cmp.Or(s.Port, i.Port)
	return i, err
}

// all returns all instances.
func (s *server) all(ctx context.Context) ([]lakeward.Instance, error) {
	w, err := s.reach()
	if err != nil {
		return nil, err
	}
	all, err := w.Instances(ctx)
	for n := range all {
		all[n].Port = cmp.Or(s.Port, all[n].Port)
	}
	return all, err
}

// connect returns a way to connect to an instance.
func (s *server) connect(name string) (*lakeward.Connector, error) {
	if _, err := s.reach(); err != nil {
		return nil, err
	}
	return s.connectors.of(name, s.Connector), nil
}

// body is an answer that has nothing but a body.
type body[T any] struct{ Body T }

func route(id, method, path, summary, tag string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}}
}
