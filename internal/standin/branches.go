package standin

import (
	"cmp"
	"context"
	"slices"
	"time"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

const (
	maxBranches  = 500
	maxBranchTTL = 30 * day
)

func (l *Lakebase) createBranch(r *request) (any, error) {
	var in postgres.Branch
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id, replace, err := r.creation("branch_id", chosenID)
	if err != nil {
		return nil, err
	}
	m, err := r.wholeBody()
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.BranchSpec{})
	if spec.SourceSnapshot != "" && (spec.SourceBranch != "" || spec.SourceBranchLsn != "" || spec.SourceBranchTime != nil) {
		return nil, invalid("Beside 'spec.source_snapshot', none of 'spec.source_branch', '…_lsn' and '…_time' may be set.")
	}
	from, err := momentOf(spec.SourceBranchLsn, spec.SourceBranchTime)
	if err != nil {
		return nil, err
	}
	if err := l.checkBranchMoment(r, id, spec, from); err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, err := r.project(s)
		if err != nil {
			return nil, err
		}
		if p.Deleting {
			return nil, notFound("project id not found")
		}
		if b := p.branch(id); b != nil {
			if b.Deleted != nil {
				return nil, alreadyExists("branch with such id already exists: %s", b.Deleted.about(p.branchName(b)))
			}
			if !replace || b.Deleting {
				return nil, alreadyExists("branch with such id already exists")
			}
			if err := applyBranch(p, b, spec, m); err != nil {
				return nil, err
			}
			return newOperation(createBranch, p.branchName(b)).of(p, b, ""), nil
		}
		return l.planBranch(s, p, id, spec, m, from)
	}))
}

// checkBranchMoment refuses a new branch of a moment that cannot be reached. All else is checked when it is planned.
func (l *Lakebase) checkBranchMoment(r *request, id string, spec *postgres.BranchSpec, m *moment) error {
	if m == nil {
		return nil
	}
	p, err := r.project(l.store.view())
	if err != nil || p.branch(id) != nil {
		return err
	}
	source := p.sourceOf(spec)
	if source == nil || !source.Ready {
		return nil
	}
	return l.checkMoment(r.Context(), p, source, m, branchFields)
}

// sourceOf returns the branch that a new one shall be a copy of, or nil.
func (p *project) sourceOf(spec *postgres.BranchSpec) *branch {
	if spec.SourceBranch == "" {
		return p.defaultBranch()
	}
	return find(p.Branches, func(b *branch) bool { return p.branchName(b) == spec.SourceBranch })
}

// planBranch adds a branch, which will be a copy of its source, as that is now or was at a moment.
func (l *Lakebase) planBranch(
	s *state, p *project, id string, spec *postgres.BranchSpec, m mask, from *moment,
) (*operation, error) {
	if err := p.room(); err != nil {
		return nil, err
	}
	if !m.has("spec.ttl") && !m.has("spec.expire_time") && !m.has("spec.no_expiry") {
		return nil, invalid("Exactly one of 'spec.ttl', 'spec.expire_time' and 'spec.no_expiry' must be set.")
	}
	t := now()
	b := &branch{ID: id, UID: "br-" + randomHex(8), Created: t, Updated: t, Changed: t}
	if err := b.fork(p, spec, from); err != nil {
		return nil, err
	}
	if err := applyBranch(p, b, spec, m); err != nil {
		return nil, err
	}
	p.Branches = append(p.Branches, b)
	if err := l.planPrimary(s, b, p.Defaults); err != nil {
		return nil, err
	}
	return newOperation(createBranch, p.branchName(b)).of(p, b, ""), nil
}

