package migrate

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestORMsGetTheTypesTheyExpect compares what becomes of the schemas that ORMs write for SQLite as statements, which
// PostgreSQL must take, and migrates the rows beside them.
func TestORMsGetTheTypesTheyExpect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"django", "gorm", "prisma", "rails", "sqlalchemy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(filepath.Join("testdata", "orm", name+".sql"))
			if err != nil {
				t.Fatal(err)
			}
			plan := planOf(t, string(script))
			if len(plan.Left) > 0 {
				t.Errorf("left behind: %+v", plan.Left)
			}
			golden(t, filepath.Join("orm", name+".golden"), strings.Join(statements(plan), ";\n")+";\n")
			execute(t, pgtest.DB(t), name, plan)
			report, err := Run(t.Context(), newSource(t, string(script)), DSN(pgtest.DB(t)), Options{WorkDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			requireIdentical(t, report)
		})
	}
}

// TestApplicationsRunUnchanged has small applications make a SQLite database through their ORM, migrates it, and has the
// same applications work with the result: they read what they wrote, find it by every kind of column, and go on writing.
func TestApplicationsRunUnchanged(t *testing.T) {
	t.Parallel()
	apps, err := filepath.Glob("testdata/orm/apps/*.py")
	if err != nil || len(apps) == 0 {
		t.Fatalf("applications %v: %v", apps, err)
	}
	for _, app := range apps {
		t.Run(filepath.Base(app), func(t *testing.T) {
			t.Parallel()
			source, dsn := filepath.Join(t.TempDir(), "app.db"), pgtest.DB(t)
			python(t, app, "create", source)
			report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: t.TempDir(), Plan: askedForIntervals(t, source)})
			if err != nil {
				t.Fatalf("%v\n%s", err, asJSON(t, report))
			}
			requireIdentical(t, report)
			python(t, app, "use", dsn)
			_, back := export(t, DSN(dsn), ExportOptions{})
			requireIdentical(t, back)
		})
	}
}

// askedForIntervals makes the plan and follows its note on what only a person knows: which bigint is Django's
// DurationField.
func askedForIntervals(t *testing.T, source string) *Plan {
	t.Helper()
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range plan.Tables {
		for j, c := range table.Columns {
			note := func(n string) bool { return strings.HasPrefix(n, c.Name+" is a BigIntegerField or a DurationField") }
			if c.Name == "reading" && slices.Contains(c.Alternatives, "interval") && slices.ContainsFunc(table.Notes, note) {
				plan.Tables[i].Columns[j].Type, plan.Tables[i].Columns[j].Convert = "interval", ConvertInterval
			}
		}
	}
	return plan
}

// python runs a program with Debian's Python, whose ORMs `make test` installs.
func python(t *testing.T, args ...string) {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{"-W", "ignore"}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "TZ=America/New_York")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v (tools/setup.sh orms installs what it needs): %v\n%s", args, err, out)
	}
}
