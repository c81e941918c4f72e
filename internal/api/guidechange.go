package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
)

// GuideCreate asks for an instance, and for the migration of the configured source to it.
type GuideCreate struct {
	InstanceName  string `json:"instance_name" minLength:"1" maxLength:"63" example:"shop"`
	Capacity      string `json:"capacity,omitempty" enum:"CU_1,CU_2,CU_4,CU_8" default:"CU_1" example:"CU_1"`
	RetentionDays int    `json:"retention_days,omitempty" minimum:"2" maximum:"35" default:"14" example:"14"`
	NodeCount     int    `json:"node_count,omitempty" minimum:"1" maximum:"3" default:"1" example:"1"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideNamed names an instance.
type GuideNamed struct {
	InstanceName string `json:"instance_name" minLength:"1" maxLength:"63" example:"shop"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideResize asks for another size.
type GuideResize struct {
	InstanceName  string `json:"instance_name" minLength:"1" maxLength:"63" example:"shop"`
	Capacity      string `json:"capacity,omitempty" enum:"CU_1,CU_2,CU_4,CU_8" example:"CU_2"`
	RetentionDays int    `json:"retention_days,omitempty" minimum:"2" maximum:"35" example:"14"`
	NodeCount     int    `json:"node_count,omitempty" minimum:"1" maximum:"3" example:"1"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideDelete asks for the end of an instance.
type GuideDelete struct {
	InstanceName string `json:"instance_name" minLength:"1" maxLength:"63" example:"shop"`
	Confirm      string `json:"confirm,omitempty" maxLength:"63" example:"shop" doc:"The name again: this destroys the instance and all its data"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideEnable asks that the application uses an instance.
type GuideEnable struct {
	InstanceName string `json:"instance_name" minLength:"1" maxLength:"253" example:"shop"`
	Endpoint     string `json:"endpoint,omitempty" maxLength:"253" doc:"The path of an endpoint, where it is not the instance's own"`
	ExpandSchema bool   `json:"expand_schema,omitempty" doc:"First add the tables and columns of the configured source that are not there; nothing is dropped"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideOperation is the answer to a request for something slow.
type GuideOperation struct {
	Success         bool            `json:"success" doc:"Whether it has succeeded or, when it still runs, whether it has begun"`
	Message         string          `json:"message" example:"create of shop is queued: watch /api/operations/…/events"`
	OperationID     string          `json:"operation_id" example:"0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40"`
	OperationState  store.State     `json:"operation_state" enum:"queued,running,succeeded,failed,cancelled" example:"queued"`
	InstanceName    string          `json:"instance_name" example:"shop"`
	Instance        *GuideInstance  `json:"instance,omitempty" doc:"When it has succeeded"`
	Config          *GuideConfig    `json:"config,omitempty" doc:"When it has succeeded"`
	SchemaReconcile json.RawMessage `json:"schema_reconcile,omitempty" doc:"What was added, when that was asked for"`
}

// guideAnswer is the answer to a request in the guide's words.
type guideAnswer[B any] struct {
	Status   int
	Location string `header:"Location" example:"/api/operations/0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40" doc:"Where the operation is"`
	Applied  string `header:"Preference-Applied" example:"wait=30"`
	Body     B
}

// changes registers what the guide's console does to instances.
func (s *server) changes(a huma.API) {
	o := guideRoute("guide-create", "/create", "Create an instance, migrate the configured source to it, save the configuration")
	handle(s, a, o, func(ctx context.Context, in *asking[GuideCreate]) (*guideAnswer[GuideOperation], error) {
		source, schema, err := s.source(ctx)
		if err != nil {
			return nil, err
		}
		r := in.Body
		return s.guideSubmit(ctx, &task.Create{
			Name: r.InstanceName, Capacity: r.Capacity, RetentionDays: r.RetentionDays, Nodes: r.NodeCount,
			Source: source, Schema: schema, Enable: true,
		}, in.Waiting)
	})
	guideSubmits(s, a, guideRoute("guide-start", "/start", "Start a stopped instance"),
		func(r GuideNamed) task.Input { return &task.Start{Name: r.InstanceName} })
	guideSubmits(s, a, guideRoute("guide-stop", "/stop", "Stop an instance; its data stays"),
		func(r GuideNamed) task.Input { return &task.Stop{Name: r.InstanceName} })
	guideSubmits(s, a, guideRoute("guide-resize", "/resize", "Resize an instance"), func(r GuideResize) task.Input {
		return &task.Resize{Name: r.InstanceName, Capacity: r.Capacity, RetentionDays: r.RetentionDays, Nodes: r.NodeCount}
	})
	guideSubmits(s, a, guideRoute("guide-delete", "/delete", "Destroy an instance with all its data"),
		func(r GuideDelete) task.Input { return &task.Delete{Name: r.InstanceName, Yes: r.Confirm} })
	o = guideRoute("guide-enable", "/enable", "Have the application use an instance")
	handle(s, a, o, func(ctx context.Context, in *asking[GuideEnable]) (*guideAnswer[GuideOperation], error) {
		source, schema, err := s.source(ctx)
		if err != nil {
			return nil, err
		}
		if in.Body.ExpandSchema && source == "" {
			return nil, noSource()
		}
		return s.guideSubmit(ctx, &task.Enable{
			Instance: place(in.Body.InstanceName, in.Body.Endpoint), Schema: schema, Source: source, Expand: in.Body.ExpandSchema,
		}, in.Waiting)
	})
}

func guideRoute(id, path, summary string) huma.Operation {
	return submitRoute(id, http.MethodPost, lakebase+path, summary, tagGuide)
}

// guideSubmits registers a route whose request becomes the input of an operation.
func guideSubmits[R any](s *server, a huma.API, o huma.Operation, input func(R) task.Input) {
	handle(s, a, o, func(ctx context.Context, in *asking[R]) (*guideAnswer[GuideOperation], error) {
		return s.guideSubmit(ctx, input(in.Body), in.Waiting)
	})
}

// guideSubmit asks for an operation and answers in the guide's words. An operation that has failed while the caller
// waited is a failed request.
func (s *server) guideSubmit(ctx context.Context, in task.Input, w Waiting) (*guideAnswer[GuideOperation], error) {
	out, err := s.submit(ctx, in, w)
	if err != nil {
		return nil, err
	}
	if err := failure(out.Body); err != nil {
		return nil, err
	}
	b := GuideOperation{
		Success: true, Message: doing(out.Body), OperationID: out.Body.ID, OperationState: out.Body.State, InstanceName: out.Body.Instance,
	}
	if out.Body.State == store.Succeeded {
		s.complete(ctx, out.Body, &b)
	}
	return &guideAnswer[GuideOperation]{out.Status, out.Location, out.Applied, b}, nil
}

// complete adds what a console shows when something has succeeded.
func (s *server) complete(ctx context.Context, o store.Operation, b *GuideOperation) {
	if i, err := s.guideInstance(ctx, &ByName{o.Instance}); err == nil {
		b.Instance = &i
	}
	if o.Kind != "create" && o.Kind != "enable" {
		return
	}
	config := s.guideConfig(ctx)
	b.Config = &config
	if o.Kind == "enable" {
		b.SchemaReconcile = foundBy(o)
	}
}

// failure is the error of an operation that has ended without success.
func failure(o store.Operation) error {
	switch {
	case o.State == store.Cancelled:
		return lakeward.Errorf(lakeward.KindConflict, "ask for it again", "operation %s was cancelled", o.ID)
	case o.State != store.Failed:
		return nil
	case o.Error == nil:
		return lakeward.Errorf(lakeward.KindInternal, "", "operation %s has failed", o.ID)
	}
	return lakeward.Errorf(o.Error.Kind, o.Error.Hint, "%s", o.Error.Message)
}

// doing is how far an operation is, as a sentence.
func doing(o store.Operation) string {
	text := o.Kind + " of " + o.Instance
	if o.State.Ended() {
		return text + " has " + string(o.State)
	}
	return text + " is " + string(o.State) + ": watch /api/operations/" + o.ID + "/events"
}

// source returns the configured source with its password, and the schema of the application's tables.
func (s *server) source(ctx context.Context) (source, schema string, err error) {
	l, err := s.Settings.Load(ctx)
	if err != nil && l.Schema.Origin == "" && l.Source.Origin == "" && l.Instance.Origin == "" {
		return "", "", err
	}
	source, err = s.Settings.Source(ctx)
	return source, l.Schema.Text, err
}

func noSource() error {
	return lakeward.Errorf(lakeward.KindInvalid, "save the configuration with a source first, or add source to the request",
		"nothing says which database is to be migrated")
}

// place is an instance, or an endpoint that is named by its path.
func place(instance, endpoint string) string {
	if strings.HasPrefix(endpoint, "projects/") {
		return endpoint
	}
	return instance
}
