package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/observe"
)

// server answers at one route with names in its path, and panics at another.
func server(t *testing.T) (url string, logged *bytes.Buffer) {
	t.Helper()
	logged = &bytes.Buffer{}
	log := observe.NewLog(logged, slog.LevelInfo, false)
	m := observe.NewMetrics("v1.2.3")
	m.Gauge("lakeward_test", "A number.", func() float64 { return 7 })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{name}", func(w http.ResponseWriter, r *http.Request) {
		log.InfoContext(observe.WithOperation(r.Context(), "op-1"), "inside")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
	})
	mux.HandleFunc("GET /defect", func(http.ResponseWriter, *http.Request) { panic("the password is hunter2") })
	mux.Handle("GET /metrics", m.Handler())
	s := httptest.NewServer(observe.Requests(mux, log, m))
	t.Cleanup(s.Close)
	return s.URL, logged
}

func get(t *testing.T, url, id string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", id)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestRequestsAreCountedByRouteAndLoggedWithTheirIDs(t *testing.T) {
	t.Parallel()
	url, logged := server(t)
	for _, name := range []string{"one", "two"} {
		if res, _ := get(t, url+"/things/"+name, "from-the-caller"); res.Header.Get("X-Request-Id") != "from-the-caller" {
			t.Errorf("the caller's id was not kept: %q", res.Header.Get("X-Request-Id"))
		}
	}
	_, metrics := get(t, url+"/metrics", "")
	for _, want := range []string{
		`lakeward_http_request_duration_seconds_count{code="202",method="GET",route="/things/{name}"} 2`,
		`lakeward_build_info{version="v1.2.3"} 1`, "lakeward_test 7", "lakeward_http_requests_open 1",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	lines := logLines(t, logged.String())
	if len(lines) != 4 { // two requests with a line inside; the scrape is not logged
		t.Fatalf("%d lines in the log, want 4:\n%s", len(lines), logged)
	}
	for _, l := range lines {
		if l["request_id"] != "from-the-caller" {
			t.Errorf("a line lacks the request's id: %v", l)
		}
	}
	if lines[0]["operation_id"] != "op-1" || lines[1]["status"] != 202.0 || lines[1]["bytes"] != 5.0 {
		t.Errorf("the lines say too little: %v", lines[:2])
	}
}

func TestAForgedRequestIDIsReplaced(t *testing.T) {
	t.Parallel()
	url, _ := server(t)
	for _, id := range []string{`a" level=ERROR`, strings.Repeat("x", 65), "ä"} {
		if res, _ := get(t, url+"/things/x", id); res.Header.Get("X-Request-Id") == id || len(res.Header.Get("X-Request-Id")) != 36 {
			t.Errorf("the id %q was answered with %q", id, res.Header.Get("X-Request-Id"))
		}
	}
}

func TestAPanicTellsTheClientNothing(t *testing.T) {
	t.Parallel()
	url, logged := server(t)
	res, body := get(t, url+"/defect", "r-1")
	if res.StatusCode != http.StatusInternalServerError || strings.Contains(body, "hunter2") || !strings.Contains(body, "r-1") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(logged.String(), "a request failed on a defect") {
		t.Errorf("the log does not tell of it: %s", logged)
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	broken := lakeward.Errorf(lakeward.KindUnavailable, "start it", "instance shop is stopped")
	var down error = broken
	h := observe.Ready(
		observe.Check{Name: "store", Do: func(context.Context) error { return nil }},
		observe.Check{Name: "lakebase", Do: func(context.Context) error { return down }},
	)
	ask := func() (int, observe.Readiness) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		var out observe.Readiness
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return w.Code, out
	}
	code, out := ask()
	want := observe.Result{Kind: "unavailable", Message: "instance shop is stopped", Hint: "start it"}
	if code != http.StatusServiceUnavailable || out.Ready || out.Checks["lakebase"] != want || !out.Checks["store"].OK {
		t.Errorf("%d %+v", code, out)
	}
	down = nil
	if code, out := ask(); code != http.StatusOK || !out.Ready {
		t.Errorf("%d %+v", code, out)
	}
}

func TestSpansReachTheCollector(t *testing.T) {
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case got <- r.URL.Path + " " + string(body):
		default:
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	end, err := observe.Trace(t.Context(), func(string) string { return collector.URL }, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	url, logged := server(t)
	get(t, url+"/things/x", "r")
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; !strings.HasPrefix(sent, "/v1/traces ") || !strings.Contains(sent, "lakeward") {
		t.Errorf("the collector got %q", sent)
	}
	if id, _ := logLines(t, logged.String())[0]["trace_id"].(string); len(id) != 32 {
		t.Errorf("a line lacks the trace's id: %s", logged)
	}
}

func TestWithoutACollectorNothingIsSent(t *testing.T) {
	t.Parallel()
	end, err := observe.Trace(t.Context(), func(string) string { return "" }, "v1")
	if err != nil || end(t.Context()) != nil {
		t.Errorf("%v", errors.Join(err))
	}
}

func logLines(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for l := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		lines = append(lines, m)
	}
	return lines
}
