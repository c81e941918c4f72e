package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// Options describes an endpoint. Dir, Listen, TLS and Verify are required, and Owner for one that is made from nothing.
type Options struct {
	Binaries pgproc.Binaries // the zero value means pgproc.Find's

	Dir    string         // PostgreSQL's data folder; made and filled when missing
	Listen netip.AddrPort // port 0 takes a free one, see [Endpoint.Addr]
	TLS    *tls.Config    // see [CA.ServerConfig]
	Owner  Role           // owns databricks_postgres; a Lakebase superuser whatever it says about itself

	Listener net.Listener // accepts clients in place of Listen; closed at the end

	Templates string // folder of prepared data folders, to copy instead of making each from nothing; "" keeps none

	MaxConnections int               // of databases' users; 0 means 100
	Settings       map[string]string // of postgresql.conf; they win over the endpoint's own choices

	Shape // how many nodes, and who reads from the standbys; Reshape changes it

	// Verify judges a token: whether it lets user log in now. It is called once for each login.
	Verify func(ctx context.Context, user, password string) error

	// History keeps the past of the data, also for endpoints that follow this one; nil keeps none.
	History *History

	// NativeLogin tells whether roles may log in with the passwords that they have in PostgreSQL, now; nil means never.
	NativeLogin func() bool

	Follow *Endpoint // makes a read-only standby of it; it must be running
	From   *Endpoint // makes a branch: a copy of it as it is now; used only when Dir is missing
	Past   *Past     // makes a branch: with the data of a moment of the past; used only when Dir is missing

	Progress pgproc.Progress // is told how far the copy for a branch is; may be nil

	Log *slog.Logger // nil discards
}

// Endpoint is a running endpoint.
type Endpoint struct {
	options Options
	config  pgproc.Config
	addr    netip.AddrPort
	team    *team

	mu        sync.Mutex
	server    *pgproc.Server // of the primary, the latest; it may have died
	several   bool           // it has standbys, or shall have
	holding   bool           // another server will take its place
	readable  []*pgproc.Server
	turn      int
	reading   *reading      // the gate of the readable secondaries, or nil
	changed   chan struct{} // closed, and replaced, when one of the above changes
	condition Condition
	size      map[string]string // see Resize; nil until then

	stop  context.CancelFunc // begins the end
	hurry context.CancelFunc // ends the patience with sessions and checkpoints
	done  chan struct{}
	err   error // set before done is closed
}

// Start starts an endpoint and returns when PostgreSQL accepts logins through the gate. ctx bounds the start only.
//
// A missing folder is made first: from nothing, or as a copy of o.From or o.Follow. It appears under its name only when
// it is complete, so that a first start that was killed is simply made anew.
func Start(ctx context.Context, o Options) (*Endpoint, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	listener, err := o.Listener, error(nil)
	if listener == nil {
		if listener, err = Listen(ctx, o.Listen); err != nil {
			return nil, err
		}
	}
	e := &Endpoint{options: o, config: o.server(), done: make(chan struct{}), changed: make(chan struct{})}
	e.addr = listener.Addr().(*net.TCPAddr).AddrPort()
	var reading *reading
	if o.Readable != nil {
		if reading, err = e.openReading(ctx, o.Readable); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	if err := e.open(ctx); err != nil {
		if reading != nil {
			err = errors.Join(err, reading.listener.Close())
		}
		return nil, errors.Join(err, listener.Close())
	}
	patience, hurry := context.WithCancel(context.WithoutCancel(ctx))
	life, stop := context.WithCancel(patience)
	e.stop, e.hurry = stop, hurry
	go func() {
		defer close(e.done)
		defer hurry()
		e.err = e.run(life, patience, listener, reading)
	}()
	return e, nil
}

// Listen claims an address. Start does so before anything else is touched.
func Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", addr.String())
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, lakeward.Errorf(lakeward.KindConflict,
			"stop the program that listens there (find it with: ss -ltnp), or choose another port with --port",
			"address %s is taken", addr)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, lakeward.Errorf(lakeward.KindDenied, "choose another port with --port, or another address",
			"address %s cannot be used: %w", addr, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// open makes the folder when it is missing and starts PostgreSQL in it.
func (e *Endpoint) open(ctx context.Context) error {
	known, err := readRecord(e.options.Dir)
	if err != nil {
		return err
	}
	e.team = newTeam(known)
	if e.diskLost() {
		if err := e.recover(ctx); err == nil || !e.revivable() {
			return err
		}
		known = record{Primary: firstNode}
		if err := e.note(known); err != nil {
			return err
		}
	}
	if known.Primary == firstNode {
		if err := e.makeFolder(ctx); err != nil {
			return fmt.Errorf("make data folder %s: %w", e.config.Dir, err)
		}
		if !prepared(e.config.Dir) {
			return e.openFresh(ctx)
		}
	}
	return e.startPrimary(ctx)
}

// run serves clients and keeps PostgreSQL alive until life is done or PostgreSQL is beyond help. Then it ends every
// session and stops PostgreSQL.
func (e *Endpoint) run(life, patience context.Context, listener net.Listener, reading *reading) error {
	life, cancel := context.WithCancel(life)
	defer cancel()
	gate := pgwire.Server{TLS: e.options.TLS, Authenticate: e.authenticate, Dial: e.dial, DialAll: e.dialAll, Log: e.options.Log}
	var gateErr error
	var serving sync.WaitGroup
	serving.Go(func() {
		defer cancel()
		gateErr = gate.Serve(life, listener)
	})
	e.readFrom(life, reading)
	err := e.keep(life)
	cancel()
	serving.Wait()
	return errors.Join(err, gateErr, e.disband(patience))
}

// Addr returns the address that clients connect to.
func (e *Endpoint) Addr() netip.AddrPort { return e.addr }

// Dir returns the data folder of the primary.
func (e *Endpoint) Dir() string { return e.current().Dir() }

// Stop ends all sessions, stops PostgreSQL and returns when both are done. When ctx is done earlier, PostgreSQL is
// stopped where it stands, and repairs itself at the next start. Stop returns what Err returns from then on.
func (e *Endpoint) Stop(ctx context.Context) error {
	e.stop()
	select {
	case <-e.done:
	case <-ctx.Done():
		e.hurry()
		<-e.done
	}
	return e.err
}

// Done is closed when the endpoint has ended: stopped, or given up because PostgreSQL cannot be kept alive.
func (e *Endpoint) Done() <-chan struct{} { return e.done }

// Err returns why the endpoint gave up: nil while it runs and after a Stop that went well.
func (e *Endpoint) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}
