package dialect

// ParseCreateTable reads a CREATE TABLE statement.
func ParseCreateTable(sql string) (*CreateTable, error) { return parse(sql, (*parser).createTable) }

func (p *parser) createTable() *CreateTable {
	t := &CreateTable{}
	p.expect("CREATE")
	t.Temporary = p.accept("TEMP") || p.accept("TEMPORARY")
	p.expect("TABLE")
	t.IfNotExists = p.ifNotExists()
	t.Schema, t.Name = p.qualified()
	if p.accept("AS") {
		t.As = p.selectStmt()
		return t
	}
	p.expect("(")
	t.Columns = append(t.Columns, p.columnDef())
	for p.accept(",") && !p.seeTableConstraint() {
		t.Columns = append(t.Columns, p.columnDef())
	}
	t.Constraints = p.tableConstraints()
	p.expect(")")
	p.tableOptions(t)
	return t
}

func (p *parser) tableOptions(t *CreateTable) {
	for p.tok().kind == kindWord {
		switch {
		case p.accept("WITHOUT"):
			p.expect("ROWID")
			t.WithoutRowID = true
		case p.accept("STRICT"):
			t.Strict = true
		default:
			p.unexpected()
		}
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) columnDef() ColumnDef {
	start := p.tok().start
	c := ColumnDef{Name: p.name()}
	c.Type = p.typeName()
	for name := ""; p.err == nil; {
		if p.accept("CONSTRAINT") {
			name = p.name()
			continue
		}
		if !p.columnConstraint(&c, name) {
			break
		}
		name = ""
	}
	c.Span = p.span(start)
	return c
}

// typeName takes the words of a type, and up to two numbers in parentheses. It returns them as written.
func (p *parser) typeName() string {
	start := p.tok().start
	if !p.seeTypeWord() {
		return ""
	}
	for p.seeTypeWord() {
		p.take()
	}
	if p.accept("(") {
		p.typeArg()
		if p.accept(",") {
			p.typeArg()
		}
		p.expect(")")
	}
	return p.since(start)
}

func (p *parser) seeTypeWord() bool {
	t := p.tok()
	return (t.isID() || t.kind == kindString) && !p.see("GENERATED", "ALWAYS")
}

// typeArg takes a signed number, or a word: SQLite accepts varchar(max).
func (p *parser) typeArg() {
	_ = p.accept("+") || p.accept("-")
	if t := p.tok(); t.kind == kindInteger || t.kind == kindFloat || t.isName() {
		p.take()
		return
	}
	p.unexpected()
}

// columnConstraint takes one constraint of a column and says whether there was one.
func (p *parser) columnConstraint(c *ColumnDef, name string) bool {
	switch {
	case p.accept("PRIMARY"):
		p.expect("KEY")
		c.PrimaryKey = true
		c.PrimaryKeyDesc = !p.accept("ASC") && p.accept("DESC")
		c.OnConflict.PrimaryKey = p.onConflict()
		c.AutoIncrement = p.accept("AUTOINCREMENT")
	case p.accept("NOT"):
		p.expect("NULL")
		c.NotNull = true
		c.OnConflict.NotNull = p.onConflict()
	case p.accept("NULL"):
		p.onConflict()
	case p.accept("UNIQUE"):
		c.Unique = true
		c.OnConflict.Unique = p.onConflict()
	case p.accept("CHECK"):
		e, text := p.parenthesised()
		c.Checks = append(c.Checks, Check{Name: name, Expr: e, Text: text})
		p.onConflict()
	case p.accept("DEFAULT"):
		c.Default, c.DefaultText = p.defaultValue()
	case p.accept("COLLATE"):
		c.Collate = p.name()
	case p.accept("REFERENCES"):
		c.References = p.references(name, []string{c.Name})
	case p.see("DEFERRABLE"), p.see("NOT", "DEFERRABLE"):
		p.deferrable(c.References)
	case p.see("GENERATED", "ALWAYS"), p.see("AS"):
		p.generated(c)
	default:
		return false
	}
	return true
}

func (p *parser) generated(c *ColumnDef) {
	p.accept("GENERATED", "ALWAYS")
	p.expect("AS")
	c.Generated, c.GeneratedText = p.parenthesised()
	switch {
	case isWord(p.tok(), "STORED"):
		c.Stored = true
		p.take()
	case isWord(p.tok(), "VIRTUAL"):
		p.take()
	}
}

// defaultValue takes what follows DEFAULT. A bare word is a string there, unless it is TRUE or FALSE.
func (p *parser) defaultValue() (Expr, string) {
	start := p.tok().start
	var e Expr
	switch t := p.tok(); {
	case p.see("("):
		e, _ = p.parenthesised()
	case p.see("+"), p.see("-"):
		p.take()
		e = &Unary{Op: t.text, X: p.term(), Span: p.span(start)}
	case (t.isID() || t.keyword == "INDEXED") && !isTimeWord(t.keyword):
		p.take()
		e = &Literal{Kind: wordLiteral(t), Text: t.text, Span: p.span(start)}
	default:
		e = p.term()
	}
	return e, p.since(start)
}

func wordLiteral(t token) LiteralKind {
	switch {
	case isWord(t, "TRUE"):
		return TrueLiteral
	case isWord(t, "FALSE"):
		return FalseLiteral
	}
	return StringLiteral
}

// onConflict takes ON CONFLICT and returns its resolution, or "".
func (p *parser) onConflict() string {
	if !p.accept("ON", "CONFLICT") {
		return ""
	}
	return p.oneOf("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE")
}

func (p *parser) references(name string, columns []string) *ForeignKey {
	fk := &ForeignKey{Name: name, Columns: columns, Table: p.name()}
	if p.see("(") {
		fk.References = p.names()
	}
	for p.err == nil {
		switch {
		case p.accept("ON", "DELETE"):
			fk.OnDelete = p.action()
		case p.accept("ON", "UPDATE"):
			fk.OnUpdate = p.action()
		case p.accept("ON", "INSERT"): // parsed by SQLite, without meaning
			p.action()
		case p.accept("MATCH"):
			fk.Match = p.name()
		default:
			p.deferrable(fk)
			return fk
		}
	}
	return fk
}

func (p *parser) action() string {
	switch {
	case p.accept("SET"):
		return "SET " + p.oneOf("NULL", "DEFAULT")
	case p.accept("NO"):
		p.expect("ACTION")
		return "NO ACTION"
	}
	return p.oneOf("CASCADE", "RESTRICT")
}

// deferrable takes [NOT] DEFERRABLE [INITIALLY DEFERRED|IMMEDIATE]; as in SQLite only the plain form defers.
func (p *parser) deferrable(fk *ForeignKey) {
	if !p.see("DEFERRABLE") && !p.see("NOT", "DEFERRABLE") {
		return
	}
	not := p.accept("NOT")
	p.expect("DEFERRABLE")
	deferred := p.accept("INITIALLY") && p.oneOf("DEFERRED", "IMMEDIATE") == "DEFERRED"
	if fk != nil {
		fk.Deferrable, fk.InitiallyDeferred = !not, deferred && !not
	}
}

func (p *parser) seeTableConstraint() bool {
	return p.see("CONSTRAINT") || p.see("PRIMARY") || p.see("UNIQUE") || p.see("CHECK") || p.see("FOREIGN")
}

// tableConstraints takes the constraints at the end of a table; SQLite does not need commas between them.
func (p *parser) tableConstraints() []TableConstraint {
	var list []TableConstraint
	for name := ""; p.seeTableConstraint(); {
		if p.accept("CONSTRAINT") {
			name = p.name()
			p.accept(",")
			continue
		}
		list = append(list, p.tableConstraint(name))
		name = ""
		p.accept(",")
	}
	return list
}

func (p *parser) tableConstraint(name string) TableConstraint {
	start := p.tok().start
	c := TableConstraint{Name: name}
	switch {
	case p.accept("PRIMARY"):
		p.expect("KEY")
		c.Kind = PrimaryKeyConstraint
		p.expect("(")
		c.Columns = p.indexedColumns()
		c.AutoIncrement = p.accept("AUTOINCREMENT")
		p.expect(")")
	case p.accept("UNIQUE"):
		c.Kind = UniqueConstraint
		p.expect("(")
		c.Columns = p.indexedColumns()
		p.expect(")")
	case p.accept("CHECK"):
		c.Kind = CheckConstraint
		e, text := p.parenthesised()
		c.Check = &Check{Name: name, Expr: e, Text: text}
	default:
		p.expect("FOREIGN", "KEY")
		c.Kind = ForeignKeyConstraint
		columns := p.names()
		p.expect("REFERENCES")
		c.ForeignKey = p.references(name, columns)
	}
	c.OnConflict = p.onConflict()
	c.Span = p.span(start)
	return c
}
