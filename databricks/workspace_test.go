package databricks_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
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
