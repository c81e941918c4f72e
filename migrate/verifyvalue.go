package migrate

import (
	"bytes"
	"crypto/md5" // #nosec: against accidents, not against adversaries
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// The rows of views are compared by a canonical text of every value, which people read too. Nothing here may call the
// encoders of the load: a mistake that both made would not be seen.
//
//	smallint, integer, bigint        -17
//	boolean                          true
//	double precision, date, time, …  \x and the hexadecimal digits of PostgreSQL's binary form
//	numeric                          17.5, without trailing zeros
//	text, character varying          5:bytes, with their number before them
//	bytea                            5:md5
//	jsonb                            as PostgreSQL prints it, and 0x1f, which it never prints
//	uuid                             with hyphens, in lower case
//	interval                         its microseconds
//	NULL                             ~
//
// A row is the texts of its columns with | after each; no two different rows have the same.

// canonFunc appends the canonical text of v. It returns false for a value that the column cannot hold.
type canonFunc func(dst []byte, v value) ([]byte, bool)

// newCanon returns the function for the values of one column.
func newCanon(c Column) (canonFunc, error) {
	base, args := typeParts(c.Type)
	switch c.Convert {
	case ConvertInteger:
		bits := integerBits(base)
		return func(dst []byte, v value) ([]byte, bool) { return canonInteger(dst, v, bits) }, nil
	case ConvertBoolean:
		return canonBoolean, nil
	case ConvertReal:
		return canonReal, nil
	case ConvertDecimal:
		return func(dst []byte, v value) ([]byte, bool) { return canonDecimal(dst, v, args) }, nil
	case ConvertText:
		return func(dst []byte, v value) ([]byte, bool) { return canonText(dst, v, args) }, nil
	case ConvertBytes:
		return canonBytes, nil
	case ConvertJSON:
		return canonJSON, nil
	case ConvertUUID:
		return canonUUID, nil
	case ConvertInet:
		return canonInet, nil
	case ConvertInterval:
		return func(dst []byte, v value) ([]byte, bool) { return canonInterval(dst, v, finest(args)) }, nil
	}
	return canonTimeOf(c.Convert, args)
}

// typeParts splits a type's name from its modifiers: "numeric(10,2)" is numeric and 10, 2.
func typeParts(t string) (base string, args []int) {
	open, end := strings.IndexByte(t, '('), strings.IndexByte(t, ')')
	if open < 0 || end < open {
		return t, nil
	}
	for arg := range strings.SplitSeq(t[open+1:end], ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(arg)); err == nil {
			args = append(args, n)
		}
	}
	return strings.Join(strings.Fields(t[:open]+" "+t[end+1:]), " "), args
}

func integerBits(base string) int {
	return map[string]int{"smallint": 16, "integer": 32, "bigint": 64}[base]
}

func canonInteger(dst []byte, v value, bits int) ([]byte, bool) {
	i, ok := heldInteger(v, bits)
	if !ok {
		return dst, false
	}
	return strconv.AppendInt(dst, i, 10), true
}

// heldInteger returns the number that v becomes in an integer type of so many bits.
func heldInteger(v value, bits int) (int64, bool) {
	i := v.i
	switch v.class {
	case sqlite.TypeFloat:
		if i = int64(v.f); v.f < -1<<63 || v.f >= 1<<63 || float64(i) != v.f {
			return 0, false
		}
	case sqlite.TypeText:
		var err error
		if i, err = strconv.ParseInt(string(v.b), 10, 64); err != nil {
			return 0, false
		}
	case sqlite.TypeBlob:
		return 0, false
	}
	return i, i>>(bits-1) == i>>63 // nothing but the sign above the type's bits
}

func canonBoolean(dst []byte, v value) ([]byte, bool) {
	truth, ok := heldBoolean(v)
	if !ok {
		return dst, false
	}
	return strconv.AppendBool(dst, truth), true
}

func heldBoolean(v value) (truth, ok bool) {
	word := ""
	switch v.class {
	case sqlite.TypeInteger:
		return v.i == 1, v.i == 0 || v.i == 1
	case sqlite.TypeText:
		word = strings.ToLower(string(v.b))
	}
	if slices.Contains([]string{"1", "t", "true", "y", "yes", "on"}, word) {
		return true, true
	}
	return false, slices.Contains([]string{"0", "f", "false", "n", "no", "off"}, word)
}

func canonReal(dst []byte, v value) ([]byte, bool) {
	f, ok := heldReal(v)
	if !ok {
		return dst, false
	}
	return appendHex(dst, math.Float64bits(f), 16), true
}

func heldReal(v value) (float64, bool) {
	switch v.class {
	case sqlite.TypeInteger:
		return float64(v.i), v.i <= 1<<53 && v.i >= -1<<53 // beyond, neighbouring integers become the same number
	case sqlite.TypeText:
		text := string(v.b)
		if strings.Trim(text, "+-0123456789.eE") != "" { // inf, nan, 0x10 and 1_000 are numbers for Go only
			return 0, false
		}
		f, err := strconv.ParseFloat(text, 64)
		mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
		return f, err == nil && (f != 0 || strings.Trim(mantissa, "+-0.") == "") // what is too small is not zero
	case sqlite.TypeBlob:
		return 0, false
	}
	return v.f, true
}

// appendHex appends what bytea's output makes of a number of so many hexadecimal digits.
func appendHex(dst []byte, bits uint64, length int) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '\\', 'x')
	for shift := 4 * (length - 1); shift >= 0; shift -= 4 {
		dst = append(dst, digits[bits>>shift&15])
	}
	return dst
}

