package pgwire_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// A client that waits for its backend's word learns that there will be none.
func TestLostBackend(t *testing.T) {
	t.Parallel()
	t.Run("is told to a client that waits for an answer", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		send(t, s.client, query)
		read(t, s.session, len(query))
		_ = s.session.Close()
		if e := refusal(t, s.client); e.Code != "57P01" || e.Severity != "FATAL" {
			t.Errorf("the client was told %s %s", e.Severity, e.Code)
		}
	})
	t.Run("is not told in the middle of an answer", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		const half = "D\x00\x00\x10\x00half a row"
		send(t, s.session, half)
		_ = s.session.Close()
		if got, _ := io.ReadAll(s.client); string(got) != half {
			t.Errorf("the client read %q", got)
		}
	})
	t.Run("is not told to a client that has said goodbye", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		send(t, s.client, terminate)
		read(t, s.session, len(terminate))
		_ = s.session.Close()
		if got, err := io.ReadAll(s.client); err != nil || len(got) > 0 {
			t.Errorf("the client read %q and ended with %v", got, err)
		}
	})
}

// The backend of a login dies before its first word, and its successor takes the login.
func TestLoginWhileTheBackendDies(t *testing.T) {
	t.Parallel()
	b := playBackend(t)
	var dials atomic.Int32
	g := serve(t, &pgwire.Server{Dial: func(ctx context.Context) (net.Conn, error) {
		if dials.Add(1) > 2 {
			return b.Dial(ctx)
		}
		gate, dying := net.Pipe()
		go func() {
			_, _ = dying.Read(make([]byte, 4096))
			_ = dying.Close()
		}()
		return gate, nil
	}})
	g.connect(t)
	if session := wait(t, b.Sessions, "no session"); session != nil {
		_ = session.Close()
	}
}

func TestCancelRequestsReachEveryBackend(t *testing.T) {
	t.Parallel()
	first, second := playBackend(t), playBackend(t)
	g := serve(t, &pgwire.Server{Dial: first.Dial, DialAll: func(ctx context.Context) ([]net.Conn, error) {
		one, err := first.Dial(ctx)
		if err != nil {
			return nil, err
		}
		other, err := second.Dial(ctx)
		return []net.Conn{one, other}, err
	}})
	packet := request(codeCancel, []byte(backendKey)...)
	send(t, g.dial(t), packet)
	for _, b := range []*backend{first, second} {
		if got := wait(t, b.Packets, "no cancel request"); string(got) != packet {
			t.Errorf("a backend received %q", got)
		}
	}
}
