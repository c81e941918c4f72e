package migrate

import (
	"fmt"
	"math"
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// planColumns decides everything about columns but their types.
func (p *planner) planColumns(t *tablePlanner) {
	for i := range t.Columns {
		c, source, found := &t.Columns[i], t.source.columns[i], t.profiles[i]
		c.NotNull = source.notNull || source.key > 0 && (t.source.withoutRowID || i == t.source.rowidAlias)
		if c.NotNull && found.Null > 0 {
			c.NotNull = false
			t.note("%s is NOT NULL in the source but holds %s: created without NOT NULL", c.Name,
				countOf(found.Null, "NULL", "NULLs"))
		}
		c.Samples = samples(*c, found)
		if i == t.source.rowidAlias {
			t.planIdentity(c, p.catalog.sequence[t.Name])
			c.Sequence = p.relations.pick(t.Target + "_" + c.Target + "_seq") // as PostgreSQL would call it
			continue
		}
		if found.cut > 0 && isMoment(target{c.Type, c.Convert}) {
			t.note("%s: %s finer than microseconds, which PostgreSQL does not keep", c.Name,
				countOf(found.cut, "time is", "times are"))
		}
		if def := t.definition(c.Name); def != nil {
			if sameName(def.Collate, "NOCASE") && typeClass(c.Type) == "text" {
				t.note("%s is COLLATE NOCASE: its unique indexes go on ignoring case, queries must say lower(%s)", c.Name, c.Name)
			}
			p.planDefault(t, c, def)
			p.planGenerated(t, c, def)
		}
	}
}

// planIdentity makes the rowid an identity that goes on after the highest key that ever was.
func (t *tablePlanner) planIdentity(c *Column, sequence int64) {
	highest := max(sequence, 0)
	if c.Found.Integer > 0 {
		highest = max(highest, c.Found.MaxInteger)
	}
	c.Identity, c.NotNull = true, true
	if highest == math.MaxInt64 {
		c.Next = highest
		t.note("%s has reached the highest bigint: no row can be added without giving a key", c.Name)
		return
	}
	c.Next = highest + 1
}

// definition returns what the table's statement says of a column.
func (t *tablePlanner) definition(name string) *dialect.ColumnDef {
	if t.parsed == nil {
		return nil
	}
	for i := range t.parsed.Columns {
		if sameName(t.parsed.Columns[i].Name, name) {
			return &t.parsed.Columns[i]
		}
	}
	return nil
}

func (p *planner) planDefault(t *tablePlanner, c *Column, def *dialect.ColumnDef) {
	if def.Default == nil {
		return
	}
	sql, err := dialect.TranslateDefault(def.Default, c.Type)
	if err != nil {
		p.leave(Left{Kind: "default", Table: t.Name, Name: c.Name, Reason: err.Error(), Source: def.DefaultText})
		return
	}
	if !strings.EqualFold(sql, "NULL") {
		c.Default = sql
	}
}

// planGenerated takes over the expression of a generated column. Where PostgreSQL cannot compute it the column becomes an
// ordinary one, which keeps the values it has.
func (p *planner) planGenerated(t *tablePlanner, c *Column, def *dialect.ColumnDef) {
	if def.Generated == nil {
		return
	}
	sql, err := dialect.TranslateGenerated(def.Generated, p, t.Name, c.Type)
	if err == nil {
		if other := t.refersToGenerated(c, def.Generated); other != "" {
			err = fmt.Errorf("it uses %s, which is a generated column too", other)
		}
	}
	if err == nil && c.Found.Real+c.Found.Integer+c.Found.Text+c.Found.Blob > 0 && t.profiles[t.source.column(c.Name)].misfits(
		target{c.Type, c.Convert},
	) > 0 {
		err = fmt.Errorf("%s does not hold all of its values", c.Type)
	}
	if err != nil {
		p.leave(Left{
			Kind: "generated column", Table: t.Name, Name: c.Name, Source: def.GeneratedText,
			Reason: err.Error() + "; its values are kept in an ordinary column",
		})
		return
	}
	c.Generated, c.Default = sql, ""
}

// refersToGenerated returns the name of another generated column in an expression, which PostgreSQL refuses.
func (t *tablePlanner) refersToGenerated(c *Column, e dialect.Expr) string {
	text := dialect.FormatExpr(e)
	for _, other := range t.source.columns {
		if other.generated && !sameName(other.name, c.Name) && mentions(text, other.name) {
			return other.name
		}
	}
	return ""
}

// mentions reports whether a name stands in printed SQL, quoted or as a word of its own.
func mentions(sql, name string) bool {
	sql, name = strings.ToLower(sql), strings.ToLower(name)
	for at := 0; ; {
		i := strings.Index(sql[at:], name)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(name)
		if (start == 0 || !isWord(sql[start-1])) && (end == len(sql) || !isWord(sql[end])) {
			return true
		}
		at = start + 1
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 0x80
}
