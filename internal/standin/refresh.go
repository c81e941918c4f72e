package standin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// refresh brings the roles and databases that the state remembers in line with PostgreSQL, where SQL may have changed
// them. While PostgreSQL does not run, what is remembered has to do.
func (l *Lakebase) refresh(r *request) {
	_, b, err := r.branch(l.store.view())
	if err != nil {
		return // the caller finds out again
	}
	l.refreshBranch(r.Context(), b)
}

// refreshTries is how often a reading that was overtaken by a change of the state is repeated.
const refreshTries = 3

func (l *Lakebase) refreshBranch(ctx context.Context, b *branch) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for range refreshTries {
		err := l.tryRefresh(ctx, b)
		if errors.Is(err, errOvertaken) {
			continue
		}
		if err != nil && !errors.Is(err, errUnchanged) {
			l.log.Warn("read roles and databases", "branch", b.UID, "err", err)
		}
		return
	}
}

func (l *Lakebase) tryRefresh(ctx context.Context, b *branch) error {
	seen := l.store.view()
	e := l.runner(b.primary().UID).endpoint
	if e == nil || seen.changing(b) {
		return errUnchanged
	}
	roles, err := e.Roles(ctx)
	if err != nil {
		return err
	}
	databases, err := e.Databases(ctx)
	if err != nil {
		return err
	}
	if _, known, _ := seen.computeByUID(b.primary().UID); known == nil || known.agrees(roles, databases) {
		return errUnchanged
	}
	return l.store.update(func(s *state) error {
		_, current, _ := s.computeByUID(b.primary().UID)
		switch {
		case s.inside(b) != seen.inside(b):
			return errOvertaken
		case current == nil || !current.adopt(roles, databases):
			return errUnchanged
		}
		return nil
	})
}

// agrees reports whether the branch's roles and databases are those.
func (b *branch) agrees(roles []endpoint.Role, databases []endpoint.Database) bool {
	trial := &branch{}
	for _, r := range b.Roles {
		c := *r
		trial.Roles = append(trial.Roles, &c)
	}
	for _, d := range b.Databases {
		c := *d
		trial.Databases = append(trial.Databases, &c)
	}
	return !trial.adopt(roles, databases)
}

// changing reports whether an operation on a role or a database of the branch is on its way.
func (s *state) changing(b *branch) bool {
	return slices.ContainsFunc(s.operationsInside(b), func(o *operation) bool { return !o.Done })
}

// operationsInside returns the operations on roles and databases of the branch.
func (s *state) operationsInside(b *branch) (found []*operation) {
	for _, o := range s.Operations {
		if o.Role == nil && o.Database == nil {
			continue
		}
		if _, target := s.branchByName("projects/" + o.Project + "/branches/" + o.Branch); target != nil && target.UID == b.UID {
			found = append(found, o)
		}
	}
	return found
}

// inside returns a text that differs when the roles or databases of the branch have been changed in between, by an
// operation or by another reading. What happens to other branches does not count.
func (s *state) inside(b *branch) string {
	_, current, _ := s.computeByUID(b.primary().UID)
	if current == nil {
		return ""
	}
	text, err := json.Marshal([]any{current.Roles, current.Databases, s.operationsInside(b)})
	if err != nil {
		return err.Error() // not of these types
	}
	return string(text)
}

var (
	errUnchanged = errors.New("unchanged")
	errOvertaken = errors.New("the state has changed meanwhile")
)

// adopt takes over what PostgreSQL has, and reports whether that is news. What is being made is left alone.
func (b *branch) adopt(roles []endpoint.Role, databases []endpoint.Database) (changed bool) {
	for _, r := range roles {
		if known := b.roleNamed(r.Name); known == nil {
			b.addRole(r, "")
			changed = true
		} else if known.set(r) {
			changed = true
		}
	}
	for _, d := range databases {
		known := b.databaseNamed(d.Name)
		if known == nil {
			b.addDatabase(d, "")
			changed = true
		} else if known.Owner != d.Owner {
			known.Owner, known.Updated = d.Owner, now()
			changed = true
		}
	}
	before := len(b.Roles) + len(b.Databases)
	b.Roles = slices.DeleteFunc(b.Roles, func(known *role) bool {
		there := func(r endpoint.Role) bool { return r.Name == known.Name }
		return !known.Pending && !slices.ContainsFunc(roles, there)
	})
	b.Databases = slices.DeleteFunc(b.Databases, func(known *pgdb) bool {
		there := func(d endpoint.Database) bool { return d.Name == known.Name }
		return !known.Pending && !slices.ContainsFunc(databases, there)
	})
	return changed || len(b.Roles)+len(b.Databases) != before
}
