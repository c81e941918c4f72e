package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/lakeward/lakeward/internal/task"
)

// TestEveryOperationHasACommandAndARoute holds the command line and the API to the same words.
func TestEveryOperationHasACommandAndARoute(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]bool{}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		commands[n.Name] = true
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	document, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range task.Kinds() {
		if !commands[kind] {
			t.Errorf("no command is called %s", kind)
		}
		if !regexp.MustCompile(`(?m)operationId: ` + kind + `(-|$)`).Match(document) {
			t.Errorf("no route of the API is called %s", kind)
		}
	}
}
