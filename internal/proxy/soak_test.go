//go:build soak

package proxy_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward/internal/proxy"
	"github.com/lakeward/lakeward/lakewardtest"
)

func init() { rowMegabytes = 1000 }

// TestSoak lets thousands of clients come and go while the tokens that log them in live for five seconds. Those of the route
// in session mode each log in; those in transaction mode share sessions that are replaced all the time:
// go test -tags soak -run TestSoak -v ./internal/proxy (under a minute).
func TestSoak(t *testing.T) {
	t.Parallel()
	l := &lake{Lakebase: lakewardtest.Config{TokenTTL: 5 * time.Second}.Start(t)}
	l.shop = l.Instance(t, "shop")
	own := l.start(t, nil)
	shared := l.start(t, func(r *proxy.RouteConfig) {
		r.Mode, r.PoolSize, r.Lifetime = proxy.ModeTransaction, 8, 200*time.Millisecond
	})
	const connections = 10_000
	began := time.Now()
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for {
				n := next.Add(1)
				if n > connections {
					return
				}
				p := shared
				if n%10 == 0 {
					p = own
				}
				conn, err := pgconn.Connect(t.Context(), p.dsn())
				if err == nil {
					_, err = conn.Exec(t.Context(), "SELECT 1").ReadAll()
					conn.Close(t.Context())
				}
				if err != nil {
					t.Errorf("connection %d: %v", n, err)
					return
				}
			}
		})
	}
	clients.Wait()
	t.Logf("%d connections in %s", connections, time.Since(began).Round(time.Millisecond))
}
