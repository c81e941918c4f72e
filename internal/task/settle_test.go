package task_test

import (
	"errors"
	"fmt"
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
	name, made := inTheMaking(t, lake.Workspace)
	o := submit(t, s, &task.Enable{Instance: name})
	r := resultOf[task.Enabled](t, finish(t, s, o.ID, store.Succeeded))
	if err := <-made; err != nil || !r.Enabled {
		t.Errorf("%+v, %v", r, err)
	}
}

// inTheMaking returns an instance that was seen before it was ready, and the channel that tells when it is. One that was
// ready before anybody looked is followed by another.
func inTheMaking(t *testing.T, ws *databricks.Workspace) (string, <-chan error) {
	t.Helper()
	for n := range 10 {
		name, made := fmt.Sprintf("slow-%d", n), make(chan error, 1)
		go func() {
			_, err := ws.Create(t.Context(), databricks.Spec{Name: name}, nil)
			made <- err
		}()
		i, err := ws.Instance(t.Context(), name)
		for lakeward.KindOf(err) == lakeward.KindNotFound && t.Context().Err() == nil {
			i, err = ws.Instance(t.Context(), name)
		}
		if err == nil && i.Status == lakeward.StatusCreating {
			return name, made
		}
		if err = errors.Join(err, <-made); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no instance is seen before it is ready")
	return "", nil
}
