package migrate

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

const viewsScript = `
CREATE TABLE sales (id INTEGER PRIMARY KEY, shop TEXT, amount REAL, at TEXT);
INSERT INTO sales (shop, amount, at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000)
	SELECT 'shop'||(i%7), i/3.0, NULL FROM n;
CREATE VIEW sums AS SELECT shop, sum(amount) AS total, avg(amount) AS mean FROM sales GROUP BY shop;
CREATE VIEW large AS SELECT shop FROM sums WHERE total > 10;
CREATE VIEW halves AS SELECT id, id/2 AS half FROM sales;
`

// viewsPlan returns the plan of viewsScript with translations of its views that a test may spoil.
func viewsPlan(t *testing.T, source string) *Plan {
	t.Helper()
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plan.Left = nil
	plan.Views = []View{
		{
			Name: "sums", Target: "sums", SQL: `SELECT shop, sum(amount ORDER BY id DESC) AS total, avg(amount) AS mean FROM sales GROUP BY shop`,
			Source: "CREATE VIEW sums AS SELECT shop, sum(amount) AS total, avg(amount) AS mean FROM sales GROUP BY shop",
		},
		{Name: "large", Target: "large", SQL: `SELECT shop FROM sums WHERE total > 10`, Source: "CREATE VIEW large AS SELECT shop FROM sums WHERE total > 10"},
		{Name: "halves", Target: "halves", SQL: `SELECT id, id/2 AS half FROM sales`, Source: "CREATE VIEW halves AS SELECT id, id/2 AS half FROM sales"},
	}
	return plan
}

func TestViewsAreCompared(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, viewsScript), DSN(pgtest.DB(t))
	plan := viewsPlan(t, source)
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report) // although the sums are made in another order
	conn := connect(t, target)
	for _, change := range []struct{ view, sql, want string }{
		{"sums", `CREATE OR REPLACE VIEW sums AS SELECT shop, sum(amount) * 1.00000001 AS total, avg(amount) AS mean FROM sales GROUP BY shop`, "shop"},
		{"halves", `CREATE OR REPLACE VIEW halves AS SELECT id, (id+1)/2 AS half FROM sales`, "1, 0"},
		{"large", `CREATE OR REPLACE VIEW large AS SELECT shop FROM sums LIMIT 6`, "7 rows in the source, 6 on the target"},
		{"halves", `DROP VIEW halves`, "does not exist"},
	} {
		if _, err := conn.Exec(t.Context(), change.sql); err != nil {
			t.Fatal(err)
		}
		again, err := Verify(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range again.Views {
			if v.Name == change.view && (v.Identical || !strings.Contains(v.difference(), change.want)) {
				t.Errorf("%s: %s", change.sql, asJSON(t, v))
			}
		}
		if again.Verdict != VerdictDifferent {
			t.Errorf("%s: verdict %q", change.sql, again.Verdict)
		}
	}
}

func TestViewsThatDifferStayBehind(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, viewsScript), DSN(pgtest.DB(t))
	plan := viewsPlan(t, source)
	plan.Views[0].SQL = strings.Replace(plan.Views[0].SQL, "avg(amount)", "max(amount)", 1)
	plan.Views[2].SQL = "SELECT id, half FROM sales"
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, l := range report.Left {
		reasons[l.Name] = l.Reason
	}
	if len(report.Views) != 0 || !strings.Contains(reasons["sums"], "other rows") || !strings.Contains(reasons["large"], "reads sums") ||
		!strings.Contains(reasons["halves"], `column "half" does not exist`) {
		t.Errorf("views %s, left behind %v", asJSON(t, report.Views), reasons)
	}
	if report.Verdict != VerdictExcept || report.Complete() || !report.Swapped {
		t.Errorf("verdict %q, complete %t, swapped %t", report.Verdict, report.Complete(), report.Swapped)
	}
	if len(plan.Views) != 3 {
		t.Error("the caller's plan has changed")
	}
}

// TestViewsLeaveQuarantinedRowsOut compares views over a table that has lost a row to the quarantine.
func TestViewsLeaveQuarantinedRowsOut(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, viewsScript+`UPDATE sales SET amount = 'a lot' WHERE id = 100;`), DSN(pgtest.DB(t))
	plan := viewsPlan(t, source)
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Views) != 3 || report.Tables[0].Quarantined != 1 || report.Verdict != VerdictExcept {
		t.Fatalf("%s", asJSON(t, report))
	}
	for _, v := range report.Views {
		if !v.Identical || v.Explained != "" {
			t.Errorf("%s", asJSON(t, v))
		}
	}
}

func TestRunDoesNotSwapWhatDiffers(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn := connect(t, target)
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Progress: func(e lakeward.Event) {
		if e.Phase == "verify" && e.Type == lakeward.EventPhase {
			stage := stages(t, conn)[0]
			if _, err := conn.Exec(t.Context(), "UPDATE "+stage+".customers SET name = 'x' WHERE id = 5"); err != nil {
				t.Error(err)
			}
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "row id=5, column name: source c5, target x") {
		t.Errorf("got %v", err)
	}
	if report.Verdict != VerdictDifferent || report.Swapped {
		t.Errorf("verdict %q, swapped %t", report.Verdict, report.Swapped)
	}
	requireEmpty(t, target)
}
