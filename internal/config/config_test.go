package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
)

// env is an environment of a test's own.
type env map[string]string

func (e env) get(name string) string { return e[name] }

const workspaceFile = `{"host":"http://127.0.0.1:1","token":"dapi-local","workspace_id":"1","user_name":"admin@lakeward.local",
	"client_id":"c","client_secret":"s","ca_file":"/somewhere/ca.pem","port":6543}`

// localDir is a folder in which a local Lakebase was started once.
func localDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "workspace.json"), workspaceFile)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDir(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		flag string
		env  env
		want config.Value
	}{
		"the flag beats the environment": {"/flag", env{"LAKEWARD_DIR": "/env"}, config.Value{Text: "/flag", Origin: "--dir"}},
		"the environment beats XDG": {
			"", env{"LAKEWARD_DIR": "/env", "XDG_DATA_HOME": "/xdg"}, config.Value{Text: "/env", Origin: "LAKEWARD_DIR"},
		},
		"XDG beats the default": {
			"", env{"XDG_DATA_HOME": "/xdg", "HOME": "/home/u"}, config.Value{Text: "/xdg/lakeward", Origin: "XDG_DATA_HOME"},
		},
		"a relative XDG folder does not count": {"", env{"XDG_DATA_HOME": "xdg", "HOME": "/home/u"}, defaultDir()},
		"the default":                          {"", env{"HOME": "/home/u"}, defaultDir()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Resolve(config.Flags{Dir: test.flag}, test.env.get)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, c.Dir); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func defaultDir() config.Value {
	if os.Geteuid() == 0 {
		return config.Value{Text: "/var/lib/lakeward", Origin: "default"}
	}
	return config.Value{Text: "/home/u/.local/share/lakeward", Origin: "default"}
}

func TestWorkspace(t *testing.T) {
	t.Parallel()
	dir := localDir(t)
	profiles := filepath.Join(t.TempDir(), "databrickscfg")
	write(t, profiles, "; mine\n[DEFAULT]\nhost = https://default\n\n[work]\nhost=https://work.example\ntoken = dapi-work\n")
	flags := config.Flags{Dir: dir}
	tests := map[string]struct {
		flags config.Flags
		env   env
		kind  config.Kind
		host  config.Value
	}{
		"the flag beats everything": {
			config.Flags{Dir: dir, Profile: "work"},
			env{"DATABRICKS_HOST": "https://env", "DATABRICKS_CONFIG_PROFILE": "other", "DATABRICKS_CONFIG_FILE": profiles},
			config.Profile,
			config.Value{Text: "https://work.example", Origin: profiles},
		},
		"the host of the environment beats its profile": {
			flags,
			env{"DATABRICKS_HOST": "https://env", "DATABRICKS_TOKEN": "t", "DATABRICKS_CONFIG_PROFILE": "other"},
			config.Environment,
			config.Value{Text: "https://env", Origin: "DATABRICKS_HOST"},
		},
		"the profile of the environment beats the local Lakebase": {
			flags,
			env{"DATABRICKS_CONFIG_PROFILE": "work", "DATABRICKS_CONFIG_FILE": profiles},
			config.Profile,
			config.Value{Text: "https://work.example", Origin: profiles},
		},
		"the local Lakebase": {
			flags, env{}, config.Local, config.Value{Text: "http://127.0.0.1:1", Origin: filepath.Join(dir, "workspace.json")},
		},
		"nothing": {config.Flags{Dir: "/nowhere"}, env{}, config.None, config.Value{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Resolve(test.flags, test.env.get)
			if err != nil {
				t.Fatal(err)
			}
			if c.Workspace.Kind != test.kind {
				t.Errorf("kind %s, want %s", c.Workspace.Kind, test.kind)
			}
			if diff := cmp.Diff(test.host, c.Workspace.Host); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whoever has the environment of one local Lakebase in the shell and names another means the other.
func TestNamedLocalLakebaseBeatsTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "workspaces", "eu-west-1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "workspace.json")
	write(t, file, workspaceFile)
	flags := config.Flags{Dir: filepath.Dir(filepath.Dir(dir)), LocalWorkspace: "eu-west-1"}
	c, err := config.Resolve(flags, env{
		"DATABRICKS_HOST": "https://env", "DATABRICKS_TOKEN": "t", "PGPORT": "1234", "PGSSLROOTCERT": "/other.pem",
	}.get)
	if err != nil {
		t.Fatal(err)
	}
	from := func(text string) config.Value { return config.Value{Text: text, Origin: file} }
	got := []config.Value{c.Workspace.Host, c.Port, c.RootCAs}
	if diff := cmp.Diff([]config.Value{from("http://127.0.0.1:1"), from("6543"), from("/somewhere/ca.pem")}, got); diff != "" {
		t.Error(diff)
	}
	_, err = c.Open(t.Context()) // nothing listens there
	if want := "start one with: lakeward --workspace eu-west-1 up"; lakeward.HintOf(err) != want {
		t.Errorf("the hint is %q, want %q", lakeward.HintOf(err), want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	profiles := filepath.Join(t.TempDir(), "databrickscfg")
	write(t, profiles, "[work]\nhost = https://work.example\n")
	tests := map[string]struct {
		flags config.Flags
		env   env
		kind  lakeward.Kind
		says  string
	}{
		"a token for nobody knows which workspace": {
			config.Flags{}, env{"DATABRICKS_TOKEN": "dapi-secret"}, lakeward.KindInvalid, "DATABRICKS_TOKEN is set",
		},
		"a profile that is not there": {
			config.Flags{Profile: "home"}, env{"DATABRICKS_CONFIG_FILE": profiles}, lakeward.KindNotFound, `no profile "home"`,
		},
		"a port that is none": {config.Flags{}, env{"PGPORT": "five"}, lakeward.KindInvalid, `PGPORT="five" is not a port`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.env["HOME"] = t.TempDir()
			test.env["LAKEWARD_DIR"] = t.TempDir()
			_, err := config.Resolve(test.flags, test.env.get)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want an error that says %q", err, test.says)
			}
			if kind := lakeward.KindOf(err); kind != test.kind {
				t.Errorf("kind %s, want %s", kind, test.kind)
			}
			if lakeward.HintOf(err) == "" {
				t.Error("no hint")
			}
			if strings.Contains(err.Error(), "dapi-secret") {
				t.Error("the error shows the token")
			}
		})
	}
}

func TestSettingsHideSecrets(t *testing.T) {
	t.Parallel()
	c, err := config.Resolve(config.Flags{Dir: "/nowhere"}, env{
		"DATABRICKS_HOST": "https://h", "DATABRICKS_TOKEN": "very-secret",
		"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "very-secret",
	}.get)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c.Settings())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "very-secret") {
		t.Errorf("a secret shows in %s", data)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.String(), "very-secret") {
			t.Errorf("%s shows its secret", s.Name)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ dir, says string }{
		"nothing was ever started":  {t.TempDir(), "no workspace is configured and no local Lakebase runs in "},
		"the local Lakebase is off": {localDir(t), "is not running"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Resolve(config.Flags{Dir: test.dir}, env{}.get)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Open(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want an error that says %q", err, test.says)
			}
			if hint := lakeward.HintOf(err); hint != "start one with: lakeward up" {
				t.Errorf("hint %q", hint)
			}
			if kind := lakeward.KindOf(err); kind != lakeward.KindUnavailable {
				t.Errorf("kind %s", kind)
			}
		})
	}
}

func TestLocalLakebaseTellsPortAndAuthorities(t *testing.T) {
	t.Parallel()
	dir := localDir(t)
	file := filepath.Join(dir, "workspace.json")
	tests := map[string]struct {
		env         env
		port, roots config.Value
	}{
		"its file": {env{}, config.Value{Text: "6543", Origin: file}, config.Value{Text: "/somewhere/ca.pem", Origin: file}},
		"the environment beats it": {
			env{"PGPORT": "1234", "PGSSLROOTCERT": "/mine.pem"},
			config.Value{Text: "1234", Origin: "PGPORT"},
			config.Value{Text: "/mine.pem", Origin: "PGSSLROOTCERT"},
		},
		"another workspace has neither": {
			env{"DATABRICKS_HOST": "https://h"}, config.Value{Text: "5432", Origin: "default"}, config.Value{},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Resolve(config.Flags{Dir: dir}, test.env.get)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.port, c.Port); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.roots, c.RootCAs); diff != "" {
				t.Error(diff)
			}
		})
	}
}
