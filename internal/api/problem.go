package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
)

// problems makes huma refuse in our words. It has one place for that in the whole process.
var problems = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		kind := lakeward.KindInvalid
		switch status {
		case http.StatusNotFound:
			kind = lakeward.KindNotFound
		case http.StatusInternalServerError:
			if message != unreadable {
				kind = lakeward.KindInternal
				break
			}
			status = http.StatusBadRequest // the body broke off: its sender is gone, or has sent too much
		}
		p := access.NewProblem(lakeward.Errorf(kind, "compare the request with /docs", "%s", message))
		p.Status, p.Title = status, http.StatusText(status)
		for _, err := range errs {
			if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
				// The value is left out: it may be a secret that stands in the wrong field.
				p.Errors = append(p.Errors, d.Location+": "+d.Message)
			}
		}
		return p
	}
})

// problem is what the caller is told of an error.
func (s *server) problem(ctx context.Context, o huma.Operation, err error) *access.Problem {
	kind := lakeward.KindOf(err)
	if kind == lakeward.KindInternal {
		if errors.Is(err, context.DeadlineExceeded) {
			return access.NewProblem(lakeward.Errorf(lakeward.KindUnavailable, "try again; if it stays like this: lakeward doctor",
				"Lakebase did not answer in time"))
		}
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "a request failed", "route", o.Path, "error", err)
		}
	}
	p := access.NewProblem(err)
	switch kind {
	case lakeward.KindUnsupported: // it is asked for in vain, and that is no defect of the server
		p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	case lakeward.KindUnauthenticated:
		// The gate knows the caller. It is the server whom the workspace or PostgreSQL does not accept.
		p.Status, p.Title = http.StatusBadGateway, http.StatusText(http.StatusBadGateway)
	}
	return p
}

// unreadable is what huma says of a body that it could not read to its end.
const unreadable = "cannot read request body"

// elsewhere answers for everything that is no route of mux.
func elsewhere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		} {
			other := &http.Request{Method: method, Host: r.Host, URL: r.URL}
			if _, pattern := mux.Handler(other); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		p := access.NewProblem(lakeward.Errorf(lakeward.KindNotFound, "all routes are listed at /docs",
			"there is nothing at %s", r.URL.Path))
		if allowed != nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			p = access.NewProblem(lakeward.Errorf(lakeward.KindInvalid, "use "+strings.Join(allowed, " or "),
				"%s does not know the method %s", r.URL.Path, r.Method))
			p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
		}
		refuse(w, p)
	}
}
