package migrate

import (
	"strings"
	"testing"
	"time"
)

// exampleReport has one of everything that a report can name.
func exampleReport() *Report {
	r := &Report{
		Version: 1, Lakeward: "v1.2.3", Operation: "migrate", Migration: "0123456789ab", Plan: "made from the source",
		Source:  SourceInfo{Kind: "sqlite", Path: "/srv/app/shop.db", Bytes: 1 << 20, Encoding: "UTF-8", Journal: "wal", Schema: "5e1f"},
		Target:  TargetInfo{Name: "shop", Database: "databricks_postgres", Schema: "public", User: "anna@example.com", Server: "17.5 (Debian 17.5-1)"},
		Started: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC), Seconds: 101.4,
		Phases: []Phase{{"snapshot", 0.052}, {"plan", 0.4}, {"load", 61.04}, {"index", 30}, {"verify", 9.91}, {"swap", 0.01}},
		Tables: []TableReport{
			{
				Name: "customers", Target: "customers", Read: 500, Loaded: 499, Verified: 499, Quarantined: 1, Bytes: 20000,
				Quarantine: []QuarantinedRow{{"customers", `{"id": 7}`, "age", `"forty" is not an integer`, ActionQuarantined}},
			},
			{Name: "order lines", Target: "order lines", Read: 1234567, Loaded: 1234567, Verified: 1234567, Bytes: 3 << 20},
		},
		Views: []ViewReport{{Name: "totals", Target: "totals", Rows: 3, Loaded: 3, Identical: true}},
		Orphans: []OrphanReport{{
			Table: "order lines", ForeignKey: "order lines_customer_fkey", Parent: "customers", Rows: 2,
			Query: `SELECT c.* FROM "public"."order lines" c WHERE …`,
		}},
		Checks:    []CheckReport{{Table: "customers", Check: "customers_age_check", Rows: 1, Query: `SELECT * FROM "public"."customers" WHERE NOT (age > 0)`}},
		Sequences: []SequenceState{{Table: "customers", Column: "id", Next: 501}},
		Left:      []Left{{Kind: "trigger", Table: "customers", Name: "touch", Reason: "triggers are not translated", Source: "CREATE TRIGGER …"}},
		Swapped:   true,
	}
	r.judge()
	return r
}

func TestReportIsOneScreen(t *testing.T) {
	t.Parallel()
	different := exampleReport()
	different.Swapped, different.Orphans, different.Checks, different.Left = false, nil, nil, nil
	lines := &different.Tables[1]
	lines.Verified, lines.Differing = lines.Verified-2, 3
	lines.Differences = []Difference{
		{Table: "order lines", Kind: Changed, Key: "id=17", Column: "price", Source: "1.50", Target: "1.49"},
		{Table: "order lines", Kind: Missing, Key: "id=18", Source: "id=18, price=2"},
		{Table: "order lines", Kind: Extra, Key: "id=19", Target: "id=19, price=3"},
	}
	different.Views[0] = ViewReport{Name: "totals", Target: "totals", Rows: 3, Loaded: 2}
	different.judge()
	unfinished := exampleReport()
	unfinished.Verdict, unfinished.Tables, unfinished.Views, unfinished.Left = "", nil, nil, nil
	unfinished.Orphans, unfinished.Checks, unfinished.Sequences = nil, nil, nil
	for name, r := range map[string]*Report{"report": exampleReport(), "report_different": different, "report_unfinished": unfinished} {
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", b.String())
		golden(t, name+".json", asJSON(t, r)+"\n")
		b.Reset()
		if err := r.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".html", b.String())
	}
}

func TestReportHidesOnlyTablesWithNothingToSay(t *testing.T) {
	t.Parallel()
	r := &Report{}
	for i := range int64(50) {
		r.Tables = append(r.Tables, TableReport{Name: "t" + count(i), Read: i, Loaded: i, Verified: i})
	}
	r.Tables[3].Verified, r.Tables[3].Differing = 2, 1
	r.Tables[5].Read, r.Tables[5].Quarantined = 6, 1
	shown, hidden := r.chooseTables()
	names := map[string]bool{}
	for _, t := range shown {
		names[t.Name] = true
	}
	if len(shown) != 30 || len(hidden) != 20 || !names["t3"] || !names["t5"] || !names["t49"] || names["t4"] {
		t.Errorf("%d shown: %v, %d hidden", len(shown), names, len(hidden))
	}
}

func TestReportVerdict(t *testing.T) {
	t.Parallel()
	table := TableReport{Read: 10, Loaded: 10, Verified: 10}
	for _, test := range []struct {
		name     string
		change   func(*Report)
		verdict  Verdict
		complete bool
	}{
		{"nothing to say", func(*Report) {}, VerdictIdentical, true},
		{"an orphan", func(r *Report) { r.Orphans = []OrphanReport{{Rows: 1}} }, VerdictExcept, true},
		{"a trigger left behind", func(r *Report) { r.Left = []Left{{Kind: "trigger"}} }, VerdictExcept, true},
		{"a view left behind", func(r *Report) { r.Left = []Left{{Kind: "view"}} }, VerdictExcept, false},
		{"a quarantined row", func(r *Report) { r.Tables[0].Quarantined, r.Tables[0].Read = 1, 11 }, VerdictExcept, false},
		{"a row that nobody accounts for", func(r *Report) { r.Tables[0].Read = 11 }, VerdictDifferent, false},
		{"a row that was not compared", func(r *Report) { r.Tables[0].Verified = 9 }, VerdictDifferent, false},
		{"a row that differs", func(r *Report) { r.Tables[0].Differing = 1 }, VerdictDifferent, false},
		{"a table that could not be compared", func(r *Report) { r.Tables[0].Error = "gone" }, VerdictDifferent, false},
		{"a view that differs", func(r *Report) { r.Views = []ViewReport{{}} }, VerdictDifferent, false},
		{"a view that cannot be compared", func(r *Report) { r.Views = []ViewReport{{Explained: "…"}} }, VerdictExcept, true},
	} {
		r := &Report{Tables: []TableReport{table}}
		test.change(r)
		r.judge()
		if r.Outcome() != test.verdict || r.Complete() != test.complete {
			t.Errorf("%s: %q, complete %t; want %q, %t", test.name, r.Outcome(), r.Complete(), test.verdict, test.complete)
		}
	}
	if r := (&Report{}); r.Outcome() != VerdictDifferent || r.Complete() {
		t.Error("a report without a comparison counts as proven")
	}
}
