package migrate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// restoreFunc turns a field that PostgreSQL sent into the value that SQLite is to hold, in the storage class and the
// form that the column had before. Texts are appended to dst, on which v.b is left pointing. When SQLite cannot hold the
// field it returns the reason.
type restoreFunc func(dst []byte, v *value, field []byte) (out []byte, reason string)

// restorer knows where the values of one column go.
type restorer struct {
	Column
	affinity string
	class    sqlite.ColumnType // of most values before, where the conversion leaves a choice
}

// restoreColumn returns the inverse of a column's conversion. The field is in PostgreSQL's binary form, but for numeric,
// which comes as text.
func restoreColumn(c Column, affinity string) (restoreFunc, error) {
	r := restorer{Column: c, affinity: affinity}
	base, _ := splitType(c.Type)
	switch c.Convert {
	case ConvertInteger:
		r.class = r.mostly(sqlite.TypeInteger, sqlite.TypeInteger, sqlite.TypeFloat, sqlite.TypeText)
		return r.integer, nil
	case ConvertBoolean:
		return r.newBoolean(), nil
	case ConvertReal:
		r.class = r.mostly(sqlite.TypeFloat, sqlite.TypeFloat, sqlite.TypeInteger, sqlite.TypeText)
		return r.real, nil
	case ConvertDecimal:
		r.class = r.mostly(sqlite.TypeFloat, sqlite.TypeInteger, sqlite.TypeFloat, sqlite.TypeText)
		return r.decimal, nil
	case ConvertText:
		return r.text, nil
	case ConvertBytes:
		return r.bytes, nil
	case ConvertJSON:
		return r.newJSON(), nil
	case ConvertUUID:
		return r.newUUID(), nil
	case ConvertInet:
		return r.inet, nil
	case ConvertInterval:
		return r.interval, nil
	}
	return r.newTime(base)
}

// mostly returns the storage class of most values that the column had, or otherwise when it had none of the classes.
func (r *restorer) mostly(otherwise sqlite.ColumnType, classes ...sqlite.ColumnType) sqlite.ColumnType {
	if r.affinity == "TEXT" && otherwise != sqlite.TypeBlob {
		otherwise = sqlite.TypeText
	}
	found := map[sqlite.ColumnType]int64{
		sqlite.TypeInteger: r.Found.Integer, sqlite.TypeFloat: r.Found.Real,
		sqlite.TypeText: r.Found.Text, sqlite.TypeBlob: r.Found.Blob,
	}
	best, most := otherwise, int64(0)
	for _, class := range classes {
		number := class == sqlite.TypeInteger || class == sqlite.TypeFloat
		if found[class] > most && !(number && r.affinity == "TEXT") {
			best, most = class, found[class]
		}
	}
	return best
}

// asTexts reports whether the column holds its numbers as texts.
func (r *restorer) asTexts() bool {
	return r.affinity == "TEXT" || r.class == sqlite.TypeText && !ofNumbers(r.affinity)
}

// infiniteText is the reason why a text cannot stand for an infinite number: no word for it reads as one again.
const infiniteText = "an infinite number in a column of texts"

// asText sets v to the text that was appended to dst from start on.
func asText(dst []byte, start int, v *value) []byte {
	v.class, v.b = sqlite.TypeText, dst[start:]
	return dst
}

// number sets v to an INTEGER or a REAL, as text in a column that holds texts.
func (r *restorer) number(dst []byte, v *value, n value) []byte {
	if r.affinity != "TEXT" {
		n.b = v.b
		*v = n
		return dst
	}
	start := len(dst)
	return asText(appendNumberText(dst, n), start, v)
}

func (r *restorer) integer(dst []byte, v *value, field []byte) ([]byte, string) {
	i := signed(field)
	switch {
	case r.asTexts():
		start := len(dst)
		return asText(strconv.AppendInt(dst, i, 10), start, v), ""
	case r.class == sqlite.TypeFloat:
		if exactFloat(i) && r.Forms()[formWhole] != "integer" {
			return r.number(dst, v, value{class: sqlite.TypeFloat, f: float64(i)}), ""
		}
	}
	if r.affinity == "REAL" && !exactFloat(i) {
		return dst, strconv.FormatInt(i, 10) + " is not exact in a column of type " + r.Declared
	}
	return r.number(dst, v, value{class: sqlite.TypeInteger, i: i}), ""
}

// Forms returns how the column's values were written.
func (r *restorer) Forms() map[string]string { return r.Found.Forms }

