package dialect

import "strings"

// Statements parses the statements of the trigger's body, each on its own: one that is not understood does not hide the
// others.
func (t *CreateTrigger) Statements() []TriggerStatement {
	tokens, err := lex(t.Body)
	if err != nil {
		return []TriggerStatement{{Text: t.Body, Err: err}}
	}
	var list []TriggerStatement
	start := -1
	for _, token := range tokens {
		switch {
		case start < 0 && !token.is(";") && token.kind != kindEOF:
			start = token.start
		case start >= 0 && (token.is(";") || token.kind == kindEOF):
			list = append(list, parseStatement(strings.TrimSpace(t.Body[start:token.start])))
			start = -1
		}
	}
	return list
}

func parseStatement(sql string) TriggerStatement {
	s, err := parse(sql, (*parser).statement)
	s.Text, s.Err = sql, err
	return s
}

// statement takes an INSERT, REPLACE, UPDATE, DELETE or SELECT.
func (p *parser) statement() (s TriggerStatement) {
	if p.seeSelect() && !p.see("WITH") {
		s.Select = p.selectStmt()
		return s
	}
	at := p.at
	var with *With
	if p.see("WITH") {
		with = p.with()
	}
	switch {
	case p.see("INSERT"), p.see("REPLACE"):
		s.Insert = p.insert(with)
	case p.accept("UPDATE"):
		s.Update = p.update(with)
	case p.accept("DELETE"):
		p.expect("FROM")
		s.Delete = &Delete{With: with}
		_, s.Delete.Table = p.qualified()
		s.Delete.Alias = p.tableAlias()
		p.indexed()
		if p.accept("WHERE") {
			s.Delete.Where = p.expr()
		}
	default:
		if p.err == nil {
			p.at = at
		}
		s.Select = p.selectStmt()
	}
	return s
}

// tableAlias takes AS name.
func (p *parser) tableAlias() string {
	if p.accept("AS") {
		return p.name()
	}
	return ""
}

// indexed takes INDEXED BY name and NOT INDEXED, which only the planner of SQLite heeds.
func (p *parser) indexed() {
	if p.accept("INDEXED", "BY") {
		p.name()
	} else {
		p.accept("NOT", "INDEXED")
	}
}

// orAction takes OR REPLACE and its kin.
func (p *parser) orAction() string {
	if !p.accept("OR") {
		return ""
	}
	return p.oneOf("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE")
}

func (p *parser) insert(with *With) *Insert {
	i := &Insert{With: with}
	if p.accept("REPLACE") {
		i.Or = "REPLACE"
	} else {
		p.expect("INSERT")
		i.Or = p.orAction()
	}
	p.expect("INTO")
	_, i.Table = p.qualified()
	i.Alias = p.tableAlias()
	if p.see("(") {
		i.Columns = p.names()
	}
	if p.accept("DEFAULT") {
		p.expect("VALUES")
		return i
	}
	i.Select = p.selectStmt()
	for p.accept("ON", "CONFLICT") {
		i.Upserts = append(i.Upserts, p.upsert())
	}
	return i
}

func (p *parser) upsert() (u Upsert) {
	if p.accept("(") {
		u.Columns = p.indexedColumns()
		p.expect(")")
		if p.accept("WHERE") {
			u.Filter = p.expr()
		}
	}
	if !isWord(p.tok(), "DO") {
		p.unexpected()
		return u
	}
	p.take()
	if p.accept("NOTHING") {
		u.Nothing = true
		return u
	}
	p.expect("UPDATE")
	u.Set = p.assignments()
	if p.accept("WHERE") {
		u.Where = p.expr()
	}
	return u
}

// assignments takes SET and what follows it.
func (p *parser) assignments() []Assignment {
	p.expect("SET")
	var list []Assignment
	for more := true; more && p.err == nil; more = p.accept(",") {
		var a Assignment
		if p.see("(") {
			a.Columns = p.names()
		} else {
			a.Columns = []string{p.name()}
		}
		p.expect("=")
		a.Value = p.expr()
		list = append(list, a)
	}
	return list
}

func (p *parser) update(with *With) *Update {
	u := &Update{With: with, Or: p.orAction()}
	_, u.Table = p.qualified()
	u.Alias = p.tableAlias()
	p.indexed()
	u.Set = p.assignments()
	if p.accept("FROM") {
		u.From = p.from()
	}
	if p.accept("WHERE") {
		u.Where = p.expr()
	}
	return u
}
