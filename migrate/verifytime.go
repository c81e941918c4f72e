package migrate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// pgEpoch is where PostgreSQL counts days and microseconds from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// canonTime returns the function for a column of dates or times of any precision.
func canonTime(convert Conversion) canonFunc {
	canon, err := canonTimeOf(convert, nil)
	if err != nil {
		return func(dst []byte, _ value) ([]byte, bool) { return dst, false }
	}
	return canon
}

// canonTimeOf returns the function for a column of dates or times.
func canonTimeOf(convert Conversion, limits []int) (canonFunc, error) {
	held, err := timeOf(convert, limits)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, v value) ([]byte, bool) {
		at, ok := held(v)
		switch {
		case !ok:
			return dst, false
		case convert == ConvertDate:
			return appendHex(dst, uint64(at), 8), true
		}
		return appendHex(dst, uint64(at), 16), true
	}, nil
}

// timeFunc returns what PostgreSQL holds of a date or time: days, or microseconds, since pgEpoch or midnight.
type timeFunc func(v value) (int64, bool)

// timeOf returns the function for a column of dates or times, whose type may say how many decimals a second has.
func timeOf(convert Conversion, limits []int) (timeFunc, error) {
	held := map[Conversion]timeFunc{
		ConvertDate: heldDate, ConvertTime: heldClock, ConvertTimestamp: heldTimestamp, ConvertJulian: heldJulian,
		ConvertEpoch:   func(v value) (int64, bool) { return heldEpoch(v, time.Second) },
		ConvertEpochMS: func(v value) (int64, bool) { return heldEpoch(v, time.Millisecond) },
		ConvertEpochUS: func(v value) (int64, bool) { return heldEpoch(v, time.Microsecond) },
	}[convert]
	if held == nil {
		return nil, fmt.Errorf("unknown conversion %q", convert)
	}
	unit := finest(limits)
	return func(v value) (int64, bool) {
		at, ok := held(v)
		return at, ok && at%unit == 0
	}, nil
}

// finest returns of how many microseconds a type that says how many decimals a second has holds multiples.
func finest(limits []int) int64 {
	if len(limits) == 0 {
		return 1
	}
	return int64(math.Pow10(6 - min(max(limits[0], 0), 6)))
}

// instant is a date, a time of day or both, as a text states it.
type instant struct {
	at      time.Time     // in UTC; on 2000-01-01 when the text has no date
	ahead   time.Duration // of UTC, by the zone
	dated   bool
	clocked bool
	zoned   bool
	finer   bool // than microseconds
}

func heldDate(v value) (days int64, ok bool) {
	t, ok := readInstant(v)
	there := t.at.Add(t.ahead)
	if !ok || !t.dated || t.finer || !there.Equal(there.Truncate(24*time.Hour)) {
		return 0, false
	}
	return there.Unix()/86400 - pgEpoch.Unix()/86400, true
}

func heldClock(v value) (micros int64, ok bool) {
	t, ok := readInstant(v)
	if !ok || !t.clocked || t.zoned || t.at.Before(pgEpoch) || !t.at.Before(pgEpoch.Add(24*time.Hour)) {
		return 0, false
	}
	return t.at.Sub(pgEpoch).Microseconds(), true
}

func heldTimestamp(v value) (micros int64, ok bool) {
	t, ok := readInstant(v)
	if !ok || !t.dated {
		return 0, false
	}
	return sincePGEpoch(t.at), true
}

func sincePGEpoch(t time.Time) int64 { return t.UnixMicro() - pgEpoch.UnixMicro() }

func heldEpoch(v value, unit time.Duration) (int64, bool) {
	micros := int64(unit / time.Microsecond)
	var since int64
	switch v.class {
	case sqlite.TypeInteger:
		since = v.i * micros
		if since/micros != v.i {
			return 0, false
		}
	case sqlite.TypeFloat:
		f := math.Round(v.f * float64(micros))
		if math.Abs(f) >= 1<<63 {
			return 0, false
		}
		since = int64(f)
	default:
		return heldTimestamp(v)
	}
	return heldMicros(since)
}

// heldMicros is a timestamp that is so many microseconds after 1970.
func heldMicros(since int64) (int64, bool) {
	t := time.UnixMicro(since).UTC()
	first := time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	if t.Before(first) || t.Year() > 294246 { // the limits of timestamp, the upper one as an offset from 1970
		return 0, false
	}
	return sincePGEpoch(t), true
}

