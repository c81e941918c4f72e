package settings

import (
	"context"
	"strings"

	"github.com/lakeward/lakeward"
)

// pointer finds the instance: named, or by its endpoint or host, or else among all by what their mirrors say. It is meant to
// be used unless something says otherwise; only the store remembers instances that are not.
func (s *Settings) pointer(ctx context.Context, layers []layer) (_ Value, meant bool, _ error) {
	for i, l := range layers {
		v, err := s.leads(ctx, l)
		if v.Text != "" || err != nil {
			return v, i < len(layers)-1, err // the last one is the store
		}
	}
	if s.app == "" {
		return Value{}, false, nil
	}
	v, err := s.search(ctx)
	return v, true, err
}

// leads finds the instance that one layer leads to.
func (s *Settings) leads(ctx context.Context, l layer) (Value, error) {
	named, endpoint := l.values[Instance], l.values[Endpoint]
	switch {
	case named.Text != "" && !within(endpoint.Text, named.Text):
		return named, nil
	case isPath(endpoint.Text):
		return s.byEndpoint(ctx, endpoint)
	case named.Text != "":
		return named, nil
	case endpoint.Text != "":
		return s.byHost(ctx, endpoint)
	case l.host.Text != "":
		return s.byHost(ctx, l.host)
	}
	return Value{}, nil
}

// byEndpoint finds the instance of an endpoint. One that is not an instance's own, such as that of a branch, stands for
// itself.
func (s *Settings) byEndpoint(ctx context.Context, endpoint Value) (Value, error) {
	return s.lookUp(endpoint, func() (string, error) {
		project, _, _ := strings.Cut(strings.TrimPrefix(endpoint.Text, "projects/"), "/")
		i, err := s.o.Workspace.Instance(ctx, project)
		if err != nil {
			return endpoint.Text, err
		}
		if i.Endpoint == endpoint.Text {
			return i.Name, nil
		}
		return endpoint.Text, nil
	})
}

// byHost finds the instance that has a host, as PGHOST names it in a Databricks App.
func (s *Settings) byHost(ctx context.Context, host Value) (Value, error) {
	return s.lookUp(host, func() (string, error) {
		all, err := s.o.Workspace.Instances(ctx)
		if err != nil {
			return "", err
		}
		for _, i := range all {
			if strings.EqualFold(i.Host, host.Text) || i.ReadOnlyHost != "" && strings.EqualFold(i.ReadOnlyHost, host.Text) {
				return i.Name, nil
			}
		}
		return "", lakeward.Errorf(lakeward.KindNotFound,
			"check the app's database resource, or set LAKEBASE_INSTANCE_NAME to the instance's name",
			"%s is %s, which no instance of %s has", host.Origin, host.Text, s.o.Workspace.Host())
	})
}

// lookUp remembers what was found: an endpoint does not move to another instance.
func (s *Settings) lookUp(v Value, find func() (string, error)) (Value, error) {
	s.mu.Lock()
	name := s.pointed[v.Text]
	s.mu.Unlock()
	if name != "" {
		return Value{Text: name, Origin: v.Origin}, nil
	}
	var err error
	if name, err = find(); err != nil {
		return Value{Text: name, Origin: v.Origin}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pointed[v.Text] = name
	return Value{Text: name, Origin: v.Origin}, nil
}
