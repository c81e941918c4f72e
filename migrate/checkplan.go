package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// Problem is one reason why a plan cannot be obeyed.
type Problem struct {
	Path  string `json:"path"`           // in the plan's file: $.tables[0].columns[2].type
	Where string `json:"where"`          // for people: table customers, column age
	What  string `json:"what"`           // one sentence
	Line  int    `json:"line,omitempty"` // of the file, once Locate has been called
}

// PlanError lists everything that is wrong with a plan.
type PlanError struct{ Problems []Problem }

// Error implements error.
func (e *PlanError) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.Where + ": " + p.What
		if p.Line > 0 {
			parts[i] = fmt.Sprintf("line %d: %s", p.Line, parts[i])
		}
	}
	return "the plan cannot be obeyed: " + strings.Join(parts, "; ")
}

// Faults returns the problems in the words that all of Lakeward shares.
func (e *PlanError) Faults() []lakeward.Fault {
	all := make([]lakeward.Fault, len(e.Problems))
	for i, p := range e.Problems {
		all[i] = lakeward.Fault{Path: p.Path, Where: p.Where, What: p.What}
	}
	return all
}

// Locate finds the lines of the problems in the file that the plan was read from.
func (e *PlanError) Locate(file []byte) {
	parsed, err := parser.ParseBytes(file, 0)
	if err != nil {
		return
	}
	for i := range e.Problems {
		for path := e.Problems[i].Path; path != "$" && e.Problems[i].Line == 0; path = path[:strings.LastIndexAny(path, ".[")] {
			at, err := yaml.PathString(path)
			if err != nil {
				return
			}
			if node, err := at.FilterFile(parsed); err == nil && node != nil {
				e.Problems[i].Line = node.GetToken().Position.Line
			}
		}
	}
}

// CheckPlan checks a plan that was edited against the SQLite database at path, and returns it as a migration will obey it:
// with columns widened where their policy says so, without what it skips, and with every row counted anew that does not
// fit. The error is a [PlanError] when the plan contradicts itself or the schema.
func CheckPlan(ctx context.Context, path string, plan *Plan, o PlanOptions) (*Plan, error) {
	if isPostgres(path) {
		return nil, noPlanForPostgres()
	}
	return plannedFrom(ctx, path, o, func(conn *sqlite.Conn) (*Plan, error) { return checkPlan(ctx, conn, plan, o, true) })
}

// RefusePlan checks a plan as [CheckPlan] does, without reading rows: it answers as quickly as the schema is read.
func RefusePlan(ctx context.Context, path string, plan *Plan, o PlanOptions) error {
	if isPostgres(path) {
		return noPlanForPostgres()
	}
	return withSource(ctx, path, func(conn *sqlite.Conn) error {
		_, _, err := acceptPlan(ctx, conn, plan, o)
		return err
	})
}

// checkPlan is CheckPlan over an open database. Without predict it reads rows only where the plan wants columns widened.
func checkPlan(ctx context.Context, conn *sqlite.Conn, plan *Plan, o PlanOptions, predict bool) (_ *Plan, err error) {
	if conn.AutocommitEnabled() {
		if err := exec(conn, "BEGIN"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, exec(conn, "ROLLBACK")) }()
	}
	p, plan, err := acceptPlan(ctx, conn, plan, o)
	if err != nil {
		return nil, err
	}
	p.obey(plan)
	if predict || p.wantsWidening() {
		if err := p.foresee(ctx, plan); err != nil {
			return nil, err
		}
	}
	return p.obeyed(plan), nil
}

// acceptPlan compares a plan with the schema, and refuses it for everything that is wrong with it.
func acceptPlan(ctx context.Context, conn *sqlite.Conn, plan *Plan, o PlanOptions) (p *planner, _ *Plan, err error) {
	o.Schema = cmp.Or(o.Schema, plan.Schema)
	p = newPlanner(conn, o)
	if p.catalog, err = readCatalog(ctx, conn); err != nil {
		return nil, nil, err
	}
	if plan.Source.Schema != "" && plan.Source.Schema != p.catalog.schemaHash {
		return nil, nil, stalePlan(p.catalog.changes(plan))
	}
	p.takeTables()
	p.reserveNames()
	plan = plan.normal()
	if problems := findProblems(plan, p); len(problems) > 0 {
		return nil, nil, &lakeward.Error{
			Kind: lakeward.KindInvalid, Hint: "mend the plan, or make it anew (lakeward plan SOURCE -o FILE)",
			Err: &PlanError{problems},
		}
	}
	return p, plan, nil
}

