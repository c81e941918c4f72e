package migrate

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// textWidth is the width that a plan's text keeps to where names and types let it.
const textWidth = 100

// WriteText writes the plan for people: first what asks for a decision, then every table with its columns.
func (p *Plan) WriteText(w io.Writer) error {
	out := &planText{bufio.NewWriter(w)}
	if p.Postgres != nil {
		out.postgres(p)
		return out.end()
	}
	out.head(p)
	out.attention(p)
	for _, t := range p.Tables {
		out.table(t)
	}
	out.views(p)
	out.left(p)
	return out.end()
}

// end writes what is left.
func (o *planText) end() error {
	if err := o.Flush(); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// planText writes lines; the first failure of its writer shows at Flush.
type planText struct{ *bufio.Writer }

func (o *planText) line(format string, args ...any) { fmt.Fprintf(o, format+"\n", args...) }

// item writes a text behind a mark, continued below its beginning when it is long.
func (o *planText) item(mark, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(mark))
	for i, l := range wrap(text, textWidth-utf8.RuneCountInString(mark)) {
		if i > 0 {
			mark = indent
		}
		o.line("%s%s", mark, l)
	}
}

func (o *planText) head(p *Plan) {
	rows := int64(0)
	for _, t := range p.Tables {
		rows += t.Rows
	}
	o.line("Plan for %s", p.Source.Path)
	o.line("%s, %s, journal %s: %s, %s, %s", p.Source.Encoding, byteCount(p.Source.Bytes), p.Source.Journal,
		countOf(int64(len(p.Tables)), "table", "tables"), countOf(rows, "row", "rows"), countOf(int64(len(p.Views)), "view", "views"))
	o.line("goes into schema %s", p.Schema)
}

// attention lists what a person should look at before the migration.
func (o *planText) attention(p *Plan) {
	var items []string
	for _, t := range p.Tables {
		items = append(items, t.attention()...)
	}
	for _, l := range p.Left {
		if l.Kind != "shadow table" {
			items = append(items, l.title()+" stays behind: "+l.Reason)
		}
	}
	if len(items) == 0 {
		o.line("\nNothing needs a decision: every row, key and view comes along.")
		return
	}
	o.line("\nTo look at before migrating")
	for _, item := range items {
		o.item("  ! ", item)
	}
}

func (t *Table) attention() (items []string) {
	for _, c := range t.Columns {
		if c.Misfits > 0 {
			items = append(items, fmt.Sprintf("%s.%s: %s not fit %s and will %s", t.Name, c.Name,
				countOf(c.Misfits, "row does", "rows do"), c.Type, c.OnMisfit.will()))
		}
	}
	for _, fk := range t.ForeignKeys {
		if fk.Orphans > 0 {
			items = append(items, fmt.Sprintf("%s (%s): %s no parent in %s; %s",
				t.Name, strings.Join(fk.Columns, ", "), countOf(fk.Orphans, "row has", "rows have"), fk.Table, fk.will()))
		}
	}
	for _, c := range t.Checks {
		if c.Violations > 0 {
			items = append(items, fmt.Sprintf("%s: %s CHECK (%s); kept, the check holds for new rows only",
				t.Name, countOf(c.Violations, "row breaks", "rows break"), oneLine(c.Source)))
		}
	}
	for _, n := range t.Notes {
		items = append(items, t.Name+": "+oneLine(n))
	}
	return items
}

func (l *Left) title() string {
	name := l.Name
	if l.Table != "" && name == "" {
		name = "of " + l.Table
	} else if l.Table != "" {
		name = l.Table + "." + name
	}
	return l.Kind + " " + name
}

func (o *planText) table(t Table) {
	title := t.Name
	if t.Target != t.Name {
		title += " (as " + t.Target + ")"
	}
	o.line("\n%s, %s", title, countOf(t.Rows, "row", "rows"))
	names, declared, types := 0, 0, 0
	for _, c := range t.Columns {
		names = max(names, min(utf8.RuneCountInString(c.Name), 24))
		declared = max(declared, min(utf8.RuneCountInString(c.Declared), 16))
		types = max(types, min(utf8.RuneCountInString(c.becomes()), 30))
	}
	for _, c := range t.Columns {
		mark := "  " + pad(c.Name, names) + "  " + pad(c.Declared, declared) + "  " + pad(c.becomes(), types) + "  "
		if room := textWidth - utf8.RuneCountInString(mark); room < 24 {
			o.line("%s", strings.TrimRight(mark, " "))
			mark = strings.Repeat(" ", names+declared+6)
		}
		o.item(mark, c.Evidence)
		for _, detail := range c.details() {
			o.item(strings.Repeat(" ", names+declared+6), detail)
		}
		for _, s := range c.Samples {
			o.item(strings.Repeat(" ", names+declared+6), oneLine(s.Before+" → "+s.After))
		}
	}
	o.keys(t)
}

