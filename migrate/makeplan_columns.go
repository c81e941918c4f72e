package migrate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

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
		if n := found.otherUnits(); n > 0 && found.epochUnit() == c.Convert {
			t.note("%s: %s in %s, but %s this age in another unit", c.Name, countOf(found.numbers(), "time is read", "times are read"),
				c.Convert.unit(), countOf(n, "number would be a time of", "numbers would be times of"))
		}
		if def := t.definition(c.Name); def != nil {
			p.leaveCollation(t, c, def.Collate)
			p.planDefault(t, c, def)
		}
	}
	p.planGeneratedColumns(t)
}

// leaveCollation tells of a column that SQLite compares without regard to case or trailing spaces. Its unique indexes and
// the views over it go on doing so, which needs nothing of the target; what the application itself compares is another
// matter, and the types of PostgreSQL that would do it are for a person to choose: citext folds letters outside ASCII too,
// and a nondeterministic collation takes LIKE away before PostgreSQL 18.
func (p *planner) leaveCollation(t *tablePlanner, c *Column, collation string) {
	collation = strings.ToUpper(collation)
	column := quoteName(c.Target)
	alter := "ALTER TABLE " + qualified(p.schema, t.Target) + " ALTER COLUMN " + column + " TYPE "
	l := Left{Kind: "collation", Table: t.Name, Name: c.Name, Source: "COLLATE " + collation}
	switch {
	case typeClass(c.Type) != "text":
		return
	case collation == "NOCASE":
		l.Reason = "its unique indexes go on ignoring case; queries must say lower(" + c.Name + ` COLLATE "C"), or the column become citext`
		l.Draft = "CREATE EXTENSION IF NOT EXISTS citext;\n" + alter + "citext;\n-- views over it, and columns that refer to it, first"
	case collation == "RTRIM":
		l.Reason = "its unique indexes go on ignoring trailing spaces; queries must say rtrim(" + c.Name + ", ' '), or the column become bpchar"
		l.Draft = alter + "bpchar;\n-- views over it, and columns that refer to it, first"
	default:
		return
	}
	p.leave(l)
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
	unit := map[Conversion]dialect.Unit{
		ConvertEpoch: dialect.Seconds, ConvertEpochMS: dialect.Milliseconds, ConvertEpochUS: dialect.Microseconds,
		ConvertJulian: dialect.JulianDays,
	}[c.Convert]
	sql, err := dialect.TranslateDefault(def.Default, c.Type, unit)
	if err != nil {
		p.leave(Left{Kind: "default", Table: t.Name, Name: c.Name, Reason: err.Error(), Source: def.DefaultText})
		return
	}
	if !strings.EqualFold(sql, "NULL") {
		c.Default = sql
	}
}

// planGeneratedColumns takes over the expressions of generated columns, those first that others use.
func (p *planner) planGeneratedColumns(t *tablePlanner) {
	var waiting []int
	for i := range t.Columns {
		if def := t.definition(t.Columns[i].Name); def != nil && def.Generated != nil {
			waiting = append(waiting, i)
		}
	}
	inlined := inlinedSchema{planner: p, table: t, sql: map[string]string{}}
	for len(waiting) > 0 {
		next := slices.IndexFunc(waiting, func(i int) bool {
			e := t.definition(t.Columns[i].Name).Generated
			return !slices.ContainsFunc(waiting, func(j int) bool { return j != i && dialect.Refers(e, t.Columns[j].Name) })
		})
		i := waiting[max(next, 0)] // SQLite lets none be defined by itself
		waiting = slices.DeleteFunc(waiting, func(j int) bool { return j == i })
		c := &t.Columns[i]
		p.planGenerated(inlined, t, c, t.definition(c.Name))
		if c.Generated != "" {
			inlined.sql[c.Name] = "((" + c.Generated + ")::" + c.Type + ")"
		}
	}
}

// inlinedSchema shows the planner's tables with the expressions of a table's generated columns in place of those columns,
// of which PostgreSQL lets none use another.
type inlinedSchema struct {
	*planner
	table *tablePlanner
	sql   map[string]string // by column
}

// Table implements dialect.Schema.
func (s inlinedSchema) Table(name string) ([]dialect.Column, string, bool) {
	columns, target, ok := s.planner.Table(name)
	if sameName(name, s.table.Name) {
		for i := range columns {
			columns[i].SQL = s.sql[columns[i].Name]
		}
	}
	return columns, target, ok
}

