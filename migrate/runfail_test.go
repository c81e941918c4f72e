package migrate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// shopScript has what years of foreign_keys=off leave behind: an orphan, a text in an integer column, and a row whose
// parent cannot be stored.
const shopScript = `
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
INSERT INTO customers (name, age) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500) SELECT 'c'||i, i%90 FROM n;
UPDATE customers SET age = 'forty' WHERE id = 7;
CREATE TABLE orders (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	customer_id INTEGER NOT NULL REFERENCES customers (id),
	cents INTEGER NOT NULL CHECK (cents > 0)
);
INSERT INTO orders (customer_id, cents) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000) SELECT 1+i%500, i FROM n;
INSERT INTO orders VALUES (5000, 12345, 1), (5001, 3, 7);
DELETE FROM orders WHERE id = 5001;
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE VIEW totals AS SELECT c.name, count(*) AS orders, sum(o.cents) AS cents FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name;
CREATE VIEW everyone AS SELECT id, name FROM customers;
`

func TestRunKeepsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	again, err := Verify(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	for _, r := range []*Report{report, again} {
		if r.Verdict != VerdictExcept || r.Complete() {
			t.Errorf("%s: verdict %q, complete %t\n%s", r.Operation, r.Verdict, r.Complete(), asJSON(t, r))
		}
		customers := r.table(Table{Target: "customers"})
		want := []QuarantinedRow{{Table: "customers", Key: `{"id": 7}`, Column: "age", Reason: `"forty" is not an integer`, Action: ActionQuarantined}}
		if diff := cmp.Diff(want, customers.Quarantine); diff != "" || customers.Read != 500 || customers.Loaded != 499 {
			t.Errorf("%s: quarantine (-want +got):\n%s", r.Operation, diff)
		}
		// One order names a customer that never existed, four belong to the quarantined one.
		if len(r.Orphans) != 1 || r.Orphans[0].Rows != 5 || countRowsOf(t, conn, r.Orphans[0].Query) != 5 {
			t.Errorf("%s: orphans %s", r.Operation, asJSON(t, r.Orphans))
		}
		for _, view := range r.Views {
			if !view.Identical {
				t.Errorf("%s: view %s", r.Operation, asJSON(t, view))
			}
		}
	}
	var row, mark string
	err = conn.QueryRow(t.Context(), `SELECT "row"::text, obj_description('orders'::regclass) FROM lakeward_quarantine`).Scan(&row, &mark)
	if err != nil || row != `{"id": {"integer": 7}, "age": {"text": "forty"}, "name": {"text": "c7"}}` || !strings.HasPrefix(mark, markPrefix) {
		t.Errorf("quarantined row %s, mark %q, %v", row, mark, err)
	}
	var id int64
	if err := conn.QueryRow(t.Context(), `INSERT INTO orders (customer_id, cents) VALUES (1, 1) RETURNING id`).Scan(&id); err != nil || id != 5002 {
		t.Errorf("the next order got number %d, %v; want 5002, after the last number ever given out", id, err)
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO orders (customer_id, cents) VALUES (12345, 1)`); sqlState(err) != "23503" {
		t.Errorf("the foreign key lets a new orphan in: %v", err)
	}
}

func TestRunStrictRefusesQuarantine(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	_, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Strict: true})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "customers.age") {
		t.Errorf("got %v", err)
	}
	requireEmpty(t, target)
}

func TestRunCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	for _, phase := range []string{"snapshot", "plan", "prepare", "load", "index", "verify", "swap"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
			ctx, cancel := context.WithCancelCause(t.Context())
			work := t.TempDir()
			report, err := Run(ctx, source, target, Options{WorkDir: work, Progress: func(e lakeward.Event) {
				if e.Phase == phase && (phase != "load" || e.Type == lakeward.EventDone) {
					cancel(stop)
				}
			}})
			if !errors.Is(err, stop) {
				t.Errorf("got %v", err)
			}
			if report.Swapped || report.Complete() {
				t.Errorf("report says swapped %t, complete %t", report.Swapped, report.Complete())
			}
			requireEmpty(t, target)
			if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
				t.Errorf("left in the work folder: %v, %v", left, err)
			}
		})
	}
}

func TestRunRemovesOnlyItsOwnLeftovers(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn := connect(t, target)
	for _, sql := range []string{
		`CREATE SCHEMA lakeward_stage_killed`, `COMMENT ON SCHEMA lakeward_stage_killed IS 'staging of a migration by lakeward into schema public'`,
		`CREATE TABLE lakeward_stage_killed.customers (id bigint)`,
		`CREATE SCHEMA lakeward_stage_other`, `COMMENT ON SCHEMA lakeward_stage_other IS 'staging of a migration by lakeward into schema other'`,
		`CREATE SCHEMA lakeward_stage_mine`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	want := []string{"lakeward_stage_mine", "lakeward_stage_other"}
	if diff := cmp.Diff(want, stages(t, conn)); diff != "" {
		t.Errorf("staging schemas (-want +got):\n%s", diff)
	}
}

func TestRunRefusesToMeetAnother(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	other, err := openStage(t.Context(), target, "public", &workFolder{}, &journal{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.close(t.Context())
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()}); lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("into the same schema: %v", err)
	}
	if _, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), Schema: "elsewhere"}); err != nil {
		t.Errorf("into another schema: %v", err)
	}
}

func TestRunRefusesWhatStands(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE customers (mine text); INSERT INTO customers VALUES ('kept');
		CREATE TABLE visits (n int); CREATE INDEX orders_by_customer ON visits (n)`); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), TargetName: "shop"})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "table customers, index orders_by_customer (of table visits)") ||
		!strings.Contains(lakeward.HintOf(err), "--replace shop") {
		t.Errorf("got %v, hint %q", err, lakeward.HintOf(err))
	}
	_, err = Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), TargetName: "shop", Replace: "shops"})
	if lakeward.KindOf(err) != lakeward.KindInvalid {
		t.Errorf("with another name: %v", err)
	}
	_, err = Run(t.Context(), source, target, Options{WorkDir: t.TempDir(), TargetName: "shop", Replace: "shop"})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "orders_by_customer") {
		t.Errorf("with an index of another table in the way: %v", err)
	}
	if n := countRowsOf(t, conn, "SELECT FROM customers WHERE mine = 'kept'"); n != 1 {
		t.Errorf("the table that stood there has %d rows", n)
	}
}

