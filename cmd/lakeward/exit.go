package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lakeward/lakeward"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDifferent   = 3 // done, with differences or quarantined rows
	exitNotFound    = 4
	exitDenied      = 5
	exitConflict    = 6
	exitInterrupted = 130
)

var errInterrupted = errors.New("interrupted")

// errDifferent is the outcome of a command that did its work and has to tell of differences.
var errDifferent = &toldError{errors.New("done with differences")}

// toldError is an error that the command's own output has told of: only its exit code is left.
type toldError struct{ err error }

func (e *toldError) Error() string { return e.err.Error() }
func (e *toldError) Unwrap() error { return e.err }

// usageError is a command line that cannot be meant.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage wraps an error of the parser with the command whose help explains it.
func usage(err error) error {
	command := "lakeward"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		if node := p.Context.Selected(); node != nil {
			command = node.FullPath()
		}
	}
	return &usageError{err: err, hint: "see: " + command + " --help"}
}

// usagef makes the error of a command line that the grammar allows and the command does not.
func usagef(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, errDifferent):
		return exitDifferent
	}
	switch lakeward.KindOf(err) {
	case lakeward.KindNotFound:
		return exitNotFound
	case lakeward.KindUnauthenticated, lakeward.KindDenied:
		return exitDenied
	case lakeward.KindConflict:
		return exitConflict
	}
	return exitFailed
}

// failure is an error as --json prints it.
type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func failureOf(err error) failure {
	f := failure{Kind: string(lakeward.KindOf(err)), Message: oneLine(err.Error()), Hint: oneLine(lakeward.HintOf(err))}
	if u, ok := errors.AsType[*usageError](err); ok {
		f.Kind, f.Hint = "usage", u.hint
	}
	if errors.Is(err, errInterrupted) {
		f.Kind = "interrupted"
	}
	return f
}

// fail shows err and returns the exit code for it.
func (a *app) fail(err error) int {
	code := exitCode(err)
	if _, told := errors.AsType[*toldError](err); told {
		return code
	}
	f := failureOf(err)
	if a.json {
		_ = a.printJSON(map[string]failure{"error": f}) // the exit code says it, too
		return code
	}
	fmt.Fprintf(a.stderr, "lakeward: %s\n", f.Message)
	if f.Hint != "" {
		fmt.Fprintf(a.stderr, "  → %s\n", f.Hint)
	}
	return code
}

// oneLine joins the lines that drivers spread their errors over.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
