package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

func planOf(t testing.TB, statements string) *Plan {
	t.Helper()
	path, _ := newApplication(t, statements)
	plan, err := MakePlan(t.Context(), path, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plan.Source.Path = "app.db"
	return plan
}

func planOfEverything(t testing.TB) *Plan {
	t.Helper()
	statements, err := os.ReadFile("testdata/plan.sql")
	if err != nil {
		t.Fatal(err)
	}
	return planOf(t, string(statements))
}

// statements renders a whole plan in an order in which PostgreSQL can take it.
func statements(p *Plan) (list []string) {
	for _, t := range p.Tables {
		list = append(list, createTable(p.Schema, t))
	}
	for _, t := range p.Tables {
		if t.PrimaryKey != nil {
			list = append(list, addPrimaryKey(p.Schema, t))
		}
		for _, k := range t.Uniques {
			list = append(list, addUnique(p.Schema, t, k))
		}
		for _, ix := range t.Indexes {
			list = append(list, createIndex(p.Schema, t, ix))
		}
		for _, c := range t.Checks {
			list = append(list, addCheck(p.Schema, t, c))
		}
		for _, c := range t.Columns {
			if c.Identity {
				list = append(list, setIdentity(p.Schema, t, c))
			}
		}
	}
	for _, t := range p.Tables {
		for _, fk := range t.ForeignKeys {
			list = append(list, addForeignKey(p.Schema, t, fk))
			if v := validateForeignKey(p.Schema, t, fk); v != "" {
				list = append(list, v)
			}
		}
	}
	for _, v := range p.Views {
		list = append(list, createView(p.Schema, v))
	}
	return list
}

// TestPlanOfEverything compares the plan of a schema with all that real ones have, as people see it and as statements.
func TestPlanOfEverything(t *testing.T) {
	t.Parallel()
	plan := planOfEverything(t)
	var got bytes.Buffer
	if err := plan.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	got.WriteString("\n----\n\n" + strings.Join(statements(plan), ";\n") + ";\n")
	if *update {
		if err := os.WriteFile("testdata/plan.golden", got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/plan.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the plan has changed (-want +got; -update accepts it):\n%s", diff)
	}
	for line := range strings.Lines(got.String()) {
		if strings.HasPrefix(line, "----") {
			break
		}
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > textWidth && !strings.HasPrefix(line, "a_table_whose_name") {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestPostgreSQLTakesThePlan(t *testing.T) {
	t.Parallel()
	plans := map[string]*Plan{"everything": planOfEverything(t)}
	for _, name := range []string{"chinook", "northwind"} {
		if path := testDatabase(name); path != "" {
			plan, err := MakePlan(t.Context(), path, PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			plans[name] = plan
		}
	}
	for name, plan := range plans {
		execute(t, pgtest.DB(t), name, plan)
	}
}

func execute(t *testing.T, dsn, name string, plan *Plan) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, s := range statements(plan) {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Errorf("%s: %v\n%s", name, err, s)
		}
	}
}

// testDatabase returns a real database if this machine has it.
func testDatabase(name string) string {
	folder := os.Getenv("LAKEWARD_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(folder, name+".sqlite")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func TestPlanSurvivesYAMLAndJSON(t *testing.T) {
	t.Parallel()
	plan := planOfEverything(t)
	var asYAML, asJSON bytes.Buffer
	if err := plan.WriteYAML(&asYAML); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&asJSON).Encode(plan); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*bytes.Buffer{&asYAML, &asJSON} {
		got, err := ReadPlan(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plan, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	}
}

func TestMistypedPlanIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"version: 1\ntabels: []\n", "version: 2\n", "version: [\n", ""} {
		_, err := ReadPlan(strings.NewReader(text))
		if err == nil || lakeward.HintOf(err) == "" {
			t.Errorf("%q: %v, want a refusal with a hint", text, err)
		}
	}
}

func TestIdentityGoesOnAfterTheHighestKeyThatEverWas(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `
		CREATE TABLE used (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO used VALUES (5);
		CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO emptied VALUES (7); DELETE FROM emptied;
		CREATE TABLE negative (id INTEGER PRIMARY KEY); INSERT INTO negative VALUES (-3);
		CREATE TABLE full (id INTEGER PRIMARY KEY); INSERT INTO full VALUES (9223372036854775807);
		CREATE TABLE quirk (id INTEGER PRIMARY KEY DESC)`)
	got := map[string]int64{}
	for _, table := range plan.Tables {
		got[table.Name] = table.Columns[0].Next
	}
	want := map[string]int64{"used": 6, "emptied": 8, "negative": 1, "full": 9223372036854775807, "quirk": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("next keys (-want +got):\n%s", diff)
	}
	if len(plan.Tables[3].Notes) == 0 {
		t.Error("nobody is told of the key that is used up")
	}
}

// TestOrphansAreCountedForEveryKindOfKey has one orphan in each table.
func TestOrphansAreCountedForEveryKindOfKey(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `
		CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT UNIQUE, nick TEXT COLLATE NOCASE UNIQUE, x INT, y INT, UNIQUE (x, y));
		INSERT INTO a VALUES (1, 'one', 'Uno', 1, 1), (2, 'two', 'Due', 1, 2), (9, 'nine', 'Nove', 3, 3);
		CREATE TABLE by_rowid (r INTEGER REFERENCES a); INSERT INTO by_rowid VALUES (1), (9), (NULL), (5);
		CREATE TABLE by_text (r TEXT REFERENCES a(code)); INSERT INTO by_text VALUES ('one'), ('ONE'), (NULL);
		CREATE TABLE by_nocase (r TEXT REFERENCES a(nick)); INSERT INTO by_nocase VALUES ('Uno'), ('DUE');
		CREATE TABLE by_two (p INT, q INT, FOREIGN KEY (p, q) REFERENCES a(x, y));
		INSERT INTO by_two VALUES (1, 2), (2, 2), (2, NULL), (NULL, NULL);
		CREATE TABLE self (id INTEGER PRIMARY KEY, up INT REFERENCES self(id)); INSERT INTO self VALUES (1, 2), (2, 2), (3, 8);
		CREATE TABLE later (id INTEGER PRIMARY KEY, r INT REFERENCES last(id)); INSERT INTO later VALUES (1, 1), (2, 0);
		CREATE TABLE last (id INTEGER PRIMARY KEY, r INT REFERENCES later(id)); INSERT INTO last VALUES (1, 2), (4, 3)`)
	for _, table := range plan.Tables {
		if table.Name == "a" {
			continue
		}
		if len(table.ForeignKeys) != 1 || table.ForeignKeys[0].Orphans != 1 || table.ForeignKeys[0].Query == "" {
			t.Errorf("%s: foreign keys %+v, left %+v; want one orphan and the query that finds it", table.Name, table.ForeignKeys, plan.Left)
		}
	}
}

func TestChildrenOfQuarantinedRowsAreOrphans(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `
		CREATE TABLE parent (id INTEGER PRIMARY KEY, born INT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 20) INSERT INTO parent SELECT i, iif(i = 7, 'long ago', i) FROM n;
		CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INT REFERENCES parent, n INT);
		INSERT INTO child SELECT id, id, 1 FROM parent;
		INSERT INTO child VALUES (21, 7, 'also out'), (22, 99, 'out as well'), (23, 98, 'and out')`)
	parent, child := plan.Tables[0], plan.Tables[1]
	if parent.Columns[1].Misfits != 1 || child.Columns[2].Misfits != 3 {
		t.Errorf("%d and %d rows will be quarantined, want 1 and 3", parent.Columns[1].Misfits, child.Columns[2].Misfits)
	}
	if n := child.ForeignKeys[0].Orphans; n != 1 {
		t.Errorf("%d orphans, want the 1 row that stays and whose parent does not", n)
	}
}

