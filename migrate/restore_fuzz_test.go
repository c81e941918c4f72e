package migrate

import (
	"bytes"
	"math"
	"testing"

	"zombiezen.com/go/sqlite"
)

// restoredColumns are columns of every conversion, in every affinity that SQLite has.
func restoredColumns() (columns []Column) {
	for _, to := range []target{
		toBigint, toInteger, toSmallint, toBoolean, toReal, toNumeric,
		{"numeric(12,3)", ConvertDecimal},
		toText, toBytes,
		toDate, toTime, toTimestamp, toTimestampTZ, toEpoch, toEpochMS, toEpochUS, toJulian, toJSON, toUUID, toInet, toInterval,
	} {
		for _, declared := range []string{"", "INTEGER", "TEXT", "REAL", "NUMERIC"} {
			columns = append(columns, Column{Name: "c", Target: "c", Declared: declared, Type: to.typ, Convert: to.convert})
		}
	}
	return columns
}

// FuzzRestore takes any value that PostgreSQL can hold there, back, and there again: nothing may have changed on the way,
// as PostgreSQL sees it, unless the way back has refused it.
func FuzzRestore(f *testing.F) {
	for _, text := range []string{
		"", "0", "-1", "1.50", "007", "1e400", " 5", "t", "NO", "2024-02-29", "2024-02-29T12:34:56.789+05:30", "23:59", "NaN",
		`{"a": [1.50, "\\ud83d\\ude00"]}`, "123E4567-E89B-12D3-A456-426614174000", "12345678901234567890.123", "9e999", "x\x00", "\xff",
	} {
		for class := range byte(4) {
			f.Add(class, int64(len(text))*1e9, 1.5e9, []byte(text), byte(0))
		}
	}
	f.Add(byte(0), int64(math.MinInt64), math.Inf(-1), []byte("x"), byte(2))
	f.Add(byte(1), int64(1), -0.0000001, []byte("x"), byte(3))
	f.Add(byte(0x15), int64(-209), 849.9999990000001, []byte("0"), byte(2))
	columns := restoredColumns()
	f.Fuzz(func(t *testing.T, class byte, i int64, real float64, text []byte, mostly byte) {
		v := value{i: i, f: real, b: text}
		v.class = []sqlite.ColumnType{sqlite.TypeInteger, sqlite.TypeFloat, sqlite.TypeText, sqlite.TypeBlob}[class%4]
		if v.class == sqlite.TypeFloat && math.IsNaN(real) {
			return // SQLite has no NaN
		}
		for _, c := range columns {
			requireRestored(t, c, foundMostly(mostly), v)
		}
	})
}

// foundMostly is what a profile might have found.
func foundMostly(kind byte) Found {
	found := []Found{{}, {Integer: 5}, {Real: 5}, {Text: 5}, {Blob: 5}, {Integer: 3, Real: 2}, {Text: 3, Blob: 2}, {Text: 3, Integer: 2}}[kind%8]
	forms := []map[string]string{
		nil,
		{formWhole: "real", formNumeric: "number", formUTF8: "text"},
		{formWhole: "integer", formNumeric: "text", formUTF8: "blob"},
		{formTime: "15:04", formBoolean: "f|t", formUUID: "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX", formJSON: "compact"},
		{formTime: "2006-01-02", formOffset: "+05:30", formBoolean: "|", formUUID: uuidBare},
		{formTime: "2006-01-02T15:04:05Z07:00|2006-01-02T15:04:05.000Z07:00"},
		{formTime: "2006-01-02 15:04:05.000000000 -0700 MST"},
	}
	found.Forms = forms[kind/8%7]
	return found
}

func requireRestored(t *testing.T, c Column, found Found, v value) {
	t.Helper()
	encode, err := newEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	field, reason := encode(nil, v)
	if reason != "" {
		return
	}
	c.Found = found
	restore, err := restoreColumn(c, affinity(c.Declared))
	if err != nil {
		t.Fatal(err)
	}
	sent := field[4:]
	if c.Convert == ConvertDecimal {
		sent = []byte(showNumeric(sent))
	}
	var back value
	if _, reason := restore(nil, &back, sent); reason != "" {
		return
	}
	stored := storedIn(affinity(c.Declared), back)
	again, reason := encode(nil, stored)
	same := reason == "" && bytes.Equal(again, field)
	if c.Convert == ConvertJSON || c.Convert == ConvertDecimal || c.Convert == ConvertReal { // 1.50 is 1.5, and -0.0 is 0
		canon, err := newCanon(c)
		if err != nil {
			t.Fatal(err)
		}
		a, ok := canon(nil, v)
		b, alsoOK := canon(nil, stored)
		same = ok && alsoOK && bytes.Equal(a, b) || c.Convert == ConvertReal && field[4] == 0x80 && bytes.Count(field[4:], []byte{0}) == 7
	}
	if c.Convert == ConvertJulian && reason == "" { // to the millisecond
		same = floorMillis(signed(field[4:]))*1000 == signed(again[4:])
	}
	if !same {
		t.Errorf("%s %s to %s, found %+v: %s came back as %s: %s, % x, % x", c.Declared, c.Convert, c.Type, found, showValue(v), showValue(stored), reason, field, again)
	}
}

// storedIn returns what SQLite stores of a value in a column of some affinity.
func storedIn(affinity string, v value) value {
	switch {
	case affinity == "TEXT" && (v.class == sqlite.TypeInteger || v.class == sqlite.TypeFloat):
		return value{class: sqlite.TypeText, b: appendNumberText(nil, v)}
	case ofNumbers(affinity) && v.class == sqlite.TypeText:
		if n, ok := turnsInto(v.b); ok {
			v = n
		}
	}
	if affinity == "REAL" && v.class == sqlite.TypeInteger {
		v = value{class: sqlite.TypeFloat, f: float64(v.i)}
	}
	if (affinity == "INTEGER" || affinity == "NUMERIC") && v.class == sqlite.TypeFloat {
		if i, ok := wholeNumber(v); ok {
			v = value{class: sqlite.TypeInteger, i: i}
		}
	}
	return v
}
