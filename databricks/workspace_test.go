package databricks_test

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

func TestOpenFailsAtOnceWhereNothingListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	began := time.Now()
	_, err = databricks.Open(t.Context(), databricks.Config{Host: "http://" + l.Addr().String(), Token: "dapi-secret"})
	if lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) != "start the local Lakebase: lakeward up" {
		t.Errorf("error %v, hint %q", err, lakeward.HintOf(err))
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if strings.Contains(err.Error(), "dapi-secret") {
		t.Errorf("the error shows the token: %v", err)
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	_, err := databricks.Open(ctx, databricks.Config{Host: hanging.URL, Token: "dapi-secret"})
	if lakeward.KindOf(err) != lakeward.KindUnavailable {
		t.Errorf("error %v", err)
	}
}

func TestOpenTakesAHostThatSaysNothingAboutItself(t *testing.T) {
	t.Parallel()
	bare := httptest.NewServer(http.NotFoundHandler())
	defer bare.Close()
	if _, err := databricks.Open(t.Context(), databricks.Config{Host: bare.URL, Token: "dapi-secret"}); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestOpenSaysThatNothingIsConfigured(t *testing.T) {
	t.Setenv("DATABRICKS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"} {
		t.Setenv(name, "")
	}
	_, err := databricks.Open(t.Context(), databricks.Config{})
	if lakeward.KindOf(err) != lakeward.KindInvalid || !strings.Contains(lakeward.HintOf(err), "DATABRICKS_HOST") {
		t.Errorf("error %v, hint %q", err, lakeward.HintOf(err))
	}
}

// TestANamedProfileIsMeant: a command with --profile must not reach the workspace of the environment.
func TestANamedProfileIsMeant(t *testing.T) {
	var token string // that the profile's workspace was shown
	work := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = cmp.Or(r.Header.Get("Authorization"), token)
		http.NotFound(w, r)
	}))
	defer work.Close()
	profiles := filepath.Join(t.TempDir(), "databrickscfg")
	text := "[DEFAULT]\nhost = https://default.example\n\n[work]\nhost = " + work.URL + "\ntoken = dapi-work\n"
	if err := os.WriteFile(profiles, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABRICKS_CONFIG_FILE", profiles)
	t.Setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
	t.Setenv("DATABRICKS_TOKEN", "dapi-environment")
	t.Setenv("DATABRICKS_CLIENT_ID", "of-the-environment")

	ws, err := databricks.Open(t.Context(), databricks.Config{Profile: "work"})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = ws.Me(t.Context()) // shows the token; the answer does not matter
	if ws.Host() != work.URL || token != "Bearer dapi-work" {
		t.Errorf("opened %s with %q, want %s with the profile's token", ws.Host(), token, work.URL)
	}

	_, err = databricks.Open(t.Context(), databricks.Config{Profile: "home"})
	if lakeward.KindOf(err) != lakeward.KindInvalid || !strings.Contains(err.Error(), "has no home profile") {
		t.Errorf("a profile that is not there: %v", err)
	}
}

// recording is a transport that an application has put in the place of the default one, to trace its requests.
type recording struct {
	http.RoundTripper
	requests atomic.Int32
}

func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	r.requests.Add(1)
	return r.RoundTripper.RoundTrip(request)
}

func TestRequestsGoThroughTheProgramsOwnTransport(t *testing.T) {
	bare := httptest.NewServer(http.NotFoundHandler())
	defer bare.Close()
	own := &recording{RoundTripper: http.DefaultTransport}
	http.DefaultTransport = own
	defer func() { http.DefaultTransport = own.RoundTripper }()
	if _, err := databricks.Open(t.Context(), databricks.Config{Host: bare.URL, Token: "dapi-secret"}); err != nil {
		t.Fatal(err)
	}
	if own.requests.Load() == 0 {
		t.Error("the transport saw no request")
	}
}
