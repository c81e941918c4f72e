package databricks

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lakeward/lakeward"
)

// family is one of the two APIs. Its errors are the SDK's, unless stated otherwise.
type family interface {
	// get returns what a reference refers to.
	get(ctx context.Context, r reference) (lakeward.Instance, error)
	list(ctx context.Context) ([]lakeward.Instance, error)
	credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error)

	// The changes return the operations to wait for, if the API has any.
	create(ctx context.Context, s Spec) ([]string, error)
	change(ctx context.Context, i lakeward.Instance, c change) ([]string, error)
	remove(ctx context.Context, i lakeward.Instance) ([]string, error)
}

// Instance returns the instance that name refers to.
func (w *Workspace) Instance(ctx context.Context, name string) (lakeward.Instance, error) {
	r, err := parseName(name)
	if err != nil {
		return lakeward.Instance{}, err
	}
	instance, _, err := w.find(ctx, r)
	return instance, err
}

// find asks the Autoscaling API, and the Database instance API where that one does not know the name.
func (w *Workspace) find(ctx context.Context, r reference) (lakeward.Instance, family, error) {
	families := []family{w.instances}
	switch {
	case !r.whole():
		families = []family{w.projects} // the other API knows no branches
	case r.isProject():
		families = []family{w.projects, w.instances}
	}
	for _, f := range families {
		instance, err := f.get(ctx, r)
		if err == nil {
			return instance, f, nil
		}
		if err = explain(err, "look up instance %s", r.name); !absent(err) {
			return lakeward.Instance{}, nil, err
		}
	}
	return lakeward.Instance{}, nil, lakeward.Errorf(lakeward.KindNotFound,
		"choose one that exists (lakeward instance list), or create it (lakeward instance create "+r.project+")",
		"%s has no instance %s", w.Host(), r.name)
}

// Instances returns all instances that the identity may see, each once, by name.
func (w *Workspace) Instances(ctx context.Context) ([]lakeward.Instance, error) {
	var all []lakeward.Instance
	var missing error
	seen := map[string]bool{} // names and hosts: an instance need not have the same name in both APIs
	answers := 0
	for _, f := range []family{w.projects, w.instances} {
		found, err := f.list(ctx)
		if err != nil {
			if missing = explain(err, "list instances"); !absent(missing) {
				return nil, missing
			}
			continue
		}
		answers++
		for _, i := range found {
			if seen[i.Name] || i.Host != "" && seen[i.Host] {
				continue
			}
			seen[i.Name], seen[i.Host] = true, true
			all = append(all, i)
		}
	}
	if answers == 0 {
		return nil, missing
	}
	slices.SortFunc(all, func(a, b lakeward.Instance) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.UID, b.UID))
	})
	return all, nil
}

// Credential mints a credential for the workspace's identity on instance.
func (w *Workspace) Credential(ctx context.Context, instance lakeward.Instance) (lakeward.Credential, error) {
	me, err := w.Me(ctx)
	if err != nil {
		return lakeward.Credential{}, err
	}
	var f family = w.instances
	if instance.Endpoint != "" {
		f = w.projects
	}
	c, err := f.credential(ctx, instance)
	if err != nil {
		return lakeward.Credential{}, explain(err, "mint a credential for %s", instance.Name)
	}
	c.User = me.UserName
	return c, nil
}
