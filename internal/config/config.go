// Package config resolves where things are and which workspace to talk to: a flag beats the environment, the
// environment beats a file, a file beats the default, and every value keeps its origin so that `lakeward config` can say
// what won and why.
//
// It reads the environment and files only when asked to and holds no state of its own.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/standin"
)

// Flags are the values that the command line sets. Empty ones are not set.
type Flags struct {
	Dir     string // folder of the local Lakebase
	Profile string // Databricks profile

	LocalWorkspace string // which of several local Lakebases in the folder; "" is the one that has no name
}

// local reports whether a flag asks for a local Lakebase, and not for what the environment names: whoever has that of
// another one in the shell must not reach the other, nor trust its certificates.
func (f Flags) local() bool { return f.LocalWorkspace != "" && f.Profile == "" }

// Value is one resolved value with the place it comes from: "--dir", "LAKEWARD_DIR", a file, "default". A Value that
// nothing set has no Origin.
type Value struct {
	Text   string
	Origin string
	Secret bool
}

// MarshalJSON writes the value and its origin, never a secret's text.
func (v Value) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"value": v.String(), "origin": v.Origin})
}

// String returns the text, or "[secret]" in place of a secret one.
func (v Value) String() string {
	if v.Secret {
		return lakeward.Secret(v.Text).String()
	}
	return v.Text
}

// Config is what was resolved.
type Config struct {
	Dir Value // folder of the local Lakebase

	localWorkspace string // see Flags

	Workspace Workspace // the workspace to talk to; its Kind is None when nothing names one

	RootCAs Value // PEM file of the authorities that may sign an endpoint's certificate; unset means the system's
	Port    Value // PostgreSQL port of endpoints

	Database Value // to connect to; unset means the instance's own
}

// Kind says what named the workspace.
type Kind string

// The kinds of workspaces.
const (
	None        Kind = "none"        // nothing names a workspace
	Environment Kind = "environment" // DATABRICKS_HOST
	Profile     Kind = "profile"     // --profile or DATABRICKS_CONFIG_PROFILE
	Local       Kind = "local"       // the local Lakebase in Dir
)

// Workspace names a workspace and how to sign in to it. A profile's credentials stay in its file: whoever signs in reads
// them there.
type Workspace struct {
	Kind         Kind
	Host         Value
	Token        Value
	ClientID     Value
	ClientSecret Value
	Profile      Value
}

// Setting is one line of what `lakeward config` prints.
type Setting struct {
	Name string
	Value
}

// Settings lists everything that was resolved, in a fixed order, unset values left out.
func (c *Config) Settings() []Setting {
	w := c.Workspace
	all := []Setting{
		{"dir", c.Dir},
		{"workspace", Value{Text: string(w.Kind), Origin: w.Origin()}},
		{"profile", w.Profile},
		{"host", w.Host},
		{"token", w.Token},
		{"client_id", w.ClientID},
		{"client_secret", w.ClientSecret},
		{"root_cas", c.RootCAs},
		{"port", c.Port},
		{"database", c.Database},
	}
	set := all[:0]
	for _, s := range all {
		if s.Origin != "" {
			set = append(set, s)
		}
	}
	return set
}

// Origin says what named the workspace.
func (w Workspace) Origin() string {
	switch w.Kind {
	case Profile:
		return w.Profile.Origin
	case None:
		return "nothing names one"
	}
	return w.Host.Origin
}

// Resolve finds out what applies. getenv is [os.Getenv] or a test's own.
func Resolve(f Flags, getenv func(string) string) (*Config, error) {
	r := resolver{getenv}
	dir, err := r.dir(f)
	if err != nil {
		return nil, err
	}
	c := &Config{Dir: dir, localWorkspace: f.LocalWorkspace}
	if c.Workspace, err = r.workspace(f); err != nil {
		return nil, err
	}
	c.Database = r.env("PGDATABASE")
	if !f.local() {
		c.RootCAs, c.Port = r.env("PGSSLROOTCERT"), r.env("PGPORT")
	}
	if c.Workspace.Kind == None {
		if err := r.local(c); err != nil {
			return nil, err
		}
	}
	if c.Port.Origin == "" {
		c.Port = Value{Text: strconv.Itoa(lakeward.DefaultPort), Origin: "default"}
	}
	if n, err := strconv.ParseUint(c.Port.Text, 10, 16); err != nil || n == 0 {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "set it to a number from 1 to 65535, or unset it",
			"%s=%q is not a port", c.Port.Origin, c.Port.Text)
	}
	return c, nil
}

// LocalDir returns the folder of the local Lakebase alone: the commands that start one need no workspace.
func LocalDir(f Flags, getenv func(string) string) (string, error) {
	dir, err := resolver{getenv}.dir(f)
	return dir.Text, err
}

type resolver struct {
	getenv func(string) string
}

func (r resolver) env(name string) Value {
	if text := r.getenv(name); text != "" {
		return Value{Text: text, Origin: name}
	}
	return Value{}
}

func (r resolver) secret(name string) Value {
	v := r.env(name)
	v.Secret = true
	return v
}

