package task_test

import (
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

// TestAnOperationWaitsForAnInstanceThatComesUp asks for something while the instance cannot be logged in to yet.
func TestAnOperationWaitsForAnInstanceThatComesUp(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	s := newService(t, storetest.Open(t, storetest.InFile(t)), lake, t.TempDir())
	serve(t, s)
	made := make(chan error, 1)
	go func() {
		_, err := lake.Workspace.Create(t.Context(), databricks.Spec{Name: "slow"}, nil)
		made <- err
	}()
	i, err := lake.Workspace.Instance(t.Context(), "slow")
	for lakeward.KindOf(err) == lakeward.KindNotFound && t.Context().Err() == nil {
		i, err = lake.Workspace.Instance(t.Context(), "slow")
	}
	if err != nil || i.Status != lakeward.StatusCreating {
		t.Fatalf("the instance is seen as %s, %v", i.State, err)
	}
	o := submit(t, s, &task.Enable{Instance: "slow"})
	r := resultOf[task.Enabled](t, finish(t, s, o.ID, store.Succeeded))
	if err := <-made; err != nil || !r.Enabled {
		t.Errorf("%+v, %v", r, err)
	}
}
