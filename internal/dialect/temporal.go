package dialect

import (
	"fmt"
	"strings"
	"time"
)

// The forms in which SQLite's own functions write dates and timestamps, as patterns of PostgreSQL's to_char().
const (
	dateForm      = "YYYY-MM-DD"
	timestampForm = "YYYY-MM-DD HH24:MI:SS"
)

// forms are the forms of texts that TimeForm knows, each with the layout of package time that reads it.
func forms() [][2]string {
	list := [][2]string{{dateForm, time.DateOnly}, {"HH24:MI:SS", time.TimeOnly}, {"HH24:MI", "15:04"}}
	for _, separator := range []string{" ", "T"} {
		for _, clock := range [][2]string{
			{"HH24:MI", "15:04"},
			{"HH24:MI:SS", time.TimeOnly},
			{"HH24:MI:SS.MS", "15:04:05.000"},
			{"HH24:MI:SS.US", "15:04:05.000000"},
		} {
			quoted := separator
			if separator == "T" {
				quoted = `"T"`
			}
			form, layout := dateForm+quoted+clock[0], time.DateOnly+separator+clock[1]
			list = append(list, [2]string{form, layout}, [2]string{form + `"Z"`, layout + "Z"})
		}
	}
	return list
}

// TimeForm returns the form of a date, time or timestamp in ISO 8601 as the pattern with which PostgreSQL's to_char()
// writes the same text, or "" if there is none. A column in which every text has the same form can say so in
// [Column.Form].
func TimeForm(text string) string {
	for _, f := range forms() {
		if len(f[1]) != len(text) {
			continue
		}
		if _, err := time.Parse(f[1], text); err == nil {
			return f[0]
		}
	}
	return ""
}

// layoutOf returns the layout of package time for a form.
func layoutOf(form string) (string, bool) {
	for _, f := range forms() {
		if f[0] == form {
			return f[1], true
		}
	}
	return "", false
}

// parseTime reads a date or timestamp in a form that TimeForm knows.
func parseTime(text string) (time.Time, bool) {
	for _, f := range forms() {
		if len(f[1]) == len(text) && strings.HasPrefix(f[0], dateForm) {
			if at, err := time.Parse(f[1], text); err == nil && at.Year() > 0 {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// timeLiteral returns a constant date or timestamp.
func timeLiteral(c class, at time.Time) string {
	if c == classDate {
		return quoteLiteral(at.Format(time.DateOnly)) + "::date"
	}
	return quoteLiteral(at.Format("2006-01-02 15:04:05.999999")) + "::timestamp"
}

// compareTemporal compares a date or timestamp with a constant text, or with another of its form, without making texts
// of both; then PostgreSQL can use an index. SQLite compares texts, so '2024-01-01' is less than '2024-01-01 00:00:00'.
func (t *translator) compareTemporal(op string, x, other value) (value, bool) {
	if !x.class.temporal() {
		return value{}, false
	}
	if other.constant == nil {
		if x.class == other.class && x.form == other.form && x.form != "" {
			return boolean("(%s %s %s)", x.sql, op, other.sql), true
		}
		return value{}, false
	}
	text := other.constant.Text
	at, ok := parseTime(text)
	if !ok {
		return value{}, false
	}
	if x.form == "" {
		if len(text) == len(time.DateOnly) && (op == "<" || op == ">=") {
			return boolean("(%s %s %s)", x.sql, op, timeLiteral(x.class, at)), true
		}
		return value{}, false
	}
	layout, ok := layoutOf(x.form)
	if !ok {
		return value{}, false
	}
	return compareRendered(op, x, text, at.Format(layout))
}

// compareRendered compares x with a constant whose text is not quite what its moment looks like in x's form.
func compareRendered(op string, x value, text, rendered string) (value, bool) {
	at, ok := parseTime(rendered)
	if !ok {
		return value{}, false
	}
	switch {
	case rendered == text:
		return boolean("(%s %s %s)", x.sql, op, timeLiteral(x.class, at)), true
	case strings.HasPrefix(text, rendered):
		op = map[string]string{"<": "<=", "<=": "<=", ">": ">", ">=": ">"}[op]
	case strings.HasPrefix(rendered, text):
		op = map[string]string{"<": "<", "<=": "<", ">": ">=", ">=": ">="}[op]
	default:
		op = ""
	}
	if op == "" {
		return value{}, false
	}
	return boolean("(%s %s %s)", x.sql, op, timeLiteral(x.class, at)), true
}

// dateText returns the text of a date.
func (t *translator) dateText(sql string) string {
	return t.timestampText(value{sql: sql, form: dateForm})
}

// timestampText returns the text that SQLite had where PostgreSQL has a timestamp.
func (t *translator) timestampText(v value) string {
	if v.form == "" {
		refuse(nil, "how the texts of a timestamp column were written is not known, and %s depends on it", v.sql)
	}
	if !t.immutable {
		return fmt.Sprintf("to_char(%s, %s)", v.sql, quoteLiteral(v.form))
	}
	date, clock, _ := strings.Cut(v.form, " ")
	if date != dateForm || clock != "" && clock != "HH24:MI" && clock != "HH24:MI:SS" {
		refuse(nil, "the text of a timestamp is not immutable in PostgreSQL")
	}
	parts := []string{field("year", v.sql, 4), "'-'", field("month", v.sql, 2), "'-'", field("day", v.sql, 2)}
	if clock != "" {
		parts = append(parts, "' '", field("hour", v.sql, 2), "':'", field("minute", v.sql, 2))
	}
	if clock == "HH24:MI:SS" {
		parts = append(parts, "':'", field("second", v.sql, 2))
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// field returns a field of a timestamp as digits. Unlike to_char it is immutable.
func field(name, sql string, width int) string {
	return fmt.Sprintf("lpad(floor(extract(%s FROM %s))::integer::text, %d, '0')", name, sql, width)
}

// constantTime returns the time of a function whose only argument is a constant.
func constantTime(args []Expr) (time.Time, bool) {
	if l, ok := firstLiteral(args); ok && len(args) == 1 {
		return parseTime(l.Text)
	}
	return time.Time{}, false
}
