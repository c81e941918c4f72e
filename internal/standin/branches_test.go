package standin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func makeBranch(t *testing.T, w *databricks.WorkspaceClient, project, id string, spec postgres.BranchSpec) *postgres.Branch {
	t.Helper()
	op, err := w.Postgres.CreateBranch(t.Context(), postgres.CreateBranchRequest{
		Parent: project, BranchId: id, Branch: postgres.Branch{Spec: &spec},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dropBranch(t *testing.T, w *databricks.WorkspaceClient, name string) error {
	t.Helper()
	op, err := w.Postgres.DeleteBranch(t.Context(), postgres.DeleteBranchRequest{Name: name, Purge: true})
	if err != nil {
		return err
	}
	return op.Wait(t.Context())
}

func TestBranchIsACopyOfItsOwn(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "branches")
	root := connect(t, shared, w, primaryOf(t, w, p.Status.DefaultBranch))
	exec(t, root, "CREATE TABLE t AS SELECT 1 AS n")

	b := makeBranch(t, w, p.Name, "dev", postgres.BranchSpec{NoExpiry: true})
	if s := b.Status; s.CurrentState != postgres.BranchStatusStateReady || s.SourceBranch != p.Status.DefaultBranch || s.Default {
		t.Errorf("branch is %+v", s)
	}
	endpoint := primaryOf(t, w, b.Name)
	if endpoint.Status.Hosts.Host == primaryOf(t, w, p.Status.DefaultBranch).Status.Hosts.Host {
		t.Error("two endpoints share an address")
	}
	dev := connect(t, shared, w, endpoint)
	exec(t, dev, "INSERT INTO t VALUES (2)")
	if got := value[int](t, dev, "SELECT count(*)::int FROM t"); got != 2 {
		t.Errorf("the branch has %d rows, want the source's and its own", got)
	}
	if got := value[int](t, root, "SELECT count(*)::int FROM t"); got != 1 {
		t.Errorf("the source has %d rows now", got)
	}
	if _, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: b.Name + "/roles/admin"}); err != nil {
		t.Errorf("the branch has not inherited its roles: %v", err)
	}

	grandchild := makeBranch(t, w, p.Name, "dev-2", postgres.BranchSpec{NoExpiry: true, SourceBranch: b.Name})
	if err := dropBranch(t, w, b.Name); !errors.Is(err, databricks.ErrBadRequest) {
		t.Errorf("delete a branch with children: %v", err)
	}
	for _, name := range []string{grandchild.Name, b.Name} {
		if err := dropBranch(t, w, name); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if exists(shared, "branches", "dev") || !exists(shared, "branches", "production") {
		t.Error("the data of the deleted branch, or not only that, should be gone")
	}
}

func TestBranchesThatAreKept(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "kept")
	err := dropBranch(t, w, p.Status.DefaultBranch)
	if !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "Root branches cannot be deleted") {
		t.Errorf("delete the root branch: %v", err)
	}
	b := makeBranch(t, w, p.Name, "release", postgres.BranchSpec{NoExpiry: true, IsProtected: true})
	t.Cleanup(func() { unprotect(t, w, b.Name) })
	if err := dropBranch(t, w, b.Name); err == nil || !strings.Contains(err.Error(), "cannot delete protected branch") {
		t.Errorf("delete a protected branch: %v", err)
	}
	if _, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: p.Name}); !errors.Is(err,
		databricks.ErrBadRequest) {
		t.Errorf("delete a project with a protected branch: %v", err)
	}
	for name, spec := range map[string]postgres.BranchSpec{
		"no expiry at all":   {},
		"two expiries":       {NoExpiry: true, Ttl: duration.New(time.Hour)},
		"too long a life":    {Ttl: duration.New(31 * day)},
		"the past":           {ExpireTime: sdktime.New(time.Now().Add(-time.Hour))},
		"a second protected": {NoExpiry: true, IsProtected: true},
	} {
		_, err := w.Postgres.CreateBranch(t.Context(), postgres.CreateBranchRequest{
			Parent: p.Name, BranchId: "bad", Branch: postgres.Branch{Spec: &spec},
		})
		if !errors.Is(err, databricks.ErrBadRequest) {
			t.Errorf("%s: %v, want a bad request", name, err)
		}
	}
}

func unprotect(t *testing.T, w *databricks.WorkspaceClient, name string) {
	t.Helper()
	_, err := w.Postgres.UpdateBranch(context.WithoutCancel(t.Context()), postgres.UpdateBranchRequest{
		Name: name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.is_protected"}},
		Branch: postgres.Branch{Spec: &postgres.BranchSpec{}},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestBranchExpires(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "expiring")
	b := makeBranch(t, w, p.Name, "brief", postgres.BranchSpec{Ttl: duration.New(time.Hour)})
	if left := time.Until(b.Status.ExpireTime.AsTime()); left > time.Hour || left < 50*time.Minute {
		t.Errorf("expires in %s, want an hour", left)
	}
	op, err := w.Postgres.UpdateBranch(t.Context(), postgres.UpdateBranchRequest{
		Name: b.Name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.expiration"}},
		Branch: postgres.Branch{Spec: &postgres.BranchSpec{ExpireTime: sdktime.New(time.Now().Add(200 * time.Millisecond))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "the branch is gone", func() bool {
		_, err := w.Postgres.GetBranch(t.Context(), postgres.GetBranchRequest{Name: b.Name})
		return errors.Is(err, databricks.ErrNotFound)
	})
}
