package migrate

import (
	"fmt"
	"io"

	"github.com/goccy/go-yaml"

	"github.com/lakeward/lakeward"
)

// WriteYAML writes the plan in the form that [ReadPlan] reads.
func (p *Plan) WriteYAML(w io.Writer) error {
	if err := yaml.NewEncoder(w, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true)).Encode(p); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// ReadPlan reads a plan from YAML or JSON. A key that no plan has is an error: a typing mistake must not change what a
// migration does.
func ReadPlan(r io.Reader) (*Plan, error) {
	var p Plan
	if err := yaml.NewDecoder(r, yaml.DisallowUnknownField()).Decode(&p); err != nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "make it anew with: lakeward plan SOURCE -o FILE", "read plan: %w", err)
	}
	if p.Version != 1 {
		return nil, lakeward.Errorf(lakeward.KindUnsupported, "make it anew with: lakeward plan SOURCE -o FILE",
			"read plan: version %d is not 1", p.Version)
	}
	return &p, nil
}
