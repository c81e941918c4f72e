package settings

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/address"
)

// layer is one place that values come from.
type layer struct {
	values map[string]Value
	host   Value    // of an instance whose name is not known
	source string   // with its password
	untold []string // instances whose mirrors do not know yet; of the store
}

// put sets a value; an empty one is none.
func (l *layer) put(name, text, origin string) {
	if text == "" {
		return
	}
	v := Value{Text: text, Origin: origin}
	if name == Source {
		l.source = text
		if shown, err := address.WithoutPassword(text); err == nil {
			v.Text = shown
		} // else check refuses it
	}
	l.values[name] = v
}

func flagLayer(flags map[string]string) layer {
	l := layer{values: map[string]Value{}}
	for name, text := range flags {
		l.put(name, text, "--"+strings.ReplaceAll(name, "_", "-"))
	}
	return l
}

// environment reads the variables. PGHOST leads to an instance only where Databricks Apps sets it, or where the database
// is said to be Lakebase: elsewhere a shell may have it for any PostgreSQL.
func environment(getenv func(string) string) layer {
	l := layer{values: map[string]Value{}}
	for name, variable := range map[string]string{
		Instance: "LAKEBASE_INSTANCE_NAME", Endpoint: "LAKEBASE_ENDPOINT", DatabaseType: "DATABASE_TYPE", Source: "LAKEWARD_SOURCE",
	} {
		l.put(name, strings.TrimSpace(getenv(variable)), variable)
	}
	if kind, ok := l.values[DatabaseType]; ok {
		kind.Text = canonicalType(kind.Text)
		l.values[DatabaseType] = kind
		l.values[Enabled] = Value{Text: strconv.FormatBool(kind.Text == "lakebase"), Origin: kind.Origin}
	}
	if host := getenv("PGHOST"); host != "" && (getenv("DATABRICKS_APP_NAME") != "" || l.values[DatabaseType].Text == "lakebase") {
		l.host = Value{Text: host, Origin: "PGHOST"}
	}
	return l
}

// canonicalType knows the other word for PostgreSQL.
func canonicalType(text string) string {
	if text = strings.ToLower(text); text == "postgres" {
		return "postgresql"
	}
	return text
}

// file is what a YAML file may hold.
type file struct {
	Enabled       *bool  `yaml:"enabled"`
	Instance      string `yaml:"instance"`
	Endpoint      string `yaml:"endpoint"`
	Capacity      string `yaml:"capacity"`
	RetentionDays int    `yaml:"retention_days"`
	Nodes         int    `yaml:"nodes"`
	DatabaseType  string `yaml:"database_type"`
	Schema        string `yaml:"schema"`
	Source        string `yaml:"source"`
}

// readFile reads a file of settings. A key that there is not is an error: a slip of the pen must not be obeyed as silence.
func readFile(path string) (layer, error) {
	l := layer{values: map[string]Value{}}
	if path == "" {
		return l, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return l, lakeward.Errorf(lakeward.KindInvalid, "name a YAML file that can be read", "read the configuration: %w", err)
	}
	var f file
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f)
	if err != nil && !errors.Is(err, io.EOF) {
		// Without the line itself, which may have a password in it.
		return l, lakeward.Errorf(lakeward.KindInvalid, "it may have "+strings.Join(names[:9], ", "),
			"%s is not a configuration: %s", path, strings.Join(strings.Fields(yaml.FormatError(err, false, false)), " "))
	}
	if f.Enabled != nil {
		l.put(Enabled, strconv.FormatBool(*f.Enabled), path)
	}
	for name, value := range map[string]string{
		Instance: f.Instance, Endpoint: f.Endpoint, Capacity: f.Capacity, DatabaseType: canonicalType(f.DatabaseType),
		Schema: f.Schema, Source: f.Source,
	} {
		l.put(name, value, path)
	}
	for name, n := range map[string]int{RetentionDays: f.RetentionDays, Nodes: f.Nodes} {
		if n != 0 {
			l.put(name, strconv.Itoa(n), path)
		}
	}
	if kind, ok := l.values[DatabaseType]; ok && f.Enabled == nil {
		l.put(Enabled, strconv.FormatBool(kind.Text == "lakebase"), path)
	}
	return l, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]{1,255}$`)

// check refuses values that cannot be meant. An empty one removes a setting.
func check(name, text string) error {
	if text == "" {
		return nil
	}
	var want string
	var ok bool
	switch name {
	case Enabled:
		want, ok = "true or false", text == "true" || text == "false"
	case Instance:
		want, ok = "an instance's name, or projects/PROJECT/branches/BRANCH", databricks.CheckName(text) == nil
	case Endpoint:
		want, ok = "projects/PROJECT/branches/BRANCH/endpoints/ENDPOINT, or a host", isPath(text) && databricks.CheckName(text) == nil || hostName.MatchString(text)
	case Capacity:
		want, ok = "CU_1, CU_2, CU_4 or CU_8", databricks.Spec{Name: "any", Capacity: text}.Check() == nil
	case RetentionDays:
		want, ok = "2 to 35", between(text, 2, 35)
	case Nodes:
		want, ok = "1 to 3", between(text, 1, 3)
	case DatabaseType:
		want, ok = "lakebase, sqlite or postgresql", slices.Contains([]string{"lakebase", "sqlite", "postgresql"}, text)
	case Schema:
		want, ok = "a name of at most 63 bytes", len(text) <= 63 && !strings.Contains(text, "\x00")
	case Source:
		_, err := address.WithoutPassword(text)
		want, ok = "a SQLite file, or postgres://user@host/database", err == nil && !strings.Contains(text, "\x00")
		text = "what was given" // it may have a password in it
	case CreatedAt, MigratedAt:
		_, err := time.Parse(time.RFC3339, text)
		want, ok = "a time such as 2026-11-27T10:00:00Z", err == nil
	default:
		return lakeward.Errorf(lakeward.KindInvalid, "there are "+strings.Join(names, ", "), "there is no setting %q", name)
	}
	if !ok {
		return lakeward.Errorf(lakeward.KindInvalid, "use "+want, "%s cannot be %q", name, text)
	}
	return nil
}

func between(text string, least, most int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= most
}

func isPath(endpoint string) bool { return strings.HasPrefix(endpoint, "projects/") }

// within says whether an endpoint belongs to the instance of that name.
func within(endpoint, instance string) bool {
	return strings.HasPrefix(endpoint, "projects/"+instance+"/")
}
