package dialect

import (
	"fmt"
	"strings"
)

// aggregate translates aggregates and window functions, and says whether the call is one.
func (t *translator) aggregate(in *scope, c *Call) (value, bool) {
	switch c.Name {
	case "count", "sum", "total", "avg", "group_concat", "string_agg", "json_group_array", "json_group_object":
	case "min", "max":
		if len(c.Args) != 1 {
			return value{}, false
		}
	default:
		if c.Over == nil {
			return value{}, false
		}
		return t.windowFunction(in, c)
	}
	mark, own, outer, picked := len(in.bare), in.used, in.parent.usedUpward(), in.picked
	if c.Over == nil {
		in.picked = ""
	}
	args := make([]value, len(c.Args))
	for i, a := range c.Args {
		args[i] = t.expr(in, a)
	}
	if in.parent.usedUpward() > outer && (in.used == own || !in.writtenIn(args)) {
		refuse(c, "an aggregate of the outer query's columns")
	}
	if c.Distinct && len(args) > 0 {
		if args[0].refuseTaint(); args[0].collate != "" {
			refuse(c, "DISTINCT under a collation")
		}
	}
	suffix := t.filter(in, c)
	v := t.aggregateOf(in, c, args, suffix)
	if in.picked = picked; c.Over == nil {
		in.aggregated = true
		in.bare = in.bare[:mark]
	}
	return v, true
}

// filter renders FILTER and OVER.
func (t *translator) filter(in *scope, c *Call) string {
	sql := ""
	if c.Filter != nil {
		sql = " FILTER (WHERE " + t.condition(t.expr(in, c.Filter)) + ")"
	}
	if c.Over != nil {
		sql += " OVER " + t.window(in, c.Over)
	}
	return sql
}

func (t *translator) aggregateOf(in *scope, c *Call, args []value, suffix string) value {
	distinct := when(c.Distinct, "DISTINCT ")
	if c.Name == "count" && (c.Star || len(args) == 0) {
		v := integer("count(*)%s", suffix)
		v.positive = true
		return v
	}
	if len(args) == 0 {
		refuse(c, "%s() without an argument", c.Name)
	}
	x := args[0]
	switch c.Name {
	case "count":
		v := integer("count(%s%s)%s", distinct, countable(x), suffix)
		v.positive = true
		return v
	case "min", "max":
		return t.extremum(c, x, suffix)
	case "group_concat", "string_agg":
		return t.concatenated(in, c, args, suffix)
	case "json_group_array", "json_group_object":
		return t.jsonAggregate(in, c, args, suffix)
	}
	n := t.number(x)
	switch {
	case n.isNull():
		n.sql = "NULL::bigint"
	case x.class.text(): // a REAL unless every text looks like an integer
		n.class, n.whole = max(n.class, classNumeric), when(n.whole == never, never)
	}
	switch c.Name {
	case "avg":
		return float("avg(%s%s)%s::double precision", distinct, n.sql, suffix)
	case "total":
		return float("coalesce(sum(%s%s)%s::double precision, 0)", distinct, n.sql, suffix)
	}
	return sum(n, distinct, suffix)
}

// countable returns what count() counts: what is not NULL for SQLite.
func countable(v value) string {
	switch v.class {
	case classExtracted:
		return nullIfJSONNull(v.sql)
	case classNull:
		return "NULL::text"
	}
	return v.sql
}

// sum translates sum(), which is an INTEGER if all that it adds is.
func sum(n value, distinct, suffix string) value {
	sql := fmt.Sprintf("sum(%s%s)%s", distinct, n.sql, suffix)
	switch n.class {
	case classInteger, classNull:
		if n.wide || n.isNull() {
			sql += "::bigint"
		}
		v := integer("%s", sql)
		v.positive = n.positive
		return v
	case classFloat:
		return value{sql: sql, class: classFloat, whole: n.whole}
	}
	v := value{sql: sql, class: classNumeric, whole: n.whole}
	if n.whole != "" && n.whole != never && n.whole != always {
		v.whole = ""
		if suffix == "" {
			v.whole = "bool_and(" + n.whole + ")"
		}
	}
	return v
}

// extremum translates min() and max() of one argument.
func (t *translator) extremum(c *Call, x value, suffix string) value {
	if x.refuseTaint(); x.collate != "" {
		refuse(c, "%s() under a collation", c.Name)
	}
	v := x.bare()
	v.constant = nil
	sql := x.sql
	switch x.class {
	case classBoolean:
		v = t.number(x)
		sql = v.sql
	case classText:
		sql += ` COLLATE "C"`
	case classInteger, classNumeric, classFloat, classDate, classTimestamp, classTime:
		v.column = unsized(x.column)
	default:
		refuse(c, "%s() of a %s", c.Name, x.class.pgType())
	}
	v.sql = fmt.Sprintf("%s(%s)%s", c.Name, sql, suffix)
	v.affinity = x.affinity
	if v.byValue {
		v.whole = wholeTest(v.sql)
	} else if v.whole != always && v.whole != never {
		v.whole = ""
	}
	if v.class == classInteger {
		v.whole = always
	}
	return v
}

