package migrate

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// oddColumns are declared types with expressions whose values fit them.
var oddColumns = []struct{ declared, fits string }{
	{"INTEGER", "random()"},
	{"SMALLINT", "random() % 1000"},
	{"TEXT", "hex(randomblob(3))"},
	{"VARCHAR(5)", "abs(random() % 1000) || ''"},
	{"NUMERIC(10,2)", "abs(random() % 10000) / 4.0"},
	{"BOOLEAN", "random() & 1"},
	{"REAL", "random() / 8.0"},
	{"DATE", "date('2020-01-01', abs(random() % 1000) || ' days')"},
	{"DATETIME", "datetime('2020-01-01', abs(random() % 1000000) || ' seconds')"},
	{"TIMESTAMP", "1600000000 + abs(random() % 1000000)"},
	{"JSON", "json_array(random())"},
	{"UUID", "randomblob(16)"},
	{"TEXT NOT NULL", "'t' || random()"},
	{"", "random()"},
}

// oddValues fit some of the types and not others.
var oddValues = []string{
	"0", "1", "-7", "40000", "2147483648", "9007199254740993", "9223372036854775807", "1.5", "2.0", "-0.0", "1e300", "9e999", "-9e999",
	"''", "'12'", "'abc'", "'1e400'", "' 12'", "'0x10'", "'true'", "'2024-02-29'", "'2024-02-30'", "'2024-01-31 10:00:00'",
	"'2024-01-31T10:00:00+02:00'", "'12:34'", "'{\"a\": 1}'", "'[1e400000]'", "'123e4567-e89b-12d3-a456-426614174000'",
	"'a' || char(0)", "CAST(x'ff41' AS TEXT)", "x''", "x'00'", "x'fe'", "x'61'", "randomblob(16)", "20240131", "NULL",
}

// oddSource makes a database of two tables with a thousand rows each, some of whose values are odd. One table has a key of
// its own that is no rowid.
func oddSource(t *testing.T, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	path := filepath.Join(t.TempDir(), "odd.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range []string{"keyed", "worded"} {
		key := []string{"id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY"}[i]
		columns, values := []string{key}, []string{"i"}
		for c := range oddColumns {
			columns = append(columns, fmt.Sprintf("c%d %s", c, oddColumns[c].declared))
			values = append(values, oddColumns[c].fits)
		}
		script := fmt.Sprintf(`CREATE TABLE %s (%s)%s;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO %s SELECT %s FROM n;`,
			table, strings.Join(columns, ", "), []string{"", " WITHOUT ROWID"}[i], table, strings.Join(values, ", "))
		for range 25 {
			script += fmt.Sprintf("UPDATE OR IGNORE %s SET c%d = %s WHERE id = '%d';\n", table, r.IntN(len(oddColumns)),
				oddValues[r.IntN(len(oddValues))], 1+r.IntN(60))
		}
		if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPlanPredictsEveryRow compares which rows a plan says will be quarantined, and which values changed, with those that
// are, row by row.
func TestPlanPredictsEveryRow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		policy := policies[seed%3] // quarantine, widen, null
		t.Run(fmt.Sprintf("%d %s", seed, policy), func(t *testing.T) {
			t.Parallel()
			source, target := oddSource(t, seed), DSN(pgtest.DB(t))
			predicted := predictedRows(t, source, PlanOptions{OnMisfit: policy})
			reports := migrateTwice(t, source, target, Options{OnMisfit: policy})
			for _, r := range reports {
				if r.Verdict == VerdictDifferent {
					t.Errorf("%s: %s", r.Operation, asJSON(t, r))
				}
			}
			if diff := cmp.Diff(predicted, actualRows(t, target)); diff != "" {
				t.Errorf("rows that do not fit (-predicted +found):\n%s", diff)
			}
		})
	}
}

// predictedRows returns the keys of the rows that the planner keeps out, and the number of misfits of every column.
func predictedRows(t *testing.T, source string, o PlanOptions) []string {
	t.Helper()
	conn, err := openQuiet(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := newPlanner(conn, o)
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, table := range p.tables {
		for _, c := range table.Columns {
			if c.Misfits > 0 {
				rows = append(rows, fmt.Sprintf("%s.%s: %d", table.Name, c.Name, c.Misfits))
			}
		}
		if table.rejected == "" {
			continue
		}
		err := readRows(t.Context(), conn, "SELECT * FROM "+table.rejected, func(row []value) error {
			rows = append(rows, table.Name+" "+strings.Trim(showValue(row[0]), `"`))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(rows)
	return rows
}

// actualRows reads the same from the quarantine.
func actualRows(t *testing.T, target DSN) []string {
	t.Helper()
	conn := connect(t, target)
	var there bool
	if err := conn.QueryRow(t.Context(), "SELECT to_regclass('lakeward_quarantine') IS NOT NULL").Scan(&there); err != nil {
		t.Fatal(err)
	}
	if !there {
		return nil
	}
	rows, err := conn.Query(t.Context(), `
		SELECT table_name || '.' || column_name || ': ' || count(*) FROM lakeward_quarantine GROUP BY table_name, column_name
		UNION ALL
		SELECT table_name || ' ' || (key ->> 'id') FROM lakeward_quarantine WHERE action = 'quarantined'`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// TestEditedPlanPredictsEveryRow gives columns other types, policies and NOT NULL at random.
func TestEditedPlanPredictsEveryRow(t *testing.T) {
	t.Parallel()
	types := []target{
		toBigint, toInteger, toSmallint, toBoolean, toReal, toNumeric, toText, toBytes, toDate, toTime, toTimestamp, toTimestampTZ,
		toEpoch, toEpochMS, toEpochUS, toJulian, toJSON, toUUID,
		{"character varying(4)", ConvertText},
		{"numeric(6,1)", ConvertDecimal},
		{"timestamp(3) without time zone", ConvertTimestamp},
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 11))
			source, dsn := oddSource(t, seed), DSN(pgtest.DB(t))
			plan := mustPlan(t, source)
			for i := range plan.Tables {
				for j := range plan.Tables[i].Columns[1:] {
					c := &plan.Tables[i].Columns[1+j]
					if r.IntN(2) == 0 {
						to := types[r.IntN(len(types))]
						c.Type, c.Convert = to.typ, to.convert
					}
					if c.NotNull = r.IntN(3) == 0; !c.NotNull && r.IntN(2) == 0 {
						c.OnMisfit = []Policy{PolicyNull, PolicyWiden}[r.IntN(2)]
					}
				}
			}
			checked, err := CheckPlan(t.Context(), source, plan, PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var predicted []string
			for _, table := range checked.Tables {
				for _, c := range table.Columns {
					if c.Misfits > 0 {
						predicted = append(predicted, fmt.Sprintf("%s.%s: %d", table.Name, c.Name, c.Misfits))
					}
				}
			}
			for _, report := range migrateTwice(t, source, dsn, Options{Plan: plan}) {
				if report.Verdict == VerdictDifferent {
					t.Errorf("%s: %s", report.Operation, asJSON(t, report))
				}
			}
			found := slices.DeleteFunc(actualRows(t, dsn), func(row string) bool { return !strings.Contains(row, ": ") })
			slices.Sort(predicted)
			if diff := cmp.Diff(predicted, found); diff != "" || predicted == nil {
				t.Errorf("values that do not fit (-predicted +found):\n%s", diff)
			}
		})
	}
}
