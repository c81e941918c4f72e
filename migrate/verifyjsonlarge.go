package migrate

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// jsonPieceBytes is how much of a canonical form is written at a time. Objects whose text is shorter are put in order in
// memory.
const jsonPieceBytes = 64 << 10

// largeJSON is the canonical form of a large JSON text, see canonJSON. It is never there as a whole: each time that it is
// read, the text is read, and its form written in pieces.
type largeJSON struct {
	text   largeValue
	buffer *[]byte // for the text; its memory is used again
	length int64
}

// newLargeJSON returns the canonical form of a value, and false when it has none.
func newLargeJSON(v value, buffer *[]byte) (_ *largeJSON, ok bool, err error) {
	if v.class != sqlite.TypeText || v.large.size() > mostJSONBytes {
		return nil, false, nil
	}
	l := &largeJSON{text: v.large, buffer: buffer}
	ok, err = l.write(func(piece []byte) error {
		l.length += int64(len(piece))
		return nil
	})
	return l, ok, err
}

func (l *largeJSON) size() int64 { return l.length }

func (l *largeJSON) pieces(fn func(piece []byte) error) error {
	_, err := l.write(fn)
	return err
}

// write hands the form to fn, and reports whether the text has one.
func (l *largeJSON) write(fn func(piece []byte) error) (ok bool, err error) {
	text := slices.Grow((*l.buffer)[:0], int(l.text.size()))
	err = l.text.pieces(func(piece []byte) error {
		text = append(text, piece...)
		return nil
	})
	*l.buffer = text
	if err != nil || !fitsJSON(text) {
		return false, err
	}
	w := jsonWriter{text: text, flush: fn}
	w.findLarge()
	out, ok := w.value(make([]byte, 0, 2*jsonPieceBytes), 0)
	if w.err == nil && ok {
		w.err = fn(out)
	}
	return ok, w.err
}

// passOn hands over what has been written, when it is enough and none of it has to be put in order.
func (w *jsonWriter) passOn(dst []byte) []byte {
	if w.flush == nil || w.held > 0 || len(dst) < jsonPieceBytes {
		return dst
	}
	if w.err == nil {
		w.err = w.flush(dst)
	}
	return dst[:0]
}

// findLarge finds the objects that are too large to be put in order once they are written, and the order of their
// members.
func (w *jsonWriter) findLarge() {
	type list struct{ start, members int }
	var open []list     // the arrays and objects around the place; an array has -1 members
	var members []int32 // of all open objects, where their names begin
	w.large = map[int][]int32{}
	named := false // a name comes next
	for at := 0; at < len(w.text); at++ {
		switch w.text[at] {
		case '{':
			open = append(open, list{at, len(members)})
			named = true
		case '[':
			open = append(open, list{at, -1})
			named = false
		case ',':
			named = open[len(open)-1].members >= 0
		case '"':
			if named {
				members = append(members, int32(at)) // a text has at most mostJSONBytes
				named = false
			}
			at = w.closing(at)
		case '}', ']':
			l := open[len(open)-1]
			open = open[:len(open)-1]
			if l.members < 0 {
				break
			}
			if at-l.start >= jsonPieceBytes {
				w.large[l.start] = w.inOrder(slices.Clone(members[l.members:]))
			}
			members = members[:l.members]
			named = false
		}
	}
}

// closing returns where the string that begins at a place ends.
func (w *jsonWriter) closing(at int) int {
	for at++; w.text[at] != '"'; at++ {
		if w.text[at] == '\\' {
			at++
		}
	}
	return at
}

// nameAt returns the name that begins at a place.
func (w *jsonWriter) nameAt(at int32) []byte {
	reader := jsonWriter{text: w.text, at: int(at)}
	return reader.string()
}

// inOrder orders members as jsonb does.
func (w *jsonWriter) inOrder(members []int32) []int32 {
	slices.SortFunc(members, func(a, b int32) int { return compareNames(w.nameAt(a), w.nameAt(b)) })
	return members
}

// largeObject writes the members where they stand, in their order.
func (w *jsonWriter) largeObject(dst []byte, members []int32, depth int) (_ []byte, ok bool) {
	dst = append(dst, '{')
	end := 0
	for i, at := range members {
		if i > 0 {
			if compareNames(w.nameAt(members[i-1]), w.nameAt(at)) == 0 {
				return dst, false
			}
			dst = append(dst, ", "...)
		}
		w.at = int(at)
		if dst, ok = w.textValue(dst); !ok {
			return dst, false
		}
		w.ends(':')
		if dst, ok = w.value(append(dst, ": "...), depth+1); !ok {
			return dst, false
		}
		w.next()
		end = max(end, w.at)
		dst = w.passOn(dst)
	}
	w.at = end + 1
	return append(dst, '}'), true
}

// textValue writes a string. A long one is decoded in parts, none of which cuts a character or an escape.
func (w *jsonWriter) textValue(dst []byte) (_ []byte, ok bool) {
	start := w.at
	w.at = w.closing(start) + 1
	raw := w.text[start+1 : w.at-1]
	dst = append(dst, '"')
	for len(raw) > 0 {
		n := wholeCharacters(raw, jsonPieceBytes)
		if dst, ok = appendEscaped(dst, unescaped(raw[:n])); !ok {
			return dst, false
		}
		raw = raw[n:]
		dst = w.passOn(dst)
	}
	return append(dst, '"'), true
}

// wholeCharacters returns how many bytes of the inside of a string are about so many bytes, or all.
func wholeCharacters(raw []byte, about int) int {
	if len(raw) <= about {
		return len(raw)
	}
	for at := 0; at < len(raw); {
		if at >= about && utf8.RuneStart(raw[at]) {
			return at
		}
		switch {
		case raw[at] != '\\':
			at++
		case surrogate(raw[at:]) == 'h':
			at += 12
		case raw[at+1] == 'u':
			at += 6
		default:
			at += 2
		}
	}
	return len(raw)
}

// compareNames orders names as jsonb does: by length, then by bytes.
func compareNames(a, b []byte) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), bytes.Compare(a, b))
}