// details are the lines about a column beside its evidence: what was found, what else it could be, its policy.
func (c *Column) details() (lines []string) {
	if found := c.Found.describe(); found != "" {
		short := make([]string, len(c.Alternatives))
		for i, t := range c.Alternatives {
			short[i] = shortType(t)
		}
		lines = append(lines, strings.TrimSuffix("found "+found+"; or "+strings.Join(short, ", "), "; or "))
	}
	if c.OnMisfit != "" {
		policy := "on misfit " + string(c.OnMisfit)
		if c.Replacement != nil {
			policy += " by " + strconv.Quote(*c.Replacement)
		}
		lines = append(lines, policy)
	}
	return lines
}

// describe lists the storage classes with counts, ranges and lengths, and the formats that were recognised.
func (f *Found) describe() string {
	var parts []string
	add := func(n int64, class, more string) {
		if n > 0 {
			parts = append(parts, strings.TrimSpace(grouped(n)+" "+class+" "+more))
		}
	}
	add(f.Null, "null", "")
	add(f.Integer, "integer", fmt.Sprintf("%d…%d", f.MinInteger, f.MaxInteger))
	add(f.Real, "real", strconv.FormatFloat(f.MinReal, 'g', -1, 64)+"…"+strconv.FormatFloat(f.MaxReal, 'g', -1, 64))
	add(f.Text, "text", fmt.Sprintf("≤%s characters", grouped(f.MaxChars)))
	add(f.Blob, "blob", fmt.Sprintf("≤%s bytes", grouped(f.MaxBytes)))
	for i, name := range slices.Sorted(maps.Keys(f.Formats)) {
		format := name + " " + grouped(f.Formats[name])
		if i == 0 {
			format = "read as " + format
		}
		parts = append(parts, format)
	}
	return strings.Join(parts, ", ")
}

// becomes is the column's definition on the target, in short.
func (c *Column) becomes() string {
	s := shortType(c.Type)
	switch {
	case c.Identity:
		return s + fmt.Sprintf(" identity from %d", c.Next)
	case c.Generated != "":
		return s + " generated"
	case c.NotNull:
		return s + " not null"
	}
	return s
}

// shortType abbreviates the long names of the standard as everybody does.
func shortType(t string) string {
	for _, long := range [][3]string{
		{"timestamp", " without time zone", "timestamp"},
		{"timestamp", " with time zone", "timestamptz"},
		{"time", " without time zone", "time"},
		{"character varying", "", "varchar"},
	} {
		rest, ok := strings.CutPrefix(t, long[0])
		size, end := strings.CutSuffix(rest, long[1])
		if ok && end && (size == "" || strings.HasPrefix(size, "(")) {
			return long[2] + size
		}
	}
	return t
}

func (o *planText) keys(t Table) {
	if t.PrimaryKey != nil {
		o.item("  primary key  ", strings.Join(t.PrimaryKey.Columns, ", "))
	}
	for _, k := range t.Uniques {
		o.item("  unique       ", strings.Join(k.Columns, ", "))
	}
	for _, fk := range t.ForeignKeys {
		o.item("  foreign key  ", fk.describe())
	}
	for _, c := range t.Checks {
		o.item("  check        ", oneLine(c.SQL))
	}
	for _, ix := range t.Indexes {
		text := ix.Name + " (" + strings.Join(ix.Keys, ", ") + ")"
		if ix.Unique {
			text = "unique " + text
		}
		if ix.Where != "" {
			text += " where " + ix.Where
		}
		o.item("  index        ", oneLine(text))
	}
}

func (fk *ForeignKey) describe() string {
	s := strings.Join(fk.Columns, ", ") + " → " + fk.Table + " (" + strings.Join(fk.References, ", ") + ")"
	if fk.OnDelete != "" {
		s += " on delete " + strings.ToLower(fk.OnDelete)
	}
	if fk.OnUpdate != "" {
		s += " on update " + strings.ToLower(fk.OnUpdate)
	}
	if fk.Deferrable != "" {
		s += " " + strings.ToLower(fk.Deferrable)
	}
	return s
}

func (o *planText) views(p *Plan) {
	if len(p.Views) == 0 {
		return
	}
	names := make([]string, len(p.Views))
	for i, v := range p.Views {
		names[i] = v.Name
	}
	o.line("\nViews")
	o.item("  ", strings.Join(names, ", "))
}

// left shows the source of what stays behind, for whoever writes it anew.
func (o *planText) left(p *Plan) {
	drafts := int64(0)
	for i, l := range p.Left {
		if l.Draft != "" {
			drafts++
		}
		if i == 0 {
			o.line("\nLeft behind")
		}
		if l.Kind == "shadow table" { // its virtual table is listed
			continue
		}
		o.item("  ", l.title()+": "+l.Reason)
		if l.Source != "" {
			o.item("      ", oneLine(l.Source))
		}
	}
	if drafts > 0 {
		o.item("  ", countOf(drafts, "draft of what it becomes stands", "drafts of what they become stand")+" in the plan's file (-o plan.yaml)")
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

// oneLine puts a text on one line, however it was written.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// wrap breaks a text into lines of at most width characters, at spaces; a longer word stands alone.
func wrap(s string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}
