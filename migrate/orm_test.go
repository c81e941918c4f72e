package migrate

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestApplicationsRunUnchanged has small applications make a SQLite database through their ORM and migrates it. Working
// with the result, the same applications must see what they see on SQLite: what they wrote, what they find by every kind
// of column, what is refused, and the numbers that new rows get.
func TestApplicationsRunUnchanged(t *testing.T) {
	t.Parallel()
	apps := map[string]*application{
		"django":     {command: []string{"/usr/bin/python3", "-W", "ignore", "shop_django.py"}},
		"gorm":       {prepare: buildGORM, start: true},
		"prisma":     {command: []string{"node", "shop_prisma/shop.mjs"}},
		"rails":      {command: []string{"/usr/bin/ruby", "-W0", "shop_rails.rb"}, later: "grow"},
		"sqlalchemy": {command: []string{"/usr/bin/python3", "-W", "ignore", "shop_sqlalchemy.py"}},
	}
	for name, app := range apps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, dsn := filepath.Join(t.TempDir(), "app.db"), pgtest.DB(t)
			if app.prepare != nil {
				app.prepare(t, app)
			}
			app.run(t, "create", source)
			report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: t.TempDir(), Plan: askedForIntervals(t, source)})
			if err != nil {
				t.Fatalf("%v\n%s", err, asJSON(t, report))
			}
			requireIdentical(t, report)
			if app.start {
				golden(t, filepath.Join("orm", name+"_start.golden"), strings.Join(app.run(t, "start", dsn), "\n"))
				if again := app.run(t, "start", dsn); len(again) > 1 {
					t.Errorf("the second start changes %q", again)
				}
			}
			if diff := cmp.Diff(app.run(t, "use", source), app.run(t, "use", dsn)); diff != "" {
				t.Errorf("the application sees (-on SQLite +on PostgreSQL):\n%s", diff)
			}
			_, back := export(t, DSN(dsn), ExportOptions{})
			want := VerdictIdentical
			if app.start { // the report names the columns whose types have changed
				want = VerdictExcept
			}
			if back.Verdict != want || !back.Complete() {
				t.Errorf("the way back: want %q:\n%s", want, asJSON(t, back))
			}
			if app.later != "" {
				app.run(t, app.later, dsn)
			}
		})
	}
}

// application is a program in testdata/orm/apps that takes a mode and a database.
type application struct {
	command []string
	start   bool   // it changes the schema when it starts, and prints how in this mode
	later   string // the mode for what comes after the move, on PostgreSQL alone
	prepare func(*testing.T, *application)
}

// buildGORM builds the application on GORM, which is a module of its own. Its SQLite is in C, and the compiler takes four
// times as long where it optimizes.
func buildGORM(t *testing.T, a *application) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "shop")
	cmd := osexec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join("testdata", "orm", "apps", "shop_gorm")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-O0 -g0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the application on GORM: %v\n%s", err, out)
	}
	a.command = []string{program}
}

// run returns the lines that the application prints.
func (a *application) run(t *testing.T, mode, database string) []string {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), a.command[0], slices.Concat(a.command[1:], []string{mode, database})...)
	cmd.Dir = filepath.Join("testdata", "orm", "apps")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "TZ=America/New_York")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s %s (tools/setup.sh orms installs what it needs): %v\n%s", a.command, mode, database, err, out)
	}
	return strings.Split(string(out), "\n")
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

// TestDatesWithAZone migrates dates as Go's drivers write them. What is a date only by its column's name stays a time.
func TestDatesWithAZone(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE day (id INTEGER PRIMARY KEY, here date, summer date, at date);
		INSERT INTO day VALUES
			(1, '2024-01-31 00:00:00-05:00', '2024-01-31 00:00:00-05:00', '2024-01-31 00:00:00-05:00'),
			(2, '2024-02-29 00:00:00-05:00', '2024-07-01 00:00:00-04:00', '2024-01-31 22:30:00-05:00'),
			(3, NULL, '2024-07-02 00:00:00Z', NULL)`)
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, c := range plan.Tables[0].Columns[1:] {
		types = append(types, c.Type)
	}
	if diff := cmp.Diff([]string{"date", "date", "timestamp with time zone"}, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	back, report := thereAndBack(t, source,
		`SET TimeZone = 'Asia/Tokyo'`,
		`INSERT INTO day (here, summer) SELECT here + 1, max(summer) + 1 FROM day WHERE here = '2024-02-29' GROUP BY here`)
	requireIdentical(t, report)
	if diff := cmp.Diff([]string{
		`INTEGER "1", TEXT "2024-01-31 00:00:00-05:00", TEXT "2024-01-31 00:00:00+00:00", TEXT "2024-01-31 00:00:00-05:00"`,
		`INTEGER "2", TEXT "2024-02-29 00:00:00-05:00", TEXT "2024-07-01 00:00:00+00:00", TEXT "2024-01-31 22:30:00-05:00"`,
		`INTEGER "3", null, TEXT "2024-07-02 00:00:00+00:00", null`,
		`INTEGER "4", TEXT "2024-03-01 00:00:00-05:00", TEXT "2024-07-02 00:00:00+00:00", null`,
	}, dump(t, back)["table day"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
