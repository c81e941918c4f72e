package migrate

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestHTMLReportForgesNothing has names and values that try to become markup, styles, scripts or links.
func TestHTMLReportForgesNothing(t *testing.T) {
	t.Parallel()
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><b>`, `' onmouseover='x`, "`;--",
		`javascript:alert(1)`, `{{.Title}}`, `<!--`, "\x00\u202e\u2028\xff", `</code></pre><h1>Identical</h1>`, `&lt;b&gt;`,
	}
	plain, err := pageOf(reportOf("x"))
	if err != nil {
		t.Fatal(err)
	}
	want := tagsOf(plain)
	for _, text := range hostile {
		got, err := pageOf(reportOf(text))
		if err != nil {
			t.Fatal(err)
		}
		if tags := tagsOf(got); tags != want {
			t.Errorf("%q changes the markup:\n%s\n%s", text, want, tags)
		}
	}
}

// tagsOf returns all tags of a page, in order.
func tagsOf(page string) string {
	_, body, _ := strings.Cut(page, "</style>")
	return strings.Join(regexp.MustCompile(`<[^>]*>`).FindAllString(body, -1), "")
}

func pageOf(r *Report) (string, error) {
	var b strings.Builder
	err := r.WriteHTML(&b)
	return b.String(), err
}

// reportOf returns a report in which every text is s.
func reportOf(s string) *Report {
	return &Report{
		Version: 1, Lakeward: s, Operation: "migrate", Migration: s, Plan: s, Backup: s, Notes: []string{s},
		Source: SourceInfo{Kind: "sqlite", Path: s, Encoding: s, Journal: s, Schema: s},
		Target: TargetInfo{Name: s, Database: s, Schema: s, User: s, Server: s}, Verdict: VerdictDifferent,
		Phases: []Phase{{s, 1}}, Sequences: []SequenceState{{Table: s, Column: s, Next: 1}},
		Tables: []TableReport{
			{Name: s, Target: s + s, Error: s},
			{
				Name: s, Target: s + s, Read: 2, Differing: 1, Quarantined: 1,
				Differences: []Difference{{s, Changed, s, s, s, s}}, Quarantine: []QuarantinedRow{{s, s, s, s, Action(s)}},
			},
		},
		Views:   []ViewReport{{Name: s, Target: s, Explained: s}, {Name: s, Error: s}},
		Orphans: []OrphanReport{{s, s, s, 1, s}}, Checks: []CheckReport{{s, s, 1, s}},
		Left: []Left{{s, s, s, s, s, s}},
	}
}

// TestHTMLReportNeedsNothingElse looks for anything that a browser would load.
func TestHTMLReportNeedsNothingElse(t *testing.T) {
	t.Parallel()
	page, err := pageOf(exampleReport())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"http:", "https:", "url(", "@import", "<link", "<script", "<img", "src="} {
		if strings.Contains(page, word) {
			t.Errorf("the page has %s", word)
		}
	}
}

// largeReport has 500 tables, of which a few have something to say.
func largeReport() *Report {
	r := exampleReport()
	for i := range int64(500) {
		table := TableReport{
			Name: fmt.Sprintf("module_%02d_table_with_a_rather_long_name_%d", i%17, i), Target: fmt.Sprintf("t%d", i),
			Read: i * i, Loaded: i * i, Verified: i * i, Bytes: i * 5000,
		}
		if i%100 == 3 {
			table.Read += 3
			table.Quarantined = 3
			table.Quarantine = []QuarantinedRow{{table.Name, `{"id": 12}`, "amount", `"n/a" is not a number that numeric can hold`, ActionQuarantined}}
		}
		r.Tables = append(r.Tables, table)
		r.Sequences = append(r.Sequences, SequenceState{Table: table.Name, Column: "id", Next: i})
	}
	return r
}

// TestHTMLReportPages writes pages to look at into the folder that LAKEWARD_PAGES names.
func TestHTMLReportPages(t *testing.T) {
	t.Parallel()
	page, err := pageOf(largeReport())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(page, "<tr>") < 1000 || len(page) > 1<<20 {
		t.Errorf("%d bytes with %d rows", len(page), strings.Count(page, "<tr>"))
	}
	folder := os.Getenv("LAKEWARD_PAGES")
	if folder == "" {
		return
	}
	small, _ := pageOf(exampleReport())
	hostile, _ := pageOf(reportOf(strings.Repeat("<b>long ünïcode</b> ", 30)))
	for name, text := range map[string]string{"large": page, "small": small, "hostile": hostile} {
		if err := os.WriteFile(folder+"/"+name+".html", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHTMLReportOfEveryOutcome writes each verdict and strategy once: none may have words that the page cannot show.
func TestHTMLReportOfEveryOutcome(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"migrate", "verify", "export"} {
		for _, verdict := range []Verdict{"", VerdictIdentical, VerdictExcept, VerdictSchema, VerdictDifferent} {
			for _, strategy := range append(strategies, "") {
				r := &Report{Operation: operation, Verdict: verdict, Strategy: strategy}
				page, err := pageOf(r)
				if err != nil || !strings.Contains(page, "</html>") {
					t.Errorf("%s, %q, %q: %v", operation, verdict, strategy, err)
				}
			}
		}
	}
}
