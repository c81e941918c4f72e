package lakeward_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// refusal is a login that fails, and what is said then.
type refusal struct {
	prepare func(t *testing.T, s *shop)
	options lakeward.ConnectOptions
	kind    lakeward.Kind
	message string
	hint    string
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
	tests := map[string]refusal{
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
	wrong := lakeward.ConnectOptions{User: pgtest.Owner, Password: "wrong"}
	pooled := wrong
	pooled.Pooled = true
	bouncer := func(words string) func(t *testing.T, s *shop) { // PgBouncer 1.18 has said all of these
		return func(t *testing.T, s *shop) {
			s.Change(func(i *lakeward.Instance) { i.PooledHost = "localhost" })
			s.words = &pgwire.Error{Code: "08P01", Message: words}
		}
	}
	for name, test := range map[string]refusal{
		"a wrong password": {nil, wrong, lakeward.KindUnauthenticated, "28P01", "check User and Password, and that the instance"},
		"a wrong password at the pooler": {
			bouncer("SASL authentication failed"), pooled, lakeward.KindUnauthenticated, "SASL authentication failed", "the pooler takes the password",
		},
		"a pooler that says it with PostgreSQL's number": {
			func(t *testing.T, s *shop) { s.Change(func(i *lakeward.Instance) { i.PooledHost = "localhost" }) },
			pooled, lakeward.KindUnauthenticated, "28P01", "no tokens",
		},
		"a database that the pooler does not know": {bouncer("no such database: nowhere"), pooled, lakeward.KindNotFound, "nowhere", "create the database"},
		"a pooler without a session":               {bouncer("query_wait_timeout"), pooled, lakeward.KindUnavailable, "query_wait_timeout", "fewer connections"},
	} {
		tests[name] = test
	}
	workspace := func(kind lakeward.Kind) func(*testing.T, *shop) {
		return func(_ *testing.T, s *shop) { s.err = lakeward.Errorf(kind, "wait", "look up instance shop") }
	}
	reasons := map[string]lakeward.Reason{
		"a wrong password": lakeward.ReasonPassword, "a wrong password at the pooler": lakeward.ReasonPassword,
		"a pooler that says it with PostgreSQL's number": lakeward.ReasonPassword, "a pooler without a session": lakeward.ReasonFull,
		"a workspace that does not answer": lakeward.ReasonUnreachable, "a workspace that throttles": lakeward.ReasonThrottled,
		"a stranger to the workspace": lakeward.ReasonPrincipal,
		"a stopped instance":          lakeward.ReasonAsleep, "an instance that is being made": lakeward.ReasonAsleep,
		"an instance that does not answer": lakeward.ReasonUnreachable, "a host without an address": lakeward.ReasonUnreachable,
		"a role that may not connect": lakeward.ReasonGrantMissing, "an identity without a role": lakeward.ReasonRoleMissing,
	}
	for name, test := range map[string]refusal{
		"a workspace that does not answer": {workspace(lakeward.KindUnavailable), lakeward.ConnectOptions{}, lakeward.KindUnavailable, "look up", "wait"},
		"a workspace that throttles":       {workspace(lakeward.KindThrottled), lakeward.ConnectOptions{}, lakeward.KindThrottled, "look up", "wait"},
		"a stranger to the workspace":      {workspace(lakeward.KindDenied), lakeward.ConnectOptions{}, lakeward.KindDenied, "look up", "wait"},
	} {
		tests[name] = test
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
			if (name == "no such database" || name == "a role that may not connect") && s.minted != 3 {
				t.Errorf("minted %d tokens for three connectors: another one does not help", s.minted)
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

// TestExplain asks what the errors mean that a pool returns later, which are pgx's own.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	c := s.connector(lakeward.ConnectOptions{})
	pool, err := c.Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	first, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	s.Refuse(1, 2)
	_, refused := pool.Acquire(t.Context())
	err = c.Explain(refused)
	if lakeward.ReasonOf(err) != lakeward.ReasonRoleMissing || !strings.Contains(lakeward.HintOf(err), "databricks_create_role") {
		t.Errorf("%v is explained as %v", refused, err)
	}
	_, wrong := first.Exec(t.Context(), "SELECT nonsense")
	if wrong == nil || c.Explain(wrong).Error() != wrong.Error() || c.Explain(nil) != nil {
		t.Errorf("an error that is not of a login: %v, explained as %v", wrong, c.Explain(wrong))
	}
}
