package settings_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/lakewardtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// server is a server as a test starts it: its environment, its disk, and the workspace.
type server struct {
	env   map[string]string
	flags map[string]string
	file  string
	store *store.Store
	lake  *lakewardtest.Lakebase // nil when there is no workspace
}

func (s server) open(t *testing.T) *settings.Settings {
	t.Helper()
	o := settings.Options{
		Flags: s.flags, Getenv: func(name string) string { return s.env[name] }, File: s.file, Store: s.store,
	}
	if s.lake != nil {
		o.Workspace = s.lake.Workspace
		o.Connector = func(instance string) *lakeward.Connector {
			return lakeward.NewConnector(s.lake.Workspace, instance, s.lake.Options())
		}
	}
	c, err := settings.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s server) load(t *testing.T) settings.Lakebase {
	t.Helper()
	l, err := s.open(t).Load(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, lakeward.HintOf(err))
	}
	return l
}

func (s server) save(t *testing.T, changes map[string]string) {
	t.Helper()
	if err := s.open(t).Save(t.Context(), "ana@example.com", changes); err != nil {
		t.Fatalf("%v\n%s", err, lakeward.HintOf(err))
	}
}

// emptyStore is the disk of a new container.
func emptyStore(t *testing.T) *store.Store {
	t.Helper()
	return storetest.Open(t, storetest.InFile(t))
}

// texts are the values that are set.
func texts(l settings.Lakebase) map[string]string {
	all := map[string]string{}
	for _, s := range l.Set() {
		all[s.Name] = s.Text
	}
	return all
}

