package dialect

import (
	"fmt"
	"strings"
)

// TranslateExpr renders an expression over one table: an index expression or a generated column, or a condition that is
// one already. Everything in it is immutable in PostgreSQL, which indexes and generated columns demand. A comparison
// comes out as a boolean.
func TranslateExpr(e Expr, s Schema, table string) (string, error) {
	return overTable(s, table, func(t *translator, in *scope) string { return t.plain(t.expr(in, e)) })
}

// TranslateCheck renders a CHECK as a boolean. PostgreSQL takes functions in it that depend on settings, which an index
// does not; the current time stands in none, as SQLite itself sees to.
func TranslateCheck(e Expr, s Schema, table string) (string, error) {
	return overTable(s, table, func(t *translator, in *scope) string {
		t.immutable, t.timeless = false, true
		return t.condition(t.expr(in, e))
	})
}

// TranslateCondition renders an expression over one table as a boolean, whatever it is in SQLite: the predicate of a
// partial index.
func TranslateCondition(e Expr, s Schema, table string) (string, error) {
	return overTable(s, table, func(t *translator, in *scope) string { return t.condition(t.expr(in, e)) })
}

// TranslateGenerated renders the expression of a generated column that has become a column of a PostgreSQL type.
func TranslateGenerated(e Expr, s Schema, table, pgType string) (string, error) {
	return overTable(s, table, func(t *translator, in *scope) string { return t.as(t.expr(in, e), pgType) })
}

// TranslateView renders a view's SELECT. It returns the output columns, under their names in SQLite, so that views over
// this view can be translated.
func TranslateView(v *CreateView, s Schema) (sql string, columns []Column, err error) {
	t := &translator{schema: s, source: v.source}
	defer t.catch(&err)
	q := t.query(nil, v.Select)
	if len(v.Columns) > 0 {
		q = t.renamed(q, v.Columns)
	}
	return q.sql, q.columns, nil
}

// overTable translates what stands in the definition of a table.
func overTable(s Schema, table string, fn func(*translator, *scope) string) (sql string, err error) {
	t := &translator{schema: s, immutable: true}
	defer t.catch(&err)
	columns, _, ok := s.Table(table)
	if !ok {
		return "", &Untranslatable{Reason: "no such table", Near: table}
	}
	in := &scope{sources: []*source{{name: table, columns: columns, unqualified: true}}}
	return fn(t, in), nil
}

// maxSQL bounds what a statement can grow to where conversions repeat their operands.
const maxSQL = 1 << 20

// maxSteps bounds the work, because an alias and the first SELECT of a recursive query are translated where they stand
// and where they are used.
const maxSteps = 1 << 20

// translator renders one statement. What cannot be rendered ends it by a panic with an *Untranslatable, which the
// exported functions turn into their error.
type translator struct {
	schema    Schema
	source    string // the text that spans point into; may be empty
	immutable bool   // only immutable functions may be used
	timeless  bool   // neither the current time nor random values may be used
	lenient   bool   // of a draft: what cannot be translated becomes a comment
	steps     int    // nodes translated so far
	collates  int    // COLLATEs translated so far
}

// catch turns the panic of refuse into an error.
func (t *translator) catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Untranslatable:
		*err = r
	default:
		panic(r)
	}
}

// refuse ends the translation.
func refuse(near Expr, format string, args ...any) {
	u := &Untranslatable{Reason: fmt.Sprintf(format, args...)}
	if near != nil {
		u.Near = FormatExpr(near)
	}
	panic(u)
}

// expr translates an expression. In a query with groups, what is one of the grouped expressions uses no column bare.
func (t *translator) expr(in *scope, e Expr) value {
	if t.lenient {
		return t.exprOrComment(in, e)
	}
	return t.strictExpr(in, e)
}

func (t *translator) strictExpr(in *scope, e Expr) value {
	mark, collates := len(in.bare), t.collates
	v, grouped := t.grouped(in, e)
	if !grouped {
		v = t.exprNode(in, e)
	}
	v.tainted = t.collates > collates && !v.explicit
	if t.steps++; len(v.sql) > maxSQL || t.steps > maxSteps {
		refuse(nil, "the expression becomes too long")
	}
	if in.groups[v.sql] {
		in.bare = in.bare[:mark]
	}
	return v
}

