package dialect

import (
	"strings"
	"testing"

	"zombiezen.com/go/sqlite/sqlitex"
)

// TestDraftsOfTriggersDoWhatTheTriggersDid fires each trigger in both databases and compares all tables.
func TestDraftsOfTriggersDoWhatTheTriggersDid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ trigger, fire string }{
		{
			`CREATE TRIGGER r AFTER UPDATE OF name ON k WHEN OLD.name IS NOT NEW.name BEGIN
				UPDATE t SET s = lower(NEW.name) WHERE id = NEW.t_id;
				INSERT INTO k (id, name, qty) VALUES (100 + NEW.id, OLD.name || ' was', NULL);
			END`, `UPDATE k SET name = 'ONCE' WHERE id = 1; UPDATE k SET qty = 5 WHERE id = 2; UPDATE k SET name = name WHERE id = 3`,
		},
		{
			`CREATE TRIGGER r AFTER INSERT ON k BEGIN UPDATE t SET n = coalesce(n, 0) + NEW.qty, (r, ok) = (NEW.rate, 1) WHERE t.id = NEW.t_id; END`,
			`INSERT INTO k (id, t_id, qty, rate) VALUES (50, 1, 4, 2.5), (51, 4, 1, NULL)`,
		},
		{
			`CREATE TRIGGER r BEFORE DELETE ON t BEGIN DELETE FROM k WHERE t_id = OLD.id; END`, `DELETE FROM t WHERE id IN (1, 2)`,
		},
		{
			`CREATE TRIGGER r AFTER UPDATE ON k BEGIN UPDATE k SET rate = coalesce(rate, 0) + 1 WHERE id = NEW.id; END`, `UPDATE k SET qty = 9 WHERE id < 3`,
		},
		{
			`CREATE TRIGGER r AFTER DELETE ON k FOR EACH ROW WHEN EXISTS (SELECT 1 FROM t WHERE id = OLD.t_id) BEGIN
				INSERT OR REPLACE INTO t (id, s, ts) SELECT OLD.t_id, 'gone ' || OLD.name, '2024-01-31 10:00:00'; END`,
			`DELETE FROM k WHERE id IN (1, 5)`,
		},
		{
			`CREATE TRIGGER r AFTER INSERT ON k BEGIN
				INSERT INTO t (id, n) VALUES (NEW.t_id, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n WHERE t.n IS NOT NULL;
				INSERT OR IGNORE INTO t (id, s) VALUES (1, 'never'); INSERT INTO t (id, s) SELECT NEW.id * 1000 + id, name FROM k WHERE qty > 2; END`,
			`INSERT INTO k (id, t_id) VALUES (60, 1), (61, 300)`,
		},
		{
			`CREATE TRIGGER r BEFORE UPDATE ON k WHEN NEW.qty < 0 BEGIN SELECT RAISE(IGNORE); END`, `UPDATE k SET qty = qty - 2`,
		},
	} {
		d := sample(t)
		parsed, err := ParseCreateTrigger(c.trigger)
		if err != nil {
			t.Fatal(err)
		}
		draft, left := DraftTrigger(parsed, d.schema)
		if left > 0 {
			t.Errorf("%d parts were not translated:\n%s", left, draft)
			continue
		}
		if _, err := d.postgres.Exec(t.Context(), draft); err != nil {
			t.Errorf("%v\n%s", err, draft)
			continue
		}
		script(t, d.sqlite, c.trigger+";"+c.fire)
		if _, err := d.postgres.Exec(t.Context(), c.fire); err != nil {
			t.Errorf("%s: %v\n%s", c.fire, err, draft)
			continue
		}
		for _, table := range []string{"t", "k"} {
			query := "SELECT * FROM " + table
			got, err := d.postgresRows(t, query, d.schema[table])
			if want := d.sqliteRows(t, query); err != nil || !sameRows(want, got, false) {
				t.Errorf("%s of %s differs, %v\n  SQLite     %v\n  PostgreSQL %v\n%s", table, c.trigger, err, want, got, draft)
			}
		}
	}
}

