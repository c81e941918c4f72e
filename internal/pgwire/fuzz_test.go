package pgwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func FuzzStartup(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x12\x00\x03\x00\x00user\x00ada\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x22\x00\x03\x00\x02user\x00a\x00user\x00b\x00_pq_.x\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		p, err := ReadPacket(r)
		if err != nil {
			return
		}
		if read := len(b) - r.Len(); read != len(p) || !bytes.Equal(p, b[:read]) {
			t.Fatalf("read %d bytes for a packet of %d", read, len(p))
		}
		l, err := ParseStartup(p)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("the client is not told of %v", err)
			}
			return
		}
		if l.User == "" || l.Database == "" || len(l.User) > maxNameLength || len(l.Database) > maxNameLength {
			t.Fatalf("login as %q to %q", l.User, l.Database)
		}
		if !bytes.Contains(p, []byte("user\x00"+l.User)) || strings.ContainsRune(l.User, 0) {
			t.Fatalf("%q is not in the packet", l.User)
		}
	})
}

// FuzzHandshake sends bytes as a client would: none may panic, hang, or lead to a login, which needs TLS.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x30\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Add([]byte("\x16\x03\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := newGate(&Server{
			TLS:          &tls.Config{},
			Authenticate: func(context.Context, Login) error { t.Error("somebody logged in"); return nil },
			Dial:         func(context.Context) (net.Conn, error) { return &canned{}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		g.serve(t.Context(), &canned{in: bytes.NewReader(b)})
	})
}

// canned is a connection whose other side has sent all it ever will.
type canned struct{ in io.Reader }

func (c *canned) Read(b []byte) (int, error) {
	if c.in == nil {
		return 0, io.EOF
	}
	return c.in.Read(b)
}
func (c *canned) Write(b []byte) (int, error)      { return len(b), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
