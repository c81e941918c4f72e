package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// farewell bounds what is done for a session that ends: the last words to the client, the cancelling of its query.
const farewell = 2 * time.Second

// session is a client with its session on the instance. The loop moves its bytes, until something else is to be done for it:
// then a goroutine takes what the client says upstream, and a second one brings what the server says down, and
// replaces the upstream when the route moves.
type session struct {
	route  *route
	client net.Conn
	raw    syscall.RawConn
	who    pgwire.Login
	want   want
	key    []byte            // for the client, to cancel with
	params map[string]string // that the client has been told of; not changed but replaced
	began  time.Time
	done   chan struct{} // closed when the client has gone

	down     downWalk
	status   atomic.Uint32
	answered atomic.Uint64 // ReadyForQuery
	waited   atomic.Bool   // somebody waits for the end of the transaction

	mu   sync.Mutex // decides whether a piece of the client's goes upstream, or waits
	up   *upstream
	sent upWalk
	made *lakeward.Connector // that has made up
	stay stance
	hold chan struct{} // of the route's pause: closed at its end; nil when pieces may pass
	open chan struct{} // closed when the session lets pieces pass again
	spot chan struct{} // the pause that the session is parked for
	last *pgwire.Error // the session is to end with these words
	why  string        // it cannot move
	lost bool          // the upstream has ended

	loop    *loop
	flowing *flow   // in the loop
	back    bool    // it is to go back there
	cut     cut     // both directions have been ended by force
	rest    []byte  // of the server's, that the loop has left
	restOf  *[]byte // the buffer that it stands in
}

// cut is how a session was ended by force.
type cut int

const (
	cutKill      cut = 1 + iota // the client still gets last words
	cutInterrupt                // the upstream is not written to any more either
)

// stance is what the goroutine that reads the upstream is doing.
type stance int

const (
	relaying stance = iota
	parking         // it has been asked to stop
	parked
)

// boundary reports whether the session is between two transactions and nothing is on its way. s.mu is held.
func (s *session) boundary() bool {
	answered := s.answered.Load()
	return s.sent.asked == answered && s.status.Load() == 'I' && !s.sent.dirty && !s.sent.bare && s.sent.between()
}

// attend relays outside of the loop until one side ends, or until the session can go back into the loop, with what the
// client has said meanwhile and the server has not been told.
func (s *session) attend(ctx context.Context, early []byte) (rest []byte, again bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, s.interrupt)
	defer stop()
	var down sync.WaitGroup
	var words *pgwire.Error
	var back bool
	down.Go(func() {
		if words, back = s.bring(ctx); !back {
			_ = s.client.SetReadDeadline(longAgo) // nothing that the client says would be heard
		}
	})
	if rest, again = s.take(early); again {
		_ = s.upstream().wire.SetReadDeadline(longAgo)
		if down.Wait(); back {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.back = false
			_ = s.client.SetReadDeadline(time.Time{})
			_ = s.up.wire.SetReadDeadline(time.Time{})
			return rest, true
		}
	}
	close(s.done)
	s.part(ctx, cancel)
	down.Wait()
	if words != nil && s.down.between() {
		words.Tell(s.client)
	}
	return nil, false
}

var longAgo = time.Unix(1, 0)

// interrupt ends both directions.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cutInterrupt
	s.poke()
}

// poke makes whoever waits for one of the sides look at what has changed. s.mu is held.
func (s *session) poke() {
	if s.flowing != nil {
		s.loop.order(order{flow: s.flowing, out: true})
		return
	}
	s.force()
}

// force ends what waits, where it is to end. s.mu is held, and the session not in the loop.
func (s *session) force() {
	if s.cut != 0 {
		_ = s.client.SetReadDeadline(longAgo)
		_ = s.client.SetWriteDeadline(time.Now().Add(farewell))
	}
	switch {
	case s.cut == cutInterrupt:
		_ = s.up.wire.SetDeadline(longAgo)
	case s.stay == parking:
		_ = s.up.wire.SetReadDeadline(longAgo)
	}
}

func (s *session) upstream() *upstream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// part is what is left to do when nothing more comes from the client. One that said goodbye still gets what the server
// has to say; what runs for one that vanished is cancelled.
func (s *session) part(ctx context.Context, cancel context.CancelFunc) {
	s.mu.Lock()
	up, terminated, idle := s.up, s.sent.terminated, s.boundary() || s.lost
	s.mu.Unlock()
	if terminated {
		_ = up.wire.SetReadDeadline(time.Now().Add(s.route.settings().Wait))
		return
	}
	if !idle {
		bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer stop()
		if err := up.cancel(bounded); err != nil {
			s.route.log.DebugContext(ctx, "cancel abandoned statement", "err", err)
		}
	}
	cancel()
}

// take brings what the client says upstream, until the client ends or the session can go back into the loop. What it has
// in hand then and may not pass on is the rest.
func (s *session) take(early []byte) (rest []byte, again bool) {
	if s.upstream().wire.catchUp() != nil {
		return nil, false
	}
	if len(early) > 0 {
		if err := s.forward(early); err != nil {
			return early, errors.Is(err, errBack)
		}
	}
	for {
		b, n, err := readReady(s.raw, relayBuffers)
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			return nil, s.back && errors.Is(err, os.ErrDeadlineExceeded)
		}
		err = s.forward((*b)[:n])
		if errors.Is(err, errBack) {
			rest = bytes.Clone((*b)[:n])
		}
		relayBuffers.give(b)
		if err != nil {
			return rest, rest != nil
		}
	}
}

