package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts this program, as `lakeward`, into the PATH of the tests.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lakeward": main})
}
