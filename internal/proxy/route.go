package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// movers is how many sessions of a route make a new login at the same time when a pause is over.
const movers = 16

// route is one way to one instance, with the sessions on it.
type route struct {
	name    string
	log     *slog.Logger
	metrics *metrics
	bytes   traffic
	dial    func(instance string) *lakeward.Connector
	login   func(context.Context, *lakeward.Connector, want) (*upstream, error)
	changed chan struct{} // holds one element when a session has changed while somebody waits for that
	turns   chan struct{}
	orders  sync.Mutex // held by the one who pauses, switches or resumes

	mu       sync.Mutex
	config   RouteConfig
	to       *lakeward.Connector
	gate     chan struct{} // closed at the end of the pause; nil while there is none
	since    time.Time     // of the pause
	sessions map[*session]struct{}
	used     int           // slots, of those who connect as well
	waiting  int           // for a slot or the end of a pause
	freed    chan struct{} // closed when a slot is free again

	shared
}

func newRoute(c RouteConfig, dial func(string) *lakeward.Connector, m *metrics, log *slog.Logger) *route {
	r := &route{
		name: c.Name, config: c, dial: dial, to: dial(c.Instance), login: login, metrics: m, log: log.With("route", c.Name),
		changed: make(chan struct{}, 1), turns: make(chan struct{}, movers), freed: make(chan struct{}),
		sessions: map[*session]struct{}{},
		shared:   shared{pool: newPool(), guests: map[*pooled]struct{}{}},
	}
	r.waits, r.transactions = m.waits.WithLabelValues(c.Name), m.transactions.WithLabelValues(c.Name)
	return r
}

func (r *route) settings() RouteConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

func (r *route) connector() *lakeward.Connector {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to
}

// notify wakes the one who waits for sessions to change.
func (r *route) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *route) turn(ctx context.Context) error {
	select {
	case r.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *route) pass() { <-r.turns }

// enter waits until the route is open and has a session left. Whoever entered leaves.
func (r *route) enter(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
	defer func() { r.waiting-- }()
	for {
		full := r.config.MaxConns > 0 && r.used >= r.config.MaxConns
		if r.gate == nil && !full {
			r.used++
			return nil
		}
		event := r.freed
		if r.gate != nil {
			event = r.gate
		}
		r.mu.Unlock()
		select {
		case <-event:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return r.noEntry(full)
		}
	}
}

func (r *route) noEntry(full bool) error {
	if full {
		return &pgwire.Error{
			Code: "53300", Message: fmt.Sprintf("route %s has no session left: it allows %d", r.name, r.config.MaxConns),
			Hint: "Close connections, use a smaller pool, or raise maxconns of the route.",
		}
	}
	return &pgwire.Error{
		Code: "57P03", Message: fmt.Sprintf("route %s is paused", r.name), Hint: "lakeward proxy resume " + r.name,
	}
}

func (r *route) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used--
	close(r.freed)
	r.freed = make(chan struct{})
}

// add counts a session in, unless the route has been paused or leads elsewhere by now.
func (r *route) add(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to != s.made || r.gate != nil {
		return false
	}
	r.sessions[s] = struct{}{}
	return true
}

// opened waits for the end of a pause.
func (r *route) opened(ctx context.Context) error {
	r.mu.Lock()
	gate := r.gate
	r.mu.Unlock()
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return r.noEntry(false)
	}
}

func (r *route) remove(s *session) {
	r.mu.Lock()
	delete(r.sessions, s)
	r.mu.Unlock()
	r.notify()
}

func (r *route) list() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.sessions))
}

// RouteState is how a route is.
type RouteState struct {
	Name     string        `json:"name"`
	Instance string        `json:"instance"`
	Listen   []string      `json:"listen"`
	Paused   bool          `json:"paused"`
	Since    *time.Time    `json:"paused_since,omitempty"`
	Mode     string        `json:"mode"`
	Sessions int           `json:"sessions"` // in transaction mode: on the instance
	Clients  int           `json:"clients"`
	Waiting  int           `json:"waiting"`
	Busy     int           `json:"busy"`            // sessions inside a transaction
	Stays    []StayingHere `json:"stays,omitempty"` // sessions that end when the route is switched
}

// StayingHere is a session that cannot move to another instance.
type StayingHere struct {
	Client   string `json:"client"`
	Database string `json:"database"`
	Holds    string `json:"holds"`
}

