package migrate

import "unicode/utf8"

const (
	mostJSONDepth = 1000      // well within PostgreSQL's stack
	mostJSONBytes = 1<<28 - 1 // of a string, and of an array or object as a whole, in jsonb
)

// jsonProblem returns why PostgreSQL cannot hold b as jsonb, or "". It is stricter than JSON where jsonb is: no \u0000,
// no lone surrogates, numbers within the range of numeric.
func jsonProblem(b []byte) string {
	if len(b) > mostJSONBytes {
		return "too large for jsonb"
	}
	if !utf8.Valid(b) {
		return "not valid UTF-8"
	}
	s := jsonScanner{b: b}
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
}

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
	for s.problem == "" {
		if named {
			s.skipSpace()
			s.text()
			s.skipSpace()
			s.expect(':')
		}
		s.value(depth + 1)
		s.skipSpace()
		if s.peek() == end {
			s.at++
			return
		}
		s.expect(',')
	}
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
		s.expect('\\')
		if low := s.hex4(); s.problem == "" && (low < 0xdc00 || low >= 0xe000) {
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
	_, ok := scanDecimal(nil, b)
	return ok
}
