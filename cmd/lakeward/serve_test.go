package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lakeward/lakeward/internal/store"
)

const guideAPI = "/api/database-management/lakebase"

// guideState is what the tests look at of the guide's configuration.
type guideState struct {
	Enabled      bool              `json:"enabled"`
	InstanceName string            `json:"instance_name"`
	Capacity     string            `json:"capacity"`
	DatabaseType string            `json:"database_type"`
	Migrated     bool              `json:"migration_completed"`
	Origins      map[string]string `json:"origins"`
	Error        string            `json:"connection_error"`
	Hint         string            `json:"hint"`
}

// TestARedeployedAppFindsItsConfiguration is a Databricks App whose container is thrown away: with its disk goes the
// store, and the app's name alone leads to the instance again.
func TestARedeployedAppFindsItsConfiguration(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	source := filepath.Join(openDir(t), "app.db")
	rows(t, source, 1000)
	port := freeTCPPort(t)
	env = append(env, "DATABRICKS_APP_NAME=helpdesk", "DATABRICKS_APP_PORT="+port, "LAKEWARD_ADMINS=ana@example.com",
		"LAKEWARD_SOURCE="+source)

	first := startServing(t, env, t.TempDir())
	if _, at, _ := net.SplitHostPort(strings.TrimPrefix(first.address, "http://")); at != port {
		t.Errorf("it serves at %s and not at the app's port %s", first.address, port)
	}
	first.as = [2]string{"X-Forwarded-Email", "bob@example.com"}
	if status, text := first.ask(t, http.MethodPost, guideAPI+"/create", `{"instance_name":"desk"}`); status != http.StatusForbidden {
		t.Errorf("who is no administrator creates: %d %s", status, text)
	}
	first.as[1] = "ana@example.com"
	id := first.submit(t, guideAPI+"/create", `{"instance_name":"desk","capacity":"CU_2"}`)
	if out, err := first.lakeward("operations", "watch", id); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var before, after guideState
	first.read(t, guideAPI+"/config", &before)
	if !before.Enabled || before.InstanceName != "desk" || before.Capacity != "CU_2" || !before.Migrated || before.Error != "" {
		t.Fatalf("after the creation: %+v", before)
	}
	if err := first.end(syscall.SIGKILL); err == nil {
		t.Error("killed, and no error?")
	}

	second := startServing(t, env, t.TempDir())
	second.as = [2]string{"X-Forwarded-Email", "ana@example.com"}
	second.read(t, guideAPI+"/config", &after)
	if want := "mirror in instance desk (app helpdesk)"; after.Origins["instance"] != want {
		t.Errorf("the instance comes from %q, want %q", after.Origins["instance"], want)
	}
	before.Origins, after.Origins = nil, nil
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before the redeploy %+v, after it %+v", before, after)
	}
	if status, text := second.ask(t, http.MethodGet, "/readyz", ""); status != http.StatusOK {
		t.Errorf("not ready: %s", text)
	}
	out, err := second.lakeward("config")
	if err != nil || !strings.Contains(out, "mirror in instance desk (app helpdesk)") || strings.Contains(out, "CLIENT_SECRET=") {
		t.Errorf("lakeward config: %v\n%s", err, out)
	}
}

// TestAKilledServerGoesOn kills a server in the middle of each of the two long parts of a creation. The next start
// completes it, and who watches from the command line sees it through.
func TestAKilledServerGoesOn(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	source := filepath.Join(openDir(t), "app.db")
	rows(t, source, 250_000)
	for name, phase := range map[string]string{"made": `"phase":"create"`, "filled": `"phase":"load"`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := startServing(t, env, dir, "--listen", "127.0.0.1:0", "--source", source)
			id := first.submit(t, guideAPI+"/create", `{"instance_name":"`+name+`"}`)
			watcher, err := startChild(first.env, "operations", "watch", id, "--json")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watcher.until(phase); err != nil {
				t.Fatal(err)
			}
			if err := first.end(syscall.SIGKILL); err == nil {
				t.Error("killed, and no error?")
			}

			second := startServing(t, env, dir, "--listen", "127.0.0.1:0", "--source", source)
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
			var c guideState
			second.read(t, guideAPI+"/config", &c)
			if !c.Enabled || c.InstanceName != name || !c.Migrated {
				t.Errorf("the configuration was not saved: %+v", c)
			}
			if n, err := second.lakeward("psql", name, "-Atc", "SELECT count(*), count(DISTINCT id) FROM t"); n != "250000|250000\n" {
				t.Errorf("the instance has %q rows (%v)", n, err)
			}
		})
	}
}

