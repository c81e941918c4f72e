package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// planKeys takes over the primary key and the unique constraints.
func (p *planner) planKeys(t *tablePlanner) {
	if key := t.source.key(); len(key) > 0 {
		p.planPrimaryKey(t, key)
	}
	for _, ix := range t.source.indexes {
		t.noteCollations(ix)
		if size := t.entrySize(ix.columns()); ix.constraint() && size > mostIndexBytes {
			t.note("the key (%s) has values of up to %s bytes; PostgreSQL takes 2,704 after compression, or the migration fails",
				strings.Join(t.targets(ix.columns()), ", "), grouped(size))
		}
		if ix.origin != "u" {
			continue
		}
		columns := ix.columns()
		if slices.Contains(columns, unreadablePlace) {
			p.leave(Left{Kind: "unique", Table: t.Name, Name: ix.name, Reason: "it is over a generated column that stays behind"})
			continue
		}
		k := Key{Columns: t.targets(columns)}
		k.Name = p.relations.pick(constraintName(t.uniqueName(columns), t.Target, k.Columns, "key"))
		if ix.broken > 0 {
			p.leaveBroken("unique", t, ix, k.Name, addUnique(p.schema, t.Table, k))
			continue
		}
		t.Uniques = append(t.Uniques, k)
		p.planFoldedKey(t, ix)
	}
}

// leaveBroken lists a unique key whose rows are no longer unique as the types of PostgreSQL.
func (p *planner) leaveBroken(kind string, t *tablePlanner, ix sourceIndex, name, draft string) {
	p.leave(Left{
		Kind: kind, Table: t.Name, Name: name, Source: ix.sql, Draft: draft,
		Reason: countOf(ix.broken, "row has", "rows have") + " a key that differs from another in SQLite only",
	})
}

func (p *planner) planPrimaryKey(t *tablePlanner, key []int) {
	k := Key{Columns: t.targets(key)}
	nulls := int64(0)
	for _, i := range key {
		if i != t.source.rowidAlias {
			nulls += t.profiles[i].Null
		}
	}
	for _, ix := range t.source.indexes {
		if ix.origin == "pk" && ix.broken == 0 {
			p.planFoldedKey(t, ix)
		}
	}
	broken := func(ix sourceIndex) bool { return ix.origin == "pk" && ix.broken > 0 }
	if i := slices.IndexFunc(t.source.indexes, broken); i >= 0 && !t.source.withoutRowID {
		k.Name = constraintName(t.primaryKeyName(), t.Target, nil, "pkey")
		p.leaveBroken("unique", t, t.source.indexes[i], k.Name, addUnique(p.schema, t.Table, k))
		return
	}
	if nulls > 0 {
		k.Name = p.relations.pick(constraintName(t.primaryKeyName(), t.Target, k.Columns, "key"))
		t.Uniques = append(t.Uniques, k)
		t.note("the primary key holds %s, which PostgreSQL refuses: it becomes a unique constraint",
			countOf(nulls, "NULL", "NULLs"))
		return
	}
	for _, i := range key {
		t.Columns[i].NotNull = true
	}
	k.Name = p.relations.pick(constraintName(t.primaryKeyName(), t.Target, nil, "pkey"))
	t.PrimaryKey = &k
}

// planFoldedKey adds what a unique key says beyond its columns when SQLite compares some of them with NOCASE or RTRIM: a
// unique index over the values as those collations see them. The plain key stays beside it for foreign keys.
func (p *planner) planFoldedKey(t *tablePlanner, ix sourceIndex) {
	if !slices.ContainsFunc(ix.parts, func(part sourceIndexPart) bool { return t.folds(part.column, part.collation) }) {
		return
	}
	var keys []string
	for _, part := range ix.parts {
		keys = append(keys, t.element(part))
	}
	columns := t.targets(ix.columns())
	t.Indexes = append(t.Indexes, Index{
		Name: p.relations.pick(constraintName("", t.Target, columns, "fold")), Unique: true, Keys: keys,
		Source: "COLLATE in the unique key (" + strings.Join(columns, ", ") + ")",
	})
}

