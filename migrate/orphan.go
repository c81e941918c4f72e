package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/dialect"
)

// OrphanPolicy says what happens to rows that a foreign key finds no parent for, because the source has none or because
// the parent is not stored itself.
type OrphanPolicy string

// The policies for orphans. The empty one means keep.
const (
	OrphanKeep       OrphanPolicy = "keep"       // they are stored; the foreign key holds for new rows only
	OrphanQuarantine OrphanPolicy = "quarantine" // they are not stored, which may make orphans of others
	OrphanNull       OrphanPolicy = "null"       // they are stored with NULL in the columns of the foreign key
)

// ParseOrphanPolicy reads a policy that a person typed.
func ParseOrphanPolicy(s string) (OrphanPolicy, error) {
	switch p := OrphanPolicy(s); p {
	case "", OrphanKeep, OrphanQuarantine, OrphanNull:
		return p, nil
	}
	return "", lakeward.Errorf(lakeward.KindInvalid, "use one of: keep, quarantine, null", "unknown policy %q for orphans", s)
}

// moves reports whether orphans of the key are stored otherwise than the source has them.
func (fk *ForeignKey) moves() bool {
	return fk.OnOrphan == OrphanQuarantine || fk.OnOrphan == OrphanNull
}

// will words what will happen to orphans.
func (fk *ForeignKey) will() string {
	switch fk.OnOrphan {
	case OrphanQuarantine:
		return "they will be quarantined"
	case OrphanNull:
		return "their " + strings.Join(fk.Columns, ", ") + " will become NULL"
	}
	return "kept, the foreign key holds for new rows only"
}

// unorphan words why a foreign key cannot have its policy, or returns "".
func (t *Table) unorphan(fk ForeignKey) string {
	if _, err := ParseOrphanPolicy(string(fk.OnOrphan)); err != nil {
		return err.Error()
	}
	if fk.moves() && t.RowID == "" && t.PrimaryKey == nil {
		return "its rows have nothing to be told apart by"
	}
	if fk.OnOrphan != OrphanNull {
		return ""
	}
	for _, name := range fk.Columns {
		c := t.onTarget(name)
		if c == nil {
			continue
		}
		what := ""
		switch user := t.computedFrom(*c); {
		case c.NotNull || t.inPrimaryKey(name):
			what = "must not be NULL"
		case c.Generated != "":
			what = "is generated"
		case user != "":
			what = "is what " + user + " is computed from"
		default:
			continue
		}
		return fmt.Sprintf("on_orphan: null cannot be: column %s %s", c.Name, what)
	}
	return ""
}

// computedFrom returns the name of a generated column that PostgreSQL computes from c, or "".
func (t *Table) computedFrom(c Column) string {
	at := slices.IndexFunc(t.Columns, func(g Column) bool {
		return g.Generated != "" && !g.Skip && dialect.Mentions(g.Generated, c.Target)
	})
	if at < 0 {
		return ""
	}
	return t.Columns[at].Name
}

// setsAside reports whether a foreign key of the table moves rows that the plan knows of.
func (t *Table) setsAside() bool {
	return slices.ContainsFunc(t.ForeignKeys, func(fk ForeignKey) bool { return fk.moves() && fk.Orphans > 0 })
}

// orphan returns what the quarantine says of a row without a parent.
func (t *Table) orphan(fk ForeignKey, columns []Column, row []value, did Action) misfit {
	m := misfit{column: strings.Join(sourceNames(*t, fk.Columns), ", "), did: did}
	var values []string
	for i, c := range columns {
		if slices.Contains(fk.Columns, c.Target) {
			values = append(values, c.Name+" = "+showValue(row[i]))
		}
	}
	m.reason = "no parent in " + fk.Table + " (" + strings.Join(values, ", ") + ")"
	return m
}

// sourceNames translates target names of columns of t to those of the source.
func sourceNames(t Table, targets []string) []string {
	names := make([]string, 0, len(targets))
	for _, target := range targets {
		if c := t.onTarget(target); c != nil {
			names = append(names, c.Name)
		}
	}
	return names
}
