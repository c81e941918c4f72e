package migrate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// orphanScript has orphans of every kind of key: of a row that never was, of rows that are quarantined for a misfit and for
// being orphans themselves, over one column and two, of the own table and in a ring.
const orphanScript = `
CREATE TABLE customers (id INTEGER PRIMARY KEY, age INTEGER, region TEXT, code TEXT, UNIQUE (region, code));
WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 500) INSERT INTO customers SELECT i, i, 'r'||(i%5), 'c'||i FROM i;
UPDATE customers SET age = 'forty' WHERE id = 7;
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id));
INSERT INTO orders SELECT id, id FROM customers;
INSERT INTO orders VALUES (901, 12345), (902, NULL);
CREATE TABLE lines (order_id INTEGER REFERENCES orders (id), n INTEGER, PRIMARY KEY (order_id, n)) WITHOUT ROWID;
INSERT INTO lines SELECT id, 1 FROM orders; INSERT INTO lines SELECT id, 2 FROM orders;
CREATE TABLE visits (region TEXT, code TEXT, note TEXT, FOREIGN KEY (region, code) REFERENCES customers (region, code));
INSERT INTO visits SELECT region, code, 'v' FROM customers;
INSERT INTO visits VALUES ('r0', 'c1', 'no such pair'), ('r0', NULL, 'no reference'), ('r2', 'c7', 'of the quarantined one');
CREATE TABLE staff (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES staff (id));
INSERT INTO staff VALUES (1, 1), (2, 1), (3, 99), (4, 3), (5, 4), (6, 2);
CREATE TABLE ring_a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES ring_b (id));
CREATE TABLE ring_b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES ring_a (id));
INSERT INTO ring_a VALUES (1, 1), (2, 2), (3, 3); INSERT INTO ring_b VALUES (1, 1), (2, 9), (3, 2);
`

func TestOrphansAreKeptUntilSomebodySaysOtherwise(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, orphanScript), DSN(pgtest.DB(t))
	for _, r := range migrateTwice(t, source, target, Options{OnOrphan: OrphanKeep}) {
		orphans := map[string]int64{}
		for _, o := range r.Orphans {
			orphans[o.Table] += o.Rows
		}
		if diff := cmp.Diff(map[string]int64{"orders": 2, "visits": 3, "staff": 1, "ring_b": 1}, orphans); diff != "" {
			t.Errorf("%s: orphans (-want +got):\n%s", r.Operation, diff)
		}
	}
}

func TestOrphansAreQuarantinedToTheLast(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, orphanScript), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{OnOrphan: OrphanQuarantine})
	if err != nil {
		t.Fatal(err)
	}
	foreseen := map[string]int64{}
	for _, table := range plan.Tables {
		for _, fk := range table.ForeignKeys {
			foreseen[table.Name] += fk.Orphans
		}
	}
	want := map[string]int64{"customers": 1, "orders": 2, "lines": 4, "visits": 3, "staff": 3, "ring_a": 2, "ring_b": 2}
	foreseen["customers"]++ // its misfit
	if diff := cmp.Diff(want, foreseen); diff != "" {
		t.Errorf("the plan foresees (-want +got):\n%s", diff)
	}
	for _, r := range migrateTwice(t, source, target, Options{OnOrphan: OrphanQuarantine}) {
		quarantined := map[string]int64{}
		for _, table := range r.Tables {
			quarantined[table.Name] = table.Quarantined
			if table.Verified != table.Loaded || table.Read != table.Loaded+table.Quarantined {
				t.Errorf("%s: %s", r.Operation, asJSON(t, table))
			}
		}
		if diff := cmp.Diff(want, quarantined); diff != "" || r.Verdict != VerdictExcept || r.Complete() || len(r.Orphans) > 0 {
			t.Errorf("%s: verdict %q, orphans %v, quarantined (-want +got):\n%s", r.Operation, r.Verdict, r.Orphans, diff)
		}
	}
	requireValid(t, target)
	conn := connect(t, target)
	var reason, row string
	err = conn.QueryRow(t.Context(), `SELECT column_name || ': ' || reason, "row"::text FROM lakeward_quarantine WHERE table_name = 'visits'
		AND "row" -> 'note' ->> 'text' = 'no such pair'`).Scan(&reason, &row)
	if err != nil || reason != `region, code: no parent in customers (region = "r0", code = "c1")` ||
		row != `{"code": {"text": "c1"}, "note": {"text": "no such pair"}, "region": {"text": "r0"}}` {
		t.Errorf("reason %q, row %s, %v", reason, row, err)
	}
}

