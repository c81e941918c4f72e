package pgwire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// patience is how long a test waits for something that should happen at once.
const patience = 10 * time.Second

const (
	user     = "ada@example.com"
	password = "open sesame"
)

// gate is a Server at work in a test.
type gate struct {
	Addr        string
	TLS         *tls.Config  // trusts the server
	Certificate []byte       // of the server
	Stop        func()       // ends Serve and waits for it
	served      <-chan error // what Serve returned
}

// serve starts s on a loopback port. Missing parts are filled in: a certificate, the one good password.
func serve(t testing.TB, s *pgwire.Server) *gate {
	t.Helper()
	g := &gate{}
	if s.TLS == nil {
		s.TLS, g.TLS = certificate(t)
		g.Certificate = s.TLS.Certificates[0].Certificate[0]
	}
	if s.Authenticate == nil {
		s.Authenticate = func(_ context.Context, l pgwire.Login) error {
			if l.User != user || l.Password != password {
				return errors.New("wrong password")
			}
			return nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.Addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		served <- s.Serve(ctx, l)
	}()
	g.served = served
	g.Stop = func() {
		cancel()
		wait(t, done, "Serve did not return")
	}
	t.Cleanup(g.Stop)
	return g
}

// wait fails the test when ch stays silent.
func wait[T any](t testing.TB, ch <-chan T, complaint string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal(complaint)
		panic("unreachable")
	}
}

func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test"},
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// backend is a PostgreSQL of which only the first minute is played: it records startup packets and greets.
type backend struct {
	Dial     func(ctx context.Context) (net.Conn, error)
	Packets  chan []byte   // startup packets and cancel requests, as they came
	Sessions chan net.Conn // connections that have been greeted
}

const backendKey = "\x00\x00\x04\xd2\x01\x02\x03\x04" // process 1234 and its secret

func playBackend(t testing.TB) *backend {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgwire") // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := &backend{Packets: make(chan []byte, 16), Sessions: make(chan net.Conn, 16)}
	b.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.greet(conn)
		}
	}()
	return b
}

func (b *backend) greet(conn net.Conn) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		_ = conn.Close()
		return
	}
	packet := append(head, make([]byte, binary.BigEndian.Uint32(head)-8)...)
	if _, err := io.ReadFull(conn, packet[8:]); err != nil {
		_ = conn.Close()
		return
	}
	b.Packets <- packet
	if binary.BigEndian.Uint32(packet[4:]) == 80877102 {
		_ = conn.Close()
		return
	}
	_, _ = conn.Write([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00" + "K\x00\x00\x00\x0c" + backendKey + readyForQuery))
	b.Sessions <- conn
}

const readyForQuery = "Z\x00\x00\x00\x05I"

// config is how pgconn logs in to g.
func (g *gate) config(t testing.TB, dsn string) *pgconn.Config {
	t.Helper()
	c, err := pgconn.ParseConfig("sslmode=require " + dsn)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(g.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	c.Host, c.Port, c.User, c.Password, c.TLSConfig, c.Fallbacks = host, uint16(n), user, password, g.TLS, nil
	c.ConnectTimeout = patience
	return c
}

// connect logs in and returns the connection as it is after ReadyForQuery.
func (g *gate) connect(t testing.TB) net.Conn {
	t.Helper()
	c, err := pgconn.ConnectConfig(t.Context(), g.config(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Conn.Close() })
	return h.Conn
}

// dial opens a plain connection with a deadline.
func (g *gate) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// dialTLS goes through SSLRequest to an encrypted connection.
func (g *gate) dialTLS(t testing.TB) net.Conn {
	t.Helper()
	conn := g.dial(t)
	send(t, conn, request(codeSSL))
	if answer := read(t, conn, 1); answer != "S" {
		t.Fatalf("SSLRequest was answered %q", answer)
	}
	return tls.Client(conn, g.TLS)
}

const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSS    = 80877104
)

// request makes a packet of the time before message types.
func request(code uint32, body ...byte) string {
	p := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return string(append(binary.BigEndian.AppendUint32(p, code), body...))
}

// startup makes a startup packet of protocol 3.0 from a string in which | stands for the zero byte.
func startup(params string) string { return request(3<<16, zeros(params)...) }

func zeros(s string) []byte {
	b := []byte(s)
	for i := range b {
		if b[i] == '|' {
			b[i] = 0
		}
	}
	return b
}

func send(t testing.TB, conn net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(conn, s); err != nil {
		t.Fatalf("send %q: %v", s, err)
	}
}

func read(t testing.TB, conn net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	return string(b)
}

// refusal reads messages up to an ErrorResponse, after which the server must close.
func refusal(t testing.TB, conn net.Conn) *pgproto3.ErrorResponse {
	t.Helper()
	f := pgproto3.NewFrontend(conn, conn)
	for {
		m, err := f.Receive()
		if err != nil {
			t.Fatalf("closed without an ErrorResponse: %v", err)
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			e := *e
			if m, err := f.Receive(); err == nil {
				t.Errorf("after the ErrorResponse came %T, want the end", m)
			}
			return &e
		}
	}
}
