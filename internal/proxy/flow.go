package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
)

// flow is a session in the loop.
type flow struct {
	session        *session
	up             *upstream
	loop           *loop
	client, server end
	early          []byte  // of the client's, that is still to be passed on
	rest           []byte  // of the server's, that the client has not taken yet
	restOf         *[]byte // the buffer that it stands in
	dropped        bool
	next           func(early []byte) // what is done when the loop has let go
}

// embark has the loop move the session's bytes until something else is to be done for it, and does next then, with what the
// client has said and the server has not been told. Until then the session needs no goroutine. It refuses when the session has
// to do something else already.
func (s *session) embark(ctx context.Context, early []byte, next func(early []byte)) bool {
	if !s.dive(ctx, early, next) {
		s.route.notify() // a pause that began meanwhile waits for the session to be outside
		return false
	}
	return true
}

// leave goes on outside of the loop.
func (f *flow) leave() {
	s := f.session
	s.mu.Lock()
	s.flowing = nil
	s.client = surface(f.client.fd, s.who.RemoteAddr)
	s.raw, _ = s.client.(*socket).SyscallConn()
	f.up.wire.surface()
	s.rest, s.restOf = f.rest, f.restOf
	s.force()
	s.mu.Unlock()
	s.route.notify()
	f.next(f.early)
}

// dive takes both connections away from the runtime, which would wake up for each message too.
func (s *session) dive(ctx context.Context, early []byte, next func([]byte)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loop == nil || s.hold != nil || s.last != nil || s.stay != relaying || s.cut != 0 || len(s.rest) > 0 || ctx.Err() != nil {
		s.force()
		return false
	}
	client, err := duplicate(s.raw)
	if err != nil {
		return false
	}
	server, err := duplicate(s.up.wire.raw)
	if err != nil {
		_ = syscall.Close(client)
		return false
	}
	s.client.Close()
	s.client, s.raw = nil, nil
	s.up.wire.dive(server)
	f := &flow{
		session: s, up: s.up, loop: s.loop, early: early, next: next,
		client: end{fd: client}, server: end{fd: server, server: true},
	}
	f.client.flow, f.server.flow = f, f
	s.flowing = f
	f.loop.order(order{flow: f}) // before anybody else can order it out
	return true
}

// duplicate returns a second descriptor of a connection. The first one can then be closed, and with it what the runtime does.
func duplicate(raw syscall.RawConn) (fd int, err error) {
	var failed error
	err = raw.Control(func(old uintptr) {
		var no syscall.Errno
		var r uintptr
		r, _, no = syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		if fd = int(r); no != 0 {
			failed = no
		}
	})
	if err == nil {
		err = failed
	}
	return fd, err
}

// socket is a connection that has come back from the loop.
type socket struct {
	*os.File
	remote net.Addr
}

func (s *socket) LocalAddr() net.Addr  { return nil }
func (s *socket) RemoteAddr() net.Addr { return s.remote }

func surface(fd int, remote net.Addr) net.Conn {
	return &socket{os.NewFile(uintptr(fd), "socket"), remote} // it does not block: the runtime takes it up again
}

// admit lets a session in.
func (l *loop) admit(f *flow) {
	l.ends[int32(f.client.fd)], l.ends[int32(f.server.fd)] = &f.client, &f.server
	l.want(&f.client, readable)
	if !f.dropped {
		l.want(&f.server, readable)
	}
	if early := f.early; len(early) > 0 && !f.dropped {
		f.early = nil
		l.pass(f, early)
	}
	if !f.dropped { // TLS may have read more than the login
		l.pour(f)
	}
}

// drop lets a session out.
func (l *loop) drop(f *flow) {
	if f.dropped {
		return
	}
	f.dropped = true
	l.want(&f.client, 0)
	l.want(&f.server, 0)
	delete(l.ends, int32(f.client.fd))
	delete(l.ends, int32(f.server.fd))
	go f.leave()
}

// fromClient passes on what the client says.
func (l *loop) fromClient(f *flow) {
	n, ok, err := readNow(f.client.fd, l.piece)
	switch {
	case !ok:
	case n == 0 || err != nil:
		l.drop(f)
	default:
		l.note(&f.client, &f.server, n, l.piece)
		l.pass(f, l.piece[:n])
	}
}

