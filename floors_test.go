package lakeward_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lakeward/lakeward"

// floors says which of the module's packages each package may import besides itself. Data flows down; a package that is
// not listed is a new room, and its author decides here which floor it stands on.
var floors = map[string][]string{
	"":                   {}, // the library: standard library and pgx only
	"internal/dialect":   {},
	"internal/address":   {},
	"internal/pgwire":    {""},
	"internal/pgproc":    {""},
	"internal/pgtest":    {"internal/pgproc"},
	"internal/pgtool":    {""},
	"internal/snippet":   {""},
	"internal/browse":    {""},
	"examples/helpdesk":  {},
	"examples/app":       {"", "databricks"},
	"databricks":         {""},
	"migrate":            {"", "internal/dialect", "internal/pgtool"},
	"internal/endpoint":  {"", "internal/pgproc", "internal/pgwire"},
	"internal/standin":   {"", "internal/endpoint", "internal/pgproc", "internal/pgwire"},
	"lakewardtest":       {"", "databricks", "internal/standin"},
	"internal/store":     {""},
	"internal/storetest": {"internal/pgtest", "internal/store"},
	"internal/access":    {"", "internal/store"},
	"internal/backup":    {"", "databricks", "migrate", "internal/pgtool"},
	"internal/api": {
		"", "databricks", "migrate", "internal/snippet", "internal/browse", "internal/backup", "internal/access", "internal/observe", "internal/settings", "internal/store", "internal/task",
	},
	"internal/config":   {"", "databricks", "internal/address", "internal/standin"},
	"internal/settings": {"", "databricks", "internal/address", "internal/config", "internal/store"},
	"internal/observe":  {""},
	"internal/task":     {"", "databricks", "migrate", "internal/address", "internal/backup", "internal/settings", "internal/store", "internal/observe"},
	"internal/proxy":    {"", "internal/pgwire", "internal/observe"},
	"internal/daemon": {
		"", "databricks", "migrate", "examples/helpdesk", "internal/standin", "internal/config", "internal/settings",
		"internal/store", "internal/task", "internal/access", "internal/api", "internal/observe", "web",
	},
	"web":          {},
	"cmd/lakeward": {"", "databricks", "migrate", "internal/backup", "internal/standin", "internal/config", "internal/daemon", "internal/pgproc", "internal/proxy", "internal/observe", "internal/settings", "internal/snippet", "internal/store"},
	"bench":        {"", "databricks", "migrate", "internal/standin", "internal/pgproc"},
}

// outside says which packages may import a part that only some rooms know.
var outside = map[string][]string{
	"github.com/databricks/databricks-sdk-go": {"databricks", "internal/standin"},
	"zombiezen.com/go/sqlite":                 {"migrate", "examples/helpdesk", "bench"},
	"github.com/alecthomas/kong":              {"cmd/lakeward"},
	"github.com/pressly/goose":                {"internal/store"},
	"github.com/riverqueue/river":             {"internal/task"},
	"github.com/danielgtaylor/huma":           {"internal/api"},
}

func TestEveryPackageImportsOnlyTheFloorsBelowIt(t *testing.T) {
	t.Parallel()
	empty := maps.Clone(floors)
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		allowed, known := floors[room]
		delete(empty, room)
		if !known {
			t.Errorf("package %q stands on no floor: add it to floors, with what it may import", room)
			continue
		}
		for _, imp := range p.Imports {
			if inner, ok := strings.CutPrefix(imp, module); ok {
				if inner = strings.TrimPrefix(inner, "/"); !slices.Contains(allowed, inner) {
					t.Errorf("forbidden arrow: %q imports %q", room, inner)
				}
				continue
			}
			for part, rooms := range outside {
				if (imp == part || strings.HasPrefix(imp, part+"/")) && !slices.Contains(rooms, room) {
					t.Errorf("forbidden arrow: %q imports %q, which only %q may", room, imp, rooms)
				}
			}
			if room == "" && strings.Contains(imp, ".") && !strings.HasPrefix(imp, "github.com/jackc/pgx/v5") {
				t.Errorf("forbidden arrow: the library imports %q; it may import the standard library and pgx", imp)
			}
		}
	}
	for room := range empty {
		t.Errorf("there is no package %q: take it out of floors", room)
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
}