func (t *translator) exprNode(in *scope, e Expr) value {
	switch e := e.(type) {
	case *Literal:
		return t.literal(e)
	case *ColumnRef:
		return t.columnRef(in, e)
	case *Unary:
		return t.unary(in, e)
	case *Binary:
		return t.binary(in, e)
	case *Like:
		return t.like(in, e)
	case *Between:
		return t.between(in, e)
	case *In:
		return t.in(in, e)
	case *Exists:
		return boolean("EXISTS (%s)", t.query(in, e.Select).sql)
	case *Subquery:
		return t.subquery(in, e)
	case *Case:
		return t.caseExpr(in, e)
	case *Cast:
		return t.cast(t.expr(in, e.X), e)
	case *Collate:
		return t.collate(in, e)
	case *Call:
		return t.call(in, e)
	case *Variable:
		refuse(e, "a parameter has no value here")
	case *Row:
		refuse(e, "a row value that is not compared with another")
	case *Raise:
		refuse(e, "RAISE has a meaning only in a trigger")
	}
	panic(fmt.Sprintf("dialect: no translation of %T", e))
}

func (t *translator) literal(l *Literal) value {
	switch l.Kind {
	case NullLiteral:
		return value{sql: "NULL", class: classNull, constant: l}
	case IntegerLiteral, FloatLiteral:
		return number(l.canonical())
	case StringLiteral:
		if strings.ContainsRune(l.Text, 0) {
			refuse(nil, "PostgreSQL's text cannot hold a NUL character")
		}
		return value{sql: quoteLiteral(l.Text), class: classText, constant: l}
	case BlobLiteral:
		return value{sql: "'\\x" + l.Text + "'::bytea", class: classBlob, constant: l}
	case TrueLiteral: // another word for the integer
		return number(&Literal{Kind: IntegerLiteral, Text: "1"})
	case FalseLiteral:
		return number(&Literal{Kind: IntegerLiteral, Text: "0"})
	}
	return t.currentTime(l)
}

// number returns a number literal as a value. PostgreSQL takes a bare 0.1 for a decimal, SQLite for a double.
func number(l *Literal) value {
	if l.Kind == FloatLiteral {
		sql := l.Text
		if strings.HasSuffix(sql, "Inf") {
			sql = quoteLiteral(strings.TrimPrefix(sql, "+") + "inity")
		}
		v := float("%s::double precision", sql)
		if strings.HasPrefix(sql, "-") {
			v.sql = "(" + sql + ")::double precision"
		}
		v.constant = l
		return v
	}
	v := integer("%s", l.Text)
	v.constant, v.positive = l, !strings.HasPrefix(l.Text, "-")
	if !v.positive {
		v.sql = "(" + l.Text + ")"
	}
	v.wide = len(l.Text) > 10 || len(l.Text) == 10 && l.Text > "2147483647"
	return v
}

// quoteLiteral returns a text as PostgreSQL's literal, which reads a backslash as itself.
func quoteLiteral(s string) string { return quoteText(s) }

func (t *translator) collate(in *scope, c *Collate) value {
	v := t.expr(in, c.X)
	t.collates++
	v.collate, v.explicit = strings.ToUpper(c.Name), true
	switch v.collate {
	case "BINARY":
		v.collate = ""
	case "NOCASE", "RTRIM":
	default:
		refuse(c, "PostgreSQL has no collation like SQLite's %s", c.Name)
	}
	return v
}

// columnRef finds the column that a name means. A name that is none may be TRUE, FALSE, or a string in double quotes.
func (t *translator) columnRef(in *scope, c *ColumnRef) value {
	if v, ok := t.find(in, c); ok {
		return v
	}
	if c.Table == "" {
		switch upper := strings.ToUpper(c.Column); {
		case c.Quote == 0 && (upper == "TRUE" || upper == "FALSE"):
			return value{sql: upper, class: classBoolean, whole: always}
		case c.Quote == '"':
			return t.literal(&Literal{Kind: StringLiteral, Text: c.Column})
		case c.Quote == 0 && isRowID(upper):
			refuse(c, "PostgreSQL keeps no rowid")
		}
	}
	refuse(c, "no such column")
	return value{}
}

// unary translates -x, +x, ~x, NOT x, x ISNULL and x NOTNULL.
func (t *translator) unary(in *scope, u *Unary) value {
	if l, ok := u.X.(*Literal); ok && u.Op == "-" && (l.Kind == IntegerLiteral || l.Kind == FloatLiteral) {
		return negated(l)
	}
	x := t.expr(in, u.X)
	switch u.Op {
	case "NOT":
		return boolean("(NOT %s)", t.condition(x))
	case "ISNULL":
		return t.isNull(x, false)
	case "NOTNULL":
		return t.isNull(x, true)
	case "+":
		x.affinity, x.column = "", nil
		return x
	case "~":
		return integer("(~ %s)", t.bigint(x))
	}
	if x = t.number(x); x.isNull() {
		return x
	}
	x.sql, x.positive, x.constant = "(- "+x.sql+")", false, nil
	return x.bare()
}

