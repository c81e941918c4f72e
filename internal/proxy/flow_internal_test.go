package proxy

import (
	"testing"

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
