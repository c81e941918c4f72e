package task_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
	"github.com/lakeward/lakeward/migrate"
)

// execute changes a SQLite database.
func execute(t *testing.T, path, script string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
		t.Fatal(err)
	}
}

func resultOf[T any](t *testing.T, o store.Operation) (v T) {
	t.Helper()
	if err := json.Unmarshal(o.Result, &v); err != nil {
		t.Fatalf("result of %s: %v: %s", o.Kind, err, o.Result)
	}
	return v
}

// TestEachKindDoesWhatTheCommandLineDoes walks the way of an application: plan, check, migrate, verify, export, enable.
func TestEachKindDoesWhatTheCommandLineDoes(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		name := "kinds-" + map[bool]string{true: "sqlite", false: "postgres"}[o.Path != ""]
		lake.Instance(t, name)
		st, dir := storetest.Open(t, o), t.TempDir()
		s := serve(t, newService(t, st, lake, dir))
		source := writeSource(t, 100)
		execute(t, source, `INSERT INTO orders VALUES ('101', 1, 'a' || char(0) || 'b', 'dear')`)
		do := func(want store.State, in task.Input) store.Operation {
			t.Helper()
			return finish(t, s, submit(t, s, in).ID, want)
		}

		planned := do(store.Succeeded, &task.Plan{Source: source})
		if plan := resultOf[migrate.Plan](t, planned); len(plan.Tables) != 2 || plan.Source.Path == "" {
			t.Errorf("plan %s", planned.Result)
		}
		checked := resultOf[migrate.Preflight](t, do(store.Succeeded, &task.Check{Source: source, To: name}))
		if len(checked.Checks) == 0 || checked.Worst() == migrate.CheckFail {
			t.Errorf("checks %+v", checked)
		}
		missing := do(store.Failed, &task.Check{Source: source + ".not", To: name})
		if found := resultOf[migrate.Preflight](t, missing); found.Worst() != migrate.CheckFail || missing.Error.Hint == "" {
			t.Errorf("check of no file: %s, %+v", missing.Result, missing.Error)
		}

		// A row in quarantine is no failure, and the report names it.
		moved := resultOf[migrate.Report](t, do(store.Succeeded, &task.Migrate{Source: source, To: name, Plan: planned.Result}))
		if moved.Complete() || moved.Verdict != migrate.VerdictExcept || moved.Target.Name != name || moved.Backup == "" {
			t.Errorf("report: complete %t, %s, %+v", moved.Complete(), moved.Verdict, moved.Target)
		}
		if strict := do(store.Failed, &task.Migrate{Source: source, To: name, Strict: true, Replace: name}); resultOf[migrate.Report](t, strict).Swapped {
			t.Error("a strict migration leaves a row behind")
		}
		if v := resultOf[migrate.Report](t, do(store.Succeeded, &task.Verify{Source: source, To: name})); v.Operation != "verify" {
			t.Errorf("verified: %+v", v)
		}

		exported := resultOf[task.Exported](t, do(store.Succeeded, &task.Export{Instance: name}))
		if !strings.HasPrefix(exported.File, filepath.Join(dir, "exports")) || exported.Operation != "export" {
			t.Errorf("exported to %s: %+v", exported.File, exported.Report)
		}
		if n := countRows(t, exported.File); n != 101 {
			t.Errorf("the file has %d orders of 101", n)
		}

		// Rows that are different are a failure, and the result names them.
		execute(t, source, `UPDATE customers SET name = 'Eve' WHERE id = 2`)
		differs := do(store.Failed, &task.Verify{Source: source, To: name})
		if r := resultOf[migrate.Report](t, differs); r.Verdict != migrate.VerdictDifferent || differs.Error.Hint == "" {
			t.Errorf("verified: %s, %+v", r.Verdict, differs.Error)
		}

		execute(t, source, `CREATE TABLE added (id INTEGER PRIMARY KEY)`)
		enabled := resultOf[task.Enabled](t, do(store.Succeeded, &task.Enable{Instance: name, Source: source, Expand: true}))
		if !enabled.Enabled || enabled.Name != name || enabled.Report == nil {
			t.Errorf("enabled: %+v", enabled)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM pg_tables WHERE tablename = 'added'`); n != 1 {
			t.Error("the schema was not expanded")
		}
		if kept, err := st.Settings(t.Context()); err != nil || kept["instance"].Value != name || kept["enabled"].Value != "true" {
			t.Errorf("configuration %v, %v", kept, err)
		} else if kept["migrated_at"].Value != "" {
			t.Errorf("the migration into an instance that nobody used yet is noted at %s", kept["migrated_at"].Value)
		}
		do(store.Succeeded, &task.Enable{Instance: name})
		do(store.Succeeded, &task.Migrate{Source: source, To: name, Schema: "again"})
		if kept, err := st.Settings(t.Context()); err != nil || kept["migrated_at"].Value == "" {
			t.Errorf("a migration into the application's instance is not noted: %v, %v", kept, err)
		}

		do(store.Succeeded, &task.Stop{Name: name})
		if o := do(store.Failed, &task.Enable{Instance: name}); o.Error.Kind != lakeward.KindUnavailable || o.Error.Hint == "" {
			t.Errorf("enable what is stopped: %+v", o.Error)
		}
		if o := do(store.Failed, &task.Export{Instance: "nowhere"}); o.Error.Kind != lakeward.KindNotFound {
			t.Errorf("export what is not there: %+v", o.Error)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "exports", "*")); err != nil || len(left) != 1 {
			t.Errorf("folders of exports: %v, %v", left, err)
		}
	})
}

func countRows(t *testing.T, path string) (n int) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.Execute(conn, `SELECT count(*) FROM orders`, &sqlitex.ExecOptions{ResultFunc: func(row *sqlite.Stmt) error {
		n = row.ColumnInt(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestACancelledMigrationLeavesTheTargetAlone cancels a create in the middle of its migration. Its retry goes on with the
// instance that it has made.
func TestACancelledMigrationLeavesTheTargetAlone(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	source := writeSource(t, 300_000)
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		name := "cancel-" + map[bool]string{true: "sqlite", false: "postgres"}[o.Path != ""]
		s := serve(t, newService(t, storetest.Open(t, o), lake, t.TempDir()))
		made := submit(t, s, &task.Create{Name: name, Source: source})
		for e, err := range s.Watch(t.Context(), made.ID, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Phase == "load" {
				break
			}
		}
		if _, err := s.Cancel(t.Context(), "bob", made.ID); err != nil {
			t.Fatal(err)
		}
		finish(t, s, made.ID, store.Cancelled)
		if n := count(t, lake, name, `SELECT count(*) FROM pg_tables WHERE schemaname !~ '^pg_|^information_schema'`); n != 0 {
			t.Errorf("a cancelled migration has left %d tables", n)
		}
		again, err := s.Retry(t.Context(), "bob", made.ID)
		if err != nil {
			t.Fatal(err)
		}
		again = finish(t, s, again.ID, store.Succeeded)
		if r := resultOf[task.Created](t, again); !r.Report.Complete() || r.Name != name {
			t.Errorf("result %s", again.Result)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM orders`); n != 300_000 {
			t.Errorf("%d orders arrived", n)
		}
	})
}

