package dialect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const utcNow = "(now() AT TIME ZONE 'utc')"

// isTimeFunction says whether a function takes a time and modifiers.
func isTimeFunction(name string) bool {
	switch name {
	case "date", "time", "datetime", "julianday", "unixepoch", "strftime":
		return true
	}
	return false
}

// currentTime translates CURRENT_DATE, CURRENT_TIME and CURRENT_TIMESTAMP: UTC, and text.
func (t *translator) currentTime(l *Literal) value {
	name := map[LiteralKind]string{CurrentDate: "date", CurrentTime: "time", CurrentTimestamp: "datetime"}[l.Kind]
	return t.timeResult(name, t.now())
}

func (t *translator) now() string {
	if t.immutable || t.timeless {
		refuse(nil, "the current time is not immutable")
	}
	return utcNow
}

// timeCall translates date(), time(), datetime(), julianday(), unixepoch() and strftime().
func (t *translator) timeCall(in *scope, c *Call) value {
	args := c.Args
	var format string
	if c.Name == "strftime" {
		l, ok := firstLiteral(args)
		if !ok {
			refuse(c, "a format that is not a constant")
		}
		format, args = l.Text, args[1:]
	}
	if at, ok := constantTime(args); ok && c.Name != "strftime" && c.Name != "julianday" && c.Name != "unixepoch" {
		layout := map[string]string{"date": "2006-01-02", "time": "15:04:05", "datetime": "2006-01-02 15:04:05"}[c.Name]
		return t.literal(&Literal{Kind: StringLiteral, Text: at.Format(layout)})
	}
	args, fine := withoutSubsec(args)
	at := t.moment(in, c, args)
	switch {
	case c.Name == "strftime":
		return t.strftime(c, format, at)
	case fine && c.Name == "unixepoch":
		return float("trunc(extract(epoch FROM %s), 3)::double precision", at)
	case fine && c.Name == "datetime":
		sql := "date_trunc('milliseconds', " + at + ")"
		return value{sql: sql, class: classTimestamp, form: timestampForm + ".MS"}
	case fine && c.Name == "time":
		refuse(c, "a time of day with fractions of a second")
	}
	return t.timeResult(c.Name, at)
}

// withoutSubsec takes the modifier away that keeps milliseconds, and says whether it was there.
func withoutSubsec(args []Expr) ([]Expr, bool) {
	kept := slices.DeleteFunc(slices.Clone(args), func(e Expr) bool {
		l, ok := e.(*Literal)
		return ok && l.Kind == StringLiteral && (strings.EqualFold(l.Text, "subsec") || strings.EqualFold(l.Text, "subsecond"))
	})
	return kept, len(kept) < len(args)
}

func firstLiteral(args []Expr) (*Literal, bool) {
	if len(args) == 0 {
		return nil, false
	}
	l, ok := args[0].(*Literal)
	return l, ok && l.Kind == StringLiteral
}

// timeResult renders what a function makes of a timestamp.
func (t *translator) timeResult(name, at string) value {
	switch name {
	case "date":
		return value{sql: "(" + at + ")::date", class: classDate, form: dateForm}
	case "datetime":
		return value{sql: "date_trunc('second', " + at + ")", class: classTimestamp, form: timestampForm}
	case "time":
		return text("(%s || ':' || %s || ':' || %s)", field("hour", at, 2), field("minute", at, 2), field("second", at, 2))
	case "julianday":
		return float("(extract(epoch FROM %s)::double precision / 86400 + 2440587.5)", at)
	}
	return integer("floor(extract(epoch FROM %s))::bigint", at)
}

// moment renders a time with its modifiers as a timestamp in UTC.
func (t *translator) moment(in *scope, c *Call, args []Expr) string {
	if len(args) == 0 {
		return t.now()
	}
	modifiers := make([]string, 0, len(args))
	for _, a := range args[1:] {
		l, ok := a.(*Literal)
		if !ok || l.Kind != StringLiteral {
			refuse(c, "a modifier that is not a constant")
		}
		modifiers = append(modifiers, strings.ToLower(strings.TrimSpace(l.Text)))
	}
	v := t.expr(in, args[0])
	var at string
	if len(modifiers) > 0 && modifiers[0] == "unixepoch" {
		at = t.fromEpoch(v, c)
		modifiers = modifiers[1:]
	} else {
		at = t.fromText(v, c)
	}
	for _, m := range modifiers {
		at = t.modified(at, m, c)
	}
	return at
}

// fromEpoch renders a count of seconds, or the column that was one, as a timestamp.
func (t *translator) fromEpoch(v value, c *Call) string {
	switch {
	case v.class == classInstant:
		return "(" + v.sql + " AT TIME ZONE 'utc')"
	case v.class.number() && v.class != classBoolean:
		return "(to_timestamp(" + v.sql + ") AT TIME ZONE 'utc')"
	}
	refuse(c, "a %s counted in seconds", v.class.pgType())
	return ""
}

// fromText renders a time as SQLite reads it from text as a timestamp.
func (t *translator) fromText(v value, c *Call) string {
	switch {
	case v.constant != nil && strings.EqualFold(v.constant.Text, "now") && v.class == classText:
		return t.now()
	case v.constant != nil:
		if at, ok := parseTime(v.constant.Text); ok && v.class == classText {
			return timeLiteral(classTimestamp, at)
		}
	case v.class == classTimestamp:
		return v.sql
	case v.class == classDate:
		return v.sql + "::timestamp"
	case v.class == classInstant && v.affinity != "INTEGER" && v.affinity != "REAL":
		return "(" + v.sql + " AT TIME ZONE 'utc')"
	case v.class == classText:
		return t.parsedText(v.sql)
	}
	refuse(c, "a %s read as a time", v.class.pgType())
	return ""
}

