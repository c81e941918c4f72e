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
	django   bool // its table of migrations
	prisma   bool
	uuids    bool // columns declared CHAR(32) hold UUIDs, and enough of them to be sure
	onlyUUID bool // and nothing else
}

// findORMs looks for marks.
func (p *planner) findORMs() ormMarks {
	var random, standard int64
	marks := ormMarks{
		django: p.table("django_migrations") != nil, prisma: p.table("_prisma_migrations") != nil, onlyUUID: true,
	}
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
	marks.uuids = random >= 2 || standard >= 8
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

// asORM decides a column from the marks of an ORM, if all of its values fit.
func (t *tablePlanner) asORM(i int, marks ormMarks) (choice, bool) {
	declared, found := t.source.columns[i].declared, t.profiles[i]
	try := func(why string, types ...target) (choice, bool) {
		for _, to := range types {
			if found.misfits(to) == 0 {
				return choice{to, why + ": " + foundOr(found, to, "no values yet"), alternatives(found, to)}, true
			}
		}
		return choice{}, false
	}
	switch {
	case t.gormDeclares(i, "numeric") && found.values() == found.bits:
		return try("numeric is how GORM declares a bool", toBoolean)
	case t.gormDeclares(i, "real"):
		return try("GORM declares a float so, which is numeric on PostgreSQL: AutoMigrate would make it so, with 15 digits", toNumeric)
	case t.gormDeclares(i, "datetime"):
		return try("GORM declares a time.Time so, which is timestamptz on PostgreSQL", toTimestampTZ)
	case t.asked[i].family == familyJSON && t.checksJSON(t.Columns[i].Name):
		return try("its CHECK asks for JSON, which is jsonb to Django on PostgreSQL", toJSON)
	case marks.django && declared == "datetime":
		return try("Django keeps UTC here, in timestamptz on PostgreSQL", toTimestampTZ)
	case marks.django && declared == "char(32)":
		return try("char(32) is how Django declares a UUIDField", toUUID)
	case marks.django && (declared == "char(39)" || declared == "char(15)"):
		return try(declared+" is how Django declares an address, which is inet on PostgreSQL", toInet)
	case marks.prisma && t.Name == "_prisma_migrations" && declared == "DATETIME":
		return try("Prisma has timestamptz here on PostgreSQL", toTimestampTZ, toEpochMS)
	case marks.prisma && declared == "DATETIME":
		ms := target{toTimestamp.typ, ConvertEpochMS}
		return try("Prisma keeps UTC here, in timestamp(3) on PostgreSQL", toTimestamp.withDecimals(3), ms.withDecimals(3))
	case spelled(declared, "CHAR(32)") && marks.uuids && found.holdsUUIDs() && (found.Text > 0 || marks.onlyUUID):
		return try("CHAR(32) is how ORMs declare a UUID, and only UUIDs have such digits", toUUID)
	}
	return choice{}, false
}

// gormDeclares recognises the declaration of GORM's SQLite driver: in backquotes, with the type in lower case. SQLite itself
// gives REAL in capitals, however it was written.
func (t *tablePlanner) gormDeclares(i int, typ string) bool {
	c := t.source.columns[i]
	return strings.EqualFold(c.declared, typ) && strings.Contains(t.source.sql, "`"+c.name+"` "+typ)
}

// foundOr describes the values of a column by what matters for a type.
func foundOr(p *profile, to target, empty string) string {
	if p.values() == 0 {
		return empty
	}
	return found(p, to)
}

// noteORM points out what no mark tells.
func (t *tablePlanner) noteORM(i int, marks ormMarks) {
	c := &t.Columns[i]
	if marks.django && c.Declared == "bigint" && !t.inKey(c.Name) && t.profiles[i].misfits(toInterval) == 0 {
		c.Alternatives = append(c.Alternatives, toInterval.name())
		t.note("%s is a BigIntegerField or a DurationField to Django, which declares both so: for the latter, "+
			"give it type: interval and convert: interval", c.Name)
	}
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
