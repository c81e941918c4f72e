package migrate

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// The readers of formats here serve the profile and the encoders alike, so that a plan counts as fitting exactly what
// the load will take. They work on bytes and allocate nothing, because every value of the source passes through them.

// textProblem returns why PostgreSQL cannot hold b as text, or "".
func textProblem(b []byte) string {
	if bytes.IndexByte(b, 0) >= 0 {
		return "the text holds a NUL byte"
	}
	if !utf8.Valid(b) {
		return "the text is not valid UTF-8"
	}
	return ""
}

// parseInteger reads an optional sign and digits.
func parseInteger(b []byte) (int64, bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	var u uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || u > (math.MaxUint64-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// parseFloat reads a decimal number in the range of double precision.
func parseFloat(b []byte) (float64, bool) {
	d, ok := scanDecimal(nil, b)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil && (f != 0 || len(d.digits) == 0)
}

// parseBoolean reads the words for true and false that ORMs and people write.
func parseBoolean(b []byte) (truth, ok bool) {
	if len(b) == 0 || len(b) > 5 {
		return false, false
	}
	var low [5]byte
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(b)]) {
	case "1", "t", "y", "true", "yes", "on":
		return true, true
	case "0", "f", "n", "false", "no", "off":
		return false, true
	}
	return false, false
}

// parseUUID reads 32 hexadecimal digits, bare or with the four hyphens of RFC 9562.
func parseUUID(b []byte) (id [16]byte, ok bool) {
	var digits [32]byte
	switch {
	case len(b) == 32:
		copy(digits[:], b)
	case len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-':
		n := copy(digits[:], b[:8])
		n += copy(digits[n:], b[9:13])
		n += copy(digits[n:], b[14:18])
		n += copy(digits[n:], b[19:23])
		copy(digits[n:], b[24:])
	default:
		return id, false
	}
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

// appendNumberText appends an INTEGER or REAL as SQLite prints it, except that a REAL gets as many digits as it takes
// to read back as the same number, where SQLite stops at 15.
func appendNumberText(dst []byte, v value) []byte {
	switch {
	case v.class == sqlite.TypeInteger:
		return strconv.AppendInt(dst, v.i, 10)
	case math.IsInf(v.f, 1):
		return append(dst, "Inf"...)
	case math.IsInf(v.f, -1):
		return append(dst, "-Inf"...)
	}
	form := byte('f')
	if abs := math.Abs(v.f); abs != 0 && (abs < 1e-4 || abs >= 1e15) {
		form = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v.f, form, -1, 64)
	if bytes.IndexByte(dst[start:], '.') >= 0 {
		return dst
	}
	if e := bytes.IndexByte(dst[start:], 'e'); e >= 0 { // 1e+20 is 1.0e+20
		dst = append(dst, 0, 0)
		copy(dst[start+e+2:], dst[start+e:])
		dst[start+e], dst[start+e+1] = '.', '0'
		return dst
	}
	return append(dst, ".0"...)
}
