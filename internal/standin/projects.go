package standin

import (
	"cmp"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/databricks/databricks-sdk-go/common/types/duration"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/google/uuid"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

// What comes into the world with a project.
const (
	rootBranch      = "production"
	primaryEndpoint = "primary"
	firstDatabase   = "databricks-postgres"
)

const (
	branchSizeLimit = 8 << 40
	maxDisplayName  = 256
	problemTag      = "lakeward:problem" // tells why an endpoint of the project is degraded
)

// blueprint is what a new project is made from, by either API.
type blueprint struct {
	id       string
	owner    identity
	settings computeSettings
	instance *instance
	parent   *project // whose default branch is copied, or nil
	from     *moment  // of the parent; nil is now
}

// plan adds a project with all that comes with it to the state.
func (l *Lakebase) plan(s *state, bp blueprint) (*project, error) {
	if err := l.room(s, bp.instance != nil); err != nil {
		return nil, err
	}
	switch p := s.holder(bp.id); {
	case p == nil:
	case p.Deleted != nil:
		return nil, alreadyExists("project with such id already exists in the workspace: %s", p.Deleted.about(p.name()))
	default:
		return nil, alreadyExists("project with such id already exists in the workspace")
	}
	t := now()
	p := &project{
		ID: bp.id, UID: uuid.NewString(), DisplayName: bp.id, Owner: bp.owner.Name, OwnerType: bp.owner.Type,
		PgVersion: l.binaries.Major, Retention: defaultRetention, Defaults: bp.settings, DefaultBranch: rootBranch,
		Instance: bp.instance, Created: t, Updated: t,
	}
	b := &branch{ID: rootBranch, UID: "br-" + randomHex(8), Created: t, Updated: t, Changed: t}
	b.addRole(endpoint.Role{
		Name: p.Owner, Identity: p.OwnerType, AuthMethod: endpoint.AuthOAuth,
		Superuser: true, BypassRLS: true, CreateDB: true, CreateRole: true,
	}, "")
	b.Databases = append(b.Databases, &pgdb{
		ID: firstDatabase, Name: lakeward.DefaultDatabase, Owner: p.Owner, Created: t, Updated: t,
	})
	if bp.parent != nil {
		from := bp.parent.defaultBranch()
		b.Source = bp.parent.branchName(from)
		b.comeFrom(bp.from)
		b.inherit(from.Roles, from.Databases)
	}
	p.Branches = append(p.Branches, b)
	s.Projects = append(s.Projects, p)
	return p, l.planPrimary(s, b, bp.settings)
}

// room refuses one project, or instance, more than the workspace may have. Those that are deleted do not count.
func (l *Lakebase) room(s *state, instance bool) error {
	if made := instancesOf(s); instance && len(made) >= l.limits.Instances {
		return overLimit("The workspace has %d database instances already, which is the limit.", len(made))
	}
	if made := s.live(); len(made) >= l.limits.Projects {
		return overLimit("The workspace has %d projects already, which is the limit.", len(made))
	}
	return nil
}

// holder returns the project that keeps others from having an id, or nil.
func (s *state) holder(id string) *project {
	return find(s.Projects, func(p *project) bool { return strings.EqualFold(p.ID, id) })
}

// planPrimary adds a branch's read-write endpoint.
func (l *Lakebase) planPrimary(s *state, b *branch, settings computeSettings) error {
	_, err := l.planEndpoint(s, b, &compute{ID: primaryEndpoint, Settings: settings})
	return err
}

// defaultSettings are those of an endpoint about which nobody said anything.
func defaultSettings() computeSettings {
	return computeSettings{MinCU: defaultUnits, MaxCU: defaultUnits, Suspend: defaultSuspend}
}

func (l *Lakebase) createProject(r *request) (any, error) {
	var in postgres.Project
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("project_id")
	if err := checkID("project_id", id); err != nil {
		return nil, err
	}
	m, err := r.wholeBody()
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.ProjectSpec{})
	if err := l.checkVersion(spec.PgVersion); err != nil {
		return nil, err
	}
	settings, err := l.initialSettings(in.InitialEndpointSpec, spec.DefaultEndpointSettings)
	if err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, err := l.plan(s, blueprint{id: id, owner: r.caller, settings: settings})
		if err != nil {
			return nil, err
		}
		p.Defaults = defaultSettings()
		if err := l.applyProject(p, spec, m); err != nil {
			return nil, err
		}
		if in.InitialEndpointSpec != nil && in.InitialEndpointSpec.Group != nil {
			if err := applyGroup(p.Branches[0].primary(), in.InitialEndpointSpec.Group, wholeGroup); err != nil {
				return nil, err
			}
		}
		if in.InitialBranchSpec != nil {
			p.Branches[0].Protected = in.InitialBranchSpec.IsProtected
		}
		return newOperation(createProject, p.name()).of(p, p.Branches[0], ""), nil
	}))
}

