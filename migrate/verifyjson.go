package migrate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
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
	if !utf8.Valid(text) || loneSurrogate(text) {
		return dst, false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var parsed any
	if decoder.Decode(&parsed) != nil {
		return dst, false
	}
	if _, err := decoder.Token(); err != io.EOF { // something follows
		return dst, false
	}
	out, ok := appendJSON(dst, parsed, 0)
	if !ok || colons(out[len(dst):]) != colons(text) { // one for each name
		return dst, false
	}
	return append(out, 0x1f), true
}

// colons counts the colons of a JSON text outside of its strings.
func colons(text []byte) (n int) {
	if bytes.IndexByte(text, ':') < 0 {
		return 0
	}
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inString = !inString
		case c == '\\':
			i++
		case c == ':' && !inString:
			n++
		}
	}
	return n
}

// deepestJSON is how deep a document may be nested.
const deepestJSON = 1000

func appendJSON(dst []byte, v any, depth int) (_ []byte, ok bool) {
	if depth > deepestJSON {
		return dst, false
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), true
	case bool:
		return strconv.AppendBool(dst, v), true
	case string:
		return appendJSONText(dst, v)
	case json.Number:
		plain, ok := plainDecimal(v.String())
		whole, fraction, _ := strings.Cut(plain, ".")
		return append(dst, plain...), ok && len(whole) <= 131072 && len(fraction) <= 16383
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if dst, ok = appendJSON(dst, item, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, ']'), true
	case map[string]any:
		return appendJSONObject(dst, v, depth)
	}
	return dst, false
}

func appendJSONObject(dst []byte, object map[string]any, depth int) (_ []byte, ok bool) {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, ok = appendJSONText(dst, name); !ok {
			return dst, false
		}
		dst = append(dst, ": "...)
		if dst, ok = appendJSON(dst, object[name], depth+1); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// appendJSONText escapes what PostgreSQL escapes, and nothing else.
func appendJSONText(dst []byte, text string) ([]byte, bool) {
	const special, letter = "\b\f\n\r\t\"\\", `bfnrt"\`
	dst = append(dst, '"')
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
	return append(dst, '"'), true
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
