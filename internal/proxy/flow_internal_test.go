package proxy

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestAPauseHoldsBackWhatComesBeforeTheLoopHasLetGo: a piece may arrive when the pause has begun and the loop does not know.
func TestAPauseHoldsBackWhatComesBeforeTheLoopHasLetGo(t *testing.T) {
	t.Parallel()
	s := &session{route: &route{}}
	s.status.Store('I')
	begin := bytesOf(t, &pgproto3.Query{String: "BEGIN"})
	if !s.say(begin) {
		t.Fatal("held back without a pause")
	}
	s.hold = make(chan struct{})
	if !s.say(begin) {
		t.Error("held back inside of a transaction")
	}
	s.status.Store('I')
	s.answered.Store(2)
	if s.say(begin) || s.sent.asked != 2 {
		t.Error("passed between two transactions")
	}
}

// TestASecondPauseFindsTheSessionThatWasHeldByTheFirst: the first pause has ended and the session is to go back into the loop,
// but before the piece that it held back goes on, the next pause begins. To wait for its end where nobody can park the session
// would be to wait for each other.
func TestASecondPauseFindsTheSessionThatWasHeldByTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails when everybody waits
		s := &session{
			route: &route{}, up: &upstream{wire: &wire{fd: none}}, back: true,
			hold: make(chan struct{}), open: make(chan struct{}),
		}
		s.status.Store('I')
		begin := bytesOf(t, &pgproto3.Query{String: "BEGIN"})
		if rest, again := s.take(begin); !again || !bytes.Equal(rest, begin) {
			t.Errorf("the session goes back: %v, with %q in hand", again, rest)
		}
		if s.sent.asked != 0 {
			t.Error("the piece has passed")
		}
	})
}
