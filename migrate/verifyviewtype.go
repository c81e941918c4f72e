package migrate

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
	"zombiezen.com/go/sqlite"
)

// viewCanonOf returns the canonical form for a column of a type, and whether it may differ by a tolerance.
func viewCanonOf(oid uint32) (canon viewCanon, float bool) {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return orRaw(func(dst []byte, v value) ([]byte, bool) { return canonInteger(dst, v, 64) }), false
	case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return orRaw(canonRounded), true
	case pgtype.BoolOID:
		return orRaw(canonBoolean), false
	case pgtype.DateOID:
		return orRaw(canonTime(ConvertDate)), false
	case pgtype.TimeOID:
		return orRaw(canonTime(ConvertTime)), false
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return orRaw(canonTime(ConvertTimestamp)), false
	case pgtype.ByteaOID:
		return orRaw(canonBytesText), false
	case pgtype.JSONOID, pgtype.JSONBOID:
		return orRaw(canonJSON), false
	case pgtype.UUIDOID:
		return orRaw(canonUUID), false
	}
	return orRaw(func(dst []byte, v value) ([]byte, bool) { return canonText(dst, v, nil) }), false
}

// orRaw writes a value that does not fit the column's type as what it is, so that it differs from every one that does.
func orRaw(canon canonFunc) viewCanon {
	return func(dst []byte, v value) []byte {
		if out, ok := canon(dst, v); ok {
			return out
		}
		return append(append(dst, '?'), displayValue(v)...)
	}
}

// canonRounded writes a number with 12 significant digits.
func canonRounded(dst []byte, v value) ([]byte, bool) {
	f := v.f
	switch v.class {
	case sqlite.TypeInteger:
		f = float64(v.i)
	case sqlite.TypeText:
		var err error
		if f, err = strconv.ParseFloat(string(v.b), 64); err != nil {
			return dst, false
		}
	case sqlite.TypeBlob:
		return dst, false
	}
	if f == 0 {
		f = 0 // also for the negative zero
	}
	return strconv.AppendFloat(dst, f, 'e', viewDigits-1, 64), true
}

// canonBytesText reads PostgreSQL's \x…; the source's bytes are bytes.
func canonBytesText(dst []byte, v value) ([]byte, bool) {
	if text, ok := strings.CutPrefix(string(v.b), `\x`); ok && v.class == sqlite.TypeText {
		b, err := hex.DecodeString(text)
		if err != nil {
			return dst, false
		}
		return canonBytes(dst, value{class: sqlite.TypeBlob, b: b})
	}
	return canonBytes(dst, v)
}