// isoText matches what parsedText reads.
const isoText = `'^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
	`([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?)?$'`

// parsedText renders the reading of a text column: ISO 8601 as SQLite reads it (the 31st of February is the 2nd or 3rd
// of March); NULL for what is no time; an error, not another value, for the other forms that SQLite knows.
func (t *translator) parsedText(x string) string {
	if t.immutable {
		refuse(nil, "reading a time from text is not immutable in PostgreSQL")
	}
	t.once(x)
	return fmt.Sprintf("CASE WHEN %s ~ %s THEN make_date(left(%s, 4)::integer, substr(%s, 6, 2)::integer, 1)"+
		" + (substr(%s, 9, 2)::integer - 1) + coalesce(nullif(substr(%s, 12), ''), '00:00')::time"+
		` WHEN %s ~* '^\s*([0-9+.-]|now$)' THEN ('not an ISO 8601 time: ' || %s)::timestamp END`,
		x, isoText, x, x, x, x, x, x)
}

// modified applies a modifier to a timestamp.
func (t *translator) modified(at, m string, c *Call) string {
	switch m {
	case "start of day":
		return "date_trunc('day', " + at + ")"
	case "start of month":
		return "date_trunc('month', " + at + ")"
	case "start of year":
		return "date_trunc('year', " + at + ")"
	case "utc", "localtime":
		refuse(c, "the time zone of the machine that SQLite ran on")
	}
	if day, ok := strings.CutPrefix(m, "weekday "); ok && len(day) == 1 && day >= "0" && day <= "6" {
		return fmt.Sprintf("(%s + make_interval(days => (%s - extract(dow FROM %s)::integer + 7) %% 7))", at, day, at)
	}
	count, unit, ok := amount(m)
	if !ok {
		refuse(c, "the modifier %q", m)
	}
	if unit != "month" && unit != "year" {
		return fmt.Sprintf("(%s + '%s %ss'::interval)", at, count, unit)
	}
	if strings.Contains(count, ".") {
		refuse(c, "the modifier %q", m)
	}
	// One month after the 31st of January is the 3rd of March in SQLite and the 28th of February in PostgreSQL.
	return fmt.Sprintf("(date_trunc('month', %s) + '%s %ss'::interval + (%s - date_trunc('month', %s)))",
		at, count, unit, at, at)
}

// amount reads a modifier such as "+1 day".
func amount(m string) (count, unit string, ok bool) {
	words := strings.Fields(m)
	if len(words) != 2 || strings.Trim(words[0], "+-.0123456789") != "" {
		return "", "", false
	}
	unit = strings.TrimSuffix(words[1], "s")
	switch unit {
	case "second", "minute", "hour", "day", "month", "year":
		_, err := strconv.ParseFloat(words[0], 64)
		return words[0], unit, err == nil
	}
	return "", "", false
}

// strftime renders a format as pieces of text.
func (t *translator) strftime(c *Call, format, at string) value {
	var parts []string
	for rest := format; rest != ""; {
		literal, after, found := strings.Cut(rest, "%")
		if literal != "" {
			parts = append(parts, quoteLiteral(literal))
		}
		if !found {
			break
		}
		if after == "" {
			refuse(c, "the format %q", format)
		}
		piece, ok := t.timePiece(after[0], at)
		if !ok {
			refuse(c, "%%%c in the format %q", after[0], format)
		}
		parts = append(parts, piece)
		rest = after[1:]
	}
	if len(parts) == 0 {
		parts = []string{"''::text"}
	}
	if at == utcNow || strings.HasPrefix(at, "'") || strings.Contains(strings.Join(parts, ""), at) {
		return text("(%s)", strings.Join(parts, " || "))
	}
	return text("CASE WHEN %s IS NOT NULL THEN %s END", at, strings.Join(parts, " || "))
}

// timePiece renders one conversion of strftime().
func (t *translator) timePiece(verb byte, at string) (string, bool) {
	fields := map[byte]struct {
		name  string
		width int
	}{
		'Y': {"year", 4}, 'm': {"month", 2}, 'd': {"day", 2}, 'j': {"doy", 3},
		'H': {"hour", 2}, 'M': {"minute", 2}, 'S': {"second", 2},
	}
	if f, ok := fields[verb]; ok {
		return field(f.name, at, f.width), true
	}
	switch verb {
	case '%':
		return "'%'", true
	case 'F':
		return t.strftime(nil, "%Y-%m-%d", at).sql, true
	case 'T':
		return t.strftime(nil, "%H:%M:%S", at).sql, true
	case 'R':
		return t.strftime(nil, "%H:%M", at).sql, true
	case 'f':
		return fmt.Sprintf("lpad(trunc(extract(second FROM %s), 3)::text, 6, '0')", at), true
	case 'w':
		return fmt.Sprintf("extract(dow FROM %s)::integer::text", at), true
	case 'u':
		return fmt.Sprintf("extract(isodow FROM %s)::integer::text", at), true
	case 's':
		return fmt.Sprintf("floor(extract(epoch FROM %s))::bigint::text", at), true
	case 'W':
		const week = "lpad(((extract(doy FROM %s)::integer + 7 - extract(isodow FROM %s)::integer) / 7)::text, 2, '0')"
		return fmt.Sprintf(week, at, at), true
	}
	return "", false
}
