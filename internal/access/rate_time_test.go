package access_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lakeward/lakeward/internal/access"
)

// TestNobodyCrowdsOthersOut sends requests as fast as it can: one identity is told when to come again, and others are
// served meanwhile.
func TestNobodyCrowdsOthersOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := access.New(access.Options{Forwarded: true, Administrators: []string{"ann"}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		handler := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		get := func(who string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/operations", nil)
			r.Header.Set("X-Forwarded-Email", who)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		served := 0
		for range 5000 {
			if get("greedy").Code == http.StatusNoContent {
				served++
			}
		}
		if served < 500 || served > 2000 {
			t.Errorf("%d of 5000 requests at once were served", served)
		}
		refused := get("greedy")
		again, err := strconv.Atoi(refused.Header().Get("Retry-After"))
		if refused.Code != http.StatusTooManyRequests || err != nil || again < 1 || !strings.Contains(refused.Body.String(), `"hint"`) {
			t.Fatalf("refused with %d, Retry-After %q: %s", refused.Code, refused.Header().Get("Retry-After"), refused.Body)
		}
		if code := get("other").Code; code != http.StatusNoContent {
			t.Errorf("another identity got %d", code)
		}
		time.Sleep(time.Duration(again) * time.Second)
		if code := get("greedy").Code; code != http.StatusNoContent {
			t.Errorf("after the time that was named: %d", code)
		}
	})
}
