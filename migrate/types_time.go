package migrate

import (
	"fmt"
	"strings"
)

// timeMisfits counts the values of p that a date or time cannot hold, or more where that would take another look at them.
func (p *profile) timeMisfits(t target) int64 {
	base, args := splitType(t.typ)
	n := p.tooFine(t.convert, args)
	moments := p.count(formatMoment) + p.count(formatMomentZone)
	switch t.convert {
	case ConvertDate:
		return n + p.numbers() + p.Text - p.count(formatDate) + p.Blob
	case ConvertTime:
		return n + p.numbers() + p.Text - p.count(formatTime) + p.Blob
	case ConvertTimestamp:
		if base == toTimestamp.typ { // a zone must not be lost
			moments = p.count(formatMoment) + p.count(formatMomentUTC)
		}
		return n + p.numbers() + p.Text - moments + p.Blob
	case ConvertJulian:
		return n + p.Integer - p.julianDays + p.Real - p.julian + p.Text - moments + p.Blob
	}
	if p.epochUnit() != t.convert {
		return p.values()
	}
	return n + p.infinite + p.Text - moments + p.Blob
}

// tooFine counts the times with more decimals than a type has room for; of numbers it knows the unit only.
func (p *profile) tooFine(convert Conversion, args []int) (n int64) {
	if len(args) == 0 {
		return 0
	}
	for d := max(args[0], 0) + 1; d < len(p.decimals); d++ {
		n += p.decimals[d]
	}
	switch unit := map[Conversion]int{ConvertEpochMS: 3, ConvertEpochUS: 6, ConvertJulian: 3, ConvertInterval: 6}[convert]; {
	case p.Real > 0 && convert != ConvertJulian && args[0] < 6:
		n += p.numbers()
	case unit > args[0]:
		n += p.numbers()
	}
	return n
}

// preferredTime lists the types that a declared date or time asks for, those first that keep what it says: the decimals
// of timestamp(p), and the zone where values have one.
func (p *profile) preferredTime(d declaredType) []target {
	plain, zoned := p.precise(d, toTimestamp), p.precise(d, toTimestampTZ)
	timestamps := []target{plain, zoned}
	if p.count(formatMomentZone) > 0 {
		timestamps = []target{zoned, plain}
	}
	epochs := []target{p.precise(d, toEpoch), p.precise(d, toEpochMS), p.precise(d, toEpochUS), p.precise(d, toJulian)}
	switch d.family {
	case familyDate:
		return append(append([]target{toDate}, timestamps...), epochs...)
	case familyTime:
		return []target{p.precise(d, toTime), toTimestamp}
	case familyTimestampZone:
		return append([]target{zoned}, epochs...)
	}
	return append(timestamps, epochs...)
}

// precise gives a type the decimals that were declared, as in timestamp(3), if no value has more.
func (p *profile) precise(d declaredType, t target) target {
	if d.family == familyDate || len(d.args) != 1 || d.args[0] < 0 || d.args[0] > 6 || p.tooFine(t.convert, d.args) > 0 {
		return t
	}
	return t.withDecimals(d.args[0])
}

// bare returns the type without the decimals that it has room for.
func (t target) bare() target {
	base, _ := splitType(t.typ)
	return target{base, t.convert}
}

func (t target) withDecimals(n int) target {
	name, rest, _ := strings.Cut(t.typ, " ")
	return target{fmt.Sprintf("%s(%d) %s", name, n, rest), t.convert}
}

// The units of numbers that stand for times, with the range in which the largest of them must lie to be one: between 1973
// and 2286. In seconds such a time has 9 or 10 digits, in milliseconds 12 or 13, in microseconds 15 or 16.
var epochUnits = [3]struct {
	convert     Conversion
	perSecond   float64
	first, last float64
}{
	{ConvertEpoch, 1, 1e8, 1e10}, {ConvertEpochMS, 1e3, 1e11, 1e13}, {ConvertEpochUS, 1e6, 1e14, 1e16},
}

// addEpoch notes what an integer of a column declared as a time could be.
func (p *profile) addEpoch(i int64) {
	for at, unit := range epochUnits {
		if f := float64(max(i, -i)); f >= unit.first && f < unit.last {
			p.epochs[at]++
		}
	}
	if i >= 2_378_497 && i < 2_561_118 {
		p.julianDays++
	}
	if isCalendar(i) {
		p.calendar++
	}
}

// isCalendar reports whether a number is a date and time of day run together: 2024013110, 202401311000 and so on.
func isCalendar(i int64) bool {
	switch {
	case i >= 1e15 && i < 1e16: // to hundredths of a second
		i /= 1e6
	case i >= 1e11 && i < 1e12:
		i /= 100
	case i < 1e9 || i >= 1e10:
		return false
	}
	year, month, day, hour := i/1_000_000, i/10_000%100, i/100%100, i%100
	return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour < 24
}

// epochUnit infers the unit of numbers that stand for times, one for the whole column, from the largest of them. It returns
// "" for numbers that are no such times, among them dates written as 20240131. None may lie before 1900.
func (p *profile) epochUnit() Conversion {
	var low, high float64
	switch {
	case p.numbers() == p.infinite, p.calendar > 0 && p.calendar+p.zeros == p.Integer:
		return ""
	case p.Real == p.infinite:
		low, high = float64(p.MinInteger), float64(p.MaxInteger)
	case p.Integer == 0:
		low, high = p.MinReal, p.MaxReal
	default:
		low, high = min(float64(p.MinInteger), p.MinReal), max(float64(p.MaxInteger), p.MaxReal)
	}
	for _, unit := range epochUnits {
		if size := max(-low, high); size >= unit.first && size < unit.last && low > -2_208_988_800*unit.perSecond {
			return unit.convert
		}
	}
	return ""
}

// otherUnits counts the numbers that would be times of this age in another unit than the column's.
func (p *profile) otherUnits() (n int64) {
	for at, unit := range epochUnits {
		if unit.convert != p.epochUnit() {
			n += p.epochs[at]
		}
	}
	return n
}
