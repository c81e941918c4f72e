package proxy_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/proxy"
	"github.com/lakeward/lakeward/lakewardtest"
)

// moody is the workspace as a proxy sees it whose clock may be wrong, and which is out of order at times.
type moody struct {
	lakeward.Workspace
	ahead time.Duration         // the proxy's clock
	fails atomic.Pointer[error] // what it answers instead of minting
	asked atomic.Int64
	until atomic.Pointer[time.Time] // the last token is good
}

func (m *moody) Credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error) {
	m.asked.Add(1)
	if err := m.fails.Load(); err != nil {
		return lakeward.Credential{}, *err
	}
	c, err := m.Workspace.Credential(ctx, i)
	expires := c.Expires
	m.until.Store(&expires)
	c.Expires = c.Expires.Add(-m.ahead)
	return c, err
}

func (m *moody) fail(kind lakeward.Kind) {
	err := error(lakeward.Errorf(kind, "try again later", "out of order"))
	m.fails.Store(&err)
}

func (m *moody) mend() { m.fails.Store(nil) }

// TestNoClientHearsOfTokens lets clients come to a proxy in front of a Lakebase whose tokens live for seconds instead of an
// hour. What a proxy does in hours is in TestNoFailureOfTokensReachesAClient.
func TestNoClientHearsOfTokens(t *testing.T) {
	t.Parallel()
	l := &lake{Lakebase: lakewardtest.Config{TokenTTL: 3 * time.Second}.Start(t)}
	l.shop = l.Instance(t, "shop")
	expired := func(t *testing.T, m *moody) {
		t.Helper()
		until(t, "the token has expired", func() bool { return time.Now().After(*m.until.Load()) })
	}
	// come lets clients come at once, and returns a function that waits until each has asked something.
	come := func(t *testing.T, p *running, clients int) (served func()) {
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				conn, err := pgx.Connect(t.Context(), p.dsn())
				if err == nil {
					_, err = conn.Exec(t.Context(), "SELECT 1")
					conn.Close(t.Context())
				}
				if err != nil {
					t.Errorf("a client heard of it: %v", err)
				}
			})
		}
		return all.Wait
	}
	wait := func(t *testing.T, p *running, clients int) {
		t.Helper()
		until(t, "the clients wait", func() bool { return strings.Count(p.log.String(), "login retried") >= clients })
	}
	for name, test := range map[string]struct {
		ahead time.Duration
		run   func(*testing.T, *running, *moody)
	}{
		"a session that outlives its token, and those who come then": {run: func(t *testing.T, p *running, m *moody) {
			open := p.connect(t)
			expired(t, m)
			come(t, p, 5)()
			execute(t, open, "SELECT 1")
		}},
		"a clock that is ahead": {ahead: 5 * time.Hour, run: func(t *testing.T, p *running, _ *moody) {
			come(t, p, 3)()
		}},
		"a clock that is behind": {ahead: -5 * time.Hour, run: func(t *testing.T, p *running, m *moody) {
			come(t, p, 1)()
			expired(t, m) // which the proxy does not know
			come(t, p, 5)()
		}},
		"a workspace that is down when the token has expired": {run: func(t *testing.T, p *running, m *moody) {
			come(t, p, 1)()
			m.fail(lakeward.KindUnavailable)
			expired(t, m)
			served := come(t, p, 5)
			wait(t, p, 5)
			m.mend()
			served()
		}},
		"an API that throttles": {run: func(t *testing.T, p *running, m *moody) {
			m.fail(lakeward.KindThrottled)
			served := come(t, p, 10)
			wait(t, p, 10)
			m.mend()
			served()
		}},
		"tokens that expire in the middle of a burst": {run: func(t *testing.T, p *running, m *moody) {
			for m.asked.Load() < 3 && !t.Failed() {
				come(t, p, 4)()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &moody{Workspace: l.Workspace, ahead: test.ahead}
			c := proxy.Config{Routes: []proxy.RouteConfig{{Instance: "shop", Listen: []string{"127.0.0.1:0"}}}}
			p := l.startWith(t, c, func(name string) *lakeward.Connector { return lakeward.NewConnector(m, name, l.Options()) })
			test.run(t, p, m)
		})
	}
}