func TestRunReplaces(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	o := Options{WorkDir: t.TempDir(), TargetName: "shop", Replace: "shop"}
	for range 2 {
		if _, err := Run(t.Context(), source, target, o); err != nil {
			t.Fatal(err)
		}
	}
	conn := connect(t, target)
	if n := countRowsOf(t, conn, "SELECT FROM lakeward_quarantine"); n != 2 {
		t.Errorf("the quarantine has %d rows, want those of both migrations", n)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE notes (customer_id bigint REFERENCES customers)"); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), source, target, o)
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "foreign key notes_customer_id_fkey of table public.notes") {
		t.Errorf("with a foreign key from outside: %v", err)
	}
	if n := countRowsOf(t, conn, "SELECT FROM customers"); n != 499 {
		t.Errorf("after the refusal there are %d customers", n)
	}
	changeSource(t, source, "DELETE FROM orders WHERE id > 10")
	if _, err := conn.Exec(t.Context(), "DROP TABLE notes"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), source, target, o); err != nil {
		t.Fatal(err)
	}
	if n := countRowsOf(t, conn, "SELECT FROM orders"); n != 10 {
		t.Errorf("after the last replacement there are %d orders, want 10", n)
	}
}

func TestRunNamesWhatIsWrongWithTheTarget(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	admin := connect(t, DSN(pgtest.Admin(t, dsn)))
	if _, err := admin.Exec(t.Context(), `CREATE SCHEMA closed; CREATE SCHEMA elsewhere; GRANT USAGE ON SCHEMA closed TO PUBLIC`); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	unreachable := DSN("postgres://u:secret@127.0.0.1:1/d?sslmode=disable")
	for _, test := range []struct {
		name, schema string
		target       DSN
		kind         lakeward.Kind
		want         string
	}{
		{"no such database", "", DSN(strings.Replace(dsn, "/"+config.Database, "/nowhere", 1)), lakeward.KindNotFound, "nowhere"},
		{"nobody listens", "", unreachable, lakeward.KindUnavailable, "127.0.0.1:1"},
		{"not an address", "", "postgres://u:secret@host:port/d", lakeward.KindInvalid, "address"},
		{"a schema of others", "closed", DSN(dsn), lakeward.KindDenied, "closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), source, test.target, Options{Schema: test.schema, WorkDir: t.TempDir()})
			if lakeward.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") ||
				lakeward.HintOf(err) == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q of kind %s, hint %q", err, lakeward.KindOf(err), lakeward.HintOf(err))
			}
		})
	}
}

