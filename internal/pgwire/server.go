// Package pgwire is the server side of PostgreSQL's wire protocol: it takes a client from its first byte to a session
// on a PostgreSQL that trusts it, and then gets out of the way.
//
// A [Server] speaks TLS only. It answers SSLRequest, GSSENCRequest and direct TLS, asks for a cleartext password, lets
// the caller judge it, replays the client's startup packet on a backend connection and from there on relays bytes that
// it does not read. Cancel requests pass in plaintext, as PostgreSQL accepts them, and inside TLS.
//
// The proxy takes from here what clients of both have in common: [ReadPacket], [ParseStartup] and [Error].
//
// It does not know what a token is, and it is not a pooler: one client is one backend connection.
//
// Every goroutine belongs to a call of [Server.Serve], which returns when all of them have ended.
package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// defaultHandshakeTimeout is PostgreSQL's default of authentication_timeout.
const defaultHandshakeTimeout = time.Minute

// farewell bounds what is done for a session that ends: the last words to the client, the cancelling of its query.
const farewell = 2 * time.Second

// Server lets clients in to a PostgreSQL. TLS, Authenticate and Dial are required. It holds no state: one Server may
// serve several listeners.
type Server struct {
	// TLS is the configuration of the encrypted part, with at least a certificate. ALPN is added to it.
	TLS *tls.Config

	// Authenticate judges a login. An error refuses it: with the code, message, detail and hint of an [Error] in its
	// chain, otherwise as PostgreSQL refuses a wrong password, without telling why.
	Authenticate func(ctx context.Context, l Login) error

	// Dial opens a connection to the backend, which must trust it. It is called once for each session, again when the
	// backend goes away without a word, and once for each cancel request. An error is told to the client as 57P03 (cannot_connect_now) unless there is an [Error] in its
	// chain.
	Dial func(ctx context.Context) (net.Conn, error)

	// DialAll opens a connection to each backend that Dial chooses from. A cancel request is handed to all of them: the
	// key in it fits one process at most. Nil means that there is but one backend.
	DialAll func(ctx context.Context) ([]net.Conn, error)

	// Log receives who came, who was refused and why. Nil discards it.
	Log *slog.Logger

	// HandshakeTimeout is how long a client may take from its first byte to a session. Zero means one minute.
	HandshakeTimeout time.Duration
}

// Login is one attempt to log in. Names are cut to 63 bytes, as the backend will cut them.
type Login struct {
	User       string
	Database   string // the user's name where the client names none
	Password   string
	Params     map[string]string // all parameters of the startup packet, user and database included
	RemoteAddr net.Addr
}

// LogValue keeps the password out of logs.
func (l Login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", l.User), slog.String("database", l.Database),
		slog.Any("remote", l.RemoteAddr))
}

// Serve accepts clients from l until ctx is done. Then it closes l, ends all sessions and returns nil once the last one
// is gone; a session that is between two statements is told so (57P01, admin_shutdown). Any other end is an error of
// the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g, err := newGate(s)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	sessions.Go(func() {
		<-ctx.Done()
		_ = l.Close() // it has no way to fail that anyone could mend
	})
	defer sessions.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			sessions.Go(func() { g.serve(ctx, conn) })
		case ctx.Err() != nil:
			return nil
		case outOfDescriptors(err):
			g.log.WarnContext(ctx, "accept client", "err", err)
			pause(ctx, 100*time.Millisecond)
		default:
			return fmt.Errorf("accept client: %w", err)
		}
	}
}

// outOfDescriptors tells the accept errors that pass when some session ends.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// gate is a Server at work: its configuration with the defaults filled in, and what its sessions share.
type gate struct {
	*Server
	tls     *tls.Config
	log     *slog.Logger
	timeout time.Duration
	buffers sync.Pool // *[]byte
}

func newGate(s *Server) (*gate, error) {
	if s.TLS == nil || s.Authenticate == nil || s.Dial == nil {
		return nil, errors.New("serve PostgreSQL clients: TLS, Authenticate and Dial are required")
	}
	g := &gate{Server: s, tls: s.TLS.Clone(), log: s.Log, timeout: s.HandshakeTimeout}
	g.tls.NextProtos = []string{alpn}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.timeout == 0 {
		g.timeout = defaultHandshakeTimeout
	}
	g.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	return g, nil
}

// serve takes one client from its first byte to its last.
func (g *gate) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	log := g.log.With("remote", conn.RemoteAddr())
	s, err := g.handshake(ctx, conn)
	if err != nil {
		log.InfoContext(ctx, "client refused", "err", err)
		return
	}
	if s == nil {
		return // a cancel request: it has no session
	}
	log = log.With("user", s.user, "database", s.database)
	log.DebugContext(ctx, "session begins")
	g.relay(ctx, s)
	log.DebugContext(ctx, "session ends")
}