// errBack says that a piece has to wait for a pause that began while the session is on its way back into the loop. It is
// not parked there; it turns round first.
var errBack = errors.New("the session goes back into the loop")

// forward passes one piece on. While the route is paused and the session between two transactions, it waits.
func (s *session) forward(b []byte) error {
	for !s.say(b) {
		s.mu.Lock()
		open, back := s.open, s.back
		s.mu.Unlock()
		if back {
			return errBack
		}
		if err := s.await(open); err != nil {
			return err
		}
	}
	return s.upstream().write(b)
}

// await waits with a piece in hand, and notices when the client's session has been ended meanwhile.
func (s *session) await(open chan struct{}) error {
	<-open
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		return errGone
	}
	return nil
}

// bring brings what the server says to the client, from one upstream after the other. It returns last words, if any, or
// that the session can go back into the loop.
func (s *session) bring(ctx context.Context) (words *pgwire.Error, back bool) {
	words, back = s.bringAll(ctx)
	if !back {
		s.letPass()
	}
	return words, back
}

func (s *session) bringAll(ctx context.Context) (words *pgwire.Error, back bool) {
	for patience := 1; ; {
		up := s.upstream()
		err := s.relay(up)
		s.mu.Lock()
		late, last := errors.Is(err, os.ErrDeadlineExceeded), s.last
		stopped := late && s.stay == parking
		back = late && s.back
		s.mu.Unlock()
		switch {
		case back:
			return nil, true
		case stopped && !s.down.between() && patience > 0:
			patience--
			_ = up.wire.SetReadDeadline(time.Now().Add(farewell)) // the rest of a message
			continue
		case stopped && last != nil:
			return last, false
		case stopped:
			if words := s.park(ctx, up); words != nil {
				return s.fail(words), false
			}
			continue
		}
		s.mu.Lock()
		s.lost = true
		s.mu.Unlock()
		return s.fail(s.loss(ctx, err)), false
	}
}

// letPass frees a waiting piece when the session ends.
func (s *session) letPass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = &pgwire.Error{Code: "57P01"}
	}
	if s.open != nil && s.hold != nil {
		s.hold = nil
		close(s.open)
	}
}

func (s *session) fail(words *pgwire.Error) *pgwire.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = words
	}
	return words
}

// relay copies what the server says until the upstream ends.
func (s *session) relay(up *upstream) error {
	if err := s.writeRest(); err != nil {
		return err
	}
	for {
		b := relayBuffers.take()
		for more := true; more; {
			var n int
			var err error
			n, more, err = up.read(*b)
			if n > 0 {
				if werr := s.deliver((*b)[:n]); werr != nil {
					err = werr
				}
			}
			if err != nil {
				relayBuffers.give(b)
				return err
			}
		}
		relayBuffers.give(b)
		if err := up.wire.fill(); err != nil {
			return err
		}
	}
}

func (s *session) deliver(b []byte) error {
	_, err := s.client.Write(s.heard(b))
	s.tellWaiting()
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// loss finds the last words for a session whose upstream has ended. What the server itself said has reached the client.
func (s *session) loss(ctx context.Context, err error) *pgwire.Error {
	s.mu.Lock()
	terminated := s.sent.terminated
	s.mu.Unlock()
	if errors.Is(err, errGone) || terminated || !s.down.between() || s.down.kind == 'E' {
		return nil
	}
	select {
	case <-s.done:
		return nil
	default:
	}
	if ctx.Err() != nil {
		return shutdown()
	}
	return lossOf(s.route, err)
}

// lossOf is what a client is told whose session the instance has ended.
func lossOf(r *route, err error) *pgwire.Error {
	r.metrics.lost.WithLabelValues(r.name).Inc()
	return &pgwire.Error{
		Code: "57P01", Err: err,
		Message: fmt.Sprintf("instance %s has ended the connection", r.settings().Instance),
		Hint:    "It failed over, was stopped or went to sleep. Connect again: the proxy waits until it answers.",
	}
}

// cancel passes a cancel request on.
func (s *session) cancel(ctx context.Context) error { return s.upstream().cancel(ctx) }

func shutdown() *pgwire.Error {
	return &pgwire.Error{
		Code: "57P01", Message: "terminating connection: the proxy is shutting down",
		Hint: "Connect again when it has been started.",
	}
}

// end asks the session to end with these words when it is between two transactions, and reports whether it was.
func (s *session) end(words *pgwire.Error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waited.Store(true)
	if s.last != nil {
		return true
	}
	if s.stay == parked {
		s.last = words
		_ = s.client.SetReadDeadline(longAgo)
		return true
	}
	if !s.boundary() {
		return false
	}
	if s.hold == nil { // nothing may go upstream any more that would not be answered
		s.hold, s.open = make(chan struct{}), make(chan struct{})
	}
	s.last, s.stay = words, parking
	s.poke()
	return true
}

// kill ends the session at once.
func (s *session) kill(words *pgwire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = words
	}
	s.stay = parking
	s.cut = max(s.cut, cutKill)
	s.poke()
}
