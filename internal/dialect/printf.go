package dialect

import (
	"fmt"
	"strings"
)

// printfCall translates printf() and format() with a constant format of %d, %i, %s, %f, %% and plain widths.
func (t *translator) printfCall(c *Call, args []value) (value, bool) {
	isPrintf := c.Name == "printf" || c.Name == "format"
	if !isPrintf || len(args) == 0 || args[0].constant == nil || args[0].class != classText {
		return value{}, false
	}
	var parts []string
	rest, args := args[0].constant.Text, args[1:]
	for rest != "" {
		literal, after, found := strings.Cut(rest, "%")
		if literal != "" {
			parts = append(parts, quoteLiteral(literal))
		}
		if !found {
			break
		}
		d, tail, ok := parseDirective(after)
		if !ok || d.verb != '%' && len(args) == 0 {
			refuse(c, "the format %s", args0(c))
		}
		rest = tail
		if d.verb == '%' {
			parts = append(parts, "'%'")
			continue
		}
		parts = append(parts, t.directive(d, args[0], c))
		args = args[1:]
	}
	if len(parts) == 0 {
		return text("''::text"), true
	}
	return text("(%s)", strings.Join(parts, " || ")), true
}

func args0(c *Call) string { return FormatExpr(c.Args[0]) }

// directive is one % of a format.
type directive struct {
	left, zero       bool
	width, precision int
	verb             byte
}

func parseDirective(s string) (d directive, rest string, ok bool) {
	d.precision = -1
	i := 0
	for ; i < len(s) && (s[i] == '-' || s[i] == '0'); i++ {
		d.left, d.zero = d.left || s[i] == '-', d.zero || s[i] == '0'
	}
	number := func() (n int) {
		for ; i < len(s) && isDigit(s[i]) && n < 1000; i++ {
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	d.width = number()
	if i < len(s) && s[i] == '.' {
		i++
		d.precision = number()
	}
	if i == len(s) || strings.IndexByte("disf%", s[i]) < 0 {
		return d, "", false
	}
	d.verb = s[i]
	return d, s[i+1:], true
}

// directive renders one argument. NULL is 0 for numbers and nothing for texts.
func (t *translator) directive(d directive, arg value, c *Call) string {
	t.once(arg.sql)
	if d.zero && d.left || d.verb != 'f' && d.precision >= 0 || d.precision > 15 {
		refuse(c, "the format %s", args0(c))
	}
	if d.verb == 's' {
		if d.zero {
			refuse(c, "the format %s", args0(c))
		}
		return padded("coalesce("+t.text(arg)+", '')", d)
	}
	if arg.isNull() {
		arg = number(&Literal{Kind: IntegerLiteral, Text: "0"})
	}
	n := t.bigint(arg)
	if d.verb == 'f' {
		n = t.number(arg).sql
	}
	sign := fmt.Sprintf("CASE WHEN %s < 0 THEN '-' ELSE '' END", n)
	digits := "coalesce(abs(" + n + "), 0)::text"
	if d.verb == 'f' {
		x := "abs((" + n + ")::double precision)"
		places := d.precision
		if places < 0 {
			places = 6
		}
		digits = fmt.Sprintf("coalesce(round(CASE WHEN %s < 4503599627370496 THEN %s ELSE %s::numeric END, %d),"+
			" round(0, %d))::text", x, exact(x), x, places, places)
	}
	if !d.zero {
		return padded("("+sign+" || "+digits+")", d)
	}
	length := fmt.Sprintf("%d - length(%s)", d.width, sign)
	return fmt.Sprintf("(%s || lpad(%s, greatest(length(%s), %s), '0'))", sign, digits, digits, length)
}

// padded fills a text with spaces up to the width.
func padded(sql string, d directive) string {
	if d.width == 0 {
		return sql
	}
	pad := "lpad"
	if d.left {
		pad = "rpad"
	}
	return fmt.Sprintf("%s(%s, greatest(length(%s), %d))", pad, sql, sql, d.width)
}
