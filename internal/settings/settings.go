// Package settings is the configuration of the server that survives a redeploy: which instance the application uses, and
// how. A value comes from a flag, else from the environment, else from a file, else from the store, else from the mirror,
// a table in the instance itself. A container that starts on an empty disk therefore finds everything again as soon as one
// variable, or the app's name, leads it to the instance.
//
// Lakebase that is switched on and cannot be reached is an error. No other database ever takes its place.
package settings

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/store"
)

// Value is one value and where it comes from.
type Value = config.Value

// The names of the settings, in flags, in the file, in the store and in the mirror.
const (
	Enabled       = "enabled"        // true or false
	Instance      = "instance"       // a name, or the path of a branch or an endpoint
	Endpoint      = "endpoint"       // projects/{p}/branches/{b}/endpoints/{e}, or a host
	Capacity      = "capacity"       // CU_1, CU_2, CU_4, CU_8
	RetentionDays = "retention_days" // 2 to 35
	Nodes         = "nodes"          // 1 to 3
	DatabaseType  = "database_type"  // lakebase, sqlite, postgresql
	Schema        = "schema"         // of the application's tables
	Source        = "source"         // the database that the application had before
	CreatedAt     = "created_at"
	MigratedAt    = "migrated_at"
)

// Lakebase is what applies.
type Lakebase struct {
	Enabled       Value `json:"enabled"`
	Instance      Value `json:"instance"`
	Endpoint      Value `json:"endpoint"`
	Capacity      Value `json:"capacity"`
	RetentionDays Value `json:"retention_days"`
	Nodes         Value `json:"nodes"`
	DatabaseType  Value `json:"database_type"`
	Schema        Value `json:"schema"`
	Source        Value `json:"source"` // without its password; see [Settings.Source]
	CreatedAt     Value `json:"created_at"`
	MigratedAt    Value `json:"migrated_at"`

	// Contradictions are values that lost against another one.
	Contradictions []Contradiction `json:"contradictions,omitempty"`

	// Notes are what else whoever looks at the configuration should know, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Contradiction says that two places give a setting different values.
type Contradiction struct {
	Name    string `json:"name"`
	Used    Value  `json:"used"`
	Ignored Value  `json:"ignored"`
}

// String tells it as a sentence.
func (c Contradiction) String() string {
	return c.Name + ": " + c.Used.Origin + " says " + c.Used.String() + ", which holds; " + c.Ignored.Origin + " says " + c.Ignored.String()
}

// On says whether the application uses Lakebase.
func (l Lakebase) On() bool { return l.Enabled.Text == "true" }

// Set lists the values that something has set, in a fixed order.
func (l Lakebase) Set() []config.Setting {
	var all []config.Setting
	for _, name := range names {
		if v := *l.field(name); v.Origin != "" {
			all = append(all, config.Setting{Name: name, Value: v})
		}
	}
	return all
}

// names are all settings, in the order in which they are shown.
var names = []string{
	Enabled, Instance, Endpoint, Capacity, RetentionDays, Nodes, DatabaseType, Schema, Source, CreatedAt, MigratedAt,
}

// ofInstance are the settings that tell of one instance and say nothing about another.
var ofInstance = []string{Endpoint, Capacity, RetentionDays, Nodes, CreatedAt, MigratedAt}

func (l *Lakebase) field(name string) *Value {
	return map[string]*Value{
		Enabled: &l.Enabled, Instance: &l.Instance, Endpoint: &l.Endpoint, Capacity: &l.Capacity,
		RetentionDays: &l.RetentionDays, Nodes: &l.Nodes, DatabaseType: &l.DatabaseType, Schema: &l.Schema,
		Source: &l.Source, CreatedAt: &l.CreatedAt, MigratedAt: &l.MigratedAt,
	}[name]
}

// Options are where settings come from.
type Options struct {
	Flags     map[string]string // by the names above; empty ones are not set
	Getenv    func(string) string
	File      string                // a YAML file; empty when there is none
	Store     *store.Store          // nil when there is none
	Workspace *databricks.Workspace // nil when there is none: nothing is asked of the instance then
	Connector func(instance string) *lakeward.Connector
	Log       *slog.Logger
}

// Settings resolves and saves the configuration. It is safe for concurrent use.
type Settings struct {
	o     Options
	app   string // whose configuration this is; empty outside of Databricks Apps
	flags layer
	env   layer
	file  layer

	saving sync.Mutex

	mu       sync.Mutex
	pointed  map[string]string // endpoint paths and hosts whose instance has been looked up
	found    string            // the instance that a search has found
	searched time.Time         // when a search has found none
	why      []string          // notes of that search
	mirrors  map[string]layer  // as they were read last
}

// New reads the flags, the environment and the file. It asks nobody yet.
func New(o Options) (*Settings, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	s := &Settings{
		o: o, app: o.Getenv("DATABRICKS_APP_NAME"), pointed: map[string]string{}, mirrors: map[string]layer{},
	}
	var err error
	s.flags = flagLayer(o.Flags)
	s.env = environment(o.Getenv)
	if s.file, err = readFile(o.File); err != nil {
		return nil, err
	}
	for _, l := range []layer{s.flags, s.env, s.file} {
		for _, name := range names {
			if v, ok := l.values[name]; ok {
				if err := check(name, v.Text); err != nil {
					return nil, lakeward.Errorf(lakeward.KindInvalid, lakeward.HintOf(err), "%s: %w", v.Origin, err)
				}
			}
		}
	}
	return s, nil
}

// lookFor bounds what is asked of the workspace and of an instance to find out what applies.
const lookFor = 20 * time.Second

// Load finds out what applies. When Lakebase is switched on and its instance cannot be reached, the error says why and
// the values are there all the same, as far as they are known.
func (s *Settings) Load(ctx context.Context) (Lakebase, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookFor, lakeward.Errorf(lakeward.KindUnavailable,
		"walk the way step by step: lakeward doctor", "the workspace or the instance did not answer within %s", lookFor))
	defer cancel()
	stored, err := s.stored(ctx)
	if err != nil {
		return Lakebase{}, err
	}
	l, _, err := s.resolve(ctx, []layer{s.flags, s.env, s.file, stored})
	for _, instance := range stored.untold {
		l.Notes = append(l.Notes, "instance "+instance+" does not know yet what was saved last, because it could not be reached: "+
			"a server that starts on an empty disk before it does would find there what held before, such as Lakebase switched on. "+
			"The server tries again each minute; to be sure before a redeploy, set DATABASE_TYPE")
	}
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	return l, err
}

