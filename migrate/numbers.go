package migrate

import (
	"math"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// ofNumbers reports whether a column of an affinity turns texts that look like numbers into numbers.
func ofNumbers(affinity string) bool { return affinity != "TEXT" && affinity != "BLOB" }

// numberOf returns the number of which b is exactly what SQLite prints.
func numberOf(b []byte) (v value, ok bool) {
	if len(b) == 0 || len(b) > 32 || b[0] > '9' && b[0] != 'I' {
		return v, false
	}
	if i, ok := parseInteger(b); ok {
		v = value{class: sqlite.TypeInteger, i: i}
		return v, string(strconv.AppendInt(nil, i, 10)) == string(b)
	}
	v.class = sqlite.TypeFloat
	switch string(b) {
	case "Inf":
		v.f = math.Inf(1)
		return v, true
	case "-Inf":
		v.f = math.Inf(-1)
		return v, true
	}
	var known bool
	if v.f, known = parseFloat(b); !known {
		return v, false
	}
	return v, string(appendNumberText(nil, v)) == string(b)
}

// turnsInto returns the number that a column with the affinity of numbers makes of a text: SQLite takes spaces around it,
// and gives up digits that a REAL does not hold.
func turnsInto(text []byte) (v value, ok bool) {
	trimmed := strings.Trim(string(text), " \t\n\v\f\r")
	if i, ok := parseInteger([]byte(trimmed)); ok {
		return value{class: sqlite.TypeInteger, i: i}, true
	}
	if strings.Trim(trimmed, "+-0123456789.eE") != "" {
		return v, false
	}
	f, err := strconv.ParseFloat(trimmed, 64)
	if err != nil && !math.IsInf(f, 0) {
		return v, false
	}
	return value{class: sqlite.TypeFloat, f: f}, true
}
