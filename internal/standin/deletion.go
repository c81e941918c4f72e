package standin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Projects and branches that are deleted without purge are only put away: their endpoints stop, they disappear from the
// lists, and everything that they are stays on the disk for a while, in which they can be brought back.

// keepDeleted is how long that is.
const keepDeleted = 7 * day

// deletion is when something was put away, and when it will be removed for good.
type deletion struct {
	At    time.Time `json:"at"`
	Purge time.Time `json:"purge"`
}

func newDeletion() *deletion {
	t := now()
	return &deletion{At: t, Purge: t.Add(keepDeleted)}
}

// about tells what has become of the thing with a name, and what can be done.
func (d *deletion) about(name string) string {
	return fmt.Sprintf("'%s' was deleted at %s; undelete it by %s, or delete it with purge=true, which frees its id.",
		name, d.At.Format(time.RFC3339), d.Purge.Format(time.RFC3339))
}

// away tells why the endpoints of a branch do not run: the deletion of its project, or its own. It is empty when neither is
// deleted.
func (b *branch) away(p *project) string {
	switch {
	case p.Deleted != nil:
		return p.Deleted.about(p.name())
	case b.Deleted != nil:
		return b.Deleted.about(p.branchName(b))
	}
	return ""
}

// due is when a project will be removed for good; never is the zero time.
func (p *project) due() time.Time {
	if p.Deleted != nil {
		return p.Deleted.Purge
	}
	return time.Time{}
}

// due is when a branch will be removed for good; never is the zero time.
func (b *branch) due() time.Time {
	if b.Deleted != nil {
		return b.Deleted.Purge
	}
	return b.Expires
}

// live returns the projects that are not deleted.
func (s *state) live() []*project {
	return slices.DeleteFunc(slices.Clone(s.Projects), func(p *project) bool { return p.Deleted != nil })
}

// live returns the branches that are not deleted.
func (p *project) live() []*branch {
	return slices.DeleteFunc(slices.Clone(p.Branches), func(b *branch) bool { return b.Deleted != nil })
}

// projectOrDeleted is project for the calls that there are for a deleted one, too.
func (r *request) projectOrDeleted(s *state) (*project, error) {
	if p := s.project(r.PathValue("project")); p != nil {
		return p, nil
	}
	return nil, notFound("project id not found")
}

// branchOrDeleted is branch for the calls that there are for a deleted one, too. Its project must not be deleted.
func (r *request) branchOrDeleted(s *state) (*project, *branch, error) {
	p, err := r.project(s)
	if err != nil {
		return nil, nil, err
	}
	if b := p.branch(r.PathValue("branch")); b != nil {
		return p, b, nil
	}
	return nil, nil, notFound("branch id not found")
}

func (l *Lakebase) deleteProject(r *request) (any, error) {
	purge, _, err := r.flag("purge")
	if err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		find := r.project
		if purge {
			find = r.projectOrDeleted
		}
		p, err := find(s)
		if err != nil {
			return nil, err
		}
		if children := descendants(s, p.ID); len(children) > 0 {
			return nil, badRequest("Project '%s' has child instances, such as '%s'; delete them first.", p.ID, children[0])
		}
		return planDeletion(p, purge)
	}))
}

// planDeletion marks a project for deletion: for good, or so that it can be brought back.
func planDeletion(p *project, purge bool) (*operation, error) {
	if p.Deleting {
		return nil, notFound("project id not found")
	}
	for _, b := range p.Branches {
		if b.Protected {
			return nil, badRequest("cannot delete protected branch")
		}
	}
	if purge {
		p.Deleting = true
	} else {
		p.Deleted = newDeletion()
	}
	return newOperation(deleteProject, p.name()).of(p, nil, ""), nil
}

// performDeleteProject stops what runs and, unless it can be brought back, removes the data. Doing it twice does no harm.
func (l *Lakebase) performDeleteProject(ctx context.Context, op *operation) (settlement, error) {
	p := l.store.view().project(op.Project)
	if p == nil {
		return nil, nil
	}
	if !p.Deleting {
		return nil, l.align(ctx, op)
	}
	var errs []error
	for _, b := range p.Branches {
		errs = append(errs, l.removeBranch(ctx, p, b))
	}
	for _, n := range p.Snapshots {
		errs = append(errs, l.forgetHistory(n.UID, l.snapshotHistory(p, n)))
	}
	if err := os.Remove(l.projectFolder(p)); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return func(s *state, err error) any {
		switch p := s.project(op.Project); {
		case p == nil:
		case err != nil:
			p.Deleting = false
		default:
			s.Projects = without(s.Projects, p)
		}
		return nil
	}, errors.Join(errs...)
}

