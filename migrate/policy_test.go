package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// misfitScript has a thousand rows that fit, and then everything that does not: one kind a row, from id 2001 on.
const misfitScript = `
CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER, words TEXT, amount NUMERIC(10,2), flag BOOLEAN, day DATE, size REAL, code SMALLINT);
WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 1000)
	INSERT INTO things SELECT i, i, 'w'||i, i/4.0, i%2, '2024-01-31', i/2.0, i FROM i;
INSERT INTO things (id, n) VALUES (2001, 'forty'), (2002, 1.5), (2003, x'00'), (2004, 9e999), (2005, ''), (2006, '9223372036854775808');
INSERT INTO things (id, words) VALUES (2011, 'a'||char(0)||'b'), (2012, CAST(x'41ff42c3' AS TEXT)), (2013, x'fe');
INSERT INTO things (id, amount) VALUES (2021, 'a lot'), (2022, x'01');
INSERT INTO things (id, flag) VALUES (2031, 7), (2032, '');
INSERT INTO things (id, day) VALUES (2041, 'some day'), (2042, 20240131);
INSERT INTO things (id, size) VALUES (2051, 'large'), (2052, x'02');
INSERT INTO things (id, n, words, day) VALUES (2061, 'two', 'of'||char(0)||'them', 'never');
CREATE VIEW sums AS SELECT count(*) AS rows, count(n) AS ns, sum(n) AS total FROM things;
CREATE VIEW others AS SELECT 1 AS one;
`

// misfitColumns are the columns of misfitScript with values that do not fit, and how many.
var misfitColumns = map[string]int64{"n": 7, "words": 4, "amount": 2, "flag": 2, "day": 3, "size": 2}

// replacements are those of the columns other than text.
var replacements = map[string]string{"n": "-1", "amount": "0.00", "flag": "f", "day": "1970-01-01", "size": "0"}

func setPolicy(p *Plan, policy Policy) {
	for i := range p.Tables[0].Columns {
		if c := &p.Tables[0].Columns[i]; misfitColumns[c.Name] > 0 {
			c.OnMisfit = policy
			if with, ok := replacements[c.Name]; ok && policy == PolicyReplace {
				c.Replacement = &with
			}
		}
	}
}

