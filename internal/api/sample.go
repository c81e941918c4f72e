package api

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// samples gives each schema that is the body of a request or an answer an example, where it has none of its own.
func samples(o *huma.OpenAPI) {
	for _, path := range o.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			contents := []map[string]*huma.MediaType{}
			if op.RequestBody != nil {
				contents = append(contents, op.RequestBody.Content)
			}
			for _, r := range op.Responses {
				contents = append(contents, r.Content)
			}
			for _, content := range contents {
				for _, media := range content {
					if media.Example != nil || media.Schema == nil || media.Schema.Ref == "" {
						continue
					}
					if s := o.Components.Schemas.SchemaFromRef(media.Schema.Ref); len(s.Examples) == 0 {
						s.Examples = []any{sample(o.Components.Schemas, s)}
					}
				}
			}
		}
	}
}

// sample makes an example of a schema out of the examples in it: of what must be there, and of what has an example. It is
// nil where there is nothing to go by.
func sample(r huma.Registry, s *huma.Schema) any {
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	}
	switch s.Type {
	case huma.TypeObject:
		all := map[string]any{}
		for name, p := range s.Properties {
			v, needed := sample(r, p), slices.Contains(s.Required, name)
			if v == nil && needed {
				v = map[string]any{huma.TypeString: name, huma.TypeInteger: 1, huma.TypeNumber: 1}[p.Type]
			}
			if v != nil && (needed || p.Type != huma.TypeBoolean) {
				all[name] = v
			}
		}
		return all
	case huma.TypeArray:
		if v := sample(r, s.Items); v != nil {
			return []any{v}
		}
		return []any{}
	case huma.TypeBoolean:
		return true
	case huma.TypeString:
		if s.Format == "date-time" {
			return shownTime
		}
	}
	return nil
}