// checkVersion refuses any other PostgreSQL than the one that is installed.
func (l *Lakebase) checkVersion(major int) error {
	if major != 0 && major != l.binaries.Major {
		return invalid("Field 'project.spec.pg_version' must be %d, the version installed here (PostgreSQL %s), got %d.",
			l.binaries.Major, l.binaries.Version, major)
	}
	return nil
}

// initialSettings are those of the primary endpoint of a new project: what was said about it, else the project's
// defaults.
func (l *Lakebase) initialSettings(
	in *postgres.InitialEndpointSpec, defaults *postgres.ProjectDefaultEndpointSettings,
) (computeSettings, error) {
	settings := defaultSettings()
	if defaults != nil {
		settings.merge(settingsIn{
			min: defaults.AutoscalingLimitMinCu, max: defaults.AutoscalingLimitMaxCu,
			noSuspension: defaults.NoSuspension, suspend: defaults.SuspendTimeoutDuration,
		})
		settings.PgSettings = maps.Clone(defaults.PgSettings)
	}
	if in != nil {
		settings.merge(settingsIn{
			min: in.AutoscalingLimitMinCu, max: in.AutoscalingLimitMaxCu,
			noSuspension: in.NoSuspension, suspend: in.SuspendTimeoutDuration,
		})
	}
	return settings, settings.check(l.limits)
}

// applyProject changes what the mask names.
func (l *Lakebase) applyProject(p *project, spec *postgres.ProjectSpec, m mask) error {
	if m.has("spec.display_name") {
		if n := utf8.RuneCountInString(spec.DisplayName); n < 1 || n > maxDisplayName {
			return invalid("Field 'spec.display_name' must have 1 to %d characters, got %d.", maxDisplayName, n)
		}
		p.DisplayName = spec.DisplayName
	}
	if m.has("spec.history_retention_duration") {
		p.Retention = defaultRetention
		if spec.HistoryRetentionDuration != nil {
			p.Retention = spec.HistoryRetentionDuration.AsDuration()
		}
		if err := checkRetention(p.Retention); err != nil {
			return err
		}
	}
	if m.has("spec.default_branch") {
		id, ok := strings.CutPrefix(spec.DefaultBranch, p.name()+"/branches/")
		if b := p.branch(id); !ok || b == nil || b.Deleted != nil {
			return invalid("Field 'spec.default_branch' must name a branch of the project, got '%s'.", spec.DefaultBranch)
		}
		p.DefaultBranch = id
	}
	if m.has("spec.enable_pg_native_login") {
		p.NativeLogin = spec.EnablePgNativeLogin
	}
	if m.has("spec.budget_policy_id") {
		p.BudgetPolicy = spec.BudgetPolicyId
	}
	if m.has("spec.custom_tags") && (len(spec.CustomTags) > 0 || m.names("spec.custom_tags")) { // * keeps what it finds empty
		p.Tags = nil
		for _, t := range spec.CustomTags {
			p.Tags = append(p.Tags, tag{t.Key, t.Value})
		}
	}
	return l.applyDefaults(&p.Defaults, spec.DefaultEndpointSettings, m)
}

// applyDefaults changes the settings of endpoints yet to be made.
func (l *Lakebase) applyDefaults(settings *computeSettings, in *postgres.ProjectDefaultEndpointSettings, m mask) error {
	in = cmp.Or(in, &postgres.ProjectDefaultEndpointSettings{})
	settings.apply("spec.default_endpoint_settings.", settingsIn{
		min: in.AutoscalingLimitMinCu, max: in.AutoscalingLimitMaxCu,
		noSuspension: in.NoSuspension, suspend: in.SuspendTimeoutDuration,
	}, m)
	if m.has("spec.default_endpoint_settings.pg_settings") {
		settings.PgSettings = in.PgSettings
	}
	return settings.check(l.limits)
}

func (l *Lakebase) getProject(r *request) (any, error) {
	p, err := r.projectOrDeleted(l.store.view())
	if err != nil {
		return nil, err
	}
	answer := l.projectAnswer(p)
	for _, b := range p.Branches {
		answer.Status.SyntheticStorageSizeBytes += l.size(r.Context(), b)
	}
	return answer, nil
}

func (l *Lakebase) listProjects(r *request) (any, error) {
	deleted, _, err := r.flag("show_deleted")
	if err != nil {
		return nil, err
	}
	s := l.store.view()
	shown := s.live()
	if deleted {
		shown = s.Projects
	}
	var all []postgres.Project
	for _, p := range shown {
		all = append(all, *l.projectAnswer(p))
	}
	return list(r, all, func(p postgres.Project) string { return p.ProjectId }, projectList)
}

