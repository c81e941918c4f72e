package dialect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The texts that SQLite reads as numbers, as regular expressions of PostgreSQL.
const (
	wholeNumber  = `'^[ \t-\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t-\r]*$'`
	leadNumber   = `'^[ \t-\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)'`
	leadInteger  = `'^[ \t-\r]*([+-]?[0-9]+)'`
	fractionMark = `'[.eE]'`
)

// condition returns a value as a boolean: what WHERE, CHECK and AND make of it.
func (t *translator) condition(v value) string {
	switch {
	case v.isNull():
		return "NULL::boolean"
	case v.class == classBoolean:
		return v.sql
	}
	n := t.number(v)
	if n.constant != nil {
		f, _ := strconv.ParseFloat(n.constant.Text, 64)
		return strings.ToUpper(strconv.FormatBool(f != 0))
	}
	return "(" + n.sql + " <> 0)"
}

// number returns a value as the number that SQLite computes with: of a text, the number that it begins with, or 0.
func (t *translator) number(v value) value {
	switch v.class {
	case classNull:
		return v
	case classInteger, classNumeric, classFloat:
		return v
	case classBoolean:
		n := integer("(%s)::integer", v.sql)
		n.wide, n.positive, n.affinity = false, true, v.affinity
		return n
	case classText:
		return leadingNumber(v)
	case classExtracted:
		return extractedNumber(v)
	case classDate, classTimestamp:
		return integer("extract(year FROM %s)::bigint", v.sql) // the text begins with the year
	}
	refuse(nil, "SQLite's number for a value that is %s here is not known", v.class.pgType())
	return value{}
}

func leadingNumber(v value) value {
	if v.constant != nil {
		prefix, isInteger := numberPrefix(v.constant.Text)
		if prefix == "" {
			prefix, isInteger = "0", true
		}
		return number(numberLiteral(prefix, isInteger))
	}
	lead := fmt.Sprintf("substring(%s from %s)", v.sql, leadNumber)
	return value{
		sql:   fmt.Sprintf("coalesce(%s, left(%s, 0) || '0')::numeric", lead, v.sql),
		class: classNumeric,
		whole: fmt.Sprintf("(coalesce(%s, '0') !~ %s AND coalesce(%s, '0')::numeric BETWEEN %d AND %d)",
			lead, fractionMark, lead, math.MinInt64, math.MaxInt64),
	}
}

// bigint returns a value as the integer that the bit operators and LIMIT see.
func (t *translator) bigint(v value) string {
	if v.class == classText {
		return leadingInteger(v.sql)
	}
	n := t.number(v)
	switch {
	case n.constant != nil && n.class == classFloat:
		f, _ := strconv.ParseFloat(n.constant.Text, 64)
		return strconv.FormatInt(saturated(f), 10) + "::bigint"
	case n.isNull():
		return "NULL::bigint"
	case n.class == classInteger && n.wide:
		return n.sql
	case n.class == classInteger:
		return n.sql + "::bigint"
	}
	t.once(n.sql)
	return fmt.Sprintf("CASE WHEN %s >= 9223372036854775807 THEN 9223372036854775807"+
		" WHEN %s <= -9223372036854775808 THEN -9223372036854775808 ELSE trunc(%s)::bigint END", n.sql, n.sql, n.sql)
}

// leadingInteger returns the digits that a text begins with as an integer: where SQLite wants an integer, '1e3' is 1.
func leadingInteger(sql string) string {
	return fmt.Sprintf("coalesce(substring(%s from %s), left(%s, 0) || '0')::bigint", sql, leadInteger, sql)
}

