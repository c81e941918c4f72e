package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/internal/standin"
)

// lakeAndEnvironment starts a local Lakebase, and returns the environment with which a program reaches it as the service
// principal that a Databricks App has. The program knows nothing of its folder.
func lakeAndEnvironment(t *testing.T) (env []string) {
	t.Helper()
	dir := startLakebase(t)
	ws, err := standin.ReadWorkspace(dir)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "DATABRICKS_HOST=" + ws.Host, "DATABRICKS_CLIENT_ID=" + ws.ClientID,
		"DATABRICKS_CLIENT_SECRET=" + ws.ClientSecret, "PGSSLROOTCERT=" + ws.CAFile,
		"GORACE=" + os.Getenv("GORACE"),
	}
}

// serving is a running `lakeward serve`.
type serving struct {
	*child
	env     []string
	dir     string
	address string
	as      [2]string // the header that says who asks
}

// startServing starts a server on the disk dir.
func startServing(t *testing.T, env []string, dir string, args ...string) *serving {
	t.Helper()
	env = append(env[:len(env):len(env)], "LAKEWARD_DIR="+dir)
	s := serveChild(t, env, "", append([]string{"lakeward", "serve", "--json"}, args...)...)
	s.dir = dir
	var file struct{ Token string }
	text, err := os.ReadFile(filepath.Join(dir, "server", "server.json"))
	if err := errors.Join(err, json.Unmarshal(text, &file)); err != nil {
		t.Fatal(err)
	}
	s.as = [2]string{"Authorization", "Bearer " + file.Token}
	return s
}

// serveChild starts a server by any command, in a folder.
func serveChild(t *testing.T, env []string, folder string, command ...string) *serving {
	t.Helper()
	s := &serving{env: env}
	var err error
	if s.child, err = startProgram(env, folder, command...); err != nil {
		t.Fatal(err)
	}
	out, err := s.until(`"ready":true`)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Server servingInfo }
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		t.Fatal(err)
	}
	s.address = info.Server.Address
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			if err := s.end(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", s.stderr.String())
		}
	})
	return s
}

// ask sends a request and returns the status and the answer.
func (s *serving) ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(s.as[0], s.as[1])
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// read asks for something that must be there.
func (s *serving) read(t *testing.T, path string, out any) {
	t.Helper()
	status, text := s.ask(t, http.MethodGet, path, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatal(err)
	}
}

// submit asks for an operation and returns its id.
func (s *serving) submit(t *testing.T, path, body string) string {
	t.Helper()
	status, text := s.ask(t, http.MethodPost, path, body)
	var o struct {
		ID        string
		Operation string `json:"operation_id"`
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil || status != http.StatusAccepted && status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	if o.Operation != "" {
		return o.Operation
	}
	return o.ID
}

// lakeward runs a command in the server's folder and returns what it prints.
func (s *serving) lakeward(args ...string) (string, error) {
	c, err := startChild(s.env, args...)
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(c.stdout)
	return string(out), errors.Join(err, c.wait())
}

func rows(t *testing.T, path string, n int) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteScript(conn, fmt.Sprintf(`CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
		WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO t SELECT i, hex(randomblob(20)) FROM n;`, n), nil)
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
}

func freeTCPPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
