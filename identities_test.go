package lakeward_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestIdentitiesHavePoolsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	var opened atomic.Int64
	all := lakeward.NewIdentities("shop", lakeward.ConnectOptions{RootCAs: s.CA, MaxConns: 1}, 2,
		func(_ context.Context, who string) (lakeward.Workspace, error) {
			opened.Add(1)
			if who == "stranger" {
				return nil, lakeward.Errorf(lakeward.KindDenied, "", "no workspace for %s", who)
			}
			return s, nil
		})
	defer all.Close()
	use := func(who string) (pid int, err error) {
		return pid, all.Use(t.Context(), who, func(p *pgxpool.Pool) error {
			return p.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid)
		})
	}
	must := func(who string) int {
		t.Helper()
		pid, err := use(who)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	anna, ben := must("anna"), must("ben")
	if anna == ben || must("anna") != anna || opened.Load() != 2 {
		t.Errorf("sessions %d and %d, %d pools were opened", anna, ben, opened.Load())
	}
	must("carla") // the third of two: ben has not been here for the longest time
	if must("anna") != anna || must("ben") == ben {
		t.Error("the wrong pool was closed")
	}
	if _, err := use("stranger"); lakeward.ReasonOf(err) != lakeward.ReasonPrincipal {
		t.Errorf("a stranger: %v", err)
	}
	failed := errors.New("what the caller did")
	if err := all.Use(t.Context(), "anna", func(*pgxpool.Pool) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	var crowd sync.WaitGroup
	before := opened.Load()
	for range 20 {
		crowd.Go(func() {
			if _, err := use("dora"); err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	if opened.Load() != before+1 {
		t.Errorf("twenty who came at once opened %d pools", opened.Load()-before)
	}
}

func TestReadOnlyHost(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for name, query := range ways {
		_, err := query(t.Context(), s.connector(lakeward.ConnectOptions{ReadOnly: true}), "SELECT 'ok'")
		if lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("%s: no secondaries: %v", name, err)
		}
	}
	s.Change(func(i *lakeward.Instance) { i.Host, i.ReadOnlyHost = "primary.invalid", "localhost" })
	for name, query := range ways {
		if got, err := query(t.Context(), s.connector(lakeward.ConnectOptions{ReadOnly: true}), "SELECT 'ok'"); got != "ok" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPooledHosts logs in where tokens are not taken.
func TestPooledHosts(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	own := lakeward.ConnectOptions{Pooled: true, User: pgtest.Owner, Password: ownPassword}
	with := func(change func(*lakeward.ConnectOptions)) lakeward.ConnectOptions {
		o := own
		change(&o)
		return o
	}
	readOnly := with(func(o *lakeward.ConnectOptions) { o.ReadOnly = true })
	refused := func(what string, o lakeward.ConnectOptions, want lakeward.Kind) {
		t.Helper()
		for name, query := range ways {
			_, err := query(t.Context(), s.connector(o), "SELECT 'ok'")
			if lakeward.KindOf(err) != want || lakeward.HintOf(err) == "" {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
	refused("an instance without a pooler", own, lakeward.KindInvalid)
	s.Change(func(i *lakeward.Instance) {
		i.Host, i.ReadOnlyHost, i.PooledHost = "primary.invalid", "secondary.invalid", "localhost"
	})
	refused("a token", lakeward.ConnectOptions{Pooled: true}, lakeward.KindUnsupported)
	refused("a user without a password", lakeward.ConnectOptions{User: pgtest.Owner}, lakeward.KindInvalid)
	refused("settings", with(func(o *lakeward.ConnectOptions) { o.Schema = "shop" }), lakeward.KindInvalid)
	refused("a pooler without secondaries", readOnly, lakeward.KindInvalid)
	s.Change(func(i *lakeward.Instance) { i.ReadOnlyPooledHost = "localhost" })
	for name, query := range ways {
		for _, o := range []lakeward.ConnectOptions{own, readOnly} {
			if got, err := query(t.Context(), s.connector(o), "SELECT count(*)::text FROM pg_catalog.pg_prepared_statements"); got != "0" {
				t.Errorf("%s: %q prepared statements, %v", name, got, err)
			}
		}
	}
	if s.minted != 0 {
		t.Errorf("%d tokens were minted", s.minted)
	}
}
