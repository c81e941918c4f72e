package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

type planCmd struct {
	Source   string               `arg:"" help:"SQLite file, or the postgres:// address of a database."`
	Schema   string               `help:"Schema of the target (default: public, or the plan's)." placeholder:"S"`
	OnMisfit migrate.Policy       `help:"What happens to values that a column's type cannot hold: quarantine (default), widen, null, fail or replace." placeholder:"POLICY"`
	OnOrphan migrate.OrphanPolicy `help:"What happens to rows without a parent: keep (default), quarantine or null." placeholder:"POLICY"`
	Plan     string               `help:"Check the plan in this file instead of making one, and tell what a migration by it would do." placeholder:"FILE"`
	Out      string               `short:"o" help:"Write the plan to this file, to be edited and obeyed: YAML, or JSON where its name ends in .json." placeholder:"FILE"`
}

// Run prints what a migration would do with each table and column, and why.
func (c planCmd) Run(ctx context.Context, a *app) error {
	if err := checkPolicies(c.Plan, c.OnMisfit, c.OnOrphan); err != nil {
		return err
	}
	given, err := readPlan(c.Plan)
	if err != nil {
		return err
	}
	options := migrate.PlanOptions{Schema: c.Schema, OnMisfit: c.OnMisfit, OnOrphan: c.OnOrphan}
	var plan *migrate.Plan
	progress, done := a.watch()
	if options.Progress = progress; given != nil {
		plan, err = migrate.CheckPlan(ctx, c.Source, given, options)
	} else {
		plan, err = migrate.MakePlan(ctx, c.Source, options)
	}
	done()
	if err != nil {
		return locate(err, c.Plan)
	}
	if c.Out != "" {
		if err := writePlan(c.Out, plan); err != nil {
			return err
		}
	}
	return a.print(plan, plan.WriteText)
}

// isDSN tells the address of a PostgreSQL server from the name of a file or an instance.
func isDSN(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

func writePlan(file string, plan *migrate.Plan) error {
	write := plan.WriteYAML
	if filepath.Ext(file) == ".json" {
		write = func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(plan)
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return errors.Join(write(out), out.Close())
}

// checkPolicies refuses policies that there are not, and those beside a plan, which has its own.
func checkPolicies(plan string, onMisfit migrate.Policy, onOrphan migrate.OrphanPolicy) error {
	if _, err := migrate.ParsePolicy(string(onMisfit)); err != nil {
		return usagef(lakeward.HintOf(err), "--on-misfit: %w", err)
	}
	if _, err := migrate.ParseOrphanPolicy(string(onOrphan)); err != nil {
		return usagef(lakeward.HintOf(err), "--on-orphan: %w", err)
	}
	if plan != "" && (onMisfit != "" || onOrphan != "") {
		return usagef("edit the plan", "--on-misfit and --on-orphan are for a plan that is made; %s has policies of its own (on_misfit, on_orphan)", plan)
	}
	return nil
}

// locate adds the lines of a plan's file to the problems that an error names.
func locate(err error, file string) error {
	if problems, ok := errors.AsType[*migrate.PlanError](err); ok && file != "" {
		if text, readErr := os.ReadFile(file); readErr == nil {
			problems.Locate(text)
		}
	}
	return err
}

// readPlan reads the plan that --plan names, if it names one.
func readPlan(file string) (*migrate.Plan, error) {
	if file == "" {
		return nil, nil
	}
	in, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, lakeward.Errorf(lakeward.KindNotFound, "make it with: lakeward plan SOURCE -o "+file, "no such file: %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	defer in.Close()
	return migrate.ReadPlan(in)
}
