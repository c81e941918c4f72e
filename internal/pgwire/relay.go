package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

const bufferSize = 32 << 10

// session is a client with its backend.
type session struct {
	client, backend net.Conn
	key             []byte // of BackendKeyData: process id and secret
	user, database  string
}

// stream is one direction of a session and the last bytes that went through it. They tell where the session stands, and
// so nothing else has to be read.
type stream struct {
	dst, src net.Conn
	last     [6]byte
}

// end says which side of a stream ended it.
type end int

const (
	readEnded end = iota
	writeEnded
)

// relay copies bytes both ways until a side ends or ctx is done, and closes both. A client that vanishes frees its
// backend even while a statement runs: PostgreSQL itself would notice only when it next has something to say.
func (g *gate) relay(ctx context.Context, s *session) {
	up, down := stream{dst: s.backend, src: s.client}, stream{dst: s.client, src: s.backend}
	down.note([]byte{'Z', 0, 0, 0, 5, 'I'}) // the end of the backend's greeting
	var copies sync.WaitGroup
	upEnd, downEnd := make(chan end, 1), make(chan end, 1)
	copies.Go(func() { upEnd <- g.pump(&up) })
	copies.Go(func() { downEnd <- g.pump(&down) })

	completed := false // the backend came to its own end and the client has all it said
	select {
	case why := <-upEnd:
		if why == readEnded && !up.terminated() {
			break
		}
		// The client said goodbye, or there is no backend to write to: what it still has to say is on its way.
		closeWrite(s.backend)
		select {
		case why := <-downEnd:
			completed = why == readEnded
		case <-ctx.Done():
		}
	case why := <-downEnd:
		completed = why == readEnded
	case <-ctx.Done():
	}
	s.interrupt()
	copies.Wait()
	lost := completed && !up.terminated() // the backend ended of its own accord
	g.part(ctx, s, completed, down.ready() && (lost || !completed && ctx.Err() != nil))
}

// pump copies until one side ends. Memory stays flat: a row of a gigabyte passes through the same buffer.
func (g *gate) pump(s *stream) end {
	b := g.buffers.Get().(*[]byte)
	defer g.buffers.Put(b)
	for {
		n, err := s.src.Read(*b)
		if n > 0 {
			s.note((*b)[:n])
			if _, err := s.dst.Write((*b)[:n]); err != nil {
				return writeEnded
			}
		}
		if err != nil {
			return readEnded
		}
	}
}

// note remembers the last bytes of a stream.
func (s *stream) note(b []byte) {
	if n := len(s.last) - len(b); n > 0 {
		copy(s.last[:n], s.last[len(b):])
		copy(s.last[n:], b)
		return
	}
	copy(s.last[:], b[len(b)-len(s.last):])
}

// ready reports whether the last message was ReadyForQuery. Another message may follow it here.
func (s *stream) ready() bool { return bytes.Equal(s.last[:5], []byte{'Z', 0, 0, 0, 5}) }

// terminated reports whether the last message was Terminate.
func (s *stream) terminated() bool { return bytes.Equal(s.last[1:], []byte{'X', 0, 0, 0, 4}) }

// interrupt ends both streams of a session. The write to a client gets a moment to finish, because half a message
// would leave no room for a last word.
func (s *session) interrupt() {
	past := time.Unix(1, 0)
	_ = s.client.SetReadDeadline(past)
	_ = s.client.SetWriteDeadline(time.Now().Add(farewell))
	_ = s.backend.SetDeadline(past)
}

// part closes a session whose streams have ended. A client that waits for PostgreSQL's word is told of a shutdown: also
// when its backend died without a last word of its own, as in a fail-over. A client that is gone, or does not read, gets
// no last words: its connection is closed by whoever accepted it.
func (g *gate) part(ctx context.Context, s *session, completed, shutdown bool) {
	if shutdown {
		(&Error{Code: codeAdminShutdown, Message: messageShutdown}).Tell(s.client)
	}
	if shutdown || completed {
		_ = s.client.Close()
	}
	if !completed {
		g.cancel(ctx, s)
	}
	_ = s.backend.Close()
}

// cancel stops what the backend may still be doing for a client that is gone. It comes before closing the backend's
// connection, so that the process is certainly still the one that the key belongs to.
func (g *gate) cancel(ctx context.Context, s *session) {
	if s.key == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	p := binary.BigEndian.AppendUint32(nil, uint32(8+len(s.key)))
	p = binary.BigEndian.AppendUint32(p, CodeCancel)
	if err := g.forwardCancel(ctx, append(p, s.key...)); err != nil {
		g.log.DebugContext(ctx, "cancel abandoned statement", "user", s.user, "err", err)
	}
}

// closeWrite tells the backend that nothing more will come.
func closeWrite(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}
