package api_test

import (
	"bytes"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const golden = "../../docs/openapi.yaml"

func TestOpenAPIIsAsInTheDocs(t *testing.T) {
	t.Parallel()
	got, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.yaml is not what the types say; write it anew with: go test ./internal/api -update")
	}
}

// serve starts the API behind a gate over a real store.
func serve(t *testing.T, o api.Options) (*httptest.Server, *store.Store) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o.Store, o.Log = s, slog.New(slog.DiscardHandler)
	g, err := access.New(access.Options{
		Forwarded: true, Administrators: []string{"ana"}, Audit: s.Audit, Log: o.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler(api.Handler(o)))
	t.Cleanup(server.Close)
	return server, s
}

// ask sends a request as somebody and returns the status and the body.
func ask(t *testing.T, server *httptest.Server, who, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-Email", who)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(r)
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

func TestOperationsAreShownWatchedAndCancelled(t *testing.T) {
	t.Parallel()
	server, s := serve(t, api.Options{})
	o, err := s.Add(t.Context(), store.Operation{Kind: "migrate", Instance: "shop", Actor: "ana", Input: []byte("{}")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"first", "second"} {
		if err := s.Append(t.Context(), o.ID, lakeward.Event{Type: lakeward.EventInfo, Message: message}); err != nil {
			t.Fatal(err)
		}
	}
	path := "/api/operations/" + o.ID
	for _, c := range []struct {
		who, method, path string
		status            int
		says              string
	}{
		{"", "GET", path, 401, "hint"},
		{"bob", "GET", "/api/operations?kind=migrate&instance=shop", 200, o.ID},
		{"bob", "GET", "/api/operations?kind=export", 200, `"operations":[]`},
		{"bob", "GET", "/api/operations?limit=-1", 422, "query.limit"},
		{"bob", "GET", path, 200, `"queued"`},
		{"bob", "GET", "/api/operations/none", 404, `"not_found"`},
		{"bob", "GET", "/api/operations/none/events", 404, `"not_found"`},
		{"bob", "POST", path + "/cancel", 403, `"denied"`},
		{"ana", "POST", path + "/cancel", 200, `"cancelled"`},
		{"ana", "POST", path + "/cancel", 409, `"conflict"`},
	} {
		if status, body := ask(t, server, c.who, c.method, c.path, ""); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s by %q: %d %s, want %d with %s", c.method, c.path, c.who, status, body, c.status, c.says)
		}
	}
	if _, all := ask(t, server, "bob", "GET", path+"/events", ""); !strings.Contains(all, "first") ||
		!strings.Contains(all, "second") || !strings.Contains(all, "event: end") {
		t.Errorf("all events: %s", all)
	}
	_, rest := ask(t, server, "bob", "GET", path+"/events", "", "Last-Event-ID", "1")
	if strings.Contains(rest, "first") || !strings.Contains(rest, "id: 2\nevent: event\ndata: {") {
		t.Errorf("events after the first: %s", rest)
	}
	if status, body := ask(t, server, "bob", "GET", path, "", "Prefer", "wait=soon"); status != 422 {
		t.Errorf("a wait that is no number: %d %s", status, body)
	}
}

func TestTheGuidesConsoleSeesInstances(t *testing.T) {
	t.Parallel()
	local := lakewardtest.Start(t)
	conn, err := local.Instance(t, "shop").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `create schema "My shop"; create table "My shop"."Order's" (id int);
		insert into "My shop"."Order's" values (1), (2)`); err != nil {
		t.Fatal(err)
	}
	server, _ := serve(t, api.Options{
		Workspace: local.Workspace,
		Connector: func(name string) *lakeward.Connector {
			return lakeward.NewConnector(local.Workspace, name, local.Options())
		},
	})
	const base = "/api/database-management/lakebase"
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		says                    string
	}{
		{"bob", "GET", base + "/instances?search=SHO", "", 200, `"state":"AVAILABLE","status":"READY"`},
		{"bob", "GET", base + "/instances?search=other", "", 200, `"items":[],"total":0`},
		{"bob", "GET", base + "/instances?page=9", "", 200, `"items":[],"total":1`},
		{"bob", "GET", base + "/instances?page_size=101", "", 422, "page_size"},
		{"bob", "GET", base + "/instance/shop", "", 200, `"name":"shop"`},
		{"bob", "GET", base + "/instance/none", "", 200, `"state":"NOT_FOUND","status":"NOT_CREATED"`},
		{"bob", "GET", base + "/test/shop", "", 200, `"table_count":1`},
		{"bob", "POST", base + "/test-connection", `{"instance_name":"shop"}`, 403, `"denied"`},
		{"ana", "POST", base + "/test-connection", `{"instance_name":"shop"}`, 200, `"success":true`},
		{"ana", "POST", base + "/test-connection", `{"instance_name":"none"}`, 200, `"error_code":"NOT_FOUND"`},
		{"ana", "POST", base + "/test-connection", ``, 400, `"hint"`},
		{"ana", "PUT", base + "/test-connection", ``, 405, `use POST`},
		{"bob", "GET", base + "/nothing", ``, 404, `"hint"`},
		{"ana", "POST", base + "/test-connection", `{`, 400, `"kind":"invalid"`},
		{"bob", "GET", base + "/tables?instance_name=shop", "", 200, `{"schema":"My shop","table":"Order's","row_count":2,"estimated":false}`},
		{"bob", "GET", base + "/workspace-info", "", 200, local.Host},
		{"bob", "GET", "/api/database-management/check-permission", "", 200, `"has_permission":false`},
		{"ana", "GET", "/api/database-management/check-permission", "", 200, `"has_permission":true`},
		{"bob", "GET", "/api/instances", "", 200, `"name":"shop"`},
		{"bob", "GET", "/api/instances/shop", "", 200, `"status":"READY"`},
		{"bob", "GET", "/api/instances/none", "", 404, `"not_found"`},
	} {
		status, body := ask(t, server, c.who, c.method, c.path, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s by %s: %d %s, want %d with %s", c.method, c.path, c.who, status, body, c.status, c.says)
		}
	}
}

func TestThePageAtDocsLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	server, _ := serve(t, api.Options{})
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	for path, kind := range map[string]string{
		"/docs": "text/html", "/docs/docs.js": "text/javascript", "/docs/docs.css": "text/css",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-Email", "bob")
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s, %v", path, response.StatusCode, response.Header.Get("Content-Type"), err)
		}
		if found := elsewhere.FindString(string(text)); found != "" {
			t.Errorf("%s names %s", path, found)
		}
		if strings.Contains(string(text), "<script>") || strings.Contains(string(text), "innerHTML") {
			t.Errorf("%s has a script that the content policy refuses, or puts text in as markup", path)
		}
	}
}
