package dialect

import "strings"

// arithmetic translates + - * / % & | << >>.
func (t *translator) arithmetic(b *Binary, l, r value) value {
	switch b.Op {
	case "&", "|":
		return integer("(%s %s %s)", t.bigint(l), b.Op, t.bigint(r))
	case "<<", ">>":
		return t.shift(b, l, r)
	}
	originals := [2]value{l, r}
	l, r = t.number(l), t.number(r)
	if l.isNull() || r.isNull() {
		return value{sql: "NULL", class: classNull, constant: &Literal{Kind: NullLiteral}}
	}
	switch b.Op {
	case "/":
		return t.divide(b, l, r)
	case "%":
		return modulo(t.bigint(originals[0]), t.bigint(originals[1]), l, r)
	}
	v := value{class: max(l.class, r.class), whole: both(l.whole, r.whole), wide: true, byValue: l.byValue && r.byValue}
	if v.class == classInteger {
		v.positive = b.Op != "-" && l.positive && r.positive
		if !l.wide && !r.wide {
			l.sql += "::bigint"
		}
	}
	if v.class == classNumeric && v.whole != always { // decimals that sum to a whole number stay REAL
		v.byValue = false
	}
	v.sql = "(" + l.sql + " " + b.Op + " " + r.sql + ")"
	return v
}

// both joins two conditions with AND; an unknown one makes the result unknown, unless the other is never true.
func both(l, r string) string {
	switch {
	case l == never || r == never:
		return never
	case l == "" || r == "":
		return ""
	case l == always:
		return r
	case r == always || l == r:
		return l
	}
	return "(" + l + " AND " + r + ")"
}

// divide translates a division: of integers it truncates, and by zero it is NULL.
func (t *translator) divide(b *Binary, l, r value) value {
	divisor := r.sql
	if r.constant == nil || strings.Trim(r.constant.Text, "-0.") == "" {
		divisor = "nullif(" + r.sql + ", 0)"
	}
	v := value{class: max(l.class, r.class), whole: both(l.whole, r.whole), wide: true}
	quotient := "(" + l.sql + " / " + divisor + ")"
	switch {
	case v.class == classInteger:
		v.positive, v.byValue = l.positive && r.positive, true
		v.sql = quotient
		if !l.wide && !r.wide {
			v.sql = "(" + l.sql + "::bigint / " + divisor + ")"
		}
	case v.whole == never:
		v.sql = quotient
	case v.whole == "":
		refuse(b, "whether SQLite divides integers here is not known")
	default:
		t.once(l.sql, r.sql)
		v.class = classNumeric
		v.sql = "CASE WHEN " + v.whole + " THEN div(" + l.sql + "::numeric, " + divisor + "::numeric) ELSE " + quotient +
			"::numeric END"
	}
	return v
}

// modulo translates % of l and r, which SQLite cuts to the integers left and right first.
func modulo(left, right string, l, r value) value {
	remainder := integer("(%s %% nullif(%s, 0))", left, right)
	remainder.positive = l.positive
	if l.class == classInteger && r.class == classInteger {
		return remainder
	}
	v := value{sql: remainder.sql + "::numeric", class: classNumeric, whole: both(l.whole, r.whole)}
	if v.whole == never {
		v.sql, v.class = remainder.sql+"::double precision", classFloat
	}
	return v
}

// shift translates << and >> by a constant; PostgreSQL takes other counts modulo 64.
func (t *translator) shift(b *Binary, l, r value) value {
	if !isConstant(r, 0, 63) {
		refuse(b, "a shift by anything but 0 to 63")
	}
	return integer("(%s %s %s)", t.bigint(l), b.Op, r.sql)
}

// cast translates CAST(x AS type) by the affinity of the type.
func (t *translator) cast(x value, c *Cast) value {
	affinity := affinityOf(c.Type)
	if x.isNull() {
		return x
	}
	var v value
	switch affinity {
	case "TEXT":
		v = text("%s", t.text(x))
	case "INTEGER":
		v = t.castInteger(x)
	case "REAL":
		n := t.number(x)
		v = float("%s::double precision", n.sql)
	case "NUMERIC":
		v = t.castNumeric(x)
	default:
		if x.class != classBlob {
			refuse(c, "a BLOB made of something else")
		}
		v = x
	}
	v.affinity, v.collate, v.explicit, v.implicit = affinity, x.collate, x.explicit, x.implicit
	return v
}

// castInteger takes the digits that a text begins with: 1e3 is 1 for this cast.
func (t *translator) castInteger(x value) value {
	if x.class == classText {
		return integer("%s", leadingInteger(x.sql))
	}
	return integer("%s", t.bigint(x))
}

func (t *translator) castNumeric(x value) value {
	n := t.number(x)
	switch {
	case x.class == classText:
		n.byValue, n.whole = true, wholeTest(n.sql)
	case n.class == classBoolean:
		n = t.number(n)
	}
	n.constant = nil
	return n
}
