package migrate

import (
	"encoding/binary"
	"math"
	"strconv"

	"zombiezen.com/go/sqlite"
)

// decimal is 0.DIGITS × 10^point, negative or not. Its digits have neither leading nor trailing zeros; zero has none.
type decimal struct {
	neg    bool
	digits []byte // '0' to '9'
	point  int
	scale  int  // decimals as written: 2 for 1.50, but no more zeros than numeric can show
	cut    bool // there were more
}

// The limits of numeric.
const (
	mostIntegerDigits = 131072
	mostScale         = 16383
)

// scanDecimal reads [sign] digits [. digits] [e [sign] digits], keeping the digits in scratch.
func scanDecimal(scratch, b []byte) (decimal, bool) {
	d := decimal{digits: scratch[:0]}
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.neg = b[0] == '-'
		b = b[1:]
	}
	seen, inFraction, exponent := 0, false, 0
loop:
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			seen++
			d.addDigit(c, inFraction)
		case c == '.' && !inFraction:
			inFraction = true
		case (c == 'e' || c == 'E') && seen > 0:
			e, ok := parseInteger(b[i+1:])
			if !ok || e > 1<<20 || e < -(1<<20) {
				return d, false
			}
			exponent = int(e)
			break loop
		default:
			return d, false
		}
	}
	d.point += exponent
	d.scale = max(d.scale-exponent, 0)
	for n := len(d.digits); n > 0 && d.digits[n-1] == '0'; n = len(d.digits) {
		d.digits = d.digits[:n-1]
	}
	if len(d.digits) == 0 {
		d.neg, d.point = false, 0
	}
	if d.cut = d.scale > mostScale; d.cut {
		d.scale = mostScale
	}
	return d, seen > 0 && d.point <= mostIntegerDigits && d.decimals() <= mostScale
}

func (d *decimal) addDigit(c byte, inFraction bool) {
	if inFraction {
		d.scale++
	}
	if c == '0' && len(d.digits) == 0 { // a leading zero
		if inFraction {
			d.point--
		}
		return
	}
	if !inFraction {
		d.point++
	}
	d.digits = append(d.digits, c)
}

// decimals returns how many digits behind the point it takes to write d exactly.
func (d *decimal) decimals() int { return max(len(d.digits)-d.point, 0) }

// fits reports whether numeric(precision, scale) holds d exactly.
func (d *decimal) fits(precision, scale int) bool {
	return len(d.digits) == 0 || d.point <= precision-scale && d.decimals() <= scale
}

// decimalOf reads v as a decimal number; a REAL by its shortest digits that read back as the same number.
func decimalOf(scratch []byte, v value) (decimal, bool) {
	var buf [40]byte
	switch v.class {
	case sqlite.TypeInteger:
		return scanDecimal(scratch, strconv.AppendInt(buf[:0], v.i, 10))
	case sqlite.TypeFloat:
		if math.IsInf(v.f, 0) {
			return decimal{}, false
		}
		d, ok := scanDecimal(scratch, strconv.AppendFloat(buf[:0], v.f, 'e', -1, 64))
		d.scale = d.decimals()
		return d, ok
	case sqlite.TypeText:
		return scanDecimal(scratch, v.b)
	}
	return decimal{}, false
}

func newDecimalEncoder(args []int) encodeFunc {
	precision, scale, limited := 0, 0, len(args) > 0
	if limited {
		precision = args[0]
	}
	if len(args) > 1 {
		scale = args[1]
	}
	var scratch []byte
	return func(dst []byte, v value) ([]byte, string) {
		if v.class == sqlite.TypeNull {
			return appendNull(dst), ""
		}
		if v.class == sqlite.TypeFloat && math.IsInf(v.f, 0) && !limited {
			return appendInfinity(dst, v.f > 0), ""
		}
		d, ok := decimalOf(scratch, v)
		if d.digits != nil {
			scratch = d.digits
		}
		if !ok {
			return dst, refusal(v, "a number that numeric can hold")
		}
		if limited && !d.fits(precision, scale) {
			return dst, refusal(v, "exact in numeric("+strconv.Itoa(precision)+","+strconv.Itoa(scale)+")")
		}
		return appendNumeric(dst, d), ""
	}
}

// appendInfinity appends what PostgreSQL 14 and newer read as an infinite numeric.
func appendInfinity(dst []byte, positive bool) []byte {
	if positive {
		return append(dst, 0, 0, 0, 8, 0, 0, 0, 0, 0xd0, 0, 0, 0)
	}
	return append(dst, 0, 0, 0, 8, 0, 0, 0, 0, 0xf0, 0, 0, 0)
}

// appendNumeric appends d as numeric's binary form: a count of base-10000 digits, the weight of the first one, the
// sign, the number of decimals to show, the digits.
func appendNumeric(dst []byte, d decimal) []byte {
	lead := ((d.point % 4) + 4) % 4 // decimal digits in the first group, 0 meaning 4
	if lead == 0 {
		lead = 4
	}
	groups, weight := 0, 0
	if len(d.digits) > 0 {
		groups = 1
		if len(d.digits) > lead {
			groups += (len(d.digits) - lead + 3) / 4
		}
		weight = (d.point - lead) / 4
	}
	dst = appendLength(dst, 8+2*groups)
	dst = binary.BigEndian.AppendUint16(dst, uint16(groups))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	sign := uint16(0)
	if d.neg {
		sign = 0x4000
	}
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(d.scale))
	at := 0
	for size := lead; at < len(d.digits); size = 4 {
		group := uint16(0)
		for range size {
			group *= 10
			if at < len(d.digits) {
				group += uint16(d.digits[at] - '0')
			}
			at++
		}
		dst = binary.BigEndian.AppendUint16(dst, group)
	}
	return dst
}