func TestOrphansLoseTheirReference(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, orphanScript), DSN(pgtest.DB(t))
	for _, r := range migrateTwice(t, source, target, Options{OnOrphan: OrphanNull}) {
		nulled := map[string]int64{}
		for _, table := range r.Tables {
			if table.Nulled > 0 {
				nulled[table.Name] = table.Nulled
			}
		}
		// The lines of orders keep their parents: no order goes.
		if diff := cmp.Diff(map[string]int64{"orders": 2, "visits": 6, "staff": 1, "ring_b": 1}, nulled); diff != "" || r.Verdict != VerdictExcept ||
			r.Complete() || len(r.Orphans) > 0 {
			t.Errorf("%s: verdict %q, orphans %v, nulled (-want +got):\n%s", r.Operation, r.Verdict, r.Orphans, diff)
		}
	}
	requireValid(t, target)
	conn := connect(t, target)
	if n := countRowsOf(t, conn, "SELECT FROM visits WHERE region IS NULL AND code IS NULL AND note <> 'no reference'"); n != 3 {
		t.Errorf("%d visits have lost their reference, want 3", n)
	}
	if n := countRowsOf(t, conn, `SELECT FROM lakeward_quarantine WHERE table_name = 'orders' AND action = 'nulled' AND key = '{"id": 901}'
		AND "row" -> 'customer_id' = '{"integer": 12345}'`); n != 1 {
		t.Errorf("%d originals of the order, want 1", n)
	}
}

// TestOrphansMixTheirPolicies lets each key have its own.
func TestOrphansMixTheirPolicies(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, orphanScript), DSN(pgtest.DB(t))
	plan := mustPlan(t, source)
	plan.table("orders").ForeignKeys[0].OnOrphan = OrphanQuarantine
	plan.table("lines").ForeignKeys[0].OnOrphan = OrphanKeep
	plan.table("visits").ForeignKeys[0].OnOrphan = OrphanNull
	for _, r := range migrateTwice(t, source, target, Options{Plan: plan}) {
		got := map[string][3]int64{}
		for _, table := range r.Tables {
			got[table.Name] = [3]int64{table.Quarantined, table.Nulled}
		}
		for _, o := range r.Orphans {
			n := got[o.Table]
			n[2] += o.Rows
			got[o.Table] = n
		}
		want := map[string][3]int64{
			"customers": {1}, "orders": {2}, "lines": {0, 0, 4}, "visits": {0, 6}, "staff": {0, 0, 1}, "ring_a": {}, "ring_b": {0, 0, 1},
		}
		if diff := cmp.Diff(want, got); diff != "" || r.Verdict != VerdictExcept {
			t.Errorf("%s: verdict %q, quarantined, nulled, kept (-want +got):\n%s", r.Operation, r.Verdict, diff)
		}
	}
}

func TestOrphanPolicyIsRefused(t *testing.T) {
	t.Parallel()
	source := newSource(t, orphanScript)
	plan := mustPlan(t, source)
	plan.table("lines").ForeignKeys[0].OnOrphan = OrphanNull
	plan.table("orders").ForeignKeys[0].OnOrphan = "drop"
	_, err := CheckPlan(t.Context(), source, plan, PlanOptions{})
	if err == nil || !strings.Contains(err.Error(), "on_orphan: null cannot be: column order_id must not be NULL") ||
		!strings.Contains(err.Error(), `unknown policy "drop"`) {
		t.Errorf("got %v", err)
	}
	_, err = Run(t.Context(), source, DSN(pgtest.DB(t)), Options{OnOrphan: OrphanNull, Strict: true, WorkDir: t.TempDir()})
	if lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("with --strict: %v", err)
	}
}

