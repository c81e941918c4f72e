package dialect

import "strings"

// ParseExpr reads an expression.
func ParseExpr(sql string) (Expr, error) { return parse(sql, (*parser).expr) }

// The binding powers of SQLite's operators, from loose to tight.
const (
	bindNone = iota
	bindOr
	bindAnd
	bindNot
	bindEquality // = IS LIKE IN BETWEEN ISNULL
	bindOrder    // < <= > >=
	bindEscape
	bindBits // & | << >>
	bindSum
	bindProduct
	bindConcat // || -> ->>
	bindCollate
	bindUnary
)

// expr takes an expression.
func (p *parser) expr() Expr { return p.binding(bindNone) }

// binding takes an expression whose operators bind tighter than power. The tree grows with every turn of the loop, so
// each counts as a level of nesting.
func (p *parser) binding(power int) Expr {
	entered := p.depth
	defer func() { p.depth = entered }()
	if !p.enter() {
		return &Literal{Kind: NullLiteral}
	}
	start := p.tok().start
	left := p.prefix()
	for p.err == nil {
		next, ok := p.infix(left, start, power)
		if !ok || !p.enter() {
			break
		}
		left = next
	}
	return left
}

// prefix takes an operand with the unary operators before it.
func (p *parser) prefix() Expr {
	start := p.tok().start
	switch {
	case p.see("NOT"):
		p.take()
		x := p.binding(bindNot - 1)
		return &Unary{Op: "NOT", X: x, Span: p.span(start)}
	case p.see("-"), p.see("+"), p.see("~"):
		op := p.take().text
		x := p.binding(bindUnary - 1)
		return &Unary{Op: op, X: x, Span: p.span(start)}
	}
	return p.operand()
}

// infix takes the operator after left and its right side, unless it binds no tighter than power.
func (p *parser) infix(left Expr, start, power int) (Expr, bool) {
	op, bind := p.operator()
	if bind <= power || bind == bindNone {
		return nil, false
	}
	switch op {
	case "COLLATE":
		p.take()
		name := p.name()
		return &Collate{X: left, Name: name, Span: p.span(start)}, true
	case "":
		return p.predicate(left, start), true
	}
	p.take()
	right := p.binding(bind)
	return &Binary{Op: op, L: left, R: right, Span: p.span(start)}, true
}

// operator returns the operator at the current token, in its one spelling, and how tight it binds. It is empty for the
// predicates that are more than an operator between two operands.
func (p *parser) operator() (string, int) {
	t := p.tok()
	if t.kind == kindOperator {
		return binaryOperator(t.text)
	}
	switch t.keyword {
	case "OR":
		return "OR", bindOr
	case "AND":
		return "AND", bindAnd
	case "COLLATE":
		return "COLLATE", bindCollate
	case "IS", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN", "IN", "ISNULL", "NOTNULL":
		return "", bindEquality
	case "NOT":
		switch p.ahead(1).keyword {
		case "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN", "IN", "NULL":
			return "", bindEquality
		}
	}
	return "", bindNone
}

func binaryOperator(op string) (string, int) {
	switch op {
	case "=", "==":
		return "=", bindEquality
	case "<>", "!=":
		return "<>", bindEquality
	case "<", "<=", ">", ">=":
		return op, bindOrder
	case "&", "|", "<<", ">>":
		return op, bindBits
	case "+", "-":
		return op, bindSum
	case "*", "/", "%":
		return op, bindProduct
	case "||", "->", "->>":
		return op, bindConcat
	}
	return "", bindNone
}

// predicate takes IS, ISNULL, NOTNULL, NOT NULL, LIKE and its kin, BETWEEN and IN.
func (p *parser) predicate(left Expr, start int) Expr {
	switch {
	case p.accept("ISNULL"):
		return &Unary{Op: "ISNULL", X: left, Span: p.span(start)}
	case p.accept("NOTNULL"), p.accept("NOT", "NULL"):
		return &Unary{Op: "NOTNULL", X: left, Span: p.span(start)}
	case p.accept("IS"):
		return p.is(left, start)
	}
	not := p.accept("NOT")
	switch {
	case p.accept("BETWEEN"):
		low := p.binding(bindAnd)
		p.expect("AND")
		high := p.binding(bindEquality)
		return &Between{Not: not, X: left, Low: low, High: high, Span: p.span(start)}
	case p.accept("IN"):
		return p.in(left, not, start)
	}
	like := &Like{Op: p.oneOf("LIKE", "GLOB", "REGEXP", "MATCH"), Not: not, L: left, R: p.binding(bindEquality)}
	if p.accept("ESCAPE") {
		like.Escape = p.binding(bindEscape)
	}
	like.Span = p.span(start)
	return like
}

// is takes what follows IS. IS DISTINCT FROM is IS NOT, and the other way round.
func (p *parser) is(left Expr, start int) Expr {
	not := p.accept("NOT")
	if p.accept("DISTINCT", "FROM") {
		not = !not
	}
	op := "IS"
	if not {
		op = "IS NOT"
	}
	right := p.binding(bindEquality)
	return &Binary{Op: op, L: left, R: right, Span: p.span(start)}
}

