package settings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/lakewardtest"
)

// saved is a configuration as an administrator leaves it.
func saved(instance string) map[string]string {
	return map[string]string{
		"enabled": "true", "instance": instance, "capacity": "CU_2", "retention_days": "14", "nodes": "1", "schema": "app",
		"source": "/data/app.db", "created_at": "2026-11-27T10:00:00Z", "migrated_at": "2026-11-27T10:05:00Z",
		"database_type": "lakebase",
	}
}

// TestRedeploy runs all stories of one workspace: each has instances and apps of its own.
func TestRedeploy(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	for name, story := range map[string]func(*testing.T, *lakewardtest.Lakebase){
		"a fresh container finds everything again":       findsAgain,
		"the app's name alone leads to the instance":     findsByName,
		"two instances of one app are for a person":      findsTwo,
		"a move leaves no second instance behind":        moves,
		"the environment wins and the loser is named":    contradicts,
		"what is off stays off and asks nobody":          staysOff,
		"on and unreachable is an error":                 unreachable,
		"an instance that is switched off may be silent": switchesOff,
		"apps on one instance do not mix":                doNotMix,
		"a host that belongs to nobody is an error":      strangeHost,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, lake)
		})
	}
}

func findsAgain(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "again")
	i, err := lake.Workspace.Instance(t.Context(), "again")
	if err != nil {
		t.Fatal(err)
	}
	app := map[string]string{"DATABRICKS_APP_NAME": "again-app"}
	s := server{lake: lake, store: emptyStore(t), env: app}
	s.save(t, saved("again"))
	if d := cmp.Diff(saved("again"), texts(s.load(t))); d != "" {
		t.Fatalf("as it was saved: %s", d)
	}
	for _, pointer := range [][2]string{
		{"LAKEBASE_INSTANCE_NAME", "again"}, {"LAKEBASE_ENDPOINT", i.Endpoint}, {"PGHOST", i.Host}, {"LAKEBASE_ENDPOINT", i.Host},
	} {
		fresh := server{lake: lake, store: emptyStore(t), env: map[string]string{
			"DATABRICKS_APP_NAME": "again-app", pointer[0]: pointer[1],
		}}
		l := fresh.load(t)
		if d := cmp.Diff(without(saved("again"), "endpoint"), without(texts(l), "endpoint")); d != "" {
			t.Errorf("by %s=%s: %s", pointer[0], pointer[1], d)
		}
		if l.Instance.Origin != pointer[0] || l.Capacity.Origin != "mirror in instance again" {
			t.Errorf("by %s: origins %v", pointer[0], origins(l))
		}
	}
}

func findsByName(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "byname")
	env := map[string]string{"DATABRICKS_APP_NAME": "byname-app"}
	server{lake: lake, store: emptyStore(t), env: env}.save(t, saved("byname"))
	l := server{lake: lake, store: emptyStore(t), env: env}.load(t)
	if d := cmp.Diff(saved("byname"), texts(l)); d != "" {
		t.Error(d)
	}
	if want := "mirror in instance byname (app byname-app)"; l.Instance.Origin != want {
		t.Errorf("found by %q, want %q", l.Instance.Origin, want)
	}
	other := server{lake: lake, store: emptyStore(t), env: map[string]string{"DATABRICKS_APP_NAME": "other-app"}}.load(t)
	if other.On() || other.Instance.Text != "" {
		t.Errorf("another app found %v", texts(other))
	}
}

func findsTwo(t *testing.T, lake *lakewardtest.Lakebase) {
	env := map[string]string{"DATABRICKS_APP_NAME": "two-app"}
	for _, name := range []string{"two-a", "two-b"} {
		lake.Instance(t, name)
		server{lake: lake, store: emptyStore(t), env: map[string]string{
			"DATABRICKS_APP_NAME": "two-app", "LAKEBASE_INSTANCE_NAME": name,
		}}.save(t, saved(name))
	}
	_, err := server{lake: lake, store: emptyStore(t), env: env}.open(t).Load(t.Context())
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "two-a, two-b") {
		t.Errorf("loaded with %v", err)
	}
}

