package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lakeward/lakeward"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	kind := func(k lakeward.Kind) error { return lakeward.Errorf(k, "", "x") }
	tests := map[string]struct {
		err  error
		want int
	}{
		"nothing":             {nil, 0},
		"any error":           {errors.New("x"), 1},
		"invalid input":       {kind(lakeward.KindInvalid), 1},
		"unavailable":         {kind(lakeward.KindUnavailable), 1},
		"unsupported":         {kind(lakeward.KindUnsupported), 1},
		"usage":               {usagef("", "x"), 2},
		"differences":         {errDifferent, 3},
		"not found":           {kind(lakeward.KindNotFound), 4},
		"unauthenticated":     {kind(lakeward.KindUnauthenticated), 5},
		"denied":              {kind(lakeward.KindDenied), 5},
		"conflict":            {fmt.Errorf("wrapped: %w", kind(lakeward.KindConflict)), 6},
		"joined":              {errors.Join(kind(lakeward.KindConflict), errors.New("closing")), 6},
		"told, and not found": {&toldError{kind(lakeward.KindNotFound)}, 4},
		"interrupted":         {errInterrupted, 130},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := exitCode(test.err); got != test.want {
				t.Errorf("exit code %d, want %d", got, test.want)
			}
		})
	}
}

func TestFailureIsOneLine(t *testing.T) {
	t.Parallel()
	f := failureOf(lakeward.Errorf(lakeward.KindUnavailable, "try\nagain", "a\n\tb: %w", errors.New("c\nd")))
	want := failure{Kind: "unavailable", Message: "a b: c d", Hint: "try again"}
	if f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
}
