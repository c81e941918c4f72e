package migrate

import (
	"slices"
	"strconv"
	"strings"
)

// family is what a declared type means to the people and ORMs that write it. SQLite itself takes any words.
type family int

const (
	familyNone family = iota // no type, or words that mean nothing to us: the data decides
	familyInteger
	familySmall // SMALLINT and the like, which ORMs declare for what fits
	familyTiny  // TINYINT(1), a boolean to many
	familyBoolean
	familyReal
	familyDecimal
	familyVarchar
	familyText
	familyBlob
	familyDate
	familyTime
	familyTimestamp
	familyTimestampZone
	familyJSON
	familyUUID
)

// declaredType is a declared type taken apart.
type declaredType struct {
	family family
	args   []int // of varchar(n) and numeric(p,s); the decimals of a second
}

// families lists the names that have a meaning of their own.
var families = map[string]family{
	"INT2": familySmall, "SMALLINT": familySmall, "TINYINT": familySmall, "SMALLSERIAL": familySmall, "YEAR": familySmall,
	"SMALLINT UNSIGNED": familySmall, "UNSIGNED SMALLINT": familySmall, "TINYINT UNSIGNED": familySmall,
	"SERIAL": familyInteger, "BIGSERIAL": familyInteger, "LONG": familyInteger, "SIGNED": familyInteger, "UNSIGNED": familyInteger,
	"BOOL": familyBoolean, "BOOLEAN": familyBoolean, "BIT": familyBoolean, "LOGICAL": familyBoolean,
	"NUMERIC": familyDecimal, "DECIMAL": familyDecimal, "DEC": familyDecimal, "NUMBER": familyDecimal, "FIXED": familyDecimal,
	"MONEY": familyDecimal, "SMALLMONEY": familyDecimal, "CURRENCY": familyDecimal, "DECIMAL UNSIGNED": familyDecimal,
	"STRING": familyText, "XML": familyText, "LONG VARCHAR": familyText, "UNIQUEIDENTIFIER": familyUUID, "UUID": familyUUID, "GUID": familyUUID,
	"BINARY": familyBlob, "VARBINARY": familyBlob, "LONG VARBINARY": familyBlob, "BYTEA": familyBlob, "IMAGE": familyBlob, "RAW": familyBlob,
	"BYTES": familyBlob, "BIT VARYING": familyBlob, "LONGVARBINARY": familyBlob,
	"DATE": familyDate, "TIME": familyTime, "TIME WITHOUT TIME ZONE": familyTime,
	"DATETIME": familyTimestamp, "DATETIME2": familyTimestamp, "SMALLDATETIME": familyTimestamp, "TIMESTAMP": familyTimestamp,
	"TIMESTAMP WITHOUT TIME ZONE": familyTimestamp,
	"TIMESTAMPTZ":                 familyTimestampZone, "TIMESTAMP WITH TIME ZONE": familyTimestampZone, "DATETIMEOFFSET": familyTimestampZone,
	"JSON": familyJSON, "JSONB": familyJSON,
	"FLOATING POINT": familyReal, // for SQLite an integer, by the INT in it
	"INTERVAL":       familyNone, "POINT": familyNone, "LINESTRING": familyNone, "MULTIPOINT": familyNone,
}

// parseDeclared reads a declared type: "int(5)", "double precision", "VARCHAR (20)", "unsigned big int".
func parseDeclared(s string) declaredType {
	name, args := splitType(strings.ToUpper(s))
	name = strings.Join(strings.Fields(strings.Trim(name, "\"'`")), " ")
	if strings.HasPrefix(name, "[") {
		name = strings.Trim(name, "[]")
	}
	d := declaredType{family: familyOf(name, args), args: args}
	if d.family == familyText && strings.Contains(name, "CHAR") && !strings.HasPrefix(name, "LONG") {
		bare := len(args) == 0 && !strings.Contains(s, "(") // nvarchar(max) is text
		if bare || len(args) == 1 && args[0] > 0 && args[0] <= mostVarchar {
			d.family = familyVarchar
		}
	}
	return d
}

// mostVarchar is the longest that PostgreSQL lets a varchar(n) be.
const mostVarchar = 10485760

// familyOf returns the family of a name in upper case.
func familyOf(name string, args []int) family {
	switch size := len(args) == 1; {
	case strings.HasSuffix(name, "]"), strings.HasSuffix(name, " ARRAY"): // SQLite has no arrays: it is text of some form
		return familyNone
	case strings.HasPrefix(name, "TINYINT") && size && args[0] == 1:
		return familyTiny
	case name == "BIT" && size && args[0] > 1:
		return familyInteger
	}
	if f, ok := families[name]; ok {
		return f
	}
	return familyByAffinity(name)
}

// familyByAffinity follows SQLite's rules of affinity for spellings that families does not list.
func familyByAffinity(name string) family {
	contains := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) })
	}
	switch {
	case contains("TIMESTAMPTZ", "DATETIMEOFFSET"), contains("TIMESTAMP", "DATETIME") && contains("WITH TIME ZONE"):
		return familyTimestampZone
	case contains("TIMESTAMP", "DATETIME"):
		return familyTimestamp
	case contains("INT"):
		return familyInteger
	case contains("CHAR", "CLOB", "TEXT"):
		return familyText
	case contains("BLOB"):
		return familyBlob
	case contains("REAL", "FLOA", "DOUB"):
		return familyReal
	case strings.HasPrefix(name, "BOOL"):
		return familyBoolean
	case strings.HasPrefix(name, "DEC"), strings.HasPrefix(name, "NUM"):
		return familyDecimal
	}
	return familyNone
}

// decimalDigits returns p and s of numeric(p,s) when PostgreSQL can have it, otherwise zeros.
func (d declaredType) decimalDigits() [2]int {
	if d.family != familyDecimal || len(d.args) == 0 || d.args[0] < 1 || d.args[0] > 1000 {
		return [2]int{}
	}
	scale := 0
	if len(d.args) > 1 {
		scale = d.args[1]
	}
	if scale < 0 || scale > d.args[0] {
		return [2]int{}
	}
	return [2]int{d.args[0], scale}
}

// wants returns the formats that a family is made of.
func (f family) wants() formatSet {
	switch f {
	case familyInteger, familySmall, familyReal, familyDecimal:
		return lookNumber
	case familyTiny, familyBoolean:
		return lookNumber | lookBoolean
	case familyDate, familyTime, familyTimestamp, familyTimestampZone:
		return lookMoment
	case familyJSON:
		return lookJSON
	case familyUUID:
		return lookUUID
	}
	return 0
}

// newProfile prepares the scan of a column.
func newProfile(d declaredType) *profile {
	p := &profile{want: d.family.wants(), looking: lookAll, digits: d.decimalDigits()}
	if d.family == familyVarchar && len(d.args) > 0 {
		p.limit = d.args[0]
	}
	return p
}

// numericType spells numeric(p,s) as format_type does.
func numericType(digits [2]int) string {
	if digits[0] == 0 {
		return "numeric"
	}
	return "numeric(" + strconv.Itoa(digits[0]) + "," + strconv.Itoa(digits[1]) + ")"
}
