package standin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// shared is the Lakebase of all tests that do not need one of their own: starting PostgreSQL costs.
var shared *Lakebase

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if dir := os.Getenv(childVariable); dir != "" {
		beChild(dir)
	}
	flag.Parse()
	// The SDK must see nothing of the machine it runs on.
	os.Setenv("DATABRICKS_CONFIG_FILE", os.DevNull)
	dir, err := tempFolder()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	options := Options{Dir: dir, API: "127.0.0.1:0", Fast: true}
	if testing.Verbose() {
		options.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if shared, err = Start(context.Background(), options); err != nil {
		fmt.Fprintln(os.Stderr, "start the Lakebase of all tests:", err)
		return 1
	}
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the Lakebase of all tests:", err)
		code = 1
	}
	if err := goleak.Find(goleak.IgnoreTopFunction(sdkWorker)); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// sdkWorker is started by a package that the SDK imports, when the program starts.
const sdkWorker = "go.opencensus.io/stats/view.(*worker).start"

// tempFolder makes a folder that PostgreSQL's own user can pass.
func tempFolder() (string, error) {
	dir, err := os.MkdirTemp("", "lakebase")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// folder makes a folder for a Lakebase of one test.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := tempFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start starts a Lakebase of one test.
func start(t *testing.T, dir string) *Lakebase {
	t.Helper()
	return startWith(t, Options{Dir: dir})
}

func startWith(t *testing.T, o Options) *Lakebase {
	t.Helper()
	o.API, o.Fast = "127.0.0.1:0", true
	l, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// userClient is the official SDK, signed in as the administrator with a personal access token.
func userClient(t *testing.T, l *Lakebase) *databricks.WorkspaceClient {
	t.Helper()
	return client(t, &databricks.Config{Host: l.Workspace().Host, Token: l.Workspace().Token})
}

// principalClient is the official SDK, signed in as the service principal with OAuth.
func principalClient(t *testing.T, l *Lakebase) *databricks.WorkspaceClient {
	t.Helper()
	w := l.Workspace()
	return client(t, &databricks.Config{Host: w.Host, ClientID: w.ClientID, ClientSecret: w.ClientSecret})
}

func client(t *testing.T, c *databricks.Config) *databricks.WorkspaceClient {
	t.Helper()
	w, err := databricks.NewWorkspaceClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// project makes a project and waits for it.
func makeProject(t *testing.T, w *databricks.WorkspaceClient, id string) *postgres.Project {
	t.Helper()
	return makeProjectWith(t, w, id, nil)
}

// makeProjectWith is makeProject with settings for its endpoints.
func makeProjectWith(t *testing.T, w *databricks.WorkspaceClient, id string, settings *postgres.ProjectDefaultEndpointSettings) *postgres.Project {
	t.Helper()
	op, err := w.Postgres.CreateProject(t.Context(), postgres.CreateProjectRequest{
		ProjectId: id, Project: postgres.Project{Spec: &postgres.ProjectSpec{DefaultEndpointSettings: settings}},
	})
	if err != nil {
		t.Fatal(err)
	}
	discard(t, w, id)
	p, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// discard deletes a project of the shared Lakebase when the test is over, so that the test can be repeated. A Lakebase
// of one test ends with it.
func discard(t *testing.T, w *databricks.WorkspaceClient, id string) {
	t.Helper()
	if w.Config.Host != shared.Workspace().Host {
		return
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		op, err := w.Postgres.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: "projects/" + id, Purge: true})
		if err == nil {
			err = op.Wait(ctx)
		}
		if err != nil && !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("delete project %s: %v", id, err)
		}
	})
}

// primaryOf returns the primary endpoint of a branch.
func primaryOf(t *testing.T, w *databricks.WorkspaceClient, branch string) *postgres.Endpoint {
	t.Helper()
	e, err := w.Postgres.GetEndpoint(t.Context(), postgres.GetEndpointRequest{Name: branch + "/endpoints/primary"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// token mints a credential for an endpoint.
func token(t *testing.T, w *databricks.WorkspaceClient, endpoint string) string {
	t.Helper()
	c, err := w.Postgres.GenerateDatabaseCredential(t.Context(),
		postgres.GenerateDatabaseCredentialRequest{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return c.Token
}

// login connects as a client does: TLS, server's certificate checked against the authority's file and the address.
func login(t *testing.T, l *Lakebase, host, user, password, database string) (*pgx.Conn, error) {
	t.Helper()
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d dbname=%s sslmode=verify-full sslrootcert=%s",
		host, l.port, database, l.Workspace().CAFile))
	if err != nil {
		t.Fatal(err)
	}
	c.User, c.Password = user, password
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c)
	if err == nil {
		t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

// connect mints a credential of the client's identity and connects with it to an endpoint.
func connect(t *testing.T, l *Lakebase, w *databricks.WorkspaceClient, endpoint *postgres.Endpoint) *pgx.Conn {
	t.Helper()
	me, err := w.CurrentUser.Me(t.Context(), meRequest)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := login(t, l, endpoint.Status.Hosts.Host, me.UserName, token(t, w, endpoint.Name), "databricks_postgres")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// value returns the only value of a query.
func value[T any](t *testing.T, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// exists reports whether there is a data folder.
func exists(l *Lakebase, parts ...string) bool {
	_, err := os.Stat(filepath.Join(append([]string{l.dir, "pg"}, parts...)...))
	return err == nil
}

// await asks until the answer is yes.
func await(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
