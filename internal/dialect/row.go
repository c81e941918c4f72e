package dialect

import (
	"fmt"
	"strings"
)

// compareRows translates (a, b) = (c, d) and its kin, column by column.
func (t *translator) compareRows(in *scope, b *Binary, l *Row) value {
	r, ok := b.R.(*Row)
	if !ok || len(l.Items) != len(r.Items) {
		refuse(b, "a row value compared with something else")
	}
	op := map[string]string{
		"=": "=", "<>": "=", "IS": "IS NOT DISTINCT FROM", "IS NOT": "IS NOT DISTINCT FROM",
	}[b.Op]
	if op == "" {
		return t.orderRows(in, b, l, r)
	}
	equal := make([]string, len(l.Items))
	for i := range l.Items {
		equal[i] = t.compare(op, t.expr(in, l.Items[i]), t.expr(in, r.Items[i])).sql
	}
	return boolean("(%s(%s))", when(b.Op == "<>" || b.Op == "IS NOT", "NOT "), strings.Join(equal, " AND "))
}

// orderRows translates (a, b) < (c, d): a < c, or a is c and b < d.
func (t *translator) orderRows(in *scope, b *Binary, l, r *Row) value {
	if !strings.Contains("< <= > >=", b.Op) {
		refuse(b, "a row value in arithmetic")
	}
	strict := b.Op[:1]
	sql := ""
	for i := len(l.Items) - 1; i >= 0; i-- {
		x, y := t.expr(in, l.Items[i]), t.expr(in, r.Items[i])
		t.once(x.sql, y.sql)
		if sql == "" {
			sql = t.compare(b.Op, x, y).sql
			continue
		}
		sql = fmt.Sprintf("(%s OR (%s AND %s))", t.compare(strict, x, y).sql, t.compare("=", x, y).sql, sql)
	}
	return boolean("%s", sql)
}

// rowIn translates (a, b) IN (SELECT …).
func (t *translator) rowIn(in *scope, e *In, row *Row) value {
	if e.Select == nil {
		refuse(e, "a row value IN a list")
	}
	q := t.query(in, e.Select)
	if len(q.values) != len(row.Items) {
		refuse(e, "the right side of IN must have %d columns", len(row.Items))
	}
	items := make([]string, len(row.Items))
	for i, item := range row.Items {
		x := t.expr(in, item)
		if x.isNull() || q.values[i].isNull() {
			refuse(e, "IN with nothing but NULL")
		}
		refuseUnalike(e, x, q.values[i])
		items[i] = x.sql
	}
	return boolean("((%s) %sIN (%s))", strings.Join(items, ", "), when(e.Not, "NOT "), q.sql)
}
