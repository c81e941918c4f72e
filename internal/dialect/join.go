package dialect

import (
	"fmt"
	"strings"
)

// from translates a FROM clause and puts its tables into the scope. Commas become joins: in SQLite they bind like them.
func (t *translator) from(in *scope, sources []Source) string {
	var b strings.Builder
	for i, s := range sources {
		left := len(in.sources)
		sql := t.table(in, s)
		if i == 0 {
			b.WriteString(sql)
			continue
		}
		condition := t.joinCondition(in, s, left)
		kind := s.Join.Kind
		switch {
		case s.Function && (kind == RightJoin || kind == FullJoin):
			refuse(nil, "a %s with %s()", kind, s.Table)
		case kind == FullJoin && (strings.Contains(condition, "CASE ") || !strings.Contains(condition, " = ")):
			refuse(nil, "FULL JOIN on anything but equality")
		case kind == LeftJoin || kind == RightJoin || kind == FullJoin:
			if condition == "" {
				condition = "TRUE"
			}
		case condition != "":
			kind = InnerJoin
		default:
			kind = CrossJoin
		}
		fmt.Fprintf(&b, "\n  %s %s%s", kind, sql, when(condition != "", " ON "+condition))
	}
	return b.String()
}

// table translates one table of a FROM clause.
func (t *translator) table(in *scope, s Source) string {
	switch {
	case s.Function:
		return t.tableFunction(in, s)
	case s.Nested != nil && s.Alias == "":
		return "(" + t.from(in, s.Nested) + ")"
	case s.Nested != nil:
		s.Select = &Select{Cores: []*Core{{Columns: []ResultColumn{{Star: true}}, From: s.Nested}}}
	case s.Schema != "" && !strings.EqualFold(s.Schema, "main"):
		refuse(nil, "the table %s of another database", s.Table)
	}
	if s.Select != nil {
		q := t.query(in.parent, s.Select)
		name := s.Alias
		if name == "" {
			name = fmt.Sprintf("subquery %d", len(in.sources)+1)
		}
		t.add(in, name, q.columns)
		return fmt.Sprintf("(\n%s\n) AS %s", q.sql, quoteName(name))
	}
	columns, target := t.lookUp(in, s.Table)
	name := s.Alias
	if name == "" {
		name = s.Table
	}
	t.add(in, name, columns)
	if target == name {
		return quoteName(target)
	}
	return quoteName(target) + " AS " + quoteName(name)
}

// lookUp finds a table, a view or a common table expression.
func (t *translator) lookUp(in *scope, name string) ([]Column, string) {
	if c := in.commonTable(name); c != nil {
		c.used = true
		return c.columns, c.name
	}
	columns, target, ok := t.schema.Table(name)
	if !ok {
		refuse(nil, "no such table, or one that is not migrated: %s", name)
	}
	return columns, target
}

func (t *translator) add(in *scope, name string, columns []Column) {
	for _, s := range in.sources {
		if strings.EqualFold(s.name, name) {
			refuse(nil, "two tables of one FROM are called %s", name)
		}
	}
	in.sources = append(in.sources, &source{name: name, columns: columns, hidden: map[string]bool{}})
}

// joinCondition renders the condition that joins the tables from left on to those before: ON, USING or NATURAL.
func (t *translator) joinCondition(in *scope, s Source, left int) string {
	if s.On != nil {
		return t.condition(t.expr(in, s.On))
	}
	names := s.Using
	if s.Join.Natural {
		names = commonNames(in.sources[:left], in.sources[left:])
	}
	var conditions []string
	for _, name := range names {
		conditions = append(conditions, t.merge(in, s, left, name))
	}
	return strings.Join(conditions, " AND ")
}

// commonNames returns the names of the columns that both sides have, in the right side's order.
func commonNames(left, right []*source) []string {
	var names []string
	for _, r := range right {
		for _, c := range r.columns {
			for _, l := range left {
				if l.index(c.Name) >= 0 {
					names = append(names, c.Name)
					break
				}
			}
		}
	}
	return names
}

// merge joins a column of both sides and makes one of it.
func (t *translator) merge(in *scope, s Source, left int, name string) string {
	key := strings.ToLower(name)
	l, ok := in.merged[key]
	if !ok {
		l, ok = columnOf(in.sources[:left], name)
	}
	r, found := columnOf(in.sources[left:], name)
	if !ok || !found {
		refuse(nil, "no column %s on both sides of a join", name)
	}
	if in.merged == nil {
		in.merged = map[string]value{}
	}
	in.merged[key] = l
	if s.Join.Kind == RightJoin || s.Join.Kind == FullJoin {
		arms := t.unify([]value{l, r}, nil)
		v := combined("coalesce("+list(arms)+")", arms)
		v.column, v.affinity, v.collate = commonColumn(arms), l.affinity, l.collate
		in.merged[key] = v
	}
	for _, right := range in.sources[left:] {
		right.hidden[key] = true
	}
	return t.compare("=", l, r).sql
}

// columnOf returns the first column of a name among tables.
func columnOf(sources []*source, name string) (value, bool) {
	for _, s := range sources {
		if i := s.index(name); i >= 0 {
			return s.column(i), true
		}
	}
	return value{}, false
}