// fork notes what a new branch is a copy of: of a snapshot, or of its source as that is now or was at a moment.
func (b *branch) fork(p *project, spec *postgres.BranchSpec, from *moment) error {
	if spec.SourceSnapshot != "" {
		n := p.snapshotNamed(spec.SourceSnapshot)
		switch {
		case n == nil || n.Deleting:
			return notFound("snapshot not found; source_snapshot:%q", spec.SourceSnapshot)
		case !n.Ready:
			return invalidState("Snapshot '%s' is not ready.", spec.SourceSnapshot)
		}
		b.Snapshot = spec.SourceSnapshot
		b.inherit(n.Roles, n.Databases)
		return nil
	}
	source := p.sourceOf(spec)
	switch {
	case source == nil || source.Deleting:
		return notFound("source branch not found; source_branch:%q", spec.SourceBranch)
	case source.Deleted != nil:
		return notFound("source branch not found: %s", source.Deleted.about(p.branchName(source)))
	}
	b.Source = p.branchName(source)
	b.comeFrom(from)
	b.inherit(source.Roles, source.Databases)
	return nil
}

// room refuses one branch more than the project may have. Those that are deleted do not count.
func (p *project) room() error {
	if len(p.live()) >= maxBranches {
		return overLimit("The project has %d branches already, which is the limit.", maxBranches)
	}
	return nil
}

// comeFrom notes which moment of its source a new branch is a copy of; nil is now.
func (b *branch) comeFrom(m *moment) {
	b.Moment, b.SourceTime = m, b.Created
	if m != nil {
		b.SourceTime = m.Time
	}
}

// forkPosition is where in the log of the source the data of the branch begin, "" while that is not known.
func (b *branch) forkPosition() string {
	switch {
	case b.Snapshot != "": // it has no source
	case b.Fork != 0:
		return b.Fork.String()
	case b.Moment != nil && b.Moment.LSN != 0:
		return b.Moment.LSN.String()
	}
	return ""
}

// inherit takes over the roles and databases of a source, which the copy of its data will have.
func (b *branch) inherit(roles []*role, databases []*pgdb) {
	for _, r := range roles {
		if b.roleNamed(r.Name) == nil && !r.Pending {
			inherited := *r
			b.Roles = append(b.Roles, &inherited)
		}
	}
	for _, d := range databases {
		if i := slices.IndexFunc(b.Databases, func(own *pgdb) bool { return own.Name == d.Name }); i >= 0 {
			b.Databases[i].Owner = d.Owner
		} else if !d.Pending {
			inherited := *d
			b.Databases = append(b.Databases, &inherited)
		}
	}
}

// applyBranch changes what the mask names.
func applyBranch(p *project, b *branch, spec *postgres.BranchSpec, m mask) error {
	if m.has("spec.is_protected") {
		for _, other := range p.Branches {
			if spec.IsProtected && other.Protected && other.ID != b.ID {
				return badRequest("The project has a protected branch already: '%s'.", other.ID)
			}
		}
		b.Protected = spec.IsProtected
	}
	if !m.has("spec.ttl") && !m.has("spec.expire_time") && !m.has("spec.no_expiry") {
		return nil
	}
	expires, err := expiry(spec)
	if err != nil {
		return err
	}
	if !expires.IsZero() && b.Source == "" && b.Snapshot == "" {
		return badRequest("A root branch cannot expire.")
	}
	b.Expires = expires
	return nil
}

// expiry returns when a branch shall be deleted; never is the zero time.
func expiry(spec *postgres.BranchSpec) (time.Time, error) {
	given := 0
	for _, set := range []bool{spec.Ttl != nil, spec.ExpireTime != nil, spec.NoExpiry} {
		if set {
			given++
		}
	}
	if given != 1 {
		return time.Time{}, invalid("Exactly one of 'spec.ttl', 'spec.expire_time' and 'spec.no_expiry' must be set.")
	}
	var expires time.Time
	switch {
	case spec.NoExpiry:
		return expires, nil
	case spec.Ttl != nil:
		expires = now().Add(spec.Ttl.AsDuration())
	default:
		expires = spec.ExpireTime.AsTime().UTC()
	}
	if left := time.Until(expires); left <= 0 || left > maxBranchTTL {
		return expires, invalid("A branch must expire in the future and within 30 days, got %s.",
			expires.Format(time.RFC3339))
	}
	return expires, nil
}

