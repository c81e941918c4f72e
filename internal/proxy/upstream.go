package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// upstream is a session on an instance.
type upstream struct {
	conn    *tls.Conn
	wire    *wire
	address string
	tls     *tls.Config // shared
	key     []byte      // process id and secret
	user    string
	params  map[string]string // shared: not changed but replaced
	early   []byte            // what the server said beyond its greeting
}

// want is what a client wants of an instance.
type want struct {
	database string
	isUser   bool // the database is only the user's name, which libpq sends when none is named
	params   map[string]string
}

// login makes one session on an instance. The Connector finds the instance, verifies it, puts the token in, and repeats a
// refused login with a new one.
func login(ctx context.Context, c *lakeward.Connector, w want) (*upstream, error) {
	cfg, err := c.Config(ctx)
	if err != nil {
		return nil, err
	}
	if w.database != "" {
		cfg.Database = w.database
	}
	cfg.RuntimeParams = w.params
	cfg.TLSConfig = sharedConfig(cfg.TLSConfig)
	u := &upstream{}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		u.address = address
		if u.wire, err = newWire(conn); err != nil {
			conn.Close()
			return nil, err
		}
		return u.wire, nil
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { u.early = append(u.early, notice(n)...) }
	pg, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return nil, c.Explain(err)
	}
	h, err := pg.Hijack()
	if err != nil {
		return nil, fmt.Errorf("take over connection: %w", err)
	}
	for h.Frontend.ReadBufferLen() > 0 {
		m, err := h.Frontend.Receive()
		if err == nil {
			u.early, err = m.Encode(u.early)
		}
		if err != nil {
			h.Conn.Close()
			return nil, fmt.Errorf("read greeting: %w", err)
		}
	}
	u.conn, _ = h.Conn.(*tls.Conn) // the Connector makes no other
	u.tls, u.user, u.params = h.TLSConfig, h.Config.User, sharedParams(h.ParameterStatuses)
	u.key = append([]byte{byte(h.PID >> 24), byte(h.PID >> 16), byte(h.PID >> 8), byte(h.PID)}, h.SecretKey...)
	u.wire.settle()
	return u, nil
}

// What the last login was made with, and what the server told then: most sessions have that in common, and share it.
var (
	lastConfig atomic.Pointer[tls.Config]
	lastParams atomic.Pointer[map[string]string]
)

func sharedConfig(c *tls.Config) *tls.Config {
	if last := lastConfig.Load(); last != nil && last.ServerName == c.ServerName &&
		last.InsecureSkipVerify == c.InsecureSkipVerify && last.RootCAs.Equal(c.RootCAs) &&
		last.VerifyPeerCertificate == nil && c.VerifyPeerCertificate == nil {
		return last
	}
	c.DynamicRecordSizingDisabled = true
	c.ClientCAs = nil // pgx puts the server's in as well
	lastConfig.Store(c)
	return c
}

func sharedParams(params map[string]string) map[string]string {
	if last := lastParams.Load(); last != nil && maps.Equal(*last, params) {
		return *last
	}
	params = maps.Clone(params)
	lastParams.Store(&params)
	return params
}

func notice(n *pgconn.Notice) []byte {
	m := &pgproto3.NoticeResponse{
		Severity: n.Severity, SeverityUnlocalized: n.SeverityUnlocalized, Code: n.Code,
		Message: n.Message, Detail: n.Detail, Hint: n.Hint,
	}
	b, err := m.Encode(nil)
	if err != nil {
		return nil
	}
	return b
}

// write sends a piece of what the client said.
func (u *upstream) write(b []byte) error {
	if len(b) <= 16<<10 { // one record
		_, err := u.conn.Write(b)
		return err
	}
	u.wire.cork()
	_, err := u.conn.Write(b)
	return errors.Join(err, u.wire.flush())
}

