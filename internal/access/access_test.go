package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
)

// gate starts a server whose one handler answers with who asks, behind a gate with a real audit log.
func gate(t *testing.T, o access.Options) (*access.Gate, *httptest.Server, *store.Store) {
	t.Helper()
	s := storetest.Open(t, storetest.InFile(t))
	o.Audit, o.Log = s.Audit, slog.New(slog.DiscardHandler)
	g, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/thing/{name}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_ = json.NewEncoder(w).Encode(access.From(r.Context()))
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(errors.New("secret-in-a-panic")) })
	server := httptest.NewServer(g.Handler(mux))
	t.Cleanup(server.Close)
	return g, server, s
}

func do(t *testing.T, c *http.Client, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	response, err := c.Do(r)
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

func TestALinkLetsOneBrowserInOnce(t *testing.T) {
	t.Parallel()
	g, server, s := gate(t, access.Options{})
	stranger := &http.Client{}
	if status, body := do(t, stranger, "GET", server.URL+"/thing/a", ""); status != 401 || !strings.Contains(body, "hint") {
		t.Errorf("without a session: %d %s", status, body)
	}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	link := g.Link(server.URL)
	do(t, browser, "GET", link, "")
	if status, body := do(t, browser, "POST", server.URL+"/thing/a", "{}"); status != 200 ||
		!strings.Contains(body, `"administrator"`) {
		t.Errorf("with a session: %d %s", status, body)
	}
	if status, _ := do(t, stranger, "GET", link, ""); status != 401 {
		t.Errorf("a link that was used: %d", status)
	}
	// The headers of Databricks Apps mean nothing to a server that is not told to believe them.
	if status, _ := do(t, stranger, "GET", server.URL+"/thing/a", "", "X-Forwarded-Email", "ana@example.com"); status != 401 {
		t.Errorf("with a forged identity: %d", status)
	}
	for _, header := range [][2]string{
		{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Host", "evil.example"},
	} {
		if status, _ := do(t, browser, "POST", server.URL+"/thing/a", "{}", header[0], header[1]); status != 403 {
			t.Errorf("with %s: %s: %d", header[0], header[1], status)
		}
	}
	if status, _ := do(t, browser, "POST", server.URL+"/thing/a", strings.Repeat("x", access.DefaultMaxBody+1)); status != 413 {
		t.Errorf("a body that is too large: %d", status)
	}
	if status, body := do(t, browser, "GET", server.URL+"/panic", ""); status != 500 || strings.Contains(body, "secret") {
		t.Errorf("a panic: %d %s", status, body)
	}
	entries, err := s.Entries(t.Context(), store.AuditFilter{Actor: "local"})
	if err != nil || len(entries) != 2 || entries[1].Action != "/thing/{name}" || entries[1].Object != "/thing/a" ||
		entries[1].Outcome != "done" || entries[0].Outcome != "failed" {
		t.Errorf("audit log: %+v, %v", entries, err)
	}
}

func TestForwardedIdentitiesHaveRoles(t *testing.T) {
	t.Parallel()
	if _, err := access.New(access.Options{Forwarded: true}); err == nil {
		t.Error("a server that nobody may change anything on was accepted")
	}
	_, server, s := gate(t, access.Options{Forwarded: true, Administrators: []string{"Ana@example.com"}})
	for _, c := range []struct {
		method, who string
		status      int
	}{
		{"GET", "", 401},
		{"POST", "", 401},
		{"GET", "bob@example.com", 200},
		{"HEAD", "bob@example.com", 200},
		{"POST", "bob@example.com", 403},
		{"DELETE", "bob@example.com", 403},
		{"GET", "ana@example.com", 200},
		{"POST", "ana@example.com", 200},
		{"DELETE", "ana@example.com", 200},
	} {
		status, body := do(t, server.Client(), c.method, server.URL+"/thing/a", "", "X-Forwarded-Email", c.who)
		if status != c.status {
			t.Errorf("%s by %q: %d %s, want %d", c.method, c.who, status, body, c.status)
		}
	}
	entries, err := s.Entries(t.Context(), store.AuditFilter{Actor: "bob@example.com"})
	if err != nil || len(entries) != 2 || entries[0].Outcome != "denied" {
		t.Errorf("audit log of what was refused: %+v, %v", entries, err)
	}
	if status, _ := do(t, server.Client(), "GET", server.URL+access.LinkPath, "", "X-Forwarded-Email", "bob@example.com"); status != 404 {
		t.Errorf("links where identities are forwarded: %d", status)
	}
}

// TestWhoStandsBeforeTheGateLearnsTheRoute looks at what metrics are labelled with.
func TestWhoStandsBeforeTheGateLearnsTheRoute(t *testing.T) {
	t.Parallel()
	g, err := access.New(access.Options{
		Forwarded: true, Administrators: []string{"ana"}, Log: slog.New(slog.DiscardHandler),
		MaxBodies: map[string]int64{"/large/file": 10 << 20},
		Audit:     func(context.Context, store.Entry) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	read := int64(0)
	mux.HandleFunc("POST /{size}/file", func(_ http.ResponseWriter, r *http.Request) {
		read, _ = io.Copy(io.Discard, r.Body)
		panic("a defect")
	})
	for path, want := range map[string]int64{"/large/file": 2 << 20, "/small/file": access.DefaultMaxBody} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(strings.Repeat("x", 2<<20)))
		r.Header.Set("X-Forwarded-User", "ana")
		g.Handler(mux).ServeHTTP(httptest.NewRecorder(), r)
		if r.Pattern != "POST /{size}/file" {
			t.Errorf("the route of %s is %q", path, r.Pattern)
		}
		if read != want {
			t.Errorf("%d bytes of %s were read, want %d", read, path, want)
		}
	}
}

// TestAProgramSignsInByTheToken: the token lets in, anything like it does not, and it is none where there is none.
func TestAProgramSignsInByTheToken(t *testing.T) {
	t.Parallel()
	_, server, s := gate(t, access.Options{Token: "correct"})
	c := server.Client()
	if status, body := do(t, c, "POST", server.URL+"/thing/a", "", "Authorization", "Bearer correct"); status != 200 || !strings.Contains(body, `"local"`) {
		t.Errorf("with the token: %d %s", status, body)
	}
	if e, err := s.Entries(t.Context(), store.AuditFilter{}); err != nil || len(e) != 1 || e[0].Actor != "local" {
		t.Errorf("the audit log has %v (%v)", e, err)
	}
	for _, header := range []string{"Bearer correc", "Bearer correct1", "Bearer ", "correct", "Basic correct"} {
		if status, _ := do(t, c, "GET", server.URL+"/thing/a", "", "Authorization", header); status != 401 {
			t.Errorf("with %q: %d", header, status)
		}
	}
	if status, _ := do(t, c, "POST", server.URL+"/thing/a", "", "Authorization", "Bearer correct", "Origin", "https://evil.example"); status != 403 {
		t.Errorf("from a page elsewhere: %d", status)
	}
	_, none, _ := gate(t, access.Options{})
	if status, _ := do(t, c, "GET", none.URL+"/thing/a", "", "Authorization", "Bearer "); status != 401 {
		t.Errorf("without a token there is one: %d", status)
	}
	_, app, _ := gate(t, access.Options{Token: "correct", Forwarded: true, Administrators: []string{"ana"}})
	if status, body := do(t, c, "GET", app.URL+"/thing/a", "", "Authorization", "Bearer of-the-platform", "X-Forwarded-Email", "bob"); status != 200 || !strings.Contains(body, "bob") {
		t.Errorf("a token of the platform keeps its user out: %d %s", status, body)
	}
}

// TestALinkIsAnsweredSafely looks at what the browser is told with a session, and at who only looks at the link.
func TestALinkIsAnsweredSafely(t *testing.T) {
	t.Parallel()
	g, server, _ := gate(t, access.Options{})
	link := g.Link(server.URL)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if status, _ := do(t, client, "HEAD", link, ""); status != 401 {
		t.Errorf("HEAD: %d", status)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	cookies := response.Cookies()
	if response.StatusCode != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("%d, %d cookies", response.StatusCode, len(cookies))
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 {
		t.Errorf("the cookie is %s", c)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store", "X-Frame-Options": "DENY",
	} {
		if got := response.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", name, got, want)
		}
	}
}
