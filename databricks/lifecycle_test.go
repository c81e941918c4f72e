package databricks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

func TestLifeOfAnInstance(t *testing.T) {
	t.Parallel()
	l := start(t)
	ws := open(t, l)
	ctx := t.Context()
	var events recorder

	made, err := ws.Create(ctx, databricks.Spec{Name: "shop", Capacity: "CU_1", RetentionDays: 14}, events.progress)
	if err != nil {
		t.Fatal(err)
	}
	events.expectLast(t, "create: instance shop is ACTIVE")
	if made.Name != "shop" || made.UID == "" || made.Endpoint != "projects/shop/branches/production/endpoints/primary" ||
		made.Status != lakeward.StatusReady || made.Host == "" || made.Capacity != "CU_1" || made.MinCU != 8 ||
		made.RetentionDays != 14 || made.Nodes != 1 || made.Database != "databricks_postgres" || made.Port != 5432 ||
		made.PostgresVersion == "" || made.Creator == "" || time.Since(made.Created) > time.Minute {
		t.Errorf("created %+v", made)
	}
	login(t, l, ws, "shop")

	for _, name := range []string{"projects/shop", "projects/shop/branches/production", made.Endpoint} {
		if i, err := ws.Instance(ctx, name); err != nil || i.Host != made.Host {
			t.Errorf("Instance(%s) = %+v, %v", name, i, err)
		}
		login(t, l, ws, name)
	}
	for _, name := range []string{"projects/shop/branches/dev", "projects/shop/branches/production/endpoints/x", "shops"} {
		_, err := ws.Instance(ctx, name)
		expectKind(t, err, lakeward.KindNotFound)
	}

	_, err = ws.Create(ctx, databricks.Spec{Name: "shop"}, nil)
	expectKind(t, err, lakeward.KindConflict)

	events = nil
	if i, err := ws.Stop(ctx, "shop", events.progress); err != nil || i.Status != lakeward.StatusStopped {
		t.Errorf("Stop: %+v, %v", i, err)
	}
	events.expectLast(t, "stop: instance shop is STOPPED")
	if i, err := ws.Stop(ctx, "shop", nil); err != nil || i.Status != lakeward.StatusStopped {
		t.Errorf("Stop again: %+v, %v", i, err)
	}

	events = nil
	if i, err := ws.Start(ctx, "shop", events.progress); err != nil || i.Status != lakeward.StatusReady {
		t.Errorf("Start: %+v, %v", i, err)
	}
	events.expectLast(t, "start: instance shop is ACTIVE")
	login(t, l, ws, "shop")

	i, err := ws.Resize(ctx, databricks.Spec{Name: "shop", Capacity: "CU_2", RetentionDays: 3}, nil)
	if err != nil || i.Capacity != "CU_2" || i.RetentionDays != 3 || i.Status != lakeward.StatusReady {
		t.Errorf("Resize: %+v, %v", i, err)
	}
	login(t, l, ws, "shop")

	if i, err := ws.Resize(ctx, databricks.Spec{Name: "shop", Nodes: 1}, nil); err != nil || i.Nodes != 1 {
		t.Errorf("Resize to the nodes that it has: %+v, %v", i, err)
	}
	if i, err := ws.Resize(ctx, databricks.Spec{Name: "shop", Nodes: 2}, nil); err != nil || i.Nodes != 2 {
		t.Errorf("Resize to two nodes: %+v, %v", i, err)
	}
	_, err = ws.Resize(ctx, databricks.Spec{Name: "shop"}, nil)
	expectKind(t, err, lakeward.KindInvalid)

	if err := ws.Delete(ctx, "projects/shop/branches/production", nil); lakeward.KindOf(err) != lakeward.KindInvalid {
		t.Errorf("Delete of a part: %v", err)
	}
	events = nil
	if err := ws.Delete(ctx, "shop", events.progress); err != nil {
		t.Fatal(err)
	}
	events.expectLast(t, "delete: instance shop is NOT_CREATED")
	_, err = ws.Instance(ctx, "shop")
	expectKind(t, err, lakeward.KindNotFound)
	expectKind(t, ws.Delete(ctx, "shop", nil), lakeward.KindNotFound)
	if _, err := ws.Create(ctx, databricks.Spec{Name: "shop"}, nil); err != nil {
		t.Errorf("Create one with the name of one that was deleted: %v", err)
	}

	// Others delete so that it can be brought back.
	client := sdkClient(t, l)
	op, err := client.Postgres.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: "projects/shop"})
	if err == nil {
		err = op.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = ws.Create(ctx, databricks.Spec{Name: "shop"}, nil)
	expectKind(t, err, lakeward.KindConflict)
	if hint := lakeward.HintOf(err); !strings.Contains(hint, "undelete-project projects/shop;") || !strings.Contains(hint, "delete-project projects/shop --purge") ||
		!strings.Contains(err.Error(), "was deleted at ") {
		t.Errorf("Create one with the name of one that can be brought back: %v, hint %q", err, hint)
	}
}

