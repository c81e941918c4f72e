package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/task"
)

// ByName is the path of an instance.
type ByName struct {
	Name string `path:"name" maxLength:"63" example:"shop" doc:"The instance's name"`
}

type instanceList struct {
	Instances []lakeward.Instance `json:"instances" nullable:"false"`
}

// Size is how large an instance is to be.
type Size struct {
	Capacity      string `json:"capacity,omitempty" enum:"CU_1,CU_2,CU_4,CU_8" example:"CU_1" doc:"Compute size; without it the workspace's default, or as it is"`
	RetentionDays int    `json:"retention_days,omitempty" minimum:"2" maximum:"35" example:"14" doc:"How many days back the instance can be restored to"`
	Nodes         int    `json:"nodes,omitempty" minimum:"1" maximum:"3" example:"1" doc:"One primary, and up to two secondaries"`
}

// CreateRequest asks for an instance.
type CreateRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"63" example:"shop"`
	Size
}

type resizeInstance struct {
	ByName
	Waiting
	Body Size
}

// EnableRequest says how the application uses an instance.
type EnableRequest struct {
	Schema string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"The schema of the application's tables"`
	Source string `json:"source,omitempty" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"The database that the application had before: a SQLite file on the server's machine, or a postgres:// address"`
	Expand bool   `json:"expand,omitempty" doc:"First add the tables and columns that the source has and the instance lacks, without rows"`
}

type enableInstance struct {
	ByName
	Waiting
	Body EnableRequest
}

// ChangeInstance is a request for a change that needs no words.
type ChangeInstance struct {
	ByName
	Waiting
}

type deleteInstance struct {
	ChangeInstance
	Yes string `query:"yes" maxLength:"63" example:"shop" doc:"The name again: this destroys the instance and all its data"`
}

// instances registers what the command line's instance commands do.
func (s *server) instances(a huma.API) {
	const one = "/api/instances/{name}"
	answer(s, a, route("list-instances", http.MethodGet, "/api/instances", "List instances", tagInstances),
		func(ctx context.Context, _ *struct{}) (instanceList, error) {
			list, err := s.all(ctx)
			return instanceList{append([]lakeward.Instance{}, list...)}, err
		})
	answer(s, a, route("get-instance", http.MethodGet, one, "Show an instance", tagInstances),
		func(ctx context.Context, in *ByName) (lakeward.Instance, error) {
			return s.instance(ctx, in.Name)
		})
	submits(s, a, submitRoute("create-instance", http.MethodPost, "/api/instances", "Create an instance", tagInstances),
		func(r CreateRequest) task.Input {
			return &task.Create{Name: r.Name, Capacity: r.Capacity, RetentionDays: r.RetentionDays, Nodes: r.Nodes}
		})
	handle(s, a, submitRoute("resize-instance", http.MethodPost, one+"/resize", "Resize an instance", tagInstances),
		func(ctx context.Context, in *resizeInstance) (*accepted, error) {
			r := in.Body
			return s.submit(ctx, &task.Resize{
				Name: in.Name, Capacity: r.Capacity, RetentionDays: r.RetentionDays, Nodes: r.Nodes,
			}, in.Waiting)
		})
	handle(s, a, submitRoute("start-instance", http.MethodPost, one+"/start", "Start a stopped instance", tagInstances),
		func(ctx context.Context, in *ChangeInstance) (*accepted, error) {
			return s.submit(ctx, &task.Start{Name: in.Name}, in.Waiting)
		})
	handle(s, a, submitRoute("stop-instance", http.MethodPost, one+"/stop", "Stop an instance; its data stays", tagInstances),
		func(ctx context.Context, in *ChangeInstance) (*accepted, error) {
			return s.submit(ctx, &task.Stop{Name: in.Name}, in.Waiting)
		})
	handle(s, a, submitRoute("enable-instance", http.MethodPost, one+"/enable", "Have the application use an instance", tagInstances),
		func(ctx context.Context, in *enableInstance) (*accepted, error) {
			r := in.Body
			return s.submit(ctx, &task.Enable{Instance: in.Name, Schema: r.Schema, Source: r.Source, Expand: r.Expand}, in.Waiting)
		})
	handle(s, a, submitRoute("delete-instance", http.MethodDelete, one, "Destroy an instance with all its data", tagInstances),
		func(ctx context.Context, in *deleteInstance) (*accepted, error) {
			return s.submit(ctx, &task.Delete{Name: in.Name, Yes: in.Yes}, in.Waiting)
		})
}
