package snippet_test

import (
	"go/parser"
	"go/token"
	"os/exec"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/snippet"
)

// hostile has everything in it that a language may trip over.
var hostile = snippet.Target{
	Instance: lakeward.Instance{
		Name: "shop", Host: "ep-shop.example.com", Port: 5433, Endpoint: "projects/shop/branches/production/endpoints/primary",
	},
	User: `o'hara "the" $boss@example.com`, Database: `my data\base`, RootCAs: "/home/a b/ca.pem",
}

func find(t *testing.T, c snippet.Connection, id string) string {
	t.Helper()
	for _, s := range c.Snippets {
		if s.ID == id {
			return s.Text
		}
	}
	t.Fatalf("no snippet %s", id)
	return ""
}

func TestAddressesLeadWhereTheySay(t *testing.T) {
	t.Parallel()
	hostile := hostile
	hostile.RootCAs = ""
	c := snippet.Make(hostile)
	got, err := pgx.ParseConfig(strings.Replace(c.DSN, "&sslrootcert=system", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "ep-shop.example.com" || got.Port != 5433 || got.User != hostile.User || got.Database != hostile.Database {
		t.Errorf("%s leads to %s:%d as %s, database %s", c.DSN, got.Host, got.Port, got.User, got.Database)
	}
	got, err = pgx.ParseConfig(c.ProxyDSN)
	if err != nil || got.Host != "127.0.0.1" || got.Port != 6432 || got.TLSConfig != nil || got.Database != hostile.Database {
		t.Errorf("%s: %+v, %v", c.ProxyDSN, got, err)
	}
	if got, want := snippet.Make(snippet.Target{Instance: hostile.Instance, Proxy: "127.0.0.1:7000"}), "--listen 127.0.0.1:7000"; !strings.Contains(got.ProxyCommand, want) {
		t.Errorf("the proxy at another address is started with %s", got.ProxyCommand)
	}
}

// TestAShellReadsWhatWasMeant has a shell take the snippet apart, with a program in psql's place that shows its argument.
func TestAShellReadsWhatWasMeant(t *testing.T) {
	t.Parallel()
	script := `lakeward() { echo "token of $2"; }; psql() { printf '%s|%s' "$PGPASSWORD" "$1"; };` + find(t, snippet.Make(hostile), "psql")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	password, keywords, _ := strings.Cut(string(out), "|")
	if password != "token of shop" {
		t.Errorf("the password is %q", password)
	}
	keywords = strings.Replace(keywords, " sslrootcert='/home/a b/ca.pem'", "", 1)
	got, err := pgx.ParseConfig(keywords)
	if err != nil || got.User != hostile.User || got.Database != hostile.Database {
		t.Errorf("%s: %v, %v", keywords, got, err)
	}
}

func TestLanguagesReadWhatWasMeant(t *testing.T) {
	t.Parallel()
	c := snippet.Make(hostile)
	_, imports, _ := strings.Cut(find(t, c, "go"), "import (")
	imports, code, _ := strings.Cut(imports, ")\n")
	if _, err := parser.ParseFile(token.NewFileSet(), "main.go", "package main\nimport ("+imports+")\nfunc connect() error {"+code+"\n}", 0); err != nil {
		t.Error(err)
	}
	first, second, _ := strings.Cut(find(t, c, "app"), "# app/app.yaml")
	var bundle struct {
		Resources struct {
			Apps map[string]struct{ Resources []map[string]any }
		}
	}
	if err := yaml.Unmarshal([]byte(first), &bundle); err != nil {
		t.Fatal(err)
	}
	got, ok := bundle.Resources.Apps["my_app"].Resources[0]["postgres"].(map[string]any)
	if !ok || got["branch"] != "projects/shop/branches/production" || got["permission"] != "CAN_CONNECT_AND_CREATE" {
		t.Errorf("the resource is %v", bundle)
	}
	var app map[string]any
	if err := yaml.Unmarshal([]byte(second), &app); err != nil {
		t.Error(err)
	}
}

func TestAnInstanceOfTheOtherAPIIsAskedForByName(t *testing.T) {
	t.Parallel()
	c := snippet.Make(snippet.Target{Instance: lakeward.Instance{Name: "old", Host: "old.example.com"}, User: "ana@example.com"})
	for id, want := range map[string]string{
		"sqlalchemy": `instance_names=["old"]`, "django": `instance_names=["old"]`, "node": "/api/2.0/database/credentials", "app": "instance_name: \"old\"",
	} {
		if got := find(t, c, id); !strings.Contains(got, want) {
			t.Errorf("%s does not say %s:\n%s", id, want, got)
		}
	}
}
