package migrate

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/pgtest"
)

func integer(i int64) value  { return value{class: sqlite.TypeInteger, i: i} }
func float(f float64) value  { return value{class: sqlite.TypeFloat, f: f} }
func textual(s string) value { return value{class: sqlite.TypeText, b: []byte(s)} }
func blob(s string) value    { return value{class: sqlite.TypeBlob, b: []byte(s)} }
func null() value            { return value{class: sqlite.TypeNull} }

// TestPostgreSQLReadsWhatIsEncoded sends values by binary COPY and asks PostgreSQL what it understood.
func TestPostgreSQLReadsWhatIsEncoded(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.DB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		to   target
		v    value
		want string
	}{
		{toBigint, integer(math.MinInt64), "-9223372036854775808"},
		{toBigint, integer(math.MaxInt64), "9223372036854775807"},
		{toBigint, float(-2), "-2"},
		{toBigint, textual("+0042"), "42"},
		{toInteger, integer(-2147483648), "-2147483648"},
		{toSmallint, integer(-3), "-3"},
		{toBoolean, integer(1), "true"},
		{toBoolean, integer(0), "false"},
		{toBoolean, textual("T"), "true"},
		{toBoolean, textual("oFF"), "false"},
		{toReal, float(0.1), "0.1"},
		{toReal, float(math.Inf(-1)), "-Infinity"},
		{toReal, integer(1 << 50), "1.125899906842624e+15"},
		{toReal, textual("1e3"), "1000"},
		{toNumeric, integer(0), "0"},
		{toNumeric, integer(-10000), "-10000"},
		{toNumeric, integer(math.MinInt64), "-9223372036854775808"},
		{toNumeric, integer(123456789), "123456789"},
		{toNumeric, float(0.1), "0.1"},
		{toNumeric, float(19.99), "19.99"},
		{toNumeric, float(100000), "100000"},
		{toNumeric, float(1e22), "10000000000000000000000"},
		{toNumeric, float(0.00001234), "0.00001234"},
		{toNumeric, float(-1e-10), "-0.0000000001"},
		{toNumeric, float(5e-324), "0." + strings.Repeat("0", 323) + "5"},
		{toNumeric, textual("00012.3400"), "12.3400"},
		{toNumeric, textual("-0.0"), "0.0"},
		{toNumeric, textual("1.5e-3"), "0.0015"},
		{toNumeric, textual("12e4"), "120000"},
		{toNumeric, textual(strings.Repeat("9", 300) + ".5"), strings.Repeat("9", 300) + ".5"},
		{toNumeric, float(math.Inf(1)), "Infinity"},
		{target{"numeric(10,2)", ConvertDecimal}, float(12345678.9), "12345678.90"},
		{target{"numeric(4,4)", ConvertDecimal}, float(0.0625), "0.0625"},
		{toText, textual("héllo"), "héllo"},
		{toText, textual(""), ""},
		{toText, float(2), "2.0"},
		{toText, float(1e20), "1.0e+20"},
		{toText, blob("abc"), "abc"},
		{target{"character varying(5)", ConvertText}, textual("ñandú"), "ñandú"},
		{toBytes, blob("\x00\xff"), `\x00ff`},
		{toBytes, textual("a"), `\x61`},
		{toBytes, integer(12), `\x3132`},
		{toJSON, textual(` {"a": [1, 2.50, "\ud83d\ude00", null, true]} `), `{"a": [1, 2.50, "😀", null, true]}`},
		{toJSON, integer(5), "5"},
		{toJSON, textual("-1.5E+3"), "-1500"},
		{toDate, textual("2024-02-29"), "2024-02-29"},
		{toDate, textual("0001-01-01 00:00:00"), "0001-01-01"},
		{toDate, textual("9999-12-31T00:00"), "9999-12-31"},
		{toTime, textual("23:59:59.999999"), "23:59:59.999999"},
		{toTime, textual("07:05"), "07:05:00"},
		{toTime, textual("2000-01-01 08:00:00"), "08:00:00"},
		{toTimestamp, textual("1999-12-31 23:59:59.5"), "1999-12-31 23:59:59.5"},
		{toTimestamp, textual("1900-03-01T10:00"), "1900-03-01 10:00:00"},
		{toTimestamp, textual("2024-01-01"), "2024-01-01 00:00:00"},
		{toTimestamp, textual("2024-01-01 00:00:00.123456789"), "2024-01-01 00:00:00.123456"},
		{toTimestampTZ, textual("2024-06-01 12:00:00+02:00"), "2024-06-01 10:00:00+00"},
		{toTimestampTZ, textual("2024-06-01T12:00:00Z"), "2024-06-01 12:00:00+00"},
		{toTimestampTZ, textual("2024-06-01 12:00:00 -0530"), "2024-06-01 17:30:00+00"},
		{toTimestampTZ, textual("2024-06-01 12:00:00.5 +0000 UTC m=+0.01"), "2024-06-01 12:00:00.5+00"},
		{toTimestampTZ, textual("2024-06-01 12:00:00"), "2024-06-01 12:00:00+00"},
		{toTimestampTZ, textual("2024-06-01 12:00:00 UTC"), "2024-06-01 12:00:00+00"},
		{toTimestampTZ, textual("2024-06-01T12:00:00.1234567-11"), "2024-06-01 23:00:00.123456+00"},
		{toTimestamp.withDecimals(3), textual("2024-06-01 12:00:00.120"), "2024-06-01 12:00:00.12"},
		{target{"timestamp(3) without time zone", ConvertEpochMS}, integer(1_700_000_000_123), "2023-11-14 22:13:20.123"},
		{toTime.withDecimals(0), textual("23:59:59"), "23:59:59"},
		{toEpoch, integer(1_700_000_000), "2023-11-14 22:13:20+00"},
		{toEpoch, integer(-86400), "1969-12-31 00:00:00+00"},
		{toEpoch, float(1_700_000_000.25), "2023-11-14 22:13:20.25+00"},
		{toEpoch, textual("2024-01-01 10:00:00"), "2024-01-01 10:00:00+00"},
		{toEpochMS, integer(1_700_000_000_123), "2023-11-14 22:13:20.123+00"},
		{toEpochUS, integer(1_700_000_000_123_456), "2023-11-14 22:13:20.123456+00"},
		{toJulian, float(2460000.5), "2023-02-25 00:00:00"},
		{toJulian, integer(2451545), "2000-01-01 12:00:00"},
		{toUUID, textual("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{toUUID, textual("a0eebc999c0b4ef8bb6d6bb9bd380a11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{toUUID, blob("0123456789abcdef"), "30313233-3435-3637-3839-616263646566"},
		{toInet, textual("192.168.0.1"), "192.168.0.1/32"},
		{toInet, textual("2001:DB8::1"), "2001:db8::1/128"},
		{toInet, textual("::ffff:10.0.0.1"), "::ffff:10.0.0.1/128"},
		{toInterval, integer(5_000_000), "00:00:05"},
		{toInterval, integer(-1), "-1 days +23:59:59.999999"},
		{toInterval, integer(1 << 62), "53375995 days 14:00:27.387904"},
		{toInterval, textual("1970-01-02 00:30:00.000000"), "1 day 00:30:00"},
	} {
		got, err := roundTrip(t.Context(), conn, test.to, test.v)
		if err != nil {
			t.Errorf("%s as %s: %v", showValue(test.v), test.to.name(), err)
		} else if got != test.want {
			t.Errorf("%s as %s: PostgreSQL reads %s, want %s", showValue(test.v), test.to.name(), got, test.want)
		}
	}
}

// roundTrip sends one value and a NULL, and returns the value as PostgreSQL prints it.
func roundTrip(ctx context.Context, conn *pgx.Conn, to target, v value) (string, error) {
	encode, err := newEncoder(Column{Name: "c", Type: to.typ, Convert: to.convert})
	if err != nil {
		return "", err
	}
	data := append([]byte(copyHeader), 0, 1)
	data, reason := encode(data, v)
	if reason != "" {
		return "quarantined: " + reason, nil
	}
	data, _ = encode(append(data, 0, 1), null())
	data = append(data, copyTrailer...)
	if _, err := conn.Exec(ctx, "DROP TABLE IF EXISTS v; CREATE TABLE v (c "+to.typ+")"); err != nil {
		return "", err
	}
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(data), "COPY v FROM STDIN (FORMAT binary)"); err != nil {
		return "", err
	}
	var got string
	var nulls int
	err = conn.QueryRow(ctx, "SELECT max(c::text), count(*) - count(c) FROM v").Scan(&got, &nulls)
	if nulls != 1 {
		got += " (and NULL is lost)"
	}
	return got, err
}

func TestWhatPostgreSQLCannotHoldIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		to     target
		v      value
		reason string
	}{
		{toBigint, textual("abc"), `"abc" is not an integer`},
		{toBigint, float(2.5), "2.5 is not an integer"},
		{toBigint, float(1 << 63), "9.223372036854776e+18 is not an integer"},
		{toBigint, textual("9223372036854775808"), `"9223372036854775808" is not an integer`},
		{toBigint, textual(""), `"" is not an integer`},
		{toBigint, blob("\x01"), "x'01' is not an integer"},
		{toSmallint, integer(32768), "32768 is out of range for smallint"},
		{toInteger, integer(-2147483649), "-2147483649 is out of range for integer"},
		{toBoolean, integer(2), "2 is not a boolean"},
		{toBoolean, textual("maybe"), `"maybe" is not a boolean`},
		{toReal, integer(1<<53 + 1), "9007199254740993 is not exact in double precision"},
		{toReal, textual("1.5kg"), `"1.5kg" is not a number`},
		{target{"numeric(4,2)", ConvertDecimal}, float(100), "100.0 is not exact in numeric(4,2)"},
		{target{"numeric(4,2)", ConvertDecimal}, float(1.005), "1.005 is not exact in numeric(4,2)"},
		{target{"numeric(4,2)", ConvertDecimal}, float(math.Inf(1)), "Inf is not a number that numeric can hold"},
		{toNumeric, textual("1e200000"), `"1e200000" is not a number that numeric can hold`},
		{toNumeric, textual("."), `"." is not a number that numeric can hold`},
		{toText, textual("a\x00b"), "the text holds a NUL byte"},
		{toText, textual("a\xffb"), "the text is not valid UTF-8"},
		{target{"character varying(3)", ConvertText}, textual("four"), "longer than 3 characters"},
		{toJSON, textual(`{"a":"\u0000"}`), `"{\"a\":\"\\u0000\"}" is not JSON that PostgreSQL can hold: \u0000 in it`},
		{toJSON, textual(`"\ud800"`), `"\"\\ud800\"" is not JSON that PostgreSQL can hold: a lone surrogate in it`},
		{toJSON, textual(`{"a":[{"b":1,"b":2}]}`), `"{\"a\":[{\"b\":1,\"b\":2}]}" is not JSON that PostgreSQL can hold: a name twice in one object of it`},
		{toJSON, textual(`{"a":1,"\u0061":2}`), `"{\"a\":1,\"\\u0061\":2}" is not JSON that PostgreSQL can hold: a name twice in one object of it`},
		{toJSON, textual(`{a:1}`), `"{a:1}" is not JSON that PostgreSQL can hold: not JSON`},
		{toJSON, textual(`[1,]`), `"[1,]" is not JSON that PostgreSQL can hold: not JSON`},
		{toJSON, textual(`01`), `"01" is not JSON that PostgreSQL can hold: not JSON`},
		{toJSON, textual(`1e999999`), `"1e999999" is not JSON that PostgreSQL can hold: a number beyond the range of numeric in it`},
		{toDate, textual("2023-02-29"), `"2023-02-29" is not a date`},
		{toDate, textual("0000-00-00"), `"0000-00-00" is not a date`},
		{toDate, textual("2023-02-28 10:00"), `"2023-02-28 10:00" is not a date`},
		{toTime, textual("24:00"), `"24:00" is not a time of day`},
		{toTimestamp, textual("2023-01-01 10:00:00 PM"), `"2023-01-01 10:00:00 PM" is not a date and time`},
		{toTimestamp, textual("12:00"), `"12:00" is not a date and time`},
		{toTimestamp.withDecimals(3), textual("2024-06-01 12:00:00.1234"), `"2024-06-01 12:00:00.1234" is not exact in timestamp(3)`},
		{toTime.withDecimals(0), textual("12:00:00.5"), `"12:00:00.5" is not exact in time(0)`},
		{toEpochUS.withDecimals(3), integer(1_700_000_000_123_456), `1700000000123456 is not exact in timestamptz(3)`},
		{toTimestamp, integer(5), "5 is not a date and time"},
		{toEpoch, integer(math.MaxInt64), "9223372036854775807 is not a time since 1970 that timestamps can hold"},
		{toJulian, float(-1), "-1.0 is not a Julian day"},
		{toUUID, textual("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"), `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1" is not a UUID`},
		{toUUID, blob("123"), "x'313233' is not a UUID"},
		{toInet, textual("300.1.1.1"), `"300.1.1.1" is not an IP address`},
		{toInet, textual("fe80::1%eth0"), `"fe80::1%eth0" is not an IP address`},
		{toInet, textual("10.0.0.0/8"), `"10.0.0.0/8" is not an IP address`},
		{toInterval, textual("5 minutes"), `"5 minutes" is not an interval in microseconds`},
		{toInterval, integer(math.MinInt64), "-9223372036854775808 is not an interval in microseconds"},
	} {
		encode, err := newEncoder(Column{Name: "c", Type: test.to.typ, Convert: test.to.convert})
		if err != nil {
			t.Fatal(err)
		}
		before := []byte("before")
		after, reason := encode(before, test.v)
		if reason != test.reason {
			t.Errorf("%s as %s: reason %q, want %q", showValue(test.v), test.to.name(), reason, test.reason)
		}
		if string(after) != "before" {
			t.Errorf("%s as %s: a refused value leaves %q behind", showValue(test.v), test.to.name(), after)
		}
	}
}

