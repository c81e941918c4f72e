package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
)

func TestAnOperationIsKeptFromItsQueueToItsEnd(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		added := must(s.Add(ctx, store.Operation{
			Kind: "migrate", Instance: "shop", Actor: "ann", Input: json.RawMessage(`{"source":"a.db"}`),
		}, []byte("pass-word")))(t)
		if added.State != store.Queued || added.ID == "" || added.Created.IsZero() {
			t.Errorf("added %+v", added)
		}
		if got := must(s.Operation(ctx, added.ID))(t); !cmp.Equal(got, added) {
			t.Error(cmp.Diff(added, got))
		}
		begun, ok, err := s.Begin(ctx, added.ID)
		if err != nil || !ok || begun.State != store.Running || begun.Attempt != 1 || begun.Started == nil {
			t.Fatalf("begun %+v, %t, %v", begun, ok, err)
		}
		// A server died and another goes on.
		again, ok, err := s.Begin(ctx, added.ID)
		if err != nil || !ok || again.Attempt != 2 || !again.Started.Equal(*begun.Started) {
			t.Fatalf("begun again %+v, %t, %v", again, ok, err)
		}
		begun.State = store.Succeeded
		if err := s.End(ctx, begun); lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("the attempt that was overtaken ended the operation: %v", err)
		}
		again.State, again.Result = store.Failed, json.RawMessage(`{"rows":3}`)
		again.Error = store.ProblemOf(lakeward.Errorf(lakeward.KindDenied, "ask for it", "no right"))
		if err := s.End(ctx, again); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Begin(ctx, added.ID); ok || err != nil {
			t.Errorf("an ended operation begins: %t, %v", ok, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		s = storetest.Open(t, o)
		got := must(s.Operation(ctx, added.ID))(t)
		if got.Ended == nil || got.State != store.Failed || string(got.Result) != `{"rows":3}` ||
			!reflect.DeepEqual(*got.Error, store.Problem{Kind: lakeward.KindDenied, Message: "no right", Hint: "ask for it"}) {
			t.Errorf("after opening the store again: %+v", got)
		}
		if secret := must(s.Secret(ctx, added.ID))(t); string(secret) != "pass-word" {
			t.Errorf("secret %q", secret)
		}
	})
}

func TestOperationsAreListedNewestFirstPageByPage(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		var ids []string
		for n := range 6 {
			o := store.Operation{Kind: []string{"create", "migrate"}[n%2], Instance: []string{"a", "b", "c"}[n%3], Input: json.RawMessage(`{}`)}
			ids = append(ids, must(s.Add(ctx, o, nil))(t).ID)
		}
		if _, ok, err := s.Begin(ctx, ids[3]); !ok || err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			filter store.Filter
			want   []int
		}{
			"all":         {store.Filter{}, []int{5, 4, 3, 2, 1, 0}},
			"first page":  {store.Filter{Limit: 2}, []int{5, 4}},
			"second page": {store.Filter{Limit: 2, Before: ids[4]}, []int{3, 2}},
			"kind":        {store.Filter{Kind: "migrate"}, []int{5, 3, 1}},
			"instance":    {store.Filter{Instance: "b"}, []int{4, 1}},
			"state":       {store.Filter{State: store.Running}, []int{3}},
			"none":        {store.Filter{Kind: "create", State: store.Running}, nil},
		} {
			var got []int
			for _, o := range must(s.Operations(ctx, c.filter))(t) {
				for n, id := range ids {
					if id == o.ID {
						got = append(got, n)
					}
				}
			}
			if !cmp.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
		if waits := must(s.Waits(ctx, must(s.Operation(ctx, ids[4]))(t)))(t); !waits {
			t.Error("an operation does not wait for the older one on its instance")
		}
		if waits := must(s.Waits(ctx, must(s.Operation(ctx, ids[1]))(t)))(t); waits {
			t.Error("an operation waits for a younger one, or for another instance's")
		}
		if _, err := s.Operation(ctx, "nowhere"); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("an operation that is not there: %v", err)
		}
	})
}

func TestEventsAreCountedFromOne(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		first := must(s.Add(ctx, store.Operation{Input: json.RawMessage(`{}`)}, nil))(t).ID
		second := must(s.Add(ctx, store.Operation{Input: json.RawMessage(`{}`)}, nil))(t).ID
		var writers sync.WaitGroup
		for range 5 { // Cancel, say, while the operation runs
			writers.Go(func() {
				for range 4 {
					if err := s.Append(ctx, first, lakeward.Event{Message: "a", Done: 7}, lakeward.Event{Message: "b"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		if err := s.Append(ctx, second, lakeward.Event{Type: lakeward.EventWarning, Phase: "load", Table: "täble", Bytes: 9}); err != nil {
			t.Fatal(err)
		}
		for n, e := range must(s.Events(ctx, first, 0, 50))(t) {
			if want := []string{"a", "b"}[n%2]; e.Seq != int64(n)+1 || e.Message != want || e.Time.IsZero() {
				t.Errorf("event %d is %+v", n+1, e)
			}
		}
		page := must(s.Events(ctx, first, 38, 1))(t)
		if len(page) != 1 || page[0].Seq != 39 || page[0].Done != 7 {
			t.Errorf("a page of one event after the 38th: %+v", page)
		}
		if page = must(s.Events(ctx, first, 40, 0))(t); len(page) != 0 {
			t.Errorf("after the last event: %+v", page)
		}
		if other := must(s.Events(ctx, second, 0, 0))(t); len(other) != 1 || other[0].Seq != 1 || other[0].Table != "täble" {
			t.Errorf("events of the other operation: %+v", other)
		}
		if err := s.Append(ctx, "nowhere", lakeward.Event{}); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("an event of no operation: %v", err)
		}
	})
}

func TestCancellingEndsTheQueuedAndAsksTheRunning(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		id := must(s.Add(ctx, store.Operation{Input: json.RawMessage(`{}`)}, nil))(t).ID
		if got := must(s.Cancel(ctx, "bob", id))(t); got.State != store.Cancelled || got.Ended == nil {
			t.Errorf("a queued operation that was cancelled: %+v", got)
		}
		if _, err := s.Cancel(ctx, "bob", id); lakeward.KindOf(err) != lakeward.KindConflict {
			t.Errorf("cancelled twice: %v", err)
		}
		if _, err := s.Cancel(ctx, "bob", "nowhere"); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("cancelled what is not there: %v", err)
		}
		id = must(s.Add(ctx, store.Operation{Input: json.RawMessage(`{}`)}, nil))(t).ID
		if _, ok, err := s.Begin(ctx, id); !ok || err != nil {
			t.Fatal(err)
		}
		if got := must(s.Cancel(ctx, "bob", id))(t); got.State != store.Running || got.Ended != nil {
			t.Errorf("a running operation ends by itself: %+v", got)
		}
		if by := must(s.CancelledBy(ctx, id))(t); by != "bob" {
			t.Errorf("cancelled by %q", by)
		}
	})
}

