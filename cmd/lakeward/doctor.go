package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

type doctorCmd struct {
	Instance string `arg:"" optional:"" help:"Name of the instance; without one the walk ends at the workspace."`
	Role     string `help:"Role whose access to look at, such as the one of an app (default: your own)." placeholder:"ROLE"`
	Schema   string `default:"public" help:"Schema with the tables that the role works with." placeholder:"NAME"`
	Fix      bool   `help:"Give the role what it lacks, by running the SQL that is shown without this."`
}

// finding is what one step of the walk found.
type finding struct {
	Step   string   `json:"step"`
	OK     bool     `json:"ok"`
	Detail string   `json:"detail,omitempty"`
	SQL    []string `json:"sql,omitempty"` // mends it
	Error  *failure `json:"error,omitempty"`
}

// stepTimeout bounds each step, with time for an instance that must wake up.
const stepTimeout = 30 * time.Second

// Run walks the way that a connection takes, and stops where it ends.
func (c doctorCmd) Run(ctx context.Context, a *app) error {
	w := &walk{app: a, name: c.Instance, access: access{role: c.Role, schema: c.Schema, fix: c.Fix}}
	var findings []finding
	var failed error
	for _, s := range w.steps() {
		f, err := s.take(ctx)
		if !a.json {
			showFinding(a.stdout, f)
		}
		if findings = append(findings, f); err != nil && failed == nil {
			failed = &toldError{err}
		}
		if err != nil && !s.goOn {
			break
		}
	}
	if a.json {
		return errors.Join(a.printJSON(map[string]any{"ok": failed == nil, "steps": findings}), failed)
	}
	return failed
}

// take does one step.
func (s doctorStep) take(ctx context.Context) (finding, error) {
	limited, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	detail, err := s.do(limited)
	f := finding{Step: s.name, OK: err == nil, Detail: detail}
	if err != nil {
		err = interruption(ctx, err)
		told := failureOf(err)
		f.Error, f.SQL = &told, sqlOf(err)
	}
	return f, err
}

func showFinding(w io.Writer, f finding) {
	if f.OK {
		fmt.Fprintf(w, "ok    %-13s %s\n", f.Step, f.Detail)
		return
	}
	fmt.Fprintf(w, "fail  %-13s %s\n", f.Step, f.Error.Message)
	if f.Error.Hint != "" {
		fmt.Fprintf(w, "      → %s\n", f.Error.Hint)
	}
	for _, statement := range f.SQL {
		fmt.Fprintf(w, "      → %s\n", statement)
	}
}
