package migrate

import (
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// chooseTypes decides the type of every column.
func (p *planner) chooseTypes() {
	marks := p.findORMs()
	for _, t := range p.tables {
		for i := range t.Columns {
			c, found := &t.Columns[i], t.profiles[i]
			if i == t.source.rowidAlias {
				t.decide(i, choice{target: toBigint, evidence: "the key: " + classesOr(found, "no rows yet")})
			} else if to, ok := t.asORM(i, marks); ok {
				t.decide(i, to)
			} else {
				t.decide(i, choose(t.asked[i], found, t.inKey(c.Name)))
			}
			t.noteORM(i, marks)
			c.Found = found.Found
		}
	}
}

// widen gives every column with values that do not fit the narrowest type that holds them all.
func (p *planner) widen() {
	for _, t := range p.tables {
		for i := range t.Columns {
			if n := t.profiles[i].misfits(target{t.Columns[i].Type, t.Columns[i].Convert}); n > 0 {
				t.widen(i, n)
			}
		}
	}
}

func (t *tablePlanner) widen(i int, misfits int64) {
	c, found := &t.Columns[i], t.profiles[i]
	wide := narrowest(found)
	t.decide(i, choice{
		target: wide, alternatives: alternatives(found, wide),
		evidence: fmt.Sprintf("%s; widened, because %s not fit %s", classes(found),
			countOf(misfits, "value does", "values do"), c.Type),
	})
	c.OnMisfit = PolicyWiden
}

func (t *tablePlanner) decide(i int, c choice) {
	column := &t.Columns[i]
	column.Type, column.Convert = c.typ, c.convert
	column.Evidence, column.Alternatives = c.evidence, c.alternatives
}

func classesOr(p *profile, empty string) string {
	if p.values() == 0 {
		return empty
	}
	return classes(p)
}

// inKey reports whether a column is part of the primary key or of a foreign key.
func (t *tablePlanner) inKey(name string) bool {
	if t.source.columns[t.source.column(name)].key > 0 {
		return true
	}
	return slices.ContainsFunc(t.source.foreignKeys, func(fk sourceForeignKey) bool {
		return slices.ContainsFunc(fk.columns, func(c string) bool { return sameName(c, name) })
	})
}

// refersTo pairs the columns of a foreign key with those that they refer to, or says why it cannot.
func (p *planner) refersTo(t *tablePlanner, fk sourceForeignKey) (parent *tablePlanner, from, to []int, reason string) {
	parent = p.table(fk.table)
	if parent == nil {
		return nil, nil, nil, fmt.Sprintf("there is no table %s", fk.table)
	}
	if len(fk.references) == 0 {
		to = parent.source.key()
	}
	for _, name := range fk.references {
		i := parent.source.column(name)
		if i < 0 {
			return nil, nil, nil, fmt.Sprintf("table %s has no column %s", parent.Name, name)
		}
		to = append(to, i)
	}
	for _, name := range fk.columns {
		from = append(from, t.source.column(name))
	}
	if len(from) != len(to) || slices.Contains(from, -1) {
		return nil, nil, nil, fmt.Sprintf("it has %d columns and the primary key of %s has %d", len(from), parent.Name, len(to))
	}
	return parent, from, to, ""
}

// agreeOnKeys makes the columns of foreign keys have the types of the columns that they refer to, where values allow. A
// change may set off another, so it goes on until nothing changes.
func (p *planner) agreeOnKeys() {
	for range len(p.tables) + 1 {
		changed := false
		for _, t := range p.tables {
			for _, fk := range t.source.foreignKeys {
				parent, from, to, reason := p.refersTo(t, fk)
				if reason != "" {
					continue
				}
				for i := range from {
					changed = agree(t, from[i], parent, to[i]) || changed
				}
			}
		}
		if !changed {
			return
		}
	}
}

// agree changes one of two columns so that they can be compared, and reports whether it did: the child's to the type of
// its parent if all its values fit, otherwise the parent's to the type of the child.
func agree(child *tablePlanner, i int, parent *tablePlanner, j int) bool {
	c, d := &child.Columns[i], &parent.Columns[j]
	if comparable(c.Type, d.Type) {
		return false
	}
	if to := (target{unsized(d.Type), d.Convert}); child.source.rowidAlias != i && child.takes(i, to) {
		child.decide(i, choice{target: to, evidence: fmt.Sprintf("as %s.%s, which it refers to: %s",
			parent.Name, d.Name, classesOr(child.profiles[i], "no values"))})
		return true
	}
	if to := (target{unsized(c.Type), c.Convert}); parent.source.rowidAlias != j && parent.takes(j, to) {
		parent.decide(j, choice{target: to, evidence: fmt.Sprintf("as %s.%s, which refers to it: %s",
			child.Name, c.Name, classesOr(parent.profiles[j], "no values"))})
		return true
	}
	return false
}

// unsized returns the type that has no limit which the profile of another column knows nothing of.
func unsized(t string) string {
	switch base, _ := splitType(t); base {
	case "character varying":
		return "text"
	case "numeric":
		return "numeric"
	}
	return t
}

// takes reports whether a column could have another type without more misfits.
func (t *tablePlanner) takes(i int, to target) bool {
	now := target{t.Columns[i].Type, t.Columns[i].Convert}
	if to.convert == ConvertText && t.profiles[i].Real > 0 {
		return false // 2.0 refers to the number 2, but not to the text 2
	}
	return t.profiles[i].misfits(to) <= t.profiles[i].misfits(now)
}

// comparable reports whether PostgreSQL makes foreign keys between two types.
func comparable(child, parent string) bool {
	return child == parent || typeClass(child) == typeClass(parent)
}

// typeClass groups types that share an operator family.
func typeClass(t string) string {
	switch base, _ := splitType(t); base {
	case "smallint", "integer", "bigint":
		return "integer"
	case "character varying", "text":
		return "text"
	case "numeric":
		return "numeric"
	}
	return t
}

// samples shows up to three values of a column before and after, where they change their form: of each storage class that
// the column has, before a second one of any.
func samples(c Column, p *profile) []Sample {
	encode, err := newEncoder(c)
	if err != nil {
		return nil
	}
	same := map[Conversion]sqlite.ColumnType{
		ConvertText: sqlite.TypeText, ConvertJSON: sqlite.TypeText, ConvertBytes: sqlite.TypeBlob,
		ConvertInteger: sqlite.TypeInteger, ConvertReal: sqlite.TypeFloat,
	}
	amend := newAmend(c, encode)
	var list []Sample
	for _, v := range p.samplesInTurn() {
		field, reason := encode(nil, v)
		if reason != "" {
			var did Action
			field, did = amend(nil, v)
			reason = string(did) + ": " + reason
		}
		after := reason
		if len(field) > 0 {
			after = strings.TrimSuffix(showField(c, field)+", "+reason, ", ")
		}
		if before := showValue(v); reason != "" || v.class != same[c.Convert] && before != after && string(v.b) != after {
			list = append(list, Sample{Before: before, After: after})
		}
	}
	return list[:min(len(list), mostSamples)]
}

// samplesInTurn returns the first sample of each storage class, then the second ones, and so on.
func (p *profile) samplesInTurn() []value {
	var turns [mostSamples][]value
	taken := map[sqlite.ColumnType]int{}
	for _, v := range p.samples {
		turns[taken[v.class]] = append(turns[taken[v.class]], v)
		taken[v.class]++
	}
	return slices.Concat(turns[:]...)
}