func (p *parser) in(left Expr, not bool, start int) Expr {
	in := &In{Not: not, X: left}
	switch {
	case !p.see("("):
		at := p.tok().start
		source := &Source{}
		source.Schema, source.Table = p.qualified()
		p.tableArgs(source)
		source.Span = p.span(at)
		in.Table = source
	default:
		p.take()
		if p.seeSelect() {
			in.Select = p.selectStmt()
		} else if !p.see(")") {
			in.List = p.exprs()
		}
		p.expect(")")
	}
	in.Span = p.span(start)
	return in
}

// exprs takes expressions with commas between them.
func (p *parser) exprs() []Expr {
	list := []Expr{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
	}
	return list
}

// operand takes an expression without operators outside parentheses.
func (p *parser) operand() Expr {
	start := p.tok().start
	switch {
	case p.see("("):
		return p.group()
	case p.see("CASE"):
		return p.caseExpr()
	case p.see("CAST"):
		return p.cast()
	case p.see("RAISE"):
		return p.raise()
	case p.accept("EXISTS"):
		p.expect("(")
		s := p.selectStmt()
		p.expect(")")
		return &Exists{Select: s, Span: p.span(start)}
	}
	if t := p.tok(); (t.isID() || joinWord(t.keyword)) && !isTimeWord(t.keyword) {
		if p.ahead(1).is("(") {
			return p.call()
		}
		return p.columnRef()
	}
	if p.tok().kind == kindString && p.ahead(1).is(".") {
		return p.columnRef() // 'table'.'column'
	}
	return p.term()
}

// isTimeWord says whether a keyword stands for the current time where a value is expected.
func isTimeWord(keyword string) bool {
	return keyword == "CURRENT_DATE" || keyword == "CURRENT_TIME" || keyword == "CURRENT_TIMESTAMP"
}

// term takes a literal, the current time or a parameter.
func (p *parser) term() Expr {
	t := p.tok()
	span := Span{Start: t.start, End: t.end}
	kind := NullLiteral
	switch {
	case t.kind == kindVariable:
		p.take()
		return &Variable{Name: t.text, Span: span}
	case t.kind == kindInteger:
		kind = IntegerLiteral
	case t.kind == kindFloat:
		kind = FloatLiteral
	case t.kind == kindString:
		kind = StringLiteral
	case t.kind == kindBlob:
		kind = BlobLiteral
	case isTimeWord(t.keyword):
		kind = LiteralKind(t.keyword)
	case t.keyword != "NULL":
		p.unexpected()
		return &Literal{Kind: NullLiteral, Span: span}
	}
	text := t.text
	if t.kind == kindWord {
		text = t.keyword
	}
	p.take()
	return &Literal{Kind: kind, Text: text, Span: span}
}

// columnRef takes column, table.column or schema.table.column.
func (p *parser) columnRef() Expr {
	t := p.take()
	c := &ColumnRef{Column: t.text, Quote: t.quote}
	for i := 0; i < 2 && p.see("."); i++ {
		p.take()
		c.Schema, c.Table = c.Table, c.Column
		c.Quote = p.tok().quote
		c.Column = p.name()
	}
	c.Span = p.span(t.start)
	return c
}

// group takes what stands in parentheses: a subquery, a row value or an expression, whose parentheses are not kept.
func (p *parser) group() Expr {
	start := p.take().start
	if p.seeSelect() {
		s := p.selectStmt()
		p.expect(")")
		return &Subquery{Select: s, Span: p.span(start)}
	}
	list := p.exprs()
	p.expect(")")
	if len(list) == 1 {
		return list[0]
	}
	return &Row{Items: list, Span: p.span(start)}
}

func (p *parser) caseExpr() Expr {
	start := p.take().start
	c := &Case{}
	if !p.see("WHEN") {
		c.Operand = p.expr()
	}
	for more := true; more && p.err == nil; more = p.see("WHEN") {
		p.expect("WHEN")
		when := p.expr()
		p.expect("THEN")
		c.Whens = append(c.Whens, When{When: when, Then: p.expr()})
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	c.Span = p.span(start)
	return c
}

func (p *parser) cast() Expr {
	start := p.take().start
	p.expect("(")
	x := p.expr()
	p.expect("AS")
	name := p.typeName()
	p.expect(")")
	return &Cast{X: x, Type: name, Span: p.span(start)}
}

func (p *parser) raise() Expr {
	start := p.take().start
	p.expect("(")
	r := &Raise{Action: p.oneOf("IGNORE", "ROLLBACK", "ABORT", "FAIL")}
	if r.Action != "IGNORE" {
		p.expect(",")
		r.Message = p.expr()
	}
	p.expect(")")
	r.Span = p.span(start)
	return r
}

// call takes a function call with everything that may follow its arguments.
func (p *parser) call() Expr {
	t := p.take()
	c := &Call{Name: strings.ToLower(t.text)}
	p.expect("(")
	switch {
	case p.accept("*"):
		c.Star = true
	case !p.see(")"):
		c.Distinct = p.accept("DISTINCT")
		p.accept("ALL")
		c.Args = p.exprs()
		if p.see("ORDER", "BY") {
			c.OrderBy = p.orderBy()
		}
	}
	p.expect(")")
	if p.see("FILTER", "(") {
		p.take()
		p.expect("(", "WHERE")
		c.Filter = p.expr()
		p.expect(")")
	}
	if p.see("OVER") && (p.ahead(1).is("(") || p.ahead(1).isName()) {
		p.take()
		c.Over = p.over()
	}
	c.Span = p.span(t.start)
	return c
}
