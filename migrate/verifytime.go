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

// newCanonTime returns the function for a column of dates or times.
func newCanonTime(convert Conversion) (canonFunc, error) {
	switch convert {
	case ConvertDate:
		return canonDate, nil
	case ConvertTime:
		return canonClock, nil
	case ConvertTimestamp:
		return canonTimestamp, nil
	case ConvertEpoch:
		return func(dst []byte, v value) ([]byte, bool) { return canonEpoch(dst, v, time.Second) }, nil
	case ConvertEpochMS:
		return func(dst []byte, v value) ([]byte, bool) { return canonEpoch(dst, v, time.Millisecond) }, nil
	case ConvertEpochUS:
		return func(dst []byte, v value) ([]byte, bool) { return canonEpoch(dst, v, time.Microsecond) }, nil
	case ConvertJulian:
		return canonJulian, nil
	}
	return nil, fmt.Errorf("unknown conversion %q", convert)
}

// canonTimeOf returns the function for a column of dates or times, whose type may say how many decimals a second has.
func canonTimeOf(convert Conversion, limits []int) (canonFunc, error) {
	canon, err := newCanonTime(convert)
	if err != nil || len(limits) == 0 || limits[0] >= 6 {
		return canon, err
	}
	finest := int64(math.Pow10(6 - max(limits[0], 0)))
	return func(dst []byte, v value) ([]byte, bool) {
		out, ok := canon(dst, v)
		if !ok {
			return dst, false
		}
		bits, err := strconv.ParseUint(strings.TrimPrefix(string(out[len(dst):]), `\x`), 16, 64)
		return out, err == nil && int64(bits)%finest == 0
	}, nil
}

// instant is a date, a time of day or both, as a text states it.
type instant struct {
	at      time.Time // in UTC; on 2000-01-01 when the text has no date
	dated   bool
	clocked bool
	zoned   bool
	finer   bool // than microseconds
}

func canonDate(dst []byte, v value) ([]byte, bool) {
	t, ok := readInstant(v)
	if !ok || !t.dated || t.zoned || t.finer || !t.at.Equal(t.at.Truncate(24*time.Hour)) {
		return dst, false
	}
	days := t.at.Unix()/86400 - pgEpoch.Unix()/86400
	return fmt.Appendf(dst, `\x%08x`, uint32(int32(days))), true
}

func canonClock(dst []byte, v value) ([]byte, bool) {
	t, ok := readInstant(v)
	if !ok || !t.clocked || t.zoned || t.at.Before(pgEpoch) || !t.at.Before(pgEpoch.Add(24*time.Hour)) {
		return dst, false
	}
	return appendHex(dst, uint64(t.at.Sub(pgEpoch).Microseconds())), true
}

func canonTimestamp(dst []byte, v value) ([]byte, bool) {
	t, ok := readInstant(v)
	if !ok || !t.dated {
		return dst, false
	}
	return appendMoment(dst, t.at)
}

// appendMoment appends a timestamp as PostgreSQL sends it.
func appendMoment(dst []byte, t time.Time) ([]byte, bool) {
	return appendHex(dst, uint64(t.UnixMicro()-pgEpoch.UnixMicro())), true
}

func canonEpoch(dst []byte, v value, unit time.Duration) ([]byte, bool) {
	micros := int64(unit / time.Microsecond)
	var since int64
	switch v.class {
	case sqlite.TypeInteger:
		since = v.i * micros
		if since/micros != v.i {
			return dst, false
		}
	case sqlite.TypeFloat:
		f := math.Round(v.f * float64(micros))
		if math.Abs(f) >= 1<<63 {
			return dst, false
		}
		since = int64(f)
	default:
		return canonTimestamp(dst, v)
	}
	return canonMicros(dst, since)
}

// canonMicros appends a timestamp that is so many microseconds after 1970.
func canonMicros(dst []byte, since int64) ([]byte, bool) {
	t := time.UnixMicro(since).UTC()
	first := time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	if t.Before(first) || t.Year() > 294246 { // the limits of timestamp, the upper one as an offset from 1970
		return dst, false
	}
	return appendMoment(dst, t)
}

func canonJulian(dst []byte, v value) ([]byte, bool) {
	days := v.f
	switch v.class {
	case sqlite.TypeInteger:
		days = float64(v.i)
	case sqlite.TypeFloat:
	default:
		return canonTimestamp(dst, v)
	}
	if days < 0 || days >= 5373484.5 {
		return dst, false
	}
	const day1970 = 2440587.5 // in milliseconds, which is how finely SQLite reads Julian days
	return canonMicros(dst, (int64(days*86400000+0.5)-day1970*86400000)*1000)
}

// readInstant reads the forms of ISO 8601 that SQLite's own functions read and that drivers write.
func readInstant(v value) (instant, bool) {
	if v.class != sqlite.TypeText {
		return instant{}, false
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
	if digits[0] == '+' {
		shift = -shift
	}
	t.at = t.at.Add(shift)
	return true
}

// goZone reports whether text is a zone's name as Go prints it, with its monotonic clock behind it or not.
func goZone(text string) bool {
	name, clock, more := strings.Cut(text, " ")
	return name != "" && (!more || strings.HasPrefix(clock, "m="))
}
