package task_test

import (
	"encoding/json"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

func TestCreateMakesAnInstanceMigratesAndEnables(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		st := storetest.Open(t, o)
		s := serve(t, newService(t, st, lake, t.TempDir()))
		name := "shop-" + map[bool]string{true: "sqlite", false: "postgres"}[o.Path != ""]
		made := submit(t, s, &task.Create{Name: name, Capacity: "CU_1", Source: writeSource(t, 1000), Enable: true})
		if made.State != store.Queued || made.Kind != "create" || made.Actor != "ann" {
			t.Errorf("submitted: %+v", made)
		}
		made = finish(t, s, made.ID, store.Succeeded)
		var result task.Created
		if err := json.Unmarshal(made.Result, &result); err != nil {
			t.Fatal(err)
		}
		if result.Name != name || result.Status != lakeward.StatusReady || !result.Enabled || !result.Report.Complete() {
			t.Errorf("result %s", made.Result)
		}
		if n := count(t, lake, name, `SELECT count(*) FROM orders`); n != 1000 {
			t.Errorf("%d orders of 1000 arrived", n)
		}
		kept, err := st.Settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if kept["instance"].Value != name || kept["enabled"].Value != "true" || kept["enabled"].Actor != "ann" || kept["migrated_at"].Value == "" {
			t.Errorf("configuration %v", kept)
		}
		phases := map[string]bool{}
		for n, e := range events(t, s, made.ID) {
			if e.Seq != int64(n)+1 {
				t.Fatalf("event %d has number %d", n+1, e.Seq)
			}
			phases[e.Phase] = true
		}
		for _, phase := range []string{"create", "load", "verify", "swap", "enable"} {
			if !phases[phase] {
				t.Errorf("no event of phase %s: %v", phase, phases)
			}
		}

		again := submit(t, s, &task.Create{Name: name})
		again = finish(t, s, again.ID, store.Failed)
		if again.Error.Kind != lakeward.KindConflict || again.Error.Hint == "" {
			t.Errorf("a name that is taken: %+v", again.Error)
		}

		finish(t, s, submit(t, s, &task.Stop{Name: name}).ID, store.Succeeded)
		finish(t, s, submit(t, s, &task.Start{Name: name}).ID, store.Succeeded)
		finish(t, s, submit(t, s, &task.Resize{Name: name, Capacity: "CU_2"}).ID, store.Succeeded)
		gone := finish(t, s, submit(t, s, &task.Delete{Name: name, Yes: name}).ID, store.Succeeded)
		if string(gone.Result) != `{"deleted":"`+name+`"}` {
			t.Errorf("deleted: %s", gone.Result)
		}
		if _, err := lake.Workspace.Instance(t.Context(), name); lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("after its deletion: %v", err)
		}
		if o := finish(t, s, submit(t, s, &task.Delete{Name: name, Yes: name}).ID, store.Failed); o.Error.Kind != lakeward.KindNotFound {
			t.Errorf("deleting what is not there: %+v", o.Error)
		}
	})
}
