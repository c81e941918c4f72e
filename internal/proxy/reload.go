package proxy

import (
	"errors"
	"slices"
)

// Reload applies another configuration without ending a session: new routes and addresses open, those that are gone
// let nobody in any more, and what has changed holds for clients that come from now on. A route that was switched by an
// order stays where it is, unless the configuration now names another instance than before. What cannot be opened is
// in the error; the rest holds.
func (s *Server) Reload(c Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := map[string]RouteConfig{}
	for _, r := range s.config.Routes {
		before[r.Name] = r
	}
	var errs []error
	wanted := map[string]bool{}
	for _, rc := range c.Routes {
		for _, address := range rc.Listen {
			wanted[address+" "+rc.Name] = true
		}
	}
	for name, rc := range before { // first what is gone: its addresses may move to another route
		for _, address := range rc.Listen {
			if l := s.listeners[address]; l != nil && !wanted[address+" "+name] {
				l.Close()
				delete(s.listeners, address)
			}
		}
		if !slices.ContainsFunc(c.Routes, func(n RouteConfig) bool { return n.Name == name }) {
			s.retired = append(s.retired, s.routes[name])
			delete(s.routes, name)
		}
	}
	for _, rc := range c.Routes {
		r := s.routes[rc.Name]
		if r == nil {
			errs = append(errs, s.open(rc))
			continue
		}
		for _, address := range rc.Listen {
			if s.listeners[address] == nil {
				errs = append(errs, s.listen(address, r))
			}
		}
		r.change(rc, before[rc.Name].Instance != rc.Instance)
	}
	s.config = c
	return errors.Join(errs...)
}

// change applies a configuration to a route.
func (r *route) change(c RouteConfig, moves bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if moves {
		r.to = r.dial(c.Instance)
		r.forgetKnown()
	} else {
		c.Instance = r.config.Instance
	}
	r.config = c
	close(r.freed) // the limit may be higher now
	r.freed = make(chan struct{})
}
