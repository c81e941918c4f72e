package standin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// door is the address of an endpoint. It outlives the PostgreSQL behind it: who knocks while that rests, or starts again
// with other settings, waits until it runs, instead of being turned away.
type door struct {
	listener net.Listener
	knock    func() // called when somebody waits
	accepted chan net.Conn
	closing  chan struct{}
	close    func() error
	loop     sync.WaitGroup

	waiting atomic.Int32 // clients that no gate has taken yet
	traffic atomic.Int64 // when a byte last went through, in nanoseconds of Unix time

	mu   sync.Mutex
	shut chan struct{} // closed when clients may pass
}

func openDoor(ctx context.Context, addr netip.AddrPort, knock func()) (*door, error) {
	listener, err := endpoint.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	d := &door{listener: listener, knock: knock, accepted: make(chan net.Conn), closing: make(chan struct{}), shut: make(chan struct{})}
	close(d.shut)
	d.touch()
	d.close = sync.OnceValue(func() error {
		close(d.closing)
		err := listener.Close()
		d.loop.Wait()
		return err
	})
	d.loop.Go(d.run)
	return d, nil
}

// run lets clients in one after the other; the others wait in the kernel's queue.
func (d *door) run() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !d.pause() {
				return
			}
			continue
		}
		d.waiting.Add(1)
		d.knock()
		d.hand(conn)
		d.waiting.Add(-1)
	}
}

func (d *door) hand(conn net.Conn) {
	d.mu.Lock()
	shut := d.shut
	d.mu.Unlock()
	select {
	case <-shut:
	case <-d.closing:
	}
	d.touch()
	select {
	case d.accepted <- &guest{Conn: conn, door: d}:
	case <-d.closing:
		conn.Close()
	}
}

// pause waits a moment, such as for a file descriptor, and reports false when the door is being closed.
func (d *door) pause() bool {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.closing:
		return false
	}
}

// hold keeps clients waiting until release is called.
func (d *door) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = make(chan struct{})
	return sync.OnceFunc(func() { close(d.shut) })
}

func (d *door) touch() { d.traffic.Store(time.Now().UnixNano()) }

// quiet is for how long nothing went through.
func (d *door) quiet() time.Duration { return time.Since(time.Unix(0, d.traffic.Load())) }

// lead returns a listener for the gate behind the door. Closing it leaves the door as it is.
func (d *door) lead() net.Listener { return &lead{door: d, done: make(chan struct{})} }

type lead struct {
	door *door
	once sync.Once
	done chan struct{}
}

func (l *lead) Accept() (net.Conn, error) {
	select {
	case <-l.done:
	case <-l.door.closing:
	default:
		select {
		case conn := <-l.door.accepted:
			return conn, nil
		case <-l.done:
		case <-l.door.closing:
		}
	}
	return nil, net.ErrClosed
}

func (l *lead) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *lead) Addr() net.Addr { return l.door.listener.Addr() }

// guest is a client's connection; what it says keeps the endpoint awake.
type guest struct {
	net.Conn
	door *door
}

func (g *guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 {
		g.door.touch()
	}
	return n, err
}