func (r resolver) dir(f Flags) (Value, error) {
	v := Value{Text: f.Dir, Origin: "--dir"}
	if v.Text == "" {
		v = r.env("LAKEWARD_DIR")
	}
	if v.Text == "" {
		v = r.defaultDir()
	}
	if v.Text == "" {
		return v, lakeward.Errorf(lakeward.KindInvalid, "set LAKEWARD_DIR or HOME, or pass --dir",
			"no folder for local data: HOME is not set")
	}
	abs, err := filepath.Abs(v.Text)
	if err != nil {
		return v, fmt.Errorf("resolve folder %s: %w", v.Text, err)
	}
	v.Text = abs
	return r.inWorkspace(v, f)
}

var localWorkspace = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// inWorkspace leads to the folder of one of several local Lakebases.
func (r resolver) inWorkspace(v Value, f Flags) (Value, error) {
	name := Value{Text: f.LocalWorkspace, Origin: "--workspace"}
	if name.Text == "" {
		name = r.env("LAKEWARD_WORKSPACE")
	}
	if name.Text == "" {
		return v, nil
	}
	if !localWorkspace.MatchString(name.Text) {
		return v, lakeward.Errorf(lakeward.KindInvalid, "use small letters, digits and hyphens, such as eu-west-1",
			"%s=%s is not the name of a local workspace", name.Origin, name.Text)
	}
	if dir := standin.WorkspaceDir("", name.Text); !strings.HasSuffix(v.Text, string(filepath.Separator)+dir) {
		v.Text, v.Origin = filepath.Join(v.Text, dir), v.Origin+" and "+name.Origin
	}
	return v, nil
}

// defaultDir is the XDG data home. Root's is not used unless it was asked for: PostgreSQL refuses to run as root, and
// the user that it runs as instead cannot enter /root.
func (r resolver) defaultDir() Value {
	if data := r.getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return Value{Text: filepath.Join(data, "lakeward"), Origin: "XDG_DATA_HOME"}
	}
	if os.Geteuid() == 0 {
		return Value{Text: "/var/lib/lakeward", Origin: "default"}
	}
	if home := r.getenv("HOME"); home != "" {
		return Value{Text: filepath.Join(home, ".local", "share", "lakeward"), Origin: "default"}
	}
	return Value{}
}

// workspace finds the workspace that a flag or the environment names, unless that is a local one.
func (r resolver) workspace(f Flags) (Workspace, error) {
	if f.local() {
		return Workspace{Kind: None}, nil
	}
	if f.Profile != "" {
		return r.profile(Value{Text: f.Profile, Origin: "--profile"})
	}
	if host := r.env("DATABRICKS_HOST"); host.Text != "" {
		return Workspace{
			Kind: Environment, Host: host,
			Token:        r.secret("DATABRICKS_TOKEN"),
			ClientID:     r.env("DATABRICKS_CLIENT_ID"),
			ClientSecret: r.secret("DATABRICKS_CLIENT_SECRET"),
		}, nil
	}
	if p := r.env("DATABRICKS_CONFIG_PROFILE"); p.Text != "" {
		return r.profile(p)
	}
	// A credential without a host was meant for some workspace. Using the local one instead would be a silent fallback.
	for _, name := range []string{"DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"} {
		if r.getenv(name) != "" {
			return Workspace{}, lakeward.Errorf(lakeward.KindInvalid,
				"set DATABRICKS_HOST to the workspace's address, or unset "+name,
				"%s is set, but nothing says which workspace it belongs to", name)
		}
	}
	return Workspace{Kind: None}, nil
}

func (r resolver) profile(name Value) (Workspace, error) {
	path, err := ProfilePath(r.getenv)
	if err != nil {
		return Workspace{}, err
	}
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Workspace{}, fmt.Errorf("read Databricks profiles: %w", err)
	}
	section, found := readProfile(file, name.Text)
	if !found {
		return Workspace{}, lakeward.Errorf(lakeward.KindNotFound,
			"choose one that stands there, or name the file with DATABRICKS_CONFIG_FILE",
			"%s has no profile %q (from %s)", path, name.Text, name.Origin)
	}
	return Workspace{Kind: Profile, Profile: name, Host: Value{Text: section["host"], Origin: path}}, nil
}

// local falls to the local Lakebase in c.Dir, when one was ever started there.
func (r resolver) local(c *Config) error {
	ws, err := standin.ReadWorkspace(c.Dir.Text)
	if lakeward.KindOf(err) == lakeward.KindNotFound {
		return nil // none was ever started there
	}
	if err != nil {
		return err
	}
	origin := filepath.Join(c.Dir.Text, "workspace.json")
	c.Workspace = Workspace{
		Kind:  Local,
		Host:  Value{Text: ws.Host, Origin: origin},
		Token: Value{Text: ws.Token, Origin: origin, Secret: true},
	}
	if c.RootCAs.Origin == "" {
		c.RootCAs = Value{Text: ws.CAFile, Origin: origin}
	}
	if c.Port.Origin == "" && ws.Port != 0 {
		c.Port = Value{Text: strconv.Itoa(ws.Port), Origin: origin}
	}
	return nil
}
