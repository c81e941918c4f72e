package standin

import (
	"slices"
	"strings"
)

// mask says which fields a PATCH changes.
type mask struct {
	paths  []string
	fields map[string]any // the body as it came
}

// Groups of fields of which a client sets one and names all.
var maskGroups = map[string][]string{
	"spec.suspension": {"spec.no_suspension", "spec.suspend_timeout_duration"},
	"spec.default_endpoint_settings.suspension": {
		"spec.default_endpoint_settings.no_suspension", "spec.default_endpoint_settings.suspend_timeout_duration",
	},
	"spec.expiration": {"spec.ttl", "spec.expire_time", "spec.no_expiry"},
}

// mask reads update_mask. known are the leaf paths that may be changed. The Autoscaling API demands a mask; without
// one, the Database instance API changes what the body has.
func (r *request) mask(demanded bool, known ...string) (mask, error) {
	fields, err := r.fields()
	if err != nil {
		return mask{}, err
	}
	m := mask{fields: fields}
	for p := range strings.SplitSeq(r.URL.Query().Get("update_mask"), ",") {
		if p = strings.TrimSpace(p); p != "" {
			m.paths = append(m.paths, maskGroups[p]...)
			if len(maskGroups[p]) == 0 {
				m.paths = append(m.paths, p)
			}
		}
	}
	if len(m.paths) == 0 {
		if demanded {
			return mask{}, required("update_mask")
		}
		m.paths = []string{"*"}
	}
	for _, p := range m.paths {
		if p != "*" && p != "spec" && !slices.ContainsFunc(known, func(k string) bool { return related(p, k) }) {
			return mask{}, invalid("Field '%s' of update_mask does not exist or cannot be updated.", p)
		}
	}
	return m, nil
}

// wholeBody is the mask of a create call that replaces what exists.
func (r *request) wholeBody() (mask, error) {
	fields, err := r.fields()
	return mask{paths: []string{"*"}, fields: fields}, err
}

// related reports whether one of two paths contains the other.
func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// has reports whether the field with this path is changed: it is named, or the body has it and one of its parents, or
// *, is named.
func (m mask) has(path string) bool {
	for _, p := range m.paths {
		if p == path || strings.HasPrefix(p, path+".") {
			if !m.grouped(p) || m.provided(path) {
				return true
			}
		}
		if (p == "*" || strings.HasPrefix(path, p+".")) && m.provided(path) {
			return true
		}
	}
	return false
}

// names reports whether the field with this path is named itself, and not as a part of another one.
func (m mask) names(path string) bool { return slices.Contains(m.paths, path) }

// grouped reports whether a path is one of those of which only the provided one counts.
func (m mask) grouped(path string) bool {
	for _, group := range maskGroups {
		if slices.Contains(group, path) && slices.ContainsFunc(group, m.provided) {
			return true
		}
	}
	return false
}

// provided reports whether the body has the field.
func (m mask) provided(path string) bool {
	var at any = m.fields
	for key := range strings.SplitSeq(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = object[key]; !ok {
			return false
		}
	}
	return true
}
