package databricks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
)

// projects is the Autoscaling API, /api/2.0/postgres. An instance is a project; it is reached through the read-write
// endpoint of its default branch.
type projects struct{ api postgres.PostgresInterface }

const (
	day           = 24 * time.Hour
	defaultBranch = "production" // what every project is born with
	lookups       = 8            // at a time; the SDK makes 15 calls a second at most
)

// get implements family.
func (p projects) get(ctx context.Context, r reference) (lakeward.Instance, error) {
	project, err := p.api.GetProject(ctx, postgres.GetProjectRequest{Name: r.projectPath()})
	if err != nil {
		return lakeward.Instance{}, err
	}
	if project.DeleteTime != nil { // it can be brought back for a while
		return lakeward.Instance{}, lakeward.Errorf(lakeward.KindNotFound, "", "%s is deleted", project.Name)
	}
	return p.resolve(ctx, r, *project)
}

// reserved tells when the name is that of a deleted project, which keeps it until it is purged.
func (p projects) reserved(ctx context.Context, r reference) error {
	project, err := p.api.GetProject(ctx, postgres.GetProjectRequest{Name: r.projectPath()})
	if err == nil && project.DeleteTime != nil && project.PurgeTime != nil {
		return lakeward.Errorf(lakeward.KindConflict, fmt.Sprintf(
			"bring it back with: databricks postgres undelete-project %s; or free its name with: databricks postgres delete-project %[1]s --purge",
			project.Name,
		), "create instance %s: one of that name was deleted at %s, and keeps it until %s",
			r.project, project.DeleteTime.AsTime().Format(time.RFC3339), project.PurgeTime.AsTime().Format(time.RFC3339))
	}
	return nil
}

// resolve finds the endpoint that r refers to.
func (p projects) resolve(ctx context.Context, r reference, project postgres.Project) (lakeward.Instance, error) {
	branch := r.projectPath() + "/branches/" + cmp.Or(r.branch, defaultBranch)
	if project.Status != nil && r.whole() {
		branch = cmp.Or(project.Status.DefaultBranch, branch)
	}
	endpoints, err := p.api.ListEndpointsAll(ctx, postgres.ListEndpointsRequest{Parent: branch})
	if err != nil {
		return lakeward.Instance{}, err
	}
	k := slices.IndexFunc(endpoints, func(e postgres.Endpoint) bool {
		if r.endpoint != "" {
			return strings.HasSuffix(e.Name, "/endpoints/"+r.endpoint)
		}
		return e.Status != nil && e.Status.EndpointType == postgres.EndpointTypeEndpointTypeReadWrite
	})
	switch {
	case k >= 0:
		return fromProject(r, project, endpoints[k]), nil
	case r.endpoint != "":
		return lakeward.Instance{}, lakeward.Errorf(lakeward.KindNotFound, "", "%s has no endpoint %s", branch, r.endpoint)
	}
	return fromProject(r, project, postgres.Endpoint{}), nil // it is being made
}

// fromProject describes a project and one of its endpoints as an instance.
func fromProject(r reference, p postgres.Project, e postgres.Endpoint) lakeward.Instance {
	project := cmp.Or(p.Status, &postgres.ProjectStatus{})
	endpoint := cmp.Or(e.Status, &postgres.EndpointStatus{CurrentState: postgres.EndpointStatusStateInit})
	hosts := cmp.Or(endpoint.Hosts, &postgres.EndpointHosts{})
	group := cmp.Or(endpoint.Group, &postgres.EndpointGroupStatus{Max: 1})
	i := lakeward.Instance{
		Name:               r.name,
		UID:                p.Uid,
		Endpoint:           e.Name,
		State:              string(endpoint.CurrentState),
		Status:             lakeward.StatusOf(string(endpoint.CurrentState), endpoint.Disabled),
		Host:               hosts.Host,
		ReadOnlyHost:       hosts.ReadOnlyHost,
		PooledHost:         hosts.ReadWritePooledHost,
		ReadOnlyPooledHost: hosts.ReadOnlyPooledHost,
		Port:               lakeward.DefaultPort,
		Database:           lakeward.DefaultDatabase,
		Capacity:           capacityOf(endpoint.AutoscalingLimitMinCu, endpoint.AutoscalingLimitMaxCu),
		MinCU:              endpoint.AutoscalingLimitMinCu,
		MaxCU:              endpoint.AutoscalingLimitMaxCu,
		Nodes:              group.Max,
		RetentionDays:      int(project.HistoryRetentionDuration.AsDuration() / day),
		SizeLimit:          project.BranchLogicalSizeLimitBytes,
		Creator:            project.Owner,
	}
	for _, t := range project.CustomTags {
		i.Tags = tagged(i.Tags, t.Key, t.Value)
	}
	if !r.whole() {
		i.UID = e.Uid
	}
	if project.PgVersion != 0 {
		i.PostgresVersion = strconv.Itoa(project.PgVersion)
	}
	if p.CreateTime != nil {
		i.Created = p.CreateTime.AsTime()
	}
	return i
}

