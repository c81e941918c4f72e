package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/observe"
)

// defaultWithin is how long a pause waits for transactions to end.
const defaultWithin = 30 * time.Second

// Order is what an order of the admin API may say.
type Order struct {
	Instance string        `json:"instance,omitempty"` // where to switch to
	Within   time.Duration `json:"within,omitempty"`   // nanoseconds; how long transactions may still take; default 30 s
	Force    bool          `json:"force,omitempty"`    // end those that take longer
}

// problem is an error as the admin API answers it.
type problem struct {
	Kind    lakeward.Kind `json:"kind"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
}

// Admin is the admin API: HTTP, for a unix socket that only its owner can connect to.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /routes", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.States(), nil) })
	for _, verb := range []string{"pause", "switch", "resume"} {
		mux.HandleFunc("POST /routes/{name}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			var o Order
			if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&o); err != nil && !errors.Is(err, io.EOF) {
				answer(w, nil, invalid("send a JSON object", "read order: %w", err))
				return
			}
			state, err := s.Order(r.Context(), r.PathValue("name"), verb, o)
			answer(w, state, err)
		})
	}
	return mux
}

func answer(w http.ResponseWriter, body any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict) // the kind says more
		body = problem{Kind: lakeward.KindOf(err), Message: err.Error(), Hint: lakeward.HintOf(err)}
	}
	_ = json.NewEncoder(w).Encode(body) // a client that has gone misses nothing
}

// States returns how the routes are.
func (s *Server) States() []RouteState {
	states := []RouteState{}
	for _, r := range s.all() {
		states = append(states, r.state())
	}
	return states
}

// Order pauses, switches or resumes a route and returns how it is then. A client that leaves takes its order with it.
func (s *Server) Order(ctx context.Context, name, verb string, o Order) (RouteState, error) {
	all := s.all()
	at := slices.IndexFunc(all, func(r *route) bool { return r.name == name })
	if at < 0 {
		return RouteState{}, lakeward.Errorf(lakeward.KindNotFound, "lakeward proxy status", "there is no route %s", name)
	}
	r := all[at]
	if o.Within <= 0 {
		o.Within = defaultWithin
	}
	r.orders.Lock()
	defer r.orders.Unlock()
	var err error
	switch verb {
	case "pause":
		err = r.pause(ctx, o.Within, o.Force)
	case "switch":
		if o.Instance == "" {
			return RouteState{}, invalid("name the instance", "switch route %s: where to?", name)
		}
		err = r.switchTo(ctx, o.Instance, o.Within, o.Force)
	default:
		r.resume()
	}
	log := r.log.With("order", verb, "instance", r.settings().Instance)
	if err != nil {
		log.WarnContext(ctx, "order failed", "err", err)
		return RouteState{}, err
	}
	log.InfoContext(ctx, "order done")
	return r.state(), nil
}

// Checks are what readiness means: that a query works on each route. An instance that sleeps is not woken for that.
func (s *Server) Checks() []observe.Check {
	var checks []observe.Check
	for _, r := range s.all() {
		checks = append(checks, observe.Check{Name: r.name, Do: func(ctx context.Context) error {
			c := r.connector()
			if i, err := c.Instance(ctx); err != nil || i.State == "IDLE" {
				return err
			}
			return query(ctx, c)
		}})
	}
	return checks
}

// Health answers /healthz, /readyz and /metrics.
func (s *Server) Health() http.Handler {
	m := observe.NewMetrics(s.opt.Version)
	m.Register(s.metrics)
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", observe.Alive())
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		observe.Ready(s.Checks()...).ServeHTTP(w, r) // a reload may have changed the routes
	})
	mux.Handle("GET /metrics", m.Handler())
	return mux
}

// ServeHTTP serves a handler at an address or a unix socket until ctx is done.
func ServeHTTP(ctx context.Context, address string, h http.Handler) error {
	l, err := listen(address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: handshakeTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", address, err)
	}
	return nil
}

// Client gives orders to a running proxy over its admin socket.
type Client struct{ http http.Client }

// NewClient makes a client for the admin socket at path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// States returns how the routes are.
func (c *Client) States(ctx context.Context) (states []RouteState, err error) {
	return states, c.do(ctx, http.MethodGet, "/routes", nil, &states)
}

// Order pauses, switches or resumes a route.
func (c *Client) Order(ctx context.Context, name, verb string, o Order) (state RouteState, err error) {
	return state, c.do(ctx, http.MethodPost, "/routes/"+url.PathEscape(name)+"/"+verb, o, &state)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return lakeward.Errorf(lakeward.KindUnavailable, "start it: lakeward proxy INSTANCE", "ask the proxy: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			return fmt.Errorf("read the proxy's answer: %w", err)
		}
		return nil
	}
	var p problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		return fmt.Errorf("the proxy answers %s: %w", res.Status, err)
	}
	return &lakeward.Error{Kind: p.Kind, Message: p.Message, Hint: p.Hint}
}
