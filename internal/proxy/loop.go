package proxy

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
)

// loop moves the bytes of sessions: one goroutine waits for all their connections at once, and reads from those that have
// something, decrypts or encrypts it and writes it at once. The runtime's own way, a goroutine for each direction, costs
// twice the processor time: each message wakes a goroutine, often a thread for it, and is read twice, the second time to
// find that there is no more.
//
// A session leaves the loop when more is to be done for it than to move bytes: for a pause, and when one side has ended.
type loop struct {
	epoll int
	wake  [2]int // a pipe: there are orders
	ended chan struct{}

	// Of the one goroutine.
	ends   map[int32]*end
	piece  []byte  // what a client says
	cipher *[]byte // what a server says
	plain  *[]byte
	large  bool // in this round there were pieces of something large
	small  bool // and others

	mu     sync.Mutex
	orders []order
	closed bool
}

// order lets a session in, or out.
type order struct {
	flow *flow
	out  bool
}

// end is one of the two connections of a session.
type end struct {
	flow     *flow
	fd       int
	server   bool
	interest uint32
	goesOn   bool // its last piece was a large one, and the other end has said nothing since
}

const (
	readable = uint32(syscall.EPOLLIN)
	writable = uint32(syscall.EPOLLOUT)
	broken   = uint32(syscall.EPOLLHUP | syscall.EPOLLERR)
)

// newLoops starts the loops of a server. One is as fast as one processor; others are left to the clients' logins, and to
// PostgreSQL where that is on the same machine.
func newLoops() (loops []*loop, err error) {
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		l, err := newLoop()
		if err != nil {
			closeLoops(loops)
			return nil, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

func closeLoops(loops []*loop) {
	for _, l := range loops {
		l.close()
	}
}

func newLoop() (*loop, error) {
	l := &loop{
		ends: map[int32]*end{}, ended: make(chan struct{}),
		piece: make([]byte, wireBuffer), cipher: wireBuffers.take(), plain: wireBuffers.take(),
	}
	var err error
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	if err := syscall.Pipe2(l.wake[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		_ = syscall.Close(l.epoll)
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	event := syscall.EpollEvent{Events: readable, Fd: int32(l.wake[0])}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, l.wake[0], &event); err != nil {
		l.release()
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	go l.run()
	return l, nil
}

// close ends the loop, which has no session any more.
func (l *loop) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nudge()
	<-l.ended
	l.release()
}

func (l *loop) release() {
	_ = syscall.Close(l.epoll)
	_ = syscall.Close(l.wake[0])
	_ = syscall.Close(l.wake[1])
}

func (l *loop) nudge() { _, _ = syscall.Write(l.wake[1], []byte{0}) } // a full pipe wakes it as well

func (l *loop) order(o order) {
	l.mu.Lock()
	l.orders = append(l.orders, o)
	l.mu.Unlock()
	l.nudge()
}

func (l *loop) run() {
	defer close(l.ended)
	events := make([]syscall.EpollEvent, 256)
	for {
		orders := false
		for i := range l.await(events) {
			if events[i].Fd == int32(l.wake[0]) {
				orders = true
				continue
			}
			if e := l.ends[events[i].Fd]; e != nil {
				l.serve(e, events[i].Events)
			}
		}
		if l.large && !l.small {
			gather()
		}
		l.large, l.small = false, false
		if orders && l.obey() { // between two rounds: a descriptor may be another one's afterwards
			return
		}
	}
}

// obey lets sessions in and out, and reports whether the loop is to end.
func (l *loop) obey() (ended bool) {
	var some [64]byte
	for {
		if n, err := syscall.Read(l.wake[0], some[:]); n < len(some) || err != nil {
			break
		}
	}
	l.mu.Lock()
	orders := l.orders
	l.orders = nil
	ended = l.closed
	l.mu.Unlock()
	for _, o := range orders {
		if o.out {
			l.drop(o.flow)
		} else {
			l.admit(o.flow)
		}
	}
	return ended
}

// serve does what can be done for a connection now.
func (l *loop) serve(e *end, events uint32) {
	f := e.flow
	if e.interest&writable != 0 && events&(writable|broken) != 0 {
		if e.server {
			l.catchUp(f)
		} else {
			l.deliverRest(f)
		}
	}
	if e.interest&readable != 0 && events&(readable|broken) != 0 && !f.dropped {
		if e.server {
			l.fromServer(f)
		} else {
			l.fromClient(f)
		}
	}
}

// note takes down what kind of piece has come from one end of a session. Something is large when one end has said more than
// a piece of it without a word of the other's.
func (l *loop) note(e, other *end, n int, buffer []byte) {
	large := n >= largePiece
	if !large || !e.goesOn {
		l.small = true
	} else if n < len(buffer) { // or there is more already
		l.large = true
	}
	e.goesOn, other.goesOn = large, false
}

// want changes what the loop waits for. A connection from which nothing is wanted is not watched at all: the kernel would
// report again and again that it is broken.
func (l *loop) want(e *end, interest uint32) {
	if e.interest == interest {
		return
	}
	what := syscall.EPOLL_CTL_MOD
	switch {
	case interest == 0:
		what = syscall.EPOLL_CTL_DEL
	case e.interest == 0:
		what = syscall.EPOLL_CTL_ADD
	}
	event := syscall.EpollEvent{Events: interest, Fd: int32(e.fd)}
	if err := syscall.EpollCtl(l.epoll, what, e.fd, &event); err != nil {
		e.interest = 0
		l.drop(e.flow)
		return
	}
	e.interest = interest
}
