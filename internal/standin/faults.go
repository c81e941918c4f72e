package standin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
)

// Fault is something that goes wrong because somebody asked for it.
type Fault struct {
	Kind FaultKind `json:"kind"`

	// Of calls of the REST API that fail or are late: which ones ("GET /api/2.0/database/*", or a path alone; empty means
	// all), and how many of them. Times is also of logins that are refused. 0 means one.
	Route   string        `json:"route,omitempty"`
	Times   int           `json:"times,omitempty"`
	Status  int           `json:"status,omitempty"`
	Message string        `json:"message,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"` // in nanoseconds

	TTL time.Duration `json:"ttl,omitempty"` // of database credentials from now on, in nanoseconds; 0 restores

	Instance string `json:"instance,omitempty"` // a project, or the full name of an endpoint
	Node     int    `json:"node,omitempty"`     // 0 is the primary
}

// FaultKind says what goes wrong.
type FaultKind string

// What can go wrong.
const (
	FaultFail         FaultKind = "fail"          // calls of a route answer with Status, after Delay
	FaultDelay        FaultKind = "delay"         // calls of a route take Delay longer
	FaultExpireTokens FaultKind = "expire-tokens" // all database credentials until now are expired ones
	FaultTokenTTL     FaultKind = "token-ttl"     // database credentials live for TTL from now on
	FaultRefuse       FaultKind = "refuse"        // good credentials are refused at login
	FaultKill         FaultKind = "kill"          // a node dies
	FaultFreeze       FaultKind = "freeze"        // a node stands still
	FaultThaw         FaultKind = "thaw"          // and goes on
	FaultFill         FaultKind = "fill"          // an instance has reached its logical size: it is read-only
	FaultDrain        FaultKind = "drain"         // and has not any more
)

// faults are the failures that were asked for and have not happened yet.
type faults struct {
	mu     sync.Mutex
	calls  []*Fault
	logins int
	ttl    time.Duration
	full   map[string]bool // by uid of the endpoint
}

// FailNext makes the next calls of the REST API fail with these HTTP statuses, one each.
func (l *Lakebase) FailNext(status ...int) {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	for _, s := range status {
		l.faults.calls = append(l.faults.calls, &Fault{Kind: FaultFail, Status: s, Times: 1})
	}
}

// ExpireCredentials makes every database credential that was issued until now an expired one. Open sessions stay.
func (l *Lakebase) ExpireCredentials() error {
	return l.store.update(func(s *state) error {
		s.Epoch++
		return nil
	})
}

// Inject lets a fault happen, now or when its calls come.
func (l *Lakebase) Inject(ctx context.Context, f Fault) error {
	f.Times = max(f.Times, 1)
	switch f.Kind {
	case FaultFail, FaultDelay:
		return l.faults.add(f)
	case FaultExpireTokens:
		return l.ExpireCredentials()
	case FaultTokenTTL:
		l.faults.set(func(all *faults) { all.ttl = f.TTL })
		return nil
	case FaultRefuse:
		l.faults.set(func(all *faults) { all.logins += f.Times })
		return nil
	case FaultKill:
		return l.signalNode(ctx, f, syscall.SIGKILL)
	case FaultFreeze:
		return l.signalNode(ctx, f, syscall.SIGSTOP)
	case FaultThaw:
		return l.signalNode(ctx, f, syscall.SIGCONT)
	case FaultFill, FaultDrain:
		return l.fill(ctx, f)
	}
	return invalid("There is no fault of the kind '%s'.", f.Kind)
}

// Faults returns those that have not happened yet.
func (l *Lakebase) Faults() (waiting []Fault) {
	l.faults.set(func(all *faults) {
		for _, f := range all.calls {
			waiting = append(waiting, *f)
		}
		if all.logins > 0 {
			waiting = append(waiting, Fault{Kind: FaultRefuse, Times: all.logins})
		}
		if all.ttl > 0 {
			waiting = append(waiting, Fault{Kind: FaultTokenTTL, TTL: all.ttl})
		}
	})
	return waiting
}

// ClearFaults forgets them. Nodes that were frozen go on, and full instances are writable again.
func (l *Lakebase) ClearFaults(ctx context.Context) error {
	l.faults.set(func(all *faults) { all.calls, all.logins, all.ttl = nil, 0, 0 })
	var errs []error
	l.store.view().computes(func(p *project, b *branch, c *compute) bool {
		f := Fault{Instance: p.under(b, "endpoints", c.ID)}
		if e := l.runner(c.UID).endpoint; e != nil {
			errs = append(errs, e.SignalAll(ctx, syscall.SIGCONT))
		}
		if l.faults.fullAt(c.UID) {
			f.Kind = FaultDrain
			errs = append(errs, l.fill(ctx, f))
		}
		return true
	})
	return errors.Join(errs...)
}

