package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/lakeward/lakeward"
)

// planHeader explains a plan's file to who edits it.
const planHeader = `# A plan of lakeward: obeyed by   lakeward migrate SOURCE --to TARGET --plan THIS-FILE
# and checked as a whole by         lakeward plan SOURCE --plan THIS-FILE
#
# What can be edited:
#   schema        of the target
#   tables        target (the name), skip: true (the table stays behind)
#   columns       target, skip: true, type with convert, not_null, default, generated, identity, next
#                 on_misfit: quarantine | widen | null | replace | fail   what happens to values that type cannot hold
#                 replacement: "…"                                        for on_misfit: replace
#   foreign_keys  on_orphan: keep | quarantine | null                       what happens to rows without a parent
#   keys, foreign keys, checks, indexes, views   changed, or taken out
# Defaults, checks, indexes, generated columns and views that nobody has changed follow an edited type: planned tells which
# one they are written for.
# name, declared and source tell where things come from; rows, found, misfits, orphans, violations and samples tell what
# was found, and are counted anew by the migration.
`

// WriteYAML writes the plan in the form that [ReadPlan] reads.
func (p *Plan) WriteYAML(w io.Writer) error {
	if _, err := io.WriteString(w, planHeader); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	blocks := yaml.UseLiteralStyleIfMultiline(true)
	text := yaml.CustomMarshaler(func(s string) ([]byte, error) {
		if strings.Contains(s, "\r") { // of a file with the line ends of Windows, which YAML turns into its own
			return json.Marshal(s)
		}
		return yaml.MarshalWithOptions(s, blocks)
	})
	if err := yaml.NewEncoder(w, yaml.Indent(2), blocks, text).Encode(p); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// ReadPlan reads a plan from YAML or JSON. A key that no plan has is an error: a typing mistake must not change what a
// migration does.
func ReadPlan(r io.Reader) (*Plan, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p, err := parsePlan(text)
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "make it anew (lakeward plan SOURCE -o FILE)", "read plan: %w", err)
	}
	if p.Version != 1 {
		return nil, lakeward.Errorf(lakeward.KindUnsupported, "make it anew (lakeward plan SOURCE -o FILE)",
			"read plan: version %d is not 1", p.Version)
	}
	return p, nil
}

func parsePlan(text []byte) (*Plan, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, errors.New("it is empty")
	}
	ast.Walk(policyNames{}, file.Docs[0].Body)
	var p Plan
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).DecodeFromNode(file.Docs[0].Body, &p)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// policyNames makes the name of a policy of the null that YAML reads in on_misfit: null.
type policyNames struct{}

// Visit implements ast.Visitor.
func (v policyNames) Visit(node ast.Node) ast.Visitor {
	pair, ok := node.(*ast.MappingValueNode)
	if !ok || pair.Value.Type() != ast.NullType || pair.Value.GetToken().Value != "null" {
		return v
	}
	if key := pair.Key.GetToken().Value; key == "on_misfit" || key == "on_orphan" {
		at := *pair.Value.GetToken()
		pair.Value = ast.String(&at)
	}
	return v
}
