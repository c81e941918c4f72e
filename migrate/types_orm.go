package migrate

import (
	"slices"
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// An ORM declares one field of a model in one way to SQLite and in another to PostgreSQL, and expects the latter when it
// talks to PostgreSQL. Where its spelling for SQLite says too little, the marks that it leaves tell which one it was.

// ormMarks are the marks found in a source.
type ormMarks struct {
	uuids    bool // columns declared CHAR(32) hold UUIDs, and enough of them to be sure
	onlyUUID bool // and nothing else
}

// findORMs looks for marks.
func (p *planner) findORMs() ormMarks {
	var random, standard int64
	marks := ormMarks{onlyUUID: true}
	for _, t := range p.tables {
		for i, c := range t.source.columns {
			if found := t.profiles[i]; spelled(c.declared, "CHAR(32)") {
				if !found.holdsUUIDs() {
					marks.onlyUUID = false
					continue
				}
				random += found.count(formatUUIDv4)
				standard += found.count(formatUUIDStandard)
			}
		}
	}
	marks.uuids = random >= 3 || standard >= 8
	return marks
}

// spelled reports whether a declared type is the given one, up to case and spaces.
func spelled(declared, as string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(declared), ""), as)
}

// holdsUUIDs reports whether every value is a UUID by its version and variant bits, which other 32 hexadecimal digits
// have only by chance.
func (p *profile) holdsUUIDs() bool {
	return p.Text == p.values() && p.count(formatUUIDStandard) == p.Text
}

// asORM decides a column from the marks of an ORM.
func (t *tablePlanner) asORM(i int, marks ormMarks) (choice, bool) {
	declared, found := t.source.columns[i].declared, t.profiles[i]
	switch {
	case t.gormBoolean(i):
		return choice{
			target: toBoolean, alternatives: alternatives(found, toBoolean),
			evidence: "declared numeric as GORM declares a bool, and " + classesOr(found, "no values yet"),
		}, true
	case t.asked[i].family == familyJSON && t.checksJSON(t.Columns[i].Name) && found.misfits(toJSON) == 0:
		return choice{
			target: toJSON, alternatives: alternatives(found, toJSON),
			evidence: "its CHECK asks for JSON, and every value is: " + classesOr(found, "no values yet"),
		}, true
	case spelled(declared, "CHAR(32)") && marks.uuids && found.holdsUUIDs() && (found.Text > 0 || marks.onlyUUID):
		evidence := "CHAR(32) is how Django and SQLAlchemy declare a UUID, and " + classes(found) + ", each a UUID"
		if found.Text == 0 {
			evidence = "no values; CHAR(32) is how Django and SQLAlchemy declare a UUID, and every other such column holds UUIDs"
		}
		return choice{target: toUUID, alternatives: alternatives(found, toUUID), evidence: evidence}, true
	}
	return choice{}, false
}

// gormBoolean recognises a bool of GORM, whose SQLite driver declares it `name` numeric, in backquotes and lower case.
func (t *tablePlanner) gormBoolean(i int) bool {
	c, found := t.source.columns[i], t.profiles[i]
	return c.declared == "numeric" && strings.Contains(t.source.sql, "`"+c.name+"` numeric") &&
		found.values() == found.bits && t.asked[i].family == familyDecimal
}

// checksJSON reports whether a column is a JSONField of Django, which is text with CHECK (JSON_VALID(column) OR column IS
// NULL).
func (t *tablePlanner) checksJSON(column string) bool {
	def := t.definition(column)
	if def == nil {
		return false
	}
	is := func(c dialect.Check) bool { return sameName(jsonCheck(c.Expr), column) }
	return slices.ContainsFunc(def.Checks, is) || slices.ContainsFunc(t.parsed.Constraints, func(c dialect.TableConstraint) bool {
		return c.Check != nil && is(*c.Check)
	})
}
