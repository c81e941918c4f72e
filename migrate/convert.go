package migrate

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// encodeFunc appends the field of PostgreSQL's binary COPY format that holds v: four bytes of length and the payload,
// or the length -1 for NULL. When the column cannot hold v it returns dst as it came and the reason. An encodeFunc may
// keep scratch memory: each goroutine makes its own.
type encodeFunc func(dst []byte, v value) (out []byte, reason string)

// newEncoder returns the function that converts the values of c.
func newEncoder(c Column) (encodeFunc, error) {
	base, args := splitType(c.Type)
	switch c.Convert {
	case ConvertInteger:
		return newIntegerEncoder(c, base)
	case ConvertBoolean:
		return expect(c, base, "boolean", encodeBoolean)
	case ConvertReal:
		return expect(c, base, "double precision", encodeReal)
	case ConvertDecimal:
		return expect(c, base, "numeric", newDecimalEncoder(args))
	case ConvertText:
		return newTextEncoder(c, base, args)
	case ConvertBytes:
		return expect(c, base, "bytea", newBytesEncoder())
	case ConvertJSON:
		return expect(c, base, "jsonb", newJSONEncoder())
	case ConvertUUID:
		return expect(c, base, "uuid", encodeUUID)
	case ConvertInet:
		return expect(c, base, "inet", encodeInet)
	}
	encode, err := newTimeEncoder(c, base)
	if err != nil || len(args) == 0 {
		return encode, err
	}
	return withinPrecision(encode, args[0], c.Type), nil
}

// newTimeEncoder returns the function for a conversion to a date, a time, a timestamp or an interval.
func newTimeEncoder(c Column, base string) (encodeFunc, error) {
	switch c.Convert {
	case ConvertDate:
		return expect(c, base, "date", encodeDate)
	case ConvertTime:
		return expect(c, base, "time without time zone", encodeTime)
	case ConvertTimestamp:
		return expectTimestamp(c, base, encodeTimestamp)
	case ConvertEpoch:
		return expectTimestamp(c, base, newEpochEncoder(1_000_000))
	case ConvertEpochMS:
		return expectTimestamp(c, base, newEpochEncoder(1_000))
	case ConvertEpochUS:
		return expectTimestamp(c, base, newEpochEncoder(1))
	case ConvertJulian:
		return expectTimestamp(c, base, encodeJulian)
	case ConvertInterval:
		return expect(c, base, "interval", encodeInterval)
	}
	return nil, fmt.Errorf("column %s: unknown conversion %q", c.Name, c.Convert)
}

// expect refuses an edited plan whose conversion does not yield the column's type.
func expect(c Column, base, want string, encode encodeFunc) (encodeFunc, error) {
	if base != want {
		return nil, fmt.Errorf("column %s: conversion %q yields %s, not %s", c.Name, c.Convert, want, c.Type)
	}
	return encode, nil
}

// expectTimestamp does so for a conversion whose UTC serves timestamps with and without a zone.
func expectTimestamp(c Column, base string, encode encodeFunc) (encodeFunc, error) {
	if base == "timestamp without time zone" {
		return encode, nil
	}
	return expect(c, base, "timestamp with time zone", encode)
}

// withinPrecision refuses times with more decimals of a second than their type has, which PostgreSQL would round.
func withinPrecision(encode encodeFunc, decimals int, typ string) encodeFunc {
	unit := int64(microsPerSecond)
	for range min(max(decimals, 0), 6) {
		unit /= 10
	}
	return func(dst []byte, v value) ([]byte, string) {
		out, reason := encode(dst, v)
		if field := out[len(dst):]; len(field) >= 12 && int64(binary.BigEndian.Uint64(field[4:]))%unit != 0 {
			return dst, refusal(v, "exact in "+shortType(typ))
		}
		return out, reason
	}
}

