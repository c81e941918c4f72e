package migrate

import (
	_ "embed" // for the template
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Parse(reportPage))

// WriteHTML writes the report as one page that needs nothing else: no scripts, and no files from elsewhere.
func (r *Report) WriteHTML(w io.Writer) error {
	if err := reportTemplate.Execute(w, r.page()); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// htmlPage is what the template shows, in words.
type htmlPage struct {
	Title, Kind, From, To, When   string
	Tone, Sign, Verdict, Headline string
	Contents                      []htmlLink
	Figures                       []fact
	Ends                          []htmlEnd
	Preflight                     []htmlCheck
	SourceHead, TargetHead        string
	Differences                   []htmlDifferences
	Shown, Hidden                 []htmlTable
	HiddenHead                    string
	QuarantineIntro               string
	Quarantine                    []htmlQuarantine
	BrokenIntro                   string
	Broken                        []htmlBroken
	LeftHead                      string
	Left                          []Left
	Notes                         []string
	Views                         []htmlView
	Sequences                     []SequenceState
	SequenceHead                  string
	FewSequences                  bool
	Phases                        []htmlPhase
	Foot                          string
}

type (
	fact     struct{ Name, Value string }
	htmlLink struct{ ID, Text string }
	htmlEnd  struct {
		Head  string
		Facts []fact
	}
	htmlCheck       struct{ Tone, Result, Name, Found, Hint string }
	htmlDifferences struct {
		Name, Summary, Error string
		Open                 bool
		Rows                 []Difference
	}
	htmlTable      struct{ Name, Target, Read, Loaded, Quarantined, Verified, Bytes, Tone, Result string }
	htmlQuarantine struct {
		Name, Summary, Query string
		Rows                 []QuarantinedRow
	}
	htmlBroken struct{ Name, Summary, Constraint, Query string }
	htmlView   struct{ Name, Rows, Loaded, Tone, Result, Why string }
	htmlPhase  struct {
		Name, Time string
		Percent    int
	}
)

// page puts the report into words.
func (r *Report) page() *htmlPage {
	p := &htmlPage{When: r.Started.UTC().Format("2 January 2006, 15:04 UTC"), Notes: r.Notes, Sequences: r.Sequences}
	p.From, p.To = r.ends()
	p.Kind = map[string]string{"migrate": "Migration", "verify": "Verification", "export": "Export"}[r.Operation]
	p.Title = fmt.Sprintf("%s of %s to %s", p.Kind, p.From, p.To)
	p.SourceHead, p.TargetHead = "Source", "Target"
	if r.Operation == "export" {
		p.SourceHead, p.TargetHead = "Database", "File"
	}
	p.Headline = r.headline()
	if _, what, ok := strings.Cut(p.Headline, ": "); ok { // the verdict stands above it
		p.Headline = strings.ToUpper(what[:1]) + what[1:]
	}
	p.Tone, p.Sign, p.Verdict = r.tone()
	p.Figures, p.Ends = r.figures(), r.facts()
	r.htmlPreflight(p)
	r.htmlTables(p)
	r.htmlQuarantine(p)
	r.htmlBroken(p)
	r.htmlLeft(p)
	r.htmlViews(p)
	r.htmlTimes(p)
	p.Contents = p.contents()
	p.Foot = r.foot()
	return p
}

// htmlPreflight shows what was found before the migration began.
func (r *Report) htmlPreflight(p *htmlPage) {
	if r.Preflight == nil {
		return
	}
	tones := map[PreflightResult]string{CheckPass: "good", CheckWarn: "warn", CheckFail: "bad"}
	for _, c := range r.Preflight.Checks {
		p.Preflight = append(p.Preflight, htmlCheck{tones[c.Result], string(c.Result), c.Name, c.Found, c.Do})
	}
}

// tone is how the verdict looks: never by its colour alone.
func (r *Report) tone() (tone, sign, verdict string) {
	switch {
	case r.Verdict == VerdictIdentical:
		return "good", "✓", "Identical"
	case r.Verdict == VerdictExcept && r.Complete():
		return "good", "✓", "Identical except what is named"
	case r.Verdict == VerdictExcept:
		return "warn", "!", "Identical except what is named"
	case r.Verdict == VerdictSchema:
		return "good", "✓", "Schema only"
	case r.Verdict == VerdictDifferent:
		return "bad", "✗", "Different"
	}
	return "bad", "✗", "Not finished"
}

// figures are the numbers that matter.
func (r *Report) figures() []fact {
	var read, verified, quarantined, bytes int64
	for _, t := range r.Tables {
		read, verified, quarantined, bytes = read+t.Read, verified+t.Verified, quarantined+t.Quarantined, bytes+t.Bytes
	}
	figures := []fact{
		{"Tables", count(int64(len(r.Tables)))},
		{"Rows", count(read)},
		{"Proven equal", count(verified)},
		{"Quarantined", count(quarantined)},
	}
	if len(r.Views) > 0 {
		figures = append(figures, fact{"Views", count(int64(len(r.Views)))})
	}
	if bytes > 0 {
		figures = append(figures, fact{"Sent", byteCount(bytes)})
	}
	return append(figures, fact{"Time", seconds(r.Seconds)})
}

// facts say what the rows came from and where they went.
func (r *Report) facts() []htmlEnd {
	source := htmlEnd{Head: "From"}
	add := func(end *htmlEnd, name, value string) {
		if value != "" {
			end.Facts = append(end.Facts, fact{name, value})
		}
	}
	if r.Source.Kind == "sqlite" {
		add(&source, "SQLite file", r.Source.Path)
	} else {
		add(&source, "Database", r.Source.Path)
	}
	if r.Source.Bytes > 0 {
		add(&source, "Size", byteCount(r.Source.Bytes))
	}
	add(&source, "Encoding", r.Source.Encoding)
	add(&source, "Journal", r.Source.Journal)
	add(&source, "Definitions", short(r.Source.Schema))
	add(&source, "Copy kept in", r.Backup)
	target := htmlEnd{Head: "To"}
	if r.Operation == "export" {
		add(&target, "SQLite file", r.Target.Name)
	} else {
		add(&target, "Target", r.Target.Name)
	}
	server := htmlEnd{Head: "PostgreSQL"}
	add(&server, "Database", r.Target.Database)
	add(&server, "Schema", r.Target.Schema)
	add(&server, "User", r.Target.User)
	add(&server, "Version", r.Target.Server)
	run := htmlEnd{Head: "Run"}
	add(&run, "Migration", r.Migration)
	add(&run, "Strategy", string(r.Strategy))
	add(&run, "Plan", r.Plan)
	add(&run, "Begun", r.Started.UTC().Format(time.RFC3339))
	target.Facts = append(target.Facts, server.Facts...)
	return []htmlEnd{source, target, run}
}

// short shows the beginning of a digest.
func short(digest string) string {
	if len(digest) > 16 {
		return digest[:16] + "…"
	}
	return digest
}

// differencesOpen is how many tables show their differences at once.
const differencesOpen = 3

func (r *Report) htmlTables(p *htmlPage) {
	shown, hidden := r.chooseTables()
	for _, t := range shown {
		p.Shown = append(p.Shown, t.page())
	}
	var rows int64
	for _, t := range hidden {
		rows += t.Read
		p.Hidden = append(p.Hidden, t.page())
	}
	p.HiddenHead = fmt.Sprintf("%s more with %s, all proven equal", count(int64(len(hidden))), plural(rows, "row"))
	for _, t := range r.Tables {
		if t.same() {
			continue
		}
		d := htmlDifferences{Name: t.Name, Error: t.Error, Rows: t.Differences, Open: len(p.Differences) < differencesOpen}
		_, _, d.Summary = t.result()
		if t.Truncated {
			d.Summary += fmt.Sprintf("; at least, after looking at %s one by one", plural(rowsExamined, "row"))
		}
		p.Differences = append(p.Differences, d)
	}
	for _, v := range r.Views {
		if !v.Identical && v.Explained == "" {
			p.Differences = append(p.Differences, htmlDifferences{
				Name: "view " + v.Name, Summary: "gives other rows", Error: v.difference(), Open: len(p.Differences) < differencesOpen,
			})
		}
	}
}

// page shows one table.
func (t *TableReport) page() htmlTable {
	row := htmlTable{
		Name: t.Name, Read: count(t.Read), Loaded: count(t.Loaded), Quarantined: dash(t.Quarantined), Verified: count(t.Verified), Bytes: "-",
	}
	if t.Target != t.Name {
		row.Target = t.Target
	}
	if t.Bytes > 0 {
		row.Bytes = byteCount(t.Bytes)
	}
	row.Tone, row.Result, _ = t.result()
	return row
}

// result judges one table, in a word and in a few.
func (t *TableReport) result() (tone, word, words string) {
	switch {
	case t.Error != "":
		return "bad", "not compared", "could not be compared"
	case t.Differing > 0:
		return "bad", count(t.Differing) + " differ", plural(t.Differing, "row") + " of " + count(max(t.Read, t.Loaded)) + " differ"
	case !t.same():
		return "bad", "incomplete", fmt.Sprintf("%s read, %s loaded, %s quarantined, %s proven equal",
			plural(t.Read, "row"), count(t.Loaded), count(t.Quarantined), count(t.Verified))
	case t.Quarantined > 0:
		return "warn", count(t.Quarantined) + " set aside", ""
	case !t.whole():
		return "warn", count(t.Nulled+t.Replaced) + " changed", ""
	}
	return "good", "equal", ""
}

func (r *Report) htmlQuarantine(p *htmlPage) {
	holder := "PostgreSQL cannot hold them. Each stands in " + quarantineTable + " with its reason and its original values."
	if r.Operation == "export" {
		holder = "The file cannot hold them in their tables. Each stands in its table " + quarantineTable + " with the reason and its values."
	}
	p.QuarantineIntro = holder
	for _, t := range r.Tables {
		if t.whole() {
			continue
		}
		q := htmlQuarantine{Name: t.Name, Summary: t.handled(), Rows: t.Quarantine}
		if n := int64(len(t.Quarantine)); n < t.Quarantined+t.Nulled+t.Replaced {
			q.Summary += ", the first " + count(n) + " of them"
		}
		table := qualified(r.Target.Schema, quarantineTable)
		if r.Operation == "export" {
			table = quarantineTable
		}
		q.Query = "SELECT * FROM " + table + " WHERE table_name = '" + strings.ReplaceAll(t.Name, "'", "''") + "'"
		if r.Migration != "" {
			q.Query += " AND migration = '" + r.Migration + "'"
		}
		q.Query += ";"
		p.Quarantine = append(p.Quarantine, q)
	}
}

// handled counts what does not fit by what was done about it.
func (t *TableReport) handled() string {
	var parts []string
	if t.Quarantined > 0 {
		parts = append(parts, plural(t.Quarantined, "row"))
	}
	if t.Nulled > 0 {
		parts = append(parts, plural(t.Nulled, "value")+" nulled")
	}
	if t.Replaced > 0 {
		parts = append(parts, plural(t.Replaced, "value")+" replaced")
	}
	return strings.Join(parts, ", ")
}

func (r *Report) htmlBroken(p *htmlPage) {
	p.BrokenIntro = "They were kept. The constraint holds for new rows only; the query finds the rows."
	if r.Operation == "export" {
		p.BrokenIntro = "They were kept. The query finds the rows."
	}
	for _, o := range r.Orphans {
		p.Broken = append(p.Broken, htmlBroken{
			o.Table, plural(o.Rows, "row") + " without a parent in " + o.Parent, "foreign key " + o.ForeignKey, o.Query,
		})
	}
	for _, c := range r.Checks {
		p.Broken = append(p.Broken, htmlBroken{c.Table, plural(c.Rows, "row") + " against the check", c.Check, c.Query})
	}
}

func (r *Report) htmlLeft(p *htmlPage) {
	p.LeftHead = "Left behind"
	if r.Operation == "export" {
		p.LeftHead = "Not as it was"
	}
	for _, l := range r.Left {
		if l.Table != "" {
			l.Name = strings.TrimSuffix(l.Table+"."+l.Name, ".")
		}
		p.Left = append(p.Left, l)
	}
}

func (r *Report) htmlViews(p *htmlPage) {
	for _, v := range r.Views {
		row := htmlView{Name: v.Name, Rows: count(v.Rows), Loaded: count(v.Loaded), Tone: "good", Result: "equal"}
		switch {
		case v.Identical:
		case v.Explained != "":
			row.Tone, row.Result, row.Why = "warn", "not compared", v.Explained
			if r.Operation == "export" {
				row.Result = "other rows"
			}
		default:
			row.Tone, row.Result, row.Why = "bad", "differs", v.difference()
		}
		p.Views = append(p.Views, row)
	}
}

// fewItems is up to how many items a list stands open.
const fewItems = 12

func (r *Report) htmlTimes(p *htmlPage) {
	p.FewSequences = len(r.Sequences) <= fewItems
	p.SequenceHead = plural(int64(len(r.Sequences)), "sequence") + " set to go on after the last value"
	longest := 0.0
	for _, phase := range r.Phases {
		longest = max(longest, phase.Seconds)
	}
	for _, phase := range r.Phases {
		row := htmlPhase{Name: phase.Name, Time: seconds(phase.Seconds)}
		if longest > 0 {
			row.Percent = int(100 * phase.Seconds / longest)
		}
		p.Phases = append(p.Phases, row)
	}
}

// contents links to the sections that have something to say.
func (p *htmlPage) contents() (links []htmlLink) {
	for _, section := range []struct {
		id, text string
		n        int
	}{
		{"preflight", "Checks", len(p.Preflight)},
		{"differences", "Differences", len(p.Differences)},
		{"tables", "Tables", len(p.Shown)},
		{"quarantine", "Quarantine", len(p.Quarantine)},
		{"broken", "Broken constraints", len(p.Broken)},
		{"left", p.LeftHead, len(p.Left)},
		{"notes", "To know", len(p.Notes)},
		{"views", "Views", len(p.Views)},
		{"sequences", "Sequences", len(p.Sequences)},
		{"phases", "Time", len(p.Phases)},
	} {
		if section.n > 0 {
			links = append(links, htmlLink{section.id, section.text})
		}
	}
	return links
}

func (r *Report) foot() string {
	version := ""
	if r.Lakeward != "" {
		version = " " + r.Lakeward
	}
	return "Written by Lakeward" + version + ", report format " + strconv.Itoa(r.Version) + "." +
		" The source was " + map[bool]string{true: "the database", false: r.Source.base()}[r.Operation == "export"] +
		", read and never written to."
}
