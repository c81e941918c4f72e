package migrate

import (
	"fmt"
	"strconv"
	"strings"
)

// evidence says in one sentence why a type was chosen: what was found, and what stood against the declared type.
func evidence(d declaredType, p *profile, chosen, asked target) string {
	if p.values() == 0 {
		if d.family == familyNone {
			return "no values and no type that says more; text holds anything"
		}
		return "no values; chosen from the declared type alone"
	}
	found := found(p, chosen)
	misfits := p.misfits(chosen)
	switch {
	case misfits > 0:
		found += fmt.Sprintf("; %s not fit", countOf(misfits, "value does", "values do"))
	case chosen.typ != asked.typ && p.misfits(asked) > 0:
		found += fmt.Sprintf("; %s not fit %s", countOf(p.misfits(asked), "value does", "values do"), asked.typ)
	}
	if p.cut > 0 && isMoment(chosen) {
		found += fmt.Sprintf("; %s more than microseconds, which are cut off", countOf(p.cut, "value has", "values have"))
	}
	return found
}

func isMoment(t target) bool {
	return strings.HasPrefix(t.typ, "time") && t.convert != ConvertEpochMS && t.convert != ConvertEpochUS
}

// found describes the values of a column by what matters for the chosen type.
func found(p *profile, chosen target) string {
	switch chosen.convert {
	case ConvertEpoch, ConvertEpochMS, ConvertEpochUS, ConvertJulian:
		s := countOf(p.numbers(), "number", "numbers") + ", " + chosen.convert.unit() + " by their size"
		if p.zeros > 0 && chosen.convert != ConvertJulian {
			s += fmt.Sprintf(" (%s 0, which is 1970-01-01)", grouped(p.zeros))
		}
		if p.Text > 0 {
			s += ", and " + countOf(p.Text, "ISO 8601 text", "ISO 8601 texts") + " read as UTC"
		}
		return s
	case ConvertDate, ConvertTime, ConvertTimestamp:
		s := countOf(p.Text, "text", "texts") + " in ISO 8601"
		zoned := p.count(formatMomentZone)
		switch {
		case zoned == p.Text:
			s += ", each with a zone"
		case zoned > 0:
			s += fmt.Sprintf(", %s with a zone; those without are UTC, as for SQLite's functions", grouped(zoned))
		}
		return s
	}
	return classes(p)
}

// unit names what numbers count.
func (c Conversion) unit() string {
	return map[Conversion]string{
		ConvertEpoch: "seconds", ConvertEpochMS: "milliseconds", ConvertEpochUS: "microseconds", ConvertJulian: "Julian days",
	}[c]
}

// classes lists the storage classes found, with their ranges: "412 integers from 1 to 412, 3 texts".
func classes(p *profile) string {
	var parts []string
	if p.Integer > 0 {
		integers := countOf(p.Integer, "integer", "integers")
		if p.MinInteger < p.MaxInteger {
			integers += fmt.Sprintf(" from %d to %d", p.MinInteger, p.MaxInteger)
		} else {
			integers += fmt.Sprintf(" (%d)", p.MinInteger)
		}
		parts = append(parts, integers)
	}
	if p.Real > 0 {
		parts = append(parts, countOf(p.Real, "real", "reals"))
	}
	if p.Text > 0 {
		text := countOf(p.Text, "text", "texts") + " of up to " + countOf(p.MaxChars, "character", "characters")
		if p.badText > 0 {
			text += fmt.Sprintf(" (%s with NUL bytes or invalid UTF-8)", grouped(p.badText))
		}
		parts = append(parts, text)
	}
	if p.Blob > 0 {
		parts = append(parts, countOf(p.Blob, "blob", "blobs"))
	}
	return strings.Join(parts, ", ")
}

// countOf writes a number with its noun.
func countOf(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with commas: 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
