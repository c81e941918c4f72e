package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Unit is what the numbers of a column count that has become a date or a timestamp.
type Unit string

// The units.
const (
	NoUnit       Unit = "" // the column held texts
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds"
	Microseconds Unit = "microseconds"
	JulianDays   Unit = "Julian days"
)

// perSecond returns how many of the units make a second.
func (u Unit) perSecond() float64 {
	return map[Unit]float64{Seconds: 1, Milliseconds: 1e3, Microseconds: 1e6, JulianDays: 1.0 / 86400}[u]
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440587.5

// TranslateDefault renders the DEFAULT of a column that has become a column of a PostgreSQL type. A constant becomes
// the constant that SQLite would have stored; the current time is UTC, and text in SQLite's form for a text column. In
// a column of times, the name of the current time in quotes means that time: the text itself could not stand there.
func TranslateDefault(e Expr, pgType string, unit Unit) (sql string, err error) {
	t := &translator{schema: noTables{}}
	defer t.catch(&err)
	if now := quotedNow(e, classOf(pgType)); now != nil {
		e = now
	}
	v := t.expr(&scope{}, e)
	if want := classOf(pgType); unit != NoUnit && v.class.number() && (want == classInstant || want == classTimestamp) {
		return momentDefault(e, v, want, unit), nil
	}
	if v.constant == nil {
		return t.computedDefault(e, v, pgType), nil
	}
	sql, ok := constantDefault(v, classOf(pgType))
	if !ok {
		refuse(e, "the default does not fit the type %s", pgType)
	}
	return sql, nil
}

// quotedNow returns what 'CURRENT_TIMESTAMP' and its kin mean in a column of times, or nil.
func quotedNow(e Expr, want class) Expr {
	l, ok := e.(*Literal)
	if !ok || l.Kind != StringLiteral || !want.temporal() && want != classInstant && want != classTime {
		return nil
	}
	switch strings.ToUpper(strings.ReplaceAll(l.Text, " ", "")) {
	case "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP()", "NOW()", "NOW", "DATETIME('NOW')":
		if want == classTime {
			return &Literal{Kind: CurrentTime, Text: "CURRENT_TIME"}
		}
		return &Literal{Kind: CurrentTimestamp, Text: "CURRENT_TIMESTAMP"}
	case "CURRENT_DATE", "DATE('NOW')":
		return &Literal{Kind: CurrentDate, Text: "CURRENT_DATE"}
	case "CURRENT_TIME", "TIME('NOW')":
		return &Literal{Kind: CurrentTime, Text: "CURRENT_TIME"}
	}
	return nil
}

// momentDefault returns a number as the moment that it counts.
func momentDefault(e Expr, v value, want class, unit Unit) string {
	if v.constant != nil {
		n, _ := strconv.ParseFloat(v.constant.Text, 64)
		if unit == JulianDays {
			n -= julianEpoch
		}
		at := time.UnixMicro(int64(n / unit.perSecond() * 1e6)).UTC()
		if at.Year() < 1 || at.Year() > 9999 { // no number that an application means as a moment
			refuse(e, "the default %s is a moment of the year %d", v.constant.Text, at.Year())
		}
		if want == classTimestamp {
			return timeLiteral(classTimestamp, at)
		}
		return quoteLiteral(at.Format("2006-01-02 15:04:05.999999")+"+00") + "::timestamptz"
	}
	const seconds = "floor(extract(epoch FROM " + utcNow + "))::bigint"
	sql := "now()"
	if v.sql != seconds && v.sql != "("+seconds+" * 1000)" || (unit == Seconds) != (v.sql == seconds) {
		sql = "(" + v.sql + ")::double precision"
		switch unit {
		case JulianDays:
			sql = "to_timestamp((" + sql + " - 2440587.5) * 86400)"
		case Seconds:
			sql = "to_timestamp(" + sql + ")"
		default:
			sql = fmt.Sprintf("to_timestamp(%s / %.0f)", sql, unit.perSecond())
		}
	}
	if want == classTimestamp {
		return "(" + sql + " AT TIME ZONE 'utc')"
	}
	return sql
}

// noTables is the schema that a DEFAULT sees.
type noTables struct{}

func (noTables) Table(string) ([]Column, string, bool) { return nil, "", false }

// constantDefault returns a constant as a value of a class.
func constantDefault(v value, want class) (string, bool) {
	s := v.constant.Text
	isText := v.class == classText
	switch {
	case v.isNull(), isText && want != classText && strings.EqualFold(s, "null"):
		return "NULL", true
	case want == classText && v.class.number():
		return textOf(v).sql, true
	case want == classText && isText:
		return v.sql, true
	case want == classBlob && v.class == classBlob:
		return v.sql, true
	case want == classBlob && isText:
		return fmt.Sprintf("'\\x%X'::bytea", s), true
	case want.number():
		return numberDefault(v, want)
	case isText:
		return textDefault(s, want)
	}
	return "", false
}

// numberDefault returns a number, or a text that is one, as a number or a boolean.
func numberDefault(v value, want class) (string, bool) {
	if v.class == classBlob {
		return "", false
	}
	l, ok := v.constant, true
	if v.class == classText {
		if word, found := truth(v.constant.Text); found && want == classBoolean {
			return word, true
		}
		l, ok = numberOf(v.constant.Text)
	}
	if !ok {
		return "", false
	}
	f, _ := strconv.ParseFloat(l.Text, 64)
	switch {
	case want == classBoolean:
		return strings.ToUpper(strconv.FormatBool(f != 0)), f == 0 || f == 1
	case want == classInteger && l.Kind != IntegerLiteral:
		return strconv.FormatFloat(f, 'f', -1, 64), f == float64(int64(f))
	}
	return l.Text, !strings.HasSuffix(l.Text, "Inf")
}

// truth returns the boolean that a word is.
func truth(word string) (string, bool) {
	switch strings.ToLower(word) {
	case "t", "true", "yes", "y", "on":
		return "TRUE", true
	case "f", "false", "no", "n", "off":
		return "FALSE", true
	}
	return "", false
}

// textDefault returns a text as a date, a time, a JSON value or a UUID.
func textDefault(s string, want class) (string, bool) {
	form := TimeForm(s)
	dated := strings.HasPrefix(form, dateForm)
	at, _ := parseTime(s)
	switch want {
	case classDate:
		return timeLiteral(classDate, at), form == dateForm
	case classTimestamp:
		return timeLiteral(classTimestamp, at), dated
	case classInstant:
		return quoteLiteral(at.Format("2006-01-02 15:04:05.999999")+"+00") + "::timestamptz", dated
	case classTime:
		return quoteLiteral(s) + "::time", form != "" && !dated
	case classJSON:
		return quoteLiteral(s) + "::jsonb", json.Valid([]byte(s))
	case classUUID:
		return quoteLiteral(s) + "::uuid", len(s) == len("00000000-0000-0000-0000-000000000000") && strings.Count(s, "-") == 4
	}
	return "", false
}

// computedDefault renders an expression as a default of a type.
func (t *translator) computedDefault(e Expr, v value, pgType string) string {
	want := classOf(pgType)
	now := strings.Contains(v.sql, utcNow)
	epoch := strings.HasPrefix(strings.TrimLeft(v.sql, "("), "floor(extract(epoch FROM "+utcNow)
	switch {
	case now && v.sql == "date_trunc('second', "+utcNow+")" && want == classTimestamp:
		return utcNow
	case now && v.sql == "date_trunc('second', "+utcNow+")" && want == classInstant, epoch && want == classInstant:
		return "now()"
	case now && v.class.temporal() && want == classInstant:
		return "(" + v.sql + " AT TIME ZONE 'utc')"
	case now && v.class == classTimestamp && want == classDate:
		return "(" + v.sql + ")::date"
	case now && want == classTime && v.class == classText:
		return "(" + v.sql + ")::time"
	case epoch && want.number() && want != classBoolean:
		return "(" + v.sql + ")::" + pgType
	case want == classUUID && strings.Contains(v.sql, "gen_random_uuid()"):
		return "gen_random_uuid()"
	case v.class == classInteger && want == classInteger && strings.Contains(v.sql, "random()") && pgType != "bigint":
		refuse(e, "a random number of 64 bits in a column of type %s", pgType)
	}
	return t.as(v, pgType)
}
