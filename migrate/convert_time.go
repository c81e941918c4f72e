package migrate

import (
	"encoding/binary"
	"math"

	"zombiezen.com/go/sqlite"
)

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
	epochDays       = -10_957 // 1970-01-01
	epochMicros     = epochDays * microsPerDay

	minTimestamp = -211_813_488_000_000_000  // 4714-11-24 00:00:00 BC
	endTimestamp = 9_223_371_331_200_000_000 // after the year 294276
)

// moment is a date, a time of day, or both, read from text.
type moment struct {
	days    int64 // since 2000-01-01
	micros  int64 // since midnight
	offset  int64 // of the zone from UTC, in microseconds
	hasDate bool
	hasTime bool
	hasZone bool
	cut     bool // the text had more than microseconds
}

// timestamp returns the microseconds since 2000-01-01, in UTC where a zone was given.
func (m *moment) timestamp() int64 { return m.days*microsPerDay + m.micros - m.offset }

func encodeDate(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	if v.class == sqlite.TypeText {
		if m, ok := parseMoment(v.b); ok && m.isDate() {
			return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(int32(m.days))), ""
		}
	}
	return dst, refusal(v, "a date")
}

// decimals returns how many decimals of a second m has.
func (m *moment) decimals() int {
	n := 0
	for rest := m.micros % microsPerSecond; rest != 0; rest = rest * 10 % microsPerSecond {
		n++
	}
	return n
}

// isDate reports whether m is a date. Go's drivers write midnight and its zone behind it, which say nothing more.
func (m *moment) isDate() bool { return m.hasDate && m.micros == 0 && !m.cut }

func encodeTime(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	if v.class == sqlite.TypeText {
		if m, ok := parseMoment(v.b); ok && m.isTime() {
			return appendInt64(dst, m.micros), ""
		}
	}
	return dst, refusal(v, "a time of day")
}

// isTime reports whether nothing is lost when m becomes a time of day. Rails writes 2000-01-01, day 0, before it.
func (m *moment) isTime() bool { return m.hasTime && !m.hasZone && m.days == 0 }

func encodeTimestamp(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	if v.class == sqlite.TypeText {
		if m, ok := parseMoment(v.b); ok && m.hasDate {
			return appendInt64(dst, m.timestamp()), ""
		}
	}
	return dst, refusal(v, "a date and time")
}

// newEpochEncoder reads numbers as counts since 1970 of a unit of so many microseconds.
func newEpochEncoder(unit int64) encodeFunc {
	return func(dst []byte, v value) ([]byte, string) {
		if v.class != sqlite.TypeInteger && v.class != sqlite.TypeFloat {
			return encodeTimestamp(dst, v)
		}
		micros, ok := epochTimestamp(v, unit)
		if !ok {
			return dst, refusal(v, "a time since 1970 that timestamps can hold")
		}
		return appendInt64(dst, micros), ""
	}
}

func epochTimestamp(v value, unit int64) (int64, bool) {
	if v.class == sqlite.TypeFloat {
		f := math.Round(v.f * float64(unit))
		if !(f >= minTimestamp && f < endTimestamp) {
			return 0, false
		}
		return int64(f) + epochMicros, int64(f)+epochMicros >= minTimestamp
	}
	if v.i > (endTimestamp-1)/unit || v.i < minTimestamp/unit {
		return 0, false
	}
	micros := v.i*unit + epochMicros
	return micros, micros >= minTimestamp
}

func encodeJulian(dst []byte, v value) ([]byte, string) {
	days := v.f
	switch v.class {
	case sqlite.TypeInteger:
		days = float64(v.i)
	case sqlite.TypeFloat:
	default:
		return encodeTimestamp(dst, v)
	}
	if !isJulian(days) {
		return dst, refusal(v, "a Julian day")
	}
	return appendInt64(dst, julianTimestamp(days)), ""
}

// isJulian reports whether SQLite reads a number as a Julian day: up to the end of the year 9999.
func isJulian(days float64) bool { return days >= 0 && days < 5373484.5 }

// julianTimestamp rounds to milliseconds, which is how SQLite reads Julian days.
func julianTimestamp(days float64) int64 {
	const julian2000 = 2451544.5 * 86_400_000
	return (int64(days*86_400_000+0.5) - julian2000) * 1000
}