// resolve merges the layers, and the mirror of the instance that they lead to. It also returns the layers as they were
// merged.
func (s *Settings) resolve(ctx context.Context, layers []layer) (Lakebase, []layer, error) {
	if off, explicit := first(layers, Enabled); explicit && off.Text == "false" || s.o.Workspace == nil {
		// Nothing is asked of anybody for a Lakebase that is switched off.
		pointer, _ := first(layers, Instance)
		_, meant := first(layers[:len(layers)-1], Instance)
		return merge(layers, pointer, meant), layers, nil
	}
	pointer, meant, err := s.pointer(ctx, layers)
	if err != nil {
		return merge(layers, pointer, meant), layers, err
	}
	if pointer.Text == "" {
		l := merge(layers, pointer, false)
		s.mu.Lock()
		l.Notes = append(l.Notes, s.why...)
		s.mu.Unlock()
		if l.On() {
			err = lakeward.Errorf(lakeward.KindInvalid, "set LAKEBASE_INSTANCE_NAME, or save the configuration with an instance",
				"Lakebase is switched on (%s), and nothing says which instance", l.Enabled.Origin)
		}
		return l, layers, err
	}
	mirror, err := s.mirror(ctx, pointer.Text)
	layers = append(slices.Clone(layers), mirror)
	l := merge(layers, pointer, meant)
	if lakeward.KindOf(err) == lakeward.KindDenied {
		l.Notes = append(l.Notes, err.Error()+": "+lakeward.HintOf(err))
		err = nil // the instance answers; what it keeps for the app's owner is not for this role
	}
	if !l.On() {
		err = nil // nobody depends on an instance that is not used
	}
	if err == nil {
		s.compareHost(ctx, &l)
	}
	return l, layers, err
}

// Leads says whether anything leads to an instance, or may lead to one when the workspace is asked.
func (s *Settings) Leads(ctx context.Context) bool {
	stored, err := s.stored(ctx)
	if err != nil {
		return false
	}
	for _, l := range []layer{s.flags, s.env, s.file, stored} {
		if l.values[Instance].Text != "" || l.values[Endpoint].Text != "" || l.host.Text != "" {
			return true
		}
	}
	return s.app != ""
}