// unsized returns a column without a precision, which PostgreSQL's aggregates do not keep.
func unsized(c *Column) *Column {
	if c == nil || !strings.Contains(c.Type, "(") {
		return c
	}
	copied := *c
	copied.Type = classOf(c.Type).pgType()
	return &copied
}

// concatenated translates group_concat(). Without an ORDER BY the order is arbitrary in both databases.
func (t *translator) concatenated(in *scope, c *Call, args []value, suffix string) value {
	separator := "','"
	if len(args) > 1 {
		separator = t.text(args[1])
	}
	order := ""
	if len(c.OrderBy) > 0 {
		order = " ORDER BY " + t.orderTerms(in, c.OrderBy)
	}
	return text("string_agg(%s%s, %s%s)%s", when(c.Distinct, "DISTINCT "), t.text(args[0]), separator, order, suffix)
}

// windowFunction translates the functions that exist only with OVER.
func (t *translator) windowFunction(in *scope, c *Call) (value, bool) {
	args := make([]value, len(c.Args))
	for i, a := range c.Args {
		args[i] = t.expr(in, a)
	}
	suffix := t.filter(in, c)
	switch c.Name {
	case "row_number", "rank", "dense_rank":
		v := integer("%s()%s", c.Name, suffix)
		v.positive = true
		return v, len(args) == 0
	case "ntile":
		if len(args) != 1 {
			return value{}, false
		}
		return small("ntile(%s::integer)%s", t.bigint(args[0]), suffix), true
	case "percent_rank", "cume_dist":
		return float("%s()%s", c.Name, suffix), len(args) == 0
	case "lag", "lead", "first_value", "last_value", "nth_value":
		if len(args) == 0 {
			return value{}, false
		}
		return t.neighbour(c, args, suffix), true
	}
	return value{}, false
}

// neighbour translates the functions that yield their first argument in another row.
func (t *translator) neighbour(c *Call, args []value, suffix string) value {
	sample := args[:1]
	if len(args) == 3 {
		sample = t.unify([]value{args[0], args[2]}, c)
	} else {
		sample = t.unify(sample, c)
	}
	sql := []string{settled(sample[0]).sql}
	if len(args) > 1 {
		sql = append(sql, "("+t.bigint(args[1])+")::integer")
	}
	if len(args) == 3 {
		sql = append(sql, sample[1].sql)
	}
	v := combined(fmt.Sprintf("%s(%s)%s", c.Name, strings.Join(sql, ", "), suffix), sample)
	if !v.byValue && v.whole != always && v.whole != never {
		v.whole = ""
	}
	return v
}

// window renders what follows OVER, or a definition in a WINDOW clause.
func (t *translator) window(in *scope, w *Window) string {
	if w.Name != "" {
		return quoteName(w.Name)
	}
	var parts []string
	if w.Base != "" {
		parts = append(parts, quoteName(w.Base))
	}
	if len(w.PartitionBy) > 0 {
		keys := make([]string, len(w.PartitionBy))
		for i, e := range w.PartitionBy {
			v := t.expr(in, e)
			if keys[i] = t.groupKey(v); v.constant != nil {
				keys[i] = t.text(v)
			}
		}
		parts = append(parts, "PARTITION BY "+strings.Join(keys, ", "))
	}
	if len(w.OrderBy) > 0 {
		parts = append(parts, "ORDER BY "+t.orderTerms(in, w.OrderBy))
	}
	if w.Frame != nil {
		parts = append(parts, t.frame(in, w.Frame))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func (t *translator) frame(in *scope, f *Frame) string {
	sql := f.Unit + " " + t.bound(in, f.Start)
	if f.End.Kind != "" {
		sql = f.Unit + " BETWEEN " + t.bound(in, f.Start) + " AND " + t.bound(in, f.End)
	}
	if f.Exclude != "" {
		sql += " EXCLUDE " + f.Exclude
	}
	return sql
}

func (t *translator) bound(in *scope, b Bound) string {
	if b.Expr == nil {
		return b.Kind
	}
	v := t.expr(in, b.Expr)
	if v.constant == nil || !v.class.number() {
		refuse(b.Expr, "a frame bound that is not a constant")
	}
	return v.constant.Text + " " + b.Kind
}