func TestDraftsOfTriggersRaiseWhatTheTriggersRaised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ trigger, fine, refused, message string }{
		{
			`CREATE TRIGGER r BEFORE INSERT ON k BEGIN SELECT RAISE(ABORT, 'no such t') WHERE NOT EXISTS (SELECT 1 FROM t WHERE id = NEW.t_id); END`,
			`INSERT INTO k (id, t_id) VALUES (70, 1)`, `INSERT INTO k (id, t_id) VALUES (71, 99)`, "no such t",
		},
		{
			`CREATE TRIGGER r BEFORE UPDATE ON k BEGIN SELECT CASE WHEN NEW.qty < 0 THEN RAISE(FAIL, 'negative') WHEN NEW.price IS NULL THEN RAISE(ROLLBACK, 'no price') END; END`,
			`UPDATE k SET qty = 1 WHERE id = 1`, `UPDATE k SET price = NULL WHERE id = 1`, "no price",
		},
		{
			`CREATE TRIGGER r BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'in use') FROM k WHERE k.t_id = OLD.id; END`,
			`DELETE FROM t WHERE id = 7`, `DELETE FROM t WHERE id = 1`, "in use",
		},
	} {
		d := sample(t)
		parsed, err := ParseCreateTrigger(c.trigger)
		if err != nil {
			t.Fatal(err)
		}
		draft, _ := DraftTrigger(parsed, d.schema)
		d.execute(t, draft)
		script(t, d.sqlite, c.trigger)
		for _, sql := range []string{c.fine, c.refused} {
			want := sqlitex.ExecuteTransient(d.sqlite, sql, nil)
			_, got := d.postgres.Exec(t.Context(), sql)
			if (want == nil) != (got == nil) || want != nil && (!strings.Contains(got.Error(), c.message) || !strings.Contains(want.Error(), c.message)) {
				t.Errorf("%s: SQLite says %v, PostgreSQL %v\n%s", sql, want, got, draft)
			}
		}
	}
}

// TestDraftsOfTriggersOnViews has PostgreSQL take the draft of an INSTEAD OF trigger with a condition.
func TestDraftsOfTriggersOnViews(t *testing.T) {
	t.Parallel()
	d := sample(t)
	d.view(t, "CREATE VIEW names AS SELECT id, name FROM k", false)
	parsed, err := ParseCreateTrigger(`CREATE TRIGGER "on view" INSTEAD OF UPDATE OF name ON names WHEN NEW.name <> '' BEGIN UPDATE k SET name = NEW.name WHERE id = OLD.id; END`)
	if err != nil {
		t.Fatal(err)
	}
	draft, left := DraftTrigger(parsed, d.schema)
	if left > 0 {
		t.Error(draft)
	}
	d.execute(t, draft)
	d.execute(t, "UPDATE names SET name = CASE id WHEN 1 THEN 'new' ELSE '' END")
	got, err := d.postgresRows(t, "SELECT name FROM k WHERE id < 3 ORDER BY id", d.schema["k"][2:3])
	if err != nil || len(got) != 2 || got[0][0] != "new" || got[1][0] != "two" {
		t.Errorf("got %v, %v\n%s", got, err, draft)
	}
}

func TestDraftsOfTriggersKeepWhatTheyCannotSay(t *testing.T) {
	t.Parallel()
	parsed, err := ParseCreateTrigger("CREATE TRIGGER r AFTER INSERT ON k WHEN NEW.name MATCH 'x' BEGIN SELECT load(NEW.id);\n UPDATE k SET qty = frob(1); INSERT INTO nowhere VALUES (1); UPDATE k SET qty = 1 WHERE id = 1; FROB; END")
	if err != nil {
		t.Fatal(err)
	}
	draft, left := DraftTrigger(parsed, sampleSchema())
	for _, want := range []string{"-- SELECT load(NEW.id)", "-- UPDATE k SET qty = frob(1)", "-- INSERT INTO nowhere", "-- FROB", "/* to be written by hand: NEW.name MATCH 'x' */", `UPDATE "k" SET "qty" = 1`} {
		if !strings.Contains(draft, want) {
			t.Errorf("the draft lacks %q:\n%s", want, draft)
		}
	}
	if left != 5 {
		t.Errorf("%d parts are left, want 5", left)
	}
}