func moves(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "move-a")
	lake.Instance(t, "move-b")
	env := map[string]string{"DATABRICKS_APP_NAME": "move-app"}
	s := server{lake: lake, store: emptyStore(t), env: env}
	s.save(t, saved("move-a"))
	s.save(t, map[string]string{"instance": "move-b"})
	l := server{lake: lake, store: emptyStore(t), env: env}.load(t)
	want := map[string]string{
		"enabled": "true", "instance": "move-b", "schema": "app", "source": "/data/app.db", "database_type": "lakebase",
	}
	if d := cmp.Diff(want, texts(l)); d != "" {
		t.Error(d)
	}
}

func contradicts(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "contra-a")
	lake.Instance(t, "contra-b")
	s := server{lake: lake, store: emptyStore(t)}
	s.save(t, saved("contra-b"))
	s.env = map[string]string{"LAKEBASE_INSTANCE_NAME": "contra-a"}
	l := s.load(t)
	if l.Instance.Text != "contra-a" || l.Capacity.Text != "" || l.Schema.Text != "app" {
		t.Errorf("the environment's instance, and nothing that tells of the other: %v", texts(l))
	}
	if len(l.Contradictions) != 1 || l.Contradictions[0].String() !=
		"instance: LAKEBASE_INSTANCE_NAME says contra-a, which holds; store "+s.store.Name()+" says contra-b" {
		t.Errorf("contradictions: %v", l.Contradictions)
	}
	host, err := lake.Workspace.Instance(t.Context(), "contra-b")
	if err != nil {
		t.Fatal(err)
	}
	app := server{lake: lake, store: emptyStore(t), env: map[string]string{
		"LAKEBASE_INSTANCE_NAME": "contra-a", "DATABRICKS_APP_NAME": "contra", "PGHOST": host.Host,
	}}
	if l := app.load(t); len(l.Contradictions) != 1 || l.Contradictions[0].Ignored.Origin != "PGHOST" {
		t.Errorf("an app that was granted another instance is not told so: %v", l.Contradictions)
	}
}

func staysOff(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "off")
	env := map[string]string{"LAKEBASE_INSTANCE_NAME": "off"}
	s := server{lake: lake, store: emptyStore(t), env: env}
	s.save(t, saved("off"))
	s.save(t, map[string]string{"enabled": "false"})
	want := saved("off")
	want["enabled"], want["database_type"] = "false", "sqlite"
	fresh := server{lake: lake, store: emptyStore(t), env: env}
	if d := cmp.Diff(want, texts(fresh.load(t))); d != "" {
		t.Errorf("after a redeploy: %s", d)
	}
	if _, err := lake.Workspace.Stop(t.Context(), "off", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, texts(s.load(t))); d != "" {
		t.Errorf("with the instance stopped: %s", d)
	}
}

func unreachable(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "silent")
	s := server{lake: lake, store: emptyStore(t)}
	s.save(t, saved("silent"))
	running := s.open(t)
	if err := running.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := lake.Workspace.Stop(t.Context(), "silent", nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*settings.Settings{"after a restart": s.open(t), "while it runs": running} {
		l, err := c.Load(t.Context())
		if lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) != "start it (lakeward instance start silent)" {
			t.Errorf("%s: %v (%s)", name, err, lakeward.HintOf(err))
		}
		if !l.On() || l.DatabaseType.Text != "lakebase" || l.Instance.Text != "silent" {
			t.Errorf("%s it falls back: %v", name, texts(l))
		}
		if err := c.Check(t.Context()); err == nil {
			t.Errorf("%s it says that it is ready", name)
		}
		if err := c.Save(t.Context(), "ana", map[string]string{"schema": "other"}); err == nil {
			t.Errorf("%s it saved what the mirror does not know", name)
		}
	}
	all, err := s.store.Settings(t.Context())
	if err != nil || all["schema"].Value != "app" {
		t.Errorf("a save that failed has changed the store: %v (%v)", all, err)
	}
	gone := server{lake: lake, store: emptyStore(t), env: map[string]string{"LAKEBASE_INSTANCE_NAME": "never-made"}}
	if l, err := gone.open(t).Load(t.Context()); lakeward.KindOf(err) != lakeward.KindNotFound || !l.On() {
		t.Errorf("an instance that there is not: %v, %v", texts(l), err)
	}
}

