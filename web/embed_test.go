package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// TestTheConsoleIsServed asks for what a browser asks for, and for what is none of the console's business.
func TestTheConsoleIsServed(t *testing.T) {
	t.Parallel()
	dist := fstest.MapFS{
		".gitkeep":          {},
		"index.html":        {Data: []byte("the page")},
		"assets/a-12.js":    {Data: []byte("the code")},
		"assets/a-12.js.br": {Data: []byte("b")},
		"assets/a-12.js.gz": {Data: []byte("g")},
		"assets/f-34.woff2": {Data: []byte("a font")},
		"assets/b-56.js":    {Data: []byte("small")},
		"assets/b-56.js.gz": {Data: []byte("g2")},
		"theme.js":          {Data: []byte("theme")},
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := handler(dist, next)
	const page, forever, again = "text/html,*/*", "private, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct {
		method, path, accept, encoding string
		status                         int
		body, kind, cache, packed      string
	}{
		{"GET", "/", page, "", 200, "the page", "text/html; charset=utf-8", again, ""},
		{"GET", "/operations/0193", page, "", 200, "the page", "text/html; charset=utf-8", again, ""},
		{"HEAD", "/lakebase", page, "", 200, "", "text/html; charset=utf-8", again, ""},
		{"GET", "/assets/a-12.js", "*/*", "", 200, "the code", "text/javascript; charset=utf-8", forever, ""},
		{"GET", "/assets/a-12.js", "*/*", "gzip, deflate, br", 200, "b", "text/javascript; charset=utf-8", forever, "br"},
		{"GET", "/assets/a-12.js", "*/*", "gzip, br;q=0", 200, "g", "text/javascript; charset=utf-8", forever, "gzip"},
		{"GET", "/assets/b-56.js", "*/*", "br, gzip", 200, "g2", "text/javascript; charset=utf-8", forever, "gzip"},
		{"GET", "/assets/f-34.woff2", "*/*", "br", 200, "a font", "font/woff2", forever, ""},
		{"GET", "/theme.js", "*/*", "", 200, "theme", "text/javascript; charset=utf-8", again, ""},
		{"GET", "/assets/old-99.js", page, "", 418, "", "", "", ""},
		{"GET", "/assets/a-12.js.br", "*/*", "", 418, "", "", "", ""},
		{"GET", "/.gitkeep", "*/*", "", 418, "", "", "", ""},
		{"GET", "/nowhere", "application/json", "", 418, "", "", "", ""},
		{"POST", "/", page, "", 418, "", "", "", ""},
	} {
		w := ask(t, h, c.method, c.path, c.accept, c.encoding, "")
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Content-Type") != c.kind ||
			w.Header().Get("Cache-Control") != c.cache || w.Header().Get("Content-Encoding") != c.packed {
			t.Errorf("%s %s (%s; %s): %d %q %v", c.method, c.path, c.accept, c.encoding, w.Code, w.Body, w.Header())
		}
	}
	first := ask(t, h, "GET", "/", page, "", "")
	if w := ask(t, h, "GET", "/", page, "", first.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("a page that has not changed was sent again: %d", w.Code)
	}
}

// TestAProgramBuiltWithoutNodeSaysSo opens the page where nothing was built.
func TestAProgramBuiltWithoutNodeSaysSo(t *testing.T) {
	t.Parallel()
	h := handler(fstest.MapFS{".gitkeep": {}}, http.NotFoundHandler())
	if w := ask(t, h, "GET", "/", "text/html", "", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func ask(t *testing.T, h http.Handler, method, path, accept, encoding, tag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