func TestViolatedChecksAreCounted(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `PRAGMA ignore_check_constraints = ON;
		CREATE TABLE t (n INT CHECK (n > 0), m INT, CONSTRAINT sum CHECK (n + m < 10));
		INSERT INTO t VALUES (1, 1), (-1, 1), (-2, 1), (5, 5), (NULL, 1)`)
	checks := plan.Tables[0].Checks
	if len(checks) != 2 || checks[0].Violations != 2 || checks[1].Violations != 1 || checks[1].Name != "sum" {
		t.Errorf("checks %+v, want 2 violations of the first and 1 of sum", checks)
	}
}

func TestSamplesShowEveryFormThatAColumnHas(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `CREATE TABLE t (at DATETIME, ok BOOLEAN, n INTEGER);
		WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r LIMIT 2000)
			INSERT INTO t SELECT '2024-01-31 10:00:' || printf('%02d', i % 60), 1, i FROM r;
		INSERT INTO t VALUES (1700000000123, 'F', 'n/a'), (1700000000456, 't', NULL)`)
	got := map[string][]Sample{}
	for _, c := range plan.Tables[0].Columns {
		got[c.Name] = c.Samples
	}
	want := map[string][]Sample{
		"at": {
			{`"2024-01-31 10:00:01"`, "2024-01-31 10:00:01+00"},
			{"1700000000123", "2023-11-14 22:13:20.123+00"},
			{`"2024-01-31 10:00:02"`, "2024-01-31 10:00:02+00"},
		},
		"ok": {{"1", "true"}, {`"F"`, "false"}, {`"t"`, "true"}},
		"n":  {{`"n/a"`, `quarantined: "n/a" is not an integer`}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestIndexOverTextsThatAreTooLongStaysBehind(t *testing.T) {
	t.Parallel()
	plan := planOf(t, `CREATE TABLE t (a TEXT, b TEXT); CREATE INDEX ia ON t (a); CREATE INDEX ib ON t (b);
		INSERT INTO t VALUES (hex(randomblob(2000)), 'short')`)
	if len(plan.Tables[0].Indexes) != 1 || plan.Tables[0].Indexes[0].Name != "ib" {
		t.Errorf("indexes %+v, want ib alone", plan.Tables[0].Indexes)
	}
	if len(plan.Left) != 1 || plan.Left[0].Name != "ia" || !strings.Contains(plan.Left[0].Draft, "md5") {
		t.Errorf("left %+v, want ia with a draft", plan.Left)
	}
}

func TestNamesNeverCollide(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("very_", 13)
	plan := planOf(t, `
		CREATE TABLE a (id INTEGER PRIMARY KEY, b INT, CONSTRAINT pk UNIQUE (b)); CREATE TABLE a_pkey (id INTEGER PRIMARY KEY);
		CREATE TABLE b (c INT, d INT, CONSTRAINT pk PRIMARY KEY (c), CONSTRAINT pk UNIQUE (d)); CREATE INDEX pk_2 ON b (d);
		CREATE TABLE `+long+`1 (id INTEGER PRIMARY KEY); CREATE TABLE `+long+`2 (id INTEGER PRIMARY KEY)`)
	seen := map[string]bool{}
	for _, table := range plan.Tables {
		names := []string{table.Target, table.PrimaryKey.Name}
		for _, k := range table.Uniques {
			names = append(names, k.Name)
		}
		for _, ix := range table.Indexes {
			names = append(names, ix.Name)
		}
		for _, name := range names {
			if seen[name] || len(name) > mostNameBytes {
				t.Errorf("%s (%d bytes) is used twice or too long", name, len(name))
			}
			seen[name] = true
		}
	}
}