func canonDecimal(dst []byte, v value, limits []int) ([]byte, bool) {
	text := ""
	switch v.class {
	case sqlite.TypeInteger:
		text = strconv.FormatInt(v.i, 10)
	case sqlite.TypeFloat:
		if math.IsInf(v.f, 0) {
			return append(dst, map[bool]string{true: "Infinity", false: "-Infinity"}[v.f > 0]...), len(limits) == 0
		}
		text = strconv.FormatFloat(v.f, 'f', -1, 64)
	case sqlite.TypeText:
		text = string(v.b)
	case sqlite.TypeBlob:
		return dst, false
	}
	plain, ok := plainDecimal(text)
	if !ok {
		return dst, false
	}
	plain = trimDecimal(plain)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(plain, "-"), ".")
	if len(limits) > 0 {
		scale := 0
		if len(limits) > 1 {
			scale = limits[1]
		}
		if len(fraction) > scale || whole != "0" && len(whole) > limits[0]-scale {
			return dst, false
		}
	}
	return append(dst, plain...), len(whole) <= 131072 && len(fraction) <= 16383
}

// plainDecimal writes a number without an exponent, with the digits behind the point that PostgreSQL keeps: 1.50e1 is
// 15.0. It returns false for what is not a number.
func plainDecimal(text string) (string, bool) {
	sign := ""
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		sign, text = strings.TrimPrefix(text[:1], "+"), text[1:]
	}
	exponent := 0
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		n, err := strconv.Atoi(text[e+1:])
		if err != nil || n > 1<<20 || n < -1<<20 {
			return "", false
		}
		exponent, text = n, text[:e]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	switch {
	case exponent > 0:
		fraction += strings.Repeat("0", max(exponent-len(fraction), 0))
		whole, fraction = whole+fraction[:exponent], fraction[exponent:]
	case exponent < 0:
		whole = strings.Repeat("0", max(-exponent-len(whole), 0)) + whole
		whole, fraction = whole[:len(whole)+exponent], whole[len(whole)+exponent:]+fraction
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if strings.Trim(whole+fraction, "0") == "" {
		sign = "" // numeric has no negative zero
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}

// trimDecimal takes the trailing zeros from a plain number.
func trimDecimal(plain string) string {
	if !strings.Contains(plain, ".") {
		return plain
	}
	return strings.TrimSuffix(strings.TrimRight(plain, "0"), ".")
}

func canonText(dst []byte, v value, limits []int) ([]byte, bool) {
	text, ok := heldText(v, limits)
	if !ok {
		return dst, false
	}
	dst = append(strconv.AppendInt(dst, int64(len(text)), 10), ':')
	return append(dst, text...), true
}

func heldText(v value, limits []int) ([]byte, bool) {
	text := heldBytes(v)
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, false
	}
	return text, len(limits) == 0 || utf8.RuneCount(text) <= limits[0]
}

// numberText writes a number as SQLite does: reals always with a point, with an exponent of two digits below 1e-4 and
// from 1e15 on.
func numberText(v value) string {
	if v.class == sqlite.TypeInteger {
		return strconv.FormatInt(v.i, 10)
	}
	if math.IsInf(v.f, 0) {
		return strings.TrimPrefix(strconv.FormatFloat(v.f, 'g', -1, 64), "+")
	}
	if size := math.Abs(v.f); size != 0 && (size < 1e-4 || size >= 1e15) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v.f, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		return mantissa + "e" + exponent
	}
	text := strconv.FormatFloat(v.f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func canonBytes(dst []byte, v value) ([]byte, bool) {
	b := heldBytes(v)
	sum := md5.Sum(b)
	dst = append(strconv.AppendInt(dst, int64(len(b)), 10), ':')
	return hex.AppendEncode(dst, sum[:]), true
}

func canonUUID(dst []byte, v value) ([]byte, bool) {
	digits := ""
	switch v.class {
	case sqlite.TypeBlob:
		digits = hex.EncodeToString(v.b)
	case sqlite.TypeText:
		digits = strings.ToLower(string(v.b))
		if len(digits) == 36 {
			for _, at := range []int{8, 13, 18, 23} {
				if digits[at] != '-' {
					return dst, false
				}
			}
			digits = strings.ReplaceAll(digits, "-", "")
		}
	}
	if len(digits) != 32 || strings.Trim(digits, "0123456789abcdef") != "" {
		return dst, false
	}
	return fmt.Appendf(dst, "%s-%s-%s-%s-%s", digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]), true
}

// heldBytes returns the bytes of a text or blob, and a number as text.
func heldBytes(v value) []byte {
	if v.class == sqlite.TypeInteger || v.class == sqlite.TypeFloat {
		return []byte(numberText(v))
	}
	return v.b
}

// displayValue shows a value of the source to a person, cut off where it gets long.
func displayValue(v value) string {
	text := ""
	if v.isLarge() {
		return byteCount(v.large.size())
	}
	switch v.class {
	case sqlite.TypeNull:
		return "NULL"
	case sqlite.TypeInteger, sqlite.TypeFloat:
		return numberText(v)
	case sqlite.TypeText:
		text = strings.ToValidUTF8(string(v.b), "\uFFFD")
	case sqlite.TypeBlob:
		text = `\x` + hex.EncodeToString(v.b[:min(len(v.b), 40)])
	}
	if utf8.RuneCountInString(text) > 80 {
		return string([]rune(text)[:80])
	}
	return text
}
