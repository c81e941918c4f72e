package standin

import (
	"context"
	"sync"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func TestARoleMadeBySQLIsSeenWhileOtherThingsChange(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	branch := makeProject(t, w, "busy").Status.DefaultBranch
	conn := connect(t, shared, w, primaryOf(t, w, branch))

	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil {
			if err := shared.store.update(func(*state) error { return nil }); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer others.Wait()
	defer cancel()

	for range 5 {
		exec(t, conn, `CREATE ROLE passing`)
		if _, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: branch + "/roles/passing"}); err != nil {
			t.Fatalf("a role made by SQL: %v", err)
		}
		exec(t, conn, `DROP ROLE passing`)
	}
}
