package pgwire_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward/internal/pgwire"
)

func TestLoginSeesWhatTheClientSent(t *testing.T) {
	t.Parallel()
	logins := make(chan pgwire.Login, 1)
	g := serve(t, &pgwire.Server{
		Dial:         playBackend(t).Dial,
		Authenticate: func(_ context.Context, l pgwire.Login) error { logins <- l; return nil },
	})
	for dsn, database := range map[string]string{"application_name=shop": user, "application_name=shop dbname=orders": "orders"} {
		c, err := pgconn.ConnectConfig(t.Context(), g.config(t, dsn))
		if err != nil {
			t.Fatal(err)
		}
		l := <-logins
		got := []string{l.User, l.Database, l.Password, l.Params["application_name"], l.RemoteAddr.String()}
		want := []string{user, database, password, "shop", c.Conn().LocalAddr().String()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: login (-want +got):\n%s", dsn, diff)
		}
		_ = c.Conn().Close()
	}
}

// The packet must reach the backend as it came: newer protocol versions and options are for it to negotiate.
func TestStartupPacketIsReplayedByteByByte(t *testing.T) {
	t.Parallel()
	for name, packet := range map[string]string{
		"protocol 3.0":               startup("user|" + user + "|database|shop||"),
		"protocol 3.2 with options":  request(3<<16|2, zeros("_pq_.ext|1|user|"+user+"||")...),
		"a version yet to come":      request(3<<16|9999, zeros("user|"+user+"||")...),
		"a replication connection":   startup("replication|database|user|" + user + "|options|-c geqo=off||"),
		"a name twice, the last won": startup("user|somebody|user|" + user + "||"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := playBackend(t)
			g := serve(t, &pgwire.Server{Dial: b.Dial})
			conn := g.dialTLS(t)
			send(t, conn, packet)
			read(t, conn, 9) // the request for a password
			send(t, conn, "p\x00\x00\x00\x10"+password+"\x00")
			if got := wait(t, b.Packets, "no startup packet"); string(got) != packet {
				t.Errorf("the backend received %q, want %q", got, packet)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const ask = "p\x00\x00\x00"
	login := startup("user|" + user + "||")
	tests := []struct {
		name          string
		plain         bool
		send          string
		code, message string
	}{
		{"plaintext startup", true, login, "08P01", "Invalid protocol version: 196608"},
		{"plaintext startup of 3.2", true, request(3<<16|2, zeros("user|x||")...), "08P01", "Invalid protocol version: 196610"},
		{"GSS encryption asked for twice", true, request(codeGSS) + request(codeGSS), "08P01", "Invalid protocol version: 80877104"},
		{"another protocol", true, "GET / HTTP/1.1\r\n\r\n", "08P01", "invalid length of startup packet"},
		{"packet too short", false, "\x00\x00\x00\x07\x00\x03\x00\x00", "08P01", "invalid length of startup packet"},
		{"packet too long", false, "\x00\x00\x27\x15\x00\x03\x00\x00", "08P01", "invalid length of startup packet"},
		{"TLS inside TLS", false, request(codeSSL), "0A000", "unsupported frontend protocol 1234.5679: server supports 3.0 and later"},
		{"protocol 2", false, request(2<<16, zeros("x")...), "0A000", "unsupported frontend protocol 2.0: server supports 3.0 and later"},
		{"no user", false, startup("database|shop||"), "28000", "no PostgreSQL user name specified in startup packet"},
		{"no terminator", false, startup("user|" + user + "|"), "08P01", "invalid startup packet layout: expected terminator as last byte"},
		{"bytes after the terminator", false, startup("user|" + user + "||x"), "08P01", "invalid startup packet layout: expected terminator as last byte"},
		{"wrong password", false, login + ask + "\x06x\x00", "28P01", `password authentication failed for user "` + user + `"`},
		{"empty password", false, login + ask + "\x05\x00", "28P01", `password authentication failed for user "` + user + `"`},
		{"password of no length", false, login + ask + "\x04", "08P01", "invalid length of password packet"},
		{"endless password", false, login + "p\xff\xff\xff\xff", "08P01", "invalid length of password packet"},
		{"password without its end", false, login + ask + "\x05x", "08P01", "invalid password packet size"},
		{"query before the password", false, login + "Q\x00\x00\x00\x05\x00", "08P01", "expected password response, got message type 81"},
	}
	g := serve(t, &pgwire.Server{Dial: func(context.Context) (net.Conn, error) {
		t.Error("a backend was dialled")
		return nil, errors.New("never")
	}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := g.dial(t)
			if !tt.plain {
				conn = g.dialTLS(t)
			}
			send(t, conn, tt.send)
			if strings.HasPrefix(tt.name, "GSS") {
				read(t, conn, 1)
			}
			e := refusal(t, conn)
			got, want := []string{e.Severity, e.Code, e.Message}, []string{"FATAL", tt.code, tt.message}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsOfTheCallerChooseTheWords(t *testing.T) {
	t.Parallel()
	busy := &pgwire.Error{Code: "53300", Message: "too many connections", Detail: "There are 100.", Hint: "Come back later."}
	down := errors.New("dial /secret/path: no such file")
	none := func(context.Context) (net.Conn, error) { return nil, nil }
	tests := map[string]struct {
		server pgwire.Server
		want   pgconn.PgError
	}{
		"authentication": {
			pgwire.Server{Authenticate: func(context.Context, pgwire.Login) error { return busy }, Dial: none},
			pgconn.PgError{Code: busy.Code, Message: busy.Message, Detail: busy.Detail, Hint: busy.Hint},
		},
		"dial": {
			pgwire.Server{Dial: func(context.Context) (net.Conn, error) { return nil, busy }},
			pgconn.PgError{Code: busy.Code, Message: busy.Message, Detail: busy.Detail, Hint: busy.Hint},
		},
		"dial without words": {
			pgwire.Server{Dial: func(context.Context) (net.Conn, error) { return nil, down }},
			pgconn.PgError{Code: "57P03", Message: "the database system is not accepting connections"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, &tt.server)
			_, err := pgconn.ConnectConfig(t.Context(), g.config(t, ""))
			e, ok := errors.AsType[*pgconn.PgError](err)
			if !ok {
				t.Fatalf("connect: %v", err)
			}
			got := pgconn.PgError{Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// Bytes that an attacker puts behind an SSLRequest must not count as sent inside TLS (CVE-2021-23214).
func TestPlaintextBehindSSLRequestIsNotALogin(t *testing.T) {
	t.Parallel()
	g := serve(t, &pgwire.Server{
		Dial:         playBackend(t).Dial,
		Authenticate: func(context.Context, pgwire.Login) error { t.Error("somebody logged in"); return nil },
	})
	conn := g.dial(t)
	send(t, conn, request(codeSSL)+startup("user|"+user+"||")+"p\x00\x00\x00\x06x\x00")
	if got := read(t, conn, 1); got != "S" {
		t.Fatalf("SSLRequest was answered %q", got)
	}
	rest, _ := io.ReadAll(conn) // reset or not, the connection is over
	if bytes.ContainsAny(rest, "RE") {
		t.Errorf("the server went on with %q", rest)
	}
}

func TestDirectTLS(t *testing.T) {
	t.Parallel()
	g := serve(t, &pgwire.Server{Dial: playBackend(t).Dial})
	t.Run("with ALPN", func(t *testing.T) {
		c := g.config(t, "")
		c.TLSConfig = c.TLSConfig.Clone()
		c.TLSConfig.NextProtos = []string{"postgresql"}
		c.SSLNegotiation = "direct"
		conn, err := pgconn.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Conn().Close()
	})
	t.Run("without ALPN", func(t *testing.T) {
		conn := tls.Client(g.dial(t), g.TLS)
		send(t, conn, startup("user|"+user+"||"))
		if e := refusal(t, conn); e.Code != "08P01" {
			t.Errorf("refused with %s %s", e.Code, e.Message)
		}
	})
}

func TestGSSEncryptionIsDeclinedAndTLSFollows(t *testing.T) {
	t.Parallel()
	g := serve(t, &pgwire.Server{Dial: playBackend(t).Dial})
	conn := g.dial(t)
	send(t, conn, request(codeGSS))
	if got := read(t, conn, 1); got != "N" {
		t.Fatalf("GSSENCRequest was answered %q", got)
	}
	send(t, conn, request(codeSSL))
	if got := read(t, conn, 1); got != "S" {
		t.Fatalf("SSLRequest was answered %q", got)
	}
}

func TestCancelRequestsAreForwarded(t *testing.T) {
	t.Parallel()
	b := playBackend(t)
	g := serve(t, &pgwire.Server{Dial: b.Dial})
	long := bytes.Repeat([]byte{7}, 4+32) // protocol 3.2 has keys of up to 256 bytes
	for name, packet := range map[string]string{
		"of 3.0": request(codeCancel, []byte(backendKey)...),
		"of 3.2": request(codeCancel, long...),
	} {
		for way, dial := range map[string]func(testing.TB) net.Conn{"plain": g.dial, "inside TLS": g.dialTLS} {
			conn := dial(t)
			send(t, conn, packet)
			if got := wait(t, b.Packets, "no cancel request"); string(got) != packet {
				t.Errorf("%s, %s: the backend received %q", name, way, got)
			}
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("%s, %s: the client was told %q, %v", name, way, rest, err)
			}
		}
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	g := serve(t, &pgwire.Server{Dial: playBackend(t).Dial, HandshakeTimeout: 50 * time.Millisecond})
	for name, begin := range map[string]func(t *testing.T) net.Conn{
		"silent from the start":   func(t *testing.T) net.Conn { return g.dial(t) },
		"half a length":           func(t *testing.T) net.Conn { c := g.dial(t); send(t, c, "\x00\x00"); return c },
		"silent in the handshake": func(t *testing.T) net.Conn { c := g.dial(t); send(t, c, request(codeSSL)); return c },
		"half a startup packet": func(t *testing.T) net.Conn {
			c := g.dialTLS(t)
			send(t, c, startup("user|" + user + "||")[:12])
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := io.Copy(io.Discard, begin(t))
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				t.Error("the server still waits")
			}
		})
	}
}

func TestPasswordsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := pgwire.Login{User: user, Database: "shop", Password: password, Params: map[string]string{"x": "y"}}
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "login", l)
	if s := log.String(); strings.Contains(s, password) || !strings.Contains(s, "shop") {
		t.Errorf("logged %s", s)
	}
}
