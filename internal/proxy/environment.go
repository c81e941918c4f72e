package proxy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reported are the settings that a server tells of, and that a client may change. The names are PostgreSQL's, which
// does not mind their case.
var reported = map[string]string{
	"application_name": "application_name", "client_encoding": "client_encoding", "datestyle": "DateStyle",
	"intervalstyle": "IntervalStyle", "timezone": "TimeZone", "standard_conforming_strings": "standard_conforming_strings",
	"default_transaction_read_only": "default_transaction_read_only", "scram_iterations": "scram_iterations",
	"search_path": "search_path",
}

// environment is the settings of a client, or of a session on the instance. It is not changed but replaced, so that the
// same one is the same pointer in most cases.
type environment struct {
	settings map[string]string // by name; with all of those that the server tells of
}

// ofParams takes the settings out of what a server told at login.
func ofParams(params map[string]string) *environment {
	e := &environment{settings: map[string]string{}}
	for name, value := range params {
		if _, ok := reported[strings.ToLower(name)]; ok {
			e.settings[name] = value
		}
	}
	return e
}

// with returns an environment in which one setting is different.
func (e *environment) with(name, value string) *environment {
	if old, ok := e.settings[name]; ok && old == value {
		return e
	}
	return &environment{settings: withParam(e.settings, name, value)}
}

// withParam returns parameters of which one is different. The old ones stay as they are: sessions share them.
func withParam(params map[string]string, name, value string) map[string]string {
	out := maps.Clone(params)
	out[name] = value
	return out
}

// script returns statements that make a session's settings those of a client, or "".
func (e *environment) script(session *environment) string {
	if e == session || maps.Equal(e.settings, session.settings) {
		return ""
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(session.settings)) {
		if _, ok := e.settings[name]; !ok {
			fmt.Fprintf(&out, "RESET %s;", quoteSetting(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.settings)) {
		if old, ok := session.settings[name]; !ok || old != e.settings[name] {
			fmt.Fprintf(&out, "SELECT pg_catalog.set_config(%s, %s, false);", literal(name), literal(e.settings[name]))
		}
	}
	return out.String()
}

// quoteSetting quotes the name of a setting, of which those of applications have two parts.
func quoteSetting(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// settingName is how a parameter of a startup packet is called in environments.
func settingName(name string) string {
	name = strings.ToLower(name)
	if own, ok := reported[name]; ok {
		return own
	}
	return name
}
