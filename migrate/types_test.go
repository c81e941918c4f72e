package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// texts, integers and floats make values; times repeats them.
func texts(list ...string) (values []value) {
	for _, s := range list {
		values = append(values, textual(s))
	}
	return values
}

func integers(list ...int64) (values []value) {
	for _, i := range list {
		values = append(values, integer(i))
	}
	return values
}

func floats(list ...float64) (values []value) {
	for _, f := range list {
		values = append(values, float(f))
	}
	return values
}

func times(n int, values []value) []value { return slices.Repeat(values, n) }

func with(values []value, more ...value) []value { return append(slices.Clone(values), more...) }

func decide(declared string, values []value, isKey bool) (choice, int64) {
	d := parseDeclared(declared)
	p := newProfile(d)
	for _, v := range values {
		p.add(&v)
	}
	p.end()
	c := choose(d, p, isKey)
	return c, p.misfits(c.target)
}

func TestTypeFollowsDeclarationAndData(t *testing.T) {
	t.Parallel()
	iso := texts("2024-01-31 10:00:00", "2023-12-01T00:00:00.25")
	for _, test := range []struct {
		declared string
		values   []value
		want     string
		misfits  int64
	}{
		// integers
		{"INTEGER", integers(1, 2), "bigint", 0},
		{"int(5)", integers(1 << 40), "bigint", 0},
		{"unsigned big int", nil, "bigint", 0},
		{"INTEGER", floats(2, 4), "bigint", 0},
		{"INTEGER", with(times(50, integers(1)), textual("n/a")), "bigint", 1},
		{"INTEGER", with(times(3, integers(1)), textual("n/a"), textual("?")), "text", 0},
		{"INTEGER", with(integers(1, 2), floats(2.5, 3.5)...), "double precision", 0},
		{"INTEGER", times(9, integers(1_700_000_000)), "bigint", 0},
		{"MEDIUMINT UNSIGNED", nil, "bigint", 0},
		{"integr", nil, "bigint", 0},
		{"intger", integers(5), "bigint", 0},
		{"year", integers(2024), "smallint", 0},
		{"bit(8)", integers(200), "bigint", 0},
		{"integer[]", texts("{1,2}"), "text", 0},
		{"int array", nil, "text", 0},
		{"smallint", integers(-5, 300), "smallint", 0},
		{"smallint", integers(-5, 70000), "integer", 0},
		{"smallint", integers(1 << 40), "bigint", 0},
		{"smallint unsigned", integers(7), "smallint", 0},
		// booleans
		{"BOOLEAN", integers(0, 1), "boolean", 0},
		{"bool", texts("t", "f", "TRUE"), "boolean", 0},
		{"bool", nil, "boolean", 0},
		{"boolean", integers(0, 1, 2, 3), "bigint", 0},
		{"boolean", with(times(100, integers(0, 1)), integer(2)), "boolean", 1},
		{"tinyint(1)", integers(0, 1), "boolean", 0},
		{"tinyint(1) unsigned", integers(0, 1), "boolean", 0},
		{"bit", integers(0, 1), "boolean", 0},
		{"bit(1)", nil, "boolean", 0},
		{"boolaen", with(texts("t", "FALSE"), integers(0, 1)...), "boolean", 0},
		{"tinyint(1)", integers(0, 5), "smallint", 0},
		{"tinyint", integers(0, 1), "smallint", 0},
		// numbers
		{"REAL", floats(1.5), "double precision", 0},
		{"FLOATING POINT", nil, "double precision", 0},
		{"double precision", nil, "double precision", 0},
		{"FLOAT", with(times(30, floats(1.5)), textual("x")), "double precision", 1},
		{"DECIMAL(10,2)", floats(19.99, 0.1), "numeric(10,2)", 0},
		{"DECIMAL(10, 2)", floats(19.999), "numeric", 0},
		{"decimal (10 , 2)", texts("1.50", "1e3", "-0.10"), "numeric(10,2)", 0},
		{"NUMBER(10,2)", floats(1230.99), "numeric(10,2)", 0},
		{"NUMBER", floats(1230.99), "numeric", 0},
		{"number(5)", integers(99999), "numeric(5,0)", 0},
		{"money", floats(1230.99), "numeric", 0},
		{"DECIMAL(10,2) UNSIGNED", nil, "numeric(10,2)", 0},
		{"DECIMAL", texts("1230.99d0"), "text", 0},
		{"NUMERIC(3,1)", integers(1000), "numeric", 0},
		{"numeric", integers(0, 1), "numeric", 0},
		{"NUMERIC(9,-2)", integers(5), "numeric", 0},
		{"MONEY", texts("12,50", "13,10"), "text", 0},
		// text
		{"VARCHAR(5)", texts("abc"), "character varying(5)", 0},
		{"VARCHAR(5)", texts("ñandú"), "character varying(5)", 0},
		{"NVARCHAR(5)", texts("abcdef"), "text", 0},
		{"varchar", texts("abc"), "character varying", 0},
		{"character varying (255)", texts("abc"), "character varying(255)", 0},
		{"NATIVE CHARACTER(70)", nil, "character varying(70)", 0},
		{"nvarchar(max)", nil, "text", 0},
		{"LONG VARCHAR", nil, "text", 0},
		{"CLOB(4000)", nil, "text", 0},
		{"TEXT(20)", nil, "text", 0},
		{"varchar(0)", nil, "text", 0},
		{"TEXT", iso, "text", 0},
		{"TEXT", integers(5), "text", 0},
		{"CLOB", nil, "text", 0},
		{"string", texts("x"), "text", 0},
		{"TEXT", with(times(200, texts("a")), textual("\xff")), "text", 1},
		{"TEXT", texts("\xff", "\xfe", "ok"), "bytea", 0},
		{"TEXT", []value{blob("plain")}, "text", 0},
		{"TEXT", []value{blob("\x00\x01"), blob("\xff")}, "bytea", 0},
		{"varchar(36)", texts("0f8fad5b-d9cb-469f-a165-70867728950e"), "character varying(36)", 0},
		// bytes
		{"BLOB", []value{blob("\x01")}, "bytea", 0},
		{"BLOB", texts("abc"), "text", 0},
		{"BLOB", with(texts("abc"), blob("\x01")), "bytea", 0},
		{"varbinary(16)", nil, "bytea", 0},
		// dates and times
		{"DATE", texts("2024-01-31"), "date", 0},
		{"DATE", texts("2024-01-31 00:00:00"), "date", 0},
		{"DATE", iso, "timestamp without time zone", 0},
		{"DATE", with(times(20, texts("2024-01-31")), textual("")), "date", 1},
		{"DATE", texts("31.01.2024", "01.02.2024"), "text", 0},
		{"DATE", integers(20240131, 20231201), "bigint", 0},
		{"datetime", iso, "timestamp without time zone", 0},
		{"datetime(6)", iso, "timestamp(6) without time zone", 0},
		{"datetime(1)", iso, "timestamp without time zone", 0}, // 0.25 seconds need two decimals
		{"datetime(0)", texts("2024-01-31 10:00:00"), "timestamp(0) without time zone", 0},
		{"datetime2(7)", iso, "timestamp without time zone", 0},
		{"TIMESTAMP(3)", integers(1_700_000_000_123), "timestamp(3) with time zone (epoch ms)", 0},
		{"TIMESTAMP(0)", integers(1_700_000_000_123), "timestamp with time zone (epoch ms)", 0},
		{"time(3)", texts("10:00:00.125"), "time(3) without time zone", 0},
		{"DATETIME", texts("2024-01-31T10:00:00Z"), "timestamp with time zone", 0},
		{"DATETIME", with(iso, textual("2024-01-31 10:00:00+02:00")), "timestamp with time zone", 0},
		{"DATETIME", nil, "timestamp without time zone", 0},
		{"timestamp with time zone", nil, "timestamp with time zone", 0},
		{"timestamptz(3)", nil, "timestamp(3) with time zone", 0},
		{"datetime2", nil, "timestamp without time zone", 0},
		{"datetimeoffset(7)", nil, "timestamp with time zone", 0},
		{"DATETIME", integers(1_700_000_000, 1_600_000_000), "timestamp with time zone (epoch seconds)", 0},
		{"DATETIME", integers(1_700_000_000_000, 0), "timestamp with time zone (epoch ms)", 0},
		{"TIMESTAMP", integers(1_700_000_000_000_000), "timestamp with time zone (epoch us)", 0},
		{"DATETIME", with(iso, integers(1_700_000_000_000)...), "timestamp with time zone (epoch ms)", 0},
		{"DATETIME", integers(-500_000_000, -20_000_000), "timestamp with time zone (epoch seconds)", 0},
		{"DATETIME", integers(-1_500_000_000_000, 300_000_000_000), "timestamp with time zone (epoch ms)", 0},
		{"DATETIME", floats(1_700_000_000.25), "timestamp with time zone (epoch seconds)", 0},
		{"DATETIME", with(integers(1_700_000_000), floats(0.5)...), "timestamp with time zone (epoch seconds)", 0},
		{"DATETIME", integers(202401311000, 202312312359, 0), "bigint", 0},
		{"DATETIME", integers(2024013110, 2023123123), "bigint", 0},
		{"DATETIME", integers(20240131100000), "bigint", 0},
		{"DATETIME", integers(1 << 60), "bigint", 0},
		{"DATETIME", floats(2460000.5), "timestamp without time zone (julian)", 0},
		{"DATETIME", with(floats(2460000.5), integer(2460001)), "timestamp without time zone (julian)", 0},
		{"DATE", integers(2460000, 2460001), "timestamp without time zone (julian)", 0},
		{"DATETIME", integers(1, 2, 3), "bigint", 0},
		{"DATETIME", texts("2024-01-31 10:00:00 UTC"), "timestamp with time zone", 0},
		{"DATETIME", texts("2024-01-31T10:00:00.123456789+02"), "timestamp with time zone", 0},
		{"DATETIME", with(times(100, iso), textual("2024-02-30 10:00"), textual("0000-00-00 00:00:00")), "timestamp without time zone", 2},
		{"DATETIME", with(times(200, iso), textual("0044-03-15 BC"), textual("2024-01-01 24:00")), "timestamp without time zone", 2},
		{"time", texts("10:00", "23:59:59.5"), "time without time zone", 0},
		{"time", texts("2000-01-01 08:00:00"), "time without time zone", 0},
		{"time", texts("2024-05-05 08:00:00"), "timestamp without time zone", 0},
		// JSON and UUID: all or nothing
		{"JSON", texts(`{"a":1}`, `[]`, `"x"`), "jsonb", 0},
		{"JSON", integers(5), "jsonb", 0},
		{"JSON", with(times(500, texts("{}")), textual("{")), "text", 0},
		{"jsonb", texts(`{"a":"\u0000"}`), "text", 0},
		{"JSON", texts(`{"a":{"b":1},"b":[{"a":2}]}`, `{"a":1,"a":2}`), "text", 0},
		{"JSON", texts(`{"a":{"b":1},"b":[{"a":2},{"a":3}]}`, manyNames(200, "")), "jsonb", 0},
		{"JSON", texts(manyNames(200, `"n7":0,`)), "text", 0},
		{"UUID", texts("0f8fad5b-d9cb-469f-a165-70867728950e"), "uuid", 0},
		{"uuid", []value{blob("0123456789abcdef")}, "uuid", 0},
		{"uuid", texts("none"), "text", 0},
		// no declaration, or one that says nothing
		{"", integers(1), "bigint", 0},
		{"", floats(1, 2), "double precision", 0},
		{"", with(integers(1), floats(2.5)...), "double precision", 0},
		{"", with(integers(1<<60+1), floats(2.5)...), "numeric", 0},
		{"", texts("5", "6"), "text", 0},
		{"", with(integers(5), textual("x")), "text", 0},
		{"", with(texts("a"), blob("\x00")), "bytea", 0},
		{"", nil, "text", 0},
		{"TXT", texts("x"), "text", 0},
		{"enum('a','b')", texts("a"), "text", 0},
		{"enum('int')", nil, "text", 0},
		{"POINT", texts("1,2"), "text", 0},
		{"INTERVAL", texts("1 day"), "text", 0},
	} {
		c, misfits := decide(test.declared, test.values, false)
		if c.name() != test.want || misfits != test.misfits {
			t.Errorf("%s: %s with %d misfits (%s), want %s with %d", label(test.declared, test.values), c.name(), misfits,
				c.evidence, test.want, test.misfits)
		}
		if refused := refusedBy(t, c.target, test.values); refused != test.misfits {
			t.Errorf("%s: the load refuses %d values, the plan says %d", label(test.declared, test.values), refused, test.misfits)
		}
	}
}

