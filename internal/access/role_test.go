package access_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
)

// TestWhoManagesTheAppIsAdministrator looks at who is in the list, who manages the app, who does neither, and of whom it
// cannot be said.
func TestWhoManagesTheAppIsAdministrator(t *testing.T) {
	t.Parallel()
	var questions atomic.Int32
	o := access.Options{
		Forwarded: true, Administrators: []string{"ana@example.com"},
		Manages: func(_ context.Context, name string) (bool, error) {
			questions.Add(1)
			switch name {
			case "max@example.com":
				return true, nil
			case "away@example.com":
				return true, lakeward.Errorf(lakeward.KindUnavailable, "check the network", "the workspace is silent")
			case "busy@example.com":
				return true, lakeward.Errorf(lakeward.KindThrottled, "", "too many questions")
			case "gone@example.com":
				return true, lakeward.Errorf(lakeward.KindNotFound, "check the name", "there is no such app")
			case "odd@example.com":
				return true, errors.New("secret-of-a-defect")
			}
			return false, nil
		},
	}
	_, server, s := gate(t, o)
	for _, c := range []struct {
		method, who string
		status      int
		asked       int32
		says        string
	}{
		{"GET", "ana@example.com", 200, 0, "administrator"},
		{"POST", "ana@example.com", 200, 0, "administrator"},
		{"GET", "max@example.com", 200, 0, "max"},
		{"POST", "max@example.com", 200, 1, "administrator"},
		{"DELETE", "max@example.com", 200, 1, "administrator"},
		{"GET", "bob@example.com", 200, 0, "viewer"},
		{"POST", "bob@example.com", 403, 1, "not change them"},
		{"GET", "away@example.com", 200, 0, "viewer"},
		{"POST", "away@example.com", 503, 1, "the workspace is silent"},
		{"POST", "away@example.com", 503, 1, "check the network; or name administrators with --admin"},
		{"POST", "busy@example.com", 503, 1, "too many questions"},
		{"POST", "gone@example.com", 403, 1, "there is no such app"},
		{"POST", "odd@example.com", 403, 1, "LAKEWARD_ADMINS"},
		{"POST", "", 401, 0, "nobody"},
	} {
		questions.Store(0)
		status, body := do(t, server.Client(), c.method, server.URL+"/thing/a", "", "X-Forwarded-Email", c.who)
		if status != c.status || questions.Load() != c.asked || !strings.Contains(body, c.says) || strings.Contains(body, "secret") {
			t.Errorf("%s by %q: %d after %d questions, %s; want %d after %d, %q", c.method, c.who, status, questions.Load(), body,
				c.status, c.asked, c.says)
		}
	}
	for who, want := range map[string]string{"away@example.com": "failed", "gone@example.com": "denied", "max@example.com": "done"} {
		entries, err := s.Entries(t.Context(), store.AuditFilter{Actor: who})
		if err != nil || len(entries) == 0 || entries[0].Outcome != want {
			t.Errorf("audit log of %s: %+v, %v", who, entries, err)
		}
	}
	o.Administrators = nil
	if _, err := access.New(o); err != nil {
		t.Errorf("without a list: %v", err)
	}
}

// TestAHandlerLearnsTheRole: a request that only looks may want to know the role too.
func TestAHandlerLearnsTheRole(t *testing.T) {
	t.Parallel()
	type answer struct {
		role access.Role
		kind lakeward.Kind
	}
	if role, err := access.RoleOf(t.Context()); role != access.Viewer || err == nil {
		t.Errorf("of nobody: %s, %v", role, err)
	}
	g, err := access.New(access.Options{
		Forwarded: true, Administrators: []string{"ana"},
		Manages: func(_ context.Context, name string) (bool, error) {
			if name == "away" {
				return true, lakeward.Errorf(lakeward.KindUnavailable, "", "silent")
			}
			return name == "max", nil
		},
		Log: slog.New(slog.DiscardHandler), Audit: func(context.Context, store.Entry) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]answer{
		"ana": {role: access.Administrator}, "max": {role: access.Administrator}, "bob": {role: access.Viewer},
		"away": {access.Viewer, lakeward.KindUnavailable},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-Email", name)
		var got answer
		g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var err error
			if got.role, err = access.RoleOf(r.Context()); err != nil {
				got.kind = lakeward.KindOf(err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
