package pgproc_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// template returns a template whose servers have a table, and counts how often it is made.
func template(t *testing.T) (pgproc.Template, *atomic.Int32) {
	t.Helper()
	var made atomic.Int32
	return pgproc.Template{Cache: filepath.Join(pgtest.Dir(t), "cache"), Key: "test", Make: func(ctx context.Context, c pgproc.Config) error {
		made.Add(1)
		c.Temporary = true
		if err := pgproc.Init(ctx, c); err != nil {
			return err
		}
		c.Temporary = false
		s, err := pgproc.Start(ctx, c)
		if err != nil {
			return err
		}
		exec(t, s, "CREATE TABLE prepared AS SELECT 1 AS n")
		return s.Stop(ctx)
	}}, &made
}

func TestTemplateIsMadeOnceAndEachCopyIsAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	tpl, made := template(t)
	configs := make([]pgproc.Config, 3)
	var filling sync.WaitGroup
	for i := range configs {
		configs[i] = config(t)
		filling.Go(func() {
			if err := tpl.Fill(t.Context(), configs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	filling.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("the template was made %d times", n)
	}
	identifiers := map[string]bool{}
	for _, c := range configs {
		c.Temporary = true // stops where it stands: the next start reads the log that has the new identifier
		s := start(t, c)
		exec(t, s, "BEGIN; SET LOCAL synchronous_commit = on; INSERT INTO prepared VALUES (2); COMMIT")
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = start(t, c)
		if n := query(t, s, "SELECT count(*)::text FROM prepared"); n != "2" {
			t.Errorf("%s rows after a crash, want one of the template and one of its own", n)
		}
		identifiers[query(t, s, "SELECT system_identifier::text FROM pg_control_system()")] = true
	}
	if len(identifiers) != len(configs) {
		t.Errorf("%d servers have the identifiers %v", len(configs), identifiers)
	}
}

func TestDamagedTemplateIsMadeAgain(t *testing.T) {
	t.Parallel()
	tpl, made := template(t)
	if err := tpl.Fill(t.Context(), config(t)); err != nil {
		t.Fatal(err)
	}
	control, err := filepath.Glob(filepath.Join(tpl.Cache, "*", "global", "pg_control"))
	if err != nil || len(control) != 1 {
		t.Fatalf("%v, %v", control, err)
	}
	if err := os.Truncate(control[0], 100); err != nil {
		t.Fatal(err)
	}
	c := config(t)
	if err := tpl.Fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if n := query(t, start(t, c), "SELECT n::text FROM prepared"); n != "1" || made.Load() != 2 {
		t.Errorf("%s in the table, made %d times", n, made.Load())
	}
}

func TestCloneRefusesARunningServer(t *testing.T) {
	t.Parallel()
	s := start(t, initialize(t, config(t)))
	c := config(t)
	if err := pgproc.Clone(t.Context(), s.Dir(), c); err == nil || pgproc.Initialized(c.Dir) {
		t.Errorf("%v, %v", err, pgproc.Initialized(c.Dir))
	}
}
