package standin

import (
	"cmp"
	"context"
	"errors"
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
	from, err := momentOf(spec)
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
	if len(p.Branches) >= maxBranches {
		return nil, overLimit("The project has %d branches already, which is the limit.", maxBranches)
	}
	source := p.sourceOf(spec)
	if source == nil || source.Deleting {
		return nil, notFound("source branch not found; source_branch:%q", spec.SourceBranch)
	}
	if !m.has("spec.ttl") && !m.has("spec.expire_time") && !m.has("spec.no_expiry") {
		return nil, invalid("Exactly one of 'spec.ttl', 'spec.expire_time' and 'spec.no_expiry' must be set.")
	}
	t := now()
	b := &branch{
		ID: id, UID: "br-" + randomHex(8), Source: p.branchName(source),
		Created: t, Updated: t, Changed: t,
	}
	b.comeFrom(from)
	b.inherit(source)
	if err := applyBranch(p, b, spec, m); err != nil {
		return nil, err
	}
	p.Branches = append(p.Branches, b)
	if err := l.planPrimary(s, b, p.Defaults); err != nil {
		return nil, err
	}
	return newOperation(createBranch, p.branchName(b)).of(p, b, ""), nil
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
	case b.Fork != 0:
		return b.Fork.String()
	case b.Moment != nil && b.Moment.LSN != 0:
		return b.Moment.LSN.String()
	}
	return ""
}

// inherit takes over the source's roles and databases, which the copy of its data will have.
func (b *branch) inherit(source *branch) {
	for _, r := range source.Roles {
		if b.roleNamed(r.Name) == nil && !r.Pending {
			inherited := *r
			b.Roles = append(b.Roles, &inherited)
		}
	}
	for _, d := range source.Databases {
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
	if !expires.IsZero() && b.Source == "" {
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
	p, b, err := r.branch(l.store.view())
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
	var all []postgres.Branch
	for _, b := range p.Branches {
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

func (l *Lakebase) deleteBranch(r *request) (any, error) {
	if _, _, err := r.flag("purge"); err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, err := r.branchToChange(s)
		if err != nil {
			return nil, err
		}
		return planBranchDeletion(p, b)
	}))
}

// planBranchDeletion marks a branch for deletion.
func planBranchDeletion(p *project, b *branch) (*operation, error) {
	name := p.branchName(b)
	switch {
	case b.Protected:
		return nil, badRequest("cannot delete protected branch")
	case b.ID == p.DefaultBranch || b.ID == rootBranch:
		return nil, managedByParent("Cannot delete root branch '%s'. Root branches cannot be deleted independently.", name)
	case hasChildren(p, name):
		return nil, badRequest("Cannot delete branch '%s': it has child branches.", name)
	}
	b.Deleting = true
	return newOperation(deleteBranch, name).of(p, b, ""), nil
}

func hasChildren(p *project, name string) bool {
	return slices.ContainsFunc(p.Branches, func(b *branch) bool { return b.Source == name && !b.Deleting })
}

func (l *Lakebase) performDeleteBranch(ctx context.Context, op *operation) (settlement, error) {
	name := "projects/" + op.Project + "/branches/" + op.Branch
	p, b := l.store.view().branchByName(name)
	if b == nil {
		return nil, nil
	}
	err := l.removeBranch(ctx, p, b)
	return func(s *state, err error) any {
		switch p, b := s.branchByName(name); {
		case b == nil:
		case err != nil:
			b.Deleting = false
		default:
			p.Branches = without(p.Branches, b)
		}
		return nil
	}, err
}

// removeBranch stops the endpoints of a branch, replicas first, and deletes its data.
func (l *Lakebase) removeBranch(ctx context.Context, p *project, b *branch) error {
	var errs []error
	for _, c := range slices.Backward(b.Computes) {
		errs = append(errs, l.removeEndpoint(ctx, p, b, c))
	}
	return errors.Join(append(errs, l.forgetHistory(p, b))...)
}

func (l *Lakebase) branchAnswer(p *project, b *branch, size int64) *postgres.Branch {
	if b == nil {
		return nil
	}
	state := postgres.BranchStatusStateInit
	if b.Ready {
		state = postgres.BranchStatusStateReady
	}
	return &postgres.Branch{
		Name: p.branchName(b), BranchId: b.ID, Parent: p.name(), Uid: b.UID,
		CreateTime: sdktime.New(b.Created), UpdateTime: sdktime.New(b.Updated),
		Status: &postgres.BranchStatus{
			BranchId: b.ID, CurrentState: state, Default: b.ID == p.DefaultBranch, IsProtected: b.Protected,
			LogicalSizeBytes: size, ExpireTime: wireTime(b.Expires), StateChangeTime: sdktime.New(b.Changed),
			SourceBranch: b.Source, SourceBranchTime: wireTime(b.SourceTime), SourceBranchLsn: b.forkPosition(),
			ForceSendFields: []string{"Default", "IsProtected"},
		},
	}
}

// addRole adds a role that PostgreSQL has or will have. An empty id is derived from its name.
func (b *branch) addRole(r endpoint.Role, id string) *role {
	if id == "" {
		id = deriveID(r.Name, func(id string) bool { return b.role(id) != nil })
	}
	added := &role{ID: id, Name: r.Name, Created: now()}
	added.set(r)
	b.Roles = append(b.Roles, added)
	return added
}
