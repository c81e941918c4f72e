package migrate

import (
	"strconv"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestHashIsThatOfPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := connect(t, DSN(pgtest.DB(t)))
	for n := range 40 {
		text := strings.Repeat("aü0|~", 9)[:n]
		text = strings.ToValidUTF8(text, "?")
		for _, seed := range []int64{0, 1, -7, 1 << 40} {
			var want int64
			if err := conn.QueryRow(t.Context(), `SELECT hashtextextended($1, $2)`, text, seed).Scan(&want); err != nil {
				t.Fatal(err)
			}
			if got := hashText([]byte(text), uint64(seed)); got != uint64(want) {
				t.Errorf("hash of %q with seed %d is %x, PostgreSQL says %x", text, seed, got, uint64(want))
			}
		}
	}
}

func TestFormsAreThoseOfPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := connect(t, DSN(pgtest.DB(t)))
	for _, group := range []struct {
		typ    string
		how    Conversion
		values []string
	}{
		{"jsonb", ConvertJSON, []string{
			`{}`, `[]`, ` [ 1 , 2 ] `, `"a"`, `null`, `true`, `{"bb":1,"a":2,"aa":3}`, `{"a":1,"b":{"a":[":"]}}`, `{"ä":1,"zz":2,"z":3}`,
			`1e3`, `1.50`, `1.50e1`, `-0.0`, `-0`, `12345678901234567890.123456789`, `1e-5`, `1.5E+10`, `0.1e1`, `100e-2`,
			`"\u0041\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\"`, `"\u0001\u001f\u007f"`, "\"\u2028\"", `[[[[1]]], {"a":[{}]}]`,
		}},
		{"numeric", ConvertDecimal, []string{
			"0", "-0", "0.00", "-0.10", "+5", "007.50", ".5", "5.", "1e5", "1E-7", "12.34e1", "12.34e-3", "99999999999999999999.9", "1e40",
		}},
		{"timestamp without time zone", ConvertTimestamp, []string{
			"2024-02-29", "2024-02-29 12:34", "2024-02-29T12:34:56.5", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.5",
		}},
		{"timestamp with time zone", ConvertTimestamp, []string{
			"2024-02-29 12:34:56Z", "2024-02-29 12:34:56 +02:00", "2024-01-01 00:30+05:45", "2024-01-01T00:00:00.000001-0930", "2024-01-01 00:00:00+02",
		}},
		{"date", ConvertDate, []string{"1999-12-31", "2000-01-01", "0001-01-01", "2024-02-29"}},
		{"time without time zone", ConvertTime, []string{"00:00", "23:59:59", "12:00:00.000001", "12:34:56.5"}},
		{"uuid", ConvertUUID, []string{"123E4567-E89B-12D3-A456-426614174000", "123e4567e89b12d3a456426614174000"}},
		{"inet", ConvertInet, []string{"192.168.0.1", "2001:DB8::1", "::ffff:10.0.0.1"}},
		{"boolean", ConvertBoolean, []string{"1", "T", "yes", "off", "False"}},
		{"bigint", ConvertInteger, []string{"+7", "-9223372036854775808", "007", "4294967295", "-1", "4294967297", "-4294967296"}},
		{"integer", ConvertInteger, []string{"0", "-1", "2147483647", "-2147483648"}},
		{"smallint", ConvertInteger, []string{"0", "-1", "32767", "-32768"}},
		{"text", ConvertText, []string{"", "a", "äöü", "a text that is longer than one round of the hash"}},
		{"character varying(20)", ConvertText, []string{"", "ab "}},
		{"double precision", ConvertReal, []string{"0.1", "1e300", "-5e-324", "12345678901234567", ".5"}},
	} {
		column := Column{Target: "v", Type: group.typ, Convert: group.how}
		f, err := newForm(column)
		if err != nil {
			t.Fatal(err)
		}
		shape := &rowShape{columns: []Column{column}, forms: []form{f}, notNull: []bool{false}}
		for _, text := range append(group.values, "NULL") {
			var want string
			v, sql := value{class: sqlite.TypeText, b: []byte(text)}, literal(text)
			if text == "NULL" {
				v, sql = value{class: sqlite.TypeNull}, text
			}
			sql = "SELECT (" + shape.hashSQL([]int{0}, "7::bigint") + ")::text FROM (SELECT " + sql + "::" + group.typ + " AS v) AS t"
			if err := conn.QueryRow(t.Context(), sql).Scan(&want); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			row := &sourceRow{values: []value{v}, null: []bool{false}, large: []largeValue{nil}, ends: []int{0}}
			shape.fill(row)
			if got := strconv.FormatInt(int64(shape.hashOf(row, []int{0}, 7)), 10); row.misfit >= 0 || got != want {
				t.Errorf("%s %q is %s (%x), PostgreSQL says %s", group.typ, text, got, row.forms, want)
			}
		}
	}
}

func TestCanonicalTextRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	text := func(s string) value { return value{class: sqlite.TypeText, b: []byte(s)} }
	for _, test := range []struct {
		typ   string
		how   Conversion
		value value
	}{
		{"smallint", ConvertInteger, value{class: sqlite.TypeInteger, i: 32768}},
		{"integer", ConvertInteger, value{class: sqlite.TypeInteger, i: -1<<31 - 1}},
		{"bigint", ConvertInteger, value{class: sqlite.TypeFloat, f: 1 << 63}},
		{"bigint", ConvertInteger, value{class: sqlite.TypeFloat, f: 2.5}},
		{"bigint", ConvertInteger, text("1_000")},
		{"boolean", ConvertBoolean, value{class: sqlite.TypeInteger, i: 2}},
		{"double precision", ConvertReal, text("nan")},
		{"double precision", ConvertReal, value{class: sqlite.TypeInteger, i: 1<<53 + 1}},
		{"numeric(4,2)", ConvertDecimal, text("100")},
		{"numeric(4,2)", ConvertDecimal, text("1.234")},
		{"numeric", ConvertDecimal, text("12a")},
		{"text", ConvertText, text("a\x00b")},
		{"text", ConvertText, text("\xff")},
		{"character varying(3)", ConvertText, text("äöüß")},
		{"jsonb", ConvertJSON, text(`{"a":"\u0000"}`)},
		{"jsonb", ConvertJSON, text(`"\ud800"`)},
		{"jsonb", ConvertJSON, text(`"\ude00\ud83d"`)},
		{"jsonb", ConvertJSON, text(`[1] 2`)},
		{"jsonb", ConvertJSON, text(`{"a":1,"b":2,"a":1}`)},
		{"jsonb", ConvertJSON, text(`[{"x":{"a":1,"\u0061":2}}]`)},
		{"jsonb", ConvertJSON, text(`{a:1}`)},
		{"date", ConvertDate, text("2023-02-29")},
		{"date", ConvertDate, text("2023-02-28 00:00:01")},
		{"date", ConvertDate, text("0000-01-01")},
		{"time without time zone", ConvertTime, text("24:00")},
		{"timestamp without time zone", ConvertTimestamp, text("2024-01-01 10:00:60")},
		{"timestamp without time zone", ConvertTimestamp, text("2024-01-01 10")},
		{"timestamp with time zone", ConvertEpoch, value{class: sqlite.TypeInteger, i: 1 << 60}},
		{"uuid", ConvertUUID, text("123e4567-e89b-12d3-a456-42661417400")},
		{"uuid", ConvertUUID, value{class: sqlite.TypeBlob, b: make([]byte, 15)}},
	} {
		column := Column{Type: test.typ, Convert: test.how}
		canon, err := newCanon(column)
		form, formErr := newForm(column)
		if err != nil || formErr != nil {
			t.Fatal(err, formErr)
		}
		if got, ok := canon(nil, test.value); ok {
			t.Errorf("%s holds %s as %q", test.typ, displayValue(test.value), got)
		}
		if got, ok := form.append(nil, test.value); ok {
			t.Errorf("%s holds %s in the form %x", test.typ, displayValue(test.value), got)
		}
	}
}

func TestRowsOfManyColumnsHaveOneHash(t *testing.T) {
	t.Parallel()
	var defined []string
	for i := range 1500 {
		defined = append(defined, "c"+strconv.Itoa(i)+" INTEGER")
	}
	source := newSource(t, "CREATE TABLE wide ("+strings.Join(defined, ", ")+`);
		INSERT INTO wide (c0, c7, c150, c1207) VALUES (0, 7, -150, 4294967296), (1, NULL, 150, NULL)`)
	target := DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	_, err = connect(t, target).Exec(t.Context(), "UPDATE wide SET c7 = c1207, c1207 = c7 WHERE c0 = 0")
	if err != nil {
		t.Fatal(err)
	}
	report, err = Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil || report.Verdict != VerdictDifferent {
		t.Errorf("two values have changed places: %v, %v", report.Verdict, err)
	}
}
