package dialect

// from takes the tables of a FROM clause.
func (p *parser) from() []Source {
	defer p.leave()
	if !p.enter() {
		return nil
	}
	list := []Source{p.source(Join{})}
	for p.err == nil {
		join, ok := p.join()
		if !ok {
			break
		}
		list = append(list, p.source(join))
	}
	return list
}

// join takes a join operator and says whether there was one. The words may stand in any order, as in SQLite:
// NATURAL LEFT OUTER JOIN, LEFT NATURAL JOIN.
func (p *parser) join() (Join, bool) {
	if p.accept(",") {
		return Join{Kind: CommaJoin}, true
	}
	if p.accept("JOIN") {
		return Join{Kind: InnerJoin}, true
	}
	if t := p.tok(); t.kind != kindWord || !joinWord(t.keyword) || t.keyword == "INDEXED" {
		return Join{}, false
	}
	start := p.tok().start
	words := map[string]bool{}
	for i := 0; i < 3 && !p.see("JOIN"); i++ {
		if t := p.tok(); !joinWord(t.keyword) || t.keyword == "INDEXED" {
			p.unexpected()
		}
		words[p.take().keyword] = true
	}
	p.expect("JOIN")
	kind, ok := joinKind(words)
	if !ok && p.err == nil {
		p.fail(start, "unknown join type: %s", p.since(start))
	}
	return Join{Kind: kind, Natural: words["NATURAL"]}, true
}

func joinKind(words map[string]bool) (JoinKind, bool) {
	left, right, full := words["LEFT"], words["RIGHT"], words["FULL"]
	outer := left || right || full
	switch {
	case words["INNER"] && (outer || words["OUTER"]), words["CROSS"] && outer, words["OUTER"] && !outer:
		return InnerJoin, false
	case full, left && right:
		return FullJoin, true
	case left:
		return LeftJoin, true
	case right:
		return RightJoin, true
	case words["CROSS"]:
		return CrossJoin, true
	}
	return InnerJoin, true
}

// source takes one table of a FROM clause with its alias and join condition.
func (p *parser) source(join Join) Source {
	start := p.tok().start
	s := Source{Join: join}
	if p.accept("(") {
		if p.seeSelect() {
			s.Select = p.selectStmt()
		} else {
			s.Nested = p.from()
		}
		p.expect(")")
	} else {
		s.Schema, s.Table = p.qualified()
		p.tableArgs(&s)
	}
	s.Alias = p.sourceAlias()
	switch {
	case p.accept("INDEXED", "BY"):
		s.IndexedBy = p.name()
	case p.accept("NOT", "INDEXED"):
		s.NotIndexed = true
	}
	switch {
	case p.accept("ON"):
		s.On = p.expr()
	case p.accept("USING"):
		s.Using = p.names()
	}
	s.Span = p.span(start)
	return s
}

// tableArgs takes the arguments of a table-valued function, if there are any.
func (p *parser) tableArgs(s *Source) {
	if !p.accept("(") {
		return
	}
	s.Function = true
	if !p.see(")") {
		s.Args = p.exprs()
	}
	p.expect(")")
}

func (p *parser) sourceAlias() string {
	if p.see("INDEXED") {
		return ""
	}
	return p.alias()
}
