package dialect

import "strings"

// DraftView writes what can be translated of a view, with comments where the rest stands in SQLite's SQL. It is for a
// person to finish.
func DraftView(v *CreateView, s Schema) string {
	t := &translator{schema: s, source: v.source, lenient: true}
	head := "CREATE VIEW " + quoteName(v.Name) + " AS\n"
	sql, err := t.draft(v)
	if err == nil {
		return head + sql + ";"
	}
	var b strings.Builder
	b.WriteString("-- to be written by hand (" + err.Error() + "):\n")
	for line := range strings.Lines(head + v.Text + ";") {
		b.WriteString("-- " + line)
	}
	return b.String()
}

func (t *translator) draft(v *CreateView) (sql string, err error) {
	defer t.catch(&err)
	q := t.query(nil, v.Select)
	if len(v.Columns) > 0 {
		q = t.renamed(q, v.Columns)
	}
	return q.sql, nil
}

// exprOrComment translates an expression, or keeps it in a comment beside a NULL.
func (t *translator) exprOrComment(in *scope, e Expr) (v value) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Untranslatable:
			comment := "by hand (" + r.Reason + "): " + FormatExpr(e)
			v = value{sql: "NULL::text /* " + strings.NewReplacer("*/", "* /", "/*", "/ *").Replace(comment) + " */", class: classText}
		default:
			panic(r)
		}
	}()
	return t.strictExpr(in, e)
}

// DraftCheck writes what can be translated of a CHECK, with comments where the rest stands in SQLite's SQL; "" when
// nothing can.
func DraftCheck(e Expr, s Schema, table string) string {
	sql, err := overTable(s, table, func(t *translator, in *scope) string {
		t.immutable, t.timeless, t.lenient = false, true, true
		return t.condition(t.expr(in, e))
	})
	if err != nil {
		return ""
	}
	return sql
}
