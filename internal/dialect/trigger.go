package dialect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DraftTrigger writes a trigger as a function and a trigger of PostgreSQL. What it cannot translate stands in the draft
// as a comment with the reason; the count of those is returned too.
func DraftTrigger(trigger *CreateTrigger, s Schema) (draft string, untranslated int) {
	d := &triggerDraft{trigger: trigger, schema: s}
	columns, target, ok := s.Table(trigger.Table)
	if !ok {
		target = trigger.Table
	}
	d.rows = &scope{}
	for _, row := range []string{"new", "old"} {
		if row == "new" && trigger.Event == "DELETE" || row == "old" && trigger.Event == "INSERT" {
			continue
		}
		d.rows.sources = append(d.rows.sources, &source{name: row, columns: columns, variable: true})
	}
	var body []string
	for _, st := range trigger.Statements() {
		body = append(body, d.statement(st)...)
	}
	when := d.when()
	if when != "" && (trigger.Timing == "INSTEAD OF" || strings.Contains(when, "SELECT")) {
		body = slices.Concat([]string{"IF " + when + " THEN"}, indented(body), []string{"END IF;"})
		when = ""
	}
	if d.ownTable {
		when = strings.Join(slices.DeleteFunc([]string{"pg_trigger_depth() = 0", when}, func(s string) bool { return s == "" }), " AND ")
	}
	name := quoteName(trigger.Name)
	draft = fmt.Sprintf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $body$\nBEGIN\n%s\n    RETURN %s;\nEND\n$body$;\n"+
		"CREATE TRIGGER %s %s %s ON %s\n    FOR EACH ROW%s EXECUTE FUNCTION %s();",
		name, strings.Join(indented(body), "\n"), d.result(), name, trigger.Timing, d.event(columns), quoteName(target),
		surround("\n    WHEN (", when, ")"), name)
	return draft, d.untranslated
}

// triggerDraft is a draft in the making.
type triggerDraft struct {
	trigger      *CreateTrigger
	schema       Schema
	rows         *scope // NEW and OLD
	untranslated int
	ownTable     bool // it changes the table that it stands on, where SQLite does not fire it again
}

func surround(before, s, after string) string { return when(s != "", before+s+after) }

func indented(lines []string) []string {
	list := make([]string, len(lines))
	for i, line := range lines {
		list[i] = "    " + strings.ReplaceAll(line, "\n", "\n    ")
	}
	return list
}

func (d *triggerDraft) result() string {
	switch {
	case d.trigger.Timing == "AFTER":
		return "NULL"
	case d.trigger.Event == "DELETE":
		return "OLD"
	}
	return "NEW"
}

func (d *triggerDraft) event(columns []Column) string {
	if len(d.trigger.UpdateOf) == 0 || d.trigger.Timing == "INSTEAD OF" { // PostgreSQL takes no columns there
		return d.trigger.Event
	}
	names := make([]string, len(d.trigger.UpdateOf))
	for i, name := range d.trigger.UpdateOf {
		names[i] = quoteName(targetOf(columns, name))
	}
	return d.trigger.Event + " OF " + strings.Join(names, ", ")
}

// targetOf returns the target's name of a column, or the name as it is.
func targetOf(columns []Column, name string) string {
	for _, c := range columns {
		if strings.EqualFold(c.Name, name) {
			return c.Target
		}
	}
	return name
}

// translated calls fn with a new translator, and returns the reason why it gave up.
func (d *triggerDraft) translated(fn func(*translator, *scope) []string) (lines []string, err error) {
	t := &translator{schema: d.schema}
	defer t.catch(&err)
	return fn(t, &scope{parent: d.rows}), nil
}

