package dialect

// seeSelect says whether a SELECT begins here.
func (p *parser) seeSelect() bool {
	return p.see("SELECT") || p.see("VALUES") ||
		p.see("WITH") && (p.ahead(1).isName() || p.ahead(1).is("RECURSIVE"))
}

// selectStmt takes a SELECT with everything around it.
func (p *parser) selectStmt() *Select {
	start := p.tok().start
	s := &Select{}
	defer p.leave()
	if !p.enter() {
		return s
	}
	if p.see("WITH") {
		s.With = p.with()
	}
	s.Cores = append(s.Cores, p.core())
	for op := p.compoundOp(); op != ""; op = p.compoundOp() {
		s.Ops = append(s.Ops, op)
		s.Cores = append(s.Cores, p.core())
	}
	if p.see("ORDER") {
		s.OrderBy = p.orderBy()
	}
	if p.accept("LIMIT") {
		p.limit(s)
	}
	s.Span = p.span(start)
	return s
}

// limit takes what follows LIMIT: n, n OFFSET m, or m, n.
func (p *parser) limit(s *Select) {
	s.Limit = p.expr()
	switch {
	case p.accept("OFFSET"):
		s.Offset = p.expr()
	case p.accept(","):
		s.Offset = s.Limit
		s.Limit = p.expr()
	}
}

func (p *parser) compoundOp() string {
	switch {
	case p.accept("UNION", "ALL"):
		return "UNION ALL"
	case p.accept("UNION"):
		return "UNION"
	case p.accept("INTERSECT"):
		return "INTERSECT"
	case p.accept("EXCEPT"):
		return "EXCEPT"
	}
	return ""
}

func (p *parser) with() *With {
	p.expect("WITH")
	w := &With{}
	if p.see("RECURSIVE") && p.ahead(1).isName() {
		p.take()
		w.Recursive = true
	}
	for more := true; more && p.err == nil; more = p.accept(",") {
		t := CommonTable{Name: p.name()}
		if p.see("(") {
			t.Columns = p.names()
		}
		p.expect("AS")
		switch {
		case p.accept("MATERIALIZED"):
			t.Materialized = "MATERIALIZED"
		case p.accept("NOT", "MATERIALIZED"):
			t.Materialized = "NOT MATERIALIZED"
		}
		p.expect("(")
		t.Select = p.selectStmt()
		p.expect(")")
		w.Tables = append(w.Tables, t)
	}
	return w
}

func (p *parser) core() *Core {
	start := p.tok().start
	c := &Core{}
	if p.accept("VALUES") {
		for more := true; more && p.err == nil; more = p.accept(",") {
			p.expect("(")
			c.Values = append(c.Values, p.exprs())
			p.expect(")")
		}
		c.Span = p.span(start)
		return c
	}
	p.expect("SELECT")
	c.Distinct = p.accept("DISTINCT")
	if !c.Distinct {
		p.accept("ALL")
	}
	c.Columns = append(c.Columns, p.resultColumn())
	for p.accept(",") {
		c.Columns = append(c.Columns, p.resultColumn())
	}
	p.coreClauses(c)
	c.Span = p.span(start)
	return c
}

func (p *parser) coreClauses(c *Core) {
	if p.accept("FROM") {
		c.From = p.from()
	}
	if p.accept("WHERE") {
		c.Where = p.expr()
	}
	if p.accept("GROUP") {
		p.expect("BY")
		c.GroupBy = p.exprs()
	}
	if p.accept("HAVING") {
		c.Having = p.expr()
	}
	if p.seeWindow() {
		p.take()
		c.Windows = append(c.Windows, p.namedWindow())
		for p.accept(",") {
			c.Windows = append(c.Windows, p.namedWindow())
		}
	}
}

func (p *parser) seeWindow() bool {
	return p.see("WINDOW") && p.ahead(1).isName() && p.ahead(2).is("AS")
}

func (p *parser) resultColumn() ResultColumn {
	start := p.tok().start
	if p.accept("*") {
		return ResultColumn{Star: true}
	}
	if p.tok().isName() && p.ahead(1).is(".") && p.ahead(2).is("*") {
		c := ResultColumn{Star: true, Table: p.take().text}
		p.expect(".", "*")
		return c
	}
	c := ResultColumn{Expr: p.expr()}
	c.Text = p.since(start)
	c.Alias = p.alias()
	return c
}

// alias takes [AS] name. Without AS the words that join tables or begin a clause are not names.
func (p *parser) alias() string {
	if p.accept("AS") {
		return p.name()
	}
	if t := p.tok(); !p.seeWindow() && (t.isID() || t.kind == kindString) {
		return p.take().text
	}
	return ""
}

func (p *parser) orderBy() []OrderTerm {
	p.expect("ORDER", "BY")
	var list []OrderTerm
	for more := true; more && p.err == nil; more = p.accept(",") {
		t := OrderTerm{Expr: p.expr()}
		t.Desc = !p.accept("ASC") && p.accept("DESC")
		if p.accept("NULLS") {
			t.Nulls = p.oneOf("FIRST", "LAST")
		}
		list = append(list, t)
	}
	return list
}

func (p *parser) namedWindow() NamedWindow {
	w := NamedWindow{Name: p.name()}
	p.expect("AS")
	w.Window = p.window()
	return w
}

// over takes what follows OVER.
func (p *parser) over() *Window {
	if !p.see("(") {
		return &Window{Name: p.name()}
	}
	return p.window()
}

func (p *parser) window() *Window {
	w := &Window{}
	p.expect("(")
	if t := p.tok(); t.isName() && !p.see("PARTITION", "BY") && !p.seeFrame() {
		w.Base = p.name()
	}
	if p.accept("PARTITION") {
		p.expect("BY")
		w.PartitionBy = p.exprs()
	}
	if p.see("ORDER") {
		w.OrderBy = p.orderBy()
	}
	if p.seeFrame() {
		w.Frame = p.frame()
	}
	p.expect(")")
	return w
}

func (p *parser) seeFrame() bool { return p.see("ROWS") || p.see("RANGE") || p.see("GROUPS") }

func (p *parser) frame() *Frame {
	f := &Frame{Unit: p.take().keyword}
	if p.accept("BETWEEN") {
		f.Start = p.bound()
		p.expect("AND")
		f.End = p.bound()
	} else {
		f.Start = p.bound()
	}
	if p.accept("EXCLUDE") {
		switch {
		case p.accept("NO"):
			p.expect("OTHERS")
			f.Exclude = "NO OTHERS"
		case p.accept("CURRENT"):
			p.expect("ROW")
			f.Exclude = "CURRENT ROW"
		case isWord(p.tok(), "GROUP"), p.see("TIES"):
			f.Exclude = p.take().keyword
		default:
			p.unexpected()
		}
	}
	return f
}

func (p *parser) bound() Bound {
	switch {
	case p.accept("CURRENT", "ROW"):
		return Bound{Kind: "CURRENT ROW"}
	case p.accept("UNBOUNDED"):
		return Bound{Kind: "UNBOUNDED " + p.oneOf("PRECEDING", "FOLLOWING")}
	}
	e := p.expr()
	return Bound{Kind: p.oneOf("PRECEDING", "FOLLOWING"), Expr: e}
}