func (r *restorer) newBoolean() restoreFunc {
	words := []string{"0", "1"}
	asWord := r.mostly(sqlite.TypeInteger, sqlite.TypeInteger, sqlite.TypeText) == sqlite.TypeText
	if no, yes, ok := strings.Cut(r.Forms()[formBoolean], "|"); ok && asWord && no != "" && yes != "" {
		words = []string{no, yes}
	}
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		truth := field[0] & 1
		if r.affinity == "REAL" && (!asWord || words[1] == "1") {
			return dst, "a column of type " + r.Declared + " would make a number with a fraction of a boolean"
		}
		if !asWord {
			return r.number(dst, v, value{class: sqlite.TypeInteger, i: int64(truth)}), ""
		}
		start := len(dst)
		return asText(append(dst, words[truth]...), start, v), ""
	}
}

func (r *restorer) real(dst []byte, v *value, field []byte) ([]byte, string) {
	f := math.Float64frombits(binary.BigEndian.Uint64(field))
	if math.IsNaN(f) {
		return dst, "NaN is not a number that SQLite holds"
	}
	if math.IsInf(f, 0) && r.asTexts() {
		return dst, infiniteText
	}
	if f == 0 && math.Signbit(f) {
		return r.negativeZero(dst, v)
	}
	n := value{class: sqlite.TypeFloat, f: f}
	switch i, whole := wholeNumber(n); {
	case whole && !exactFloat(i) && (r.affinity == "INTEGER" || r.affinity == "NUMERIC"):
		return dst, string(appendNumberText(nil, n)) + " would become an INTEGER in a column of type " + r.Declared
	case !whole || !exactFloat(i):
	case r.Found.Real == 0 && r.Found.Integer > 0, r.Forms()[formWhole] == "integer":
		n = value{class: sqlite.TypeInteger, i: i}
	}
	if r.asTexts() {
		start := len(dst)
		return asText(appendNumberText(dst, n), start, v), ""
	}
	return r.number(dst, v, n), ""
}

// negativeZero restores -0. A column with an affinity of numbers has it as an integer in the file, which is 0.
func (r *restorer) negativeZero(dst []byte, v *value) ([]byte, string) {
	switch start := len(dst); {
	case ofNumbers(r.affinity):
		*v = value{class: sqlite.TypeFloat, b: v.b}
	case r.asTexts():
		return asText(append(dst, "-0.0"...), start, v), ""
	default:
		*v = value{class: sqlite.TypeFloat, f: math.Copysign(0, -1), b: v.b}
	}
	return dst, ""
}

// decimal reads the text of a numeric. A number goes back as one only when not a digit of it is lost.
func (r *restorer) decimal(dst []byte, v *value, field []byte) ([]byte, string) {
	start := len(dst)
	switch string(field) {
	case "NaN":
		return dst, "NaN is not a number that SQLite holds"
	case "Infinity", "-Infinity":
		sign := 1
		if field[0] == '-' {
			sign = -1
		}
		if r.asTexts() {
			return dst, infiniteText
		}
		return r.number(dst, v, value{class: sqlite.TypeFloat, f: math.Inf(sign)}), ""
	}
	if r.asTexts() {
		return asText(append(dst, field...), start, v), ""
	}
	n, exact := exactNumber(field)
	switch {
	case exact && n.class == sqlite.TypeInteger && r.isReal(n.i):
		n = value{class: sqlite.TypeFloat, f: float64(n.i)}
	case !exact && !ofNumbers(r.affinity):
		return asText(append(dst, field...), start, v), ""
	}
	if !exact || r.affinity == "REAL" && n.class == sqlite.TypeInteger && !exactFloat(n.i) {
		return dst, string(field) + " has more digits than SQLite's numbers hold"
	}
	return r.number(dst, v, n), ""
}

// isReal reports whether a column that keeps the class of its values wants i as a REAL.
func (r *restorer) isReal(i int64) bool {
	return r.affinity == "BLOB" && exactFloat(i) &&
		(r.Forms()[formWhole] == "real" || r.Found.Integer == 0 && r.Found.Real > 0)
}

