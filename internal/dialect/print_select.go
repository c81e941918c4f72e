package dialect

func (p *printer) selectStmt(s *Select) {
	if s.With != nil {
		p.with(s.With)
	}
	for i, c := range s.Cores {
		if i > 0 {
			p.put(s.Ops[i-1])
		}
		p.core(c)
	}
	p.orderBy(s.OrderBy)
	if s.Limit != nil {
		p.put("LIMIT")
		p.expr(s.Limit)
	}
	if s.Offset != nil {
		p.put("OFFSET")
		p.expr(s.Offset)
	}
}

func (p *printer) with(w *With) {
	p.put("WITH", when(w.Recursive, "RECURSIVE"))
	commas(p, w.Tables, func(t CommonTable) {
		p.put(quoteName(t.Name))
		if len(t.Columns) > 0 {
			p.names(t.Columns)
		}
		p.put("AS", t.Materialized)
		p.subquery(t.Select)
	})
}

func (p *printer) core(c *Core) {
	if c.Values != nil {
		p.put("VALUES")
		commas(p, c.Values, func(row []Expr) {
			p.put("(")
			p.exprs(row)
			p.put(")")
		})
		return
	}
	p.put("SELECT", when(c.Distinct, "DISTINCT"))
	commas(p, c.Columns, p.resultColumn)
	if len(c.From) > 0 {
		p.put("FROM")
		p.from(c.From)
	}
	if c.Where != nil {
		p.put("WHERE")
		p.expr(c.Where)
	}
	if len(c.GroupBy) > 0 {
		p.put("GROUP BY")
		p.exprs(c.GroupBy)
	}
	if c.Having != nil {
		p.put("HAVING")
		p.expr(c.Having)
	}
	if len(c.Windows) > 0 {
		p.put("WINDOW")
		commas(p, c.Windows, func(w NamedWindow) {
			p.put(quoteName(w.Name), "AS")
			p.window(w.Window)
		})
	}
}

func (p *printer) resultColumn(c ResultColumn) {
	switch {
	case c.Table != "":
		p.put(quoteName(c.Table), ". *")
	case c.Star:
		p.put("*")
	default:
		p.expr(c.Expr)
		if c.Alias != "" {
			p.put("AS", quoteName(c.Alias))
		}
	}
}

func (p *printer) from(sources []Source) {
	for _, s := range sources {
		p.put(when(s.Join.Natural, "NATURAL"), string(s.Join.Kind))
		p.source(s)
	}
}

func (p *printer) source(s Source) {
	switch {
	case s.Select != nil:
		p.subquery(s.Select)
	case s.Nested != nil:
		p.put("(")
		p.from(s.Nested)
		p.put(")")
	default:
		p.name(s.Schema, s.Table)
		if s.Function {
			p.put("(")
			p.exprs(s.Args)
			p.put(")")
		}
	}
	if s.Alias != "" {
		p.put("AS", quoteName(s.Alias))
	}
	if s.IndexedBy != "" {
		p.put("INDEXED BY", quoteName(s.IndexedBy))
	}
	p.put(when(s.NotIndexed, "NOT INDEXED"))
	if s.On != nil {
		p.put("ON")
		p.expr(s.On)
	}
	if len(s.Using) > 0 {
		p.put("USING")
		p.names(s.Using)
	}
}

func (p *printer) orderBy(terms []OrderTerm) {
	if len(terms) == 0 {
		return
	}
	p.put("ORDER BY")
	commas(p, terms, func(t OrderTerm) {
		p.expr(t.Expr)
		p.put(when(t.Desc, "DESC"), when(t.Nulls != "", "NULLS"), t.Nulls)
	})
}
