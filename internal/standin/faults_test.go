package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// faultCall calls the API of faults with a bearer token.
func faultCall(t *testing.T, l *Lakebase, method, bearer string, in any) (status int, answer string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, l.Workspace().Host+apiFaults, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

// clearFaults forgets all faults.
func clearFaults(t *testing.T, l *Lakebase) {
	t.Helper()
	if status, answer := faultCall(t, l, http.MethodDelete, l.Workspace().Token, nil); status != http.StatusOK {
		t.Fatalf("clear: %d %s", status, answer)
	}
}

func inject(t *testing.T, l *Lakebase, f Fault) {
	t.Helper()
	if status, answer := faultCall(t, l, http.MethodPost, l.Workspace().Token, f); status != http.StatusOK {
		t.Fatalf("%s: %d %s", f.Kind, status, answer)
	}
}

func TestCallsOfARouteFailAndAreLate(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{})
	w := userClient(t, l)
	list := func() error {
		_, err := w.Database.ListDatabaseInstancesAll(t.Context(), database.ListDatabaseInstancesRequest{})
		return err
	}
	inject(t, l, Fault{Kind: FaultFail, Route: "GET " + apiDatabase + "*", Times: 2, Status: 500, Message: "the moon is full"})
	if _, err := w.Postgres.ListProjectsAll(t.Context(), postgres.ListProjectsRequest{}); err != nil {
		t.Errorf("a call of another route: %v", err)
	}
	for range 2 {
		if err := list(); !errors.Is(err, databricks.ErrInternalError) || !strings.Contains(err.Error(), "the moon is full") {
			t.Errorf("a call of the route: %v", err)
		}
	}
	if err := list(); err != nil {
		t.Errorf("the third call: %v", err)
	}
	inject(t, l, Fault{Kind: FaultFail, Route: "DELETE " + apiDatabase + "*", Status: 500})
	if err := list(); err != nil {
		t.Errorf("a call of another method: %v", err)
	}

	inject(t, l, Fault{Kind: FaultDelay, Delay: 300 * time.Millisecond})
	if _, answer := faultCall(t, l, http.MethodGet, l.Workspace().Token, nil); !strings.Contains(answer, `"kind":"delay"`) {
		t.Errorf("waiting faults are %s", answer)
	}
	begun := time.Now()
	if err := list(); err != nil || time.Since(begun) < 300*time.Millisecond {
		t.Errorf("a call that was to be late came after %v, %v", time.Since(begun), err)
	}
	inject(t, l, Fault{Kind: FaultFail, Status: 500, Times: 100})
	clearFaults(t, l)
	if err := list(); err != nil {
		t.Errorf("cleared: %v", err)
	}
	for _, f := range []Fault{
		{Kind: "flood"},
		{Kind: FaultFail, Status: 200},
		{Kind: FaultDelay},
		{Kind: FaultFail, Status: 500, Route: "instances"},
		{Kind: FaultFail, Status: 500, Route: "get /api"}, // no call would be one
	} {
		if status, answer := faultCall(t, l, http.MethodPost, l.Workspace().Token, f); status != http.StatusBadRequest {
			t.Errorf("%+v: %d %s", f, status, answer)
		}
	}
	if status, _ := faultCall(t, l, http.MethodPost, "nobody's", Fault{Kind: FaultExpireTokens}); status != http.StatusUnauthorized {
		t.Errorf("nobody asks for a fault: %d", status)
	}
}

// code returns the SQLSTATE of an error.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func TestGoodTokensAreRefused(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{})
	w := userClient(t, l)
	e := primaryOf(t, w, makeProject(t, w, "refused").Status.DefaultBranch)
	inject(t, l, Fault{Kind: FaultRefuse, Times: 2})
	host, user := e.Status.Hosts.Host, me(t, w)
	for range 2 {
		if _, err := login(t, l, host, user, token(t, w, e.Name), "postgres"); code(err) != "28P01" {
			t.Errorf("a login that was to be refused: %v", err)
		}
	}
	inject(t, l, Fault{Kind: FaultTokenTTL, TTL: 7 * time.Second})
	lives := func() time.Duration {
		t.Helper()
		c, err := w.Postgres.GenerateDatabaseCredential(t.Context(), postgres.GenerateDatabaseCredentialRequest{Endpoint: e.Name})
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(c.ExpireTime.AsTime())
	}
	if got := lives(); got > 7*time.Second {
		t.Errorf("a token of seven seconds lives for %v", got)
	}
	old := token(t, w, e.Name)
	inject(t, l, Fault{Kind: FaultExpireTokens})
	if _, err := login(t, l, host, user, old, "postgres"); code(err) != "28P01" {
		t.Errorf("an expired token: %v", err)
	}
	inject(t, l, Fault{Kind: FaultRefuse, Times: 5})
	clearFaults(t, l)
	if got := lives(); got < time.Minute {
		t.Errorf("cleared, a token lives for %v", got)
	}
	connect(t, l, w, e)
}