func switchesOff(t *testing.T, lake *lakewardtest.Lakebase) {
	lake.Instance(t, "later")
	env := map[string]string{"LAKEBASE_INSTANCE_NAME": "later"}
	s := server{lake: lake, store: emptyStore(t), env: env}
	s.save(t, saved("later"))
	if _, err := lake.Workspace.Stop(t.Context(), "later", nil); err != nil {
		t.Fatal(err)
	}
	s.save(t, map[string]string{"enabled": "false"})
	if l := s.load(t); l.On() || len(l.Notes) != 1 || !strings.Contains(l.Notes[0], "instance later does not know yet") {
		t.Errorf("it is still on, or does not say that a redeploy would switch it on again: %v %q", texts(l), l.Notes)
	}
	if _, err := lake.Workspace.Start(t.Context(), "later", nil); err != nil {
		t.Fatal(err)
	}
	fresh := server{lake: lake, store: emptyStore(t), env: env}
	if !fresh.load(t).On() {
		t.Error("the mirror knows already: the test tests nothing")
	}
	if err := s.open(t).Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fresh.load(t).On() {
		t.Error("the mirror was not told")
	}
	if l := s.load(t); len(l.Notes) != 0 {
		t.Errorf("the mirror was told, and that is not said: %q", l.Notes)
	}
}

func doNotMix(t *testing.T, lake *lakewardtest.Lakebase) {
	c := lake.Instance(t, "shared")
	one := map[string]string{"LAKEBASE_INSTANCE_NAME": "shared", "DATABRICKS_APP_NAME": "one"}
	two := map[string]string{"LAKEBASE_INSTANCE_NAME": "shared", "DATABRICKS_APP_NAME": "two"}
	server{lake: lake, store: emptyStore(t), env: one}.save(t, saved("shared"))
	server{lake: lake, store: emptyStore(t), env: two}.save(t, map[string]string{"schema": "two"})
	if d := cmp.Diff(saved("shared"), texts(server{lake: lake, store: emptyStore(t), env: one}.load(t))); d != "" {
		t.Error(d)
	}
	if l := (server{lake: lake, store: emptyStore(t), env: two}).load(t); l.Schema.Text != "two" || l.Source.Text != "" {
		t.Errorf("the second app has %v", texts(l))
	}
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var actor string
	err = conn.QueryRow(t.Context(), "SELECT actor FROM lakeward.settings WHERE app = 'one' AND name = 'schema'").Scan(&actor)
	if err != nil || actor != "ana@example.com" {
		t.Errorf("saved by %q (%v)", actor, err)
	}
}

func strangeHost(t *testing.T, lake *lakewardtest.Lakebase) {
	s := server{lake: lake, store: emptyStore(t), env: map[string]string{"DATABRICKS_APP_NAME": "strange", "PGHOST": "elsewhere.example.com"}}
	_, err := s.open(t).Load(t.Context())
	if lakeward.KindOf(err) != lakeward.KindNotFound || !strings.Contains(err.Error(), "PGHOST is elsewhere.example.com") {
		t.Error(err)
	}
	s.env = map[string]string{"PGHOST": "elsewhere.example.com"} // of a shell, for any PostgreSQL
	if l := s.load(t); l.On() {
		t.Errorf("a shell's PGHOST switches on: %v", texts(l))
	}
}
