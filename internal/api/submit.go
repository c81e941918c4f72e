package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
)

// accepted is the answer to a request for something slow: the operation, and where to look at it.
type accepted struct {
	Status   int
	Location string `header:"Location" example:"/api/operations/0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40" doc:"Where the operation is"`
	Applied  string `header:"Preference-Applied" example:"wait=30"`
	Body     store.Operation
}

// submitRoute is a route that answers with an operation.
func submitRoute(id, method, path, summary, tag string) huma.Operation {
	o := route(id, method, path, summary, tag)
	o.DefaultStatus = http.StatusAccepted
	return o
}

// submit asks for an operation, and waits for its end as long as the caller would.
func (s *server) submit(ctx context.Context, in task.Input, w Waiting) (*accepted, error) {
	if _, err := w.wait(); err != nil {
		return nil, err // before anything begins
	}
	o, err := s.Tasks.Submit(ctx, access.From(ctx).Name, in)
	if err != nil {
		return nil, err
	}
	return s.await(ctx, o, w)
}

// await answers with an operation when it has ended, or as it is when the caller would wait no longer.
func (s *server) await(ctx context.Context, o store.Operation, w Waiting) (*accepted, error) {
	atMost, err := w.wait()
	if err != nil {
		return nil, err
	}
	out := &accepted{Status: http.StatusAccepted, Location: "/api/operations/" + o.ID}
	if atMost > 0 {
		out.Applied = fmt.Sprintf("wait=%d", int(atMost.Seconds()))
		if o, err = s.Tasks.Wait(ctx, o.ID, atMost); err != nil {
			return nil, err
		}
	}
	if out.Body = o; o.State.Ended() {
		out.Status = http.StatusOK
	}
	return out, nil
}
