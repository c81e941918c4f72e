package pgwire_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// begun is a session in a test: the client's end and the backend's.
type begun struct {
	*backend
	gate            *gate
	client, session net.Conn
}

func begin(t testing.TB) begun {
	t.Helper()
	b := playBackend(t)
	g := serve(t, &pgwire.Server{Dial: b.Dial})
	client := g.connect(t)
	<-b.Packets
	s := begun{b, g, client, wait(t, b.Sessions, "no session")}
	t.Cleanup(func() { _ = s.session.Close() })
	deadline := time.Now().Add(patience)
	_, _ = s.client.SetDeadline(deadline), s.session.SetDeadline(deadline)
	return s
}

const (
	query     = "Q\x00\x00\x00\x0dselect 1\x00"
	terminate = "X\x00\x00\x00\x04"
)

func TestVanishedClientFreesItsBackend(t *testing.T) {
	t.Parallel()
	s := begin(t)
	send(t, s.client, query)
	read(t, s.session, len(query))
	_ = s.client.Close()
	want := request(codeCancel, []byte(backendKey)...)
	if got := wait(t, s.Packets, "the statement was not cancelled"); string(got) != want {
		t.Errorf("the backend received %q, want %q", got, want)
	}
	if rest, err := io.ReadAll(s.session); err != nil || len(rest) > 0 {
		t.Errorf("the backend's connection carried %q and ended with %v", rest, err)
	}
}

func TestGoodbyeLetsTheBackendFinish(t *testing.T) {
	t.Parallel()
	s := begin(t)
	send(t, s.client, query+terminate)
	if err := s.client.(*tls.Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s.session); err != nil || string(got) != query+terminate {
		t.Fatalf("the backend read %q and ended with %v", got, err)
	}
	send(t, s.session, "late answer")
	_ = s.session.Close()
	if got, err := io.ReadAll(s.client); err != nil || string(got) != "late answer" {
		t.Errorf("the client read %q and ended with %v", got, err)
	}
	select {
	case p := <-s.Packets:
		t.Errorf("a cancel request was sent: %q", p)
	default:
	}
}

func TestDeadBackendReachesItsClient(t *testing.T) {
	t.Parallel()
	s := begin(t)
	send(t, s.session, "last words")
	_ = s.session.Close()
	if got, err := io.ReadAll(s.client); err != nil || string(got) != "last words" {
		t.Errorf("the client read %q and ended with %v", got, err)
	}
}

func TestStopTellsIdleClients(t *testing.T) {
	t.Parallel()
	s := begin(t)
	// A statement's answer that arrives in pieces: the place in the stream must be known all the same.
	for _, piece := range []string{"C\x00\x00\x00\x0dSELECT 1\x00Z", "\x00\x00", "\x00\x05I"} {
		send(t, s.session, piece)
		read(t, s.client, len(piece))
	}
	s.gate.Stop()
	if e := refusal(t, s.client); e.Code != "57P01" || e.Severity != "FATAL" {
		t.Errorf("the client was told %s %s", e.Severity, e.Code)
	}
	if _, err := io.ReadAll(s.session); err != nil {
		t.Errorf("the backend's connection ended with %v", err)
	}
	if err := <-s.gate.served; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if conn, err := net.Dial("tcp", s.gate.Addr); err == nil {
		_ = conn.Close()
		t.Error("a new client was accepted")
	}
}

// Half a row is no place for another message: the client must see the end instead of garbage.
func TestStopInTheMiddleOfARow(t *testing.T) {
	t.Parallel()
	s := begin(t)
	send(t, s.session, "D\x00\x00\x10\x00half a row")
	read(t, s.client, 15)
	s.gate.Stop()
	if rest, _ := io.ReadAll(s.client); len(rest) > 0 {
		t.Errorf("the client read %q", rest)
	}
	if got := wait(t, s.Packets, "the statement was not cancelled"); len(got) != 16 {
		t.Errorf("the backend received %q", got)
	}
}

func TestStopDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	s := begin(t)
	row := make([]byte, 1<<20)
	for {
		_ = s.session.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := s.session.Write(row); err != nil {
			break // everything between here and the client is full
		}
	}
	s.gate.Stop()
}

func TestStopDuringAHandshake(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	g := serve(t, &pgwire.Server{
		Authenticate: func(ctx context.Context, _ pgwire.Login) error {
			close(asked)
			<-ctx.Done()
			return ctx.Err()
		},
		Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("never") },
	})
	conn := g.dialTLS(t)
	send(t, conn, startup("user|"+user+"||")+"p\x00\x00\x00\x06x\x00")
	silent := g.dial(t)
	wait(t, asked, "nobody was asked")
	g.Stop()
	_, _ = io.Copy(io.Discard, silent)
}

// What the backend says before it is ready reaches the client, also when it is a refusal.
func TestBackendRefuses(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	g := serve(t, &pgwire.Server{Dial: func(context.Context) (net.Conn, error) { return near, nil }})
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := pgproto3.NewBackend(far, far)
		if _, err := b.ReceiveStartupMessage(); err != nil {
			return
		}
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "3D000", Message: `database "shop" does not exist`})
		_ = b.Flush()
	}()
	conn := g.dialTLS(t)
	send(t, conn, startup("user|"+user+"||")+"p\x00\x00\x00\x10"+password+"\x00")
	if e := refusal(t, conn); e.Code != "3D000" {
		t.Errorf("the client was told %s %s", e.Code, e.Message)
	}
	wait(t, done, "the backend still waits")
}