func (f *faults) set(do func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *faults) add(fault Fault) error {
	switch {
	case fault.Kind == FaultFail && (fault.Status < 400 || fault.Status > 599):
		return invalid("Field 'status' must be from 400 to 599, got %d.", fault.Status)
	case fault.Kind == FaultDelay && fault.Delay <= 0:
		return invalid("Field 'delay' must be positive.")
	case !faultRoute.MatchString(fault.Route):
		return invalid("Field 'route' must be a path that begins with /, after a method in capitals or not, got '%s'.", fault.Route)
	}
	f.set(func(all *faults) { all.calls = append(all.calls, &fault) })
	return nil
}

var faultRoute = regexp.MustCompile(`^(([A-Z]+ )?/.*)?$`)

// meets reports whether a call is one of the fault's.
func (f *Fault) meets(r *http.Request) bool {
	method, path, both := strings.Cut(f.Route, " ")
	if !both {
		method, path = "", f.Route
	}
	if method != "" && method != r.Method {
		return false
	}
	prefix, open := strings.CutSuffix(path, "*")
	return path == "" || r.URL.Path == path || open && strings.HasPrefix(r.URL.Path, prefix)
}

var faultCodes = map[int]postgres.ErrorCode{
	http.StatusUnauthorized:        postgres.ErrorCodeUnauthenticated,
	http.StatusForbidden:           postgres.ErrorCodePermissionDenied,
	http.StatusNotFound:            postgres.ErrorCodeNotFound,
	http.StatusConflict:            postgres.ErrorCodeResourceConflict,
	http.StatusTooManyRequests:     postgres.ErrorCodeRequestLimitExceeded,
	http.StatusInternalServerError: postgres.ErrorCodeInternalError,
	http.StatusServiceUnavailable:  postgres.ErrorCodeTemporarilyUnavailable,
}

// take returns the fault that a call runs into, or nil, and counts it.
func (f *faults) take(r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.calls, func(f *Fault) bool { return f.meets(r) })
	if at < 0 {
		return nil
	}
	taken := *f.calls[at]
	if f.calls[at].Times--; f.calls[at].Times == 0 {
		f.calls = slices.Delete(f.calls, at, at+1)
	}
	return &taken
}

// suffer lets a call that has just begun run into a fault, and returns its failure, or nil.
func (l *Lakebase) suffer(r *http.Request) error {
	if strings.HasPrefix(r.URL.Path, apiFaults) {
		return nil
	}
	f := l.faults.take(r)
	if f == nil {
		return nil
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-l.stopping:
		}
	}
	if f.Kind != FaultFail {
		return nil
	}
	code, ok := faultCodes[f.Status]
	if !ok {
		code = postgres.ErrorCodeUnknown
	}
	message := f.Message
	if message == "" {
		message = "this failure was asked for"
	}
	return &apiError{Status: f.Status, Code: code, Message: message}
}

// refuses reports whether a login that would succeed is to be refused, and counts it.
func (f *faults) refuses() (yes bool) {
	f.set(func(all *faults) {
		if yes = all.logins > 0; yes {
			all.logins--
		}
	})
	return yes
}

// lifetime is that of a database credential that would live for ttl.
func (f *faults) lifetime(ttl time.Duration) time.Duration {
	f.set(func(all *faults) {
		if all.ttl > 0 {
			ttl = min(ttl, all.ttl)
		}
	})
	return ttl
}

// target returns the endpoint that a fault is about: of an instance, its primary one.
func (f *Fault) target(s *state) (p *project, c *compute, err error) {
	if strings.HasPrefix(f.Instance, "projects/") {
		uid, err := s.endpointUID(f.Instance)
		if err != nil {
			return nil, nil, err
		}
		p, _, c = s.computeByUID(uid)
		return p, c, nil
	}
	if p = s.project(f.Instance); p == nil {
		return nil, nil, lakeward.Errorf(lakeward.KindNotFound, "", "there is no instance %q", f.Instance)
	}
	return p, p.defaultBranch().primary(), nil
}

func (l *Lakebase) signalNode(ctx context.Context, f Fault, signal syscall.Signal) error {
	_, c, err := f.target(l.store.view())
	if err != nil {
		return err
	}
	e, err := l.live(c.UID)
	if err != nil {
		return err
	}
	if err := e.Signal(ctx, f.Node, signal); err != nil {
		return fmt.Errorf("%s node %d of %s: %w", f.Kind, f.Node, f.Instance, err)
	}
	return nil
}
