package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// kills is how often the test kills a Lakebase; LAKEWARD_TEST_KILLS makes it more.
func kills(t *testing.T) int {
	text := os.Getenv("LAKEWARD_TEST_KILLS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// thing is something that clients make and delete again and again.
type thing struct {
	path   string // of GET and DELETE
	create string // method and path
	body   string
	stays  bool // it is only made, or changed, again and again
}

const (
	steadyProject = "/api/2.0/postgres/projects/steady"
	steadyBranch  = steadyProject + "/branches/production"
	steadyVolume  = "/Volumes/main/default/steady"
	steadyApp     = "/lakeward/apps/steady/environment"
)

// things are what each of the clients works with.
var things = [][]thing{
	{
		{path: steadyBranch + "/roles/app", create: "POST " + steadyBranch + "/roles?role_id=app", body: `{"spec":{"postgres_role":"app"}}`},
		{
			path: steadyBranch + "/databases/shop", create: "POST " + steadyBranch + "/databases?database_id=shop",
			body: `{"spec":{"postgres_database":"shop","role":"projects/steady/branches/production/roles/admin"}}`,
		},
	},
	{
		{path: "/api/2.0/postgres/projects/other", create: "POST /api/2.0/postgres/projects?project_id=other", body: `{}`},
		{path: steadyProject + "/branches/other", create: "POST " + steadyProject + "/branches?branch_id=other", body: `{"spec":{"no_expiry":true}}`},
		{
			path: steadyProject + "/snapshots/shot", create: "POST " + steadyProject + "/snapshots?snapshot_id=shot",
			body: `{"spec":{"source_branch":"projects/steady/branches/production"}}`,
		},
		{
			path: steadyBranch + "/endpoints/reader", create: "POST " + steadyBranch + "/endpoints?endpoint_id=reader",
			body: `{"spec":{"endpoint_type":"ENDPOINT_TYPE_READ_ONLY"}}`,
		},
		{
			path: steadyBranch + "/endpoints/primary", create: "PATCH " + steadyBranch + "/endpoints/primary?update_mask=spec.autoscaling_limit_max_cu",
			body: `{"spec":{"autoscaling_limit_max_cu":2}}`, stays: true,
		},
	},
	{
		{path: "/api/2.0/fs/files" + steadyVolume + "/a", create: "PUT /api/2.0/fs/files" + steadyVolume + "/a", body: "content"},
		{
			path: "/api/2.1/unity-catalog/schemas/main.other", create: "POST /api/2.1/unity-catalog/schemas",
			body: `{"catalog_name":"main","name":"other"}`,
		},
		{path: steadyApp, create: "POST " + steadyApp, stays: true},
	},
}

// known is what the clients of a Lakebase that is killed again and again were told.
type known struct {
	sync.Mutex
	there map[string]bool   // what there is, and what not; what was being changed at a kill is neither
	app   map[string]string // the environment of an app; its secret is one of the last few
}

// do makes a call and waits for its operation. It fails when the server is gone.
func (k *known) do(ctx context.Context, space WorkspaceFile, route, body string) (status int, answer []byte, err error) {
	method, path, _ := strings.Cut(route, " ")
	r, err := http.NewRequestWithContext(ctx, method, space.Host+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+space.Token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, err
	}
	var op postgres.Operation
	if json.Unmarshal(answer, &op) != nil || !strings.Contains(op.Name, "/operations/") || op.Done {
		if op.Error != nil {
			return http.StatusInternalServerError, answer, nil
		}
		return response.StatusCode, answer, nil
	}
	return k.do(ctx, space, "GET /api/2.0/postgres/"+op.Name, "")
}

// live makes and deletes things at random until the Lakebase has gone.
func (k *known) live(ctx context.Context, space WorkspaceFile, mine []thing) (done int, err error) {
	for ; ; done++ {
		it := mine[rand.IntN(len(mine))]
		k.Lock()
		there, sure := k.there[it.path]
		delete(k.there, it.path)
		if it.path == steadyApp {
			k.app = nil
		}
		k.Unlock()
		there = !it.stays && (sure && there || !sure && rand.IntN(2) == 0)
		route, body := it.create, it.body
		if there {
			route, body = "DELETE "+it.path+"?purge=true", ""
		}
		status, answer, err := k.do(ctx, space, route, body)
		if err != nil {
			return done, err
		}
		k.Lock()
		var app AppEnvironment
		switch {
		case status < 300 && json.Unmarshal(answer, &app) == nil && app.Variables != nil:
			k.app = app.Variables
		case status < 300:
			k.there[it.path] = !there
		case sure:
			k.Unlock()
			return done, fmt.Errorf("%s: %d %s", route, status, answer)
		}
		k.Unlock()
	}
}

// round starts a Lakebase in a process of its own, works with it, and kills it after a while.
func (k *known) round(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	_, kill := startChild(t, dir)
	space, err := ReadWorkspace(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for _, mine := range things {
		working.Go(func() {
			done, err := k.live(ctx, space, mine)
			t.Logf("killed after %v and %d operations: %v", after, done, err)
			if _, gone := err.(interface{ Timeout() bool }); !gone {
				t.Errorf("a client was told: %v", err)
			}
		})
	}
	<-time.After(after) // at any moment: there is no event to wait for
	kill()
	cancel()
	working.Wait()
}

// However a Lakebase ends, the next one in its folder brings what was begun to an end and tells the truth about it.
func TestFolderOfAKilledLakebaseBecomesTrue(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	makeProject(t, w, "steady")
	if status, answer := call(t, l, http.MethodPost, "/api/2.1/unity-catalog/volumes", bearer(l),
		`{"catalog_name":"main","schema_name":"default","name":"steady","volume_type":"MANAGED"}`); status != http.StatusOK {
		t.Fatalf("volume: %d %s", status, answer)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	k := &known{there: map[string]bool{}}
	for range kills(t) {
		k.round(t, dir, time.Duration(rand.Int64N(int64(2*time.Second))))
	}
	l = startWith(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	w = userClient(t, l)
	await(t, "every operation has ended", func() bool {
		return find(l.store.view().Operations, func(o *operation) bool { return !o.Done }) == nil
	})
	for path, there := range k.there {
		if status, answer := call(t, l, http.MethodGet, path, bearer(l), ""); (status == http.StatusOK) != there {
			t.Errorf("%s: %d %s; a client was told %t", path, status, answer, there)
		}
	}
	if k.app != nil {
		as := client(t, &databricks.Config{
			Host: l.Workspace().Host, ClientID: k.app["DATABRICKS_CLIENT_ID"], ClientSecret: k.app["DATABRICKS_CLIENT_SECRET"],
		})
		if name := me(t, as); name != k.app["PGUSER"] {
			t.Errorf("the app signs in as %s, want %s", name, k.app["PGUSER"])
		}
	}
	agrees(t, l, w)
}

// agrees checks that what the APIs say is what PostgreSQL and the folder hold.
func agrees(t *testing.T, l *Lakebase, w *databricks.WorkspaceClient) {
	t.Helper()
	folders := map[string]bool{}
	for _, p := range l.store.view().Projects {
		for _, n := range p.Snapshots {
			folders[filepath.Join(p.ID, n.ID)] = true
			if !exists(l, p.ID, n.ID+snapshotSuffix, "copies") {
				t.Errorf("%s has no data", p.snapshotName(n))
			}
		}
	}
	l.store.view().computes(func(p *project, b *branch, c *compute) bool {
		folders[filepath.Base(l.projectFolder(p))] = true
		folders[filepath.Join(p.ID, filepath.Base(l.dataFolder(p, b, c)))] = true
		name := p.under(b, "endpoints", c.ID)
		var e *postgres.Endpoint
		await(t, name+" is active", func() (ok bool) {
			var err error
			e, err = w.Postgres.GetEndpoint(t.Context(), postgres.GetEndpointRequest{Name: name})
			return err == nil && e.Status.CurrentState == postgres.EndpointStatusStateActive
		})
		conn := connect(t, l, w, e)
		real := map[string]bool{}
		for _, name := range value[[]string](t, conn, "SELECT array_agg('role ' || rolname) FROM pg_roles") {
			real[name] = true
		}
		for _, name := range value[[]string](t, conn, "SELECT array_agg('database ' || datname) FROM pg_database") {
			real[name] = true
		}
		// Asking makes the APIs see what SQL has changed, or a copy has not had.
		if status, answer := call(t, l, http.MethodGet, "/api/2.0/postgres/"+p.branchName(b)+"/roles", bearer(l), ""); status != http.StatusOK {
			t.Errorf("roles of %s: %d %s", p.branchName(b), status, answer)
		}
		_, b = l.store.view().branchByName(p.branchName(b))
		for _, r := range b.Roles {
			if !real["role "+r.Name] {
				t.Errorf("%s has no role %s, though the API says so", p.branchName(b), r.Name)
			}
		}
		for _, d := range b.Databases {
			if !real["database "+d.Name] {
				t.Errorf("%s has no database %s, though the API says so", p.branchName(b), d.Name)
			}
		}
		return true
	})
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(l.dir, "pg", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(filepath.Join(l.dir, "pg"), path)
			if err != nil {
				t.Fatal(err)
			}
			owner, _, _ := strings.Cut(name, ".") // of what is beside the data: the log, the history, the nodes
			if !folders[owner] {
				t.Errorf("%s belongs to nothing", name)
			}
		}
	}
}
