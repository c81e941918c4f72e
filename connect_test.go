package lakeward_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// A way to a connection, as an application uses it. It returns what the query says.
type way func(ctx context.Context, c *lakeward.Connector, query string) (string, error)

var ways = map[string]way{
	"Connect": func(ctx context.Context, c *lakeward.Connector, query string) (answer string, err error) {
		conn, err := c.Connect(ctx)
		if err != nil {
			return "", err
		}
		defer conn.Close(ctx)
		return answer, conn.QueryRow(ctx, query).Scan(&answer)
	},
	"Pool": func(ctx context.Context, c *lakeward.Connector, query string) (answer string, err error) {
		pool, err := c.Pool(ctx)
		if err != nil {
			return "", err
		}
		defer pool.Close()
		return answer, pool.QueryRow(ctx, query).Scan(&answer)
	},
	"DB": func(ctx context.Context, c *lakeward.Connector, query string) (answer string, err error) {
		db := c.DB()
		defer db.Close()
		return answer, db.QueryRowContext(ctx, query).Scan(&answer)
	},
	"Config for pgx": func(ctx context.Context, c *lakeward.Connector, query string) (answer string, err error) {
		cfg, err := c.Config(ctx)
		if err != nil {
			return "", err
		}
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			return "", err
		}
		defer conn.Close(ctx)
		return answer, conn.QueryRow(ctx, query).Scan(&answer)
	},
	"Config for pgxpool": func(ctx context.Context, c *lakeward.Connector, query string) (answer string, err error) {
		cfg, err := pgxpool.ParseConfig("")
		if err != nil {
			return "", err
		}
		if cfg.ConnConfig, err = c.Config(ctx); err != nil {
			return "", err
		}
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return "", err
		}
		defer pool.Close()
		return answer, pool.QueryRow(ctx, query).Scan(&answer)
	},
}

func TestLogin(t *testing.T) {
	t.Parallel()
	for name, query := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			t.Run("logs in with the identity of the credential", func(t *testing.T) {
				t.Parallel()
				s := openShop(t)
				got, err := query(t.Context(), s.connector(lakeward.ConnectOptions{}), "SELECT current_user")
				if err != nil || got != pgtest.Owner {
					t.Errorf("current_user = %q, %v", got, err)
				}
				if logins := s.Logins(); logins != "token-1" {
					t.Errorf("logins with %s", logins)
				}
			})

			t.Run("a refused token is replaced once, unseen", func(t *testing.T) {
				t.Parallel()
				s := openShop(t)
				s.Refuse(1)
				if _, err := query(t.Context(), s.connector(lakeward.ConnectOptions{}), "SELECT 'ok'"); err != nil {
					t.Errorf("after a refused token: %v", err)
				}
				if logins := s.Logins(); logins != "token-1 token-2" {
					t.Errorf("logins with %s", logins)
				}
			})

			t.Run("a second refusal is an error without the token", func(t *testing.T) {
				t.Parallel()
				s := openShop(t)
				s.Refuse(1, 2, 3, 4, 5)
				_, err := query(t.Context(), s.connector(lakeward.ConnectOptions{}), "SELECT 'ok'")
				if err == nil || !strings.Contains(err.Error(), "28P01") {
					t.Fatalf("error %v", err)
				}
				if logins := s.Logins(); logins != "token-1 token-2" {
					t.Errorf("logins with %s", logins)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					if text := fmt.Sprintf("%v %+v", e, e); strings.Contains(text, "token-") {
						t.Errorf("the error shows a token: %s", text)
					}
				}
			})
		})
	}
}

func TestPoolOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	pool, err := s.connector(lakeward.ConnectOptions{MaxConns: 3}).Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	first, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()

	s.Refuse(1) // as if it had expired
	for range 2 {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatalf("a new connection of the pool: %v", err)
		}
		defer conn.Release()
	}
	if logins := s.Logins(); logins != "token-1 token-1 token-2 token-2" {
		t.Errorf("logins with %s", logins)
	}
	if err := first.Ping(t.Context()); err != nil {
		t.Errorf("the session of the first token: %v", err)
	}
	if n := pool.Config().MaxConns; n != 3 {
		t.Errorf("the pool has %d connections at most", n)
	}
	_, err = s.connector(lakeward.ConnectOptions{MaxConns: -1}).Pool(t.Context())
	if lakeward.KindOf(err) != lakeward.KindInvalid || !strings.Contains(lakeward.HintOf(err), "MaxConns") {
		t.Errorf("a pool of no connections: %v", err)
	}
}