func TestNumbersAreWrittenAsSQLiteWritesThem(t *testing.T) {
	t.Parallel()
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, f := range []float64{0, 1, -1, 0.5, 1e14, 1e15, 123456789012345, 1.5e15, 1e16, 1e-4, 1.25e-5, 1e300, -2.5e-300, 3.14159} {
		stmt, _, err := conn.PrepareTransient("SELECT CAST(? AS TEXT)")
		if err != nil {
			t.Fatal(err)
		}
		stmt.BindFloat(1, f)
		if _, err := stmt.Step(); err != nil {
			t.Fatal(err)
		}
		want := stmt.ColumnText(0)
		if got := string(appendNumberText(nil, float(f))); got != want {
			t.Errorf("%v is written %s, SQLite writes %s", f, got, want)
		}
		if err := stmt.Finalize(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEditedPlansAreRefusedWhenConversionAndTypeDisagree(t *testing.T) {
	t.Parallel()
	for _, c := range []Column{
		{Name: "c", Type: "bigint", Convert: ConvertText},
		{Name: "c", Type: "text", Convert: ConvertInteger},
		{Name: "c", Type: "date", Convert: ConvertTimestamp},
		{Name: "c", Type: "text", Convert: "guess"},
	} {
		if _, err := newEncoder(c); err == nil {
			t.Errorf("conversion %s to %s is accepted", c.Convert, c.Type)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	for _, test := range []struct {
		to target
		v  value
	}{
		{toBigint, integer(1)},
		{toBoolean, integer(1)},
		{toReal, float(1.5)},
		{toNumeric, float(19.99)},
		{toText, textual("some text")},
		{toBytes, blob("bytes")},
		{toJSON, textual(`{"a":[1,2e3,"x"]}`)},
		{toDate, textual("2024-01-31")},
		{toTimestamp, textual("2024-01-31 10:00:00.5")},
		{toEpochMS, integer(1_700_000_000_123)},
		{toUUID, textual("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
	} {
		encode, err := newEncoder(Column{Name: "c", Type: test.to.typ, Convert: test.to.convert})
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 0, 256)
		if n := testing.AllocsPerRun(100, func() { buffer, _ = encode(buffer[:0], test.v) }); n > 0 {
			t.Errorf("encoding %s as %s allocates %.0f times", showValue(test.v), test.to.name(), n)
		}
	}
}

// TestLargeJSONHasTheSameProblems compares what is said of JSON that is held and of JSON that is read in pieces.
func TestLargeJSONHasTheSameProblems(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	problems := map[string]int{}
	for range 3000 {
		var text strings.Builder
		randomJSON(r, &text, 4, 5)
		b := []byte(text.String())
		if len(b) > 4000 {
			continue
		}
		for range r.IntN(3) { // break it
			switch at := r.IntN(len(b)); r.IntN(5) {
			case 0:
				b = slices.Delete(b, at, at+1)
			case 1:
				b[at] = `{}[]",:\u0e-+1 a`[r.IntN(16)]
			case 2:
				b = slices.Insert(b, at, []byte(`{"a":1,"\u0061":{"a":2}}`)...)
			case 3:
				b = slices.Insert(b, at, []byte(`\ud800`)...)
			default:
				b = slices.Insert(b, at, []byte("1e999999")...)
			}
			if len(b) == 0 {
				b = []byte("1")
			}
		}
		want := jsonProblem(b)
		got, err := largeJSONProblem(piecewise{b, 1 + r.IntN(40)})
		if err != nil || got != want {
			t.Fatalf("%q: %q, %v, want %q", b, got, err, want)
		}
		problems[want]++
	}
	if len(problems) < 6 {
		t.Errorf("only %v", problems)
	}
}
