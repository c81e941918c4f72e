package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// appScript is the schema that an application creates on PostgreSQL for the source shopScript makes: other types, other
// names of keys, a circle of foreign keys, a trigger-free column that computes itself.
const appScript = `
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE customers (id serial PRIMARY KEY, name varchar(50) NOT NULL, age smallint, loud text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int NOT NULL, cents numeric(12,2) NOT NULL, at timestamptz DEFAULT now());
CREATE INDEX ON orders (customer_id);
`

func TestDataOnly(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), appScript); err != nil {
		t.Fatal(err)
	}
	o := Options{WorkDir: t.TempDir(), Strategy: DataOnly}
	report, err := Run(t.Context(), source, target, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if report.Verdict != VerdictExcept || !report.Swapped || report.table(Table{Target: "customers"}).Quarantined != 1 {
		t.Errorf("report: %s", asJSON(t, report))
	}
	if n := countRowsOf(t, conn, "SELECT FROM orders WHERE cents = 7.00 OR at IS NOT NULL"); n != 2001 {
		t.Errorf("%d orders", n)
	}
	if n := countRowsOf(t, conn, "SELECT FROM customers WHERE loud = upper(name)"); n != 499 {
		t.Errorf("%d customers", n)
	}
	for table, want := range map[string]int64{"customers (name) VALUES ('new')": 501, "orders (customer_id, cents) VALUES (1, 1)": 5002} {
		var id int64
		if err := conn.QueryRow(t.Context(), "INSERT INTO "+table+" RETURNING id").Scan(&id); err != nil || id != want {
			t.Errorf("the next row of %s got number %d, %v; want %d", table, id, err, want)
		}
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM customers WHERE id = 501; DELETE FROM orders WHERE id = 5002"); err != nil {
		t.Fatal(err)
	}
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil || again.Verdict != VerdictExcept {
		t.Errorf("verified again: %v\n%s", err, asJSON(t, again))
	}
	again, err = Run(t.Context(), source, target, o)
	requireDone(t, again, err, VerdictExcept)
	changeSource(t, source, "INSERT INTO orders (customer_id, cents) VALUES (1, 1)")
	_, err = Run(t.Context(), source, target, o)
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "has rows already") {
		t.Errorf("into tables with rows: %v", err)
	}
	if left := stages(t, conn); len(left) > 0 {
		t.Errorf("staging schemas are left: %v", left)
	}
}