func TestConnectOptions(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	tests := map[string]struct {
		options lakeward.ConnectOptions
		query   string
		want    string
	}{
		"search_path":                 {lakeward.ConnectOptions{Schema: `Or"ders`}, "SHOW search_path", `"Or""ders", public`},
		"search_path of public":       {lakeward.ConnectOptions{Schema: "public"}, "SHOW search_path", `"public"`},
		"search_path of the server":   {lakeward.ConnectOptions{}, "SHOW search_path", `"$user", public`},
		"application name":            {lakeward.ConnectOptions{ApplicationName: "till 4"}, "SHOW application_name", "till 4"},
		"application name by default": {lakeward.ConnectOptions{}, "SHOW application_name", "lakeward"},
		"a setting":                   {lakeward.ConnectOptions{Schema: "public", Settings: map[string]string{"statement_timeout": "7s"}}, "SHOW statement_timeout", "7s"},
		"database":                    {lakeward.ConnectOptions{Database: "postgres"}, "SELECT current_database()", "postgres"},
		"without a certificate check": {lakeward.ConnectOptions{SSLMode: "require", RootCAs: s.CA}, "SELECT 'ok'", "ok"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, query := range ways {
				got, err := query(t.Context(), s.connector(test.options), test.query)
				if err != nil || got != test.want {
					t.Errorf("%s: %s = %q, %v; want %q", name, test.query, got, err, test.want)
				}
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	s := openShop(t)
	port := 0
	s.Change(func(i *lakeward.Instance) { port, i.Port = i.Port, 1 })
	for name, value := range map[string]string{
		"PGPORT": fmt.Sprint(port), "PGSSLMODE": "verify-full", "PGSSLROOTCERT": s.CA, "PGAPPNAME": "from the environment",
		"PGHOST": "elsewhere.invalid", "PGUSER": "somebody", "PGPASSWORD": "secret",
	} {
		t.Setenv(name, value)
	}
	c := lakeward.NewConnector(s, "shop", lakeward.ConnectOptions{})
	for name, query := range ways {
		got, err := query(t.Context(), c, "SHOW application_name")
		if err != nil || got != "from the environment" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}

	t.Setenv("PGSSLROOTCERT", "/nowhere/ca.pem")
	for _, path := range []string{"Connect", "Pool", "DB"} {
		if _, err := ways[path](t.Context(), s.connector(lakeward.ConnectOptions{}), "SELECT 'ok'"); err != nil {
			t.Errorf("%s: RootCAs does not beat PGSSLROOTCERT: %v", path, err)
		}
	}

	for _, mode := range []string{"disable", "allow", "prefer"} {
		t.Setenv("PGSSLMODE", mode)
		if _, err := c.Connect(t.Context()); lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("PGSSLMODE=%s: %v", mode, err)
		}
	}
	t.Setenv("PGSSLMODE", "require")
	t.Setenv("PGSSLROOTCERT", "")
	if _, err := ways["Connect"](t.Context(), c, "SELECT 'ok'"); err != nil {
		t.Errorf("PGSSLMODE=require: %v", err)
	}
}

func TestTokensDoNotShow(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	connector := s.connector(lakeward.ConnectOptions{})
	config, err := connector.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rotator := lakeward.NewRotator(s, lakeward.Instance{Name: "shop"}, lakeward.RotatorOptions{})
	credential, err := rotator.Credential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{credential, &credential, []lakeward.Secret{credential.Token}, rotator, connector, config} {
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "token-") {
				t.Errorf("%T printed with %s shows the token: %s", v, verb, text)
			}
		}
	}
}

// The instance may move between two connections: it was stopped and started, or deleted and made again.
func TestConnectorLooksAnUnreachableInstanceUpAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	port := 0
	s.Change(func(i *lakeward.Instance) { port, i.Port = i.Port, 1 }) // where nobody listens
	c := s.connector(lakeward.ConnectOptions{})
	if _, err := c.Config(t.Context()); err != nil { // it knows the instance now
		t.Fatal(err)
	}
	s.Change(func(i *lakeward.Instance) { i.Status = lakeward.StatusStopped })
	if _, err := c.Connect(t.Context()); lakeward.HintOf(err) != "start it (lakeward instance start shop)" {
		t.Errorf("once it is stopped: %v", err)
	}
	back := func(uid, login string) {
		t.Helper()
		s.Change(func(i *lakeward.Instance) { i.Status, i.Port, i.UID = lakeward.StatusReady, port, uid })
		if _, err := ways["Connect"](t.Context(), c, "SELECT 'ok'"); err != nil {
			t.Errorf("once it is back: %v", err)
		}
		if logins := s.Logins(); logins != login {
			t.Errorf("logins with %s, want %s", logins, login)
		}
		cfg, err := c.Config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cfg.Port = 1
		if _, err := pgx.ConnectConfig(t.Context(), cfg); err == nil { // it looks the instance up again
			t.Error("somebody listens where nobody does")
		}
	}
	back("uid-1", "token-1")
	back("uid-1", "token-1") // which is good for this instance
	back("uid-2", "token-2")
}

func TestConnectCanBeCancelled(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := openShop(t)
	s.Change(func(i *lakeward.Instance) { i.Port = silent.Addr().(*net.TCPAddr).Port })

	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		defer close(accepted)
		if conn, err := silent.Accept(); err == nil {
			accepted <- conn
		}
		cancel()
	}()
	if _, err := s.connector(lakeward.ConnectOptions{}).Connect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for conn := range accepted {
		conn.Close()
	}

	_, err = s.connector(lakeward.ConnectOptions{ConnectTimeout: 100 * time.Millisecond}).Connect(t.Context())
	if lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) == "" {
		t.Errorf("a server that says nothing: %v", err)
	}
}