// TestWhatARetryMayTakeOver tells an instance that an operation has made from a stranger's of that name.
func TestWhatARetryMayTakeOver(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	st := storetest.Open(t, storetest.InFile(t))
	s := serve(t, newService(t, st, lake, t.TempDir()))
	retry := func(id string, want store.State) store.Operation {
		t.Helper()
		o, err := s.Retry(t.Context(), "ann", id)
		if err != nil {
			t.Fatal(err)
		}
		return finish(t, s, o.ID, want)
	}

	lake.Instance(t, "strangers")
	failed := finish(t, s, submit(t, s, &task.Create{Name: "strangers"}).ID, store.Failed)
	if failed = retry(failed.ID, store.Failed); failed.Error.Kind != lakeward.KindConflict {
		t.Errorf("a retry takes a stranger's instance: %+v", failed.Error)
	}

	// The source cannot be read at first.
	plain := filepath.Join(t.TempDir(), "no")
	if err := os.WriteFile(plain, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	failed = finish(t, s, submit(t, s, &task.Create{Name: "unreadable", Source: plain}).ID, store.Failed)
	if _, err := lake.Workspace.Instance(t.Context(), "unreadable"); lakeward.KindOf(err) != lakeward.KindNotFound {
		t.Errorf("an instance was made for a source that cannot be read: %v", err)
	}
	execute(t, plain+".db", `CREATE TABLE t (x); INSERT INTO t VALUES (1)`)
	if err := os.Rename(plain+".db", plain); err != nil {
		t.Fatal(err)
	}
	ours := retry(failed.ID, store.Succeeded)
	if r := resultOf[task.Created](t, ours); !r.Report.Complete() {
		t.Errorf("result %s", ours.Result)
	}

	// A deletion whose server died after it: the instance is gone, and that is what was wanted.
	gone := submit(t, newService(t, st, lake, t.TempDir()), &task.Delete{Name: "unreadable", Yes: "unreadable"})
	finish(t, s, gone.ID, store.Succeeded)
	never := finish(t, s, submit(t, s, &task.Delete{Name: "never", Yes: "never"}).ID, store.Failed)
	if again := retry(never.ID, store.Failed); again.Error.Kind != lakeward.KindNotFound {
		t.Errorf("deleting what never was: %+v", again.Error)
	}
}

// TestAStepThatIsDoneIsNotDoneAgain resumes operations whose server died between the step and its word of it.
func TestAStepThatIsDoneIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	st := storetest.Open(t, storetest.InFile(t))
	s := newService(t, st, lake, t.TempDir())
	began := func(in task.Input, mark string) string {
		t.Helper()
		o := submit(t, s, in)
		o, _, err := st.Begin(t.Context(), o.ID)
		if err == nil && mark != "" {
			err = st.SetCheckpoint(t.Context(), o, mark)
		}
		if err != nil {
			t.Fatal(err)
		}
		return o.ID
	}
	for _, name := range []string{"made", "other"} {
		if _, err := lake.Workspace.Create(t.Context(), databricks.Spec{Name: name}, nil); err != nil {
			t.Fatal(err)
		}
	}
	made := began(&task.Create{Name: "made"}, `{"asked":true}`)
	other := began(&task.Create{Name: "other"}, `{"asked":true,"uid":"another"}`)
	gone := began(&task.Delete{Name: "gone", Yes: "gone"}, `{"seen":true}`)
	never := began(&task.Delete{Name: "never", Yes: "never"}, "")
	serve(t, s)
	if r := resultOf[task.Created](t, finish(t, s, made, store.Succeeded)); r.Name != "made" || r.Status != lakeward.StatusReady || r.Port != toldPort {
		t.Errorf("goes on with %+v", r)
	}
	if o := finish(t, s, other, store.Failed); o.Error.Kind != lakeward.KindConflict {
		t.Errorf("another instance of that name: %+v", o.Error)
	}
	finish(t, s, gone, store.Succeeded)
	if o := finish(t, s, never, store.Failed); o.Error.Kind != lakeward.KindNotFound {
		t.Errorf("deleting what was not there from the beginning: %+v", o.Error)
	}
}
