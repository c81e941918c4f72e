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

func TestRefusals(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T) int {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	tests := map[string]struct {
		prepare func(t *testing.T, s *shop)
		options lakeward.ConnectOptions
		kind    lakeward.Kind
		message string
		hint    string
	}{
		"a stopped instance": {
			prepare: func(t *testing.T, s *shop) {
				s.Change(func(i *lakeward.Instance) { i.Status = lakeward.StatusStopped })
			},
			kind: lakeward.KindUnavailable, message: "instance shop is stopped", hint: "lakeward instance start shop",
		},
		"an instance that is being made": {
			prepare: func(t *testing.T, s *shop) {
				s.Change(func(i *lakeward.Instance) { i.State, i.Status = "STARTING", lakeward.StatusCreating })
			},
			kind: lakeward.KindUnavailable, message: "STARTING", hint: "lakeward instance show shop",
		},
		"no such instance": {
			prepare: func(t *testing.T, s *shop) { s.Change(func(i *lakeward.Instance) { i.Name = "other" }) },
			kind:    lakeward.KindNotFound, message: "no instance shop", hint: "list them",
		},
		"an instance that does not answer": {
			prepare: func(t *testing.T, s *shop) { s.Change(func(i *lakeward.Instance) { i.Port = closed(t) }) },
			kind:    lakeward.KindUnavailable, message: "reach shop", hint: "lakeward doctor shop",
		},
		"a host without an address": {
			prepare: func(t *testing.T, s *shop) { s.Change(func(i *lakeward.Instance) { i.Host = "shop.invalid" }) },
			kind:    lakeward.KindUnavailable, message: "shop.invalid", hint: "lakeward doctor shop",
		},
		"a certificate of an unknown authority": {
			options: lakeward.ConnectOptions{RootCAs: "/etc/ssl/certs/ca-certificates.crt"},
			kind:    lakeward.KindInvalid, message: "verify certificate of localhost", hint: "PGSSLROOTCERT",
		},
		"a certificate for another name": {
			prepare: func(t *testing.T, s *shop) { s.Change(func(i *lakeward.Instance) { i.Host = "127.0.0.1" }) },
			kind:    lakeward.KindInvalid, message: "verify certificate of 127.0.0.1", hint: "clock",
		},
		"no file of authorities": {
			options: lakeward.ConnectOptions{RootCAs: "/nowhere/ca.pem"},
			kind:    lakeward.KindInvalid, message: "connection to shop: unable to read CA file: open /nowhere/ca.pem", hint: "PG",
		},
		"no such database": {
			options: lakeward.ConnectOptions{Database: "nowhere"},
			kind:    lakeward.KindNotFound, message: `database "nowhere" does not exist`, hint: "create the database",
		},
		"a role that may not connect": {
			options: lakeward.ConnectOptions{Database: "closed"},
			kind:    lakeward.KindDenied, message: "permission denied for database", hint: `GRANT CONNECT, CREATE ON DATABASE "closed"`,
		},
		"an identity without a role": {
			prepare: func(t *testing.T, s *shop) { s.Refuse(1, 2, 3, 4, 5, 6) },
			kind:    lakeward.KindUnauthenticated, message: "28P01", hint: "databricks_create_role('" + pgtest.Owner + "', 'USER')",
		},
	}
	reasons := map[string]lakeward.Reason{
		"a stopped instance": lakeward.ReasonAsleep, "an instance that is being made": lakeward.ReasonAsleep,
		"an instance that does not answer": lakeward.ReasonUnreachable, "a host without an address": lakeward.ReasonUnreachable,
		"a role that may not connect": lakeward.ReasonGrantMissing, "an identity without a role": lakeward.ReasonRoleMissing,
	}
	createClosed(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t)
			if test.prepare != nil {
				test.prepare(t, s)
			}
			for _, path := range []string{"Connect", "Pool", "DB"} {
				c := s.connector(test.options)
				_, err := ways[path](t.Context(), c, "SELECT 'ok'")
				if err == nil {
					t.Fatalf("%s: no error", path)
				}
				if kind := lakeward.KindOf(err); kind != test.kind {
					t.Errorf("%s: kind %s, want %s (%v)", path, kind, test.kind, err)
				}
				if !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: error %q, want one line with %q", path, err, test.message)
				}
				if reason := lakeward.ReasonOf(err); reason != reasons[name] {
					t.Errorf("%s: reason %q, want %q", path, reason, reasons[name])
				}
				if hint := lakeward.HintOf(err); !strings.Contains(hint, test.hint) {
					t.Errorf("%s: hint %q, want %q", path, hint, test.hint)
				}
			}
			if strings.HasPrefix(name, "a certificate") && s.minted != 0 {
				t.Errorf("minted %d tokens for a server that is not trusted", s.minted)
			}
		})
	}
}

// createClosed makes a database that only the superuser may connect to.
func createClosed(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	admin, err := pgx.Connect(ctx, pgtest.Admin(t, pgtest.DB(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC"} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		defer admin.Close(ctx)
		if _, err := admin.Exec(ctx, "DROP DATABASE closed"); err != nil {
			t.Error(err)
		}
	})
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
	s.Change(func(i *lakeward.Instance) { i.Status, i.Port, i.UID = lakeward.StatusReady, port, "uid-2" })
	if _, err := ways["Connect"](t.Context(), c, "SELECT 'ok'"); err != nil {
		t.Errorf("once it is back: %v", err)
	}
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