// list implements family. The API lists projects without their endpoints, so each costs one more call.
func (p projects) list(ctx context.Context) ([]lakeward.Instance, error) {
	all, err := p.api.ListProjectsAll(ctx, postgres.ListProjectsRequest{PageSize: 100})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p postgres.Project) bool { return p.DeleteTime != nil })
	found := make([]lakeward.Instance, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for k, project := range all {
		group.Go(func() error {
			id := strings.TrimPrefix(project.Name, "projects/")
			i, err := p.resolve(ctx, reference{name: id, project: id}, project)
			found[k] = i
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// credential implements family.
func (p projects) credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error) {
	c, err := p.api.GenerateDatabaseCredential(ctx, postgres.GenerateDatabaseCredentialRequest{Endpoint: i.Endpoint})
	if err != nil {
		return lakeward.Credential{}, err
	}
	if c.ExpireTime == nil {
		return lakeward.Credential{}, lakeward.Errorf(lakeward.KindInternal, "", "the credential has no expiry")
	}
	return lakeward.Credential{Token: lakeward.Secret(c.Token), Expires: c.ExpireTime.AsTime()}, nil
}

// create implements family. The API makes a branch, an endpoint, a database and an owner role along with the project.
func (p projects) create(ctx context.Context, s Spec) ([]string, error) {
	project := postgres.Project{Spec: &postgres.ProjectSpec{DisplayName: s.Name}}
	if s.RetentionDays != 0 {
		project.Spec.HistoryRetentionDuration = duration.New(time.Duration(s.RetentionDays) * day)
	}
	var initial postgres.InitialEndpointSpec
	if units, ok := unitsOf(s.Capacity); ok {
		initial.AutoscalingLimitMinCu, initial.AutoscalingLimitMaxCu = units, units
		project.Spec.DefaultEndpointSettings = &postgres.ProjectDefaultEndpointSettings{
			AutoscalingLimitMinCu: units, AutoscalingLimitMaxCu: units,
		}
	}
	if s.Nodes > 1 {
		initial.Group = &postgres.EndpointGroupSpec{Min: s.Nodes, Max: s.Nodes}
		initial.NoSuspension = true // secondaries and scaling to zero exclude each other
	}
	if initial.Group != nil || initial.AutoscalingLimitMaxCu != 0 {
		project.InitialEndpointSpec = &initial
	}
	op, err := p.api.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: s.Name, Project: project})
	if err != nil {
		return nil, err
	}
	return []string{op.Name()}, nil
}

// change implements family.
func (p projects) change(ctx context.Context, i lakeward.Instance, c change) ([]string, error) {
	var operations []string
	if spec, mask := endpointSpec(c); len(mask) > 0 {
		op, err := p.api.UpdateEndpoint(ctx, postgres.UpdateEndpointRequest{
			Name:       i.Endpoint,
			Endpoint:   postgres.Endpoint{Name: i.Endpoint, Spec: &spec},
			UpdateMask: fieldmask.FieldMask{Paths: mask},
		})
		if err != nil {
			return nil, err
		}
		operations = append(operations, op.Name())
	}
	if c.spec.RetentionDays != 0 {
		name := projectOf(i)
		retention := duration.New(time.Duration(c.spec.RetentionDays) * day)
		op, err := p.api.UpdateProject(ctx, postgres.UpdateProjectRequest{
			Name:       name,
			Project:    postgres.Project{Name: name, Spec: &postgres.ProjectSpec{HistoryRetentionDuration: retention}},
			UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.history_retention_duration"}},
		})
		if err != nil {
			return nil, err
		}
		operations = append(operations, op.Name())
	}
	return operations, nil
}

// endpointSpec says what changes about an endpoint. The API wants each leaf named.
func endpointSpec(c change) (spec postgres.EndpointSpec, mask []string) {
	spec.EndpointType = postgres.EndpointTypeEndpointTypeReadWrite
	if c.stopped != nil {
		spec.Disabled = *c.stopped
		spec.ForceSendFields = []string{"Disabled"}
		mask = append(mask, "spec.disabled")
	}
	if units, ok := unitsOf(c.spec.Capacity); ok {
		spec.AutoscalingLimitMinCu, spec.AutoscalingLimitMaxCu = units, units
		mask = append(mask, "spec.autoscaling_limit_min_cu", "spec.autoscaling_limit_max_cu")
	}
	if c.spec.Nodes != 0 {
		spec.Group = &postgres.EndpointGroupSpec{Min: c.spec.Nodes, Max: c.spec.Nodes}
		mask = append(mask, "spec.group.min", "spec.group.max")
	}
	if c.spec.Nodes > 1 {
		spec.NoSuspension = true
		mask = append(mask, "spec.suspension")
	}
	return spec, mask
}

// remove implements family.
func (p projects) remove(ctx context.Context, i lakeward.Instance) ([]string, error) {
	op, err := p.api.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: projectOf(i), Purge: true})
	if err != nil {
		return nil, err
	}
	return []string{op.Name()}, nil
}

// projectOf returns the path of the project that an instance is, or is a part of.
func projectOf(i lakeward.Instance) string {
	project, _, found := strings.Cut(i.Endpoint, "/branches/")
	if !found {
		return "projects/" + i.Name
	}
	return project
}
