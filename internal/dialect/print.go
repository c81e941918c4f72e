package dialect

import "strings"

// String returns the statement in SQLite's SQL.
func (t *CreateTable) String() string { return printed(func(p *printer) { p.createTable(t) }) }

// String returns the statement in SQLite's SQL.
func (x *CreateIndex) String() string { return printed(func(p *printer) { p.createIndex(x) }) }

// String returns the statement in SQLite's SQL.
func (v *CreateView) String() string { return printed(func(p *printer) { p.createView(v) }) }

// String returns the SELECT in SQLite's SQL.
func (s *Select) String() string { return printed(func(p *printer) { p.selectStmt(s) }) }

// FormatExpr returns an expression in SQLite's SQL.
func FormatExpr(e Expr) string { return printed(func(p *printer) { p.expr(e) }) }

// printer writes a tree as SQLite's SQL, with parentheses around every operation: what it prints means to SQLite what
// was read.
type printer struct{ b strings.Builder }

func printed(fn func(*printer)) string {
	var p printer
	fn(&p)
	return p.b.String()
}

// put writes words with a space before each, leaving out the empty ones.
func (p *printer) put(words ...string) {
	for _, w := range words {
		if w == "" {
			continue
		}
		if p.b.Len() > 0 {
			p.b.WriteByte(' ')
		}
		p.b.WriteString(w)
	}
}

// name writes SQLite's quoted form of each name.
func (p *printer) name(schema, name string) {
	if schema != "" {
		p.put(quoteName(schema), ".")
	}
	p.put(quoteName(name))
}

// names writes a parenthesised list of names.
func (p *printer) names(names []string) {
	p.put("(")
	commas(p, names, func(n string) { p.put(quoteName(n)) })
	p.put(")")
}

// commas writes the elements of a list with commas between them.
func commas[T any](p *printer, list []T, fn func(T)) {
	for i, v := range list {
		if i > 0 {
			p.put(",")
		}
		fn(v)
	}
}

// when returns s if ok, else "".
func when(ok bool, s string) string {
	if ok {
		return s
	}
	return ""
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (p *printer) createTable(t *CreateTable) {
	p.put("CREATE", when(t.Temporary, "TEMP"), "TABLE", when(t.IfNotExists, "IF NOT EXISTS"))
	p.name(t.Schema, t.Name)
	if t.As != nil {
		p.put("AS")
		p.selectStmt(t.As)
		return
	}
	p.put("(")
	commas(p, t.Columns, p.columnDef)
	for _, c := range t.Constraints {
		p.put(",")
		p.constraint(c)
	}
	p.put(")", when(t.WithoutRowID, "WITHOUT ROWID"), when(t.WithoutRowID && t.Strict, ","), when(t.Strict, "STRICT"))
}

func (p *printer) columnDef(c ColumnDef) {
	p.put(quoteName(c.Name), c.Type)
	if c.PrimaryKey {
		p.put("PRIMARY KEY", when(c.PrimaryKeyDesc, "DESC"))
		p.onConflict(c.OnConflict.PrimaryKey)
		p.put(when(c.AutoIncrement, "AUTOINCREMENT"))
	}
	if c.NotNull {
		p.put("NOT NULL")
		p.onConflict(c.OnConflict.NotNull)
	}
	if c.Unique {
		p.put("UNIQUE")
		p.onConflict(c.OnConflict.Unique)
	}
	if c.Default != nil {
		p.put("DEFAULT (")
		p.expr(c.Default)
		p.put(")")
	}
	if c.Collate != "" {
		p.put("COLLATE", quoteName(c.Collate))
	}
	for _, check := range c.Checks {
		p.check(check)
	}
	if c.References != nil {
		p.references(c.References)
	}
	if c.Generated != nil {
		p.put("AS (")
		p.expr(c.Generated)
		p.put(")", when(c.Stored, "STORED"))
	}
}

func (p *printer) constraintName(name string) {
	if name != "" {
		p.put("CONSTRAINT", quoteName(name))
	}
}

func (p *printer) onConflict(resolution string) {
	if resolution != "" {
		p.put("ON CONFLICT", resolution)
	}
}

func (p *printer) check(c Check) {
	p.constraintName(c.Name)
	p.put("CHECK (")
	p.expr(c.Expr)
	p.put(")")
}

func (p *printer) references(fk *ForeignKey) {
	p.put("REFERENCES", quoteName(fk.Table))
	if len(fk.References) > 0 {
		p.names(fk.References)
	}
	if fk.OnDelete != "" {
		p.put("ON DELETE", fk.OnDelete)
	}
	if fk.OnUpdate != "" {
		p.put("ON UPDATE", fk.OnUpdate)
	}
	if fk.Match != "" {
		p.put("MATCH", fk.Match)
	}
	p.put(when(fk.Deferrable, "DEFERRABLE"), when(fk.InitiallyDeferred, "INITIALLY DEFERRED"))
}

func (p *printer) constraint(c TableConstraint) {
	if c.Check != nil {
		p.check(*c.Check)
		p.onConflict(c.OnConflict)
		return
	}
	p.constraintName(c.Name)
	p.put(string(c.Kind))
	if c.ForeignKey != nil {
		p.names(c.ForeignKey.Columns)
		p.references(c.ForeignKey)
		return
	}
	p.put("(")
	commas(p, c.Columns, p.indexedColumn)
	p.put(when(c.AutoIncrement, "AUTOINCREMENT"), ")")
	p.onConflict(c.OnConflict)
}

func (p *printer) indexedColumn(c IndexedColumn) {
	if c.Name != "" {
		p.put(quoteName(c.Name))
	} else {
		p.expr(c.Expr)
	}
	if c.Collate != "" {
		p.put("COLLATE", quoteName(c.Collate))
	}
	p.put(when(c.Desc, "DESC"))
}

func (p *printer) createIndex(x *CreateIndex) {
	p.put("CREATE", when(x.Unique, "UNIQUE"), "INDEX", when(x.IfNotExists, "IF NOT EXISTS"))
	p.name(x.Schema, x.Name)
	p.put("ON", quoteName(x.Table), "(")
	commas(p, x.Columns, p.indexedColumn)
	p.put(")")
	if x.Where != nil {
		p.put("WHERE")
		p.expr(x.Where)
	}
}

func (p *printer) createView(v *CreateView) {
	p.put("CREATE", when(v.Temporary, "TEMP"), "VIEW", when(v.IfNotExists, "IF NOT EXISTS"))
	p.name(v.Schema, v.Name)
	if len(v.Columns) > 0 {
		p.names(v.Columns)
	}
	p.put("AS")
	p.selectStmt(v.Select)
}
