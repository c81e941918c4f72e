package migrate

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestCheckedPlanIsTheSame checks plans that nobody has edited, after a journey through YAML.
func TestCheckedPlanIsTheSame(t *testing.T) {
	t.Parallel()
	everything, err := os.ReadFile("testdata/plan.sql")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{
		"everything": newSource(t, string(everything)), "shop": newSource(t, shopScript), "misfits": newSource(t, misfitScript),
		"kinds": newSource(t, kindsScript),
	}
	for _, name := range []string{"chinook", "northwind"} {
		if path := testDatabase(name); path != "" {
			sources[name] = path
		}
	}
	for name, path := range sources {
		plan, err := MakePlan(t.Context(), path, PlanOptions{OnMisfit: PolicyNull})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := plan.WriteYAML(&file); err != nil {
			t.Fatal(err)
		}
		read, err := ReadPlan(&file)
		if err != nil {
			t.Fatal(err)
		}
		var news []string
		checked, err := CheckPlan(t.Context(), path, read, PlanOptions{Progress: func(e lakeward.Event) {
			if e.Type == lakeward.EventWarning && strings.Contains(e.Message, "the plan knows") {
				news = append(news, e.Message)
			}
		}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(plan, checked, cmpopts.EquateEmpty()); diff != "" || news != nil {
			t.Errorf("%s: the checked plan is another one (-made +checked), news %q:\n%s", name, news, diff)
		}
	}
}

const editedScript = `
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER CHECK (age > 0), code TEXT UNIQUE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), cents INTEGER NOT NULL, code TEXT REFERENCES customers (code));
CREATE TABLE notes (note TEXT, made DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE VIEW names AS SELECT name FROM customers;
WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 500) INSERT INTO customers SELECT i, 'c'||i, i, 'k'||i FROM i;
INSERT INTO orders SELECT id, id, id, 'k'||id FROM customers;
INSERT INTO notes VALUES ('one', '2024-01-31 10:00:00');
`

// edit changes a plan's file line by line: each pair is what stands there and what shall, in the first line after the one
// that contains the anchor.
func editPlan(t *testing.T, plan *Plan, edits ...[3]string) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := plan.WriteYAML(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	for _, e := range edits {
		at := strings.Index(text, e[0])
		if at < 0 {
			t.Fatalf("the plan has no %q:\n%s", e[0], text)
		}
		found := strings.Index(text[at:], e[1])
		if found < 0 {
			t.Fatalf("behind %q the plan has no %q:\n%s", e[0], e[1], text)
		}
		text = text[:at+found] + e[2] + text[at+found+len(e[1]):]
	}
	return []byte(text)
}

func mustPlan(t *testing.T, path string) *Plan {
	t.Helper()
	plan, err := MakePlan(t.Context(), path, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// runEdited migrates by a plan's file.
func runEdited(t *testing.T, source string, target DSN, file []byte) (*Plan, *Report) {
	t.Helper()
	read, err := ReadPlan(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{Plan: read, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return read, report
}

func TestEveryProblemOfAPlanIsNamed(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, editedScript), DSN(pgtest.DB(t))
	long := strings.Repeat("n", 64)
	edits := map[string]struct {
		edit [3]string
		want string
	}{
		"unknown table":       {[3]string{"- name: notes", "notes", "nots"}, "table nots: the source has no such table"},
		"missing table":       {[3]string{"- name: notes", "notes", "nots"}, "table notes: it is missing; to leave it behind, keep it with skip: true"},
		"unknown column":      {[3]string{"- name: age", "age", "years"}, "table customers, column years: the source has no such column"},
		"conversion":          {[3]string{"- name: age", "type: bigint", "type: text"}, `column age: conversion "integer" yields an integer type, not text; text wants convert: text`},
		"unknown conversion":  {[3]string{"- name: age", "convert: integer", "convert: roman"}, `unknown conversion "roman"`},
		"modifiers":           {[3]string{"- name: name", "type: text", "type: character varying(0)"}, "0 is not between 1 and 10485760"},
		"policy":              {[3]string{"- name: age", "convert: integer", "convert: integer\n    on_misfit: drop"}, `unknown policy "drop"`},
		"null where not null": {[3]string{"- name: cents", "convert: integer", "convert: integer\n    on_misfit: null"}, "column cents: on_misfit: null cannot be"},
		"replacement":         {[3]string{"- name: age", "convert: integer", "convert: integer\n    on_misfit: replace\n    replacement: none"}, `the replacement does not fit bigint: "none" is not an integer`},
		"no replacement":      {[3]string{"- name: age", "convert: integer", "convert: integer\n    on_misfit: replace"}, "on_misfit: replace wants a replacement"},
		"key column":          {[3]string{"name: customers_pkey", "- id", "- ident"}, "primary key: there is no column ident"},
		"foreign key column":  {[3]string{"name: orders_customer_id_fkey", "- customer_id", "- customer"}, "foreign key orders_customer_id_fkey: there is no column customer"},
		"foreign key table":   {[3]string{"name: orders_customer_id_fkey", "table: customers", "table: clients"}, "there is no table clients"},
		"foreign key types":   {[3]string{"name: orders_code_fkey", "- code\n    table", "- cents\n    table"}, "cents is bigint, but customers.code is text"},
		"not a key":           {[3]string{"name: orders_customer_id_fkey", "- id\n", "- age\n"}, "age is no key of customers"},
		"action":              {[3]string{"name: orders_customer_id_fkey", "table: customers", "on_delete: EXPLODE\n    table: customers"}, `"EXPLODE" is no action`},
		"index column":        {[3]string{"name: orders_by_customer", "customer_id", "customers_id"}, "index orders_by_customer: there is no column customers_id"},
		"check column":        {[3]string{"name: customers_age_check", `("age"`, `("ages"`}, "there is no column ages"},
		"column names":        {[3]string{"- name: cents", "target: cents", "target: customer_id"}, "the name customer_id is taken"},
		"table names":         {[3]string{"- name: notes", "target: notes", "target: orders"}, "table notes: the name orders is that of table orders too"},
		"index names":         {[3]string{"name: orders_by_customer", "orders_by_customer", "names"}, "the name names is that of table orders, index names too"},
		"long names":          {[3]string{"- name: notes", "target: notes", "target: " + long}, "has 64 bytes"},
		"identity":            {[3]string{"- name: made", "default:", "identity: true\n    default:"}, "it cannot be an identity and have a default too"},
		"generated":           {[3]string{"- name: made", "default:", "generated: now()\n    default:"}, "it cannot be generated and have a default too"},
	}
	plan := mustPlan(t, source)
	for name, test := range edits {
		file := editPlan(t, plan, test.edit)
		read, err := ReadPlan(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = Run(t.Context(), source, target, Options{Plan: read, WorkDir: t.TempDir()})
		problems, ok := errors.AsType[*PlanError](err)
		if !ok || lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("%s: %v, want a refusal with a hint", name, err)
			continue
		}
		problems.Locate(file)
		if !strings.Contains(err.Error(), test.want) || slices.ContainsFunc(problems.Problems, func(p Problem) bool { return p.Line == 0 }) {
			t.Errorf("%s: %v, want %s with its line", name, err, test.want)
		}
	}
	requireEmpty(t, target)
}

func TestAllProblemsOfAPlanComeAtOnce(t *testing.T) {
	t.Parallel()
	source := newSource(t, editedScript)
	file := editPlan(t, mustPlan(t, source), [3]string{"- name: age", "convert: integer", "convert: roman"},
		[3]string{"name: orders_by_customer", "customer_id", "customers_id"}, [3]string{"- name: notes", "target: notes", "target: orders"})
	read, err := ReadPlan(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	_, err = CheckPlan(t.Context(), source, read, PlanOptions{})
	problems, ok := errors.AsType[*PlanError](err)
	if !ok || len(problems.Problems) != 3 {
		t.Fatalf("got %v, want three problems", err)
	}
	problems.Locate(file)
	lines := strings.Split(string(file), "\n")
	for i, want := range []string{"convert: roman", "customers_id", "target: orders"} {
		if p := problems.Problems[i]; p.Line < 1 || !strings.Contains(lines[p.Line-1], want) {
			t.Errorf("%s is in line %d, which has no %s", p.What, p.Line, want)
		}
	}
}

// TestPlanInShortSpelling writes types as people do.
func TestPlanInShortSpelling(t *testing.T) {
	t.Parallel()
	for short, want := range map[string]string{
		"timestamptz": "timestamp with time zone", "timestamp(3)": "timestamp(3) without time zone", "varchar(20)": "character varying(20)",
		"varchar": "character varying", "int": "integer", "Bool": "boolean", "decimal(10, 2)": "numeric(10,2)", "numeric(10,2)": "numeric(10,2)",
		"text": "text", "time": "time without time zone", "float8": "double precision", "timestamp(3) without time zone": "timestamp(3) without time zone",
	} {
		if got := fullType(short); got != want {
			t.Errorf("%s is %s, want %s", short, got, want)
		}
	}
}

// TestPlanObeysUnquotedNull reads the policy that YAML takes for no value at all.
func TestPlanObeysUnquotedNull(t *testing.T) {
	t.Parallel()
	plan := &Plan{Version: 1, Tables: []Table{{Name: "t", Columns: []Column{{Name: "c"}}}}}
	read, err := ReadPlan(bytes.NewReader(editPlan(t, plan, [3]string{"- name: c", "name: c", "name: c\n    on_misfit: null"})))
	if err != nil || read.Tables[0].Columns[0].OnMisfit != PolicyNull {
		t.Errorf("policy %q, %v", read.Tables[0].Columns[0].OnMisfit, err)
	}
}

func TestSkippedTablesAndColumnsAreNamed(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, editedScript), DSN(pgtest.DB(t))
	file := editPlan(t, mustPlan(t, source), [3]string{"- name: customers", "target: customers", "target: customers\n  skip: true"},
		[3]string{"- name: note\n", "target: note", "target: note\n    skip: true"})
	_, report := runEdited(t, source, target, file)
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Report{report, again} {
		var left []string
		for _, l := range r.Left {
			left = append(left, l.Kind+" "+l.Table+"."+l.Name)
		}
		want := []string{
			"skipped table .customers", "foreign key orders.orders_customer_id_fkey",
			"foreign key orders.orders_code_fkey", "skipped column notes.note", "view .names",
		}
		if diff := cmp.Diff(want, left); diff != "" || r.Verdict != VerdictExcept || r.Complete() || len(r.Tables) != 2 {
			t.Errorf("%s: verdict %q, complete %t, %d tables, left (-want +got):\n%s", r.Operation, r.Verdict, r.Complete(), len(r.Tables), diff)
		}
	}
	if n := countRowsOf(t, connect(t, target), "SELECT made FROM notes WHERE to_jsonb(notes) = '{\"made\": \"2024-01-31T10:00:00\"}'"); n != 1 {
		t.Errorf("%d notes without the skipped column, want 1", n)
	}
}

// TestWidenedColumnTakesOthersAlong widens columns of a plan by hand; what depends on their types follows.
func TestWidenedColumnTakesOthersAlong(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE parents (code INTEGER NOT NULL UNIQUE, n INTEGER DEFAULT 5 CHECK (n > 0), twice INTEGER AS (n * 2));
		CREATE TABLE children (id INTEGER PRIMARY KEY, code INTEGER REFERENCES parents (code));
		CREATE INDEX by_n ON parents (n) WHERE n > 3;
		CREATE VIEW bigger AS SELECT code FROM parents WHERE n > 10;
		WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i < 500) INSERT INTO parents (code, n) SELECT i, i FROM i;
		INSERT INTO children SELECT code, code FROM parents;
		INSERT INTO parents (code, n) VALUES (9e99, 1), (501, 2.5)`), DSN(pgtest.DB(t))
	plan := mustPlan(t, source)
	for i := range plan.Tables[0].Columns[:2] {
		plan.Tables[0].Columns[i].OnMisfit = PolicyWiden
	}
	checked, err := CheckPlan(t.Context(), source, plan, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	parents, children := checked.table("parents"), checked.table("children")
	if parents.Columns[0].Type != "double precision" || parents.Columns[1].Type != "double precision" ||
		children.Columns[1].Type != "double precision" || !strings.Contains(parents.Columns[1].Evidence, "widened") ||
		len(children.ForeignKeys) != 1 || plan.Tables[0].Columns[0].Type != "bigint" {
		t.Errorf("checked plan: %s", asJSON(t, checked.Tables))
	}
	for _, r := range migrateTwice(t, source, target, Options{Plan: plan}) {
		if r.Verdict == VerdictDifferent || !r.Complete() || r.table(*parents).Loaded != 502 || len(r.Orphans) > 0 {
			t.Errorf("%s: %s", r.Operation, asJSON(t, r))
		}
	}
}

// TestPlanMeetsNewRows changes the source's rows after its plan was made.
func TestPlanMeetsNewRows(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, editedScript), DSN(pgtest.DB(t))
	plan := mustPlan(t, source)
	changeSource(t, source, `INSERT INTO customers VALUES (900, 'new', 'forty', 'x'||char(0)), (901, 'another', 2.5, NULL);
		PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
		INSERT INTO customers VALUES (902, 'third', -1, NULL);
		INSERT INTO orders VALUES (900, 12345, 1, NULL)`)
	for name, change := range map[string]func(o *Options){
		"strict": func(o *Options) { o.Strict = true },
		"fail":   func(o *Options) { o.Plan.table("customers").Columns[2].OnMisfit = PolicyFail },
	} {
		o := Options{Plan: plan.normal(), WorkDir: t.TempDir()}
		change(&o)
		if _, err := Run(t.Context(), source, target, o); lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
		requireEmpty(t, target)
	}
	var news []string
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir(), Progress: func(e lakeward.Event) {
		if e.Phase == "plan" && strings.Contains(e.Message, "the plan knows of") {
			news = append(news, e.Message)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"customers.age: 2 values do not fit bigint, the plan knows of 0; they will be quarantined",
		"customers.code: 1 value does not fit text, the plan knows of 0; they will be quarantined",
		"customers: 1 row breaks the check customers_age_check, the plan knows of 0",
		"orders: 1 row has no parent in customers (orders_customer_id_fkey), the plan knows of 0",
	}
	// The first row has two values that do not fit, and is quarantined for the first of them.
	want = slices.Delete(want, 1, 2)
	slices.Sort(news)
	slices.Sort(want)
	if diff := cmp.Diff(want, news); diff != "" || report.Verdict != VerdictExcept || report.table(plan.Tables[0]).Quarantined != 2 {
		t.Errorf("verdict %q, news (-want +got):\n%s", report.Verdict, diff)
	}
	var id int64
	err = connect(t, target).QueryRow(t.Context(), "INSERT INTO customers (name) VALUES ('x') RETURNING id").Scan(&id)
	if err != nil || id != 903 {
		t.Errorf("the next customer got number %d, %v; want 903, after those that came after the plan", id, err)
	}
}

// TestEditedTypesTakeTheirExpressionsAlong edits types in a plan's file: defaults, checks, indexes and views follow, but for
// what is edited too.
func TestEditedTypesTakeTheirExpressionsAlong(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `
		CREATE TABLE users (
			id INTEGER PRIMARY KEY, active BOOLEAN NOT NULL DEFAULT 1 CHECK (active IN (0, 1)), staff BOOLEAN DEFAULT 0,
			born DATE CHECK (born > '1900-01-01'), busy BOOLEAN AS (active AND staff));
		CREATE INDEX active_users ON users (born) WHERE active;
		CREATE INDEX staff_users ON users (born) WHERE NOT staff;
		CREATE VIEW actives AS SELECT id FROM users WHERE active AND born < '2000-01-01';
		INSERT INTO users (id, active, staff, born) VALUES (1, 1, 0, '1970-01-31'), (2, 0, 1, '2010-01-31'), (3, 1, 1, NULL)`), DSN(pgtest.DB(t))
	file := editPlan(t, mustPlan(t, source),
		[3]string{"- name: active", "type: boolean\n    convert: boolean", "type: smallint\n    convert: integer"},
		[3]string{"- name: staff", "type: boolean\n    convert: boolean", "type: smallint\n    convert: integer"},
		[3]string{"- name: staff", "default: \"FALSE\"", "default: \"7\""},
		[3]string{"- name: born", "type: date\n    convert: date", "type: text\n    convert: text"})
	read, report := runEdited(t, source, target, file)
	if !report.Complete() || len(report.Left) > 0 {
		t.Errorf("verdict %q, left %+v", report.Verdict, report.Left)
	}
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "INSERT INTO users (id, born) VALUES (4, '1980-01-01')"); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]int64{
		"SELECT id FROM users WHERE id = 4 AND active = 1 AND staff = 7 AND busy": 1,
		"SELECT id FROM actives": 2,
		"SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype = 'c' AND convalidated":               2,
		"SELECT FROM pg_index WHERE indrelid = 'users'::regclass AND pg_get_expr(indpred, indrelid) ~ '(active|staff)'": 2,
	} {
		if n := countRowsOf(t, conn, sql); n != want {
			t.Errorf("%s: %d rows, want %d", sql, n, want)
		}
	}
	checked, err := CheckPlan(t.Context(), source, read, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := CheckPlan(t.Context(), source, checked, PlanOptions{})
	if diff := cmp.Diff(checked, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("a checked plan is another one when it is checked again: %v\n%s", err, diff)
	}
}