// TestDataOnlyFindsParents fills tables whose foreign keys form a circle, or refuse an orphan.
func TestDataOnlyFindsParents(t *testing.T) {
	t.Parallel()
	const circle = `CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER, mood TEXT);
		CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER, laid DATETIME);
		INSERT INTO hen VALUES (1, 2, 'calm'), (2, 1, 'cross'); INSERT INTO egg VALUES (1, 1, 1700000000), (2, 2, 1700000060);`
	source, target := newSource(t, circle), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TYPE mood AS ENUM ('calm', 'cross');
		CREATE TABLE egg (id bigint PRIMARY KEY, hen bigint, laid timestamp);
		CREATE TABLE hen (id bigint PRIMARY KEY, egg bigint REFERENCES egg, mood mood);
		ALTER TABLE egg ADD CONSTRAINT layer FOREIGN KEY (hen) REFERENCES hen ON DELETE CASCADE`); err != nil {
		t.Fatal(err)
	}
	o := Options{WorkDir: t.TempDir(), Strategy: DataOnly}
	if report, err := Run(t.Context(), source, target, o); err != nil || report.Verdict != VerdictIdentical {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if n := countRowsOf(t, conn, "SELECT FROM egg WHERE laid = '2023-11-14 22:13:20'"); n != 1 {
		t.Error("the time of the first egg has changed")
	}
	if n := countRowsOf(t, conn, "SELECT FROM pg_constraint WHERE contype = 'f' AND convalidated AND confdeltype = 'c'"); n != 1 {
		t.Error("the foreign key that was set aside is not what it was")
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM hen; DELETE FROM egg"); err != nil {
		t.Fatal(err)
	}
	changeSource(t, source, "UPDATE egg SET hen = 9 WHERE id = 1")
	_, err := Run(t.Context(), source, target, o)
	if lakeward.KindOf(err) != lakeward.KindConflict ||
		!strings.Contains(err.Error(), `refuses rows of egg: ERROR: insert or update on table "egg"`) || !strings.Contains(err.Error(), "(hen)=(9)") {
		t.Errorf("with an orphan, without the statement and with the key: %v", err)
	}
	if n := countRowsOf(t, conn, "SELECT FROM hen"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestDataOnlyRefuses tables that are not those of the source, and a trigger that changes rows.
func TestDataOnlyRefuses(t *testing.T) {
	t.Parallel()
	for want, script := range map[string]string{
		"has no table orders":              "CREATE TABLE customers (id int, name text, age int)",
		"table orders has no column cents": "CREATE TABLE customers (id int, name text, age int); CREATE TABLE orders (id int, customer_id int)",
		"customers.name is date":           "CREATE TABLE customers (id int, name date, age int); CREATE TABLE orders (id int, customer_id int, cents int)",
		"orders.region must not be NULL":   "CREATE TABLE customers (id int, name text, age int); CREATE TABLE orders (id int, customer_id int, cents int, region text NOT NULL)",
		"did not take its rows as they are": `CREATE TABLE customers (id int, name text, age int); CREATE TABLE orders (id int, customer_id int, cents int);
			CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.cents := NEW.cents + 1; RETURN NEW; END';
			CREATE TRIGGER raise BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION raise()`,
	} {
		source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
		conn := connect(t, target)
		if _, err := conn.Exec(t.Context(), script); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: DataOnly})
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), want) || lakeward.HintOf(err) == "" {
			t.Errorf("got %v, want %s", err, want)
		}
		if n := countRowsOf(t, conn, "SELECT FROM customers"); n != 0 {
			t.Errorf("%s: %d rows are left", want, n)
		}
	}
}

// TestDataOnlyLosesNothing has columns of the target that are too short or too coarse for one value of the source. It goes to
// the quarantine, or the rows are refused; a cast of PostgreSQL would cut and round in silence.
func TestDataOnlyLosesNothing(t *testing.T) {
	t.Parallel()
	const (
		kept  = "in quarantine"
		types = "CREATE DOMAIN short AS varchar(3); CREATE DOMAIN shorter AS short CHECK (value <> 'no'); CREATE DOMAIN tenths AS numeric(5,1);"
	)
	columns := []struct{ typ, fits, not, want string }{
		{"char(3)", "'ab'", "'abcd'", kept},
		{"char(4)", "'ab'", "'ab '", "v has changed"},
		{"bit(3)", "'101'", "'1011'", "refuses values of t"},
		{"varchar(3)[]", "'{ab}'", "'{abcd}'", "refuses values of t"},
		{"short", "'ab'", "'abcd'", kept},
		{"shorter", "'ab'", "'abcd'", kept},
		{"tenths", "2", "1.55", kept},
		{"interval(0)", "'01:00'", "'01:00:00.7'", "v has changed"},
		{"timestamp(0)", "'2024-01-31 10:00:00'", "'2024-01-31 10:00:00.7'", kept},
		{"timestamp(3) with time zone", "'2024-01-31 10:00:00.123Z'", "'2024-01-31 10:00:00.7895Z'", kept},
		{"time(0)", "'10:00:00'", "'10:00:00.7'", kept},
		{"inet", "'10.0.0.1/32'", "'10.0.0.'", "refuses values of t"},
		{"name", "", "'a'", "v is name, which rounds or cuts"},
		{"money", "", "1.555", "v is money, which rounds or cuts"},
	}
	into, insert, all := "", "1", ""
	for i, c := range columns {
		if c.fits != "" {
			into, insert, all = fmt.Sprintf("%s, c%d %s", into, i, c.typ), insert+", "+c.fits, fmt.Sprintf("%s, c%d %s", all, i, "TEXT")
		}
	}
	source, target := newSource(t, "CREATE TABLE t (id INTEGER PRIMARY KEY"+all+"); INSERT INTO t VALUES ("+insert+")"), DSN(pgtest.DB(t))
	if _, err := connect(t, target).Exec(t.Context(), types+"CREATE TABLE t (id int PRIMARY KEY"+into+")"); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: DataOnly})
	if err != nil || report.Verdict != VerdictIdentical {
		t.Errorf("what fits: %v\n%s", err, asJSON(t, report))
	}
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil || len(again.Tables[0].Differences) > 1 { // 01:00 is 01:00:00 now
		t.Errorf("verified again: %v\n%s", err, asJSON(t, again))
	}
	if _, back := export(t, target, ExportOptions{}); back.Tables[0].Quarantined > 0 {
		t.Errorf("not all went back:\n%s", asJSON(t, back))
	}
	for _, c := range columns {
		t.Run(c.typ, func(t *testing.T) {
			t.Parallel()
			source, target := newSource(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, NULL), (2, "+c.not+`);
				WITH RECURSIVE i(i) AS (SELECT 3 UNION ALL SELECT i+1 FROM i WHERE i < 200) INSERT INTO t SELECT i, nullif(`+
				cmp.Or(c.fits, "''")+`, '') FROM i`), DSN(pgtest.DB(t))
			conn := connect(t, target)
			if _, err := conn.Exec(t.Context(), types+"CREATE TABLE t (id int PRIMARY KEY, v "+c.typ+")"); err != nil {
				t.Fatal(err)
			}
			report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: DataOnly})
			if c.want == kept {
				if err != nil || report.Verdict != VerdictExcept || report.Tables[0].Quarantined != 1 {
					t.Errorf("%v\n%s", err, asJSON(t, report))
				}
				return
			}
			if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if n := countRowsOf(t, conn, "SELECT FROM t"); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// TestDataOnlyOfDurations has durations as Django writes them, in microseconds, and as SQLAlchemy does, as times since 1970,
// for intervals of the application's own tables, of which one has room for whole seconds only.
func TestDataOnlyOfDurations(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE d (id INTEGER PRIMARY KEY, django bigint, whole bigint, alchemy DATETIME, words TEXT);
		INSERT INTO d VALUES (1, 90500000, 90000000, '1970-01-01 00:01:30.500000', '90.5 seconds'), (2, -500000, 0, NULL, '-0.5s'),
			(3, 0, 90500000, NULL, NULL);
		INSERT INTO d WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i+1 FROM n WHERE i < 200)
			SELECT i, i * 86400500000, i * 86400000000, '1970-01-02 00:00:00', '1 day' FROM n`), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE d (id bigint PRIMARY KEY, django interval, whole interval(0), alchemy interval(3), words interval)`); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: DataOnly})
	if err != nil || report.Verdict != VerdictExcept || report.Tables[0].Quarantined != 1 || report.Tables[0].Quarantine[0].Reason != "90500000 is not exact in interval(0)" {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	for row, want := range map[string]int64{
		"id = 1 AND (django, whole, alchemy, words) = ('00:01:30.5', '00:01:30', '00:01:30.5', '00:01:30.5')": 1,
		"id = 2 AND (django, whole, words) = ('-0.5s', '0', '-0.5s') AND alchemy IS NULL":                     1,
		"django = id * interval '1 day 500 ms' AND (whole, alchemy) = (id * interval '1 day', '1 day')":       197,
	} {
		if n := countRowsOf(t, conn, "SELECT FROM d WHERE "+row); n != want {
			t.Errorf("%d rows are as %s, want %d", n, row, want)
		}
	}
	if _, back := export(t, target, ExportOptions{}); back.Tables[0].Quarantined > 0 {
		t.Errorf("not all went back:\n%s", asJSON(t, back))
	}
}

func TestSchemaOnly(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: SchemaOnly})
	if err != nil || report.Verdict != VerdictSchema || !report.Swapped || !report.Complete() {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	conn := connect(t, target)
	if n := countRowsOf(t, conn, "SELECT FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND NOT convalidated"); n != 0 {
		t.Errorf("%d constraints hold for new rows only, in empty tables", n)
	}
	if n := countRowsOf(t, conn, "SELECT FROM everyone"); n != 0 {
		t.Errorf("the view has %d rows", n)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO customers (name) VALUES ('first'); INSERT INTO orders (customer_id, cents) VALUES (1, 1)"); err != nil {
		t.Errorf("the first rows: %v", err)
	}
}

func TestExpandExisting(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE customers (id int PRIMARY KEY, name text, extra text);
		INSERT INTO customers VALUES (1, 'kept', 'mine')`); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: UseExisting})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "table customers has no column age, it has no table orders") {
		t.Errorf("what is missing: %v", err)
	}
	for round, want := range [][]string{{"added column customers.age", "added table orders", "added view totals", "added view everyone"}, nil} {
		report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: ExpandExisting})
		if err != nil || report.Verdict != VerdictSchema {
			t.Fatalf("round %d: %v\n%s", round, err, asJSON(t, report))
		}
		if slices.Sort(report.Notes); !slices.Equal(report.Notes, sorted(want)) {
			t.Errorf("round %d: notes %q, want %q", round, report.Notes, want)
		}
	}
	if n := countRowsOf(t, conn, "SELECT FROM customers WHERE name = 'kept' AND extra = 'mine' AND age IS NULL"); n != 1 {
		t.Error("the row that stood there has changed")
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO orders (customer_id, cents) VALUES (2, 1)"); sqlState(err) != "23503" {
		t.Errorf("the new table's foreign key lets an orphan in: %v", err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: UseExisting})
	if err != nil || report.Swapped || report.Verdict != VerdictSchema {
		t.Errorf("use what is there: %v\n%s", err, asJSON(t, report))
	}
}