// manyNames makes an object of so many names, with more before them.
func manyNames(n int, more string) string {
	object := "{" + more
	for i := range n {
		object += fmt.Sprintf(`"n%d":{"n%d":0},`, i, i)
	}
	return object + `"end":null}`
}

func label(declared string, values []value) string {
	var shown []string
	for _, v := range values[:min(len(values), 3)] {
		shown = append(shown, showValue(v))
	}
	return fmt.Sprintf("%q of %d values %s", declared, len(values), strings.Join(shown, " "))
}

// refusedBy counts the values that the load would quarantine.
func refusedBy(t *testing.T, to target, values []value) (n int64) {
	t.Helper()
	encode, err := newEncoder(Column{Name: "c", Type: to.typ, Convert: to.convert})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if _, reason := encode(nil, v); reason != "" {
			n++
		}
	}
	return n
}

func TestKeysAreBigint(t *testing.T) {
	t.Parallel()
	for _, declared := range []string{"smallint", "tinyint(1)", "int2"} {
		if c, _ := decide(declared, integers(0, 1), true); c.typ != "bigint" {
			t.Errorf("a key declared %s becomes %s", declared, c.typ)
		}
	}
}

// TestPlanCountsWhatTheLoadRefuses tries every target on odd values of every kind: where the profile says that all fit,
// none may be refused.
func TestPlanCountsWhatTheLoadRefuses(t *testing.T) {
	t.Parallel()
	odd := []value{
		null(), integer(0), integer(1), integer(-1), integer(40000), integer(1 << 40), integer(1<<62 + 1), integer(1_700_000_000),
		float(0.5), float(2), float(1e300), float(2460000.5), textual(""), textual("1"), textual("1.5"), textual("x"),
		textual("t"), textual("2024-01-01"), textual("2024-01-01 10:00Z"), textual("10:00"), integer(2460000),
		textual("2024-01-01 10:00:00.1234+02"), textual("10:00:00.5"), float(1_700_000_000.25), integer(1_700_000_000_123),
		textual("{}"), textual("a\x00"),
		textual("\xff"), textual("0f8fad5bd9cb469fa16570867728950e"), blob(""), blob("\xff"), blob("0123456789abcdef"),
	}
	for _, to := range []target{
		toBoolean, toSmallint, toInteger, toBigint, toNumeric, toReal, toText, toBytes, toDate, toTime,
		toTimestamp, toTimestampTZ, toEpoch, toEpochMS, toEpochUS, toJulian, toJSON, toUUID,
		toTime.withDecimals(0), toTimestamp.withDecimals(3), toEpochMS.withDecimals(0), toJulian.withDecimals(2),
	} {
		for i := range odd {
			for j := range odd {
				values := []value{odd[i], odd[j]}
				p := newProfile(declaredType{})
				p.want = lookAll
				for _, v := range values {
					p.add(&v)
				}
				if refused := refusedBy(t, to, values); p.misfits(to) < refused {
					t.Errorf("%s as %s: the plan says %d misfits, the load refuses %d", label("", values), to.name(), p.misfits(to), refused)
				}
			}
		}
	}
}
