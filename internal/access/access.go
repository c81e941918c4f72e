// Package access decides who may do what over HTTP, and keeps a record of it. A Gate stands before all handlers:
//
//   - On a person's own machine it lets in who follows the link that the server prints. The link works once and leaves a
//     session in a cookie.
//   - It lets in programs of that person, such as the command line, by a token that they read in a file.
//   - Behind Databricks Apps it believes the identity that the platform forwards. Only a server that is configured so
//     does: elsewhere anybody could write those headers.
//     Administrators are those in a list, and who manages the app.
//
// A viewer may read. An administrator may change things. Every change, and every refused one, goes to the audit log.
package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// Role says how much somebody may do.
type Role string

// The roles.
const (
	Viewer        Role = "viewer"
	Administrator Role = "administrator"
)

// Identity is who sent a request. In a request that changes nothing, a viewer may turn out to be an administrator: see
// [RoleOf].
type Identity struct {
	Name string `json:"name" example:"ana@example.com"`
	Role Role   `json:"role" example:"administrator"`
	How  string `json:"how" example:"ana@example.com was forwarded by Databricks Apps, and is named as an administrator" doc:"How it was decided"`
}

type identityKey struct{}

// From returns who sent the request that ctx belongs to.
func From(ctx context.Context) Identity {
	if a, ok := ctx.Value(identityKey{}).(*asked); ok {
		return a.who
	}
	return Identity{}
}

// Options configure a Gate.
type Options struct {
	// Forwarded says that a proxy of Databricks Apps stands before the server, so that X-Forwarded-Email and
	// X-Forwarded-User can be believed. There are no links and no sessions then.
	Forwarded bool

	// Administrators are the forwarded identities that may change things. All others may read.
	Administrators []string

	// Manages says whether a forwarded identity that is not in the list may change things all the same. It is asked when
	// that matters, and not for each request that only reads. An error makes nobody an administrator. nil: the list alone
	// decides.
	Manages func(ctx context.Context, name string) (bool, error)

	// Token lets in who sends it as Authorization: Bearer, as the administrator called local. Empty means that there is none.
	Token lakeward.Secret

	// Audit keeps a line of the audit log.
	Audit func(context.Context, store.Entry) error

	// RequestID returns the id of a request; nil leaves it out of the audit log.
	RequestID func(context.Context) string

	// Sessions is a file that keeps sessions when the server is started again; empty means that they end with it.
	Sessions string

	MaxBody   int64            // of a request, in bytes; 0 means 1 MiB
	MaxBodies map[string]int64 // of requests to these paths, in place of MaxBody
	Log       *slog.Logger
}

// DefaultMaxBody is how large the body of a request may be.
const DefaultMaxBody = 1 << 20

// Gate lets requests in, or not.
type Gate struct {
	o        Options
	token    [sha256.Size]byte // a hash, so that comparing takes no time that depends on how much of a guess is right
	cross    *http.CrossOriginProtection
	sessions sessions
	rates    rates
}

// New returns a gate.
func New(o Options) (*Gate, error) {
	if o.Forwarded && len(o.Administrators) == 0 && o.Manages == nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "name at least one administrator by e-mail address",
			"nobody could change anything: identities are forwarded, and none of them is an administrator")
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	g := &Gate{o: o, token: sha256.Sum256([]byte(o.Token.Reveal())), cross: http.NewCrossOriginProtection()}
	g.sessions.file = o.Sessions
	g.sessions.load()
	return g, nil
}

// Handler puts the gate before next.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if !g.o.Forwarded && !loopback(r.Host) {
			refuse(w, r, lakeward.Errorf(lakeward.KindDenied, "use the address that the server printed",
				"the server is not called %q", r.Host))
			return
		}
		if err := g.cross.Check(r); err != nil {
			g.deny(w, r, "", lakeward.Errorf(lakeward.KindDenied, "send it from the server's own pages",
				"the request comes from another site"))
			return
		}
		if !g.o.Forwarded && r.URL.Path == LinkPath {
			g.follow(w, r)
			return
		}
		who, err := g.identify(r)
		if err != nil {
			g.deny(w, r, "", err)
			return
		}
		if ok, wait := g.rates.take(who.Name); !ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			g.deny(w, r, who.Name, lakeward.Errorf(lakeward.KindThrottled, "wait as many seconds as Retry-After says",
				"%s sends too many requests", who.Name))
			return
		}
		if changes(r) {
			if who.Role, err = g.role(r.Context(), who); err != nil {
				g.deny(w, r, who.Name, err)
				return
			}
			if who.Role != Administrator {
				g.deny(w, r, who.Name, lakeward.Errorf(lakeward.KindDenied, "ask an administrator of this server",
					"%s may look at things here, and not change them", who.Name))
				return
			}
		}
		inner := r.WithContext(context.WithValue(r.Context(), identityKey{}, &asked{g, who}))
		inner.Body = http.MaxBytesReader(w, r.Body, g.limit(r))
		defer func() { r.Pattern = inner.Pattern }() // the route is a label of metrics, which are taken before the gate
		g.serve(w, inner, who, next)
	})
}

