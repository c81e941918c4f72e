package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
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
	s.b, s.kept = b, nil
	return s.scan()
}

// largeJSONProblem is jsonProblem of a text that is read in pieces.
func largeJSONProblem(l largeValue) (string, error) {
	if l.size() > mostJSONBytes {
		return "too large for jsonb", nil
	}
	check, err := checkText(l)
	if check.bad || err != nil {
		return "not valid UTF-8", err
	}
	next, stop := iter.Pull(func(yield func([]byte) bool) {
		err = l.pieces(func(piece []byte) error {
			if !yield(piece) {
				return errEnough
			}
			return nil
		})
	})
	s := jsonScanner{kept: []byte{}, more: next}
	problem := s.scan()
	stop()
	if errors.Is(err, errEnough) {
		err = nil
	}
	return problem, err
}

func (s *jsonScanner) scan() string {
	s.at, s.from, s.problem, s.names = 0, -1, "", s.names[:0]
	if s.value(0); s.problem == "" {
		if s.skipSpace(); s.at < len(s.b) {
			s.fail()
		}
	}
	return s.problem
}

// jsonScanner reads one JSON text. After a problem it goes no further.
type jsonScanner struct {
	b       []byte // the text, or what is needed of a large one around at
	at      int
	problem string
	names   []jsonName // of the objects around at, from the outermost on

	more func() (piece []byte, ok bool) // reads on in a large text
	from int                            // where a name or number begins that has to stay, or -1
	kept []byte                         // the names of a large text; nil for one that is held
}

// jsonName is where a name stands, with its quotes.
type jsonName struct{ start, end int }

func (s *jsonScanner) fail() {
	if s.problem == "" {
		s.problem = "not JSON"
	}
	s.at, s.more = len(s.b), nil
}

// has reports whether the text goes on.
func (s *jsonScanner) has() bool { return s.at < len(s.b) || s.more != nil && s.fetch() }

// fetch reads on in a large text and lets go of what is not needed.
func (s *jsonScanner) fetch() bool {
	keep := s.at
	if s.from >= 0 {
		keep, s.from = s.from, 0
	}
	s.b, s.at = append(s.b[:0], s.b[keep:]...), s.at-keep
	for had := len(s.b); len(s.b) == had; {
		piece, ok := s.more()
		if !ok {
			s.more = nil
			return false
		}
		s.b = append(s.b, piece...)
	}
	return true
}

// ahead returns up to so many bytes that come next.
func (s *jsonScanner) ahead(n int) []byte {
	for len(s.b)-s.at < n && s.more != nil {
		s.fetch()
	}
	return s.b[s.at:min(s.at+n, len(s.b))]
}

func (s *jsonScanner) peek() byte {
	if s.has() {
		return s.b[s.at]
	}
	return 0
}

func (s *jsonScanner) skipSpace() {
	for s.has() {
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
	if s.kept != nil && len(s.names) > outer {
		s.kept = s.kept[:s.names[outer].start]
	}
	s.names = s.names[:outer]
}

// name reads the name of a member, and the colon behind it.
func (s *jsonScanner) name() {
	s.skipSpace()
	s.from = s.at
	s.text()
	name := jsonName{s.from, s.at}
	if s.kept != nil {
		at := len(s.kept)
		s.kept = append(s.kept, s.b[name.start:name.end]...)
		name = jsonName{at, len(s.kept)}
	}
	s.names, s.from = append(s.names, name), -1
	s.skipSpace()
	s.expect(':')
}

// repeats reports whether two names are the same, which those written with escapes may be without looking so.
func (s *jsonScanner) repeats(names []jsonName) bool {
	const few = 16
	text := s.b
	if s.kept != nil {
		text = s.kept
	}
	for i, n := range names {
		if len(names) > few || bytes.IndexByte(text[n.start:n.end], '\\') >= 0 {
			return repeatsDecoded(text, names)
		}
		for _, other := range names[:i] {
			if n.end-n.start == other.end-other.start && bytes.Equal(text[n.start:n.end], text[other.start:other.end]) {
				return true
			}
		}
	}
	return false
}

func repeatsDecoded(text []byte, names []jsonName) bool {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		var name string
		if err := json.Unmarshal(text[n.start:n.end], &name); err != nil || seen[name] {
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
	if string(s.ahead(len(w))) != w {
		s.fail()
		return
	}
	s.at += len(w)
}

func (s *jsonScanner) text() {
	s.expect('"')
	for s.has() {
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
		if string(s.ahead(2)) == `\u` {
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
	s.from = s.at
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
	if s.problem == "" && (exponent > 3 || s.at-s.from > 1000) && !numericHolds(s.b[s.from:s.at]) {
		s.problem = "a number beyond the range of numeric in it"
	}
	s.from = -1
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
