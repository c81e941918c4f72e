package migrate

import (
	"fmt"
	"strings"
)

// target is a type that a column may become, and the conversion that leads there.
type target struct {
	typ     string
	convert Conversion
}

var (
	toBigint      = target{"bigint", ConvertInteger}
	toInteger     = target{"integer", ConvertInteger}
	toSmallint    = target{"smallint", ConvertInteger}
	toBoolean     = target{"boolean", ConvertBoolean}
	toReal        = target{"double precision", ConvertReal}
	toNumeric     = target{"numeric", ConvertDecimal}
	toText        = target{"text", ConvertText}
	toVarchar     = target{"character varying", ConvertText}
	toBytes       = target{"bytea", ConvertBytes}
	toDate        = target{"date", ConvertDate}
	toTime        = target{"time without time zone", ConvertTime}
	toTimestamp   = target{"timestamp without time zone", ConvertTimestamp}
	toTimestampTZ = target{"timestamp with time zone", ConvertTimestamp}
	toEpoch       = target{"timestamp with time zone", ConvertEpoch}
	toEpochMS     = target{"timestamp with time zone", ConvertEpochMS}
	toEpochUS     = target{"timestamp with time zone", ConvertEpochUS}
	toJulian      = target{"timestamp without time zone", ConvertJulian}
	toJSON        = target{"jsonb", ConvertJSON}
	toUUID        = target{"uuid", ConvertUUID}
	toInet        = target{"inet", ConvertInet}
	toInterval    = target{"interval", ConvertInterval}
)

// misfits counts the values of p that t cannot hold.
func (p *profile) misfits(t target) int64 {
	switch t.convert {
	case ConvertInteger:
		return p.integerMisfits(t)
	case ConvertBoolean:
		return p.Integer - p.bits + p.Real + p.Text - p.count(formatBoolean) + p.Blob
	case ConvertReal:
		return p.overReal + p.hugeText + p.Text - p.count(formatNumber) + p.Blob
	case ConvertDecimal:
		n := p.Text - p.count(formatNumber) + p.Blob
		if t.typ != "numeric" {
			n += p.overDigits + p.infinite
		}
		return n
	case ConvertText:
		n := p.badText + p.Blob - p.textBlobs
		if t.typ != "text" && t.typ != "character varying" {
			n += p.overLimit
		}
		return n
	case ConvertBytes:
		return 0
	case ConvertJSON:
		return p.infinite + p.Text - p.count(formatJSON) + p.Blob
	case ConvertInet:
		return p.numbers() + p.Text - p.count(formatInet) + p.Blob
	case ConvertInterval:
		_, args := splitType(t.typ)
		return p.tooFine(t.convert, args) + p.hugeInteger() + p.Real + p.Text - p.count(formatMoment) + p.cut + p.Blob
	case ConvertUUID:
		return p.numbers() + p.Text - p.count(formatUUID) + p.Blob - p.uuidBlobs
	}
	return p.timeMisfits(t)
}

// hugeInteger counts all integers when one of them is no interval.
func (p *profile) hugeInteger() int64 {
	if p.MinInteger < -1<<62 || p.MaxInteger > 1<<62 {
		return p.Integer
	}
	return 0
}

func (p *profile) integerMisfits(t target) int64 {
	n := p.Real - p.whole + p.Text - p.count(formatInteger) + p.Blob
	switch t.typ {
	case "integer":
		return n + p.over32 + p.whole + p.count(formatInteger)
	case "smallint":
		return n + p.over16 + p.whole + p.count(formatInteger)
	}
	return n
}

// choice is what was decided for a column, with the evidence.
type choice struct {
	target
	evidence     string
	alternatives []string
}

// rare reports whether misfits are a handful in a column that otherwise fits: up to one in a hundred, or up to five as
// long as they are not more than a quarter.
func rare(misfits, values int64) bool {
	return misfits*100 <= values || misfits <= 5 && misfits*4 <= values
}

