package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// constraints checks the keys, indexes, foreign keys and checks of one table.
func (k *planCheck) constraints(path, where string, t Table) {
	names := map[string]bool{}
	own := func(path, where, name string) {
		if k.name(path, where, name) && names[name] {
			k.bad(path, where, "another constraint of the table has the name %s", name)
		}
		names[name] = true
	}
	if key := t.PrimaryKey; key != nil {
		where := where + ", primary key"
		k.relation(path+".primary_key.name", where, key.Name, where)
		k.columns(path+".primary_key.columns", where, t, key.Columns)
		own(path+".primary_key.name", where, key.Name)
	}
	for i, key := range t.Uniques {
		path, where := fmt.Sprintf("%s.uniques[%d]", path, i), where+", unique key "+key.Name
		k.relation(path+".name", where, key.Name, where)
		k.columns(path+".columns", where, t, key.Columns)
		own(path+".name", where, key.Name)
	}
	for i, fk := range t.ForeignKeys {
		path, where := fmt.Sprintf("%s.foreign_keys[%d]", path, i), where+", foreign key "+fk.Name
		own(path+".name", where, fk.Name)
		k.foreignKey(path, where, t, fk)
	}
	for i, c := range t.Checks {
		path, where := fmt.Sprintf("%s.checks[%d]", path, i), where+", check "+c.Name
		own(path+".name", where, c.Name)
		k.expression(path+".sql", where, c.SQL, t)
	}
	for i, ix := range t.Indexes {
		path, where := fmt.Sprintf("%s.indexes[%d]", path, i), where+", index "+ix.Name
		k.relation(path+".name", where, ix.Name, where)
		if len(ix.Keys) == 0 {
			k.bad(path+".keys", where, "it has no keys")
		}
		for j, key := range ix.Keys {
			k.expression(fmt.Sprintf("%s.keys[%d]", path, j), where, key, t)
		}
		k.expression(path+".where", where, ix.Where, t)
	}
}

// columns checks the columns of a key.
func (k *planCheck) columns(path, where string, t Table, columns []string) bool {
	problems := len(k.problems)
	if len(columns) == 0 {
		k.bad(path, where, "it has no columns")
	}
	for i, c := range columns {
		switch {
		case !t.has(c):
			k.bad(fmt.Sprintf("%s[%d]", path, i), where, "there is no column %s on the target", c)
		case slices.Contains(columns[:i], c):
			k.bad(fmt.Sprintf("%s[%d]", path, i), where, "column %s is in it twice", c)
		}
	}
	return len(k.problems) == problems
}

var (
	keyActions    = []string{"", "NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"}
	deferrability = []string{"", "NOT DEFERRABLE", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY IMMEDIATE"}
)

func (k *planCheck) foreignKey(path, where string, t Table, fk ForeignKey) {
	for name, action := range map[string]string{"on_delete": fk.OnDelete, "on_update": fk.OnUpdate} {
		if !slices.Contains(keyActions, action) {
			k.bad(path+"."+name, where, "%q is no action; there are CASCADE, SET NULL, SET DEFAULT, RESTRICT and NO ACTION", action)
		}
	}
	if !slices.Contains(deferrability, fk.Deferrable) {
		k.bad(path+".deferrable", where, "%q is neither DEFERRABLE nor DEFERRABLE INITIALLY DEFERRED", fk.Deferrable)
	}
	if what := t.unorphan(fk); what != "" {
		k.bad(path+".on_orphan", where, "%s", what)
	}
	own := k.columns(path+".columns", where, t, fk.Columns)
	at := slices.IndexFunc(k.plan.Tables, func(other Table) bool { return other.Target == fk.Table })
	if at < 0 {
		k.bad(path+".table", where, "there is no table %s on the target", fk.Table)
		return
	}
	parent := k.plan.Tables[at]
	if parent.Skip { // the foreign key stays behind with it
		return
	}
	switch there := k.columns(path+".references", where, parent, fk.References); {
	case !own || !there:
	case len(fk.Columns) != len(fk.References):
		k.bad(path+".references", where, "it has %d columns and refers to %d", len(fk.Columns), len(fk.References))
	case !parent.uniqueBy(fk.References):
		k.bad(path+".references", where, "%s is no key of %s", strings.Join(fk.References, ", "), fk.Table)
	default:
		k.comparable(path, where, t, parent, fk)
	}
}

// comparable checks the types of a foreign key. Those of columns that are still to be widened are left to that.
func (k *planCheck) comparable(path, where string, t, parent Table, fk ForeignKey) {
	for i, name := range fk.Columns {
		c, d := t.onTarget(name), parent.onTarget(fk.References[i])
		if c.OnMisfit == PolicyWiden || d.OnMisfit == PolicyWiden || comparable(c.Type, d.Type) {
			continue
		}
		k.bad(path+".columns", where, "%s is %s, but %s.%s is %s", c.Name, c.Type, parent.Name, d.Name, d.Type)
	}
}

// uniqueBy reports whether a key or a plain unique index stands over exactly these columns.
func (t *Table) uniqueBy(columns []string) bool {
	same := func(others []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(others)))
	}
	if t.PrimaryKey != nil && same(t.PrimaryKey.Columns) || slices.ContainsFunc(t.Uniques, func(k Key) bool { return same(k.Columns) }) {
		return true
	}
	columns = quoteNames(columns)
	return slices.ContainsFunc(t.Indexes, func(ix Index) bool {
		keys := make([]string, len(ix.Keys))
		for i, key := range ix.Keys {
			keys[i] = strings.TrimSuffix(key, " DESC")
		}
		return ix.Unique && ix.Where == "" && same(keys)
	})
}

// onTarget finds a column by its name on the target.
func (t *Table) onTarget(target string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Target == target && !t.Columns[i].Skip {
			return &t.Columns[i]
		}
	}
	return nil
}