// TestOrphansOfChangedValues has references and keys that are replaced, nulled and quarantined themselves.
func TestOrphansOfChangedValues(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
		WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 500) INSERT INTO parents SELECT i, 'c'||i FROM i;
		UPDATE parents SET code = 'odd'||char(0) WHERE id = 5;
		CREATE TABLE children (id INTEGER PRIMARY KEY, code TEXT REFERENCES parents (code), parent INTEGER REFERENCES parents);
		INSERT INTO children SELECT id, code, id FROM parents;
		INSERT INTO children VALUES (900, 'odd', 1), (901, 'odd?', 1), (902, 'c1', 'none'), (903, 'c1', 777)`), DSN(pgtest.DB(t))
	plan := mustPlan(t, source)
	with := "?"
	for _, table := range []string{"parents", "children"} {
		c := plan.table(table).Columns[1:2]
		c[0].OnMisfit, c[0].Replacement = PolicyReplace, &with
	}
	children := plan.table("children")
	children.Columns[2].OnMisfit = PolicyNull
	for i := range children.ForeignKeys {
		children.ForeignKeys[i].OnOrphan = OrphanQuarantine
	}
	for _, r := range migrateTwice(t, source, target, Options{Plan: plan}) {
		got := r.table(*children)
		if got.Quarantined != 2 || got.Nulled != 1 || got.Replaced != 1 || r.Verdict != VerdictExcept || len(r.Orphans) > 0 {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
	}
	requireValid(t, target)
	conn := connect(t, target)
	if n := countRowsOf(t, conn, "SELECT FROM children WHERE code = 'odd?'"); n != 2 {
		t.Errorf("%d children have the replaced code, want 2", n)
	}
}

// TestRandomOrphans compares what a plan foresees with what happens, over random references and policies.
func TestRandomOrphans(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			const tables, rows = 4, 40
			var script strings.Builder
			for i := range tables {
				fmt.Fprintf(&script, "CREATE TABLE t%d (id INTEGER PRIMARY KEY, n INTEGER, a INTEGER REFERENCES t%d, b INTEGER REFERENCES t%d);\n",
					i, r.IntN(tables), r.IntN(tables))
			}
			for i := range tables {
				for id := 1; id <= rows; id++ {
					fmt.Fprintf(&script, "INSERT INTO t%d VALUES (%d, %s, %s, %s);\n", i, id, pick(r, 15, "'x'", "1"),
						pick(r, 5, "NULL", fmt.Sprint(1+r.IntN(rows+2))), pick(r, 3, "NULL", fmt.Sprint(1+r.IntN(rows+1))))
				}
			}
			source, target := newSource(t, script.String()), DSN(pgtest.DB(t))
			plan := mustPlan(t, source)
			for i := range plan.Tables {
				for j := range plan.Tables[i].ForeignKeys {
					plan.Tables[i].ForeignKeys[j].OnOrphan = []OrphanPolicy{OrphanKeep, OrphanQuarantine, OrphanNull}[r.IntN(3)]
				}
			}
			checked, err := CheckPlan(t.Context(), source, plan, PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var foreseen, found []string
			for _, table := range checked.Tables {
				for _, c := range table.Columns {
					if c.Misfits > 0 {
						foreseen = append(foreseen, fmt.Sprintf("%s.%s: %d", table.Name, c.Name, c.Misfits))
					}
				}
				for _, fk := range table.ForeignKeys {
					if fk.Orphans > 0 && !fk.moves() {
						foreseen = append(foreseen, fmt.Sprintf("%s kept: %d", fk.Name, fk.Orphans))
					} else if fk.Orphans > 0 {
						foreseen = append(foreseen, fmt.Sprintf("%s.%s: %d", table.Name, fk.Columns[0], fk.Orphans))
					}
				}
			}
			for _, report := range migrateTwice(t, source, target, Options{Plan: plan}) {
				if report.Verdict == VerdictDifferent {
					t.Errorf("%s: %s", report.Operation, asJSON(t, report))
				}
				found = nil
				for _, o := range report.Orphans {
					found = append(found, fmt.Sprintf("%s kept: %d", o.ForeignKey, o.Rows))
				}
			}
			found = append(found, slices.DeleteFunc(actualRows(t, target), func(row string) bool { return !strings.Contains(row, ": ") })...)
			slices.Sort(foreseen)
			slices.Sort(found)
			if diff := cmp.Diff(foreseen, found); diff != "" {
				t.Errorf("-foreseen +found:\n%s", diff)
			}
		})
	}
}

// pick returns rare once in so many times.
func pick(r *rand.Rand, times int, rare, usual string) string {
	if r.IntN(times) == 0 {
		return rare
	}
	return usual
}

// requireValid fails when a foreign key of the target holds for new rows only.
func requireValid(t *testing.T, target DSN) {
	t.Helper()
	if n := countRowsOf(t, connect(t, target), "SELECT FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"); n != 0 {
		t.Errorf("%d foreign keys are not valid", n)
	}
}

// TestRunGoesOnWithItsOrphans loses the target on the way: the run that follows knows the orphans from the file beside the
// snapshot.
func TestRunGoesOnWithItsOrphans(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, orphanScript), pgtest.DB(t)
	o := Options{OnOrphan: OrphanQuarantine, WorkDir: t.TempDir(), Jobs: 1, chunk: 100}
	loseTarget(t, source, dsn, o)
	report, err := Run(t.Context(), source, DSN(dsn), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	var quarantined int64
	for _, table := range report.Tables {
		quarantined += table.Quarantined
	}
	if report.Verdict != VerdictExcept || quarantined != 17 {
		t.Errorf("verdict %q, %d rows quarantined, want 17", report.Verdict, quarantined)
	}
	requireValid(t, DSN(dsn))
}

// TestOrphansGoBack exports a database whose orphans were moved: the file has them as they were.
func TestOrphansGoBack(t *testing.T) {
	t.Parallel()
	source := newSource(t, orphanScript+`CREATE TABLE pairs (id INTEGER PRIMARY KEY, region TEXT, code TEXT,
		FOREIGN KEY (region, code) REFERENCES customers (region, code)); INSERT INTO pairs VALUES (1, 'r9', 'c9'), (2, 'r1', 'c1');
		DROP TABLE visits`)
	for _, policy := range []OrphanPolicy{OrphanQuarantine, OrphanNull} {
		target := DSN(pgtest.DB(t))
		if _, err := Run(t.Context(), source, target, Options{OnOrphan: policy, WorkDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		back, _ := export(t, target, ExportOptions{})
		before, after := dump(t, source), dump(t, back)
		for name, rows := range before {
			if diff := cmp.Diff(slices.Sorted(slices.Values(rows)), slices.Sorted(slices.Values(after[name]))); diff != "" && strings.HasPrefix(name, "table ") {
				t.Errorf("%s: %s (-before +after):\n%s", policy, name, diff)
			}
		}
	}
}