func heldJulian(v value) (int64, bool) {
	days := v.f
	switch v.class {
	case sqlite.TypeInteger:
		days = float64(v.i)
	case sqlite.TypeFloat:
	default:
		return heldTimestamp(v)
	}
	if days < 0 || days >= 5373484.5 {
		return 0, false
	}
	const day1970 = 2440587.5 // in milliseconds, which is how finely SQLite reads Julian days
	return heldMicros((int64(days*86400000+0.5) - day1970*86400000) * 1000)
}

// readInstant reads the forms of ISO 8601 that SQLite's own functions read and that drivers write.
func readInstant(v value) (instant, bool) {
	if v.class != sqlite.TypeText {
		return instant{}, false
	}
	if t, ok := plainInstant(v.b); ok {
		return t, true
	}
	text := string(v.b)
	t := instant{at: pgEpoch}
	if len(text) >= 10 && text[4] == '-' {
		day, err := time.Parse(time.DateOnly, text[:10])
		if err != nil || day.Year() == 0 {
			return t, false
		}
		t.at, t.dated = day, true
		if text = text[10:]; text == "" {
			return t, true
		}
		if !strings.ContainsRune(" Tt", rune(text[0])) {
			return t, false
		}
		text = text[1:]
	}
	zone := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != ':' && r != '.' })
	if zone < 0 {
		return t, t.addClock(text)
	}
	if !t.dated || !t.addClock(text[:zone]) {
		return t, false
	}
	return t, t.addZone(text[zone:])
}

// plainInstant reads YYYY-MM-DD and YYYY-MM-DD HH:MM:SS, the forms of most dates and times, faster than time.Parse does.
func plainInstant(b []byte) (t instant, ok bool) {
	const form, date = "0000-00-00 00:00:00", len("0000-00-00")
	if len(b) != len(form) && len(b) != date {
		return t, false
	}
	var parts [6]int
	part := 0
	for i, c := range b {
		digit := int(c) - '0'
		switch {
		case form[i] == '0' && digit >= 0 && digit <= 9:
			parts[part] = parts[part]*10 + digit
		case form[i] != '0' && c == form[i]:
			part++
		default:
			return t, false
		}
	}
	if parts[0] == 0 || parts[3] > 23 || parts[4] > 59 || parts[5] > 59 {
		return t, false
	}
	t.at = time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC)
	t.dated, t.clocked = true, len(b) == len(form)
	return t, int(t.at.Month()) == parts[1] && t.at.Day() == parts[2] // neither was beyond its range
}

// addClock adds HH:MM, HH:MM:SS or HH:MM:SS.fraction.
func (t *instant) addClock(text string) bool {
	layout := "15:04:05"
	if len(text) == 5 {
		layout = "15:04"
	}
	if strings.HasSuffix(text, ".") || strings.Count(text, ".") == 1 && len(strings.TrimRight(text, "0123456789")) != 9 {
		return false
	}
	if digits := len(text) - len("15:04:05.000000"); digits > 0 {
		t.finer = strings.Trim(text[len(text)-digits:], "0") != ""
		text = text[:len(text)-digits]
	}
	clock, err := time.Parse(layout, text) // also takes a fraction
	if err != nil || len(text) < len(layout) || text[2] != ':' {
		return false
	}
	midnight := clock.Truncate(24 * time.Hour)
	t.at, t.clocked = t.at.Add(clock.Sub(midnight)), true
	return true
}

// addZone subtracts Z, UTC, +02, +0200 or +02:00, with a space before it or not, or what Go prints: " +0200 CEST m=+0.1".
func (t *instant) addZone(text string) bool {
	bare := strings.TrimPrefix(text, " ")
	offset, name, named := strings.Cut(bare, " ")
	if named && (bare == text || !goZone(name)) {
		return false
	}
	t.zoned = true
	if strings.EqualFold(offset, "z") || offset == "UTC" || offset == "GMT" {
		return !named
	}
	digits := strings.Replace(offset, ":", "", 1)
	if len(digits) == 3 && len(offset) == 3 {
		digits += "00"
	}
	if len(digits) != 5 || strings.IndexByte("+-", digits[0]) < 0 || len(offset) == 6 && offset[3] != ':' {
		return false
	}
	hours, err1 := strconv.ParseUint(digits[1:3], 10, 8)
	minutes, err2 := strconv.ParseUint(digits[3:], 10, 8)
	if err1 != nil || err2 != nil || hours > 15 || minutes > 59 {
		return false
	}
	shift := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if digits[0] == '-' {
		shift = -shift
	}
	t.at, t.ahead = t.at.Add(-shift), shift
	return true
}

// goZone reports whether text is a zone's name as Go prints it, with its monotonic clock behind it or not.
func goZone(text string) bool {
	name, clock, more := strings.Cut(text, " ")
	return name != "" && (!more || strings.HasPrefix(clock, "m="))
}
