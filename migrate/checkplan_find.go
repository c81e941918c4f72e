package migrate

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// planCheck collects the problems of a plan.
type planCheck struct {
	plan      *Plan
	planner   *planner // knows the source
	problems  []Problem
	relations map[string]string // what has taken each name of a table, view or index
}

// findProblems returns everything that would make the plan fail, or do something else than its reader thinks.
func findProblems(plan *Plan, p *planner) []Problem {
	k := &planCheck{plan: plan, planner: p, relations: map[string]string{}}
	seen := map[string]bool{}
	for i, t := range plan.Tables {
		path, where := fmt.Sprintf("$.tables[%d]", i), "table "+t.Name
		switch source := p.table(t.Name); {
		case source == nil || source.Name != t.Name:
			k.bad(path+".name", where, "the source has no such table")
		case seen[t.Name]:
			k.bad(path+".name", where, "it is in the plan twice")
		case !t.Skip:
			k.table(path, where, t, source)
		}
		seen[t.Name] = true
	}
	for _, t := range p.tables {
		if !seen[t.Name] {
			k.bad("$.tables", "table "+t.Name, "it is missing; to leave it behind, keep it with skip: true")
		}
	}
	for i, v := range plan.Views {
		k.relation(fmt.Sprintf("$.views[%d].target", i), "view "+v.Name, v.Target, "view "+v.Name)
	}
	return k.problems
}

func (k *planCheck) bad(path, where, format string, args ...any) {
	k.problems = append(k.problems, Problem{Path: path, Where: where, What: fmt.Sprintf(format, args...)})
}

// name checks that PostgreSQL can hold a name as it is.
func (k *planCheck) name(path, where, name string) bool {
	switch {
	case name == "":
		k.bad(path, where, "it has no name on the target")
	case len(name) > mostNameBytes:
		k.bad(path, where, "the name %s has %d bytes; PostgreSQL cuts names after %d", name, len(name), mostNameBytes)
	case !utf8.ValidString(name) || strings.Contains(name, "\x00"):
		k.bad(path, where, "PostgreSQL cannot hold the name %q", name)
	default:
		return true
	}
	return false
}

// relation checks a name that no other table, view or index may have.
func (k *planCheck) relation(path, where, name, what string) {
	if !k.name(path, where, name) {
		return
	}
	if other, taken := k.relations[name]; taken {
		k.bad(path, where, "the name %s is that of %s too", name, other)
		return
	}
	k.relations[name] = what
}

func (k *planCheck) table(path, where string, t Table, source *tablePlanner) {
	k.relation(path+".target", where, t.Target, where)
	targets, seen := systemColumns(), map[string]bool{}
	for i, c := range t.Columns {
		path, where := fmt.Sprintf("%s.columns[%d]", path, i), where+", column "+c.Name
		at := source.source.column(c.Name)
		switch {
		case at < 0 || source.source.columns[at].name != c.Name:
			k.bad(path+".name", where, "the source has no such column")
		case seen[c.Name]:
			k.bad(path+".name", where, "it is in the plan twice")
		case c.Skip:
		case targets[c.Target]:
			k.bad(path+".target", where, "the name %s is taken by another column, or by PostgreSQL itself", c.Target)
		case k.name(path+".target", where, c.Target):
			k.column(path, where, t, c)
		}
		seen[c.Name] = true
		targets[c.Target] = targets[c.Target] || !c.Skip
	}
	for _, c := range source.source.columns {
		if !seen[c.name] {
			k.bad(path+".columns", where+", column "+c.name, "it is missing; to leave it behind, keep it with skip: true")
		}
	}
	if len(loadColumns(t)) == 0 && !slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Generated != "" }) {
		k.bad(path+".columns", where, "no column is left; skip the table")
	}
	k.constraints(path, where, t)
}