func TestNodesDieAndFreeze(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{})
	w := userClient(t, l)
	e := primaryOf(t, w, makeProject(t, w, "mortal").Status.DefaultBranch)
	conn := connect(t, l, w, e)
	exec(t, conn, "CREATE TABLE t AS SELECT 42 AS n")
	inject(t, l, Fault{Kind: FaultKill, Instance: "mortal"})
	await(t, "the session ends", func() bool { return conn.Ping(t.Context()) != nil })
	var again *pgx.Conn
	await(t, "a new session", func() (ok bool) {
		var err error
		again, err = login(t, l, e.Status.Hosts.Host, me(t, w), token(t, w, e.Name), "databricks_postgres")
		return err == nil
	})
	if got := value[int](t, again, "SELECT n FROM t"); got != 42 {
		t.Errorf("the data are %d", got)
	}

	inject(t, l, Fault{Kind: FaultFreeze, Instance: e.Name})
	answered := make(chan error, 1)
	go func() { answered <- again.Ping(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-answered:
		t.Errorf("a frozen node answers: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	state := func() postgres.EndpointStatusState {
		return primaryOf(t, w, "projects/mortal/branches/production").Status.CurrentState
	}
	await(t, "the state tells of it", func() bool { return state() == postgres.EndpointStatusStateDegraded })
	if problem := l.problem(l.store.view().project("mortal")); !strings.HasSuffix(problem, "PostgreSQL does not answer") {
		t.Errorf("the reason is %q", problem)
	}
	inject(t, l, Fault{Kind: FaultThaw, Instance: e.Name})
	if err := <-answered; err != nil {
		t.Errorf("thawed, the node answers with %v", err)
	}
	await(t, "all is well", func() bool { return state() == postgres.EndpointStatusStateActive })
	inject(t, l, Fault{Kind: FaultFreeze, Instance: e.Name})
	clearFaults(t, l)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := again.Ping(patience); err != nil {
		t.Errorf("cleared, the node answers with %v", err)
	}
	status, answer := faultCall(t, l, http.MethodPost, l.Workspace().Token, Fault{Kind: FaultKill, Instance: "nobody"})
	if status != http.StatusNotFound || !strings.Contains(answer, "nobody") {
		t.Errorf("a node of nobody: %d %s", status, answer)
	}
}

func TestFullInstanceIsReadOnly(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{})
	w := userClient(t, l)
	p := makeProject(t, w, "full")
	e := primaryOf(t, w, p.Status.DefaultBranch)
	conn := connect(t, l, w, e)
	exec(t, conn, "CREATE TABLE t (n int)")
	write := func() string {
		_, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1)")
		return code(err)
	}
	inject(t, l, Fault{Kind: FaultFill, Instance: "full"})
	await(t, "writes are refused", func() bool { return write() == "25006" })
	got, err := w.Postgres.GetProject(t.Context(), postgres.GetProjectRequest{Name: p.Name})
	if err != nil || len(got.Status.CustomTags) != 1 || !strings.Contains(got.Status.CustomTags[0].Value, "logical size") {
		t.Errorf("the reason is not in the project's tags: %+v, %v", got.Status.CustomTags, err)
	}
	inject(t, l, Fault{Kind: FaultDrain, Instance: "full"})
	await(t, "writes go on", func() bool { return write() == "" })
	inject(t, l, Fault{Kind: FaultFill, Instance: "full"})
	await(t, "writes are refused", func() bool { return write() == "25006" })
	clearFaults(t, l)
	await(t, "writes go on", func() bool { return write() == "" })
}
