package dialect

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestDefaultsBecomeWhatSQLiteStores(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	for _, c := range []struct{ source, pgType, want string }{
		{`0`, "boolean", "false"},
		{`1`, "boolean", "true"},
		{`'0'`, "boolean", "false"},
		{
			`'t'`, "boolean",
			"true",
		},
		{`TRUE`, "boolean", "true"},
		{`false`, "boolean", "false"},
		{`"f"`, "boolean", "false"},
		{`(1)`, "boolean", "true"},
		{
			`TRUE`,
			"bigint", "1",
		},
		{`'1'`, "integer", "1"},
		{`0`, "bigint", "0"},
		{`-7`, "bigint", "-7"},
		{`+7`, "bigint", "7"},
		{`0x10`, "bigint", "16"},
		{
			`1.0`,
			"bigint", "1",
		},
		{`(1 + 2)`, "bigint", "3"},
		{`-9223372036854775808`, "bigint", "-9223372036854775808"},
		{`1.5`, "numeric", "1.5"},
		{
			`'1.50'`,
			"numeric(10,2)", "1.50",
		},
		{`1e3`, "double precision", "1000"},
		{`'x'`, "text", "x"},
		{`"x y"`, "text", "x y"},
		{`word`, "text", "word"},
		{`'it''s'`, "text", "it's"},
		{`'a\b'`, "text", `a\b`},
		{`0`, "text", "0"},
		{`1.50`, "text", "1.5"},
		{`'null'`, "text", "null"},
		{`'null'`, "bigint", "<nil>"},
		{`NULL`, "bigint", "<nil>"},
		{
			`NULL`, "text",
			"<nil>",
		},
		{`('a' || 'b')`, "character varying(10)", "ab"},
		{`'2024-01-31'`, "date", "2024-01-31"},
		{
			`'2024-01-31 10:20:30'`, "timestamp without time zone",
			"2024-01-31 10:20:30",
		},
		{
			`'2024-01-31T10:20:30Z'`, "timestamp with time zone",
			"2024-01-31 10:20:30+00",
		},
		{`'12:30:00'`, "time without time zone", "12:30:00"},
		{`'{"a": 1}'`, "jsonb", `{"a": 1}`},
		{
			`x'00ff'`,
			"bytea", `\x00ff`,
		},
		{`'AB'`, "bytea", `\x4142`},
		{`'6f1ed002-ab59-4a1a-b6a5-d4a2e9e5f0c1'`, "uuid", "6f1ed002-ab59-4a1a-b6a5-d4a2e9e5f0c1"},
	} {
		if got := evaluateDefault(t, conn, c.source, c.pgType); got != c.want {
			t.Errorf("DEFAULT %s for %s: got %s, want %s", c.source, c.pgType, got, c.want)
		}
	}
}

// evaluateDefault lets PostgreSQL, in a session far from UTC, fill a column with the translated default, and returns it
// as text, in UTC.
func evaluateDefault(t *testing.T, conn *pgx.Conn, source, pgType string) string {
	t.Helper()
	return evaluateUnitDefault(t, conn, source, pgType, NoUnit)
}

func evaluateUnitDefault(t *testing.T, conn *pgx.Conn, source, pgType string, unit Unit) string {
	t.Helper()
	e := mustTable(t, "CREATE TABLE t(a DEFAULT "+source+")").Columns[0].Default
	sql, err := TranslateDefault(e, pgType, unit)
	if err != nil {
		t.Errorf("DEFAULT %s for %s: %v", source, pgType, err)
		return ""
	}
	var got *string
	const table = `SET timezone = 'Asia/Tokyo'; DROP TABLE IF EXISTS d; CREATE TABLE d (a %s DEFAULT %s, b int);
		INSERT INTO d (b) VALUES (1); SET timezone = 'UTC'`
	fill := fmt.Sprintf(table, pgType, sql)
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Errorf("%s: %v", fill, err)
		return ""
	}
	if err := conn.QueryRow(t.Context(), "SELECT a::text FROM d").Scan(&got); err != nil {
		t.Errorf("%s: %v", fill, err)
		return ""
	}
	if got == nil {
		return "<nil>"
	}
	return *got
}

