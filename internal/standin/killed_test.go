package standin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
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

// known is what a client of a Lakebase that is killed again and again was told.
type known struct {
	sync.Mutex
	made    map[string]bool // projects whose creation was said to be done
	dropped map[string]bool // whose deletion was asked for
}

// live does what a client does, in one operation after the other, until the Lakebase has gone. Its errors are those of a
// server that dies.
func (k *known) live(ctx context.Context, w *databricks.WorkspaceClient, round int) error {
	id := fmt.Sprintf("p%d", round)
	op, err := w.Postgres.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: id})
	if err != nil {
		return err
	}
	p, err := op.Wait(ctx)
	if err != nil {
		return err
	}
	k.Lock()
	k.made[id] = true
	k.Unlock()
	branch := p.Status.DefaultBranch
	if role, err := w.Postgres.CreateRole(ctx, postgres.CreateRoleRequest{
		Parent: branch, RoleId: "app", Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "app"}},
	}); err != nil {
		return err
	} else if _, err := role.Wait(ctx); err != nil {
		return err
	}
	change, err := w.Postgres.UpdateEndpoint(ctx, postgres.UpdateEndpointRequest{
		Name: branch + "/endpoints/primary", UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.autoscaling_limit_max_cu"}},
		Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{AutoscalingLimitMaxCu: 2}},
	})
	if err != nil {
		return err
	}
	if _, err := change.Wait(ctx); err != nil {
		return err
	}
	old := fmt.Sprintf("p%d", round-1)
	k.Lock()
	k.dropped[old] = true
	k.Unlock()
	_, err = w.Postgres.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: "projects/" + old})
	return err
}

// round starts a Lakebase in a process of its own, works with it, and kills it after a while.
func (k *known) round(t *testing.T, dir string, round int, after time.Duration) {
	t.Helper()
	w, kill := startChild(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		if err := k.live(ctx, w, round); err != nil {
			t.Logf("round %d, killed after %v: %v", round, after, err)
		}
	})
	<-time.After(after) // at any moment: there is no event to wait for
	kill()
	cancel()
	working.Wait()
}

// However a Lakebase ends, the next one in its folder brings what was begun to an end and tells the truth about it.
func TestFolderOfAKilledLakebaseBecomesTrue(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	k := &known{made: map[string]bool{}, dropped: map[string]bool{}}
	for round := range kills(t) {
		k.round(t, dir, round, time.Duration(rand.Int64N(int64(1500*time.Millisecond))))
	}
	l := start(t, dir)
	w := userClient(t, l)
	await(t, "every operation has ended", func() bool {
		return find(l.store.view().Operations, func(o *operation) bool { return !o.Done }) == nil
	})
	left := map[string]bool{}
	for _, p := range l.store.view().Projects {
		left[p.ID] = true
		await(t, "endpoint of "+p.ID, func() bool {
			return primaryOf(t, w, p.name()+"/branches/production").Status.CurrentState == postgres.EndpointStatusStateActive
		})
		conn := connect(t, l, w, primaryOf(t, w, p.name()+"/branches/production"))
		if p.Branches[0].roleNamed("app") != nil && !value[bool](t, conn, "SELECT count(*) = 1 FROM pg_roles WHERE rolname = 'app'") {
			t.Errorf("%s has no role app, though the API says so", p.ID)
		}
	}
	for id := range k.made {
		if !left[id] && !k.dropped[id] {
			t.Errorf("project %s was made and is gone", id)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "pg"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !left[e.Name()] {
			t.Errorf("%s belongs to no project", e.Name())
		}
	}
}
