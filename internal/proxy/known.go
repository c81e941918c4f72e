package proxy

import (
	"context"
	"fmt"
	"maps"
	"strings"
)

// maxKnown bounds how many combinations of startup parameters a route remembers.
const maxKnown = 1000

// identity is what clients of the same settings have in common.
func identity(key poolKey, params map[string]string) string {
	id := fmt.Sprintf("%q %t %q", key.database, key.isUser, key.options)
	for _, name := range sortedKeys(params) {
		id += fmt.Sprintf(" %q %q", name, params[name])
	}
	return id
}

// knownSettings returns the environment of a client with these startup parameters, and what it is told at its login, or nil
// when no client of its kind has come before.
func (r *route) knownSettings(key poolKey, params map[string]string) (*environment, map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gate != nil || r.config.Mode != ModeTransaction {
		return nil, nil
	}
	env := r.pool.known[identity(key, params)]
	if env == nil {
		return nil, nil
	}
	return env, env.tell(r.pool.told[key])
}

// tell returns what a client with this environment is told at its login.
func (e *environment) tell(params map[string]string) map[string]string {
	told := maps.Clone(params)
	for name, value := range e.settings {
		if _, ok := reported[strings.ToLower(name)]; ok {
			told[name] = value
		}
	}
	return told
}

// settingsOf is knownSettings for a client that may be the first of its kind. That one logs in with its parameters, so that
// PostgreSQL judges them. What an application calls itself is no reason to.
func (r *route) settingsOf(ctx context.Context, key poolKey, params map[string]string) (*environment, map[string]string, error) {
	if err := r.opened(ctx); err != nil {
		return nil, nil, err
	}
	if env, told := r.knownSettings(key, params); env != nil {
		return env, told, nil
	}
	general := maps.Clone(params)
	delete(general, "application_name")
	env, _ := r.knownSettings(key, general)
	if env == nil {
		var params map[string]string
		var err error
		if env, params, err = r.prove(ctx, key, general); err != nil {
			return nil, nil, err
		}
		r.know(identity(key, general), env, key, params)
	}
	if application, ok := params["application_name"]; ok {
		env = env.with("application_name", application)
		r.know(identity(key, params), env, key, nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return env, env.tell(r.pool.told[key]), nil
}

func (r *route) know(id string, env *environment, key poolKey, told map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pool.known) >= maxKnown {
		clear(r.pool.known)
	}
	r.pool.known[id] = env
	if told != nil {
		r.pool.told[key] = told
	}
}

// prove logs in with a client's parameters. Such a session is not shared: RESET leads to what it was started with.
func (r *route) prove(ctx context.Context, key poolKey, params map[string]string) (*environment, map[string]string, error) {
	if len(params) == 0 {
		b, err := r.borrow(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		defer r.putBack(b)
		return b.birth, b.up.params, nil
	}
	all := maps.Clone(params)
	if key.options != "" {
		all["options"] = key.options
	}
	up, err := r.persist(ctx, r.connector(), want{database: key.database, isUser: key.isUser, params: all})
	if err != nil {
		return nil, nil, r.explain(err)
	}
	r.start(up.close)
	env := ofParams(up.params)
	for name, value := range params {
		name = settingName(name)
		if _, ok := reported[strings.ToLower(name)]; !ok {
			env.settings[name] = value
		}
	}
	return env, up.params, nil
}

// forgetKnown makes new clients hear what another instance says of itself. r.mu is held.
func (r *route) forgetKnown() {
	clear(r.pool.known)
	clear(r.pool.told)
}
