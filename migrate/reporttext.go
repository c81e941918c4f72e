package migrate

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// The report shows so many tables, and so many items of a list; the JSON has all of them.
const (
	tablesShown = 30
	itemsShown  = 8
)

// WriteText writes the report for a person: one calm screen.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	from, to := r.ends()
	fmt.Fprintf(&b, "%s to %s: PostgreSQL %s, database %s, schema %s\n\n", from, to,
		firstWord(r.Target.Server), r.Target.Database, r.Target.Schema)
	fmt.Fprintf(&b, "%s\n\n", r.headline())
	writeList(&b, "Before it began", r.Preflight.lines(false))
	r.writeTables(&b)
	r.writeDifferences(&b)
	r.writeQuarantine(&b)
	r.writeBroken(&b)
	r.writeViews(&b)
	r.writeLeft(&b)
	writeList(&b, "To know", r.Notes)
	r.writePhases(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// ends names what the rows came from and where they went.
func (r *Report) ends() (from, to string) {
	if r.Operation == "export" {
		return r.Source.Path, filepath.Base(r.Target.Name)
	}
	return r.Source.base(), r.Target.Name
}

// headline is the result in one sentence.
func (r *Report) headline() string {
	var rows, loaded int64
	for _, t := range r.Tables {
		rows += t.Read
		loaded += t.Loaded
	}
	what := fmt.Sprintf("%s, %s", plural(int64(len(r.Tables)), "table"), plural(loaded, "row"))
	if len(r.Views) > 0 {
		what += ", " + plural(int64(len(r.Views)), "view")
	}
	against, untouched := "the source", "the target is as it was"
	if r.Operation == "export" {
		against, untouched = "the database", "no file was written"
	}
	switch r.Verdict {
	case VerdictIdentical:
		return "Identical: " + what + ", every one compared with " + against + "."
	case VerdictExcept:
		return "Identical except what is named below: " + what + ", every one compared with " + against + "."
	case VerdictSchema:
		return r.headlineSchema()
	case VerdictDifferent:
		text := "DIFFERENT: " + plural(r.differing(), "row") + " of " + count(rows) + ", and what is named below."
		if r.Operation != "verify" {
			text += " " + strings.ToUpper(untouched[:1]) + untouched[1:] + "."
		}
		return text
	}
	return "Not finished: nothing was compared, and " + untouched + "."
}

// headlineSchema is the result of a strategy that brings no rows.
func (r *Report) headlineSchema() string {
	tables := plural(int64(len(r.Tables)), "table")
	switch r.Strategy {
	case UseExisting:
		return "The target has all " + tables + " of the source with all of their columns. Nothing was changed."
	case ExpandExisting:
		return "The target has all " + tables + " of the source with all of their columns now. Nothing was dropped, no row was brought."
	}
	return "Schema only: " + tables + " without rows."
}

func (r *Report) writeTables(b *strings.Builder) {
	if len(r.Tables) == 0 {
		return
	}
	shown, hidden := r.chooseTables()
	changed := slices.ContainsFunc(r.Tables, func(t TableReport) bool { return t.Nulled+t.Replaced > 0 })
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', tabwriter.AlignRight)
	if changed {
		fmt.Fprint(w, "rows\tloaded\tquarantined\tnulled\treplaced\tproven\t  table\n")
	} else {
		fmt.Fprint(w, "rows\tloaded\tquarantined\tproven\t  table\n")
	}
	for _, t := range shown {
		fmt.Fprintf(w, "%s\t%s\t%s\t", count(t.Read), count(t.Loaded), dash(t.Quarantined))
		if changed {
			fmt.Fprintf(w, "%s\t%s\t", dash(t.Nulled), dash(t.Replaced))
		}
		fmt.Fprintf(w, "%s\t  %s\n", count(t.Verified), t.Name)
	}
	_ = w.Flush() // a strings.Builder takes everything
	if len(hidden) > 0 {
		var rows int64
		for _, t := range hidden {
			rows += t.Read
		}
		fmt.Fprintf(b, "and %s more with %s, all proven\n", plural(int64(len(hidden)), "table"), plural(rows, "row"))
	}
	b.WriteByte('\n')
}

// chooseTables returns the tables to show: all that have something to say, and the largest of the others, in the order
// of the plan.
func (r *Report) chooseTables() (shown, hidden []TableReport) {
	quiet := make([]int64, 0, len(r.Tables)) // sizes of the tables with nothing to say
	for _, t := range r.Tables {
		if t.unremarkable() {
			quiet = append(quiet, t.Read)
		}
	}
	slices.SortFunc(quiet, func(a, b int64) int { return cmp.Compare(b, a) })
	room := max(tablesShown-(len(r.Tables)-len(quiet)), 0)
	for _, t := range r.Tables {
		switch {
		case !t.unremarkable():
			shown = append(shown, t)
		case room > 0 && (len(quiet) <= room || t.Read >= quiet[room-1]):
			shown = append(shown, t)
		default:
			hidden = append(hidden, t)
		}
	}
	return shown, hidden
}

// unremarkable reports whether a table is the same on both sides and all of it.
func (t *TableReport) unremarkable() bool { return t.same() && t.whole() }

func (r *Report) writeDifferences(b *strings.Builder) {
	var lines []string
	for _, t := range r.Tables {
		if t.Error != "" {
			lines = append(lines, t.Name+": "+t.Error)
		}
		for _, d := range t.Differences {
			lines = append(lines, t.Name+": "+d.String())
		}
		if t.Truncated {
			lines = append(lines, fmt.Sprintf("%s: more rows differ than the %s that were looked at one by one",
				t.Name, count(rowsExamined)))
		}
	}
	for _, v := range r.Views {
		if !v.Identical && v.Explained == "" {
			lines = append(lines, "view "+v.Name+": "+v.difference())
		}
	}
	writeList(b, "Differences", lines)
}

func (r *Report) writeQuarantine(b *strings.Builder) {
	var out, changed []string
	var rows, values int64
	for _, t := range r.Tables {
		rows += t.Quarantined
		values += t.Nulled + t.Replaced
		for _, q := range t.Quarantine {
			line := fmt.Sprintf("%s %s, column %s: %s", q.Table, q.Key, q.Column, q.Reason)
			if q.Action == ActionNulled || q.Action == ActionReplaced {
				changed = append(changed, fmt.Sprintf("%s; %s", line, q.Action))
			} else {
				out = append(out, line)
			}
		}
	}
	holder := "PostgreSQL"
	if r.Operation == "export" {
		holder = "the file"
	}
	writeList(b, fmt.Sprintf("Quarantined: %s that %s cannot hold, kept in %s", plural(rows, "row"), holder, quarantineTable), out)
	writeList(b, fmt.Sprintf("Changed: %s that PostgreSQL cannot hold; the original rows are kept in %s",
		plural(values, "value"), quarantineTable), changed)
}

func (r *Report) writeBroken(b *strings.Builder) {
	var lines []string
	for _, o := range r.Orphans {
		what := fmt.Sprintf("%s: %s without a parent in %s (%s)", o.Table, plural(o.Rows, "row"), o.Parent, o.ForeignKey)
		lines = append(lines, what, "  "+o.Query)
	}
	for _, c := range r.Checks {
		what := fmt.Sprintf("%s: %s against the check %s", c.Table, plural(c.Rows, "row"), c.Check)
		lines = append(lines, what, "  "+c.Query)
	}
	head := "Kept, although they break a constraint, which holds for new rows only"
	if r.Operation == "export" {
		head = "Kept, although they break a constraint"
	}
	writeList(b, head, lines)
}

func (r *Report) writeViews(b *strings.Builder) {
	var lines []string
	for _, v := range r.Views {
		if !v.Identical && v.Explained != "" {
			lines = append(lines, v.Name+": "+v.Explained)
		}
	}
	head := "Views that could not be compared"
	if r.Operation == "export" {
		head = "Views with other rows than on the database"
	}
	writeList(b, head, lines)
}

func (r *Report) writeLeft(b *strings.Builder) {
	var lines []string
	for _, l := range r.Left {
		name := l.Name
		if l.Table != "" {
			name = strings.TrimSuffix(l.Table+"."+l.Name, ".")
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", l.Kind, name, l.Reason))
	}
	writeList(b, "Left behind: "+plural(int64(len(r.Left)), "object"), lines)
}

func (r *Report) writePhases(b *strings.Builder) {
	if n := len(r.Sequences); n > 0 {
		fmt.Fprintf(b, "%s set to go on after the source's last values.\n", plural(int64(n), "sequence"))
	}
	if r.Operation == "verify" && r.Plan != "" {
		fmt.Fprintf(b, "The plan that it was compared by: %s.\n", r.Plan)
	}
	if r.Backup != "" {
		fmt.Fprintf(b, "A copy of the source is kept in %s.\n", r.Backup)
	}
	parts := make([]string, len(r.Phases))
	for i, p := range r.Phases {
		parts[i] = fmt.Sprintf("%s %s", p.Name, seconds(p.Seconds))
	}
	fmt.Fprintf(b, "%s in all: %s.\n", seconds(r.Seconds), strings.Join(parts, ", "))
}

// writeList writes a headed list, or nothing when it is empty.
func writeList(b *strings.Builder, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", head)
	for _, line := range lines[:min(len(lines), itemsShown)] {
		fmt.Fprintf(b, "  %s\n", line)
	}
	if more := len(lines) - itemsShown; more > 0 {
		fmt.Fprintf(b, "  and %d more lines in the JSON report\n", more)
	}
	b.WriteByte('\n')
}

// count writes a number with commas between thousands.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// dash is count with a dash for nothing.
func dash(n int64) string {
	if n == 0 {
		return "-"
	}
	return count(n)
}

// plural writes a number of things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// seconds writes a duration for people.
func seconds(s float64) string {
	switch {
	case s < 0.0995:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 99.5:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f min %02d s", float64(int(s+0.5)/60), int(s+0.5)%60)
}

// firstWord returns what stands before the first space.
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