func (k *planCheck) column(path, where string, t Table, c Column) {
	if _, err := newEncoder(c); err != nil {
		_, what, _ := strings.Cut(err.Error(), ": ")
		k.bad(path+".convert", where, "%s%s", what, wantedConversion(c.Type))
	} else if what := badModifiers(c.Type); what != "" {
		k.bad(path+".type", where, "%s: %s", c.Type, what)
	}
	if what := t.unpolicy(c); what != "" {
		k.bad(path+".on_misfit", where, "%s", what)
	}
	if c.Replacement != nil && c.OnMisfit != PolicyReplace {
		k.bad(path+".replacement", where, "a replacement wants on_misfit: replace")
	}
	base, _ := splitType(c.Type)
	switch {
	case c.Identity && c.Generated != "":
		k.bad(path+".identity", where, "it cannot be an identity and generated too")
	case c.Identity && c.Default != "":
		k.bad(path+".identity", where, "it cannot be an identity and have a default too")
	case c.Identity && typeClass(base) != "integer":
		k.bad(path+".identity", where, "an identity is smallint, integer or bigint, not %s", c.Type)
	case c.Generated != "" && c.Default != "":
		k.bad(path+".generated", where, "it cannot be generated and have a default too")
	}
	k.expression(path+".generated", where, c.Generated, t)
}

// wantedConversion says what leads to a type, for a column whose conversion does not.
func wantedConversion(typ string) string {
	base, _ := splitType(typ)
	names, ok := map[string]string{
		"smallint": "integer", "integer": "integer", "bigint": "integer", "boolean": "boolean", "double precision": "real",
		"numeric": "decimal", "text": "text", "character varying": "text", "bytea": "bytes", "jsonb": "json", "uuid": "uuid",
		"date": "date", "time without time zone": "time", "timestamp without time zone": "timestamp or julian",
		"timestamp with time zone": "timestamp, epoch_seconds, epoch_ms or epoch_us",
	}[base]
	if !ok {
		return "; no conversion leads to " + typ
	}
	return "; " + typ + " wants convert: " + names
}

// badModifiers words what is wrong with the numbers of a type, such as numeric(2,3).
func badModifiers(typ string) string {
	base, args := splitType(typ)
	if strings.Contains(typ, "(") && len(args) == 0 {
		return "there is no number in the parentheses"
	}
	most, limits := 0, [2]int{1, 10485760}
	switch base {
	case "character varying":
		most = 1
	case "numeric":
		most, limits[1] = 2, 1000
		if len(args) == 2 && (args[1] < 0 || args[1] > args[0]) {
			return "its scale is not between 0 and its precision"
		}
	case "time without time zone", "timestamp without time zone", "timestamp with time zone", "interval":
		most, limits = 1, [2]int{0, 6}
	}
	switch {
	case len(args) > most:
		return "it takes fewer numbers"
	case len(args) > 0 && (args[0] < limits[0] || args[0] > limits[1]):
		return fmt.Sprintf("%d is not between %d and %d", args[0], limits[0], limits[1])
	}
	return ""
}

// expression checks the quoted names in PostgreSQL's SQL against the columns of a table. Names behind a COLLATE, a cast or
// a point, and those of functions, are none.
func (k *planCheck) expression(path, where, sql string, t Table) {
	for at := 0; at < len(sql); at++ {
		quote := sql[at]
		if quote != '"' && quote != '\'' {
			continue
		}
		end := at + 1
		for end < len(sql) && (sql[end] != quote || strings.HasPrefix(sql[end+1:], string(quote))) {
			if sql[end] == quote {
				end++
			}
			end++
		}
		name := strings.ReplaceAll(sql[at+1:min(end, len(sql))], `""`, `"`)
		before, after := strings.TrimSpace(sql[:at]), strings.TrimSpace(sql[min(end+1, len(sql)):])
		other := strings.HasSuffix(strings.ToUpper(before), "COLLATE") || strings.HasSuffix(before, ":") ||
			strings.HasSuffix(before, ".") || strings.HasPrefix(after, "(") || strings.HasPrefix(after, ".")
		if quote == '"' && !other && !t.has(name) {
			k.bad(path, where, "there is no column %s on the target", name)
		}
		at = end
	}
}

// has reports whether the table has a column of that name on the target.
func (t *Table) has(target string) bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Target == target && !c.Skip })
}
