package lakewardtest_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/lakewardtest"
)

func TestFromSignInToQuery(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Start(t)
	shop := lakebase.Instance(t, "shop")

	me, err := lakebase.Workspace.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const whoami = "SELECT current_user || ' in ' || current_database()"
	want := me.UserName + " in databricks_postgres"

	t.Run("pgx", func(t *testing.T) {
		conn, err := shop.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		var got string
		if err := conn.QueryRow(t.Context(), whoami).Scan(&got); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	})

	t.Run("pgxpool", func(t *testing.T) {
		pool, err := shop.Pool(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var got string
		if err := pool.QueryRow(t.Context(), whoami).Scan(&got); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	})

	t.Run("database/sql", func(t *testing.T) {
		db := shop.DB()
		defer closeDB(t, db)
		var got string
		if err := db.QueryRowContext(t.Context(), whoami).Scan(&got); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	})

	t.Run("a stopped instance says how to start it", func(t *testing.T) {
		if _, err := lakebase.Workspace.Stop(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		_, err := shop.Connect(t.Context())
		if lakeward.KindOf(err) != lakeward.KindUnavailable || lakeward.HintOf(err) != "start it (lakeward instance start shop)" {
			t.Errorf("%v, hint %q", err, lakeward.HintOf(err))
		}
		if _, err := lakebase.Workspace.Start(t.Context(), "shop", nil); err != nil {
			t.Fatal(err)
		}
		conn, err := shop.Connect(t.Context())
		if err != nil {
			t.Fatalf("once it is started: %v", err)
		}
		conn.Close(t.Context())
	})
}

func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Start(t)
	shop := lakebase.Instance(t, "shop")

	pool, err := shop.Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	session, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Release()
	db := shop.DB()
	defer closeDB(t, db)

	// The Rotator does not know that its token is no good any more: PostgreSQL says so, with 28P01.
	lakebase.ExpireTokens(t)
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("a new connection of the pool: %v", err)
	}
	lakebase.ExpireTokens(t)
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("a new connection of database/sql: %v", err)
	}
	if err := session.Ping(t.Context()); err != nil {
		t.Errorf("a session that was open before: %v", err)
	}
}

// frozen is a workspace that always hands out the same credential.
type frozen struct {
	*databricks.Workspace
	credential lakeward.Credential
}

func (f frozen) Credential(context.Context, lakeward.Instance) (lakeward.Credential, error) {
	return f.credential, nil
}

func TestTokensOfSeconds(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Config{TokenTTL: 3 * time.Second}.Start(t)
	shop := lakebase.Instance(t, "shop")
	session, err := shop.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(context.WithoutCancel(t.Context()))

	instance, err := shop.Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	credential, err := lakebase.Workspace.Credential(t.Context(), instance)
	if err != nil {
		t.Fatal(err)
	}
	stale := lakeward.NewConnector(frozen{lakebase.Workspace, credential}, "shop", lakebase.Options())
	conn, err := stale.Connect(t.Context())
	if err != nil {
		t.Fatalf("a login with a fresh token: %v", err)
	}
	conn.Close(t.Context())

	<-time.After(time.Until(credential.Expires.Add(time.Second))) // the tokens are seconds in real time
	_, err = stale.Connect(t.Context())
	if refusal, ok := errors.AsType[*pgconn.PgError](err); !ok || refusal.Code != "28P01" {
		t.Errorf("a login with an expired token: %v", err)
	}
	if err := session.Ping(t.Context()); err != nil {
		t.Errorf("the session that was open before: %v", err)
	}
	conn, err = shop.Connect(t.Context())
	if err != nil {
		t.Fatalf("a new login: %v", err)
	}
	conn.Close(t.Context())
}

func TestEnvIsEnoughForAProgram(t *testing.T) {
	lakebase := lakewardtest.Start(t)
	for name, value := range lakebase.Env() {
		t.Setenv(name, value)
	}
	ws, err := databricks.Open(t.Context(), databricks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ws.Create(t.Context(), databricks.Spec{Name: "shop"}, nil); err != nil {
		t.Fatal(err)
	}
	conn, err := lakeward.NewConnector(ws, "shop", lakeward.ConnectOptions{}).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}

func closeDB(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
