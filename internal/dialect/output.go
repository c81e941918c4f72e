package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// compound writes the lists of the SELECTs of a compound, each column in one type, and joins them. SQLite goes from
// left to right, PostgreSQL would do INTERSECT first.
func (t *translator) compound(arms []*arm, s *Select) query {
	first := arms[0]
	q := query{columns: make([]Column, len(first.items)), values: make([]value, len(first.items))}
	names := make([]string, len(first.items))
	for i, it := range first.items {
		names[i] = it.name
		t.unifyColumn(arms, s, i)
		q.values[i] = first.value(i)
	}
	for i, target := range unique(names) {
		q.columns[i] = outputColumn(q.values[i])
		q.columns[i].Name, q.columns[i].Target = names[i], target
		if target != cut(names[i], maxName) {
			q.columns[i].Name = target // SQLite itself renames what is there twice
		}
	}
	for i := range q.values {
		q.values[i] = asOutput(q.values[i], &q.columns[i])
	}
	for i, a := range arms {
		sql := t.armSQL(a, q.columns)
		if i == 0 {
			q.sql = sql
			continue
		}
		if i > 1 {
			q.sql = "(" + q.sql + ")"
		}
		q.sql += "\n" + s.Ops[i-1] + "\n" + sql
	}
	return q
}

// asOutput returns a value as a subquery around its SELECT sees it.
func asOutput(v value, c *Column) value {
	out := ofColumn("", c)
	out.collate = v.collate
	if v.class.number() {
		out.whole, out.byValue, out.positive = v.whole, v.byValue, v.positive
	}
	return out
}

// value returns the i-th output column of the arm.
func (a *arm) value(i int) value {
	if a.rows != nil {
		return a.rows[0][i]
	}
	return a.items[i].value
}

// unifyColumn brings the i-th column of all arms to one class.
func (t *translator) unifyColumn(arms []*arm, s *Select, i int) {
	var places []*value
	for _, a := range arms {
		if len(a.items) != len(arms[0].items) {
			refuse(nil, "SELECTs with different numbers of columns in one compound")
		}
		if a.rows == nil {
			places = append(places, &a.items[i].value)
			continue
		}
		for _, row := range a.rows {
			places = append(places, &row[i])
		}
	}
	values := make([]value, len(places))
	for j, p := range places {
		values[j] = *p
		if !comparesRows(arms, s) {
			continue
		}
		if p.refuseTaint(); p.collate != "" {
			refuse(nil, "rows compared under the collation %s", p.collate)
		}
	}
	if len(values) == 1 {
		*places[0] = settled(values[0])
		return
	}
	values = t.unify(values, nil)
	common := combined("", values)
	common.collate = values[0].collate
	common.column = commonColumn(values)
	for j, p := range places {
		sql := values[j].sql
		if common.column != nil && values[j].column.Type != common.column.Type {
			sql += "::" + common.column.Type
		}
		*p = common
		p.sql, p.constant = sql, values[j].constant
		if p.class == classNull {
			*p = settled(*p)
		}
	}
}

// comparesRows says whether a SELECT drops rows that are the same as others.
func comparesRows(arms []*arm, s *Select) bool {
	return slices.ContainsFunc(arms, func(a *arm) bool { return a.core.Distinct }) ||
		slices.ContainsFunc(s.Ops, func(op string) bool { return op != "UNION ALL" })
}

// settled gives a bare NULL a type and a small integer the type of every other.
func settled(v value) value {
	switch {
	case v.isNull():
		v.sql, v.class = "NULL::text", classText
	case v.class == classInteger && v.column == nil && !v.wide:
		v.sql, v.wide = v.sql+"::bigint", true
	case v.class == classText && v.constant != nil:
		v.sql += "::text"
	}
	return v
}

// commonColumn returns the column that several columns of one class become, and nil when they are not all columns.
func commonColumn(values []value) *Column {
	var common *Column
	for _, v := range values {
		switch {
		case v.column == nil:
			return nil
		case common == nil:
			c := *v.column
			common = &c
		case common.Type != v.column.Type:
			common.Type = v.class.pgType()
		}
		if common.Affinity != v.column.Affinity {
			common.Affinity = ""
		}
		if common.Form != v.column.Form {
			common.Form = ""
		}
	}
	return common
}

// outputColumn describes the column that a value becomes.
func outputColumn(v value) Column {
	if v.column != nil {
		c := *v.column
		c.PrimaryKey, c.RowID, c.SQL = false, false, ""
		c.NoCase, c.Affinity = v.collate == "NOCASE", v.affinity
		return c
	}
	c := Column{Type: v.class.pgType(), Affinity: v.affinity, NoCase: v.collate == "NOCASE", Form: ""}
	switch v.class {
	case classBoolean:
		c.Type = "integer"
	case classExtracted, classDate, classTimestamp:
		c.Type = "text"
	}
	return c
}

