package migrate

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// canonJSON writes JSON as PostgreSQL prints jsonb: names ordered by length and then by bytes, numbers as numeric prints
// them. A name that an object has twice does not fit: jsonb would drop one.
func canonJSON(dst []byte, v value) ([]byte, bool) {
	text := v.b
	switch v.class {
	case sqlite.TypeInteger, sqlite.TypeFloat:
		if v.class == sqlite.TypeFloat && math.IsInf(v.f, 0) {
			return dst, false
		}
		text = []byte(numberText(v))
	case sqlite.TypeBlob:
		return dst, false
	}
	if !fitsJSON(text) {
		return dst, false
	}
	w := jsonWriter{text: text}
	if len(text) > largeBytes { // growing by and by would hold it twice
		dst = slices.Grow(dst, len(text)+len(text)/4)
	}
	out, ok := w.value(dst, 0)
	if !ok {
		return dst, false
	}
	return append(out, 0x1f), true
}

// fitsJSON reports whether a text is JSON of characters that PostgreSQL holds.
func fitsJSON(text []byte) bool {
	return utf8.Valid(text) && !loneSurrogate(text) && json.Valid(text)
}

// jsonWriter writes a valid JSON text anew, without ever having a tree of it.
type jsonWriter struct {
	text []byte
	at   int

	// To write in pieces; see largeJSON.
	flush func(piece []byte) error // nil writes the whole
	err   error                    // of flush
	large map[int][]int32          // where a large object begins, and where its members do, in their order
	held  int                      // objects around the place that are put in order once they are written
}

// deepestJSON is how deep a document may be nested.
const deepestJSON = 1000

// next returns the next byte that is no space.
func (w *jsonWriter) next() byte {
	for strings.IndexByte(" \t\r\n", w.text[w.at]) >= 0 {
		w.at++
	}
	return w.text[w.at]
}

// scalar returns the text up to the first byte that is not of a number or word.
func (w *jsonWriter) scalar() string {
	start := w.at
	for w.at < len(w.text) && strings.IndexByte(" \t\r\n,]}", w.text[w.at]) < 0 {
		w.at++
	}
	return string(w.text[start:w.at])
}

func (w *jsonWriter) value(dst []byte, depth int) (_ []byte, ok bool) {
	if depth > deepestJSON {
		return dst, false
	}
	switch c := w.next(); c {
	case '{':
		if members, large := w.large[w.at]; large {
			return w.largeObject(dst, members, depth)
		}
		w.held++
		dst, ok = w.object(dst, depth)
		w.held--
		return dst, ok
	case '[':
		return w.array(dst, depth)
	case '"':
		return w.textValue(dst)
	case 't', 'f', 'n':
		return append(dst, w.scalar()...), true
	}
	plain, ok := plainDecimal(w.scalar())
	whole, fraction, _ := strings.Cut(plain, ".")
	return append(dst, plain...), ok && len(whole) <= 131072 && len(fraction) <= 16383
}

// string reads a string without its quotes.
func (w *jsonWriter) string() []byte {
	start := w.at
	w.at = w.closing(start) + 1
	return unescaped(w.text[start+1 : w.at-1])
}

// unescaped decodes the inside of a string.
func unescaped(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
	var decoded string
	_ = json.Unmarshal(quoted, &decoded) // the whole text is valid
	return []byte(decoded)
}

func (w *jsonWriter) array(dst []byte, depth int) (_ []byte, ok bool) {
	dst = append(dst, '[')
	w.at++
	if w.next() == ']' {
		w.at++
		return append(dst, ']'), true
	}
	for {
		if dst, ok = w.value(dst, depth+1); !ok {
			return dst, false
		}
		if w.ends(']') {
			return append(dst, ']'), true
		}
		dst = w.passOn(append(dst, ", "...))
	}
}

// ends reads a comma or an end, and reports which.
func (w *jsonWriter) ends(end byte) bool {
	c := w.next()
	w.at++
	return c == end
}

// jsonMember is a member of an object, and where it has been written.
type jsonMember struct {
	name       []byte
	start, end int
}

// object writes the members as they come, and then in their order.
func (w *jsonWriter) object(dst []byte, depth int) (_ []byte, ok bool) {
	dst = append(dst, '{')
	w.at++
	if w.next() == '}' {
		w.at++
		return append(dst, '}'), true
	}
	start := len(dst)
	var members []jsonMember
	for {
		w.next()
		m := jsonMember{start: len(dst), name: w.string()}
		if dst, ok = appendJSONText(dst, m.name); !ok {
			return dst, false
		}
		w.ends(':')
		if dst, ok = w.value(append(dst, ": "...), depth+1); !ok {
			return dst, false
		}
		m.end = len(dst)
		members = append(members, m)
		if w.ends('}') {
			break
		}
		dst = append(dst, ", "...)
	}
	order := func(a, b jsonMember) int { return compareNames(a.name, b.name) }
	if !slices.IsSortedFunc(members, order) {
		written := slices.Clone(dst[start:])
		dst = dst[:start]
		slices.SortFunc(members, order)
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, written[m.start-start:m.end-start]...)
		}
	}
	for i := 1; i < len(members); i++ {
		if bytes.Equal(members[i].name, members[i-1].name) {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// appendJSONText writes a string.
func appendJSONText(dst, text []byte) ([]byte, bool) {
	dst, ok := appendEscaped(append(dst, '"'), text)
	return append(dst, '"'), ok
}

// appendEscaped escapes what PostgreSQL escapes, and nothing else.
func appendEscaped(dst, text []byte) ([]byte, bool) {
	const special, letter = "\b\f\n\r\t\"\\", `bfnrt"\`
	for i := range len(text) {
		c := text[i]
		switch at := strings.IndexByte(special, c); {
		case c == 0:
			return dst, false // jsonb cannot hold it
		case at >= 0:
			dst = append(dst, '\\', letter[at])
		case c < ' ':
			dst = append(dst, `\u00`+string("01"[c>>4])+string("0123456789abcdef"[c&15])...)
		default:
			dst = append(dst, c)
		}
	}
	return dst, true
}

// loneSurrogate reports whether an escape such as \ud800 stands without its other half. Go would replace it, PostgreSQL
// refuses it.
func loneSurrogate(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || len(text) < at+2 {
			return false
		}
		unit, rest := text[at+1:], text[at+2:]
		if unit[0] == 'u' {
			switch high := surrogate(text[at:]); {
			case high == 'l':
				return true
			case high == 'h':
				if len(text) < at+12 || surrogate(text[at+6:]) != 'l' {
					return true
				}
				rest = text[at+12:]
			}
		}
		text = rest
	}
}

// surrogate tells whether text begins with the escape of a high ('h') or low ('l') surrogate.
func surrogate(text []byte) byte {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	switch {
	case err != nil || n < 0xd800 || n > 0xdfff:
		return 0
	case n < 0xdc00:
		return 'h'
	}
	return 'l'
}