// pass passes a piece of the client's on, unless the session has to wait.
func (l *loop) pass(f *flow, b []byte) {
	if !f.session.say(b) {
		f.early = bytes.Clone(b)
		l.drop(f)
		return
	}
	err := f.up.write(b)
	switch {
	case err != nil:
		l.drop(f)
	case len(f.up.wire.backlog) > 0: // no more from the client until the server has taken it
		l.want(&f.client, f.client.interest&^readable)
		if !f.dropped {
			l.want(&f.server, f.server.interest|writable)
		}
	}
}

// catchUp writes to the server what it did not take before.
func (l *loop) catchUp(f *flow) {
	w := f.up.wire
	n, err := writeNow(w.fd, w.backlog)
	if w.backlog = w.backlog[n:]; err != nil {
		l.drop(f)
		return
	}
	if len(w.backlog) > 0 {
		return
	}
	w.backlog = nil
	l.want(&f.server, f.server.interest&^writable)
	if !f.dropped {
		l.want(&f.client, f.client.interest|readable)
	}
}

// fromServer brings what the server says to the client.
func (l *loop) fromServer(f *flow) {
	n, ok, err := readNow(f.server.fd, *l.cipher)
	switch {
	case !ok:
	case n == 0 || err != nil:
		l.drop(f)
	default:
		l.note(&f.server, &f.client, n, *l.cipher)
		f.up.wire.unread = (*l.cipher)[:n]
		l.pour(f)
	}
}

// pour decrypts what has been read, and gives it to the client as far as that takes it.
func (l *loop) pour(f *flow) {
	for more := true; more; {
		var n int
		var err error
		n, more, err = f.up.read(*l.plain)
		if n > 0 {
			text := f.session.heard((*l.plain)[:n])
			m, werr := writeNow(f.client.fd, text)
			if m < len(text) {
				f.rest, f.restOf, l.plain = text[m:], l.plain, wireBuffers.take()
			}
			if werr != nil {
				err = werr
			} else if m == len(text) {
				f.session.tellWaiting()
			}
		}
		if len(f.rest) > 0 || err != nil {
			l.keepUnread(f)
		}
		if err != nil {
			l.drop(f)
			return
		}
		if len(f.rest) > 0 { // no more from the server until the client has taken it
			l.want(&f.server, f.server.interest&^readable)
			if !f.dropped {
				l.want(&f.client, f.client.interest|writable)
			}
			return
		}
	}
}

// keepUnread leaves the buffer of the loop to the session, if there is something in it that TLS has not taken.
func (l *loop) keepUnread(f *flow) {
	if w := f.up.wire; len(w.unread) > 0 && w.buffer == nil {
		w.buffer, l.cipher = l.cipher, wireBuffers.take()
	}
}

// deliverRest gives the client what it did not take before, and then what has come after it.
func (l *loop) deliverRest(f *flow) {
	n, err := writeNow(f.client.fd, f.rest)
	if f.rest = f.rest[n:]; err != nil {
		l.drop(f)
		return
	}
	if len(f.rest) > 0 {
		return
	}
	wireBuffers.give(f.restOf)
	f.rest, f.restOf = nil, nil
	f.session.tellWaiting()
	l.want(&f.client, f.client.interest&^writable)
	if !f.dropped {
		l.want(&f.server, f.server.interest|readable)
	}
	if !f.dropped {
		l.pour(f)
	}
}

// say follows a piece of the client's, and reports whether it may pass: not while the route is paused and the session
// between two transactions.
func (s *session) say(b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil && s.boundary() {
		return false
	}
	s.sent.read(b, s.answered.Load())
	s.route.bytes.up.Add(uint64(len(b)))
	return true
}

// heard follows a piece of the server's, and returns what the client is to see of it.
func (s *session) heard(b []byte) []byte {
	if ready := s.down.read(b); ready > 0 {
		s.status.Store(uint32(s.down.status))
		s.answered.Add(ready)
	}
	s.route.bytes.down.Add(uint64(len(b)))
	if s.down.death >= 0 {
		return explained(bytes.Clone(b[:s.down.death]), b[s.down.death:])
	}
	return b
}

// tellWaiting tells the one who waits for the end of the session's transaction that the server has said something.
func (s *session) tellWaiting() {
	if s.waited.Load() {
		s.route.notify()
	}
}

// writeRest writes what the loop has left, before anything that comes after it.
func (s *session) writeRest() error {
	if len(s.rest) == 0 {
		return nil
	}
	_, err := s.client.Write(s.rest)
	wireBuffers.give(s.restOf)
	s.rest, s.restOf = nil, nil
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