// parseMoment reads the forms of ISO 8601 that SQLite's own functions read and that drivers write: a date, a time, or
// both with a space or a T between, seconds and fraction optional, and a zone as Z, UTC, +02, +0200, +02:00 or as Go
// prints it ("+0000 UTC").
func parseMoment(b []byte) (m moment, ok bool) {
	if len(b) < 5 {
		return m, false
	}
	if b[2] == ':' {
		rest, ok := m.parseClock(b)
		return m, ok && len(rest) == 0
	}
	if !m.parseDate(b) {
		return m, false
	}
	if len(b) == 10 {
		return m, true
	}
	if b[10] != ' ' && b[10] != 'T' && b[10] != 't' {
		return m, false
	}
	rest, ok := m.parseClock(b[11:])
	return m, ok && m.parseZone(rest)
}

// parseDate reads YYYY-MM-DD at the start of b. PostgreSQL has no year 0.
func (m *moment) parseDate(b []byte) bool {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return false
	}
	century, ok1 := twoDigits(b)
	year, ok2 := twoDigits(b[2:])
	month, ok3 := twoDigits(b[5:])
	day, ok4 := twoDigits(b[8:])
	year += 100 * century
	if !(ok1 && ok2 && ok3 && ok4) || year == 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return false
	}
	m.days, m.hasDate = daysSince2000(year, month, day), true
	return true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince2000 counts in years that begin in March, so that the leap day is the last of its year.
func daysSince2000(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 730425
}

// parseClock reads HH:MM[:SS[.fraction]] and returns what follows it.
func (m *moment) parseClock(b []byte) (rest []byte, ok bool) {
	if len(b) < 5 || b[2] != ':' {
		return b, false
	}
	hour, ok1 := twoDigits(b)
	minute, ok2 := twoDigits(b[3:])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return b, false
	}
	m.hasTime = true
	m.micros = (hour*60 + minute) * 60 * microsPerSecond
	if b = b[5:]; len(b) < 3 || b[0] != ':' {
		return b, true
	}
	second, ok := twoDigits(b[1:])
	if !ok || second > 59 {
		return b, false
	}
	m.micros += second * microsPerSecond
	if b = b[3:]; len(b) < 2 || b[0] != '.' {
		return b, true
	}
	return m.parseFraction(b[1:])
}

func (m *moment) parseFraction(b []byte) (rest []byte, ok bool) {
	n := 0
	for unit := int64(microsPerSecond / 10); n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		digit := int64(b[n] - '0')
		m.micros += digit * unit
		m.cut = m.cut || unit == 0 && digit != 0
		unit /= 10
	}
	return b[n:], n > 0
}

// parseZone reads what may follow the time of day.
func (m *moment) parseZone(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	spaced := b[0] == ' '
	if spaced {
		b = b[1:]
	}
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') || len(b) == 3 && (string(b) == "UTC" || string(b) == "GMT") {
		m.hasZone = true
		return true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return false
	}
	negative := b[0] == '-'
	hours, ok := twoDigits(b[1:])
	if !ok || hours > 15 {
		return false
	}
	b = b[3:]
	if len(b) > 0 && b[0] == ':' {
		if b = b[1:]; len(b) < 2 {
			return false
		}
	}
	minutes := int64(0)
	if len(b) >= 2 && b[0] != ' ' {
		if minutes, ok = twoDigits(b); !ok || minutes > 59 {
			return false
		}
		b = b[2:]
	}
	m.hasZone = true
	m.offset = (hours*60 + minutes) * 60 * microsPerSecond
	if negative {
		m.offset = -m.offset
	}
	return len(b) == 0 || spaced && isGoZoneName(b)
}

// isGoZoneName reads the end of what Go's time.Time prints, which some Go drivers store: " UTC", and " m=+0.1" after it.
func isGoZoneName(b []byte) bool {
	if len(b) < 2 || b[0] != ' ' {
		return false
	}
	for i, c := range b[1:] {
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-'
		if !letter {
			return i > 0 && c == ' ' && len(b) > i+3 && b[i+2] == 'm' && b[i+3] == '='
		}
	}
	return true
}

func twoDigits(b []byte) (int64, bool) {
	if len(b) < 2 {
		return 0, false
	}
	high, low := b[0]-'0', b[1]-'0'
	return int64(high)*10 + int64(low), high <= 9 && low <= 9
}