// splitType splits "numeric(10,2)" into "numeric" and 10, 2. What stands behind the parentheses belongs to the name, as
// in "timestamp(3) without time zone".
func splitType(t string) (base string, args []int) {
	name, rest, ok := strings.Cut(t, "(")
	if !ok {
		return strings.TrimSpace(t), nil
	}
	list, tail, _ := strings.Cut(rest, ")")
	for _, a := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(a))
		if err != nil {
			break
		}
		args = append(args, n)
	}
	return strings.TrimSpace(strings.TrimSpace(name) + " " + strings.TrimSpace(tail)), args
}

func newIntegerEncoder(c Column, base string) (encodeFunc, error) {
	switch base {
	case "bigint":
		return encodeBigint, nil
	case "integer":
		return newSmallEncoder(base, math.MinInt32, math.MaxInt32, func(dst []byte, i int64) []byte {
			return binary.BigEndian.AppendUint32(appendLength(dst, 4), uint32(i))
		}), nil
	case "smallint":
		return newSmallEncoder(base, math.MinInt16, math.MaxInt16, func(dst []byte, i int64) []byte {
			return binary.BigEndian.AppendUint16(appendLength(dst, 2), uint16(i))
		}), nil
	}
	return nil, fmt.Errorf("column %s: conversion %q yields an integer type, not %s", c.Name, c.Convert, c.Type)
}

func encodeBigint(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	i, ok := wholeNumber(v)
	if !ok {
		return dst, refusal(v, "an integer")
	}
	return appendInt64(dst, i), ""
}

func newSmallEncoder(name string, lowest, highest int64, put func([]byte, int64) []byte) encodeFunc {
	return func(dst []byte, v value) ([]byte, string) {
		if v.class == sqlite.TypeNull {
			return appendNull(dst), ""
		}
		i, ok := wholeNumber(v)
		if !ok {
			return dst, refusal(v, "an integer")
		}
		if i < lowest || i > highest {
			return dst, strconv.FormatInt(i, 10) + " is out of range for " + name
		}
		return put(dst, i), ""
	}
}

// wholeNumber reads v as an integer if it is one, in whatever storage class.
func wholeNumber(v value) (int64, bool) {
	switch v.class {
	case sqlite.TypeInteger:
		return v.i, true
	case sqlite.TypeFloat:
		if v.f >= -(1<<63) && v.f < 1<<63 && v.f == math.Trunc(v.f) {
			return int64(v.f), true
		}
	case sqlite.TypeText:
		return parseInteger(v.b)
	}
	return 0, false
}

func encodeBoolean(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	truth, ok := truthValue(v)
	switch {
	case !ok:
		return dst, refusal(v, "a boolean")
	case truth:
		return append(dst, 0, 0, 0, 1, 1), ""
	}
	return append(dst, 0, 0, 0, 1, 0), ""
}

func truthValue(v value) (truth, ok bool) {
	switch v.class {
	case sqlite.TypeInteger:
		return v.i == 1, v.i == 0 || v.i == 1
	case sqlite.TypeText:
		return parseBoolean(v.b)
	}
	return false, false
}

func encodeReal(dst []byte, v value) ([]byte, string) {
	f := v.f
	switch v.class {
	case sqlite.TypeNull:
		return appendNull(dst), ""
	case sqlite.TypeInteger:
		f = float64(v.i)
		if !exactFloat(v.i) {
			return dst, refusal(v, "exact in double precision")
		}
	case sqlite.TypeText:
		var ok bool
		if f, ok = parseFloat(v.b); !ok {
			return dst, refusal(v, "a number")
		}
	case sqlite.TypeBlob:
		return dst, refusal(v, "a number")
	}
	return appendInt64(dst, int64(math.Float64bits(f))), ""
}

// exactFloat reports whether double precision holds i.
func exactFloat(i int64) bool { return i >= -(1<<53) && i <= 1<<53 }

