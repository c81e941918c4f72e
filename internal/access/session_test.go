package access_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/access"
)

// TestASessionOutlivesTheServer follows a link at one server and goes on at the next, whose file holds nothing to sign in with.
func TestASessionOutlivesTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sessions.json")
	g, first, _ := gate(t, access.Options{Sessions: file})
	jar, _ := cookiejar.New(nil)
	do(t, &http.Client{Jar: jar}, "GET", g.Link(first.URL), "")
	at, err := url.Parse(first.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := jar.Cookies(at)
	if len(cookies) != 1 {
		t.Fatalf("the browser has %d cookies", len(cookies))
	}
	session := cookies[0].Value
	// with is a cookie of the session, whose name has the port of a server in it.
	with := func(address, value string) string {
		return "lakeward_" + address[strings.LastIndex(address, ":")+1:] + "=" + value
	}
	_, next, _ := gate(t, access.Options{Sessions: file})
	if status, body := do(t, &http.Client{}, "GET", next.URL+"/thing/a", "", "Cookie", with(next.URL, session)); status != 200 {
		t.Errorf("at the next server: %d %s", status, body)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), session) {
		t.Errorf("the file holds the session itself: %s (%v)", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte(`{"not hex": "2099-01-01T00:00:00Z", "`+strings.Repeat("ab", 32)+`": "2001-01-01T00:00:00Z"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, last, _ := gate(t, access.Options{Sessions: file})
	if status, _ := do(t, &http.Client{}, "GET", last.URL+"/thing/a", "", "Cookie", with(last.URL, session)); status != 401 {
		t.Errorf("a session that is not in the file: %d", status)
	}
}

// TestAPersonReadsWhyAPageIsRefused opens a page as a browser does.
func TestAPersonReadsWhyAPageIsRefused(t *testing.T) {
	t.Parallel()
	_, server, _ := gate(t, access.Options{})
	status, body := do(t, &http.Client{}, "GET", server.URL+"/lakebase", "", "Accept", "text/html,*/*;q=0.8")
	if status != 401 || !strings.Contains(body, "<h1>") || !strings.Contains(body, "follow the link") {
		t.Errorf("%d %s", status, body)
	}
	if _, body := do(t, &http.Client{}, "GET", server.URL+"/lakebase", "", "Accept", "text/html", "Host", `evil"><script>`); strings.Contains(body, "<script>") {
		t.Errorf("what the caller wrote is in the page: %s", body)
	}
	if status, body := do(t, &http.Client{}, "GET", server.URL+"/api/x", "", "Accept", "application/json"); status != 401 || !strings.HasPrefix(body, "{") {
		t.Errorf("for a program: %d %s", status, body)
	}
}
