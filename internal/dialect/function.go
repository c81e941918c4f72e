package dialect

import (
	"fmt"
	"strings"
)

// call translates a call of a function, an aggregate or a window function.
func (t *translator) call(in *scope, c *Call) value {
	if v, ok := t.aggregate(in, c); ok {
		return v
	}
	if c.Over != nil || c.Filter != nil || c.Distinct || c.Star {
		refuse(c, "the function %s used this way", c.Name)
	}
	if isTimeFunction(c.Name) {
		return t.timeCall(in, c)
	}
	args := make([]value, len(c.Args))
	for i, a := range c.Args {
		args[i] = t.expr(in, a)
	}
	for _, try := range []func(*Call, []value) (value, bool){
		t.conditionalCall, t.textCall, t.substringCall, t.numberCall, t.systemCall, t.jsonCall, t.printfCall,
	} {
		if v, ok := try(c, args); ok {
			return v
		}
	}
	refuse(c, "the function %s with %d arguments is not translated", c.Name, len(args))
	return value{}
}

// conditionalCall translates the functions that choose among their arguments.
func (t *translator) conditionalCall(c *Call, args []value) (value, bool) {
	switch n := len(args); {
	case c.Name == "coalesce" && n > 1, c.Name == "ifnull" && n == 2:
		args = t.unify(args, c)
		return combined("coalesce("+list(args)+")", args), true
	case (c.Name == "iif" || c.Name == "if") && (n == 2 || n == 3):
		arms := t.unify(args[1:], c)
		sql := fmt.Sprintf("CASE WHEN %s THEN %s", t.condition(args[0]), arms[0].sql)
		if n == 3 {
			sql += " ELSE " + arms[1].sql
		}
		return combined(sql+" END", arms), true
	case c.Name == "nullif" && n == 2:
		a, b := args[0], args[1] // compared without affinities, under the collation of the first
		a.affinity, a.column, b.affinity, b.column = "", nil, "", nil
		t.once(a.sql)
		v := combined(fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s END", t.compare("=", a, b).sql, a.sql), []value{a})
		v.byValue = a.byValue
		return v, true
	case (c.Name == "min" || c.Name == "max") && n > 1:
		return t.extreme(c, args), true
	}
	return value{}, false
}

// list returns the SQL of values with commas between them.
func list(values []value) string {
	sql := make([]string, len(values))
	for i, v := range values {
		sql[i] = v.sql
	}
	return strings.Join(sql, ", ")
}

// extreme translates min() and max() of several arguments, which are NULL when one of them is.
func (t *translator) extreme(c *Call, args []value) value {
	args = t.unify(args, c)
	function := map[string]string{"min": "least", "max": "greatest"}[c.Name]
	var nulls []string
	for i, v := range args {
		if v.refuseTaint(); v.collate != "" {
			refuse(c, "%s() under a collation", c.Name)
		}
		t.once(v.sql)
		if v.class == classText {
			args[i].sql += ` COLLATE "C"`
		}
		nulls = append(nulls, v.sql+" IS NULL")
	}
	sql := fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s(%s) END", strings.Join(nulls, " OR "), function, list(args))
	return combined(sql, args)
}

// textCall translates the functions of texts but substr().
func (t *translator) textCall(c *Call, args []value) (value, bool) {
	n := len(args)
	switch {
	case (c.Name == "length" || c.Name == "octet_length") && n == 1 && args[0].class == classBlob:
		return small("octet_length(%s)", args[0].sql), true
	case c.Name == "length" && n == 1:
		return small("length(%s)", t.text(args[0])), true
	case (c.Name == "lower" || c.Name == "upper") && n == 1: // of ASCII letters only
		return text(`%s(%s COLLATE "C")`, c.Name, t.text(args[0])), true
	case (c.Name == "trim" || c.Name == "ltrim" || c.Name == "rtrim") && (n == 1 || n == 2):
		function := strings.Replace(c.Name, "trim", map[bool]string{true: "btrim", false: "trim"}[c.Name == "trim"], 1)
		return text("%s(%s)", function, t.texts(args)), true
	case c.Name == "replace" && n == 3:
		return text("replace(%s)", t.texts(args)), true
	case c.Name == "instr" && n == 2 && args[0].class != classBlob:
		return small("strpos(%s)", t.texts(args)), true
	case c.Name == "unicode" && n == 1:
		return small("nullif(ascii(%s), 0)", t.text(args[0])), true
	case c.Name == "char" && n == 1:
		return text("chr((%s)::integer)", t.bigint(args[0])), true
	case (c.Name == "concat" || c.Name == "concat_ws") && n > 0:
		return text("%s(%s)", c.Name, t.texts(args)), true
	}
	return value{}, false
}

// small returns an integer that PostgreSQL computes in 32 bits and that is never negative.
func small(format string, args ...any) value {
	v := integer(format, args...)
	v.wide, v.positive = false, true
	return v
}

// texts returns arguments as texts with commas between them.
func (t *translator) texts(args []value) string {
	sql := make([]string, len(args))
	for i, a := range args {
		sql[i] = t.text(a)
	}
	return strings.Join(sql, ", ")
}

// substringCall translates substr(x, y) and substr(x, y, z). A negative y counts from the end.
func (t *translator) substringCall(c *Call, args []value) (value, bool) {
	if c.Name != "substr" && c.Name != "substring" || len(args) < 2 || len(args) > 3 {
		return value{}, false
	}
	if args[0].class == classBlob {
		refuse(c, "a part of a BLOB")
	}
	for _, a := range args {
		if a.isNull() {
			return text("NULL::text"), true
		}
	}
	y := t.number(args[1])
	x := t.substringSubject(args, y)
	if len(args) == 2 {
		return t.suffix(x, y), true
	}
	z := t.number(args[2])
	start, count := t.bigint(y)+"::integer", t.bigint(z)+"::integer"
	switch {
	case y.positive && z.positive:
		return text("substr(%s, %s, %s)", x, start, count), true
	case y.positive:
		t.once(x, y.sql, z.sql)
		return text("CASE WHEN %s >= 0 THEN substr(%s, %s, %s)"+
			" ELSE substr(%s, greatest(%s + %s, 1), greatest(least(- %s, %s - 1), 0)) END",
			count, x, start, count, x, start, count, count, start), true
	case z.positive:
		t.once(x, y.sql, z.sql)
		return text("CASE WHEN %s >= 0 THEN substr(%s, %s, %s)"+
			" ELSE left(right(%s, - %s), greatest(0, %s - greatest(0, - %s - length(%s)))) END",
			start, x, start, count, x, start, count, start, x), true
	}
	refuse(c, "substr() with a start and a length that may both be negative")
	return value{}, false
}

// substringSubject returns the text that substr() cuts. The first ten characters of a timestamp are its date, whatever
// its form.
func (t *translator) substringSubject(args []value, y value) string {
	x := args[0]
	if x.class == classTimestamp && x.form == "" && len(args) == 3 && isConstant(y, 1, 10) && isConstant(args[2], 0, 10) {
		var start, count int
		_, _ = fmt.Sscan(y.constant.Text, &start)
		_, _ = fmt.Sscan(args[2].constant.Text, &count)
		if start+count <= len("2006-01-02")+1 {
			x.form = dateForm
		}
	}
	return t.text(x)
}

// isConstant says whether a value is a constant integer within limits.
func isConstant(v value, low, high int) bool {
	if v.constant == nil || v.class != classInteger {
		return false
	}
	var i int
	_, err := fmt.Sscan(v.constant.Text, &i)
	return err == nil && i >= low && i <= high
}

func (t *translator) suffix(x string, y value) value {
	start := t.bigint(y) + "::integer"
	switch {
	case y.positive:
		return text("substr(%s, %s)", x, start)
	case y.constant != nil:
		return text("right(%s, - %s)", x, start)
	}
	t.once(x, y.sql)
	return text("CASE WHEN %s >= 0 THEN substr(%s, %s) ELSE right(%s, - %s) END", start, x, start, x, start)
}

// numberCall translates the functions of numbers.
func (t *translator) numberCall(c *Call, args []value) (value, bool) {
	if len(args) == 0 || len(args) > 2 {
		return value{}, false
	}
	x := args[0]
	switch {
	case c.Name == "round" && (len(args) == 1 || isConstant(args[1], 0, 15)):
		digits := "0"
		if len(args) == 2 {
			digits = args[1].constant.Text
		}
		return t.round(t.number(x), digits), true
	case len(args) == 2 && (c.Name == "pow" || c.Name == "power"):
		return float("power(%s::double precision, %s::double precision)", t.number(x).sql, t.number(args[1]).sql), true
	case len(args) == 2 || !x.class.number():
		return value{}, false
	}
	n := t.number(x)
	switch c.Name {
	case "abs":
		n.sql, n.positive, n.constant = "abs("+n.sql+")", true, nil
		return n.bare(), true
	case "sign":
		return small("sign(%s)::integer", n.sql), true
	case "ceil", "ceiling", "floor", "trunc":
		if n.class == classInteger {
			return n.bare(), true
		}
		n.sql, n.constant, n.byValue = c.Name+"("+n.sql+")", nil, false
		return n.bare(), true
	}
	return value{}, false
}

// round translates round(): SQLite rounds the exact value of the double half away from zero. PostgreSQL's cast to
// numeric would round that value to 15 digits first, so it is put together from its two halves.
func (t *translator) round(n value, digits string) value {
	if n.isNull() {
		return n
	}
	if n.class == classInteger {
		return float("%s::double precision", n.sql)
	}
	t.once(n.sql)
	x := n.sql
	if n.class != classFloat || n.column != nil && n.column.Type == "real" {
		x = "(" + n.sql + ")::double precision"
	}
	return float("CASE WHEN abs(%s) < 4503599627370496 THEN round(%s, %s)::double precision ELSE %s END",
		x, exact(x), digits, x)
}

// exact returns a double as a numeric without loss down to 2^-53.
func exact(x string) string {
	return fmt.Sprintf("trunc(%s)::bigint::numeric + trunc((%s - trunc(%s)) * 9007199254740992)::bigint::numeric"+
		" * 0.00000000000000011102230246251565404236316680908203125", x, x, x)
}

// systemCall translates what tells of values and makes them up.
func (t *translator) systemCall(c *Call, args []value) (value, bool) {
	switch n := len(args); {
	case c.Name == "typeof" && n == 1:
		return t.typeOf(args[0]), true
	case c.Name == "quote" && n == 1:
		return t.quote(args[0], c), true
	case c.Name == "hex" && n == 1 && args[0].class == classBlob:
		return text("coalesce(upper(encode(%s, 'hex')), '')", args[0].sql), true
	case c.Name == "hex" && n == 1 && !t.immutable:
		return text("coalesce(upper(encode(convert_to(%s, 'UTF8'), 'hex')), '')", t.text(args[0])), true
	case c.Name == "random" && n == 0 && !t.immutable && !t.timeless:
		return integer("floor(random() * 18446744073709551616 - 9223372036854775808)::bigint"), true
	case c.Name == "randomblob" && n == 1 && isConstant(args[0], 1, 64) && !t.immutable && !t.timeless:
		return value{sql: randomBytes(args[0].constant.Text), class: classBlob}, true
	case c.Name == "uuid" && n == 0 && !t.immutable && !t.timeless: // of SQLite's extension
		return text("gen_random_uuid()::text"), true
	case (c.Name == "likely" || c.Name == "unlikely") && n == 1, c.Name == "likelihood" && n == 2:
		return args[0], true
	}
	return value{}, false
}

// randomBytes returns SQL for n random bytes. PostgreSQL has strong randomness only in UUIDs, of which the last seven
// bytes are all random.
func randomBytes(n string) string {
	var count int
	_, _ = fmt.Sscan(n, &count)
	const part = "substring(uuid_send(gen_random_uuid()) FROM 10)"
	parts := strings.Repeat(part+" || ", (count-1)/7) + part
	return fmt.Sprintf("substring(%s FROM 1 FOR %d)", parts, count)
}

func (t *translator) typeOf(v value) value {
	name := ""
	switch {
	case v.isNull():
		return text("'null'::text")
	case v.class == classBoolean || v.class == classInteger || v.whole == always:
		name = "'integer'"
	case v.class.number() && v.whole == never:
		name = "'real'"
	case v.class.number() && v.whole != "":
		name = fmt.Sprintf("CASE WHEN %s THEN 'integer' ELSE 'real' END", v.whole)
	case v.class == classJSON, rank(v) == textRank:
		name = "'text'"
	case v.class == classBlob:
		name = "'blob'"
	default:
		refuse(nil, "the storage class that SQLite had for a value of type %s is not known", v.class.pgType())
	}
	return text("CASE WHEN %s IS NULL THEN 'null' ELSE %s END", v.sql, name)
}

func (t *translator) quote(v value, c *Call) value {
	switch {
	case v.isNull():
		return text("'NULL'::text")
	case v.class == classBlob:
		return text("coalesce('X''' || upper(encode(%s, 'hex')) || '''', 'NULL')", v.sql)
	case v.class.number() && v.whole == always:
		return text("coalesce(%s, 'NULL')", t.text(v))
	case v.class.text():
		return text("coalesce('''' || replace(%s, '''', '''''') || '''', 'NULL')", t.text(v))
	}
	refuse(c, "quote() of a REAL")
	return value{}
}