// negated returns a negative number literal; -9223372036854775808 is an integer only with its sign.
func negated(l *Literal) value {
	if l.Kind == IntegerLiteral && !strings.HasPrefix(strings.ToLower(l.Text), "0x") {
		return number(numberLiteral("-"+strings.TrimLeft(l.Text, "0")+when(strings.Trim(l.Text, "0") == "", "0"), true))
	}
	c := l.canonical()
	if rest, ok := strings.CutPrefix(c.Text, "-"); ok {
		c.Text = rest
	} else if c.Text != "0" {
		c.Text = "-" + c.Text
	}
	return number(c)
}

func (t *translator) isNull(x value, not bool) value {
	if x.class == classExtracted {
		x.sql = nullIfJSONNull(x.sql)
	}
	return boolean("(%s IS %sNULL)", x.sql, when(not, "NOT "))
}

func (t *translator) binary(in *scope, b *Binary) value {
	switch b.Op {
	case "AND", "OR":
		return boolean("(%s %s %s)", t.condition(t.expr(in, b.L)), b.Op, t.condition(t.expr(in, b.R)))
	case "->", "->>":
		return t.arrow(in, b)
	}
	if l, ok := b.L.(*Row); ok {
		return t.compareRows(in, b, l)
	}
	if b.Op == "IS" || b.Op == "IS NOT" {
		return t.is(in, b)
	}
	l, r := t.expr(in, b.L), t.expr(in, b.R)
	switch b.Op {
	case "||":
		return text("(%s || %s)", t.text(l), t.text(r))
	case "=", "<>", "<", "<=", ">", ">=":
		return t.compare(b.Op, l, r)
	}
	return t.arithmetic(b, l, r)
}

// is translates IS and IS NOT, also IS NULL, IS TRUE and IS FALSE.
func (t *translator) is(in *scope, b *Binary) value {
	l, r := t.expr(in, b.L), t.expr(in, b.R)
	not := when(b.Op == "IS NOT", "NOT ")
	switch {
	case r.isNull():
		return t.isNull(l, b.Op == "IS NOT")
	case l.isNull():
		return t.isNull(r, b.Op == "IS NOT")
	case isTruth(b.R) && (r.sql == "TRUE" || r.sql == "FALSE"):
		return boolean("(%s IS %s%s)", t.condition(l), not, r.sql)
	}
	if b.Op == "IS" {
		return t.compare("IS NOT DISTINCT FROM", l, r)
	}
	return t.compare("IS DISTINCT FROM", l, r)
}

// isTruth says whether an expression is the word TRUE or FALSE, unless it is a column: after IS it asks for more than
// equality.
func isTruth(e Expr) bool {
	c, ok := e.(*ColumnRef)
	if !ok || c.Table != "" || c.Quote != 0 {
		return false
	}
	return strings.EqualFold(c.Column, "TRUE") || strings.EqualFold(c.Column, "FALSE")
}

func (t *translator) between(in *scope, b *Between) value {
	x := t.expr(in, b.X)
	low := t.compare(">=", x, t.expr(in, b.Low))
	high := t.compare("<=", x, t.expr(in, b.High))
	return boolean("(%s(%s AND %s))", when(b.Not, "NOT "), low.sql, high.sql)
}

func (t *translator) caseExpr(in *scope, c *Case) value {
	var operand value
	if c.Operand != nil {
		operand = t.expr(in, c.Operand)
	}
	var conditions []string
	var results []value
	for _, w := range c.Whens {
		when := t.expr(in, w.When)
		if c.Operand != nil {
			when = t.compare("=", operand, when)
		}
		conditions = append(conditions, t.condition(when))
		results = append(results, t.expr(in, w.Then))
	}
	if c.Else != nil {
		results = append(results, t.expr(in, c.Else))
	}
	results = t.unify(results, c)
	var b strings.Builder
	b.WriteString("CASE")
	for i, condition := range conditions {
		fmt.Fprintf(&b, " WHEN %s THEN %s", condition, results[i].sql)
	}
	if c.Else != nil {
		fmt.Fprintf(&b, " ELSE %s", results[len(results)-1].sql)
	}
	b.WriteString(" END")
	return combined(b.String(), results)
}

func (t *translator) subquery(in *scope, s *Subquery) value {
	q := t.query(in, s.Select)
	if len(q.columns) != 1 {
		refuse(s, "a subquery used as a value must have one column")
	}
	v := q.values[0]
	v.sql, v.constant, v.collate, v.implicit = "("+q.sql+")", nil, "", false
	if v.whole != always && v.whole != never {
		v.whole = ""
		if v.byValue {
			v.whole = wholeTest(v.sql)
		}
	}
	return v
}