func (l *Lakebase) getBranch(r *request) (any, error) {
	p, b, err := r.branchOrDeleted(l.store.view())
	if err != nil {
		return nil, err
	}
	return l.branchAnswer(p, b, l.size(r.Context(), b)), nil
}

func (l *Lakebase) listBranches(r *request) (any, error) {
	p, err := r.project(l.store.view())
	if err != nil {
		return nil, err
	}
	deleted, _, err := r.flag("show_deleted")
	if err != nil {
		return nil, err
	}
	shown := p.live()
	if deleted {
		shown = p.Branches
	}
	var all []postgres.Branch
	for _, b := range shown {
		all = append(all, *l.branchAnswer(p, b, l.size(r.Context(), b)))
	}
	return list(r, all, func(b postgres.Branch) string { return b.BranchId },
		func(items []postgres.Branch, next string) postgres.ListBranchesResponse {
			return postgres.ListBranchesResponse{Branches: items, NextPageToken: next}
		})
}

// size returns the size of a branch's databases, and 0 while its PostgreSQL cannot be asked.
func (l *Lakebase) size(ctx context.Context, b *branch) int64 {
	e := l.runner(b.primary().UID).endpoint
	if e == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	bytes, err := e.LogicalSize(ctx)
	if err != nil {
		l.log.Debug("measure branch", "branch", b.UID, "err", err)
	}
	return bytes
}

func (l *Lakebase) updateBranch(r *request) (any, error) {
	var in postgres.Branch
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(true, "spec.ttl", "spec.expire_time", "spec.no_expiry", "spec.is_protected")
	if err != nil {
		return nil, err
	}
	return answer(l.submitDone(func(s *state) (*operation, any, error) {
		p, b, err := r.branchToChange(s)
		if err != nil {
			return nil, nil, err
		}
		if err := applyBranch(p, b, cmp.Or(in.Spec, &postgres.BranchSpec{}), m); err != nil {
			return nil, nil, err
		}
		b.Updated = now()
		return newOperation(updateBranch, p.branchName(b)).of(p, b, ""), l.branchAnswer(p, b, 0), nil
	}))
}

func (l *Lakebase) branchAnswer(p *project, b *branch, size int64) *postgres.Branch {
	if b == nil {
		return nil
	}
	state := postgres.BranchStatusStateInit
	if b.Ready {
		state = postgres.BranchStatusStateReady
	}
	answer := &postgres.Branch{
		Name: p.branchName(b), BranchId: b.ID, Parent: p.name(), Uid: b.UID,
		CreateTime: sdktime.New(b.Created), UpdateTime: sdktime.New(b.Updated),
		Status: &postgres.BranchStatus{
			BranchId: b.ID, CurrentState: state, Default: b.ID == p.DefaultBranch, IsProtected: b.Protected,
			LogicalSizeBytes: size, ExpireTime: wireTime(b.Expires), StateChangeTime: sdktime.New(b.Changed),
			SourceSnapshot: b.Snapshot,
			SourceBranch:   b.Source, SourceBranchTime: wireTime(b.SourceTime), SourceBranchLsn: b.forkPosition(),
			ForceSendFields: []string{"Default", "IsProtected"},
		},
	}
	if d := b.Deleted; d != nil {
		status := answer.Status
		status.CurrentState, status.StateChangeTime = postgres.BranchStatusStateDeleted, sdktime.New(d.At)
		status.DeleteTime, status.PurgeTime = sdktime.New(d.At), sdktime.New(d.Purge)
	}
	return answer
}

// addRole adds a role that PostgreSQL has or will have. An empty id is derived from its name.
func (b *branch) addRole(r endpoint.Role, id string) *role {
	if id == "" {
		name := r.Name
		if r.Identity == typeServicePrincipal {
			name = servicePrefix + name // which may begin with a digit, or with a letter
		}
		id = deriveID(name, func(id string) bool { return b.role(id) != nil })
	}
	added := &role{ID: id, Name: r.Name, Created: now()}
	added.set(r)
	b.Roles = append(b.Roles, added)
	return added
}
