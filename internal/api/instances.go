package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
)

// ByName is the path of an instance.
type ByName struct {
	Name string `path:"name" maxLength:"63" example:"shop" doc:"The instance's name"`
}

type instanceList struct {
	Instances []lakeward.Instance `json:"instances" nullable:"false"`
}

// instances registers what the command line's instance list and show do.
func (s *server) instances(a huma.API) {
	answer(s, a, route("list-instances", http.MethodGet, "/api/instances", "List instances", tagInstances),
		func(ctx context.Context, _ *struct{}) (instanceList, error) {
			list, err := s.Workspace.Instances(ctx)
			return instanceList{append([]lakeward.Instance{}, list...)}, err
		})
	answer(s, a, route("get-instance", http.MethodGet, "/api/instances/{name}", "Show an instance", tagInstances),
		func(ctx context.Context, in *ByName) (lakeward.Instance, error) {
			return s.Workspace.Instance(ctx, in.Name)
		})
}