// compareHost notes when an app was granted one instance and told to use another: logins would be refused.
func (s *Settings) compareHost(ctx context.Context, l *Lakebase) {
	host := s.env.host
	if host.Text == "" || l.Instance.Origin == host.Origin {
		return
	}
	if i, err := s.o.Workspace.Instance(ctx, l.Instance.Text); err == nil && !strings.EqualFold(i.Host, host.Text) {
		l.Contradictions = append(l.Contradictions, Contradiction{Name: Instance, Used: l.Instance, Ignored: host})
	}
}

// Check makes sure that Lakebase answers when it is switched on.
func (s *Settings) Check(ctx context.Context) error {
	l, err := s.Load(ctx)
	if err == nil && l.On() && s.o.Workspace == nil {
		err = lakeward.Errorf(lakeward.KindUnavailable, "set DATABRICKS_HOST", "no workspace is configured")
	}
	return err
}

// Source returns the database that the application had before, with its password, for who connects to it. It is empty
// when none is configured.
func (s *Settings) Source(ctx context.Context) (string, error) {
	for _, l := range []layer{s.flags, s.env, s.file} {
		if l.source != "" {
			return l.source, nil
		}
	}
	if s.o.Store != nil {
		all, err := s.o.Store.Settings(ctx)
		if err != nil {
			return "", err
		}
		if sealed := all[sealedSource].Value; sealed != "" {
			open, err := s.o.Store.Unseal(sealed)
			return string(open), err
		}
	}
	l, err := s.Load(ctx)
	if l.Source.Text != "" {
		err = nil
	}
	return l.Source.Text, err
}

// merge takes each value from the first layer that has it. A layer that speaks of another instance than the pointer has
// nothing to say about that one's size. An instance that flags, the environment or the file name is meant to be used,
// unless something says that it is not.
func merge(layers []layer, pointer Value, implied bool) Lakebase {
	var l Lakebase
	l.Instance = pointer
	for _, from := range layers {
		other := from.values[Instance].Text
		stranger := other != "" && pointer.Text != "" && other != pointer.Text
		for _, name := range names {
			v, ok := from.values[name]
			if !ok || stranger && slices.Contains(ofInstance, name) {
				continue
			}
			into := l.field(name)
			switch {
			case into.Origin == "":
				*into = v
			case differ(name, into.Text, v.Text):
				l.Contradictions = append(l.Contradictions, Contradiction{Name: name, Used: *into, Ignored: v})
			}
		}
	}
	if implied && l.Enabled.Origin == "" && pointer.Text != "" {
		l.Enabled = Value{Text: "true", Origin: pointer.Origin}
	}
	if l.Enabled.Origin == "" {
		l.Enabled = Value{Text: "false", Origin: "default"}
	}
	l.typeOfDatabase()
	return l
}

// typeOfDatabase makes the database's type agree with the switch: what the application uses is Lakebase, or its source.
func (l *Lakebase) typeOfDatabase() {
	switch {
	case l.On() && l.DatabaseType.Text != "lakebase":
		l.DatabaseType = Value{Text: "lakebase", Origin: l.Enabled.Origin}
	case l.On() || l.DatabaseType.Text != "lakebase" && l.DatabaseType.Text != "":
	case address.IsPostgres(l.Source.Text):
		l.DatabaseType = Value{Text: "postgresql", Origin: l.Source.Origin}
	case l.Source.Text != "":
		l.DatabaseType = Value{Text: "sqlite", Origin: l.Source.Origin}
	default:
		l.DatabaseType = Value{}
	}
}

// first returns the first value of that name.
func first(layers []layer, name string) (Value, bool) {
	for _, l := range layers {
		if v, ok := l.values[name]; ok {
			return v, true
		}
	}
	return Value{}, false
}

// stored returns what the store holds.
func (s *Settings) stored(ctx context.Context) (layer, error) {
	l := layer{values: map[string]Value{}}
	if s.o.Store == nil {
		return l, nil
	}
	all, err := s.o.Store.Settings(ctx)
	if err != nil {
		return l, err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(names, name) {
			l.values[name] = Value{Text: all[name].Value, Origin: "store " + s.o.Store.Name()}
		}
	}
	l.untold = strings.Fields(all[pending].Value)
	return l, nil
}