// limit says how large the body of a request may be.
func (g *Gate) limit(r *http.Request) int64 {
	if n, ok := g.o.MaxBodies[r.URL.Path]; ok {
		return n
	}
	return g.o.MaxBody
}

// serve lets a request pass, writes what it changed to the audit log, and keeps a panic from the client's eyes.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request, who Identity, next http.Handler) {
	out := &answer{ResponseWriter: w}
	defer func() {
		if failure := recover(); failure != nil {
			if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(failure)
			}
			g.o.Log.ErrorContext(r.Context(), "a handler panicked", "path", r.URL.Path, "panic", failure)
			if out.status == 0 {
				refuse(out, r, lakeward.Errorf(lakeward.KindInternal, "", "panic"))
			}
		}
		if changes(r) {
			g.audit(r, who.Name, out.status)
		}
	}()
	next.ServeHTTP(out, r)
}

// deny refuses a request. One that would have changed something is remembered.
func (g *Gate) deny(w http.ResponseWriter, r *http.Request, actor string, err error) {
	out := &answer{ResponseWriter: w}
	refuse(out, r, err)
	if changes(r) {
		g.audit(r, actor, out.status)
	}
}

func (g *Gate) audit(r *http.Request, actor string, status int) {
	action := r.Pattern // the route, when one was found
	if action == "" {
		action = r.Method
	}
	e := store.Entry{
		Actor: actor, Action: action, Object: r.URL.Path, Outcome: outcome(status), Remote: r.RemoteAddr,
	}
	if actor == "" {
		e.Actor = "unknown"
	}
	if g.o.RequestID != nil {
		e.Request = g.o.RequestID(r.Context())
	}
	// The change has happened, whether or not its client still listens.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if err := g.o.Audit(ctx, e); err != nil {
		g.o.Log.ErrorContext(ctx, "the audit log could not be written", "entry", e, "error", err)
	}
}

func outcome(status int) string {
	switch {
	case status == 0 || status < http.StatusBadRequest:
		return "done"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "denied"
	}
	return "failed"
}

// identify says who sent a request.
func (g *Gate) identify(r *http.Request) (Identity, error) {
	if g.program(r) {
		return Identity{Name: "local", Role: Administrator, How: "the token that the server has put into its folder"}, nil
	}
	if !g.o.Forwarded {
		if g.sessions.known(r) {
			return Identity{Name: "local", Role: Administrator, How: "the link that the server has printed"}, nil
		}
		return Identity{}, lakeward.Errorf(lakeward.KindUnauthenticated,
			"follow the link that the server printed when it started; each works once",
			"the request belongs to no session")
	}
	name := r.Header.Get("X-Forwarded-Email")
	if name == "" {
		name = r.Header.Get("X-Forwarded-User")
	}
	if name == "" {
		return Identity{}, lakeward.Errorf(lakeward.KindUnauthenticated, "open the app at its address in Databricks",
			"nobody was forwarded with the request")
	}
	who := Identity{
		Name: name, Role: Viewer, How: name + " was forwarded by Databricks Apps, and is not among the administrators (LAKEWARD_ADMINS, --admin)",
	}
	if slices.ContainsFunc(g.o.Administrators, func(a string) bool { return strings.EqualFold(a, name) }) {
		who.Role, who.How = Administrator, name+" was forwarded by Databricks Apps, and is named as an administrator"
	}
	return who, nil
}

// program says whether a request has the token. A proxy may forward a token that is meant for itself: one that is not ours
// is no reason to refuse a request.
func (g *Gate) program(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || g.o.Token == "" {
		return false
	}
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
}

// changes says whether a request may change something. No handler changes anything on GET.
func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// loopback says whether a request was sent to a name of this machine. A page elsewhere can make its own name point here
// and would then be of the same site; it cannot choose the name that the browser sends.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secure sets the headers that keep pages of this server to themselves.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "+
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// answer remembers the status of a response.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets an http.ResponseController reach the connection, for streams.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