func stalePlan(what string) error {
	return lakeward.Errorf(lakeward.KindConflict, "make the plan again",
		"the source's schema has changed since the plan was made: %s", what)
}

// changes words what is not as the plan knows it.
func (c *catalog) changes(p *Plan) string {
	var found []string
	for _, t := range c.tables {
		at := slices.IndexFunc(p.Tables, func(planned Table) bool { return planned.Name == t.name })
		if at < 0 {
			found = append(found, "table "+t.name+" is not in it")
			continue
		}
		found = append(found, t.changes(p.Tables[at])...)
	}
	for _, planned := range p.Tables {
		if !slices.ContainsFunc(c.tables, func(t sourceTable) bool { return t.name == planned.Name }) {
			found = append(found, "table "+planned.Name+" is gone")
		}
	}
	known := p.sources()
	for _, o := range slices.Concat(c.views, c.triggers) {
		if !known[o.sql] {
			found = append(found, o.kind+" "+o.name+" is not in it, or another one")
		}
	}
	for _, t := range c.tables {
		for _, ix := range t.indexes {
			if ix.sql != "" && !known[ix.sql] {
				found = append(found, "index "+ix.name+" is not in it, or another one")
			}
		}
	}
	if len(found) == 0 {
		return "a definition is another one"
	}
	return strings.Join(found, ", ")
}

// changes words how the columns of a table differ from those of the plan.
func (t *sourceTable) changes(planned Table) (found []string) {
	for _, c := range t.columns {
		at := slices.IndexFunc(planned.Columns, func(other Column) bool { return other.Name == c.name })
		switch {
		case at < 0:
			found = append(found, "column "+t.name+"."+c.name+" is not in it")
		case planned.Columns[at].Declared != c.declared:
			found = append(found, fmt.Sprintf("column %s.%s was declared %s and is %s now", t.name, c.name,
				quotedOr(planned.Columns[at].Declared), quotedOr(c.declared)))
		}
	}
	for _, c := range planned.Columns {
		if !slices.ContainsFunc(t.columns, func(now sourceColumn) bool { return now.name == c.Name }) {
			found = append(found, "column "+t.name+"."+c.Name+" is gone")
		}
	}
	return found
}

func quotedOr(declared string) string {
	if declared == "" {
		return "without a type"
	}
	return declared
}

// sources returns the statements that the plan was made of.
func (p *Plan) sources() map[string]bool {
	known := map[string]bool{}
	for _, t := range p.Tables {
		for _, ix := range t.Indexes {
			known[ix.Source] = true
		}
	}
	for _, v := range p.Views {
		known[v.Source] = true
	}
	for _, l := range p.Left {
		known[l.Source] = true
	}
	return known
}

// normal returns a copy of the plan with the types spelt in full, which shares no table or column with it.
func (p *Plan) normal() *Plan {
	plan := *p
	plan.Tables, plan.Views, plan.Left = slices.Clone(p.Tables), slices.Clone(p.Views), slices.Clone(p.Left)
	for i := range plan.Tables {
		t := &plan.Tables[i]
		t.Columns = slices.Clone(t.Columns)
		for j := range t.Columns {
			t.Columns[j].Type = fullType(t.Columns[j].Type)
		}
	}
	return &plan
}

// fullType spells a type as format_type does, for those who write it in short.
func fullType(t string) string {
	short := map[string]string{
		"int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean",
		"float8": "double precision", "decimal": "numeric", "varchar": "character varying",
		"time": "time without time zone", "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
	}
	name, rest, limited := strings.Cut(t, "(")
	full, ok := short[strings.ToLower(strings.TrimSpace(name))]
	if !ok || limited && !strings.HasSuffix(strings.TrimSpace(rest), ")") {
		return t
	}
	if !limited {
		return full
	}
	first, tail, _ := strings.Cut(full, " ")
	if first == "character" {
		first, tail = full, ""
	}
	return strings.TrimSpace(first + "(" + strings.ReplaceAll(rest, " ", "") + " " + tail)
}
