package dialect

import "strings"

// ParseCreateIndex reads a CREATE INDEX statement.
func ParseCreateIndex(sql string) (*CreateIndex, error) { return parse(sql, (*parser).createIndex) }

// ParseCreateView reads a CREATE VIEW statement.
func ParseCreateView(sql string) (*CreateView, error) { return parse(sql, (*parser).createView) }

// ParseCreateTrigger reads a CREATE TRIGGER statement; the body is kept as text.
func ParseCreateTrigger(sql string) (*CreateTrigger, error) {
	return parse(sql, (*parser).createTrigger)
}

// ParseCreateVirtualTable reads a CREATE VIRTUAL TABLE statement; the arguments are kept as text.
func ParseCreateVirtualTable(sql string) (*CreateVirtualTable, error) {
	return parse(sql, (*parser).createVirtualTable)
}

func (p *parser) createIndex() *CreateIndex {
	x := &CreateIndex{}
	p.expect("CREATE")
	x.Unique = p.accept("UNIQUE")
	p.expect("INDEX")
	x.IfNotExists = p.ifNotExists()
	x.Schema, x.Name = p.qualified()
	p.expect("ON")
	x.Table = p.name()
	p.expect("(")
	x.Columns = p.indexedColumns()
	p.expect(")")
	if p.accept("WHERE") {
		start := p.tok().start
		x.Where = p.expr()
		x.WhereText = p.since(start)
	}
	return x
}

func (p *parser) indexedColumns() []IndexedColumn {
	list := []IndexedColumn{p.indexedColumn()}
	for p.accept(",") {
		list = append(list, p.indexedColumn())
	}
	return list
}

func (p *parser) indexedColumn() IndexedColumn {
	start := p.tok().start
	e := p.expr()
	c := IndexedColumn{Expr: e, Text: p.since(start)}
	if with, ok := e.(*Collate); ok {
		c.Expr, c.Collate = with.X, with.Name
		c.Text = with.X.Range().Of(p.sql)
	}
	switch x := c.Expr.(type) {
	case *ColumnRef:
		if x.Table == "" {
			c.Name = x.Column
		}
	case *Literal: // a name in single quotes
		if x.Kind == StringLiteral {
			c.Name = x.Text
			c.Expr = &ColumnRef{Column: x.Text, Quote: '\'', Span: x.Span}
		}
	}
	c.Desc = !p.accept("ASC") && p.accept("DESC")
	if p.accept("NULLS") {
		p.oneOf("FIRST", "LAST")
	}
	return c
}

func (p *parser) createView() *CreateView {
	v := &CreateView{source: p.sql}
	p.expect("CREATE")
	v.Temporary = p.accept("TEMP") || p.accept("TEMPORARY")
	p.expect("VIEW")
	v.IfNotExists = p.ifNotExists()
	v.Schema, v.Name = p.qualified()
	if p.see("(") {
		v.Columns = p.names()
	}
	p.expect("AS")
	start := p.tok().start
	v.Select = p.selectStmt()
	v.Text = p.since(start)
	return v
}

func (p *parser) createTrigger() *CreateTrigger {
	t := &CreateTrigger{Timing: "BEFORE"}
	p.expect("CREATE")
	t.Temporary = p.accept("TEMP") || p.accept("TEMPORARY")
	p.expect("TRIGGER")
	t.IfNotExists = p.ifNotExists()
	t.Schema, t.Name = p.qualified()
	switch {
	case p.accept("INSTEAD", "OF"):
		t.Timing = "INSTEAD OF"
	case p.accept("AFTER"):
		t.Timing = "AFTER"
	default:
		p.accept("BEFORE")
	}
	t.Event = p.oneOf("INSERT", "UPDATE", "DELETE")
	if t.Event == "UPDATE" && p.accept("OF") {
		t.UpdateOf = append(t.UpdateOf, p.name())
		for p.accept(",") {
			t.UpdateOf = append(t.UpdateOf, p.name())
		}
	}
	p.expect("ON")
	_, t.Table = p.qualified()
	p.accept("FOR", "EACH", "ROW")
	if p.accept("WHEN") {
		start := p.tok().start
		t.When = p.expr()
		t.WhenText = p.since(start)
	}
	t.Body = p.triggerBody()
	return t
}

// triggerBody takes BEGIN, everything up to the last END, and that END. A trigger's text is its whole statement, so the
// last END is its own.
func (p *parser) triggerBody() string {
	p.expect("BEGIN")
	last := len(p.tokens) - 2
	for last > p.at && p.tokens[last].is(";") {
		last--
	}
	if p.err != nil || last <= p.at || !p.tokens[last].is("END") {
		p.unexpected()
		return ""
	}
	body := p.sql[p.tok().start:p.tokens[last].start]
	p.at = last + 1
	return strings.TrimSpace(body)
}

func (p *parser) createVirtualTable() *CreateVirtualTable {
	t := &CreateVirtualTable{}
	p.expect("CREATE", "VIRTUAL", "TABLE")
	t.IfNotExists = p.ifNotExists()
	t.Schema, t.Name = p.qualified()
	if !isWord(p.tok(), "USING") {
		p.unexpected()
	}
	p.take()
	t.Module = p.name()
	if p.accept("(") {
		t.Args = p.moduleArgs()
	}
	return t
}

// moduleArgs takes the arguments of a virtual table: any tokens, with commas outside parentheses between them.
func (p *parser) moduleArgs() []string {
	var args []string
	for start, depth := p.tok().start, 0; ; {
		t := p.take()
		end := depth == 0 && t.is(")")
		switch {
		case t.kind == kindEOF:
			p.unexpected()
			return nil
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if end || depth == 0 && t.is(",") {
			if arg := strings.TrimSpace(p.sql[start:t.start]); arg != "" {
				args = append(args, arg)
			}
			start = t.end
		}
		if end {
			return args
		}
	}
}
