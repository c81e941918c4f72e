package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// query is a translated SELECT with its output columns. values are those columns as a subquery yields them; their SQL
// means nothing outside.
type query struct {
	sql     string
	columns []Column
	values  []value
}

// item is one output column before it is written.
type item struct {
	name  string
	value value
}

// arm is one SELECT of a compound before its list is written.
type arm struct {
	in    *scope
	core  *Core
	items []item
	rows  [][]value // of VALUES
	rest  string    // everything after the list
}

// query translates a SELECT with everything around it.
func (t *translator) query(parent *scope, s *Select) query {
	outer := &scope{parent: parent}
	with := t.with(outer, s.With)
	arms := make([]*arm, len(s.Cores))
	for i, c := range s.Cores {
		arms[i] = t.arm(outer, c)
	}
	q := t.compound(arms, s)
	switch {
	case len(s.OrderBy) == 0:
	case len(arms) > 1 || arms[0].core.Distinct || arms[0].rows != nil:
		q = t.orderedOutside(q, s, arms[0])
	default:
		q.sql += "\nORDER BY " + t.orderedInside(arms[0], s)
	}
	if len(arms) == 1 {
		arms[0].in.checkGroups(t.lenient)
	}
	q.sql = with + q.sql + t.limits(outer, s)
	return q
}

// with translates the common table expressions into the scope and returns the clause.
func (t *translator) with(in *scope, w *With) string {
	if w == nil {
		return ""
	}
	in.tables = map[string]*commonTable{}
	var tables []string
	recursive := false
	for _, c := range w.Tables {
		key := strings.ToLower(c.Name)
		table := t.anchor(in, c)
		in.tables[key] = table
		q := t.query(in, c.Select)
		if table != nil && table.used {
			recursive = true
			t.checkRecursion(c, table, q)
		}
		q = t.named(q, c.Columns)
		in.tables[key] = &commonTable{name: c.Name, columns: q.columns}
		columns := make([]string, len(q.columns))
		for i := range q.columns {
			columns[i] = quoteName(q.columns[i].Target)
		}
		tables = append(tables, fmt.Sprintf("%s(%s) AS %s(\n%s\n)",
			quoteName(c.Name), strings.Join(columns, ", "), when(c.Materialized != "", c.Materialized+" "), q.sql))
	}
	return "WITH " + when(recursive, "RECURSIVE ") + strings.Join(tables, ", ") + "\n"
}

// anchor returns a compound common table expression as its own recursive part sees it: with the columns of its first
// SELECT.
func (t *translator) anchor(in *scope, c CommonTable) *commonTable {
	if len(c.Select.Cores) < 2 {
		return nil
	}
	outer := &scope{parent: in}
	t.with(outer, c.Select.With)
	q := t.named(t.compound([]*arm{t.arm(outer, c.Select.Cores[0])}, &Select{}), c.Columns)
	return &commonTable{name: c.Name, columns: baseTypes(q.columns)}
}

// baseTypes returns columns without the lengths and precisions of their types.
func baseTypes(columns []Column) []Column {
	list := append([]Column(nil), columns...)
	for i := range list {
		list[i].Type = classOf(list[i].Type).pgType()
	}
	return list
}

func (t *translator) checkRecursion(c CommonTable, table *commonTable, q query) {
	if len(c.Select.Cores) != 2 || len(c.Select.OrderBy) > 0 || c.Select.Limit != nil {
		refuse(nil, "a recursive query of this form: %s", c.Name)
	}
	for i := range q.columns {
		if classOf(q.columns[i].Type) != classOf(table.columns[i].Type) {
			refuse(nil, "the column %s of the recursive query %s changes its type", q.columns[i].Name, c.Name)
		}
	}
}

// named gives a query's columns other names; the SQL is not changed.
func (t *translator) named(q query, names []string) query {
	if len(names) == 0 {
		return q
	}
	if len(names) != len(q.columns) {
		refuse(nil, "%d names for %d columns", len(names), len(q.columns))
	}
	q.columns = append([]Column(nil), q.columns...)
	for i, target := range unique(names) {
		q.columns[i].Name, q.columns[i].Target = names[i], target
	}
	return q
}

// renamed wraps a query whose columns have other names outside.
func (t *translator) renamed(q query, names []string) query {
	q = t.named(q, names)
	targets := make([]string, len(q.columns))
	for i := range q.columns {
		targets[i] = quoteName(q.columns[i].Target)
	}
	q.sql = fmt.Sprintf("SELECT * FROM (\n%s\n) AS q(%s)", q.sql, strings.Join(targets, ", "))
	return q
}

// arm translates one SELECT up to its list.
func (t *translator) arm(outer *scope, c *Core) *arm {
	in := &scope{parent: outer}
	a := &arm{in: in, core: c}
	if c.Values != nil {
		t.valuesArm(a)
		return a
	}
	if len(c.From) > 0 {
		a.rest = "\nFROM " + t.from(in, c.From)
	}
	in.aliases = c.Columns
	if c.Where != nil {
		a.rest += "\nWHERE " + t.condition(t.expr(in, c.Where))
	}
	a.rest += t.groupBy(in, c)
	in.bare, in.aliases = nil, nil
	a.items = t.items(in, c)
	if in.ungrouped() != "" && len(c.Windows) == 0 {
		in.picked = t.pick(in, c)
		in.bare = nil
		a.items = t.items(in, c)
	}
	in.aliases = c.Columns
	if c.Having != nil {
		a.rest += "\nHAVING " + t.condition(t.expr(in, c.Having))
	}
	if len(c.Windows) > 0 {
		windows := make([]string, len(c.Windows))
		for i, w := range c.Windows {
			windows[i] = quoteName(w.Name) + " AS " + t.window(in, w.Window)
		}
		a.rest += "\nWINDOW " + strings.Join(windows, ", ")
	}
	in.checkGroups(t.lenient)
	return a
}

