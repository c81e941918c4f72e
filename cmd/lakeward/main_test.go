package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts this program, as `lakeward`, into the PATH of the tests. They run it hundreds of times: built with the race
// detector, it would wait for a second at each end for goroutines that still race, and has none then.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"lakeward": main})
}