// armSQL writes one SELECT of a compound.
func (t *translator) armSQL(a *arm, columns []Column) string {
	if a.rows != nil {
		rows := make([]string, len(a.rows))
		for i, row := range a.rows {
			cells := make([]string, len(row))
			for j, v := range row {
				cells[j] = t.output(v)
			}
			rows[i] = "(" + strings.Join(cells, ", ") + ")"
		}
		return "VALUES " + strings.Join(rows, ", ")
	}
	list := make([]string, len(a.items))
	for i, it := range a.items {
		list[i] = t.output(it.value) + " AS " + quoteName(columns[i].Target)
	}
	return "SELECT " + when(a.core.Distinct, "DISTINCT ") + strings.Join(list, ", ") + a.rest
}

// output returns the SQL with which a value leaves a SELECT.
func (t *translator) output(v value) string {
	if v.class == classBoolean && v.column == nil {
		return v.sql + "::integer" // 0 and 1 in SQLite
	}
	return t.plain(v)
}

// orderedInside renders ORDER BY for a single SELECT.
func (t *translator) orderedInside(a *arm, s *Select) string {
	terms := make([]string, 0, len(s.OrderBy))
	for _, o := range s.OrderBy {
		v, ok := a.named(o.Expr)
		if !ok {
			v = t.expr(a.in, o.Expr)
		}
		if term := t.orderTerm(v, o); term != "" {
			terms = append(terms, term)
		}
	}
	if len(terms) == 0 {
		return "(SELECT NULL)"
	}
	return strings.Join(terms, ", ")
}

// named returns the output column that an ORDER BY term means by its number or its alias.
func (a *arm) named(e Expr) (value, bool) {
	switch e := e.(type) {
	case *Literal:
		if e.Kind != IntegerLiteral {
			return value{}, false
		}
		n := ordinal(e)
		if n < 1 || n > len(a.items) {
			refuse(e, "no such column of the result")
		}
		return a.items[n-1].value, true
	case *ColumnRef:
		for i, c := range a.core.Columns {
			if e.Table == "" && c.Alias != "" && strings.EqualFold(c.Alias, e.Column) && len(a.items) == len(a.core.Columns) {
				return a.items[i].value, true
			}
		}
	}
	return value{}, false
}

// orderedOutside wraps a compound or a SELECT DISTINCT: PostgreSQL orders those only by their output as it is.
func (t *translator) orderedOutside(q query, s *Select, first *arm) query {
	in := &scope{sources: []*source{{name: "q", columns: q.columns}}}
	terms := make([]string, 0, len(s.OrderBy))
	for _, o := range s.OrderBy {
		terms = append(terms, t.orderTerm(t.outputTerm(in, first, o.Expr), o))
	}
	q.sql = fmt.Sprintf("SELECT * FROM (\n%s\n) AS q\nORDER BY %s", q.sql, strings.Join(terms, ", "))
	return q
}

// outputTerm finds the output column that an ORDER BY term means: by number, by name, or because it is the same
// expression.
func (t *translator) outputTerm(in *scope, first *arm, e Expr) value {
	source := in.sources[0]
	explicit := ""
	if c, ok := e.(*Collate); ok {
		e, explicit = c.X, strings.ToUpper(c.Name)
	}
	at := first.position(e, source)
	if l, ok := e.(*Literal); ok && l.Kind == IntegerLiteral {
		at = ordinal(l) - 1
	}
	if at < 0 || at >= len(source.columns) {
		refuse(e, "ORDER BY something that is not in the result")
	}
	v := source.column(at)
	if explicit != "" {
		v.collate = strings.TrimPrefix(explicit, "BINARY")
	}
	return v
}

func (a *arm) position(e Expr, out *source) int {
	if c, ok := e.(*ColumnRef); ok && c.Table == "" {
		if i := out.index(c.Column); i >= 0 {
			return i
		}
	}
	sql := FormatExpr(e)
	for i, c := range a.core.Columns {
		if !c.Star && len(a.items) == len(a.core.Columns) && FormatExpr(c.Expr) == sql {
			return i
		}
	}
	if c, ok := e.(*ColumnRef); ok {
		return out.index(c.Column)
	}
	return -1
}

// orderTerms renders the ORDER BY of a window or an aggregate.
func (t *translator) orderTerms(in *scope, terms []OrderTerm) string {
	list := make([]string, 0, len(terms))
	for _, o := range terms {
		if term := t.orderTerm(t.expr(in, o.Expr), o); term != "" {
			list = append(list, term)
		}
	}
	if len(list) == 0 {
		return "(SELECT NULL)"
	}
	return strings.Join(list, ", ")
}

// orderTerm renders one term; NULL is the least value in SQLite. A constant orders nothing.
func (t *translator) orderTerm(v value, o OrderTerm) string {
	if v.fixed() {
		return ""
	}
	sql := v.sql
	switch v.class {
	case classText:
		v.refuseTaint()
		sql = collated(sql, v.collate, "<")
	case classExtracted, classJSON, classOther:
		refuse(o.Expr, "the order of values of type %s", v.class.pgType())
	}
	nulls := o.Nulls
	if nulls == "" {
		nulls = map[bool]string{false: "FIRST", true: "LAST"}[o.Desc]
	}
	return sql + when(o.Desc, " DESC") + " NULLS " + nulls
}
