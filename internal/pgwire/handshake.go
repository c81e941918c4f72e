package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// alpn is the protocol name that a client without SSLRequest must negotiate.
const alpn = "postgresql"

// recordHandshake is the first byte of a TLS connection. No startup packet begins with it: it would be a length of
// more than 369 million bytes.
const recordHandshake = 0x16

// handshake takes a client to its session. A client that must not have one has been told why when it returns an error;
// a client that came to cancel a query has neither.
func (g *gate) handshake(ctx context.Context, conn net.Conn) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	defer Interruptible(ctx, conn)()

	client, p, err := g.negotiate(ctx, conn)
	var s *session
	switch {
	case err != nil:
	case p.Code() == CodeCancel:
		err = g.forwardCancel(ctx, p)
	default:
		s, err = g.login(ctx, client, p)
	}
	if s != nil {
		return s, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Tell(client)
	}
	_ = client.Close()
	return nil, err
}

// negotiate answers requests for encryption until the client has sent a startup packet inside TLS, or a cancel request
// anywhere. The connection that it returns is the one to answer on, also with an error.
func (g *gate) negotiate(ctx context.Context, conn net.Conn) (net.Conn, Packet, error) {
	var first [1]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return conn, nil, fmt.Errorf("read first byte: %w", err)
	}
	plain := &replayed{Conn: conn, head: first[:]}
	if first[0] == recordHandshake {
		return g.direct(ctx, plain)
	}
	triedGSS := false
	for {
		p, err := ReadPacket(plain)
		if err != nil {
			return plain, nil, err
		}
		switch {
		case p.Code() == CodeCancel:
			return plain, p, nil
		case p.Code() == CodeGSS && !triedGSS:
			triedGSS = true
			if _, err := plain.Write([]byte{'N'}); err != nil {
				return plain, nil, fmt.Errorf("decline GSS encryption: %w", err)
			}
		case p.Code() == CodeSSL:
			if _, err := plain.Write([]byte{'S'}); err != nil {
				return plain, nil, fmt.Errorf("accept TLS: %w", err)
			}
			return g.encrypt(ctx, plain)
		default:
			// The words are Lakebase's.
			return plain, nil, &Error{
				Code:    codeProtocolViolation,
				Message: fmt.Sprintf("Invalid protocol version: %d", p.Code()),
				Hint:    "Connect with TLS: sslmode=require.",
			}
		}
	}
}

// direct is TLS without an SSLRequest, which PostgreSQL 17 accepts from clients that name the protocol.
func (g *gate) direct(ctx context.Context, conn net.Conn) (net.Conn, Packet, error) {
	client, p, err := g.encrypt(ctx, conn)
	if err != nil {
		return client, nil, err
	}
	if t, ok := client.(*tls.Conn); !ok || t.ConnectionState().NegotiatedProtocol != alpn {
		return client, nil, violation("received direct SSL connection request without ALPN protocol negotiation extension")
	}
	return client, p, nil
}

// encrypt does the TLS handshake and reads the packet that follows it.
func (g *gate) encrypt(ctx context.Context, conn net.Conn) (net.Conn, Packet, error) {
	client := tls.Server(conn, g.tls)
	if err := client.HandshakeContext(ctx); err != nil {
		return conn, nil, fmt.Errorf("negotiate TLS: %w", err)
	}
	p, err := ReadPacket(client)
	return client, p, err
}

// login asks for the password, lets the caller judge it and begins a session on a backend.
func (g *gate) login(ctx context.Context, client net.Conn, p Packet) (*session, error) {
	l, err := ParseStartup(p)
	if err != nil {
		return nil, err
	}
	l.RemoteAddr = client.RemoteAddr()
	if l.Password, err = askPassword(client); err != nil {
		return nil, err
	}
	if err := g.authenticate(ctx, l); err != nil {
		return nil, err
	}
	s := &session{client: client, user: l.User, database: l.Database}
	for range backendTries {
		if err = g.begin(ctx, s, p); !errors.Is(err, errSilent) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// backendTries is how often a session is begun on a backend that goes away without a word. One that dies while many log in
// may have a successor.
const backendTries = 5

// begin begins a session on a backend.
func (g *gate) begin(ctx context.Context, s *session, p Packet) error {
	backend, err := g.dial(ctx)
	if err != nil {
		return err
	}
	defer Interruptible(ctx, backend)()
	if s.key, err = greet(s.client, backend, p); err != nil {
		return errors.Join(err, backend.Close())
	}
	s.backend = backend
	return nil
}

func askPassword(client net.Conn) (string, error) {
	request, err := (&pgproto3.AuthenticationCleartextPassword{}).Encode(nil)
	if err != nil {
		return "", fmt.Errorf("ask for password: %w", err)
	}
	if _, err := client.Write(request); err != nil {
		return "", fmt.Errorf("ask for password: %w", err)
	}
	return readPassword(client)
}

// authenticate turns any refusal into the words of PostgreSQL, which do not tell a wrong password from a wrong user.
func (g *gate) authenticate(ctx context.Context, l Login) error {
	err := errors.New("empty password")
	if l.Password != "" {
		err = g.Authenticate(ctx, l)
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{
		Code: codeInvalidPassword, Err: err,
		Message: fmt.Sprintf("password authentication failed for user %q", l.User),
	}
}

func (g *gate) dial(ctx context.Context) (net.Conn, error) {
	backend, err := g.Dial(ctx)
	if err == nil {
		return backend, nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return nil, err
	}
	return nil, &Error{Code: codeCannotConnectNow, Message: messageCannotConnectNow, Err: err}
}

// greet replays the client's own packet, so that the backend negotiates versions and options as with the client.
func greet(client, backend net.Conn, p Packet) (key []byte, err error) {
	if _, err := backend.Write(p); err != nil {
		err = errors.Join(errSilent, err)
		return nil, &Error{Code: codeCannotConnectNow, Message: messageCannotConnectNow, Err: err}
	}
	return readGreeting(client, backend)
}

// forwardCancel hands a cancel request to the backend and waits until it has been taken: PostgreSQL closes the
// connection then. As in PostgreSQL, the client never learns whether there was anything to cancel.
func (g *gate) forwardCancel(ctx context.Context, p Packet) error {
	backends, err := g.dialAll(ctx)
	if err != nil {
		return fmt.Errorf("forward cancel request: %w", err)
	}
	var errs []error
	for _, b := range backends {
		errs = append(errs, handOver(ctx, b, p))
	}
	return errors.Join(errs...)
}

func (g *gate) dialAll(ctx context.Context) ([]net.Conn, error) {
	if g.DialAll != nil {
		return g.DialAll(ctx)
	}
	backend, err := g.Dial(ctx)
	return []net.Conn{backend}, err
}

func handOver(ctx context.Context, backend net.Conn, p Packet) error {
	defer backend.Close()
	defer Interruptible(ctx, backend)()
	if _, err := backend.Write(p); err != nil {
		return fmt.Errorf("forward cancel request: %w", err)
	}
	_, _ = io.Copy(io.Discard, backend)
	return nil
}

// Interruptible lets conn fail at once when ctx is done. The function that it returns lifts that, and all deadlines.
func Interruptible(ctx context.Context, conn net.Conn) (lift func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-ended
		}
		_ = conn.SetDeadline(time.Time{})
	}
}

// replayed is a connection whose first bytes have been read already.
type replayed struct {
	net.Conn
	head []byte
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.head)
	r.head = r.head[n:]
	return n, nil
}