func origins(l settings.Lakebase) map[string]string {
	all := map[string]string{}
	for _, s := range l.Set() {
		all[s.Name] = s.Origin
	}
	return all
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lakeward.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagBeatsTheEnvironmentBeatsAFileBeatsTheStore(t *testing.T) {
	t.Parallel()
	s := server{store: emptyStore(t)}
	s.save(t, map[string]string{
		settings.Enabled: "true", settings.Instance: "stored", settings.Schema: "stored", settings.Source: "/stored.db",
		settings.Capacity: "CU_8", settings.CreatedAt: "2026-11-27T10:00:00Z",
	})
	s.file = write(t, "instance: filed\nschema: filed\nsource: /filed.db\ncapacity: CU_4\n")
	s.env = map[string]string{"LAKEBASE_INSTANCE_NAME": "named", "LAKEWARD_SOURCE": "/env.db"}
	s.flags = map[string]string{settings.Instance: "flagged"}
	l := s.load(t)
	want := map[string]string{
		"enabled": "store " + s.store.Name(), "database_type": "store " + s.store.Name(),
		"instance": "--instance", "source": "LAKEWARD_SOURCE", "schema": s.file,
	}
	if d := cmp.Diff(want, origins(l)); d != "" {
		t.Errorf("origins (capacity and time tell of other instances, and not of the one that is used): %s", d)
	}
	var told []string
	for _, c := range l.Contradictions {
		told = append(told, c.Name+" "+c.Used.Text+" "+c.Ignored.Text)
	}
	for _, want := range []string{"instance flagged named", "instance flagged filed", "instance flagged stored", "schema filed stored"} {
		if !strings.Contains(strings.Join(told, "\n"), want) {
			t.Errorf("no contradiction %q in %q", want, told)
		}
	}
}

func TestTheEnvironmentSwitches(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env    map[string]string
		stored map[string]string
		want   map[string]string
	}{
		"nothing": {want: map[string]string{"enabled": "false"}},
		"a name means it": {
			env:  map[string]string{"LAKEBASE_INSTANCE_NAME": "shop"},
			want: map[string]string{"enabled": "true", "instance": "shop", "database_type": "lakebase"},
		},
		"a name does not switch on what a person has switched off": {
			env:    map[string]string{"LAKEBASE_INSTANCE_NAME": "shop"},
			stored: map[string]string{"enabled": "false", "instance": "shop", "source": "/app.db"},
			want:   map[string]string{"enabled": "false", "instance": "shop", "database_type": "sqlite", "source": "/app.db"},
		},
		"the type switches off": {
			env:    map[string]string{"DATABASE_TYPE": "sqlite"},
			stored: map[string]string{"enabled": "true", "instance": "shop"},
			want:   map[string]string{"enabled": "false", "instance": "shop", "database_type": "sqlite"},
		},
		"an instance that is only remembered is not used": {
			stored: map[string]string{"instance": "shop"},
			want:   map[string]string{"enabled": "false", "instance": "shop"},
		},
		"a shell's PGHOST names no instance": {
			env:  map[string]string{"PGHOST": "localhost"},
			want: map[string]string{"enabled": "false"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server{store: emptyStore(t)}
			if err := s.store.PutSettings(t.Context(), "ana", test.stored); err != nil {
				t.Fatal(err)
			}
			s.env = test.env
			if d := cmp.Diff(test.want, texts(s.load(t))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"colour: shop\n":                           "[1:1] unknown field \"colour\"",
		"instance: shop\nnodes: 7\n":               "nodes cannot be \"7\"",
		"source: postgres://u:geheim@h:port/db\n":  "source cannot be",
		"source: postgres://u:1/geheim@h/db\n":     "source cannot be",
		"source: postgres://u:1?geheim@h/db\n":     "source cannot be",
		"source: \"postgres://u:1#geheim@h/db\"\n": "source cannot be",
		"source: [postgres://u:geheim@host/db, 1]": "[1:9]",
		"enabled: perhaps # geheim\n":              "[1:10]",
	} {
		_, err := settings.New(settings.Options{Getenv: os.Getenv, File: write(t, file)})
		if err == nil || !strings.Contains(err.Error(), want) || lakeward.KindOf(err) != lakeward.KindInvalid {
			t.Errorf("%q: %v", file, err)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
	c := server{store: emptyStore(t)}.open(t)
	for name, value := range map[string]string{
		"colour": "red", "enabled": "yes", "instance": "a b", "capacity": "CU_3", "retention_days": "1", "nodes": "0",
		"database_type": "oracle", "created_at": "yesterday", "endpoint": "projects/x/y", "source": "postgres://u:geheim@h:port/db",
	} {
		err := c.Save(t.Context(), "ana", map[string]string{name: value})
		if lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if err := c.Save(t.Context(), "ana", map[string]string{"enabled": "true"}); lakeward.KindOf(err) != lakeward.KindInvalid {
		t.Errorf("switched on without an instance: %v", err)
	}
}

func TestWhatTheEnvironmentSaysCannotBeSavedOver(t *testing.T) {
	t.Parallel()
	s := server{store: emptyStore(t), env: map[string]string{"DATABASE_TYPE": "lakebase", "LAKEBASE_INSTANCE_NAME": "shop"}}
	for name, value := range map[string]string{"enabled": "false", "instance": "depot"} {
		err := s.open(t).Save(t.Context(), "ana", map[string]string{name: value})
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "is fixed by ") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	s.save(t, map[string]string{"enabled": "true", "instance": "shop", "schema": "app"})
	// An operation saves what it has found out, in its own words.
	s.env = map[string]string{
		"LAKEBASE_INSTANCE_NAME": "shop", "LAKEBASE_ENDPOINT": "projects/shop/branches/production/endpoints/primary",
		"LAKEWARD_SOURCE": "postgres://u:geheim@h/db?sslmode=disable",
	}
	s.file = write(t, "capacity: CU_1\n")
	s.save(t, map[string]string{
		"enabled": "true", "endpoint": "shop.example.com", "capacity": "CU_2", "source": "postgres://u@h/db?password=***",
	})
}

func TestAPasswordIsSealed(t *testing.T) {
	t.Parallel()
	s := server{store: emptyStore(t)}
	const full, shown = "postgres://u:geheim@h/db?sslmode=disable", "postgres://u@h/db?sslmode=disable"
	s.save(t, map[string]string{"source": full})
	s.save(t, map[string]string{"schema": "app"})
	all, err := s.store.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range all {
		if strings.Contains(v.Value, "geheim") {
			t.Errorf("the store shows the password in %s: %s", name, v.Value)
		}
	}
	if got := s.load(t).Source.Text; got != shown {
		t.Errorf("shown as %q, want %q", got, shown)
	}
	c := s.open(t)
	if got, err := c.Source(t.Context()); got != full || err != nil {
		t.Errorf("the source is %q, want %q (%v)", got, full, err)
	}
	s.save(t, map[string]string{"source": "/app.db"})
	if got, err := c.Source(t.Context()); got != "/app.db" || err != nil {
		t.Errorf("after a change the source is %q (%v)", got, err)
	}
	s.env = map[string]string{"LAKEWARD_SOURCE": full}
	if got, err := s.open(t).Source(t.Context()); got != full || err != nil {
		t.Errorf("the environment's source is %q (%v)", got, err)
	}
	if got := s.load(t).Source.Text; got != shown {
		t.Errorf("the environment's source is shown as %q", got)
	}
}

// without is a map without some of their keys.
func without(m map[string]string, keys ...string) map[string]string {
	m = maps.Clone(m)
	for _, k := range keys {
		delete(m, k)
	}
	return m
}
