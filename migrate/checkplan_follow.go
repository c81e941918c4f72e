package migrate

import "slices"

// columnTypes are the types of all columns of a table, in the source's order.
type columnTypes map[string][]target

func (p *planner) types() columnTypes {
	types := columnTypes{}
	for _, t := range p.tables {
		for _, c := range t.Columns {
			types[t.Name] = append(types[t.Name], target{c.Type, c.Convert})
		}
	}
	return types
}

// plannedTypes are the types that the expressions of an obeyed plan are written for. A plan that does not say so is
// taken at its word: its expressions are those of its types.
func (p *planner) plannedTypes() columnTypes {
	types := p.types()
	for _, t := range p.tables {
		for i, c := range t.Columns {
			if c.Planned != nil {
				types[t.Name][i] = target{fullType(c.Planned.Type), c.Planned.Convert}
			}
		}
	}
	return types
}

// notePlanned notes in the plan which types its expressions are written for.
func (p *planner) notePlanned() {
	for _, t := range p.tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			c.Planned = &Becomes{c.Type, c.Convert}
		}
	}
}

// followTypes translates the expressions anew that depend on the types of columns, where these are others than the plan
// was written for: edited by a person, or widened. What the plan has as it was made follows, what a person has written
// stays.
func (p *planner) followTypes() {
	defer p.notePlanned()
	before, after := p.plannedTypes(), p.types()
	changed := slices.ContainsFunc(p.tables, func(t *tablePlanner) bool {
		return !slices.Equal(before[t.Name], after[t.Name])
	})
	if !changed {
		return
	}
	old, fresh := p.translated(before), p.translated(after)
	for _, l := range fresh.Left { // checks and indexes that have no translation any more
		if !slices.Contains(old.Left, l) && (l.Kind == "check" || l.Kind == "index") {
			p.leave(l)
		}
	}
	for _, t := range p.tables {
		p.followTable(t, old.table(t.Name), fresh.table(t.Name))
	}
	for i, v := range p.views {
		if is := fresh.view(v.Name).SQL; v.SQL == old.view(v.Name).SQL && is != "" {
			p.views[i].SQL = is
		}
	}
}

// followTable translates the expressions of one table. One that has no translation for the new types stays behind.
func (p *planner) followTable(t *tablePlanner, was, is *Table) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Default == was.Columns[i].Default && c.Default != is.Columns[i].Default {
			if c.Default = is.Columns[i].Default; c.Default == "" {
				p.leave(Left{Kind: "default", Table: t.Name, Name: c.Name, Reason: "it is none of type " + c.Type, Source: was.Columns[i].Default})
			}
		}
		if c.Generated == was.Columns[i].Generated && c.Generated != is.Columns[i].Generated {
			if c.Generated = is.Columns[i].Generated; c.Generated == "" {
				p.leave(Left{
					Kind: "generated column", Table: t.Name, Name: c.Name, Source: was.Columns[i].Generated,
					Reason: "it cannot be computed with the types of the plan; its values are kept in an ordinary column",
				})
			}
		}
	}
	t.Checks = slices.DeleteFunc(t.Checks, func(c Check) bool { return is.check(c.Source).SQL == "" && c.SQL == was.check(c.Source).SQL })
	for i := range t.Checks {
		if c := &t.Checks[i]; c.SQL == was.check(c.Source).SQL {
			c.SQL = is.check(c.Source).SQL
		}
	}
	t.Indexes = slices.DeleteFunc(t.Indexes, func(ix Index) bool {
		return len(is.index(ix.Source).Keys) == 0 && slices.Equal(ix.Keys, was.index(ix.Source).Keys)
	})
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if slices.Equal(ix.Keys, was.index(ix.Source).Keys) && ix.Where == was.index(ix.Source).Where {
			ix.Keys, ix.Where = is.index(ix.Source).Keys, is.index(ix.Source).Where
		}
	}
}

// translated plans the expressions of the source for columns of some types.
func (p *planner) translated(types columnTypes) *Plan {
	q := &planner{conn: p.conn, schema: p.schema, catalog: p.catalog, relations: targetNames{}}
	q.takeTables()
	q.reserveNames()
	q.tables = slices.DeleteFunc(q.tables, func(t *tablePlanner) bool { return types[t.Name] == nil })
	for _, t := range q.tables {
		given := p.table(t.Name)
		t.profiles, t.Target = given.profiles, given.Target
		for i := range t.Columns {
			c := &t.Columns[i]
			c.Target, c.Type, c.Convert, c.Found = given.Columns[i].Target, types[t.Name][i].typ, types[t.Name][i].convert, t.profiles[i].Found
		}
	}
	for _, t := range q.tables {
		q.planColumns(t)
		q.planKeys(t)
	}
	for _, t := range q.tables {
		q.planChecks(t)
		q.planIndexes(t)
	}
	q.planViews()
	return q.plan()
}

func (t *Table) check(source string) Check {
	at := slices.IndexFunc(t.Checks, func(c Check) bool { return c.Source == source })
	if at < 0 {
		return Check{}
	}
	return t.Checks[at]
}

func (t *Table) index(source string) Index {
	at := slices.IndexFunc(t.Indexes, func(ix Index) bool { return ix.Source == source })
	if at < 0 {
		return Index{}
	}
	return t.Indexes[at]
}

func (p *Plan) view(name string) View {
	at := slices.IndexFunc(p.Views, func(v View) bool { return v.Name == name })
	if at < 0 {
		return View{}
	}
	return p.Views[at]
}