func (l *Lakebase) updateProject(r *request) (any, error) {
	var in postgres.Project
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(true, "spec.display_name", "spec.history_retention_duration", "spec.default_branch",
		"spec.enable_pg_native_login", "spec.budget_policy_id", "spec.custom_tags", "spec.default_endpoint_settings")
	if err != nil {
		return nil, err
	}
	return answer(l.submitDone(func(s *state) (*operation, any, error) {
		p, err := r.project(s)
		if err != nil {
			return nil, nil, err
		}
		if err := l.applyProject(p, cmp.Or(in.Spec, &postgres.ProjectSpec{}), m); err != nil {
			return nil, nil, err
		}
		p.Updated = now()
		return newOperation(updateProject, p.name()).of(p, nil, ""), l.projectAnswer(p), nil
	}))
}

// projectAnswer is how GET shows a project: its status, without the spec.
func (l *Lakebase) projectAnswer(p *project) *postgres.Project {
	if p == nil {
		return nil
	}
	answer := &postgres.Project{
		Name: p.name(), ProjectId: p.ID, Uid: p.UID,
		CreateTime: sdktime.New(p.Created), UpdateTime: sdktime.New(p.Updated),
		Status: &postgres.ProjectStatus{
			ProjectId: p.ID, DisplayName: p.DisplayName, Owner: p.Owner, PgVersion: p.PgVersion,
			DefaultBranch:            p.name() + "/branches/" + p.DefaultBranch,
			HistoryRetentionDuration: duration.New(p.Retention),
			DefaultEndpointSettings: &postgres.ProjectDefaultEndpointSettings{
				AutoscalingLimitMinCu: p.Defaults.MinCU, AutoscalingLimitMaxCu: p.Defaults.MaxCU,
				NoSuspension: p.Defaults.NoSuspension, SuspendTimeoutDuration: p.Defaults.suspendWire(),
				PgSettings: p.Defaults.PgSettings,
			},
			BudgetPolicyId: p.BudgetPolicy, CustomTags: l.tags(p), BranchLogicalSizeLimitBytes: branchSizeLimit,
			ComputeLastActiveTime: l.lastActive(p),
			EnablePgNativeLogin:   p.NativeLogin,
			ForceSendFields:       []string{"EnablePgNativeLogin", "SyntheticStorageSizeBytes"},
		},
	}
	if d := p.Deleted; d != nil {
		answer.DeleteTime, answer.PurgeTime = sdktime.New(d.At), sdktime.New(d.Purge)
	}
	return answer
}

// wireTags returns the tags that a client has given to a project.
func wireTags(p *project) (tags []postgres.ProjectCustomTag) {
	for _, t := range p.Tags {
		tags = append(tags, postgres.ProjectCustomTag{Key: t.Key, Value: t.Value})
	}
	return tags
}

// tags returns a project's tags. The APIs have no field for what is wrong with an endpoint, so a tag tells it.
func (l *Lakebase) tags(p *project) []postgres.ProjectCustomTag {
	tags := wireTags(p)
	if progress := l.copyingOf(p.defaultBranch()); progress.Total > 0 {
		tags = append(tags, postgres.ProjectCustomTag{Key: progressTag, Value: progress.String()})
	}
	if problem := l.problem(p); problem != "" {
		tags = append(tags, postgres.ProjectCustomTag{Key: problemTag, Value: problem})
	}
	return tags
}

// problem tells why an endpoint of the project does not run though it should, and "" when all is well.
func (l *Lakebase) problem(p *project) string {
	for _, b := range p.Branches {
		for _, c := range b.Computes {
			r := l.runner(c.UID)
			if err := r.worry(); err != nil {
				return p.under(b, "endpoints", c.ID) + ": " + asAPIError(err).Message
			}
			if r.full != "" {
				return p.under(b, "endpoints", c.ID) + ": " + r.full
			}
		}
	}
	return ""
}

func (l *Lakebase) lastActive(p *project) *sdktime.Time {
	var last time.Time
	for _, b := range p.Branches {
		for _, c := range b.Computes {
			if t := l.activeTime(l.runner(c.UID)); t.After(last) {
				last = t
			}
		}
	}
	return wireTime(last)
}

// activeTime is when an endpoint was active last: now, while it runs.
func (l *Lakebase) activeTime(r runner) time.Time {
	if r.phase == phaseActive {
		return now()
	}
	return r.active
}

// wireTime leaves the zero time out.
func wireTime(t time.Time) *sdktime.Time {
	if t.IsZero() {
		return nil
	}
	return sdktime.New(t)
}
