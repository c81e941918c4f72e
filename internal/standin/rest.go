package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"
)

const (
	maxBody       = 1 << 20
	apiPostgres   = "/api/2.0/postgres/"
	apiDatabase   = "/api/2.0/database/"
	orgIDHeader   = "X-Databricks-Org-Id"
	requestHeader = "X-Request-Id"
)

// request is a call of a known identity.
type request struct {
	*http.Request
	caller identity
	trace  string
	body   []byte
}

// handler answers a call with what goes into the body as JSON.
type handler func(r *request) (any, error)

// newServer returns the REST server. Its limits keep a client that says nothing, or too much, from holding on to it.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

// routes returns everything that the local Lakebase answers.
func (l *Lakebase) routes() http.Handler {
	mux := http.NewServeMux()
	l.authRoutes(mux)
	api := func(pattern string, h handler) { mux.Handle(pattern, l.api(h)) }
	l.postgresRoutes(api)
	l.instanceRoutes(api)
	l.catalogRoutes(api)
	l.appRoutes(api)
	l.faultRoutes(api)
	l.principalRoutes(api)
	api("POST "+apiAppEnvironment, l.asAdmin(l.createAppEnvironment))
	for prefix, thing := range map[string]string{
		"/api/2.0/apps":             "Databricks Apps",
		"/api/2.0/app-spaces":       "Databricks Apps",
		"/api/2.0/permissions/":     "this part of the Permissions API",
		"/api/2.0/preview/scim/v2/": "this part of SCIM",
		"/api/2.1/unity-catalog":    "this part of Unity Catalog",
	} {
		h := func(*request) (any, error) { return nil, notImplemented(thing) }
		api(prefix, h)
		if !strings.HasSuffix(prefix, "/") {
			api(prefix+"/", h)
		}
	}
	mux.Handle("/", l.api(func(r *request) (any, error) { return nil, noEndpoint(r.Request) }))
	files := l.filesHandler()
	return l.outermost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, apiFiles) {
			files.ServeHTTP(w, r) // the mux would redirect paths that it finds unclean, which an upload does not survive
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	}))
}

func noEndpoint(r *http.Request) error {
	return &apiError{
		Status: http.StatusNotFound, Code: postgres.ErrorCodeEndpointNotFound,
		Message: fmt.Sprintf("No API found for '%s %s'", r.Method, r.URL.Path),
	}
}

// outermost logs every call, without its secrets, and keeps a defect in one call from looking like a broken connection.
func (l *Lakebase) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		trace := randomHex(8)
		w.Header().Set(requestHeader, trace)
		w.Header().Set(orgIDHeader, l.store.view().Workspace)
		defer func() {
			if p := recover(); p != nil {
				l.log.Error("call failed",
					"method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				l.respondError(w, trace, errors.New("a defect of the local Lakebase; its log says more"))
			}
			l.log.Debug("call", "method", r.Method, "path", r.URL.Path, "trace", trace, "dur", time.Since(started))
		}()
		if err := l.suffer(r); err != nil {
			l.respondError(w, trace, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// api turns a handler for identified callers into one of net/http.
func (l *Lakebase) api(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace := w.Header().Get(requestHeader)
		caller, err := l.authenticate(r)
		if err != nil {
			l.respondError(w, trace, err)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			l.respondError(w, trace, malformed("read request body: %v", err))
			return
		}
		answer, err := h(&request{Request: r, caller: caller, trace: trace, body: body})
		if err != nil {
			l.respondError(w, trace, err)
			return
		}
		if answer == nil {
			answer = struct{}{}
		}
		l.respond(w, http.StatusOK, answer)
	})
}

func (l *Lakebase) respond(w http.ResponseWriter, status int, answer any) {
	b, err := json.Marshal(answer)
	if err != nil {
		l.log.Error("encode answer", "err", err)
		status, b = http.StatusInternalServerError, []byte(`{"error_code":"INTERNAL_ERROR","message":"encode answer"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone away needs no answer
}

func (l *Lakebase) respondError(w http.ResponseWriter, trace string, err error) {
	e := asAPIError(err)
	if e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented {
		l.log.Warn("call failed", "trace", trace, "err", err)
	}
	l.respond(w, e.Status, e.proto(trace))
}

func malformed(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Code: postgres.ErrorCodeMalformedRequest,
		Message: fmt.Sprintf(format, args...),
	}
}

// decode reads the body, which must be a JSON object, into one of the SDK's structs. Unknown fields come from newer
// SDKs and are no error.
func (r *request) decode(into any) error {
	if len(r.body) == 0 {
		return nil
	}
	if _, err := r.fields(); err != nil {
		return err
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return malformed("Could not parse request object: %v", err)
	}
	return nil
}

// fields returns the body as it came, to tell an absent field from one with the zero value.
func (r *request) fields() (map[string]any, error) {
	var fields map[string]any
	if len(r.body) == 0 {
		return map[string]any{}, nil
	}
	if err := json.Unmarshal(r.body, &fields); err != nil {
		return nil, malformed("Could not parse request object: %v", err)
	}
	return fields, nil
}

// flag reads a boolean of the query.
func (r *request) flag(name string) (value, present bool, err error) {
	switch v := r.URL.Query().Get(name); v {
	case "":
		return false, false, nil
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	default:
		return false, true, invalid("Field '%s' must be true or false, got '%s'.", name, v)
	}
}