// read waits for what the server says and fills b as far as it goes without waiting again. more says that there may be
// more to read at once.
func (u *upstream) read(b []byte) (n int, more bool, err error) {
	for n < len(b) {
		m, err := u.conn.Read(b[n:])
		n += m
		if errors.Is(err, errDry) {
			return n, false, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, true, nil
}

// close says goodbye.
func (u *upstream) close() {
	_ = u.conn.SetDeadline(time.Now().Add(farewell))
	_, _ = u.conn.Write([]byte{'X', 0, 0, 0, 4})
	_ = u.conn.Close()
}

// cancel asks the instance to stop what the session is doing, over TLS: the key is a secret.
func (u *upstream) cancel(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.address)
	if err != nil {
		return fmt.Errorf("forward cancel request: %w", err)
	}
	defer conn.Close()
	defer pgwire.Interruptible(ctx, conn)()
	var answer [1]byte
	if err := errors.Join(writePacket(conn, pgwire.CodeSSL, nil), readFull(conn, answer[:])); err != nil {
		return fmt.Errorf("forward cancel request: %w", err)
	}
	if answer[0] != 'S' {
		return errors.New("forward cancel request: the instance declines TLS")
	}
	encrypted := tls.Client(conn, u.tls)
	if err := writePacket(encrypted, pgwire.CodeCancel, u.key); err != nil {
		return fmt.Errorf("forward cancel request: %w", err)
	}
	_, _ = io.Copy(io.Discard, encrypted) // the server closes when it has taken the request
	return nil
}

func writePacket(w io.Writer, code uint32, body []byte) error {
	n := uint32(8 + len(body))
	p := append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)},
		byte(code>>24), byte(code>>16), byte(code>>8), byte(code))
	_, err := w.Write(append(p, body...))
	return err
}

func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}

// The pauses between two attempts.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 3 * time.Second
)

// persist makes a session, and tries again where waiting may help, until ctx is done.
func (r *route) persist(ctx context.Context, c *lakeward.Connector, w want) (*upstream, error) {
	pause := firstPause
	var before error
	for {
		u, err := r.login(ctx, c, w)
		if err == nil {
			return u, nil
		}
		if ctx.Err() != nil && before != nil {
			return nil, before // it says more than that the time is over
		}
		before = err
		if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "3D000" && w.isUser {
			w.database, w.isUser = "", false
			continue
		}
		if !Passes(err) || ctx.Err() != nil {
			return nil, err
		}
		r.log.InfoContext(ctx, "login retried", "err", err)
		r.metrics.retries.WithLabelValues(r.name).Inc()
		t := time.NewTimer(pause/2 + rand.N(pause)) // many clients must not come back at once
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
		pause = min(2*pause, maxPause)
	}
}

// Passes reports whether what has failed with err may work in a while.
func Passes(err error) bool {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refusal.Code {
		case "53300", "57P01", "57P02", "57P03":
			return true
		}
		return refusal.Code[:min(2, len(refusal.Code))] == "08"
	}
	own, ok := errors.AsType[*lakeward.Error](err)
	if !ok {
		return true // the network
	}
	switch own.Kind {
	case lakeward.KindInvalid, lakeward.KindNotFound, lakeward.KindUnauthenticated, lakeward.KindDenied, lakeward.KindUnsupported:
		return false
	}
	return true
}

// explain turns the error of a login into what the client is told. What PostgreSQL said stays as it is, and gets a hint
// where it has none.
func (r *route) explain(err error) *pgwire.Error {
	instance := r.settings().Instance
	if own, ok := errors.AsType[*pgwire.Error](err); ok {
		return own
	}
	hint := cmp.Or(lakeward.HintOf(err), "lakeward doctor "+instance)
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &pgwire.Error{Code: refusal.Code, Message: refusal.Message, Detail: refusal.Detail, Hint: cmp.Or(refusal.Hint, hint), Err: err}
	}
	e := &pgwire.Error{Code: "57P03", Message: err.Error(), Hint: hint}
	switch lakeward.KindOf(err) {
	case lakeward.KindNotFound, lakeward.KindInvalid:
		e.Code = "08001"
	case lakeward.KindUnauthenticated, lakeward.KindDenied:
		e.Code = "28000"
	}
	if own, ok := errors.AsType[*lakeward.Error](err); ok && own.Reason == lakeward.ReasonUnreachable && errors.Is(err, context.DeadlineExceeded) {
		e.Message, e.Err = fmt.Sprintf("instance %s does not answer", instance), err
	}
	return e
}
