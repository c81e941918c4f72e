package migrate

import (
	"bytes"
	"math"
	"strconv"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// loadedColumns are columns of every conversion, with the types that it may lead to.
func loadedColumns() (columns []Column) {
	for _, to := range []target{
		toBigint, toInteger, toSmallint, toBoolean, toReal, toNumeric,
		{"numeric(12,3)", ConvertDecimal},
		toText, toVarchar,
		{"character varying(5)", ConvertText},
		toBytes, toDate, toTime, toTime.withDecimals(2), toTimestamp,
		toTimestamp.withDecimals(3), toTimestampTZ, toTimestampTZ.withDecimals(0), toEpoch, toEpochMS, toEpochMS.withDecimals(0),
		toEpochUS,
		{toTimestamp.typ, ConvertEpochMS},
		toJulian, toJSON, toUUID, toInet, toInterval,
	} {
		columns = append(columns, Column{Target: "c" + strconv.Itoa(len(columns)), Type: to.typ, Convert: to.convert})
	}
	return columns
}

// FuzzLoad loads any value into columns of every conversion: the verification must hold the same values for possible as
// the load, and PostgreSQL must have what the verification expects of each.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "0", "-1", "1.50", "1230.99d0", "+007", "1e400", " 5", "t", "NO", "2024-02-30", "2024-02-29T12:34:56.789+05:30", "23:59",
		"2024-01-31 10:00:00 UTC", "2024-01-31 10:00:00.123456789-0330", "0000-01-01", "24:00", "NaN", `{"a":1,"b":[{"a":2}],"a":3}`,
		`{"a": [1.50, "\ud83d\ude00", "\ud800"]}`, `"\u0000"`, "123E4567-E89B-12D3-A456-426614174000", "2001:db8::1", "::ffff:1.2.3.4",
		"12345678901234567890.123", "9e999", "000E-20000", "1.5e-17000", "x\x00", "\xff", "ñandús",
	} {
		f.Add(byte(2), int64(0), 0.0, []byte(text))
		f.Add(byte(3), int64(0), 0.0, []byte(text))
	}
	for _, i := range []int64{0, 1, -1, 32768, 2460000, 1 << 53, 1_700_000_000_123, 1 << 62, math.MinInt64, math.MaxInt64} {
		f.Add(byte(0), i, 0.0, []byte(nil))
		f.Add(byte(1), int64(0), float64(i)+0.1, []byte(nil))
	}
	f.Add(byte(1), int64(0), math.Inf(-1), []byte(nil))
	conn, columns := connect(f, DSN(pgtest.DB(f))), loadedColumns()
	table := Table{Target: "t", Columns: columns}
	if _, err := conn.Exec(f.Context(), createTable("public", table)); err != nil {
		f.Fatal(err)
	}
	shape, err := newRowShape(table)
	if err != nil {
		f.Fatal(err)
	}
	encoder, err := newRowEncoder(table)
	if err != nil {
		f.Fatal(err)
	}
	places := make([]int, len(columns))
	for i := range places {
		places[i] = i
	}
	f.Fuzz(func(t *testing.T, class byte, i int64, real float64, text []byte) {
		v := value{i: i, f: real, b: text}
		v.class = []sqlite.ColumnType{sqlite.TypeInteger, sqlite.TypeFloat, sqlite.TypeText, sqlite.TypeBlob}[class%4]
		if v.class == sqlite.TypeFloat && math.IsNaN(real) {
			return // SQLite has no NaN
		}
		n := len(columns)
		row := &sourceRow{values: make([]value, n), null: make([]bool, n), large: make([]largeValue, n), ends: make([]int, n)}
		for at, c := range columns {
			_, reason := encoder.encode[at](nil, v)
			if _, held := shape.forms[at].append(nil, v); held != (reason == "") {
				t.Errorf("%s to %s of %s: the load says %q, the verification %t", c.Convert, c.Type, showValue(v), reason, held)
			}
			if row.values[at] = v; reason != "" {
				row.values[at] = null()
			}
		}
		data, misfits := encoder.append([]byte(copyHeader), row.values)
		if len(misfits) > 0 {
			t.Fatalf("misfits %+v", misfits)
		}
		if _, err := conn.Exec(t.Context(), "TRUNCATE t"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.PgConn().CopyFrom(t.Context(), bytes.NewReader(append(data, copyTrailer...)), "COPY t FROM STDIN (FORMAT binary)"); err != nil {
			t.Fatalf("%s: %v", showValue(v), err)
		}
		shape.fill(row)
		for at, c := range columns {
			var want int64
			if err := conn.QueryRow(t.Context(), "SELECT "+shape.hashSQL(places[at:at+1], "7::bigint")+" FROM t").Scan(&want); err != nil {
				t.Fatal(err)
			}
			if got := int64(shape.hashOf(row, places[at:at+1], 7)); got != want {
				t.Errorf("%s to %s of %s: PostgreSQL has another value than the verification expects", c.Convert, c.Type, showValue(v))
			}
		}
	})
}