// overflows reports whether the arithmetic of a generated column may leave 64 bits: a column in it comes close, or the
// result is a REAL that none of them is.
func (t *tablePlanner) overflows(c *Column, e dialect.Expr) bool {
	const most = 1 << 62
	reals := false
	for _, other := range t.Columns {
		if !dialect.Refers(e, other.Name) {
			continue
		}
		if other.Found.MaxInteger > most || other.Found.MinInteger < -most {
			return true
		}
		reals = reals || other.Found.Real > 0
	}
	return !reals && c.Found.Real > 0 && max(c.Found.MaxReal, -c.Found.MinReal) >= math.MaxInt64
}

// rounds reports whether a generated column has REALs whose last digits PostgreSQL would not compute: it rounds them to 15
// where they become decimals, and decimals it computes exactly, where SQLite has 0.1 * 3 = 0.30000000000000004.
func (t *tablePlanner) rounds(c *Column, e dialect.Expr) bool {
	const mostWhole = 1e15
	f := t.profiles[t.source.column(c.Name)]
	decimals, reals := typeClass(c.Type) == "numeric", false
	for _, other := range t.Columns {
		if dialect.Refers(e, other.Name) {
			decimals = decimals || typeClass(other.Type) == "numeric"
			reals = reals || other.Found.Real > 0
		}
	}
	return decimals && (f.longReals > 0 || reals && max(f.MaxInteger, -f.MinInteger) >= mostWhole)
}

// readsAnother says what is wrong when an expression reads a column whose values are of other storage classes or texts in
// SQLite than the translation takes them for by the column's type. SQLite's functions and comparisons go by the class: the REAL 2.0
// has three characters and halves to 1.0, also when it refers to the key 2 and is a bigint therefore; of a text that is held
// as bytes they count the characters up to the first NUL.
func (t *tablePlanner) readsAnother(e dialect.Expr) error {
	for i, c := range t.Columns {
		if t.asAnother(i) && dialect.Refers(e, c.Name) {
			return fmt.Errorf("it reads %s, which has values that PostgreSQL holds as ones of another kind", c.Name)
		}
	}
	return nil
}

// asAnother reports whether a column holds values as ones of another kind.
func (t *tablePlanner) asAnother(i int) bool {
	c, f := &t.Columns[i], t.profiles[i]
	switch c.Convert {
	case ConvertText:
		return f.numbers()+f.textBlobs > 0
	case ConvertBytes:
		return f.numbers()+f.Text > 0
	case ConvertInteger:
		return c.Type == "bigint" && f.whole+f.count(formatInteger) > 0
	case ConvertReal:
		return f.Integer-f.overReal+f.count(formatNumber) > 0
	case ConvertDecimal:
		return f.count(formatNumber) > 0
	case ConvertBoolean:
		return f.count(formatBoolean) > 0
	case ConvertEpoch, ConvertEpochMS, ConvertEpochUS, ConvertJulian:
		return f.numbers() > 0
	case ConvertDate:
		return f.shape != nil && (!f.shaped || len(f.shape) != len(time.DateOnly))
	case ConvertUUID:
		return f.uuidBlobs > 0 || f.forms.uuids[uuidHyphens] < f.count(formatUUID)
	}
	return false
}

// planGenerated takes over the expression of a generated column. Where PostgreSQL cannot compute it the column becomes an
// ordinary one, which keeps the values it has.
func (p *planner) planGenerated(schema dialect.Schema, t *tablePlanner, c *Column, def *dialect.ColumnDef) {
	sql, err := dialect.TranslateGenerated(def.Generated, schema, t.Name, c.Type)
	if err == nil && t.profiles[t.source.column(c.Name)].misfits(target{c.Type, c.Convert}) > 0 {
		err = fmt.Errorf("%s does not hold all of its values", c.Type)
	}
	if err == nil && t.overflows(c, def.Generated) {
		err = errors.New("some of its integers leave 64 bits, where SQLite goes on with REALs and PostgreSQL stops")
	}
	if err == nil && c.Convert == ConvertText && c.Found.Integer+c.Found.Real > 0 && ofNumbers(affinity(c.Declared)) {
		err = errors.New("SQLite makes numbers of the texts in it that look like some, and PostgreSQL leaves them as they are")
	}
	if err == nil && t.rounds(c, def.Generated) {
		err = errors.New("SQLite computes some of its values to 17 digits, and PostgreSQL other ones with decimals")
	}
	if err == nil {
		err = t.readsAnother(def.Generated)
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
