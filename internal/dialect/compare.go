package dialect

import (
	"fmt"
	"strconv"
)

// compare renders a comparison as SQLite makes it: affinities first, then by storage class. op is PostgreSQL's.
func (t *translator) compare(op string, l, r value) value {
	if l.isNull() || r.isNull() {
		return t.compareNull(op, l, r)
	}
	if l.class == classExtracted || r.class == classExtracted {
		return t.compareExtracted(op, l, r)
	}
	l, r = applyAffinity(l, r), applyAffinity(r, l)
	switch {
	case l.class.number() && r.class.number():
		return t.compareNumbers(op, l, r)
	case l.class.text() && r.class.text():
		return t.compareTexts(op, l, r)
	case l.class == r.class && (l.class == classBlob || l.class == classInstant):
		return boolean("(%s %s %s)", l.sql, op, r.sql)
	case l.class.number() && r.class == classText:
		return t.compareMixed(op, l, r)
	case l.class == classText && r.class.number():
		return t.compareMixed(mirrored(op), r, l)
	}
	return t.compareClasses(op, l, r)
}

func (t *translator) compareNull(op string, l, r value) value {
	switch op {
	case "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		if l.isNull() {
			l = r
		}
		return t.isNull(l, op == "IS DISTINCT FROM")
	}
	return value{sql: "NULL::boolean", class: classBoolean, whole: always}
}

// applyAffinity converts a constant as the other side's affinity makes SQLite convert it. What is no constant is
// converted where it is compared.
func applyAffinity(v, other value) value {
	if v.constant == nil || other.affinity == "" {
		return v
	}
	switch {
	case isNumericAffinity(other.affinity) && v.class == classText:
		if l, ok := numberOf(v.constant.Text); ok {
			if other.class == classText { // numbers that a text column keeps as texts
				return textOf(number(l))
			}
			return number(l)
		}
	case v.class.number() && v.affinity == "" && other.class == classText && other.affinity != "BLOB":
		return textOf(v) // also beside the numbers that a text column keeps as texts
	}
	return v
}

// textOf returns a number literal as the text that SQLite makes of it.
func textOf(v value) value {
	s := v.constant.Text
	if v.class == classFloat {
		f, _ := strconv.ParseFloat(s, 64)
		s = realText(f)
	}
	return value{sql: quoteLiteral(s), class: classText, constant: &Literal{Kind: StringLiteral, Text: s}}
}