// saturated cuts a float to an integer as SQLite does.
func saturated(f float64) int64 {
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// text returns a value as the text that SQLite makes of it.
func (t *translator) text(v value) string {
	switch v.class {
	case classNull:
		return "NULL::text"
	case classText:
		if v.column != nil && v.column.LongReals {
			refuse(nil, "SQLite's text of the REALs in the text column %s", v.sql)
		}
		return v.sql
	case classBoolean, classInteger, classNumeric, classFloat:
		return t.numberText(v)
	case classDate:
		return t.dateText(v.sql)
	case classTimestamp:
		return t.timestampText(v)
	case classExtracted:
		return extractedText(v)
	case classUUID:
		return v.sql + "::text"
	case classTime:
		if v.form == "HH24:MI:SS" {
			return v.sql + "::text"
		}
	case classBlob:
		refuse(nil, "a BLOB used as text")
	case classJSON:
		refuse(nil, "the text of a JSON value: jsonb keeps neither its spaces nor its order")
	}
	refuse(nil, "the text that SQLite had for a value of type %s is not known", v.class.pgType())
	return ""
}

func (t *translator) numberText(v value) string {
	if v.constant != nil {
		return textOf(v).sql
	}
	n := t.number(v)
	if n.class == classInteger {
		return n.sql + "::text"
	}
	integerText := "trim_scale(" + n.sql + "::numeric)::text"
	switch n.whole {
	case "":
		refuse(nil, "whether SQLite has an INTEGER or a REAL here, and so its text, is not known")
	case always:
		return integerText
	case never:
		return t.realText(n.sql)
	}
	return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", n.whole, integerText, t.realText(n.sql))
}

// realText returns SQL for the text of a REAL: 15 digits, always with a point, an exponent for what is large or small.
// The cast of a double to numeric is one of the things that round to 15 digits in PostgreSQL.
func (t *translator) realText(sql string) string {
	if t.immutable {
		refuse(nil, "the text of a REAL is not immutable in PostgreSQL")
	}
	t.once(sql)
	x := "(" + sql + ")::double precision"
	plain := fmt.Sprintf("trim_scale(%s::numeric)", x)
	return fmt.Sprintf("CASE WHEN %s = 0 THEN '0.0'"+
		" WHEN %s IN ('infinity', '-infinity') THEN replace(%s::text, 'inity', '')"+
		" WHEN abs(%s) >= 0.0001 AND abs(%s) < 1e15 THEN %s::text || CASE WHEN scale(%s) = 0 THEN '.0' ELSE '' END"+
		" ELSE regexp_replace(ltrim(to_char(%s, '9.99999999999999EEEE')), '(\\.[0-9]+?)0*e', '\\1e') END",
		x, x, x, x, x, plain, plain, x)
}

// once refuses SQL that must not be written twice, because each copy would give another value.
func (t *translator) once(sql ...string) {
	for _, s := range sql {
		if strings.Contains(s, "random()") || strings.Contains(s, "random_uuid()") {
			refuse(nil, "a random value used more than once")
		}
	}
}

// plain returns the SQL of a value as it leaves an expression.
func (t *translator) plain(v value) string {
	switch {
	case v.isNull():
		return "NULL"
	case v.class == classExtracted:
		return extractedText(v)
	case v.class.temporal() && v.column == nil:
		return t.text(v) // the result of date() or datetime() is text in SQLite
	}
	return v.sql
}

// as returns a value as a PostgreSQL type of which SQLite has the same value.
func (t *translator) as(v value, pgType string) string {
	want := classOf(pgType)
	switch {
	case v.isNull():
		return "NULL"
	case want == v.class:
		return v.sql
	case want == classBoolean && v.class.number():
		return t.condition(v)
	case want.number() && v.class.number():
		return "(" + t.number(v).sql + ")::" + pgType
	case want == classText:
		return t.text(v)
	case want == classTimestamp && v.class == classDate && v.column == nil:
		return v.sql + "::timestamp"
	}
	refuse(nil, "the value is %s and the column %s", v.class.pgType(), pgType)
	return ""
}

// unify brings values that meet in one place, as the arms of a CASE or of a UNION do, to one class.
func (t *translator) unify(values []value, near Expr) []value {
	want, ok := commonClass(values)
	if !ok {
		refuse(near, "one column of PostgreSQL cannot hold both numbers and texts")
	}
	unified := make([]value, len(values))
	for i, v := range values {
		unified[i] = t.toClass(v, want)
	}
	return unified
}

// commonClass returns the class that all values fit into.
func commonClass(values []value) (class, bool) {
	want := classNull
	form := ""
	for _, v := range values {
		c := v.class
		switch {
		case c == classNull, c == want && (!c.temporal() || v.form == form):
		case want == classNull:
			want, form = c, v.form
		case want.number() && c.number():
			want = max(want, c, classInteger) // boolean < integer < numeric < float
		case want.textual() && c.textual():
			want = classText
		default:
			return want, false
		}
	}
	return want, true
}

// textual says whether a value of the class can be written as the text that it is in SQLite.
func (c class) textual() bool { return c.text() || c == classExtracted }

// toClass converts a value to a class that commonClass found.
func (t *translator) toClass(v value, want class) value {
	switch {
	case v.isNull() && want != classNull:
		v.sql = "NULL::" + want.pgType()
		v.class = want
	case v.class == want:
	case want == classInteger:
		v = t.number(v)
	case want == classNumeric, want == classFloat:
		n := t.number(v)
		if !n.byValue && n.whole != never || want == classFloat {
			n.whole = when(n.whole == never, never)
		}
		n.class, n.sql = want, n.sql+"::"+want.pgType()
		v = n
	case want == classText:
		v.sql, v.class = t.text(v), classText
	}
	if v.class == classInteger && !v.wide {
		v.sql, v.wide = v.sql+"::bigint", true
	}
	return v
}

// combined returns the value of an expression that yields one of several unified values.
func combined(sql string, values []value) value {
	v := value{sql: sql, class: classNull, wide: true, positive: true, byValue: true}
	for i, x := range values {
		if i == 0 {
			v.class, v.form, v.whole = x.class, x.form, x.whole
		}
		if v.whole != x.whole {
			v.whole = ""
		}
		v.positive = v.positive && x.positive
		v.byValue = v.byValue && (x.byValue || x.constant != nil && x.constant.Kind == NullLiteral)
	}
	if v.class == classNumeric && v.whole != never {
		v.whole = when(v.byValue, wholeTest(sql))
	}
	v.byValue = v.byValue && v.class.number()
	return v
}