// comment keeps what is not translated.
func (d *triggerDraft) comment(text string, err error) []string {
	d.untranslated++
	reason := err.Error()
	if u, ok := errors.AsType[*Untranslatable](err); ok {
		reason = u.Reason
	}
	lines := []string{"-- to be written by hand (" + reason + "):"}
	for line := range strings.Lines(text) {
		lines = append(lines, "-- "+strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// when returns the condition of the trigger, or "".
func (d *triggerDraft) when() string {
	if d.trigger.When == nil {
		return ""
	}
	lines, err := d.translated(func(t *translator, in *scope) []string {
		return []string{t.condition(t.expr(in, d.trigger.When))}
	})
	if err != nil {
		d.untranslated++
		return "true /* to be written by hand: " + strings.ReplaceAll(d.trigger.WhenText, "*/", "* /") + " */"
	}
	return lines[0]
}

func (d *triggerDraft) statement(st TriggerStatement) []string {
	if st.Err != nil {
		return d.comment(st.Text, st.Err)
	}
	lines, err := d.translated(func(t *translator, in *scope) []string {
		switch {
		case st.Insert != nil:
			return d.insert(t, in, st.Insert)
		case st.Update != nil:
			return d.update(t, in, st.Update)
		case st.Delete != nil:
			return d.delete(t, in, st.Delete)
		}
		return d.query(t, in, st.Select)
	})
	if err != nil {
		return d.comment(st.Text, err)
	}
	return lines
}

// changed puts a table that a statement changes into the scope and returns it.
func (d *triggerDraft) changed(t *translator, in *scope, table, alias string) (columns []Column, target, name string) {
	columns, target, ok := t.schema.Table(table)
	if !ok {
		refuse(nil, "no such table, or one that is not migrated: %s", table)
	}
	if strings.EqualFold(table, d.trigger.Table) {
		d.ownTable = true
	}
	if name = alias; name == "" {
		name = table
	}
	t.add(in, name, columns)
	return columns, target, name
}

// assigned returns a value as a column takes it.
func (t *translator) assigned(v value, c Column) string {
	want := classOf(c.Type)
	switch {
	case v.isNull():
		return "NULL"
	case v.constant != nil:
		if sql, ok := constantDefault(v, want); ok {
			return sql
		}
	case want == classInstant && v.class.temporal():
		return "(" + v.sql + " AT TIME ZONE 'utc')"
	case want == classDate && v.class == classTimestamp:
		return "(" + v.sql + ")::date"
	case want == classJSON && v.class == classText:
		return "(" + v.sql + ")::jsonb"
	case want == classUUID && v.class == classText:
		return "(" + v.sql + ")::uuid"
	}
	return t.as(v, c.Type)
}

func columnNamed(columns []Column, name string) Column {
	for _, c := range columns {
		if strings.EqualFold(c.Name, name) || isRowID(name) && c.RowID {
			return c
		}
	}
	refuse(nil, "no such column: %s", name)
	return Column{}
}

// sets renders the assignments of an UPDATE.
func (t *translator) sets(in *scope, columns []Column, list []Assignment) string {
	var sets []string
	for _, a := range list {
		values := []Expr{a.Value}
		if row, ok := a.Value.(*Row); ok {
			values = row.Items
		}
		if len(values) != len(a.Columns) {
			refuse(a.Value, "several columns set to one value")
		}
		for i, name := range a.Columns {
			c := columnNamed(columns, name)
			sets = append(sets, quoteName(c.Target)+" = "+t.assigned(t.expr(in, values[i]), c))
		}
	}
	return strings.Join(sets, ", ")
}

func renamedTable(target, name string) string {
	if target == name {
		return quoteName(target)
	}
	return quoteName(target) + " AS " + quoteName(name)
}

func (d *triggerDraft) update(t *translator, in *scope, u *Update) []string {
	if u.Or != "" && u.Or != "ABORT" {
		refuse(nil, "UPDATE OR %s", u.Or)
	}
	with := t.with(in, u.With)
	columns, target, name := d.changed(t, in, u.Table, u.Alias)
	from := ""
	if len(u.From) > 0 {
		from = "\n    FROM " + t.from(in, u.From)
	}
	sql := with + "UPDATE " + renamedTable(target, name) + " SET " + t.sets(in, columns, u.Set) + from
	if u.Where != nil {
		sql += "\n    WHERE " + t.condition(t.expr(in, u.Where))
	}
	return []string{sql + ";"}
}

func (d *triggerDraft) delete(t *translator, in *scope, x *Delete) []string {
	with := t.with(in, x.With)
	_, target, name := d.changed(t, in, x.Table, x.Alias)
	sql := with + "DELETE FROM " + renamedTable(target, name)
	if x.Where != nil {
		sql += " WHERE " + t.condition(t.expr(in, x.Where))
	}
	return []string{sql + ";"}
}

func (d *triggerDraft) insert(t *translator, in *scope, x *Insert) []string {
	with := t.with(in, x.With)
	outer := &scope{parent: in}
	columns, target, name := d.changed(t, outer, x.Table, x.Alias)
	if x.Alias == "" {
		name = target
	}
	into := columns
	if len(x.Columns) > 0 {
		into = make([]Column, len(x.Columns))
		for i, c := range x.Columns {
			into[i] = columnNamed(columns, c)
		}
	}
	sql := with + "INSERT INTO " + renamedTable(target, name)
	if x.Select == nil {
		return []string{sql + " DEFAULT VALUES;"}
	}
	names := make([]string, len(into))
	for i, c := range into {
		names[i] = quoteName(c.Target)
	}
	sql += " (" + strings.Join(names, ", ") + ")\n    " + t.inserted(in, x.Select, into)
	return []string{sql + t.conflicts(outer, x, columns, into) + ";"}
}

// inserted renders the rows of an INSERT, each value as its column takes it.
func (t *translator) inserted(in *scope, s *Select, into []Column) string {
	plain := len(s.Cores) == 1 && s.With == nil && len(s.OrderBy) == 0 && s.Limit == nil
	core := s.Cores[0]
	if !plain || core.Values == nil && (core.Distinct || len(core.GroupBy) > 0 || core.From != nil) {
		q := t.query(in, s)
		if len(q.columns) != len(into) {
			refuse(nil, "%d values for %d columns", len(q.columns), len(into))
		}
		return q.sql
	}
	rows := core.Values
	if rows == nil {
		var row []Expr
		for _, c := range core.Columns {
			row = append(row, c.Expr)
		}
		rows = [][]Expr{row}
	}
	var list []string
	for _, row := range rows {
		if len(row) != len(into) {
			refuse(nil, "%d values for %d columns", len(row), len(into))
		}
		values := make([]string, len(row))
		for i, e := range row {
			if e == nil {
				refuse(nil, "* without a table")
			}
			values[i] = t.assigned(t.expr(in, e), into[i])
		}
		list = append(list, strings.Join(values, ", "))
	}
	if core.Values == nil {
		where := ""
		if core.Where != nil {
			where = " WHERE " + t.condition(t.expr(in, core.Where))
		}
		return "SELECT " + list[0] + where
	}
	return "VALUES (" + strings.Join(list, "), (") + ")"
}

// conflicts renders what OR and ON CONFLICT say.
func (t *translator) conflicts(in *scope, x *Insert, columns, into []Column) string {
	switch {
	case len(x.Upserts) > 1:
		refuse(nil, "several ON CONFLICT clauses")
	case len(x.Upserts) == 1:
		return t.upsert(in, x.Upserts[0], columns)
	case x.Or == "IGNORE":
		return "\n    ON CONFLICT DO NOTHING"
	case x.Or != "REPLACE":
		return ""
	}
	var keys, sets []string
	for _, c := range columns {
		switch {
		case c.PrimaryKey:
			keys = append(keys, quoteName(c.Target))
		case slices.ContainsFunc(into, func(given Column) bool { return given.Target == c.Target }):
			sets = append(sets, quoteName(c.Target)+" = excluded."+quoteName(c.Target))
		default:
			sets = append(sets, quoteName(c.Target)+" = DEFAULT")
		}
	}
	if len(keys) == 0 || len(sets) == 0 {
		refuse(nil, "REPLACE in a table without a primary key")
	}
	return "\n    ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func (t *translator) upsert(in *scope, u Upsert, columns []Column) string {
	sql := "\n    ON CONFLICT"
	if len(u.Columns) > 0 {
		names := make([]string, len(u.Columns))
		for i, c := range u.Columns {
			if c.Name == "" {
				refuse(c.Expr, "ON CONFLICT over an expression")
			}
			names[i] = quoteName(columnNamed(columns, c.Name).Target)
		}
		sql += " (" + strings.Join(names, ", ") + ")"
	}
	if u.Filter != nil {
		sql += " WHERE " + t.condition(t.expr(in, u.Filter))
	}
	if u.Nothing {
		return sql + " DO NOTHING"
	}
	if len(u.Columns) == 0 {
		refuse(nil, "DO UPDATE without the columns of the conflict")
	}
	in.sources = append(in.sources, &source{name: "excluded", columns: columns, variable: true})
	sql += " DO UPDATE SET " + t.sets(in, columns, u.Set)
	if u.Where != nil {
		sql += " WHERE " + t.condition(t.expr(in, u.Where))
	}
	return sql
}

// query renders a SELECT, which has an effect in a trigger only where it raises an error.
func (d *triggerDraft) query(t *translator, in *scope, s *Select) []string {
	if len(s.Cores) != 1 || len(s.Cores[0].Columns) != 1 || s.Cores[0].Columns[0].Expr == nil {
		refuse(nil, "a SELECT in a trigger")
	}
	core := s.Cores[0]
	switch e := core.Columns[0].Expr.(type) {
	case *Raise:
		condition := ""
		switch {
		case len(core.From) > 0:
			probe := *s
			inner := *core
			inner.Columns = []ResultColumn{{Expr: &Literal{Kind: IntegerLiteral, Text: "1"}, Alias: "found"}}
			probe.Cores = []*Core{&inner}
			condition = "EXISTS (" + t.query(in, &probe).sql + ")"
		case core.Where != nil:
			condition = t.condition(t.expr(in, core.Where))
		default:
			return d.raise(t, in, e)
		}
		return slices.Concat([]string{"IF " + condition + " THEN"}, indented(d.raise(t, in, e)), []string{"END IF;"})
	case *Case:
		if len(core.From) == 0 {
			return d.raiseCase(t, in, e, core.Where)
		}
	}
	refuse(nil, "a SELECT in a trigger")
	return nil
}

// raiseCase renders SELECT CASE WHEN … THEN RAISE(…) … END as an IF.
func (d *triggerDraft) raiseCase(t *translator, in *scope, c *Case, where Expr) []string {
	var lines []string
	for i, w := range c.Whens {
		condition := w.When
		if c.Operand != nil {
			condition = &Binary{Op: "=", L: c.Operand, R: w.When}
		}
		lines = append(lines, map[bool]string{true: "IF ", false: "ELSIF "}[i == 0]+t.condition(t.expr(in, condition))+" THEN")
		lines = append(lines, indented(d.branch(t, in, w.Then))...)
	}
	if c.Else != nil {
		lines = append(lines, "ELSE")
		lines = append(lines, indented(d.branch(t, in, c.Else))...)
	}
	lines = append(lines, "END IF;")
	if where == nil {
		return lines
	}
	return slices.Concat([]string{"IF " + t.condition(t.expr(in, where)) + " THEN"}, indented(lines), []string{"END IF;"})
}

func (d *triggerDraft) branch(t *translator, in *scope, e Expr) []string {
	if raise, ok := e.(*Raise); ok {
		return d.raise(t, in, raise)
	}
	return []string{"NULL;"}
}

// raise renders RAISE. IGNORE leaves out the row, which only a trigger before the change can still do.
func (d *triggerDraft) raise(t *translator, in *scope, r *Raise) []string {
	if r.Action == "IGNORE" {
		if d.trigger.Timing == "AFTER" {
			refuse(nil, "RAISE(IGNORE) after the row has changed")
		}
		return []string{"RETURN NULL;"}
	}
	return []string{"RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = " + t.text(t.expr(in, r.Message)) + ";"}
}