// mirrored returns the operator for swapped operands.
func mirrored(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

func (t *translator) compareNumbers(op string, l, r value) value {
	if l.class == classBoolean && r.class == classBoolean {
		return boolean("(%s %s %s)", l.sql, op, r.sql)
	}
	if v, ok := compareFlag(op, l, r); ok {
		return v
	}
	if v, ok := compareFlag(mirrored(op), r, l); ok {
		return v
	}
	l, r = t.number(l), t.number(r)
	return boolean("(%s %s %s)", decimal(l, r), op, decimal(r, l))
}

// compareFlag renders flag = 1 and its kin as the flag itself.
func compareFlag(op string, flag, constant value) (value, bool) {
	if flag.class != classBoolean || constant.constant == nil || constant.class != classInteger {
		return value{}, false
	}
	text := constant.constant.Text
	if op != "=" && op != "<>" || text != "0" && text != "1" {
		return value{}, false
	}
	if (op == "=") == (text == "1") {
		return boolean("%s", flag.sql), true
	}
	return boolean("(NOT %s)", flag.sql), true
}

// decimal returns the SQL of a number. A literal beside a decimal column is written as a decimal: as a double it would
// keep PostgreSQL from using an index.
func decimal(v, other value) string {
	if v.constant != nil && v.class == classFloat && other.class == classNumeric && other.column != nil {
		return v.constant.Text
	}
	return v.sql
}

// compareTexts compares what are texts in SQLite, dates and timestamps among them.
func (t *translator) compareTexts(op string, l, r value) value {
	if v, ok := t.compareTemporal(op, l, r); ok {
		return v
	}
	if v, ok := t.compareTemporal(mirrored(op), r, l); ok {
		return v
	}
	if l.class == r.class && (l.class == classTime || l.class == classUUID) {
		return boolean("(%s %s %s)", l.sql, op, r.sql)
	}
	if isNumericAffinity(l.affinity) && mayLookNumeric(r) {
		return t.compareUnlessNumber(op, l, r)
	}
	if isNumericAffinity(r.affinity) && mayLookNumeric(l) {
		return t.compareUnlessNumber(mirrored(op), r, l)
	}
	return t.compareStrings(op, l, r)
}

// mayLookNumeric says whether a text can be one that a numeric affinity on the other side turns into a number.
func mayLookNumeric(v value) bool { return v.class == classText && v.constant == nil }

// compareUnlessNumber compares a date or timestamp, whose affinity is numeric, with a text: one that looks like a
// number becomes a number, which is less than every text.
func (t *translator) compareUnlessNumber(op string, l, r value) value {
	if !l.class.temporal() {
		refuse(nil, "a column of texts and numbers compared with %s", r.sql)
	}
	t.once(l.sql, r.sql)
	asNumber := t.compareClasses(op, l, value{sql: r.sql, class: classFloat})
	return boolean("(CASE WHEN %s ~ %s THEN %s ELSE %s END)",
		r.sql, wholeNumber, asNumber.sql, t.compareStrings(op, l, r).sql)
}

func (t *translator) compareStrings(op string, l, r value) value {
	l.refuseTaint()
	r.refuseTaint()
	collate := collationOf(l, r)
	return boolean("(%s %s %s)", collated(t.text(l), collate, op), op, collated(t.text(r), collate, "="))
}

// refuseTaint refuses a text whose collation comes from within an operation.
func (v value) refuseTaint() {
	if v.tainted && v.class == classText {
		refuse(nil, "a text compared under a COLLATE inside an operation: %s", v.sql)
	}
}

// collationOf returns the collation of a comparison: the left one that was written, the right one, the columns'.
func collationOf(l, r value) string {
	switch {
	case l.explicit:
		return l.collate
	case r.explicit:
		return r.collate
	case l.implicit:
		return l.collate
	}
	return r.collate
}

// collated returns a text as SQLite's collation compares it. Equality needs no collation of PostgreSQL: those of a
// database are deterministic.
func collated(sql, collate, op string) string {
	switch collate {
	case "NOCASE":
		return `lower(` + sql + ` COLLATE "C")`
	case "RTRIM":
		sql = "rtrim(" + sql + ", ' ')"
	}
	switch op {
	case "=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		return sql
	}
	return sql + ` COLLATE "C"`
}

// compareMixed compares a number with a text that is not a constant, or that looks like no number.
func (t *translator) compareMixed(op string, n, s value) value {
	if n.class == classBoolean && s.constant != nil {
		refuse(nil, "a boolean compared with the text %s", s.sql)
	}
	switch {
	case isNumericAffinity(n.affinity) && s.constant == nil:
		t.once(n.sql, s.sql)
		otherwise := t.compareClasses(op, n, s)
		number := t.number(n)
		return boolean(`(CASE WHEN %s ~ %s THEN %s %s btrim(%s, E' \t\n\v\f\r')::numeric ELSE %s END)`,
			s.sql, wholeNumber, number.sql, op, s.sql, otherwise.sql)
	case s.affinity == "TEXT" && !isNumericAffinity(n.affinity):
		n.sql, n.class = t.text(n), classText
		return t.compareTexts(op, n, s)
	}
	return t.compareClasses(op, n, s)
}

// compareClasses compares values of different storage classes: a number is less than a text, a text less than a BLOB.
func (t *translator) compareClasses(op string, l, r value) value {
	left, right := rank(l), rank(r)
	if left < 0 || right < 0 || left == right {
		refuse(nil, "a %s compared with a %s", l.class.pgType(), r.class.pgType())
	}
	result := false
	switch op {
	case "<", "<=":
		result = left < right
	case ">", ">=":
		result = left > right
	case "<>":
		result = true
	case "IS DISTINCT FROM", "IS NOT DISTINCT FROM": // the same only when both are NULL
		not := when(op == "IS DISTINCT FROM", "NOT ")
		return boolean("(%s(%s IS NULL AND %s IS NULL))", not, l.sql, r.sql)
	}
	return unlessNull(result, l, r)
}

// The storage classes in SQLite's order.
const (
	numberRank = iota + 1
	textRank
	blobRank
)

// rank orders the storage classes; it is negative where the class in SQLite is not known.
func rank(v value) int {
	switch {
	case v.class.number():
		return numberRank
	case v.class == classUUID, v.class == classText && v.constant == nil && isNumericAffinity(v.affinity):
		return -1
	case v.class.text():
		return textRank
	case v.class == classBlob:
		return blobRank
	}
	return -1
}

// unlessNull returns a constant result that is NULL where an operand is.
func unlessNull(result bool, operands ...value) value {
	sql := ""
	for _, v := range operands {
		if v.constant != nil {
			continue
		}
		join := map[bool]string{true: " AND ", false: " OR "}[result]
		sql += when(sql != "", join) + fmt.Sprintf("%s IS %sNULL", v.sql, when(result, "NOT "))
	}
	switch {
	case sql == "" && result:
		return boolean("TRUE")
	case sql == "":
		return boolean("FALSE")
	case result:
		return boolean("(%s OR NULL)", sql)
	}
	return boolean("((%s) AND NULL)", sql)
}
