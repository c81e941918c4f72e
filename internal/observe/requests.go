package observe

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

// requestID is what is taken over from a caller. Anything else could forge lines of a log.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// quiet are the routes that machines ask all the time: they are counted, and logged when debugging.
var quiet = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// Requests gives each request an id, which it also answers with, a span, a line in the log and a place in the metrics.
// The id is the caller's X-Request-Id when that is a plain word. A panic of next becomes a 500 that tells nothing of it.
func Requests(next http.Handler, log *slog.Logger, m *Metrics) http.Handler {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !requestID.MatchString(id) {
			id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", id)
		ctx := WithRequest(r.Context(), id)
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w}
		started := time.Now()
		m.open.Inc()
		defer func() {
			m.open.Dec()
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares in the same way
					panic(p)
				}
				log.ErrorContext(ctx, "a request failed on a defect", "method", r.Method, "path", r.URL.Path, "panic", p)
				if rec.code == 0 {
					http.Error(rec, "internal error; the log tells more under request "+id, http.StatusInternalServerError)
				}
			}
			route := routeOf(r)
			took := time.Since(started)
			m.observe(route, r.Method, rec.status(), took)
			level := slog.LevelInfo
			if quiet[route] {
				level = slog.LevelDebug
			}
			log.Log(ctx, level, "request", "method", r.Method, "path", r.URL.Path, "route", route,
				"status", rec.status(), "bytes", rec.bytes, "seconds", took.Seconds())
		}()
		next.ServeHTTP(rec, r)
	})
	traced := otelhttp.NewHandler(h, "http", otelhttp.WithFilter(func(r *http.Request) bool { return !quiet[r.URL.Path] }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// otelhttp puts a body of its own into the request. In the one that belongs to net/http, the server would not see
		// that a body was left unread, and take the rest of it for the next request.
		traced.ServeHTTP(w, r.WithContext(r.Context()))
	})
}

// routeOf is the pattern that the mux has found, without its method.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	if _, path, found := strings.Cut(r.Pattern, " "); found {
		return path
	}
	return r.Pattern
}

// recorder notes what was answered. Streams reach the writer below through Unwrap.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 && code >= http.StatusOK {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}
