package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// forged is a workspace that fails as the test wants. Its tokens live an hour by its own clock.
type forged struct {
	behind  time.Duration // its clock, to the machine's
	takes   time.Duration // to mint
	asleep  func() bool
	refuses func() error
	log     bytes.Buffer // of the route

	mu     sync.Mutex
	seen   int                  // how often the instance was looked up
	asked  []time.Time          // when a token was asked for
	minted map[string]time.Time // when each token expires, by the machine's clock
}

func (f *forged) Instance(context.Context, string) (lakeward.Instance, error) {
	f.mu.Lock()
	f.seen++
	f.mu.Unlock()
	i := lakeward.Instance{Name: "shop", UID: "1", Host: "shop.example", Status: lakeward.StatusReady}
	if f.asleep != nil && f.asleep() {
		i.Status, i.State = lakeward.StatusCreating, "STARTING"
	}
	return i, nil
}

func (f *forged) Credential(context.Context, lakeward.Instance) (lakeward.Credential, error) {
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Now())
	if f.refuses != nil {
		if err := f.refuses(); err != nil {
			return lakeward.Credential{}, err
		}
	}
	token := fmt.Sprintf("token-%d", len(f.asked))
	f.minted[token] = time.Now().Add(time.Hour)
	return lakeward.Credential{User: "ada", Token: lakeward.Secret(token), Expires: time.Now().Add(time.Hour - f.behind)}, nil
}

// login is a login without the network, which has no place in a time that is not the real one: the Connector puts the
// credential in behind a TLS handshake that is already done, and what PostgreSQL would refuse is refused.
func (f *forged) login(ctx context.Context, c *lakeward.Connector, done net.Conn) (*upstream, error) {
	cfg, err := c.Config(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := cfg.AfterNetConnect(ctx, &cfg.Config, done); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !time.Now().Before(f.minted[cfg.Password]) {
		return nil, &pgconn.PgError{Severity: "FATAL", Code: "28P01", Message: "password authentication failed"}
	}
	return &upstream{}, nil
}

// TestNoFailureOfTokensReachesAClient makes the logins of clients in a time that passes as the test wants.
func TestNoFailureOfTokensReachesAClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	done, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nothing is sent
	if err != nil {
		t.Fatal(err)
	}
	defer done.Close()
	// client makes a login as for a client who waits for at most two hours, and returns how long it has waited.
	client := func(t *testing.T, r *route) time.Duration {
		t.Helper()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		_, err := r.persist(ctx, r.connector(), want{database: lakeward.DefaultDatabase})
		if err != nil {
			t.Errorf("a client heard of it: %v", err)
			return 0
		}
		return time.Since(began)
	}
	for name, test := range map[string]func(*testing.T, *route, *forged){
		"sleep three hours": func(t *testing.T, r *route, f *forged) {
			client(t, r)
			time.Sleep(3 * time.Hour)
			if waited := client(t, r); waited > 0 || len(f.asked) != 2 {
				t.Errorf("waited %s, %d tokens", waited, len(f.asked))
			}
		},
		"a clock that is hours ahead": func(t *testing.T, r *route, f *forged) {
			f.behind = 5 * time.Hour
			for range 3 {
				client(t, r)
			}
		},
		"an instance that starts for twenty minutes": func(t *testing.T, r *route, f *forged) {
			began := time.Now()
			f.asleep = func() bool { return time.Since(began) < 20*time.Minute }
			if waited := client(t, r); waited < 20*time.Minute || waited > 21*time.Minute {
				t.Errorf("waited %s", waited)
			}
			if f.seen > 600 {
				t.Errorf("the workspace was asked %d times in these twenty minutes", f.seen)
			}
		},
		"no token for an hour": func(t *testing.T, r *route, f *forged) {
			began := time.Now()
			f.refuses = func() error {
				if time.Since(began) < time.Hour {
					return lakeward.Errorf(lakeward.KindUnavailable, "", "the workspace is down")
				}
				return nil
			}
			if waited := client(t, r); waited < time.Hour || waited > time.Hour+time.Minute {
				t.Errorf("waited %s", waited)
			}
			if n := len(f.asked); n > 300 {
				t.Errorf("the workspace was asked %d times in that hour", n)
			}
		},
		"refreshes that fail until long after the token has expired": func(t *testing.T, r *route, f *forged) {
			client(t, r)
			time.Sleep(40 * time.Minute)
			f.refuses = func() error { return lakeward.Errorf(lakeward.KindUnavailable, "", "the workspace is down") }
			for range 19 {
				if waited := client(t, r); waited > 0 {
					t.Errorf("waited %s although the old token is good", waited)
				}
				time.Sleep(time.Minute)
			}
			down := time.Now()
			f.refuses = func() error {
				if time.Since(down) < 31*time.Minute {
					return lakeward.Errorf(lakeward.KindUnavailable, "", "the workspace is down")
				}
				return nil
			}
			time.Sleep(time.Minute)
			client(t, r) // waits until the workspace is back
		},
		"an API that throttles": func(t *testing.T, r *route, f *forged) {
			began := time.Now()
			f.refuses = func() error {
				if time.Since(began) < 10*time.Minute {
					return lakeward.Errorf(lakeward.KindThrottled, "", "too many requests")
				}
				return nil
			}
			var clients sync.WaitGroup
			for range 20 {
				clients.Go(func() { client(t, r) })
			}
			clients.Wait()
			if n := len(f.asked); n > 60 {
				t.Errorf("%d requests of 20 clients in ten minutes", n)
			}
		},
		"a token that expires in the middle of a burst": func(t *testing.T, r *route, f *forged) {
			client(t, r)
			f.takes = 25 * time.Millisecond
			var burst sync.WaitGroup
			for i := range 50 {
				burst.Go(func() {
					time.Sleep(time.Hour - 25*time.Millisecond + time.Duration(i)*time.Millisecond)
					client(t, r)
				})
			}
			burst.Wait()
			if len(f.asked) != 2 {
				t.Errorf("%d tokens", len(f.asked))
			}
			if f.log.Len() > 0 {
				t.Errorf("logins were tried again:\n%s", &f.log)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &forged{minted: map[string]time.Time{}}
				r := newRoute(RouteConfig{Name: "shop", Instance: "shop"}, func(name string) *lakeward.Connector {
					return lakeward.NewConnector(f, name, lakeward.ConnectOptions{})
				}, newMetrics(&Server{}), slog.New(slog.NewTextHandler(&f.log, nil)))
				r.login = func(ctx context.Context, c *lakeward.Connector, _ want) (*upstream, error) {
					return f.login(ctx, c, done)
				}
				test(t, r, f)
			})
		})
	}
}
