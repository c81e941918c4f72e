package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
)

// Where the guide has its endpoints.
const (
	management = "/api/database-management"
	lakebase   = management + "/lakebase"
)

// GuideInstance is an instance in the guide's words.
type GuideInstance struct {
	Name         string          `json:"name" example:"shop"`
	State        string          `json:"state" enum:"AVAILABLE,STARTING,STOPPED,FAILED,NOT_FOUND" example:"AVAILABLE" doc:"The status in the words of the Database instance API"`
	Status       lakeward.Status `json:"status" enum:"NOT_CREATED,CREATING,READY,STOPPED,ERROR" example:"READY" doc:"The status in the guide's words"`
	APIState     string          `json:"api_state" example:"ACTIVE" doc:"The state as the workspace says it"`
	Capacity     string          `json:"capacity" example:"CU_1"`
	ReadWriteDNS string          `json:"read_write_dns" example:"ep-shop.database.us-east-1.cloud.databricks.com"`
	NodeCount    int             `json:"node_count" example:"1"`
	Retention    int             `json:"retention_days" example:"14"`
	Type         string          `json:"type" enum:"provisioned,autoscaling" example:"autoscaling"`
}

// consoleStates are the words of the Database instance API, which consoles for the guide look for, for the statuses.
var consoleStates = map[lakeward.Status]string{
	lakeward.StatusNotCreated: "NOT_FOUND", lakeward.StatusCreating: "STARTING", lakeward.StatusReady: "AVAILABLE",
	lakeward.StatusStopped: "STOPPED", lakeward.StatusError: "FAILED",
}

func guideView(i lakeward.Instance) GuideInstance {
	v := GuideInstance{
		Name: i.Name, State: consoleStates[i.Status], Status: i.Status, APIState: i.State, Capacity: i.Capacity,
		ReadWriteDNS: i.Host, NodeCount: i.Nodes, Retention: i.RetentionDays, Type: "provisioned",
	}
	if i.Endpoint != "" {
		v.Type = "autoscaling"
	}
	return v
}

type guidePage struct {
	Search   string `query:"search" maxLength:"63" doc:"A part of the name"`
	Page     int    `query:"page" default:"1" minimum:"1" maximum:"1000000"`
	PageSize int    `query:"page_size" default:"30" minimum:"1" maximum:"100"`
}

// GuideInstances is a page of instances.
type GuideInstances struct {
	Items      []GuideInstance `json:"items" nullable:"false"`
	Total      int             `json:"total" example:"1"`
	Page       int             `json:"page" example:"1"`
	PageSize   int             `json:"page_size" example:"30"`
	TotalPages int             `json:"total_pages" example:"1"`
	HasMore    bool            `json:"has_more" example:"false"`
}

func paged(all []lakeward.Instance, in guidePage) GuideInstances {
	all = slices.DeleteFunc(all, func(i lakeward.Instance) bool {
		return !strings.Contains(strings.ToLower(i.Name), strings.ToLower(in.Search))
	})
	out := GuideInstances{
		Items: []GuideInstance{}, Total: len(all), Page: in.Page, PageSize: in.PageSize,
		TotalPages: (len(all) + in.PageSize - 1) / in.PageSize,
	}
	first := min((in.Page-1)*in.PageSize, len(all))
	last := min(first+in.PageSize, len(all))
	for _, i := range all[first:last] {
		out.Items = append(out.Items, guideView(i))
	}
	out.HasMore = last < len(all)
	return out
}

// WorkspaceInfo says which workspace the server talks to.
type WorkspaceInfo struct {
	Success        bool   `json:"success"`
	WorkspaceURL   string `json:"workspace_url" example:"https://example.cloud.databricks.com"`
	OrganizationID string `json:"organization_id" example:"1234567890123456"`
}

// Permission says what the caller may do.
type Permission struct {
	HasPermission bool   `json:"has_permission" doc:"Whether the caller may change things: whether it is an administrator"`
	UserEmail     string `json:"user_email" example:"ana@example.com"`
	Reason        string `json:"reason" example:"ana@example.com is administrator of this server"`
}

// guide registers the endpoints of the guide that only look, and those of the console that it describes.
func (s *server) guide(a huma.API) {
	answer(s, a, route("guide-instances", http.MethodGet, lakebase+"/instances", "List instances by page", tagGuide),
		func(ctx context.Context, in *guidePage) (GuideInstances, error) {
			all, err := s.all(ctx)
			return paged(all, *in), err
		})
	answer(s, a, route("guide-instance", http.MethodGet, lakebase+"/instance/{name}", "Show an instance", tagGuide), s.guideInstance)
	answer(s, a, route("guide-test", http.MethodGet, lakebase+"/test/{name}", "Test the connection", tagGuide),
		func(ctx context.Context, in *ByName) (Connection, error) { return s.test(ctx, in.Name) })
	answer(s, a, route("guide-test-connection", http.MethodPost, lakebase+"/test-connection", "Test the connection", tagGuide),
		func(ctx context.Context, in *struct{ Body GuideNamed }) (Connection, error) {
			return s.test(ctx, in.Body.InstanceName)
		})
	answer(s, a, route("guide-tables", http.MethodGet, lakebase+"/tables", "Count the rows of all tables", tagGuide), s.tables)
	answer(s, a, route("guide-workspace", http.MethodGet, lakebase+"/workspace-info", "Show the workspace", tagGuide),
		func(ctx context.Context, _ *struct{}) (WorkspaceInfo, error) {
			w, err := s.reach()
			if err != nil {
				return WorkspaceInfo{}, err
			}
			me, err := w.Me(ctx)
			return WorkspaceInfo{true, w.Host(), me.WorkspaceID}, err
		})
	answer(s, a, route("guide-permission", http.MethodGet, management+"/check-permission", "Say what the caller may do", tagGuide),
		func(ctx context.Context, _ *struct{}) (Permission, error) {
			who := access.From(ctx)
			role, err := access.RoleOf(ctx)
			p := Permission{role == access.Administrator, who.Name, who.Name + " is " + string(role) + " of this server"}
			if err != nil { // the question has an answer all the same: for now, no
				p.Reason = access.NewProblem(err).Detail
			}
			return p, nil
		})
}

// guideInstance answers for an instance that is not there with a state instead of an error, as consoles for the guide
// expect. Any other failure stays one.
func (s *server) guideInstance(ctx context.Context, in *ByName) (GuideInstance, error) {
	i, err := s.instance(ctx, in.Name)
	if lakeward.KindOf(err) == lakeward.KindNotFound {
		i, err = lakeward.Instance{Name: in.Name, Status: lakeward.StatusNotCreated}, nil
	}
	return guideView(i), err
}
