package migrate

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const (
	mostJSONDepth = 1000      // well within PostgreSQL's stack
	mostJSONBytes = 1<<28 - 1 // of a string, and of an array or object as a whole, in jsonb
)

// jsonProblem returns why PostgreSQL cannot hold b as jsonb, or "". It is stricter than JSON where jsonb is: no \u0000,
// no lone surrogates, numbers within the range of numeric, and no name twice in an object, of which jsonb keeps the last.
func jsonProblem(b []byte) string { return new(jsonScanner).problemOf(b) }

// problemOf is jsonProblem with a scanner whose memory is used again.
func (s *jsonScanner) problemOf(b []byte) string {
	if len(b) > mostJSONBytes {
		return "too large for jsonb"
	}
	if !utf8.Valid(b) {
		return "not valid UTF-8"
	}
	s.b, s.at, s.problem, s.names = b, 0, "", s.names[:0]
	if s.value(0); s.problem == "" {
		if s.skipSpace(); s.at < len(b) {
			s.fail()
		}
	}
	return s.problem
}

// jsonScanner reads one JSON text. After a problem it goes no further.
type jsonScanner struct {
	b       []byte
	at      int
	problem string
	names   []jsonName // of the objects around at, from the outermost on
}

// jsonName is where a name stands, with its quotes.
type jsonName struct{ start, end int }

func (s *jsonScanner) fail() {
	if s.problem == "" {
		s.problem = "not JSON"
	}
	s.at = len(s.b)
}

func (s *jsonScanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

func (s *jsonScanner) skipSpace() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *jsonScanner) value(depth int) {
	if depth > mostJSONDepth {
		s.problem = "nested too deep"
		return
	}
	s.skipSpace()
	switch c := s.peek(); {
	case c == '{':
		s.list(depth, '}', true)
	case c == '[':
		s.list(depth, ']', false)
	case c == '"':
		s.text()
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
}

// list reads an array or object, whose members have names.
func (s *jsonScanner) list(depth int, end byte, named bool) {
	s.at++
	if s.skipSpace(); s.peek() == end {
		s.at++
		return
	}
	outer := len(s.names)
	for s.problem == "" {
		if named {
			s.name()
		}
		s.value(depth + 1)
		s.skipSpace()
		if s.peek() == end {
			s.at++
			break
		}
		s.expect(',')
	}
	if s.problem == "" && len(s.names)-outer > 1 && s.repeats(s.names[outer:]) {
		s.problem = "a name twice in one object of it"
	}
	s.names = s.names[:outer]
}

// name reads the name of a member, and the colon behind it.
func (s *jsonScanner) name() {
	s.skipSpace()
	start := s.at
	s.text()
	s.names = append(s.names, jsonName{start, s.at})
	s.skipSpace()
	s.expect(':')
}

// repeats reports whether two names are the same, which those written with escapes may be without looking so.
func (s *jsonScanner) repeats(names []jsonName) bool {
	const few = 16
	for i, n := range names {
		if len(names) > few || bytes.IndexByte(s.b[n.start:n.end], '\\') >= 0 {
			return s.repeatsDecoded(names)
		}
		for _, other := range names[:i] {
			if n.end-n.start == other.end-other.start && bytes.Equal(s.b[n.start:n.end], s.b[other.start:other.end]) {
				return true
			}
		}
	}
	return false
}

func (s *jsonScanner) repeatsDecoded(names []jsonName) bool {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		var name string
		if err := json.Unmarshal(s.b[n.start:n.end], &name); err != nil || seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

func (s *jsonScanner) expect(c byte) {
	if s.peek() != c {
		s.fail()
		return
	}
	s.at++
}

func (s *jsonScanner) word(w string) {
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		s.fail()
		return
	}
	s.at += len(w)
}

func (s *jsonScanner) text() {
	s.expect('"')
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return
		case c == '\\':
			s.escape()
		case c < ' ':
			s.fail()
		default:
			s.at++
		}
	}
	s.fail()
}

func (s *jsonScanner) escape() {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
	case 'u':
		s.codePoint()
	default:
		s.fail()
	}
}

// codePoint reads uXXXX, or the two of a surrogate pair.
func (s *jsonScanner) codePoint() {
	r := s.hex4()
	switch {
	case s.problem != "":
	case r == 0:
		s.problem = `\u0000 in it`
	case r >= 0xdc00 && r < 0xe000:
		s.problem = "a lone surrogate in it"
	case r >= 0xd800 && r < 0xdc00:
		low := 0
		if bytes.HasPrefix(s.b[s.at:], []byte(`\u`)) {
			s.at++
			low = s.hex4()
		}
		if s.problem == "" && (low < 0xdc00 || low >= 0xe000) {
			s.problem = "a lone surrogate in it"
		}
	}
}

func (s *jsonScanner) hex4() (r int) {
	s.expect('u')
	for range 4 {
		c := s.peek()
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | int(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | int(c-'A'+10)
		default:
			s.fail()
			return 0
		}
		s.at++
	}
	return r
}

func (s *jsonScanner) number() {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	first := s.peek()
	if whole := s.digits(); whole == 0 || whole > 1 && first == '0' {
		s.fail()
		return
	}
	if s.peek() == '.' {
		if s.at++; s.digits() == 0 {
			s.fail()
		}
	}
	exponent := 0 // its digits
	if s.peek() == 'e' || s.peek() == 'E' {
		if s.at++; s.peek() == '+' || s.peek() == '-' {
			s.at++
		}
		if exponent = s.digits(); exponent == 0 {
			s.fail()
		}
	}
	if s.problem == "" && (exponent > 3 || s.at-start > 1000) && !numericHolds(s.b[start:s.at]) {
		s.problem = "a number beyond the range of numeric in it"
	}
}

func (s *jsonScanner) digits() (n int) {
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
		n++
	}
	return n
}

func numericHolds(b []byte) bool {
	d, ok := scanDecimal(nil, b)
	return ok && !d.cut
}