func newTextEncoder(c Column, base string, args []int) (encodeFunc, error) {
	limit := math.MaxInt
	switch base {
	case "text":
	case "character varying":
		if len(args) > 0 {
			limit = args[0]
		}
	default:
		return nil, fmt.Errorf("column %s: conversion %q yields text, not %s", c.Name, c.Convert, c.Type)
	}
	var scratch []byte
	return func(dst []byte, v value) ([]byte, string) {
		text := v.b
		switch v.class {
		case sqlite.TypeNull:
			return appendNull(dst), ""
		case sqlite.TypeInteger, sqlite.TypeFloat:
			scratch = appendNumberText(scratch[:0], v)
			text = scratch
		default:
			if reason := textProblem(text); reason != "" {
				return dst, reason
			}
		}
		if len(text) > limit && utf8.RuneCount(text) > limit {
			return dst, "longer than " + strconv.Itoa(limit) + " characters"
		}
		return append(appendLength(dst, len(text)), text...), ""
	}, nil
}

func newBytesEncoder() encodeFunc {
	var scratch []byte
	return func(dst []byte, v value) ([]byte, string) {
		b := v.b
		switch v.class {
		case sqlite.TypeNull:
			return appendNull(dst), ""
		case sqlite.TypeInteger, sqlite.TypeFloat:
			scratch = appendNumberText(scratch[:0], v)
			b = scratch
		}
		return append(appendLength(dst, len(b)), b...), ""
	}
}

func newJSONEncoder() encodeFunc {
	var scratch []byte
	var scanner jsonScanner
	return func(dst []byte, v value) ([]byte, string) {
		text := v.b
		switch v.class {
		case sqlite.TypeNull:
			return appendNull(dst), ""
		case sqlite.TypeInteger, sqlite.TypeFloat:
			if v.class == sqlite.TypeFloat && math.IsInf(v.f, 0) {
				return dst, refusal(v, "JSON")
			}
			scratch = appendNumberText(scratch[:0], v)
			text = scratch
		case sqlite.TypeBlob:
			return dst, refusal(v, "JSON")
		default:
			if problem := scanner.problemOf(text); problem != "" {
				return dst, refusal(v, "JSON that PostgreSQL can hold") + ": " + problem
			}
		}
		dst = append(appendLength(dst, len(text)+1), 1) // the version of jsonb's binary format
		return append(dst, text...), ""
	}
}

func encodeUUID(dst []byte, v value) ([]byte, string) {
	switch v.class {
	case sqlite.TypeNull:
		return appendNull(dst), ""
	case sqlite.TypeBlob:
		if len(v.b) == 16 {
			return append(appendLength(dst, 16), v.b...), ""
		}
	case sqlite.TypeText:
		if id, ok := parseUUID(v.b); ok {
			return append(appendLength(dst, 16), id[:]...), ""
		}
	}
	return dst, refusal(v, "a UUID")
}

func appendNull(dst []byte) []byte { return append(dst, 0xff, 0xff, 0xff, 0xff) }

func appendLength(dst []byte, n int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }

func appendInt64(dst []byte, i int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(i))
}

// refusal words the reason why v cannot be held: `"abc" is not an integer`.
func refusal(v value, what string) string { return showValue(v) + " is not " + what }

// showValue renders a value for a person: short, on one line, with its class visible.
func showValue(v value) string {
	const most = 40
	switch v.class {
	case sqlite.TypeNull:
		return "NULL"
	case sqlite.TypeBlob:
		if len(v.b) > most/2 {
			return fmt.Sprintf("x'%x…' (%d bytes)", v.b[:most/2], len(v.b))
		}
		return fmt.Sprintf("x'%x'", v.b)
	case sqlite.TypeText:
		if len(v.b) > 4*most || utf8.RuneCount(v.b) > most {
			head := []rune(string(v.b[:min(len(v.b), 4*most)]))
			return strconv.Quote(string(head[:min(len(head), most)])) + "…"
		}
		return strconv.Quote(string(v.b))
	}
	return string(appendNumberText(nil, v))
}