func TestTimeDefaultsAreUTCInSQLitesForm(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	for _, c := range []struct{ source, pgType, layout string }{
		{`CURRENT_TIMESTAMP`, "text", time.DateTime},
		{`(datetime('now'))`, "text", time.DateTime},
		{`CURRENT_DATE`, "text", time.DateOnly},
		{`(strftime('%Y-%m-%d %H:%M:%S', 'now'))`, "text", time.DateTime},
		{`(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`, "text", "2006-01-02T15:04:05.999Z"},
		{`CURRENT_TIMESTAMP`, "timestamp without time zone", "2006-01-02 15:04:05.999999"},
		{`(datetime('now'))`, "timestamp without time zone", "2006-01-02 15:04:05.999999"},
		{`CURRENT_TIMESTAMP`, "timestamp with time zone", "2006-01-02 15:04:05.999999Z07"},
		{`CURRENT_TIMESTAMP`, "timestamp(3) with time zone", "2006-01-02 15:04:05.999999Z07"},
		{`CURRENT_TIMESTAMP`, "timestamp(3) without time zone", "2006-01-02 15:04:05.999999"},
		{`(strftime('%s', 'now'))`, "timestamp with time zone", "2006-01-02 15:04:05.999999Z07"},
		{`(date('now'))`, "date", time.DateOnly},
		{`CURRENT_TIMESTAMP`, "date", time.DateOnly},
		{`(datetime('now', '-1 hour', '+60 minutes'))`, "timestamp without time zone", "2006-01-02 15:04:05"},
	} {
		got := evaluateDefault(t, conn, c.source, c.pgType)
		at, err := time.Parse(c.layout, got)
		if err != nil {
			t.Errorf("DEFAULT %s for %s gives %s: %v", c.source, c.pgType, got, err)
			continue
		}
		if since := time.Since(at).Abs(); since > 25*time.Hour || since > time.Minute && c.layout != time.DateOnly {
			t.Errorf("DEFAULT %s for %s gives %s, now is %s", c.source, c.pgType, got, time.Now().UTC())
		}
	}
}

func TestRandomDefaults(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	const uuid = `(lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' ||
		substr(lower(hex(randomblob(2))), 2) || '-' ||
		substr('89ab', abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6))))`
	for _, c := range []struct{ source, pgType, want string }{
		{`(random())`, "bigint", `^-?\d+$`},
		{`(hex(randomblob(16)))`, "text", `^[0-9A-F]{32}$`},
		{`(lower(hex(randomblob(16))))`, "text", `^[0-9a-f]{32}$`},
		{`(randomblob(9))`, "bytea", `^\\x[0-9a-f]{18}$`},
		{
			uuid, "text",
			`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		},
		{uuid, "uuid", `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
	} {
		first := evaluateDefault(t, conn, c.source, c.pgType)
		if !regexp.MustCompile(c.want).MatchString(first) || first == evaluateDefault(t, conn, c.source, c.pgType) {
			t.Errorf("DEFAULT %s for %s: got %s", c.source, c.pgType, first)
		}
	}
}

func TestDefaultsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`'soon'`, "date"}, {`'x'`, "bigint"}, {`1.5`, "integer"}, {`7`, "boolean"}, {`x'00'`, "text"}, {
			`'{'`,
			"jsonb",
		}, {`(datetime('now', 'localtime'))`, "text"}, {`(random())`, "integer"},
	} {
		e := mustTable(t, "CREATE TABLE t(a DEFAULT "+c[0]+")").Columns[0].Default
		var u *Untranslatable
		if sql, err := TranslateDefault(e, c[1], NoUnit); !errors.As(err, &u) || u.Reason == "" {
			t.Errorf("DEFAULT %s for %s: got %s, %v", c[0], c[1], sql, err)
		}
	}
}

// TestDefaultsOfColumnsThatHeldNumbersAreMoments has the defaults of columns whose numbers have become timestamps.
func TestDefaultsOfColumnsThatHeldNumbersAreMoments(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	const instant, plain = "timestamp with time zone", "timestamp without time zone"
	for _, c := range []struct {
		source, pgType string
		unit           Unit
		want           string // "now" for the present
	}{
		{`0`, instant, Seconds, "1970-01-01 00:00:00+00"},
		{`1706695200123`, instant, Milliseconds, "2024-01-31 10:00:00.123+00"},
		{`2460340.5`, plain, JulianDays, "2024-01-31 00:00:00"},
		{`(unixepoch())`, instant, Seconds, "now"},
		{`TRUE`, instant, Seconds, "1970-01-01 00:00:01+00"},
		{`(unixepoch() + 0)`, instant, Seconds, "now"},
		{`(unixepoch() * 1000)`, instant, Milliseconds, "now"},
		{`(unixepoch('subsec') * 1000)`, instant, Milliseconds, "now"},
		{`(CAST(strftime('%s', 'now') AS INTEGER) * 1000)`, instant, Milliseconds, "now"},
		{`(strftime('%s', 'now'))`, instant, Seconds, "now"},
		{`(julianday('now'))`, plain, JulianDays, "now"},
		{`'CURRENT_TIMESTAMP'`, plain, NoUnit, "now"},
		{`"current_timestamp"`, instant, NoUnit, "now"},
		{`(datetime('now', 'subsec'))`, plain, NoUnit, "now"},
	} {
		got := evaluateUnitDefault(t, conn, c.source, c.pgType, c.unit)
		if c.want != "now" {
			if got != c.want {
				t.Errorf("DEFAULT %s for %s in %s: got %s, want %s", c.source, c.pgType, c.unit, got, c.want)
			}
			continue
		}
		at, err := time.Parse("2006-01-02 15:04:05.999999-07", strings.TrimSuffix(got, "+00")+"+00")
		if age := time.Since(at); err != nil || age < -time.Minute || age > time.Minute {
			t.Errorf("DEFAULT %s for %s in %s: got %s, %v, want the present", c.source, c.pgType, c.unit, got, err)
		}
	}
}