// exactNumber reads a decimal number as an INTEGER, or as the REAL whose shortest digits are these.
func exactNumber(text []byte) (v value, exact bool) {
	d, ok := scanDecimal(nil, text)
	if !ok {
		return v, false
	}
	if d.decimals() == 0 {
		whole, _, _ := strings.Cut(string(text), ".")
		if i, ok := parseInteger([]byte(whole)); ok {
			return value{class: sqlite.TypeInteger, i: i}, true
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return v, false
	}
	back, _ := scanDecimal(nil, strconv.AppendFloat(nil, f, 'e', -1, 64))
	same := back.neg == d.neg && back.point == d.point && string(back.digits) == string(d.digits)
	return value{class: sqlite.TypeFloat, f: f}, same
}

// text restores a text; where numbers or blobs were kept as text, as what it looks like.
func (r *restorer) text(dst []byte, v *value, field []byte) ([]byte, string) {
	start := len(dst)
	dst = append(dst, field...)
	if r.keptBlobs() {
		v.class, v.b = sqlite.TypeBlob, dst[start:]
		return dst, ""
	}
	if n, ok := numberOf(field); ok && r.wasNumber() {
		return r.number(dst[:start], v, n), ""
	}
	return r.keptText(dst, start, v)
}

// keptBlobs reports whether a text was a blob; keptTexts, whether a blob was a text.
func (r *restorer) keptBlobs() bool {
	return r.Found.Blob > 0 && (r.Found.Text == 0 || r.Forms()[formUTF8] == "blob")
}

func (r *restorer) keptTexts() bool {
	return r.Found.Blob == 0 && r.Found.Text > 0 || r.Forms()[formUTF8] == "text"
}

// wasNumber reports whether what looks like a number was one.
func (r *restorer) wasNumber() bool {
	return r.affinity == "BLOB" && r.Found.Integer+r.Found.Real > 0 && r.Forms()[formNumeric] != "text"
}

// keptText sets v to a text, unless the column's affinity would make something else of it.
func (r *restorer) keptText(dst []byte, start int, v *value) ([]byte, string) {
	if !ofNumbers(r.affinity) {
		return asText(dst, start, v), ""
	}
	n, ok := turnsInto(dst[start:])
	if !ok {
		return asText(dst, start, v), ""
	}
	if r.affinity == "REAL" && n.class == sqlite.TypeInteger {
		n = value{class: sqlite.TypeFloat, f: float64(n.i)}
	} else if i, whole := wholeNumber(n); whole && r.affinity != "REAL" {
		n = value{class: sqlite.TypeInteger, i: i}
	}
	if kept := string(appendNumberText(nil, n)); kept != string(dst[start:]) {
		return dst[:start], fmt.Sprintf("%s would become %s in a column of type %s",
			showValue(value{class: sqlite.TypeText, b: dst[start:]}), kept, r.Declared)
	}
	n.b = v.b
	*v = n
	return dst[:start], ""
}

// bytes restores a blob; where texts or numbers were kept as bytes, as what it looks like.
func (r *restorer) bytes(dst []byte, v *value, field []byte) ([]byte, string) {
	start := len(dst)
	if n, ok := numberOf(field); ok && r.wasNumber() {
		return r.number(dst, v, n), ""
	}
	dst = append(dst, field...)
	v.class, v.b = sqlite.TypeBlob, dst[start:]
	if r.keptTexts() && textProblem(field) == "" {
		return r.keptText(dst, start, v)
	}
	return dst, ""
}

func (r *restorer) newJSON() restoreFunc {
	compact := r.Forms()[formJSON] == "compact"
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		field = field[1:] // the version of jsonb's binary format
		if n, ok := numberOf(field); ok && r.wasNumber() {
			return r.number(dst, v, n), ""
		}
		start := len(dst)
		if compact {
			dst = new(compactor).append(dst, field)
		} else {
			dst = append(dst, field...)
		}
		return r.keptText(dst, start, v)
	}
}

// compactor takes the spaces behind colons and commas out of JSON as PostgreSQL prints it, piece by piece.
type compactor struct{ inString, escaped bool }

func (c *compactor) append(dst, piece []byte) []byte {
	for _, char := range piece {
		switch {
		case c.escaped:
			c.escaped = false
		case char == '\\':
			c.escaped = true
		case char == '"':
			c.inString = !c.inString
		case char == ' ' && !c.inString:
			continue
		}
		dst = append(dst, char)
	}
	return dst
}

func (r *restorer) newUUID() restoreFunc {
	form := r.Forms()[formUUID]
	if form == "" {
		form = uuidHyphens
	}
	upper, bare := form == strings.ToUpper(form), len(form) == len(uuidBare)
	blob := r.mostly(sqlite.TypeText, sqlite.TypeText, sqlite.TypeBlob) == sqlite.TypeBlob
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		start := len(dst)
		if blob {
			dst = append(dst, field...)
			v.class, v.b = sqlite.TypeBlob, dst[start:]
			return dst, ""
		}
		for i, b := range field {
			if !bare && (i == 4 || i == 6 || i == 8 || i == 10) {
				dst = append(dst, '-')
			}
			dst = hex.AppendEncode(dst, []byte{b})
		}
		if upper {
			copy(dst[start:], strings.ToUpper(string(dst[start:])))
		}
		return r.keptText(dst, start, v)
	}
}
