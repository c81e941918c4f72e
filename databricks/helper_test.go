package databricks_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	sdk "github.com/databricks/databricks-sdk-go"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/standin"
)

// start starts a local Lakebase for the test.
func start(t *testing.T) *standin.Lakebase {
	t.Helper()
	l, err := standin.Start(t.Context(), standin.Options{
		Dir: pgtest.Dir(t), API: "127.0.0.1:0", Fast: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// open signs in to it as its admin.
func open(t *testing.T, l *standin.Lakebase) *databricks.Workspace {
	t.Helper()
	f := l.Workspace()
	ws, err := databricks.Open(t.Context(), databricks.Config{Host: f.Host, Token: lakeward.Secret(f.Token)})
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// login checks that the workspace's credentials open a session on an instance.
func login(t *testing.T, l *standin.Lakebase, ws lakeward.Workspace, instance string) {
	t.Helper()
	options := lakeward.ConnectOptions{RootCAs: l.Workspace().CAFile}
	conn, err := lakeward.NewConnector(ws, instance, options).Connect(t.Context())
	if err != nil {
		t.Errorf("log in to %s: %v", instance, err)
		return
	}
	conn.Close(context.WithoutCancel(t.Context()))
}

// expectKind checks an error's kind, and that it says what to do.
func expectKind(t *testing.T, err error, want lakeward.Kind) {
	t.Helper()
	if lakeward.KindOf(err) != want || lakeward.HintOf(err) == "" {
		t.Errorf("error %v of kind %s with hint %q, want kind %s", err, lakeward.KindOf(err), lakeward.HintOf(err), want)
	}
}

// recorder records the messages of events.
type recorder []string

func (r *recorder) progress(e lakeward.Event) { *r = append(*r, e.Phase+": "+e.Message) }

func (r recorder) expectLast(t *testing.T, want string) {
	t.Helper()
	if len(r) == 0 || r[len(r)-1] != want {
		t.Errorf("events %q, want the last to be %q", r, want)
	}
	if slices.Contains(slices.Compact(slices.Clone(r)), "") || len(slices.Compact(slices.Clone(r))) != len(r) {
		t.Errorf("events %q repeat themselves", r)
	}
}

// sdkClient is the official SDK, for what a Workspace does not do.
func sdkClient(t *testing.T, l *standin.Lakebase) *sdk.WorkspaceClient {
	t.Helper()
	f := l.Workspace()
	client, err := sdk.NewWorkspaceClient(&sdk.Config{Host: f.Host, Token: f.Token})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