func TestRunObeysThePlan(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	plan, err := MakePlan(t.Context(), source, PlanOptions{Schema: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(plan.Tables, func(t Table) bool { return t.Name == "customers" })
	plan.Tables[at].Columns[2].Type, plan.Tables[at].Columns[2].Convert = "text", ConvertText
	report, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if n := countRowsOf(t, connect(t, target), "SELECT FROM shop.customers WHERE age = 'forty'"); n != 1 || report.Tables[at].Quarantined != 0 {
		t.Errorf("%d rows with the text, %d quarantined", n, report.Tables[at].Quarantined)
	}
	changeSource(t, source, "CREATE TABLE later (n INTEGER)")
	if _, err := Run(t.Context(), source, target, Options{Plan: plan, WorkDir: t.TempDir()}); lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("with a plan of an older schema: %v", err)
	}
}

// countOf returns the number of rows of a query.
func countRowsOf(t *testing.T, conn *pgx.Conn, query string) (n int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM ("+query+") AS counted").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// requireEmpty fails when a migration has left anything on the target.
func requireEmpty(t *testing.T, target DSN) {
	t.Helper()
	conn := connect(t, target)
	if left := stages(t, conn); len(left) > 0 {
		t.Errorf("staging schemas are left: %v", left)
	}
	if n := countRowsOf(t, conn, "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
		t.Errorf("%d objects are left in schema public", n)
	}
}

func stages(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname, 'lakeward_stage_') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestRunSurvivesLostSessions ends every session of the migration while it loads: it fails, and the next run goes on.
func TestRunSurvivesLostSessions(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	admin := connect(t, DSN(pgtest.Admin(t, dsn)))
	work, lost := t.TempDir(), false
	_, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: work, Progress: func(e lakeward.Event) {
		if e.Phase == "load" && e.Type == lakeward.EventDone && !lost {
			lost = true
			_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				t.Error(err)
			}
		}
	}})
	if lakeward.KindOf(err) != lakeward.KindUnavailable || strings.Contains(err.Error(), "\n") || !strings.Contains(lakeward.HintOf(err), "same command") {
		t.Errorf("got %v, hint %q", err, lakeward.HintOf(err))
	}
	if conn := connect(t, DSN(dsn)); countRowsOf(t, conn, "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace") != 0 {
		t.Error("the target was touched")
	}
	report, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: work})
	if err != nil || !report.Swapped || report.table(Table{Target: "customers"}).Quarantined != 1 {
		t.Errorf("the next run: %v\n%s", err, asJSON(t, report))
	}
	if left := stages(t, connect(t, DSN(dsn))); len(left) > 0 {
		t.Errorf("staging schemas are left: %v", left)
	}
}

func TestRunGrantsWhatTheSchemaPromises(t *testing.T) {
	t.Parallel()
	source, dsn := newSource(t, shopScript), pgtest.DB(t)
	const role = "app_of_granted_tables"
	admin := connect(t, DSN(pgtest.Admin(t, dsn)))
	if _, err := admin.Exec(t.Context(), "CREATE ROLE "+role); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := admin.Exec(ctx, "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	conn := connect(t, DSN(dsn))
	if _, err := conn.Exec(t.Context(), `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO `+role+`;
		ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO `+role); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), source, DSN(dsn), Options{WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	var can, may, cannot bool
	err := conn.QueryRow(t.Context(), `SELECT has_table_privilege($1, 'orders', 'INSERT'),
		has_sequence_privilege($1, pg_get_serial_sequence('orders', 'id'), 'USAGE'), NOT has_table_privilege($1, 'orders', 'DELETE')`, role).
		Scan(&can, &may, &cannot)
	if err != nil || !can || !may || !cannot {
		t.Errorf("insert %t, use the sequence %t, not delete %t, %v", can, may, cannot, err)
	}
}

// TestADamagedIndexIsFoundBeforeTheSwap has a source whose tables can be read: only its own check tells the damage.
func TestADamagedIndexIsFoundBeforeTheSwap(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, shopScript), DSN(pgtest.DB(t))
	conn, err := sqlite.OpenConn(source, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	root, err := pragmaInt(conn, "SELECT rootpage FROM sqlite_schema WHERE name = 'orders_by_customer'")
	size, sizeErr := pragmaInt(conn, "PRAGMA page_size")
	if err := errors.Join(err, sizeErr, conn.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(source, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(bytes.Repeat([]byte{0xee}, 200), (root-1)*size)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), source, target, Options{WorkDir: t.TempDir()})
	if lakeward.KindOf(err) != lakeward.KindInvalid || !strings.Contains(err.Error(), source+" is corrupt: ") || report.Swapped {
		t.Errorf("%v, swapped %t", err, report.Swapped)
	}
	requireCheck(t, report.Preflight, "integrity", CheckFail, "is corrupt")
	requireEmpty(t, target)
}