func (r *route) state() RouteState {
	sessions := r.list()
	r.mu.Lock()
	st := RouteState{
		Name: r.name, Instance: r.config.Instance, Listen: r.config.Listen, Sessions: len(sessions) + r.pool.total,
		Waiting: r.waiting, Paused: r.gate != nil, Mode: r.config.Mode, Clients: len(sessions) + len(r.guests), Busy: r.pool.lent,
	}
	if since := r.since; r.gate != nil {
		st.Since = &since
	}
	r.mu.Unlock()
	for _, s := range sessions {
		s.mu.Lock()
		if !s.boundary() {
			st.Busy++
		}
		if s.why != "" {
			st.Stays = append(st.Stays, StayingHere{Client: clientOf(s.who), Database: s.who.Database, Holds: s.why})
		}
		s.mu.Unlock()
	}
	return st
}

// pause lets no new transaction begin and returns when none runs any more. When some still run after the time, they are
// ended if force, and otherwise everything goes on as if there had been no pause.
func (r *route) pause(ctx context.Context, within time.Duration, force bool) error {
	r.mu.Lock()
	if r.gate != nil {
		r.mu.Unlock()
		return lakeward.Errorf(lakeward.KindConflict, "lakeward proxy resume "+r.name, "route %s is paused already", r.name)
	}
	gate := make(chan struct{})
	r.gate, r.since = gate, time.Now()
	r.mu.Unlock()
	for _, s := range r.list() {
		s.pause(gate)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := r.settle(ctx, gate)
	if err == nil {
		return nil
	}
	if !force {
		r.resume()
		return err
	}
	for _, s := range r.list() {
		if !s.tryPark(gate) {
			s.kill(r.forced())
		}
	}
	for _, c := range r.visitors() {
		if c.busy() {
			c.kill(r.forced())
		}
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*farewell)
	defer cancel()
	if err := r.settle(ctx, gate); err != nil {
		r.resume()
		return err
	}
	return nil
}

// settle returns when all sessions are parked.
func (r *route) settle(ctx context.Context, gate chan struct{}) error {
	for {
		busy := r.borrowed()
		for _, s := range r.list() {
			if !s.tryPark(gate) {
				busy++
			}
		}
		if busy == 0 {
			r.dropIdle(true)
			return nil
		}
		select {
		case <-r.changed:
		case <-ctx.Done():
			return lakeward.Errorf(lakeward.KindUnavailable,
				"give it more time with --within, or end what still runs with --force",
				"pause route %s: transactions still run in %d of its sessions", r.name, busy)
		}
	}
}

// forced is what a client is told whose transaction a pause has ended.
func (r *route) forced() *pgwire.Error {
	return &pgwire.Error{
		Code: "57P01", Message: fmt.Sprintf("terminating connection: route %s is being paused", r.name),
		Hint: "The transaction was not finished in time. Connect again.",
	}
}

// resume ends the pause, if there is one.
func (r *route) resume() {
	r.mu.Lock()
	gate := r.gate
	var sessions []*session
	if gate != nil {
		close(gate)
		r.gate = nil
		sessions = slices.Collect(maps.Keys(r.sessions))
		r.serveQueue()
	}
	r.mu.Unlock()
	for _, s := range sessions {
		s.release(gate)
	}
}

// point makes the route lead to another instance. Sessions that are parked follow when the pause is over.
func (r *route) point(instance string, c *lakeward.Connector) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config.Instance, r.to = instance, c
	r.forgetKnown()
}

// switchTo makes the route lead to another instance, after having seen that a query works there. A route that was not
// paused is paused for it.
func (r *route) switchTo(ctx context.Context, instance string, within time.Duration, force bool) error {
	c := r.dial(instance)
	if err := query(ctx, c); err != nil {
		return err
	}
	r.mu.Lock()
	paused := r.gate != nil
	r.mu.Unlock()
	if !paused {
		if err := r.pause(ctx, within, force); err != nil {
			return err
		}
		defer r.resume()
	}
	r.point(instance, c)
	r.log.InfoContext(ctx, "route switched", "instance", instance)
	return nil
}

// query makes sure that a query works.
func query(ctx context.Context, c *lakeward.Connector) error {
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("ask the instance: %w", err)
	}
	return nil
}