// TestExpandExistingBesideWhatStands expands tables of an application that has left out a key which others refer to, and has
// given a name to something else.
func TestExpandExistingBesideWhatStands(t *testing.T) {
	t.Parallel()
	const script = `CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE, n INTEGER);
		CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id), code TEXT REFERENCES parent (code));
		CREATE INDEX by_n ON parent (n);
		CREATE VIEW codes AS SELECT code FROM parent;`
	source, target := newSource(t, script), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE parent (id bigint PRIMARY KEY, code text);
		CREATE INDEX by_n ON parent (code); CREATE TABLE codes (code text)`); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: ExpandExisting})
	want := []string{
		"added column parent.n", "added table child", `index by_n was not added: relation "by_n" already exists`,
		`foreign key child.child_code_fkey was not added: there is no unique constraint matching given keys for referenced table "parent"`,
		"view codes was not added: the target has something else of that name",
	}
	if err != nil || !slices.Equal(report.Notes, want) {
		t.Errorf("%v, %q", err, report.Notes)
	}
	if n := countRowsOf(t, conn, "SELECT FROM pg_constraint WHERE contype = 'f' AND convalidated"); n != 1 {
		t.Errorf("%d foreign keys, want that to the primary key", n)
	}

	target = DSN(pgtest.DB(t))
	if _, err := connect(t, target).Exec(t.Context(), "CREATE VIEW parent AS SELECT 1 AS id"); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strategy: ExpandExisting})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "something else of that name") {
		t.Errorf("a view of a table's name: %v", err)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func TestWhatIsInQuarantineIsNoTableOfTheApplication(t *testing.T) {
	t.Parallel()
	target := DSN(pgtest.DB(t))
	conn := connect(t, target)
	for _, sql := range []string{createQuarantine("public"), createQuarantineValues("public"), "CREATE TABLE orders (id bigint)"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := readExisting(t.Context(), target, "public")
	if err != nil || len(tables) != 1 || tables["orders"] == nil {
		t.Errorf("%v, %s", err, asJSON(t, tables))
	}
}
