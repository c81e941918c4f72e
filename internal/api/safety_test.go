package api_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

// routes are all that the document knows: a new one cannot be forgotten.
func routes(t testing.TB) (all [][2]string) {
	t.Helper()
	w := idle(t)
	_, text := w.ask(t, "bob", "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%v: version %q", err, doc.OpenAPI)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			all = append(all, [2]string{strings.ToUpper(method), path})
		}
	}
	slices.SortFunc(all, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0])) })
	if len(all) < 40 {
		t.Fatalf("%d routes", len(all))
	}
	return all
}

var inPath = regexp.MustCompile(`\{[a-z_]+\}`)

// privileged are the routes for GET that only an administrator may ask.
var privileged = map[string]bool{
	"/api/operations/{id}/file": true, "/api/instances/{name}/tables/{schema}/{table}/rows": true,
	"/api/instances/{name}/quarantine/rows": true, "/api/sources": true,
}

// TestWhoMayDoWhat asks each route as each role, and as nobody.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Start(t)
	w := start(t, lakebase)
	for _, r := range routes(t) {
		method, path := r[0], inPath.ReplaceAllString(r[1], "none")
		for who, allowed := range map[string]bool{
			"": false, "bob": method == "GET" && !privileged[r[1]], administrator: true,
		} {
			status, body := w.ask(t, who, method, path, "{}")
			refused := status == http.StatusUnauthorized || status == http.StatusForbidden
			switch {
			case allowed == refused, who == "" && status != http.StatusUnauthorized:
				t.Errorf("%s %s by %q: %d %s", method, r[1], who, status, body)
			case status >= 400 && !isProblem(body):
				t.Errorf("%s %s by %q is refused without a hint: %d %s", method, r[1], who, status, body)
			case status >= 500:
				t.Errorf("%s %s by %q: %d %s", method, r[1], who, status, body)
			}
		}
	}
}

// TestWithoutAWorkspaceNothingIsADefect asks everything of a server that knows of no workspace.
func TestWithoutAWorkspaceNothingIsADefect(t *testing.T) {
	t.Parallel()
	w := idle(t)
	for _, r := range routes(t) {
		for _, body := range []string{"{}", `{"instance_name":"shop"}`} {
			path := inPath.ReplaceAllString(r[1], "none")
			status, text := 0, ""
			switch r[0] {
			case "GET":
				status, text = w.ask(t, administrator, r[0], path+"?instance_name=shop", "")
			case "POST":
				status, text = w.begin(t, path, body, "application/json")
			}
			if status >= 400 && !isProblem(text) || status >= 500 && status != http.StatusServiceUnavailable {
				t.Errorf("%s %s: %d %s", r[0], r[1], status, text)
			}
		}
	}
	if strings.Contains(w.logged.String(), "panic") {
		t.Errorf("the log: %s", w.logged)
	}
}

func isProblem(body string) bool {
	var p struct{ Kind, Detail, Hint, Title string }
	return json.Unmarshal([]byte(body), &p) == nil && p.Kind != "" && p.Detail != "" && p.Hint != "" && p.Title != ""
}

// FuzzBodies sends any body to any route that takes one: it is taken, or refused with a reason, and never a defect.
func FuzzBodies(f *testing.F) {
	w := idle(f, func(o *api.Options) { o.MaxUpload = 1 << 20 })
	var posts []string
	for _, r := range routes(f) {
		if r[0] == "POST" {
			posts = append(posts, inPath.ReplaceAllString(r[1], "none"))
		}
	}
	for n := range posts {
		for _, body := range []string{
			"", "{}", "[]", "null", "{", `{"instance_name":"a"}`, `{"source":"x.db","to":"shop","plan":{}}`, `{"name":"a b"}`,
			`{"source":"postgres://u:p@h/d","to":"postgres://u:p@h/e","plan":[1]}`, `{"cutoff_date":"2020-01-01"}`, "\xff\x00",
			`{"enabled":true,"instance_name":null,"retention_days":1e9}`, `{"source":["x"],"to":{"a":1}}`, strings.Repeat("[", 9999),
			`{"instance":"shop","original":"yes"}`, `{"capacity":"CU_9"}`, "SQLite format 3\x00rest",
		} {
			f.Add(uint(n), []byte(body), "application/json")
		}
		f.Add(uint(n), []byte("a=b"), "application/x-www-form-urlencoded")
		f.Add(uint(n), []byte("SQLite format 3\x00"), "multipart/form-data; boundary=x")
	}
	f.Fuzz(func(t *testing.T, n uint, body []byte, kind string) {
		path := posts[n%uint(len(posts))]
		if strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
			kind = ""
		}
		ending := path
		if strings.HasSuffix(path, "/uploads") {
			ending += "?name=app.db"
		}
		status, text := w.begin(t, ending, string(body), kind)
		if status >= 500 && status != http.StatusServiceUnavailable || status >= 400 && !isProblem(text) ||
			strings.Contains(text, "goroutine") || strings.Contains(text, ".go:") {
			t.Errorf("%s with %q: %d %s", path, body, status, text)
		}
	})
}