// A workspace may answer only the Database instance API for a name: it is older, or the name is no project id.
func TestSecondFace(t *testing.T) {
	t.Parallel()
	l := start(t)
	ws := open(t, l)
	ctx := t.Context()

	l.FailNext(501) // to the attempt to create a project
	made, err := ws.Create(ctx, databricks.Spec{Name: "legacy", Capacity: "CU_1", RetentionDays: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if made.Capacity != "CU_1" || made.RetentionDays != 5 {
		t.Errorf("created %+v", made)
	}

	l.FailNext(501)
	i, err := ws.Instance(ctx, "legacy")
	if err != nil || i.Endpoint != "" || i.State != "AVAILABLE" || i.Status != lakeward.StatusReady ||
		i.Host != made.Host || i.Capacity != "CU_1" || i.RetentionDays != 5 || i.Nodes != 1 || i.PostgresVersion == "" ||
		time.Since(i.Created) > time.Minute {
		t.Errorf("Instance = %+v, %v", i, err)
	}
	if c, err := ws.Credential(ctx, i); err != nil || c.Token == "" || time.Until(c.Expires) < 50*time.Minute {
		t.Errorf("Credential = %+v, %v", c, err)
	}

	for _, step := range []struct {
		do   func() (lakeward.Instance, error)
		want lakeward.Status
	}{
		{func() (lakeward.Instance, error) { return ws.Stop(ctx, "legacy", nil) }, lakeward.StatusStopped},
		{func() (lakeward.Instance, error) { return ws.Start(ctx, "legacy", nil) }, lakeward.StatusReady},
		{func() (lakeward.Instance, error) {
			return ws.Resize(ctx, databricks.Spec{Name: "legacy", Capacity: "CU_4"}, nil)
		}, lakeward.StatusReady},
	} {
		l.FailNext(501) // so that the change goes through the second face too
		if i, err := step.do(); err != nil || i.Status != step.want {
			t.Errorf("%+v, %v; want %s", i, err, step.want)
		}
	}
	if i, err := ws.Instance(ctx, "legacy"); err != nil || i.Capacity != "CU_4" {
		t.Errorf("after all: %+v, %v", i, err)
	}
	l.FailNext(501)
	if err := ws.Delete(ctx, "legacy", nil); err != nil {
		t.Error(err)
	}
}

func TestInstancesListsEachOnce(t *testing.T) {
	t.Parallel()
	l := start(t)
	ws := open(t, l)
	client := sdkClient(t, l)
	if list, err := ws.Instances(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("an empty workspace lists %+v, %v", list, err)
	}
	if _, err := client.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{
		DatabaseInstance: database.DatabaseInstance{Name: "second", Capacity: "CU_1"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := ws.Create(t.Context(), databricks.Spec{Name: "first"}, nil); err != nil {
		t.Fatal(err)
	}
	list, err := ws.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list))
	for k, i := range list {
		names[k] = i.Name
	}
	if !slices.Equal(names, []string{"first", "second"}) {
		t.Errorf("instances %q", names)
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := l.Workspace()

	t.Run("a token", func(t *testing.T) {
		t.Parallel()
		me, err := open(t, l).Me(t.Context())
		if err != nil || me.UserName != f.UserName || me.WorkspaceID != f.WorkspaceID {
			t.Errorf("Me = %+v, %v", me, err)
		}
	})

	t.Run("a service principal", func(t *testing.T) {
		t.Parallel()
		ws, err := databricks.Open(t.Context(), databricks.Config{
			Host: f.Host, ClientID: f.ClientID, ClientSecret: lakeward.Secret(f.ClientSecret),
		})
		if err != nil {
			t.Fatal(err)
		}
		if me, err := ws.Me(t.Context()); err != nil || me.UserName != f.ClientID {
			t.Errorf("Me = %+v, %v", me, err)
		}
		if _, err := ws.Create(t.Context(), databricks.Spec{Name: "own"}, nil); err != nil {
			t.Fatal(err)
		}
		login(t, l, ws, "own")
	})

	for name, c := range map[string]databricks.Config{
		"a wrong token":  {Host: f.Host, Token: "dapi-wrong"},
		"a wrong secret": {Host: f.Host, ClientID: f.ClientID, ClientSecret: "wrong-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ws, err := databricks.Open(t.Context(), c)
			if err == nil {
				_, err = ws.Me(t.Context())
			}
			expectKind(t, err, lakeward.KindUnauthenticated)
			if strings.Contains(err.Error(), "wrong") {
				t.Errorf("the error shows the secret: %v", err)
			}
			t.Logf("%v", err)
		})
	}
}

func TestProfile(t *testing.T) {
	l := start(t)
	f := l.Workspace()
	file := filepath.Join(t.TempDir(), "databrickscfg")
	profile := "[local]\nhost = " + f.Host + "\ntoken = " + f.Token + "\n"
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABRICKS_CONFIG_FILE", file)
	ws, err := databricks.Open(t.Context(), databricks.Config{Profile: "local"})
	if err != nil {
		t.Fatal(err)
	}
	if me, err := ws.Me(t.Context()); err != nil || me.UserName != f.UserName {
		t.Errorf("Me = %+v, %v", me, err)
	}
	_, err = databricks.Open(t.Context(), databricks.Config{Profile: "nowhere"})
	expectKind(t, err, lakeward.KindInvalid)
	t.Logf("%v", err)
}

func TestRefusedCallsKeepTheirKind(t *testing.T) {
	t.Parallel()
	l := start(t)
	ws := open(t, l)
	if _, err := ws.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]lakeward.Kind{
		401: lakeward.KindUnauthenticated, 403: lakeward.KindDenied,
	} {
		l.FailNext(status)
		_, err := ws.Instances(t.Context())
		expectKind(t, err, want)
		l.FailNext(status)
		_, err = ws.Instance(t.Context(), "shop")
		expectKind(t, err, want)
	}
}