// TestLakebaseThatDoesNotAnswerIsAnError: switched on and stopped, it is named with what to do, and nothing takes its place.
func TestLakebaseThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	source := filepath.Join(openDir(t), "app.db")
	rows(t, source, 10)
	s := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--source", source)
	for _, change := range []struct{ path, body string }{
		{guideAPI + "/create", `{"instance_name":"shop"}`}, {guideAPI + "/stop", `{"instance_name":"shop"}`},
	} {
		if out, err := s.lakeward("operations", "watch", s.submit(t, change.path, change.body)); err != nil {
			t.Fatalf("%s: %v\n%s", change.path, err, out)
		}
	}
	look := func(when string) {
		t.Helper()
		status, text := s.ask(t, http.MethodGet, "/readyz", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(text, "lakeward instance start shop") {
			t.Errorf("%s, readyz: %d %s", when, status, text)
		}
		var c guideState
		s.read(t, guideAPI+"/config", &c)
		if !c.Enabled || c.DatabaseType != "lakebase" || !strings.Contains(c.Error, "instance shop is stopped") ||
			c.Hint != "start it (lakeward instance start shop)" {
			t.Errorf("%s: %+v", when, c)
		}
		if status, _ := s.ask(t, http.MethodGet, "/healthz", ""); status != http.StatusOK {
			t.Errorf("%s, it says that it is dead: %d", when, status)
		}
	}
	look("while it runs")
	if err := s.end(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s = startServing(t, env, s.dir, "--listen", "127.0.0.1:0", "--source", source)
	look("after a start")
	if out, err := s.lakeward("operations", "watch", s.submit(t, guideAPI+"/start", `{"instance_name":"shop"}`)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if status, text := s.ask(t, http.MethodGet, "/readyz", ""); status != http.StatusOK {
		t.Errorf("started again, readyz: %d %s", status, text)
	}
	if out, err := s.lakeward("operations", "watch", s.submit(t, guideAPI+"/stop", `{"instance_name":"shop"}`)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	status, text := s.ask(t, http.MethodPost, guideAPI+"/config", `{"enabled":false}`)
	if status != http.StatusOK || !strings.Contains(text, `"enabled":false`) || !strings.Contains(text, "instance shop does not know yet") {
		t.Errorf("switched off while it does not answer: %d %s", status, text)
	}
}

// TestTwoServersOnOneStore lets two servers share a file: each operation is done once, and either knows of all.
func TestTwoServersOnOneStore(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	file := filepath.Join(t.TempDir(), "store.db")
	a := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--store", file)
	b := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--store", file)
	var ids []string
	for i := range 6 {
		s := []*serving{a, b}[i%2]
		ids = append(ids, s.submit(t, "/api/instances", fmt.Sprintf(`{"name":"two-%d"}`, i)))
	}
	for i, id := range ids {
		other := []*serving{b, a}[i%2]
		if out, err := other.lakeward("operations", "watch", id); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		var o store.Operation
		other.read(t, "/api/operations/"+id, &o)
		if o.State != store.Succeeded || o.Attempt != 1 {
			t.Errorf("%s after %d attempts: %+v", o.State, o.Attempt, o.Error)
		}
	}
}

// TestAStoreInAnInstanceOutlivesTheDisk keeps operations where no redeploy reaches them, and gives two servers one memory.
func TestAStoreInAnInstanceOutlivesTheDisk(t *testing.T) {
	t.Parallel()
	env := append(lakeAndEnvironment(t), store.KeyVariable+"="+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	maker := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0")
	if out, err := maker.lakeward("operations", "watch", maker.submit(t, "/api/instances", `{"name":"memory"}`)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--store", "memory")
	id := first.submit(t, "/api/instances", `{"name":"made"}`)
	if out, err := first.lakeward("operations", "watch", id); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := first.end(syscall.SIGKILL); err == nil {
		t.Error("killed, and no error?")
	}
	second := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0", "--store", "memory")
	var o store.Operation
	if second.read(t, "/api/operations/"+id, &o); o.State != store.Succeeded {
		t.Errorf("the operation is %+v", o)
	}
	if status, text := second.ask(t, http.MethodPost, guideAPI+"/config", `{"enabled":true,"instance_name":"made"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	out, err := second.lakeward("config", "--store", "memory")
	if err != nil || !strings.Contains(out, "store databricks_postgres on ") || strings.Contains(out, "could not be") {
		t.Errorf("lakeward config: %v\n%s", err, out)
	}
}

// TestOperationsFromTheCommandLine uses the words of the API where a person types them.
func TestOperationsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := startServing(t, lakeAndEnvironment(t), t.TempDir(), "--listen", "127.0.0.1:0")
	failed := s.submit(t, guideAPI+"/start", `{"instance_name":"nothing"}`)
	out, err := s.lakeward("operations", "watch", failed)
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "has no instance nothing") {
		t.Errorf("a watched failure is not the command's own: %v\n%s", err, out)
	}
	if out, err = s.lakeward("operations", "list", "--state", "failed"); err != nil || !strings.Contains(out, failed) {
		t.Errorf("list: %v\n%s", err, out)
	}
	if out, err = s.lakeward("operations", "show", failed); err != nil || !strings.Contains(out, "state      failed") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if out, err = s.lakeward("operations", "cancel", failed); err == nil || !strings.Contains(err.Error(), "exit status 6") {
		t.Errorf("cancelled what has ended: %v\n%s", err, out)
	}
	out, err = s.lakeward("operations", "retry", failed, "--json")
	var again store.Operation
	if err := errors.Join(err, json.Unmarshal([]byte(out), &again)); err != nil || again.RetryOf != failed {
		t.Errorf("retry: %v\n%s", err, out)
	}
	if out, err = s.lakeward("operations", "show", "no-such"); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("showed what there is not: %v\n%s", err, out)
	}
	if out, err = s.lakeward("instance", "enable", "nothing"); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("enabled what there is not: %v\n%s", err, out)
	}
	if out, err = s.lakeward("instance", "create", "used"); err != nil {
		t.Fatalf("create: %v\n%s", err, out)
	}
	if out, err = s.lakeward("instance", "enable", "used", "--schema", "app"); err != nil || !strings.Contains(out, "state      succeeded") {
		t.Errorf("enable: %v\n%s", err, out)
	}
	if status, text := s.ask(t, http.MethodGet, guideAPI+"/config", ""); status != http.StatusOK ||
		!strings.Contains(text, `"instance_name":"used"`) || !strings.Contains(text, `"schema":"app"`) {
		t.Errorf("the configuration after enable: %d %s", status, text)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "server", "server.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the server's token: %v %v", info.Mode(), err)
	}
	if err := s.end(os.Interrupt); err != nil {
		t.Errorf("Ctrl-C is a normal end: %v", err)
	}
	out, err = s.lakeward("operations", "list")
	if err == nil || !strings.Contains(err.Error(), "no server runs in") || !strings.Contains(err.Error(), "→ start one with") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}

// TestServingIsRefusedClearly tries what cannot work.
func TestServingIsRefusedClearly(t *testing.T) {
	t.Parallel()
	env := lakeAndEnvironment(t)
	first := startServing(t, env, t.TempDir(), "--listen", "127.0.0.1:0")
	port := strings.TrimPrefix(first.address, "http://")
	for name, test := range map[string]struct {
		env  []string
		args []string
		want []string
	}{
		"a port that is taken": {
			args: []string{"--listen", port}, want: []string{"exit status 6", port + " is taken", "--listen"},
		},
		"a folder that has a server": {
			env: []string{"LAKEWARD_DIR=" + first.dir}, args: []string{"--listen", "127.0.0.1:0"},
			want: []string{"exit status 6", "a server runs in", first.address, "choose another folder with --dir"},
		},
		"an app without administrators and without a name": {
			env:  []string{"DATABRICKS_APP_PORT=" + freeTCPPort(t)},
			want: []string{"nobody could change anything", "LAKEWARD_ADMINS"},
		},
		"a file that is no configuration": {
			args: []string{"--listen", "127.0.0.1:0", "--config-file", "/etc/passwd"}, want: []string{"/etc/passwd is not a configuration"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := startChild(append(append(env[:len(env):len(env)], "LAKEWARD_DIR="+t.TempDir()), test.env...), append([]string{"serve"}, test.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.wait() }()
			select {
			case err = <-ended:
			case <-time.After(time.Minute):
				t.Fatal(errors.Join(errors.New("it serves"), c.cmd.Process.Kill(), <-ended))
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			if err != nil && bytes.Contains([]byte(err.Error()), []byte("goroutine ")) {
				t.Errorf("a stack: %v", err)
			}
			if out, err := first.lakeward("operations", "list"); err != nil {
				t.Errorf("the server that ran before is not found any more: %v\n%s", err, out)
			}
		})
	}
}

// TestTheAppsFolderServes makes the folder that is uploaded as a Databricks App, and starts it as app.yaml says.
func TestTheAppsFolderServes(t *testing.T) {
	t.Parallel()
	env := append(lakeAndEnvironment(t), "DATABRICKS_APP_NAME=folder", "DATABRICKS_APP_PORT="+freeTCPPort(t), "LAKEWARD_ADMINS=ana@example.com")
	binary, err := exec.LookPath("lakeward")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "sh", "../../deploy/package.sh", folder)
	build.Env = append(os.Environ(), "LAKEWARD_BIN="+binary)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Size() > 10_000_000 {
			t.Errorf("the platform refuses %s of %d bytes (%v)", f.Name(), info.Size(), err)
		}
	}
	var app struct{ Command []string }
	text, err := os.ReadFile(filepath.Join(folder, "app.yaml"))
	if err := errors.Join(err, yaml.Unmarshal(text, &app)); err != nil {
		t.Fatal(err)
	}
	s := serveChild(t, append(env, "LAKEWARD_DIR="+t.TempDir()), folder, append(app.Command, "--json")...)
	s.as = [2]string{"X-Forwarded-Email", "ana@example.com"}
	if status, text := s.ask(t, http.MethodGet, "/readyz", ""); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, text)
	}
}
