// Package lakewardtest gives the tests of an application a Lakebase to run on, in the way of httptest: real PostgreSQL
// behind the Databricks APIs, with tokens that expire and certificates that are verified. The application under test
// runs the code that it runs in production.
//
//	func TestOrders(t *testing.T) {
//		pool, err := lakewardtest.Start(t).Instance(t, "shop").Pool(t.Context())
//		…
//	}
//
// It needs Linux with PostgreSQL 15 or newer, no network and no account. Starting one takes a few seconds, so share it
// between subtests. Everything stops, and its folder is removed, when the test ends.
package lakewardtest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/standin"
)

// startTimeout bounds what a healthy machine does in seconds.
const startTimeout = 2 * time.Minute

// Config adjusts a local Lakebase. The zero value is what [Start] uses.
type Config struct {
	// TokenTTL is how long database credentials live; zero means an hour, as in Lakebase. To see what an application
	// does when its tokens expire, [Lakebase.ExpireTokens] is quicker.
	TokenTTL time.Duration

	// Limits of the workspace where they shall differ from Lakebase's, such as an endpoint that sleeps after a second.
	Limits Limits
}

// Limits are those of a workspace; zero means Lakebase's own.
type Limits = standin.Limits

// Fault is something that goes wrong because a test asked for it; see [Lakebase.Inject].
type Fault = standin.Fault

// What can go wrong.
const (
	FaultFail   = standin.FaultFail   // calls of a route fail
	FaultDelay  = standin.FaultDelay  // calls of a route are late
	FaultRefuse = standin.FaultRefuse // good tokens are refused at login
	FaultKill   = standin.FaultKill   // a node dies
	FaultFreeze = standin.FaultFreeze // a node stands still
	FaultThaw   = standin.FaultThaw   // and goes on
	FaultFill   = standin.FaultFill   // an instance has reached its logical size and is read-only
	FaultDrain  = standin.FaultDrain  // and has not any more
)

// Lakebase is a local Lakebase at work.
type Lakebase struct {
	Workspace *databricks.Workspace // signed in as its admin

	Host   string          // of the workspace: http://127.0.0.1:port
	Token  lakeward.Secret // a personal access token of the admin
	CAFile string          // the certificate authority of its endpoints

	server *standin.Lakebase
}

// Start starts a local Lakebase that ends with the test. It fails the test when it cannot.
func Start(t testing.TB) *Lakebase {
	t.Helper()
	return Config{}.Start(t)
}

// Start is [Start] with a configuration.
func (c Config) Start(t testing.TB) *Lakebase {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	server, err := standin.Start(ctx, standin.Options{
		Dir:      folder(t),
		API:      "127.0.0.1:0",
		TokenTTL: c.TokenTTL,
		Limits:   c.Limits,
		Fast:     true,
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(failure(err))
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("stop the local Lakebase: %v", err)
		}
	})
	w := server.Workspace()
	l := &Lakebase{Host: w.Host, Token: lakeward.Secret(w.Token), CAFile: w.CAFile, server: server}
	if l.Workspace, err = databricks.Open(ctx, databricks.Config{Host: l.Host, Token: l.Token}); err != nil {
		t.Fatal(failure(err))
	}
	return l
}

// Instance creates an instance and returns a connector to it. It fails the test when it cannot.
func (l *Lakebase) Instance(t testing.TB, name string) *lakeward.Connector {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if _, err := l.Workspace.Create(ctx, databricks.Spec{Name: name}, nil); err != nil {
		t.Fatal(failure(err))
	}
	return lakeward.NewConnector(l.Workspace, name, l.Options())
}

// Options returns options for a connector of one's own: they say which certificate authority to trust.
func (l *Lakebase) Options() lakeward.ConnectOptions {
	return lakeward.ConnectOptions{RootCAs: l.CAFile}
}

// ExpireTokens makes every database credential that was minted until now an expired one: new logins with them are
// refused, and open sessions stay.
func (l *Lakebase) ExpireTokens(t testing.TB) {
	t.Helper()
	if err := l.server.ExpireCredentials(); err != nil {
		t.Fatal(failure(err))
	}
}

// Inject lets something go wrong.
func (l *Lakebase) Inject(t testing.TB, f Fault) {
	t.Helper()
	if err := l.server.Inject(t.Context(), f); err != nil {
		t.Fatal(failure(err))
	}
}

// Env returns the environment with which a program reaches the local Lakebase through this module or an SDK of
// Databricks, for [testing.T.Setenv] or [os/exec.Cmd].
func (l *Lakebase) Env() map[string]string {
	return map[string]string{
		"DATABRICKS_HOST":  l.Host,
		"DATABRICKS_TOKEN": l.Token.Reveal(),
		"PGSSLROOTCERT":    l.CAFile,
	}
}

// folder makes a folder that the user PostgreSQL runs as can enter: for root that is another user, who cannot enter the
// folders of t.TempDir.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lakewardtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the local Lakebase's folder: %v", err)
		}
	})
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// failure shows an error with its hint.
func failure(err error) string {
	if hint := lakeward.HintOf(err); hint != "" {
		return err.Error() + "\n  → " + hint
	}
	return err.Error()
}