func (t *translator) valuesArm(a *arm) {
	for _, row := range a.core.Values {
		if len(row) != len(a.core.Values[0]) {
			refuse(nil, "rows of VALUES with different numbers of columns")
		}
		values := make([]value, len(row))
		for i, e := range row {
			values[i] = t.expr(a.in, e)
		}
		a.rows = append(a.rows, values)
	}
	for i, v := range a.rows[0] {
		a.items = append(a.items, item{name: fmt.Sprintf("column%d", i+1), value: v})
	}
}

// groupBy renders GROUP BY and notes what is grouped by.
func (t *translator) groupBy(in *scope, c *Core) string {
	if len(c.GroupBy) == 0 {
		return ""
	}
	var keys []string
	groups := map[string]bool{}
	for _, e := range c.GroupBy {
		if l, ok := e.(*Literal); ok && l.Kind == IntegerLiteral {
			e = nthColumn(c, l)
		}
		v := t.expr(in, e)
		if v.fixed() {
			refuse(e, "GROUP BY a constant")
		}
		keys = append(keys, t.groupKey(v))
		groups[v.sql] = v.collate == ""
	}
	in.groups = groups
	return "\nGROUP BY " + strings.Join(keys, ", ")
}

func nthColumn(c *Core, l *Literal) Expr {
	n := ordinal(l)
	if n < 1 || n > len(c.Columns) || c.Columns[n-1].Star {
		refuse(l, "no such column of the result")
	}
	return c.Columns[n-1].Expr
}

// ordinal returns the number of a result column that an integer stands for in ORDER BY and GROUP BY; 0 is none.
func ordinal(l *Literal) int {
	n, err := strconv.Atoi(l.canonical().Text)
	if err != nil {
		return 0 // so large that it is a REAL
	}
	return n
}

// groupKey returns a value as GROUP BY and PARTITION BY take it.
func (t *translator) groupKey(v value) string {
	v.refuseTaint()
	if v.collate != "" && t.lenient {
		return collated(v.sql, v.collate, "=")
	}
	if v.collate != "" {
		refuse(nil, "groups under the collation %s", v.collate)
	}
	if v.class == classExtracted {
		return nullIfJSONNull(v.sql)
	}
	return v.sql
}

// items translates the list of a SELECT.
func (t *translator) items(in *scope, c *Core) []item {
	var items []item
	for _, column := range c.Columns {
		if column.Star {
			items = append(items, t.star(in, column.Table)...)
			continue
		}
		v := t.expr(in, column.Expr)
		name := column.Alias
		if name == "" {
			name = column.Text
			ref, plain := column.Expr.(*ColumnRef)
			switch {
			case plain && v.column != nil:
				name = v.column.Name
			case plain && v.class == classExtracted:
				name = strings.ToLower(ref.Column)
			}
		}
		items = append(items, item{name: name, value: v})
	}
	return items
}

// star expands * and table.*.
func (t *translator) star(in *scope, table string) []item {
	var items []item
	known := false
	for _, s := range in.sources {
		if table != "" && !strings.EqualFold(table, s.name) {
			continue
		}
		known = true
		if s.partial {
			refuse(nil, "all columns of %s", s.name)
		}
		for i := range s.columns {
			name := s.columns[i].Name
			if table == "" && s.hidden[strings.ToLower(name)] {
				continue
			}
			v := s.column(i)
			if m, ok := in.merged[strings.ToLower(name)]; ok && table == "" {
				v = m
			}
			if _, merged := in.merged[strings.ToLower(name)]; !merged || table != "" {
				v = in.bareColumn(s, i)
			} else {
				in.bare = append(in.bare, bareColumn{source: s, sql: v.sql})
			}
			items = append(items, item{name: name, value: v})
		}
	}
	if !known {
		refuse(nil, "no table for %s*", when(table != "", table+"."))
	}
	return items
}

// limits renders LIMIT and OFFSET; SQLite takes a negative limit for none.
func (t *translator) limits(in *scope, s *Select) string {
	sql := ""
	if s.Limit != nil {
		if n := t.limit(in, s.Limit); !strings.HasPrefix(n, "-") {
			sql += "\nLIMIT " + n
		}
	}
	if s.Offset != nil {
		if n := t.limit(in, s.Offset); !strings.HasPrefix(n, "-") {
			sql += " OFFSET " + n
		}
	}
	return sql
}

func (t *translator) limit(in *scope, e Expr) string {
	v := t.expr(in, e)
	if v.constant == nil || v.class != classInteger {
		refuse(e, "a LIMIT or OFFSET that is not a constant")
	}
	return v.constant.Text
}