// choose decides a column's type from its declared type and its values. The types that the declaration asks for come
// first; among them the one with the fewest misfits wins. When more than a handful do not fit, the column becomes the
// narrowest type that holds all of its values.
func choose(d declaredType, p *profile, isKey bool) choice {
	wanted, strict := preferred(d, p, isKey)
	best := wanted[0]
	for _, t := range wanted[1:] {
		if p.misfits(t) < p.misfits(best) {
			best = t
		}
	}
	if n := p.misfits(best); n == 0 || !strict && rare(n, p.values()) {
		return choice{best, evidence(d, p, best, wanted[0]), alternatives(p, best)}
	}
	wide := widest(p)
	return choice{wide, evidence(d, p, wide, wanted[0]), alternatives(p, wide)}
}

// narrowest returns the narrowest general type that holds all values.
func narrowest(p *profile) target {
	if t := widest(p); p.misfits(t) == 0 {
		return t
	}
	return toBytes
}

// widest returns the narrowest general type that holds all values, or nearly all as text.
func widest(p *profile) target {
	for _, t := range []target{toBigint, toReal, toNumeric, toText} {
		if p.Text > 0 && t != toText || p.Real > 0 && t == toBigint { // what looks like a number stays text, 2.0 stays real
			continue
		}
		if p.misfits(t) == 0 {
			return t
		}
	}
	if rare(p.misfits(toText), p.values()) {
		return toText
	}
	return toBytes
}

// preferred lists the types that a declared type asks for. Strict ones are taken only when every value fits.
func preferred(d declaredType, p *profile, isKey bool) (wanted []target, strict bool) {
	if isKey && (d.family == familySmall || d.family == familyTiny) {
		return []target{toBigint}, false
	}
	switch d.family {
	case familyInteger:
		return []target{toBigint}, false
	case familySmall:
		return []target{toSmallint, toInteger, toBigint}, false
	case familyTiny:
		return []target{toBoolean, toSmallint, toInteger, toBigint}, false
	case familyBoolean:
		return []target{toBoolean}, false
	case familyReal:
		return []target{toReal}, false
	case familyDecimal:
		return []target{{numericType(p.digits), ConvertDecimal}, toNumeric}, false
	case familyVarchar:
		if len(d.args) == 0 {
			return []target{toVarchar}, false
		}
		return []target{{fmt.Sprintf("character varying(%d)", d.args[0]), ConvertText}, toText}, false
	case familyText:
		return []target{toText}, false
	case familyBlob:
		if p.Text > 0 && p.Text == p.values() {
			return []target{toText}, false
		}
		return []target{toBytes}, false
	case familyJSON:
		return []target{toJSON}, true
	case familyUUID:
		return []target{toUUID}, true
	case familyNone:
		return []target{fromData(p)}, false
	}
	return p.preferredTime(d), false
}

// fromData chooses for a column whose declaration says nothing.
func fromData(p *profile) target {
	switch {
	case p.values() == 0:
		return toText
	case p.Blob > 0:
		return toBytes
	}
	return widest(p)
}

// alternatives lists other types that every value fits.
func alternatives(p *profile, chosen target) []string {
	if p.values() == 0 {
		return nil
	}
	var names []string
	for _, t := range []target{
		toBoolean, toSmallint, toInteger, toBigint, toNumeric, toReal, toDate, toTime, toTimestamp,
		toTimestampTZ, toEpoch, toEpochMS, toEpochUS, toJulian, toJSON, toUUID, toText, toBytes,
	} {
		if t.typ == chosen.typ || p.misfits(t) > 0 ||
			t == toJulian && p.Real == 0 || (t == toJSON || t == toReal) && p.numbers() > 0 {
			continue
		}
		if name := t.name(); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// name spells a target for people.
func (t target) name() string {
	switch t.convert {
	case ConvertEpoch, ConvertEpochMS, ConvertEpochUS, ConvertJulian:
		return t.typ + " (" + strings.ReplaceAll(string(t.convert), "_", " ") + ")"
	}
	return t.typ
}
