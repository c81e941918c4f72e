package migrate

import (
	"slices"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/dialect"
)

// mostColumns is how many columns a table in PostgreSQL may have; SQLite allows 2,000.
const mostColumns = 1600

// checkWidths refuses what PostgreSQL cannot hold at all.
func (p *planner) checkWidths() error {
	for _, t := range p.catalog.tables {
		if n := len(t.columns); n > mostColumns {
			return lakeward.Errorf(lakeward.KindInvalid, "split it into two tables in the source, or drop columns of it there",
				"table %s has %s columns; PostgreSQL holds %s", t.name, grouped(int64(n)), grouped(mostColumns))
		}
	}
	return nil
}

// noteHabits tells of what applications rely on and PostgreSQL does not do.
func (p *planner) noteHabits(t *tablePlanner) {
	if t.parsed == nil {
		return
	}
	for _, c := range t.parsed.Columns {
		t.noteConflict("PRIMARY KEY", []string{c.Name}, c.OnConflict.PrimaryKey)
		t.noteConflict("NOT NULL", []string{c.Name}, c.OnConflict.NotNull)
		t.noteConflict("UNIQUE", []string{c.Name}, c.OnConflict.Unique)
	}
	for _, c := range t.parsed.Constraints {
		if c.Kind == dialect.CheckConstraint || c.Kind == dialect.ForeignKeyConstraint {
			continue
		}
		var names []string
		for _, column := range c.Columns {
			names = append(names, column.Name)
		}
		t.noteConflict(string(c.Kind), names, c.OnConflict)
	}
	if t.source.rowidAlias < 0 && !t.source.withoutRowID {
		if user := p.usesRowID(t); user != "" {
			t.note("%s uses its rowid, for which it has no column on the target: PostgreSQL keeps none", user)
		}
	}
}

// noteConflict tells of an ON CONFLICT clause in the table's definition, which in PostgreSQL is the INSERT's to say.
func (t *tablePlanner) noteConflict(constraint string, columns []string, resolution string) {
	list := strings.Join(columns, ", ")
	switch {
	case resolution == "" || resolution == "ABORT":
	case constraint == "NOT NULL" || resolution != "REPLACE" && resolution != "IGNORE":
		t.note("%s (%s) ON CONFLICT %s: PostgreSQL always aborts the statement", constraint, list, resolution)
	default:
		do := map[string]string{"REPLACE": "UPDATE SET …", "IGNORE": "NOTHING"}[resolution]
		t.note("%s (%s) ON CONFLICT %s: in PostgreSQL each INSERT has to say ON CONFLICT (%s) DO %s",
			constraint, list, resolution, list, do)
	}
}

// usesRowID names a view, trigger or full-text table that uses the rowid of a table without a column for it, or "".
func (p *planner) usesRowID(t *tablePlanner) string {
	for _, o := range slices.Concat(p.catalog.views, p.catalog.triggers) {
		if dialect.Mentions(o.sql, t.Name) && dialect.Mentions(o.sql, "rowid", "_rowid_") {
			return o.kind + " " + o.name
		}
	}
	for i := range p.catalog.virtual {
		v := &p.catalog.virtual[i]
		key, named := v.option("content_rowid")
		if content, ok := v.option("content"); ok && sameName(content, t.Name) && (!named || sameName(key, "rowid")) {
			return "full-text table " + v.name
		}
	}
	return ""
}
