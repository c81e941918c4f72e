package store_test

import (
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
)

func TestPruneDeletesWhatHasEndedBefore(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		ctx := t.Context()
		add := func() store.Operation {
			o, err := s.Add(ctx, store.Operation{Kind: "stop", Instance: "shop", Actor: "ana", Input: []byte("{}")}, nil)
			if err == nil {
				err = s.Append(ctx, o.ID, lakeward.Event{Type: lakeward.EventInfo}, lakeward.Event{Type: lakeward.EventInfo})
			}
			return must(o, err)(t)
		}
		ended, waiting := add(), add()
		must(s.Cancel(ctx, "ana", ended.ID))(t)
		for _, at := range []time.Time{time.Now().Add(-time.Hour), {}} {
			if err := s.Audit(ctx, store.Entry{Time: at, Actor: "ana", Action: "stop"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			before time.Time
			want   store.Pruned
		}{
			{time.Now().Add(-2 * time.Hour), store.Pruned{}},
			{time.Now().Add(-time.Minute), store.Pruned{Audit: 1}},
			{time.Now().Add(time.Minute), store.Pruned{Operations: 1, Events: 2, Audit: 1}},
		} {
			if got := must(s.Prune(ctx, c.before))(t); got != c.want {
				t.Errorf("before %s: %+v, want %+v", c.before, got, c.want)
			}
		}
		if left := must(s.Operations(ctx, store.Filter{}))(t); len(left) != 1 || left[0].ID != waiting.ID {
			t.Errorf("left: %+v", left)
		}
		if events := must(s.Events(ctx, waiting.ID, 0, 0))(t); len(events) != 2 {
			t.Errorf("%d events of an operation that waits", len(events))
		}
	})
}
