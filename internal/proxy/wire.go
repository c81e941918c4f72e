package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
)

// The sizes of buffers. A message of a gigabyte passes through the same ones.
const (
	relayBuffer = 32 << 10
	wireBuffer  = 64 << 10 // several TLS records of PostgreSQL, which are of 8 kB, in one read
)

// buffers are used while there are bytes to move, and never while a connection is idle.
type buffers struct{ pool sync.Pool }

func newBuffers(size int) *buffers {
	return &buffers{sync.Pool{New: func() any { b := make([]byte, size); return &b }}}
}

func (b *buffers) take() *[]byte  { return b.pool.Get().(*[]byte) }
func (b *buffers) give(p *[]byte) { b.pool.Put(p) }

var (
	relayBuffers = newBuffers(relayBuffer)
	wireBuffers  = newBuffers(wireBuffer)
)

// readReady waits until conn has something to read, and only then takes a buffer and reads into it. The caller gives the
// buffer back. At the end of the stream the error is io.EOF.
func readReady(conn syscall.RawConn, from *buffers) (buffer *[]byte, n int, err error) {
	var failed error
	waited := conn.Read(func(fd uintptr) bool {
		buffer = from.take()
		for {
			n, failed = syscall.Read(int(fd), *buffer)
			if !errors.Is(failed, syscall.EINTR) {
				break
			}
		}
		if errors.Is(failed, syscall.EAGAIN) {
			from.give(buffer)
			buffer = nil
			return false
		}
		return true
	})
	switch {
	case waited != nil:
		err = waited
	case failed != nil:
		err = fmt.Errorf("read: %w", failed)
	case n == 0:
		err = io.EOF
	}
	if err != nil && buffer != nil {
		from.give(buffer)
		buffer = nil
	}
	return buffer, max(n, 0), err
}

// wire is the TCP connection below TLS. TLS reads from it record by record and writes so: wire makes of that few large
// reads and writes. After [wire.settle] a read of TLS never waits for the network; [wire.fill] does.
type wire struct {
	net.Conn
	raw syscall.RawConn

	settled bool
	buffer  *[]byte // in which unread stands; nil while that is the loop's
	unread  []byte

	writing sync.Mutex // TLS may answer from a read
	corked  bool
	out     *[]byte
	queued  int
	fd      int    // in the loop: the connection; there is no Conn then
	backlog []byte // what the connection did not take in the loop
}

const none = -1

func newWire(conn net.Conn) (*wire, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("connection of type %T has no descriptor", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("take descriptor: %w", err)
	}
	return &wire{Conn: conn, raw: raw, fd: none}, nil
}

// errDry says that TLS wants more than has been read ahead. TLS takes it for a timeout, which it survives.
var errDry net.Error = dry{}

type dry struct{}

func (dry) Error() string   { return "nothing has been read ahead" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

// settle ends the time in which reads wait: the login.
func (w *wire) settle() { w.settled = true }

// fill waits until there is something to read. Before, TLS must have taken what was read ahead.
func (w *wire) fill() error {
	if len(w.unread) > 0 {
		return nil
	}
	buffer, n, err := readReady(w.raw, wireBuffers)
	if err != nil {
		return err
	}
	w.buffer, w.unread = buffer, (*buffer)[:n]
	return nil
}

// Read is for TLS.
func (w *wire) Read(b []byte) (int, error) {
	if len(w.unread) == 0 {
		if !w.settled {
			return w.Conn.Read(b)
		}
		return 0, errDry
	}
	n := copy(b, w.unread)
	if w.unread = w.unread[n:]; len(w.unread) == 0 {
		if w.buffer != nil {
			wireBuffers.give(w.buffer)
		}
		w.buffer, w.unread = nil, nil
	}
	return n, nil
}

// dive leaves the wire to the loop, by another descriptor.
func (w *wire) dive(fd int) {
	w.Conn.Close()
	w.Conn, w.raw, w.fd = nil, nil, fd
}

// surface makes the wire one of the runtime's again.
func (w *wire) surface() {
	conn := surface(w.fd, nil)
	w.Conn, w.fd = conn, none
	w.raw, _ = conn.(*socket).SyscallConn()
}

// put writes, or in the loop as much as it can without waiting. w.writing is held.
func (w *wire) put(b []byte) error {
	if w.fd == none {
		if err := w.putBacklog(); err != nil {
			return err
		}
		_, err := w.Conn.Write(b)
		return err
	}
	n := 0
	if len(w.backlog) == 0 {
		var err error
		if n, err = writeNow(w.fd, b); err != nil {
			return err
		}
	}
	if n < len(b) {
		w.backlog = append(w.backlog, b[n:]...)
	}
	return nil
}

// putBacklog writes what the loop has left. w.writing is held.
func (w *wire) putBacklog() error {
	if len(w.backlog) == 0 {
		return nil
	}
	_, err := w.Conn.Write(w.backlog)
	w.backlog = nil
	return err
}

// catchUp writes what the loop has left.
func (w *wire) catchUp() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.putBacklog()
}

// cork collects what TLS writes until flush.
func (w *wire) cork() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.corked = true
}

// Write is for TLS.
func (w *wire) Write(b []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if !w.corked {
		return wrote(b, w.put(b))
	}
	if w.out == nil {
		w.out = wireBuffers.take()
	}
	if w.queued+len(b) > len(*w.out) {
		if err := w.send(); err != nil {
			return 0, err
		}
		if len(b) > len(*w.out) {
			return wrote(b, w.put(b))
		}
	}
	w.queued += copy((*w.out)[w.queued:], b)
	return len(b), nil
}

func wrote(b []byte, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w *wire) send() error {
	err := w.put((*w.out)[:w.queued])
	w.queued = 0
	return err
}

// flush writes what was collected, and ends the collecting.
func (w *wire) flush() (err error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.corked = false
	if w.out == nil {
		return nil
	}
	if w.queued > 0 {
		err = w.send()
	}
	wireBuffers.give(w.out)
	w.out = nil
	return err
}