// migrateTwice runs a migration and a verification after it, and returns both reports.
func migrateTwice(t *testing.T, source string, target DSN, o Options) []*Report {
	t.Helper()
	o.WorkDir = t.TempDir()
	report, err := Run(t.Context(), source, target, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	again, err := Verify(t.Context(), source, target, o)
	if err != nil {
		t.Fatal(err)
	}
	return []*Report{report, again}
}

func TestPolicyQuarantine(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	for _, r := range migrateTwice(t, source, target, Options{OnMisfit: PolicyQuarantine}) {
		things := r.Tables[0]
		if r.Verdict != VerdictExcept || r.Complete() || things.Quarantined != 18 || things.Loaded != 1000 || things.Nulled+things.Replaced != 0 {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
	}
	requireOriginals(t, target, "quarantined", 18)
}

func TestPolicyNull(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	for _, r := range migrateTwice(t, source, target, Options{OnMisfit: PolicyNull}) {
		things := r.Tables[0]
		if r.Verdict != VerdictExcept || r.Complete() || things.Quarantined != 0 || things.Loaded != 1018 || things.Nulled != 20 ||
			things.Verified != 1018 {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
		for _, view := range r.Views {
			if !view.Identical {
				t.Errorf("%s: view %s", r.Operation, asJSON(t, view))
			}
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "Changed: 20 values") ||
			!strings.Contains(text.String(), `things {"id": 2001}, column n: "forty" is not an integer; nulled`) {
			t.Errorf("%s: %v\n%s", r.Operation, err, text.String())
		}
	}
	conn := connect(t, target)
	if n := countRowsOf(t, conn, `SELECT FROM things WHERE id > 2000 AND n IS NULL AND words IS NULL AND amount IS NULL
		AND flag IS NULL AND day IS NULL AND size IS NULL`); n != 18 {
		t.Errorf("%d rows have NULL in place of what does not fit, want 18", n)
	}
	requireOriginals(t, target, "nulled", 20)
}

func TestPolicyReplace(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	setPolicy(plan, PolicyReplace)
	for _, r := range migrateTwice(t, source, target, Options{Plan: plan}) {
		things := r.Tables[0]
		if r.Verdict != VerdictExcept || r.Complete() || things.Quarantined != 0 || things.Loaded != 1018 || things.Replaced != 20 ||
			things.Verified != 1018 {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
		for _, view := range r.Views {
			if !view.Identical {
				t.Errorf("%s: view %s", r.Operation, asJSON(t, view))
			}
		}
	}
	requireOriginals(t, target, "replaced", 20)
	conn := connect(t, target)
	for column, want := range map[string]int64{
		"n = -1": 7, "amount = 0": 2, "NOT flag AND id > 2000": 2, "day = '1970-01-01'": 3, "size = 0": 2,
		"words = U&'a\\FFFDb'": 1, "words = U&'A\\FFFDB\\FFFD'": 1, "words = U&'\\FFFD'": 1, "words = U&'of\\FFFDthem'": 1,
	} {
		if n := countRowsOf(t, conn, "SELECT FROM things WHERE "+column); n != want {
			t.Errorf("%s: %d rows, want %d", column, n, want)
		}
	}
}

func TestPolicyWiden(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{OnMisfit: PolicyWiden})
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, c := range plan.Tables[0].Columns {
		types[c.Name] = c.Type
		if (c.OnMisfit == PolicyWiden) != (misfitColumns[c.Name] > 0) || c.Misfits > 0 ||
			c.OnMisfit == PolicyWiden && !strings.Contains(c.Evidence, "widened, because") {
			t.Errorf("column %s", asJSON(t, c))
		}
	}
	want := map[string]string{
		"id": "bigint", "n": "bytea", "words": "bytea", "amount": "text", "flag": "text", "day": "text", "size": "text", "code": "smallint",
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	for _, r := range migrateTwice(t, source, target, Options{OnMisfit: PolicyWiden}) {
		if things := r.Tables[0]; things.Quarantined+things.Nulled+things.Replaced != 0 || things.Verified != 1018 || r.Verdict == VerdictDifferent {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
	}
}

func TestPolicyFail(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	_, err := Run(t.Context(), source, target, Options{OnMisfit: PolicyFail, WorkDir: t.TempDir()})
	if lakeward.KindOf(err) != lakeward.KindConflict || lakeward.HintOf(err) == "" ||
		!strings.Contains(err.Error(), `things.n: 7 values do not fit, and the plan says to fail; row {"id":2001}: "forty" is not an integer`) {
		t.Errorf("foreseen: %v", err)
	}
	requireEmpty(t, target)
	for _, policy := range []Policy{PolicyNull, PolicyReplace, PolicyQuarantine} {
		_, err := Run(t.Context(), source, target, Options{OnMisfit: policy, WorkDir: t.TempDir(), Strict: true})
		if lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("%s with --strict: %v", policy, err)
		}
	}
}

// TestDefaultPolicyYieldsToTheColumn asks for NULL where none may be, and for a replacement that nobody gave.
func TestDefaultPolicyYieldsToTheColumn(t *testing.T) {
	t.Parallel()
	source := newSource(t, `CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER NOT NULL, words TEXT NOT NULL);
		WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 1000) INSERT INTO t SELECT i, i, i FROM i;
		INSERT INTO t VALUES ('x', 'one', 'x'), ('y'||char(0), 1, 'y'), ('z', 1, 'z'||char(0))`)
	for policy, want := range map[Policy][]Policy{PolicyNull: {"", "", ""}, PolicyReplace: {PolicyReplace, "", PolicyReplace}} {
		plan, err := MakePlan(t.Context(), source, PlanOptions{OnMisfit: policy})
		if err != nil {
			t.Fatal(err)
		}
		var got []Policy
		for _, c := range plan.Tables[0].Columns {
			got = append(got, c.OnMisfit)
		}
		notes := strings.Join(plan.Tables[0].Notes, "\n")
		if !slices.Equal(got, want) || strings.Count(notes, "quarantined") != strings.Count(fmt.Sprintf("%q", got), `""`) {
			t.Errorf("%s: policies %q, want %q; notes:\n%s", policy, got, want, notes)
		}
	}
}

// requireOriginals counts the rows of the quarantine with an action, and makes sure that they tell the original values.
func requireOriginals(t *testing.T, target DSN, action string, rows int64) {
	t.Helper()
	conn := connect(t, target)
	query := `SELECT FROM lakeward_quarantine WHERE action = '` + action + `' AND "row" -> column_name IS NOT NULL AND "row" -> column_name <> 'null'`
	if n, all := countRowsOf(t, conn, query), countRowsOf(t, conn, "SELECT FROM lakeward_quarantine"); n != rows || all != rows {
		t.Errorf("%d of %d rows in the quarantine are %s with their original value, want %d", n, all, action, rows)
	}
	query = `SELECT FROM lakeward_quarantine WHERE key = '{"id": 2012}' AND "row" -> 'words' = '{"text_base64": "Qf9Cww=="}'`
	if n := countRowsOf(t, conn, query); n != 1 {
		t.Errorf("%d rows tell the bytes of the text that is not UTF-8, want 1", n)
	}
}

func TestVerifySeesWhatAPolicyDidNotDo(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, misfitScript), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	setPolicy(plan, PolicyReplace)
	plan.Tables[0].Columns[1].OnMisfit, plan.Tables[0].Columns[1].Replacement = PolicyNull, nil
	migrateTwice(t, source, target, Options{Plan: plan})
	conn := connect(t, target)
	for name, change := range map[string][2]string{
		"NULL":        {"UPDATE things SET n = 40 WHERE id = 2001", "UPDATE things SET n = NULL WHERE id = 2001"},
		"replacement": {"UPDATE things SET words = 'a?b' WHERE id = 2011", "UPDATE things SET words = U&'a\\FFFDb' WHERE id = 2011"},
		"original": {
			"UPDATE lakeward_quarantine SET action = 'replaced' WHERE key = '{\"id\": 2001}'",
			"UPDATE lakeward_quarantine SET action = 'nulled' WHERE key = '{\"id\": 2001}'",
		},
	} {
		if _, err := conn.Exec(t.Context(), change[0]); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
		if err != nil || report.Verdict != VerdictDifferent {
			t.Errorf("%s: verdict %q, %v", name, report.Verdict, err)
		}
		if _, err := conn.Exec(t.Context(), change[1]); err != nil {
			t.Fatal(err)
		}
	}
}
