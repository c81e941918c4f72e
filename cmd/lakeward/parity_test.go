package main

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/lakeward/lakeward/internal/task"
)

// ofOneSide are the words that only the command line has: they name files and folders of its own machine. A migration that
// makes its instance is the guide's create over HTTP. Copies of instances are made by the workspace, not by a server.
var ofOneSide = map[string]string{
	"create": "from at at_lsn", "plan": "out", "check": "work_dir backup_dir", "verify": "work_dir report", "export": "file report",
	"migrate": "work_dir backup_dir report create capacity retention_days nodes",
}

// TestEveryOperationHasACommandAndARoute holds the command line and the API to the same words, down to each field.
func TestEveryOperationHasACommandAndARoute(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	commands, words := map[string]bool{}, map[string][]string{}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		commands[n.Name] = true
		for _, child := range n.Children {
			walk(child)
		}
		name := n.Name
		if n.Parent != nil && n.Parent.Name == "backup" && name == "create" {
			name = "backup"
		}
		if len(n.Children) > 0 || words[name] != nil {
			return
		}
		for _, p := range n.Positional {
			words[name] = append(words[name], p.Name)
		}
		for _, f := range n.Flags {
			words[name] = append(words[name], f.Name)
		}
	}
	walk(parser.Model.Node)
	fields := fieldsOfRoutes(t)
	for _, kind := range task.Kinds() {
		if !commands[kind] {
			t.Errorf("no command is called %s", kind)
		}
		route, ok := fields[kind]
		if !ok {
			if route, ok = fields[kind+"-instance"]; !ok {
				t.Errorf("no route of the API is called %s", kind)
			}
		}
		typed := map[string]bool{}
		for _, w := range words[kind] {
			typed[strings.ReplaceAll(w, "-", "_")] = true
		}
		for _, w := range append(strings.Fields(ofOneSide[kind]), "help") {
			delete(typed, w)
		}
		if got, want := slices.Sorted(maps.Keys(route)), slices.Sorted(maps.Keys(typed)); !slices.Equal(got, want) {
			t.Errorf("%s: the route has %q, the command %q", kind, got, want)
		}
	}
}

// fieldsOfRoutes are what may be said to each route: in its path, its query and its body.
func fieldsOfRoutes(t *testing.T) map[string]map[string]bool {
	t.Helper()
	type schema struct {
		Ref        string `yaml:"$ref"`
		Properties map[string]any
	}
	var document struct {
		Paths map[string]map[string]struct {
			ID          string `yaml:"operationId"`
			Parameters  []struct{ In, Name string }
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			} `yaml:"requestBody"`
		}
		Components struct{ Schemas map[string]schema }
	}
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err := cmp.Or(err, yaml.Unmarshal(text, &document)); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for _, methods := range document.Paths {
		for _, o := range methods {
			fields := map[string]bool{}
			for _, p := range o.Parameters {
				if p.In != "header" {
					fields[p.Name] = true
				}
			}
			ref := o.RequestBody.Content["application/json"].Schema.Ref
			for name := range document.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]].Properties {
				fields[name] = true
			}
			all[o.ID] = fields
		}
	}
	return all
}