// noteCollations tells of a unique index whose collation only the application has: it made more texts equal, perhaps.
func (t *tablePlanner) noteCollations(ix sourceIndex) {
	for _, part := range ix.parts {
		if name := strings.ToUpper(part.collation); ix.unique && part.column >= 0 && name != "" && name != "BINARY" && name != "NOCASE" && name != "RTRIM" {
			t.note("%s is unique under the collation %s of the application, which PostgreSQL does not have: it compares bytes",
				t.Columns[part.column].Name, part.collation)
		}
	}
}

// columns returns the places of an index's columns; expressions and the rowid are negative.
func (ix *sourceIndex) columns() []int {
	columns := make([]int, len(ix.parts))
	for i, part := range ix.parts {
		columns[i] = part.column
	}
	return columns
}

// folds reports whether a collation makes different texts of a column the same.
func (t *tablePlanner) folds(column int, collation string) bool {
	return column >= 0 && typeClass(t.Columns[column].Type) == "text" &&
		(sameName(collation, "NOCASE") || sameName(collation, "RTRIM"))
}

// element renders a column of an index. SQLite's NOCASE folds ASCII letters only, which is what lower() does in the C
// collation: uniqueness means the same as before, and comparisons stay deterministic, so that LIKE works.
func (t *tablePlanner) element(part sourceIndexPart) string {
	sql := quoteName(t.Columns[part.column].Target)
	switch {
	case !t.folds(part.column, part.collation):
	case sameName(part.collation, "NOCASE"):
		sql = "lower(" + sql + ` COLLATE "C")`
	default:
		sql = "rtrim(" + sql + ", ' ')"
	}
	if part.desc {
		sql += " DESC"
	}
	return sql
}

// targets returns the target names of columns.
func (t *tablePlanner) targets(columns []int) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = t.Columns[c].Target
	}
	return names
}

func (t *tablePlanner) primaryKeyName() string {
	if t.parsed == nil {
		return ""
	}
	for _, c := range t.parsed.Constraints {
		if c.Kind == dialect.PrimaryKeyConstraint {
			return c.Name
		}
	}
	return ""
}

// uniqueName returns the name that the statement gives to a unique constraint.
func (t *tablePlanner) uniqueName(columns []int) string {
	if t.parsed == nil {
		return ""
	}
	for _, c := range t.parsed.Constraints {
		if c.Kind == dialect.UniqueConstraint && slices.EqualFunc(c.Columns, columns, func(a dialect.IndexedColumn, i int) bool {
			return sameName(a.Name, t.Columns[i].Name)
		}) {
			return c.Name
		}
	}
	return ""
}

// planForeignKeys takes over foreign keys that PostgreSQL can have.
func (p *planner) planForeignKeys(t *tablePlanner) {
	for _, source := range t.source.foreignKeys {
		declared := t.declaredForeignKey(source)
		left := Left{Kind: "foreign key", Table: t.Name, Name: declared.Name, Source: describeForeignKey(source)}
		if left.Name == "" {
			left.Name = strings.Join(source.columns, ", ")
		}
		parent, from, to, reason := p.refersTo(t, source)
		if reason != "" {
			left.Reason = reason
			p.leave(left)
			continue
		}
		fk := ForeignKey{
			Columns: t.targets(from), Table: parent.Target, References: parent.targets(to),
			OnDelete: action(source.onDelete), OnUpdate: action(source.onUpdate), Deferrable: deferrable(declared),
		}
		if left.Reason, left.Draft = p.unfit(t, from, parent, to, fk); left.Reason != "" {
			p.leave(left)
			continue
		}
		fk.Name = t.names.pick(constraintName(declared.Name, t.Target, fk.Columns, "fkey"))
		t.ForeignKeys = append(t.ForeignKeys, fk)
	}
}

