package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/observe"
	"github.com/lakeward/lakeward/internal/store"
)

// sensitive marks a route that changes nothing and shows what is not for everybody: the application's data, or what lies
// on the server's disk. Only administrators may ask, and each time stands in the audit log, as the gate does for changes.
func (s *server) sensitive(o huma.Operation, what string) huma.Operation {
	o.Description = joined(o.Description, "For administrators only; each request is in the audit log.")
	o.Middlewares = append(o.Middlewares, func(h huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(h)
		role, err := access.RoleOf(h.Context())
		if err == nil && role != access.Administrator {
			err = lakeward.Errorf(lakeward.KindDenied, "ask an administrator of this server",
				"%s may not read %s", access.From(h.Context()).Name, what)
		}
		if err != nil {
			p := access.NewProblem(err)
			s.note(r, p.Status)
			refuse(w, p)
			return
		}
		next(h)
		s.note(r, h.Status())
	})
	return o
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

func refuse(w http.ResponseWriter, p *access.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// note writes who has read what to the audit log. The gate notes changes only.
func (s *server) note(r *http.Request, status int) {
	outcome := "done"
	switch {
	case status == http.StatusForbidden:
		outcome = "denied"
	case status >= http.StatusBadRequest:
		outcome = "failed"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	err := s.Store.Audit(ctx, store.Entry{
		Actor: access.From(ctx).Name, Action: r.Pattern, Object: r.URL.Path, Outcome: outcome, Remote: r.RemoteAddr,
		Request: observe.RequestID(ctx),
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "the audit log could not be written", "error", err)
	}
}
