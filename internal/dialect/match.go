package dialect

import (
	"fmt"
	"strings"
)

// like translates LIKE, which ignores the case of ASCII letters, and GLOB, which does not.
func (t *translator) like(in *scope, l *Like) value {
	x, pattern := t.expr(in, l.L), t.expr(in, l.R)
	var v value
	switch l.Op {
	case "LIKE":
		v = t.matchLike(in, l, x, pattern)
	case "GLOB":
		v = t.matchGlob(l, x, pattern)
	default:
		if l.Op != "REGEXP" || !t.lenient {
			refuse(l, "SQLite itself does not define %s", l.Op)
		}
		v = boolean("(%s ~ %s)", t.text(x), t.text(pattern))
	}
	if l.Not {
		v.sql = "(NOT " + v.sql + ")"
	}
	return v
}

func (t *translator) matchLike(in *scope, l *Like, x, pattern value) value {
	escape := " ESCAPE ''" // PostgreSQL would take a backslash for one
	if l.Escape != nil {
		e := t.expr(in, l.Escape)
		if e.constant == nil || len(e.constant.Text) != 1 || isLetter(e.constant.Text[0]) {
			refuse(l, "an ESCAPE that is not one constant character other than a letter")
		}
		escape = " ESCAPE " + quoteLiteral(e.constant.Text)
	}
	subject := t.text(x)
	if pattern.constant == nil || pattern.class != classText {
		return boolean("(%s LIKE %s%s)", folded(subject), folded(t.text(pattern)), escape)
	}
	text := pattern.constant.Text
	if l.Escape == nil && !strings.Contains(text, `\`) {
		escape = ""
	}
	if strings.IndexFunc(text, func(r rune) bool { return r < 0x80 && isLetter(byte(r)) }) >= 0 {
		subject, text = folded(subject), lowerASCII(text)
	}
	return boolean("(%s LIKE %s%s)", subject, quoteLiteral(text), escape)
}

// folded returns a text with the ASCII letters in lower case.
func folded(sql string) string { return `lower(` + sql + ` COLLATE "C")` }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// matchGlob translates GLOB with a constant pattern into a regular expression.
func (t *translator) matchGlob(l *Like, x, pattern value) value {
	if pattern.constant == nil || pattern.class != classText || l.Escape != nil {
		refuse(l, "a GLOB pattern that is not a constant")
	}
	expression, ok := globToRegexp(pattern.constant.Text)
	if !ok {
		return unlessNull(false, x)
	}
	return boolean(`(%s COLLATE "C" ~ %s)`, t.text(x), quoteLiteral(expression))
}

// globToRegexp returns the regular expression of a GLOB pattern, and false for one that matches nothing.
func globToRegexp(pattern string) (string, bool) {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			set, rest, ok := globSet(pattern[i+1:])
			if !ok {
				return "", false
			}
			b.WriteString(set)
			i = len(pattern) - len(rest) - 1
		default:
			if strings.IndexByte(`.^$+(){}|\]`, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String() + "$", true
}

// globSet reads a set after its opening bracket. A ] that comes first belongs to it.
func globSet(s string) (set, rest string, ok bool) {
	start := 0
	negated := strings.HasPrefix(s, "^")
	if negated {
		start = 1
	}
	first := min(start+1, len(s))
	end := strings.IndexByte(s[first:], ']')
	if end < 0 {
		return "", "", false
	}
	body := strings.NewReplacer(`\`, `\\`, "]", `\]`, "[", `\[`, "^", `\^`).Replace(s[start : first+end])
	return "[" + when(negated, "^") + body + "]", s[first+end+1:], true
}

// in translates IN with a list, a subquery or a table.
func (t *translator) in(in *scope, e *In) value {
	if row, ok := e.X.(*Row); ok {
		return t.rowIn(in, e, row)
	}
	x := t.expr(in, e.X)
	not := when(e.Not, "NOT ")
	if e.Select == nil && e.Table == nil {
		return boolean("%s", t.inList(in, x, e))
	}
	s := e.Select
	if s == nil {
		s = &Select{Cores: []*Core{{Columns: []ResultColumn{{Star: true}}, From: []Source{*e.Table}}}}
	}
	q := t.query(in, s)
	if len(q.values) != 1 {
		refuse(e, "the right side of IN must have one column")
	}
	y := q.values[0]
	if x.isNull() || y.isNull() {
		refuse(e, "IN with nothing but NULL")
	}
	refuseUnalike(e, x, y)
	return boolean("(%s %sIN (%s))", x.sql, not, q.sql)
}

// refuseUnalike refuses IN between values that PostgreSQL would not compare as SQLite does.
func refuseUnalike(e *In, x, y value) {
	sameNumbers := x.class.number() && y.class.number() && (x.class == classBoolean) == (y.class == classBoolean)
	sameTexts := x.class == classText && y.class == classText && collationOf(x, y) == ""
	sameTimes := x.class == y.class && x.class.temporal() && x.form == y.form && x.form != ""
	if !sameNumbers && !sameTexts && !sameTimes && (x.class != classBlob || y.class != classBlob) {
		refuse(e, "IN compares a %s with a %s", x.class.pgType(), y.class.pgType())
	}
}

// inList renders x IN (a, b) as that where every comparison is a plain one, else as comparisons with OR between them.
func (t *translator) inList(in *scope, x value, e *In) string {
	not := when(e.Not, "NOT ")
	if len(e.List) == 0 {
		return strings.ToUpper(fmt.Sprint(e.Not))
	}
	var comparisons, items []string
	for _, item := range e.List {
		y := t.expr(in, item)
		c := t.compare("=", x, listItem(y)).sql
		comparisons = append(comparisons, c)
		if rest, ok := strings.CutPrefix(c, "("+x.sql+" = "); ok && y.constant != nil {
			items = append(items, strings.TrimSuffix(rest, ")"))
		}
	}
	if len(items) == len(e.List) {
		return fmt.Sprintf("(%s %sIN (%s))", x.sql, not, strings.Join(items, ", "))
	}
	if len(comparisons) > 1 {
		t.once(x.sql)
	}
	return fmt.Sprintf("(%s(%s))", not, strings.Join(comparisons, " OR "))
}

// listItem returns an element of a list: it takes part in the comparison without an affinity or a collation of its own.
func listItem(v value) value {
	v.affinity, v.collate, v.explicit, v.implicit = "", "", false, false
	return v
}