// unfit returns why PostgreSQL cannot have a foreign key, or "", and what would make it possible.
func (p *planner) unfit(t *tablePlanner, from []int, parent *tablePlanner, to []int, fk ForeignKey) (reason, draft string) {
	fk.Name = constraintName("", t.Target, fk.Columns, "fkey")
	add := addForeignKey(p.schema, t.Table, fk) + ";"
	if !parent.uniqueOver(to) {
		return fmt.Sprintf("%s is not unique in %s", strings.Join(fk.References, ", "), parent.Name),
			"ALTER TABLE " + qualified(p.schema, fk.Table) + " ADD UNIQUE " + nameList(fk.References) + ";\n" + add
	}
	for i := range from {
		c, d := t.Columns[from[i]], parent.Columns[to[i]]
		if !comparable(c.Type, d.Type) {
			name := quoteName(c.Target)
			return fmt.Sprintf("%s is %s, but %s.%s is %s", c.Name, c.Type, parent.Name, d.Name, d.Type),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s::text::%s;\n%s",
					qualified(p.schema, t.Target), name, d.Type, name, d.Type, add)
		}
		changes := fk.OnUpdate != "" && fk.OnUpdate != "RESTRICT" || strings.HasPrefix(fk.OnDelete, "SET")
		if c.Generated != "" && changes {
			fk.OnUpdate, fk.OnDelete = "", ""
			return fmt.Sprintf("%s is a generated column, which no action of a foreign key can change in PostgreSQL", c.Name),
				addForeignKey(p.schema, t.Table, fk) + ";"
		}
	}
	return "", ""
}

// uniqueOver reports whether a key or plain unique index stands over exactly these columns.
func (t *tablePlanner) uniqueOver(columns []int) bool {
	same := func(others []int) bool {
		a, b := slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(others))
		return slices.Equal(a, b)
	}
	if slices.ContainsFunc(t.source.indexes, func(ix sourceIndex) bool { return ix.broken > 0 && same(ix.columns()) }) {
		return false
	}
	if key := t.source.key(); len(key) > 0 && same(key) {
		return true
	}
	return slices.ContainsFunc(t.source.indexes, func(ix sourceIndex) bool {
		folded := slices.ContainsFunc(ix.parts, func(part sourceIndexPart) bool { return t.folds(part.column, part.collation) })
		tooLong := !ix.constraint() && t.entrySize(ix.columns()) > mostIndexBytes // it stays behind
		return ix.unique && !ix.partial && same(ix.columns()) && (ix.constraint() || !folded) && !tooLong
	})
}

// declaredForeignKey finds a foreign key in the table's statement, for its name and whether it is deferrable.
func (t *tablePlanner) declaredForeignKey(source sourceForeignKey) dialect.ForeignKey {
	if t.parsed == nil {
		return dialect.ForeignKey{}
	}
	for _, c := range t.parsed.Columns {
		if c.References != nil && len(source.columns) == 1 && sameName(c.Name, source.columns[0]) &&
			sameName(c.References.Table, source.table) {
			return *c.References
		}
	}
	for _, c := range t.parsed.Constraints {
		if c.ForeignKey == nil || !sameName(c.ForeignKey.Table, source.table) ||
			!slices.EqualFunc(c.ForeignKey.Columns, source.columns, sameName) {
			continue
		}
		fk := *c.ForeignKey
		if fk.Name == "" {
			fk.Name = c.Name
		}
		return fk
	}
	return dialect.ForeignKey{}
}

func action(a string) string {
	if a == "NO ACTION" {
		return ""
	}
	return a
}

func deferrable(fk dialect.ForeignKey) string {
	switch {
	case fk.Deferrable && fk.InitiallyDeferred:
		return "DEFERRABLE INITIALLY DEFERRED"
	case fk.Deferrable:
		return "DEFERRABLE"
	}
	return ""
}

func describeForeignKey(fk sourceForeignKey) string {
	s := "FOREIGN KEY (" + strings.Join(fk.columns, ", ") + ") REFERENCES " + fk.table
	if len(fk.references) > 0 {
		s += " (" + strings.Join(fk.references, ", ") + ")"
	}
	return s
}
