package dialect

import "strings"

func (p *printer) exprs(list []Expr) { commas(p, list, p.expr) }

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *Literal:
		p.put(e.source())
	case *ColumnRef:
		p.columnRef(e)
	case *Variable:
		p.put(e.Name)
	case *Case:
		p.caseExpr(e)
	case *Call:
		p.call(e)
	case *Exists:
		p.put("EXISTS")
		p.subquery(e.Select)
	case *Subquery:
		p.subquery(e.Select)
	case *Cast:
		p.put("CAST (")
		p.expr(e.X)
		p.put("AS", e.Type, ")")
	case *Raise:
		p.put("RAISE (", e.Action)
		if e.Message != nil {
			p.put(",")
			p.expr(e.Message)
		}
		p.put(")")
	default:
		p.put("(")
		p.operation(e)
		p.put(")")
	}
}

// source returns the literal as SQLite writes it.
func (l *Literal) source() string {
	switch l.Kind {
	case StringLiteral:
		return quoteText(l.Text)
	case BlobLiteral:
		return "x'" + l.Text + "'"
	case IntegerLiteral, FloatLiteral:
		return l.Text
	}
	return string(l.Kind)
}

func (p *printer) columnRef(c *ColumnRef) {
	if c.Table != "" {
		p.name(c.Schema, c.Table)
		p.put(".")
	}
	if c.Quote == 0 && c.Table == "" { // TRUE and FALSE are names only without quotes
		p.put(c.Column)
		return
	}
	p.put(quoteName(c.Column))
}

// operation writes what stands between the parentheses of an operation.
func (p *printer) operation(e Expr) {
	switch e := e.(type) {
	case *Unary:
		p.unary(e)
	case *Binary:
		p.expr(e.L)
		p.put(e.Op)
		p.expr(e.R)
	case *Like:
		p.expr(e.L)
		p.put(when(e.Not, "NOT"), e.Op)
		p.expr(e.R)
		if e.Escape != nil {
			p.put("ESCAPE")
			p.expr(e.Escape)
		}
	case *Between:
		p.expr(e.X)
		p.put(when(e.Not, "NOT"), "BETWEEN")
		p.expr(e.Low)
		p.put("AND")
		p.expr(e.High)
	case *In:
		p.in(e)
	case *Collate:
		p.expr(e.X)
		p.put("COLLATE", quoteName(e.Name))
	case *Row:
		p.exprs(e.Items)
	}
}

func (p *printer) unary(u *Unary) {
	if u.Op == "ISNULL" || u.Op == "NOTNULL" {
		p.expr(u.X)
		p.put(u.Op)
		return
	}
	p.put(u.Op)
	p.expr(u.X)
}

func (p *printer) in(in *In) {
	p.expr(in.X)
	p.put(when(in.Not, "NOT"), "IN")
	switch {
	case in.Table != nil:
		p.source(*in.Table)
	case in.Select != nil:
		p.subquery(in.Select)
	default:
		p.put("(")
		p.exprs(in.List)
		p.put(")")
	}
}

func (p *printer) subquery(s *Select) {
	p.put("(")
	p.selectStmt(s)
	p.put(")")
}

func (p *printer) caseExpr(c *Case) {
	p.put("CASE")
	if c.Operand != nil {
		p.expr(c.Operand)
	}
	for _, w := range c.Whens {
		p.put("WHEN")
		p.expr(w.When)
		p.put("THEN")
		p.expr(w.Then)
	}
	if c.Else != nil {
		p.put("ELSE")
		p.expr(c.Else)
	}
	p.put("END")
}

func (p *printer) call(c *Call) {
	p.put(quoteName(c.Name), "(", when(c.Star, "*"), when(c.Distinct, "DISTINCT"))
	p.exprs(c.Args)
	p.orderBy(c.OrderBy)
	p.put(")")
	if c.Filter != nil {
		p.put("FILTER ( WHERE")
		p.expr(c.Filter)
		p.put(")")
	}
	if c.Over == nil {
		return
	}
	p.put("OVER")
	if c.Over.Name != "" {
		p.put(quoteName(c.Over.Name))
		return
	}
	p.window(c.Over)
}

func (p *printer) window(w *Window) {
	p.put("(")
	if w.Base != "" {
		p.put(quoteName(w.Base))
	}
	if len(w.PartitionBy) > 0 {
		p.put("PARTITION BY")
		p.exprs(w.PartitionBy)
	}
	p.orderBy(w.OrderBy)
	if f := w.Frame; f != nil {
		p.put(f.Unit, when(f.End.Kind != "", "BETWEEN"))
		p.bound(f.Start)
		if f.End.Kind != "" {
			p.put("AND")
			p.bound(f.End)
		}
		p.put(when(f.Exclude != "", "EXCLUDE"), f.Exclude)
	}
	p.put(")")
}

func (p *printer) bound(b Bound) {
	if b.Expr != nil {
		p.expr(b.Expr)
	}
	p.put(strings.TrimSpace(b.Kind))
}