// begin sends a request, and does not wait for the end of a stream: nobody does here what it is about.
func (w *world) begin(t *testing.T, path, body, kind string) (int, string) {
	t.Helper()
	response, err := w.Client().Do(w.request(t, administrator, "POST", path, strings.NewReader(body), "Content-Type", kind))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestBodiesHaveLimits(t *testing.T) {
	t.Parallel()
	w := idle(t)
	for _, size := range []int{1 << 20, 3 << 20} {
		long := `{"source":"` + strings.Repeat("x", size) + `"}`
		status, body := w.ask(t, "ana", "POST", "/api/check", long)
		if status != http.StatusRequestEntityTooLarge && status != http.StatusBadRequest || !isProblem(body) {
			t.Errorf("%d bytes: %d %s", size, status, body)
		}
		if status, body := w.ask(t, "bob", "GET", "/api/me", ""); status != http.StatusOK { // the rest is no request
			t.Errorf("after %d bytes: %d %s", size, status, body)
		}
		if status, body := w.ask(t, "ana", "POST", "/api/plan", long); status != http.StatusUnprocessableEntity { // it is read: plans are long
			t.Errorf("%d bytes where a plan may be: %d %s", size, status, body)
		}
	}
}

// TestABodyThatBreaksOffIsNoDefect promises more than it sends.
func TestABodyThatBreaksOffIsNoDefect(t *testing.T) {
	t.Parallel()
	w := idle(t)
	for _, path := range []string{"/api/plan", "/api/uploads?name=app.db"} {
		c, err := net.Dial("tcp", w.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-Email: ana\r\nContent-Length: 100\r\n\r\n{")
		if err := errors.Join(err, c.(*net.TCPConn).CloseWrite()); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c)
		if status, _, _ := strings.Cut(string(text), "\r\n"); err != nil || !strings.HasPrefix(status, "HTTP/1.1 4") {
			t.Errorf("%s: %s, %v", path, text, err)
		}
	}
}

// TestABodyThatBreaksOffChangesNothing sends less than was promised, though what came would do by itself.
func TestABodyThatBreaksOffChangesNothing(t *testing.T) {
	t.Parallel()
	w := idle(t)
	database, err := os.ReadFile(source(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.store.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"/api/plan": `{"source":"app.db"}`, "/api/migrate": `{"source":"app.db","to":"shop"}`, "/api/instances": `{"name":"shop"}`,
		base + "/config": `{"schema":"other","source":"/other.db"}`, base + "/enable": `{"instance_name":"shop"}`,
		"/api/database-management/housekeeping": `{"cutoff_date":"2020-01-01"}`, "/api/uploads?name=app.db": string(database),
	} {
		for _, how := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body)+1, body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body), // and no last chunk
		} {
			c, err := net.Dial("tcp", w.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-Email: ana\r\nContent-Type: application/json\r\n"+how)
			if err := errors.Join(err, c.(*net.TCPConn).CloseWrite()); err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(c)
			if status, _, _ := strings.Cut(string(text), "\r\n"); err != nil || !strings.HasPrefix(status, "HTTP/1.1 4") {
				t.Errorf("%s: %s, %v", path, text, err)
			}
		}
	}
	if all, err := w.store.Operations(t.Context(), store.Filter{}); err != nil || len(all) > 0 {
		t.Errorf("operations were begun: %+v, %v", all, err)
	}
	after, err := w.store.Settings(t.Context())
	if err != nil || len(after) != len(before) {
		t.Errorf("the configuration has changed: %v, %v", after, err)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, "uploads", "*")); err != nil || len(left) > 0 {
		t.Errorf("half a file was kept: %q, %v", left, err)
	}
}

