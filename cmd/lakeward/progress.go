package main

import (
	"fmt"
	"io"

	"golang.org/x/term"

	"github.com/lakeward/lakeward"
)

// watch returns what an operation reports its events to, and a function that ends the display. Events are JSON lines
// with --json, bars on a terminal, and one line a step otherwise.
func (a *app) watch() (lakeward.Progress, func()) {
	switch {
	case a.json:
		// A reader that went away ends the program by SIGPIPE.
		return func(e lakeward.Event) { _ = a.printJSON(e) }, func() {}
	case term.IsTerminal(int(a.stderr.Fd())):
		b := newBars(a.stderr)
		return b.event, b.close
	}
	return lines{a.stderr}.event, func() {}
}

// lines shows one line for each step.
type lines struct {
	w io.Writer
}

func (l lines) event(e lakeward.Event) {
	if text := eventLine(e); text != "" {
		fmt.Fprintln(l.w, text)
	}
}

// eventLine is the line for an event, and "" for those that only move a bar.
func eventLine(e lakeward.Event) string {
	switch e.Type {
	case lakeward.EventPhase, lakeward.EventInfo:
		return step(e.Phase, e.Table, e.Message)
	case lakeward.EventDone:
		text := e.Message
		if text == "" && e.Phase != "snapshot" { // which counts pages
			text = plural(e.Done, "row")
		}
		return step(e.Phase, e.Table, text)
	case lakeward.EventWarning:
		return step("warning", e.Table, e.Message)
	}
	return ""
}

func step(phase, table, text string) string {
	switch {
	case table == "":
		return fmt.Sprintf("%-9s %s", phase, text)
	case text == "":
		return fmt.Sprintf("%-9s %s", phase, table)
	}
	return fmt.Sprintf("%-9s %s: %s", phase, table, text)
}