func TestSettingsAndAuditLog(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		if err := s.PutSettings(ctx, "ann", map[string]string{"instance": "shop", "database": "d"}); err != nil {
			t.Fatal(err)
		}
		if err := s.PutSettings(ctx, "bob", map[string]string{"instance": "store", "database": ""}); err != nil {
			t.Fatal(err)
		}
		settings := must(s.Settings(ctx))(t)
		if got := settings["instance"]; len(settings) != 1 || got.Value != "store" || got.Actor != "bob" || got.Changed.IsZero() {
			t.Errorf("settings %+v", settings)
		}
		for _, actor := range []string{"ann", "bob", "ann"} {
			if err := s.Audit(ctx, store.Entry{Actor: actor, Action: "create", Object: "shop", Outcome: "202", Remote: "127.0.0.1", Request: "r1"}); err != nil {
				t.Fatal(err)
			}
		}
		entries := must(s.Entries(ctx, store.AuditFilter{Actor: "ann"}))(t)
		if len(entries) != 2 || entries[0].ID <= entries[1].ID || entries[0].Time.IsZero() || entries[0].Request != "r1" {
			t.Fatalf("entries %+v", entries)
		}
		if older := must(s.Entries(ctx, store.AuditFilter{Before: entries[0].ID, Limit: 1}))(t); len(older) != 1 || older[0].Actor != "bob" {
			t.Errorf("the page before: %+v", older)
		}
		if err := s.Check(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestAClaimHasOneHolder(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, one, two := t.Context(), storetest.Open(t, o), storetest.Open(t, o)
		held := must(one.Claim(ctx, "instance a"))(t)
		for _, s := range []*store.Store{one, two} {
			if c := must(s.Claim(ctx, "instance a"))(t); c != nil {
				t.Error("instance a has two holders")
			}
		}
		other := must(two.Claim(ctx, "instance b"))(t)
		if other == nil {
			t.Fatal("another key is claimed as well")
		}
		other.Release()
		held.Release()
		select {
		case <-held.Lost():
			t.Error("a claim that was released is reported as lost")
		default:
		}
		if c := must(two.Claim(ctx, "instance a"))(t); c == nil {
			t.Error("a claim outlives its release")
		} else {
			c.Release()
		}
	})
}

func TestANewerStoreAndAWrongKeyAreRefused(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		ctx, s := t.Context(), storetest.Open(t, o)
		o2 := o
		o2.Key = bytes.Repeat([]byte{7}, 32)
		if _, err := store.Open(ctx, o2); lakeward.KindOf(err) != lakeward.KindDenied || !strings.Contains(lakeward.HintOf(err), store.KeyVariable) {
			t.Errorf("opened with another key: %v", err)
		}
		db := s.SQLite()
		if db == nil {
			db = stdlib.OpenDBFromPool(s.Postgres())
			defer db.Close()
		}
		if _, err := db.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(ctx, o)
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "99999") {
			t.Errorf("opened a store of a newer lakeward: %v", err)
		}
	})
}

func TestManyMayOpenAStoreAtOnce(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := store.Open(context.WithoutCancel(t.Context()), o)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

func TestSecretsAreNotInTheFile(t *testing.T) {
	t.Parallel()
	o := store.Options{Path: filepath.Join(t.TempDir(), "store.db")}
	s := storetest.Open(t, o)
	if _, err := s.Add(t.Context(), store.Operation{Input: json.RawMessage(`{}`)}, []byte("hunter-two")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{o.Path, o.Path + "-wal"} {
		if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, []byte("hunter-two")) {
			t.Errorf("%s holds the secret, or %v", name, err)
		}
	}
	info, err := os.Stat(o.Path + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

func TestAClaimWhoseConnectionBreaksIsLost(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, store.Options{DSN: pgtest.DB(t), KeyFile: filepath.Join(t.TempDir(), "key")})
	c := must(s.Claim(t.Context(), "operation 1"))(t)
	defer c.Release()
	if _, err := s.Postgres().Exec(t.Context(), `
		SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND d.datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Lost():
	case <-time.After(time.Minute):
		t.Error("nobody noticed")
	}
}