func (l *Lakebase) deleteBranch(r *request) (any, error) {
	purge, _, err := r.flag("purge")
	if err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		find := r.branch
		if purge {
			find = r.branchOrDeleted
		}
		p, b, err := find(s)
		if err != nil {
			return nil, err
		}
		return planBranchDeletion(p, b, purge)
	}))
}

// planBranchDeletion marks a branch for deletion: for good, or so that it can be brought back.
func planBranchDeletion(p *project, b *branch, purge bool) (*operation, error) {
	name := p.branchName(b)
	switch {
	case p.Deleting || b.Deleting:
		return nil, notFound("branch id not found")
	case b.Protected:
		return nil, badRequest("cannot delete protected branch")
	case b.ID == rootBranch:
		return nil, managedByParent("Cannot delete root branch '%s'. Root branches cannot be deleted independently.", name)
	case b.ID == p.DefaultBranch:
		return nil, badRequest("Cannot delete branch '%s': it is the project's default branch.", name)
	case hasChildren(p, name):
		return nil, badRequest("Cannot delete branch '%s': it has child branches.", name)
	}
	if purge {
		b.Deleting = true
	} else {
		b.Deleted = newDeletion()
	}
	return newOperation(deleteBranch, name).of(p, b, ""), nil
}

func hasChildren(p *project, name string) bool {
	return slices.ContainsFunc(p.live(), func(b *branch) bool { return b.Source == name && !b.Deleting })
}

func (l *Lakebase) performDeleteBranch(ctx context.Context, op *operation) (settlement, error) {
	name := "projects/" + op.Project + "/branches/" + op.Branch
	p, b := l.store.view().branchByName(name)
	if b == nil {
		return nil, nil
	}
	if !b.Deleting {
		return nil, l.align(ctx, op)
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
	return errors.Join(append(errs, l.forgetHistory(b.UID, l.history(p, b)))...)
}

func (l *Lakebase) undeleteProject(r *request) (any, error) {
	return answer(l.submit(func(s *state) (*operation, error) {
		p, err := r.projectOrDeleted(s)
		switch {
		case err != nil:
			return nil, err
		case p.Deleting:
			return nil, notFound("project id not found")
		case p.Deleted == nil:
			return nil, alreadyExists("'%s' is not deleted.", p.name())
		}
		if err := l.room(s, p.Instance != nil); err != nil {
			return nil, err
		}
		p.Deleted, p.Updated = nil, now()
		return newOperation(undeleteProject, p.name()).of(p, nil, ""), nil
	}))
}

func (l *Lakebase) undeleteBranch(r *request) (any, error) {
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, err := r.branchOrDeleted(s)
		switch {
		case err != nil:
			return nil, err
		case p.Deleting || b.Deleting:
			return nil, notFound("branch id not found")
		case b.Deleted == nil:
			return nil, alreadyExists("'%s' is not deleted.", p.branchName(b))
		}
		if err := p.room(); err != nil {
			return nil, err
		}
		t := now()
		b.Deleted, b.Updated, b.Changed = nil, t, t
		if b.Expires.Before(t) {
			b.Expires = time.Time{} // else it would be gone again at once
		}
		return newOperation(undeleteBranch, p.branchName(b)).of(p, b, ""), nil
	}))
}

// align makes the endpoints of an operation's branch, or of all of its project's, run or rest as the state says.
func (l *Lakebase) align(ctx context.Context, op *operation) error {
	p := l.store.view().project(op.Project)
	if p == nil {
		return nil
	}
	var errs []error
	for _, b := range p.Branches {
		if op.Branch == "" || op.Branch == b.ID {
			errs = append(errs, l.reconcile(ctx, p.ID, b.ID))
		}
	}
	return errors.Join(errs...)
}

// putAway stops the endpoints of a deleted branch, replicas first. Their addresses tell why from then on, until ctx is done.
func (l *Lakebase) putAway(ctx context.Context, p *project, b *branch) {
	for _, c := range slices.Backward(b.Computes) {
		l.stop(ctx, c)
		l.closeDoor(c.UID)
		l.setPhase(c.UID, phaseStopped, nil)
		if err := l.openNotice(ctx, p, b, c); err != nil {
			l.log.Warn("address of a deleted endpoint does not answer", "endpoint", p.under(b, "endpoints", c.ID), "err", err)
		}
	}
}
