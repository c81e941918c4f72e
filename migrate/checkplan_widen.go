package migrate

import "slices"

// widenPlanned widens the columns of an edited plan that ask for it and have values which do not fit, and reports whether
// there were any.
func (p *planner) widenPlanned() (widened bool) {
	for _, t := range p.tables {
		for i := range t.Columns {
			if c := &t.Columns[i]; c.OnMisfit == PolicyWiden && c.Misfits > 0 && !c.Skip {
				widened = t.widenPlanned(i) || widened
			}
		}
	}
	if widened {
		p.agreeOnPlannedKeys()
	}
	return widened
}

// widenPlanned gives one column what it lacks: NULL, or a type that holds every value.
func (t *tablePlanner) widenPlanned(i int) bool {
	c, found := &t.Columns[i], t.profiles[i]
	changed := false
	if c.NotNull && found.Null > 0 && !t.inPrimaryKey(c.Target) && !c.Identity {
		c.NotNull, changed = false, true
		t.note("%s holds %s: created without NOT NULL", c.Name, countOf(found.Null, "NULL", "NULLs"))
	}
	if c.Convert != ConvertBytes && i != t.source.rowidAlias && found.doubts(Column{Type: c.Type, Convert: c.Convert}, false) {
		misfits := max(c.Misfits, 1)
		t.widen(i, misfits)
		changed = true
	}
	return changed
}

// agreeOnPlannedKeys is agreeOnKeys for the foreign keys of an edited plan. A key whose columns cannot agree stays behind.
func (p *planner) agreeOnPlannedKeys() {
	for changed := true; changed; {
		changed = false
		for _, t := range p.tables {
			for _, fk := range t.ForeignKeys {
				parent := p.tableByTarget(fk.Table)
				for i, name := range fk.Columns {
					changed = agree(t, t.byTarget(name), parent, parent.byTarget(fk.References[i])) || changed
				}
			}
		}
	}
	for _, t := range p.tables {
		t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(fk ForeignKey) bool {
			reason := p.unfitPlanned(t, fk)
			if reason != "" {
				p.leave(Left{Kind: "foreign key", Table: t.Name, Name: fk.Name, Reason: reason})
			}
			return reason != ""
		})
	}
}

// unfitPlanned words why PostgreSQL cannot have a foreign key any more, or returns "".
func (p *planner) unfitPlanned(t *tablePlanner, fk ForeignKey) string {
	parent := p.tableByTarget(fk.Table)
	for i, name := range fk.Columns {
		c, d := t.onTarget(name), parent.onTarget(fk.References[i])
		if !comparable(c.Type, d.Type) {
			return c.Name + " is " + c.Type + ", but " + parent.Name + "." + d.Name + " is " + d.Type
		}
	}
	return ""
}
