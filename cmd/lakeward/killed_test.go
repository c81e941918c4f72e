package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward/internal/store"
)

// TestAKilledServerGoesOnWithARestore kills a server while it brings a backup back, in each form that a backup has. The
// instance has nothing of it until the next start brings it, once and whole.
func TestAKilledServerGoesOnWithARestore(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	source := filepath.Join(openDir(t), "app.db")
	rows(t, source, 150_000)
	maker := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--source", source)
	maker.done(t, guideAPI+"/create", `{"instance_name":"kept"}`)
	for _, c := range []struct{ name, format, phase string }{
		{"download", "sqlite", `"phase":"download"`},
		{"load", "sqlite", `"phase":"load"`},
		{"archive", "sql", `"phase":"restore"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var kept struct{ Result struct{ Name string } }
			maker.read(t, "/api/operations/"+maker.done(t, "/api/backups", `{"instance":"kept","format":"`+c.format+`"}`), &kept)
			maker.done(t, "/api/instances", `{"name":"`+c.name+`"}`)
			dir := t.TempDir()
			first := startServing(t, env, dir, "--listen", "127.0.0.1:0")
			id := first.submit(t, "/api/backups/restore", `{"name":"`+kept.Result.Name+`","to":"`+c.name+`"}`)
			watcher, err := startChild(first.env, "operations", "watch", id, "--json")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watcher.until(c.phase); err != nil {
				t.Fatal(err)
			}
			if err := first.end(syscall.SIGKILL); err == nil {
				t.Error("killed, and no error?")
			}

			second := startServing(t, env, dir, "--listen", "127.0.0.1:0")
			if out, err := watcher.until(`"state":"succeeded"`); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if err := watcher.wait(); err != nil {
				t.Errorf("the watcher ended with %v", err)
			}
			var o store.Operation
			second.read(t, "/api/operations/"+id, &o)
			if o.State != store.Succeeded || o.Attempt != 2 {
				t.Errorf("%s after %d attempts: %+v", o.State, o.Attempt, o.Error)
			}
			if n, err := second.lakeward("psql", c.name, "-Atc", "SELECT count(*), count(DISTINCT id) FROM t"); n != "150000|150000\n" {
				t.Errorf("the instance has %q rows (%v)", n, err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "server", "work", "backup-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("the killed server's copy of the backup stays: %q (%v)", left, err)
			}
		})
	}
}

// done has a server do something slow, and returns the operation's id when it has succeeded.
func (s *serving) done(t *testing.T, path, body string) string {
	t.Helper()
	id := s.submit(t, path, body)
	if out, err := s.lakeward("operations", "watch", id); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	return id
}
