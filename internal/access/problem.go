package access

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"github.com/lakeward/lakeward"
)

// Problem is how every refusal looks over HTTP: RFC 9457 with what to do next.
type Problem struct {
	Type   string        `json:"type,omitempty" doc:"Always about:blank"`
	Title  string        `json:"title" example:"Not Found" doc:"The status in words"`
	Status int           `json:"status" example:"404" doc:"The HTTP status"`
	Kind   lakeward.Kind `json:"kind" example:"not_found" doc:"What the caller can do about it"`
	Detail string        `json:"detail" example:"there is no instance \"shop\"" doc:"What happened, to which thing"`
	Hint   string        `json:"hint,omitempty" example:"list the instances" doc:"What to do next"`
	Errors []string      `json:"errors,omitempty" doc:"What is wrong with which field"`

	Faults []lakeward.Fault `json:"faults,omitempty" doc:"Of a plan that cannot be obeyed: everything that is wrong with it, and where"`
}

// NewProblem returns the problem that an error is. What is not meant for the caller's eyes is not in it: an error without
// a kind is a defect, and its text is for the log.
func NewProblem(err error) *Problem {
	kind := lakeward.KindOf(err)
	p := &Problem{
		Type: "about:blank", Kind: kind, Status: status(kind), Detail: err.Error(), Hint: lakeward.HintOf(err),
	}
	if kind == lakeward.KindInternal {
		p.Detail, p.Hint = "the server failed unexpectedly", ""
	}
	if kind == lakeward.KindInvalid {
		p.Faults = lakeward.FaultsOf(err)
	}
	if p.Hint == "" {
		p.Hint = nextStep(kind)
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// nextStep is what to do after an error that says nothing of it.
func nextStep(kind lakeward.Kind) string {
	switch kind {
	case lakeward.KindInvalid, lakeward.KindUnsupported:
		return "compare the request with /docs"
	case lakeward.KindNotFound:
		return "look for the name in the list"
	case lakeward.KindUnauthenticated:
		return "sign in again"
	case lakeward.KindDenied:
		return "ask an administrator"
	case lakeward.KindConflict:
		return "look at its state, then decide"
	case lakeward.KindUnavailable, lakeward.KindThrottled:
		return "try again in a minute"
	case lakeward.KindInternal:
	}
	return "look for this request in the server's log"
}

// status is the one place that turns a kind into an HTTP status.
func status(kind lakeward.Kind) int {
	switch kind {
	case lakeward.KindInvalid:
		return http.StatusUnprocessableEntity
	case lakeward.KindNotFound:
		return http.StatusNotFound
	case lakeward.KindUnauthenticated:
		return http.StatusUnauthorized
	case lakeward.KindDenied:
		return http.StatusForbidden
	case lakeward.KindConflict:
		return http.StatusConflict
	case lakeward.KindUnavailable:
		return http.StatusServiceUnavailable
	case lakeward.KindThrottled:
		return http.StatusTooManyRequests
	case lakeward.KindUnsupported:
		return http.StatusNotImplemented
	case lakeward.KindInternal:
	}
	return http.StatusInternalServerError
}

// Error returns what happened.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType says that a problem is not just any JSON.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// refuse answers a request with an error: a browser that opens a page with one for people, others with JSON.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := NewProblem(err)
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(p.Status)
		_ = refusal.Execute(w, p) // the client may be gone
		return
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

//go:embed refusal.html
var refusalText string

var refusal = template.Must(template.New("refusal").Parse(refusalText))