// noSecretIsAnswered gives the server passwords in every field that takes an address, and looks for them in all answers,
// in the log, and in all files.
func noSecretIsAnswered(t *testing.T, lakebase *lakewardtest.Lakebase) {
	const secret = "hunter2-9f8e7d"
	w := serve(t, lakebase)
	lakebase.Instance(t, "quiet")
	for path, body := range map[string]string{
		"/api/plan":              `{"source":"postgres://u:` + secret + `@127.0.0.1:1/d"}`,
		"/api/check":             `{"source":"postgres://u:` + secret + `@127.0.0.1:1/d","to":"quiet"}`,
		"/api/migrate":           `{"source":"postgres://u@127.0.0.1:1/d?password=` + secret + `","to":"quiet"}`,
		"/api/verify":            `{"source":"x.db","to":"postgres://u:` + secret + `@127.0.0.1:1/d"}`,
		"/api/export":            `{"instance":"postgres://u:` + secret + `@127.0.0.1:1/d"}`,
		base + "/config":         `{"source":"postgres://u:` + secret + `@127.0.0.1:1/d","schema":"public"}`,
		base + "/migrate":        `{"instance_name":"quiet","source":"postgres://u:` + secret + `/@127.0.0.1:1/d"}`,
		base + "/migrate/stream": `{"instance_name":"quiet","source":"postgres://u:` + secret + `@127.0.0.1:1/e"}`,
		base + "/enable":         `{"instance_name":"quiet","expand_schema":true}`,
		"/api/instances":         `{"name":"` + secret + `@x"}`,
	} {
		status, text := w.ask(t, "ana", "POST", path, body, "Prefer", "wait=60")
		if strings.Contains(text, secret) && path != "/api/instances" {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if status >= 500 && status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for path, body := range map[string]string{ // in the wrong place
		"/api/plan": `{"source":["` + secret + `"]}`, "/api/export": `{"instance":"shop","jobs":"` + secret + `"}`,
		base + "/create": `{"instance_name":"a","capacity":"` + secret + `"}`, "/api/migrate": `{"source":"` + secret,
	} {
		if status, text := w.ask(t, "ana", "POST", path, body); status < 400 || status >= 500 || strings.Contains(text, secret) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	all := decode[struct{ Operations []store.Operation }](t, w, "GET", "/api/operations", "", 200)
	if len(all.Operations) < 6 {
		t.Errorf("%d operations", len(all.Operations))
	}
	for _, r := range routes(t) {
		if r[0] != "GET" {
			continue
		}
		paths := []string{inPath.ReplaceAllString(r[1], "quiet")}
		if strings.Contains(r[1], "{id}") {
			paths = nil
			for _, o := range all.Operations {
				paths = append(paths, strings.ReplaceAll(r[1], "{id}", o.ID))
			}
		}
		for _, path := range paths {
			if _, text := w.ask(t, "ana", "GET", path, ""); strings.Contains(text, secret) {
				t.Errorf("%s: %s", path, text)
			}
		}
	}
	if text := w.logged.String(); strings.Contains(text, secret) {
		t.Errorf("the log: %s", text)
	}
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secret) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// aClientThatGoesChangesNothing closes the stream in the middle of a migration.
func aClientThatGoesChangesNothing(t *testing.T, lakebase *lakewardtest.Lakebase) {
	w := serve(t, lakebase)
	lakebase.Instance(t, "left-alone")
	large := source(t, `CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT);
		WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
		INSERT INTO lines SELECT i, 'line ' || i FROM n`)
	body := `{"instance_name":"left-alone","source":` + quote(large) + `}`
	response, err := w.Client().Do(w.request(t, "ana", "POST", base+"/migrate/stream", strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	var id string
	err = read(response.Body, func(m message) bool {
		var e struct {
			Type string
			ID   string `json:"operation_id"`
		}
		if err := json.Unmarshal([]byte(m.data), &e); err != nil {
			t.Error(err, m.data)
		}
		id = cmp.Or(id, e.ID)
		return e.Type != "table_start" // and away
	})
	if err != nil || id == "" {
		t.Fatalf("the stream did not start: %v", err)
	}
	response.Body.Close()
	status, text := w.ask(t, "bob", "GET", "/api/operations/"+id, "", "Prefer", "wait=120")
	if status != 200 || !strings.Contains(text, `"state":"succeeded"`) || !strings.Contains(text, `"loaded":200000`) {
		t.Errorf("the migration: %d %s", status, text)
	}
	if strings.Contains(w.logged.String(), "panic") {
		t.Errorf("the log: %s", w.logged)
	}
}
