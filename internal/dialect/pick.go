package dialect

import "strings"

// pick returns the format that takes a column from one row of its group, as SQLite does with columns that are neither
// grouped by nor aggregated: the row with the least or greatest value where the SELECT has one min() or max(), else any
// row. All columns come from the same row, because every aggregate of a SELECT sees its rows in one order.
func (t *translator) pick(in *scope, c *Core) string {
	var extremes []*Call
	for _, column := range c.Columns {
		extremes = append(extremes, extremesOf(column.Expr)...)
	}
	extremes = append(extremes, extremesOf(c.Having)...)
	if len(extremes) == 0 {
		return "(array_agg(%s))[1]"
	}
	for _, e := range extremes[1:] {
		if e.Name != extremes[0].Name || FormatExpr(e) != FormatExpr(extremes[0]) {
			refuse(nil, "columns that are neither grouped by nor aggregated beside more than one min() or max()")
		}
	}
	call := extremes[0]
	if call.Filter != nil {
		refuse(call, "columns that are neither grouped by nor aggregated beside a FILTER")
	}
	term := t.orderTerm(t.expr(in, call.Args[0]), OrderTerm{Expr: call.Args[0], Desc: call.Name == "max", Nulls: "LAST"})
	if term == "" {
		return "(array_agg(%s))[1]"
	}
	return "(array_agg(%s ORDER BY " + strings.ReplaceAll(term, "%", "%%") + "))[1]"
}

// extremesOf returns the min() and max() of one argument in an expression, leaving out those of its subqueries.
func extremesOf(e Expr) []*Call {
	var found []*Call
	walk(e, func(e Expr) {
		c, ok := e.(*Call)
		if ok && (c.Name == "min" || c.Name == "max") && len(c.Args) == 1 && c.Over == nil {
			found = append(found, c)
		}
	})
	return found
}

// walk calls fn for an expression and everything in it, without its subqueries.
func walk(e Expr, fn func(Expr)) {
	if e == nil {
		return
	}
	fn(e)
	for _, part := range partsOf(e) {
		if part != nil {
			walk(part, fn)
		}
	}
}

// partsOf returns the expressions that an expression is made of; some may be nil.
func partsOf(e Expr) []Expr {
	switch e := e.(type) {
	case *Unary:
		return []Expr{e.X}
	case *Binary:
		return []Expr{e.L, e.R}
	case *Like:
		return []Expr{e.L, e.R, e.Escape}
	case *Between:
		return []Expr{e.X, e.Low, e.High}
	case *In:
		return append([]Expr{e.X}, e.List...)
	case *Cast:
		return []Expr{e.X}
	case *Collate:
		return []Expr{e.X}
	case *Row:
		return e.Items
	case *Call:
		return append(append([]Expr(nil), e.Args...), e.Filter)
	case *Case:
		parts := []Expr{e.Operand, e.Else}
		for _, w := range e.Whens {
			parts = append(parts, w.When, w.Then)
		}
		return parts
	}
	return nil
}

// grouped translates an expression where columns are taken from a row of the group, if it is one that is grouped by: then
// it stands as it is.
func (t *translator) grouped(in *scope, e Expr) (value, bool) {
	if in.picked == "" || len(in.groups) == 0 {
		return value{}, false
	}
	picked, mark, collates := in.picked, len(in.bare), t.collates
	in.picked = ""
	v := t.exprNode(in, e)
	in.picked = picked
	if in.groups[v.sql] {
		return v, true
	}
	in.bare, t.collates = in.bare[:mark], collates
	return value{}, false
}

// Refers reports whether an expression, which has no subqueries, uses a column of its table.
func Refers(e Expr, column string) bool {
	found := false
	walk(e, func(e Expr) {
		if c, ok := e.(*ColumnRef); ok && strings.EqualFold(c.Column, column) {
			found = true
		}
	})
	return found
}
