package migrate

import "strings"

// pgStatement is one statement of a script that pg_dump wrote.
type pgStatement struct {
	text   string
	tokens []pgToken
}

// pgToken is a word, a quoted name, a constant or a single other character of PostgreSQL's SQL.
type pgToken struct {
	kind pgTokenKind
	text string // of a word in upper case, of a quoted name without its quotes
}

type pgTokenKind uint8

const (
	pgWord pgTokenKind = iota
	pgQuoted
	pgConstant
	pgOther
)

// name returns the token as a name: as it folds when it is not quoted.
func (t pgToken) name() string {
	if t.kind == pgWord {
		return strings.ToLower(t.text)
	}
	return t.text
}

// is reports whether the token is that word or character.
func (t pgToken) is(text string) bool {
	return t.text == text && (t.kind == pgWord || t.kind == pgOther)
}

// starts reports whether the statement begins with these words.
func (s pgStatement) starts(words ...string) bool {
	if len(s.tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if !s.tokens[i].is(w) {
			return false
		}
	}
	return true
}

// find returns the position of the first of these words outside of parentheses, or -1.
func (s pgStatement) find(words ...string) int {
	depth := 0
	for i, t := range s.tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth > 0:
		default:
			for _, w := range words {
				if t.is(w) {
					return i
				}
			}
		}
	}
	return -1
}

// nameAt reads a name with its schema, if it has one, that begins at token i. It returns the position after it.
func (s pgStatement) nameAt(i int) (schema, name string, next int) {
	if i >= len(s.tokens) {
		return "", "", i
	}
	name = s.tokens[i].name()
	if i+2 < len(s.tokens) && s.tokens[i+1].is(".") {
		return name, s.tokens[i+2].name(), i + 3
	}
	return "", name, i + 1
}

// pgSplit takes a script apart into statements. It knows strings, quoted names, dollar quotes, comments and the bodies
// of functions in the standard's form; lines for psql alone are left out.
func pgSplit(script string) []pgStatement {
	var (
		all   []pgStatement
		l     = pgLexer{in: script}
		s     pgStatement
		start = -1
		depth = 0 // of BEGIN ATOMIC … END and CASE … END within it
	)
	end := func() {
		if start >= 0 {
			s.text = strings.TrimSpace(strings.TrimSuffix(script[start:l.pos], ";"))
			all = append(all, s)
		}
		s, start, depth = pgStatement{}, -1, 0
	}
	for {
		if start < 0 && l.skipMeta() {
			continue
		}
		at, t, ok := l.next()
		if !ok {
			end()
			return all
		}
		if start < 0 {
			if t.is(";") {
				continue
			}
			start = at
		}
		if t.is(";") && depth == 0 {
			end()
			continue
		}
		switch n := len(s.tokens); {
		case t.is("ATOMIC") && n > 0 && s.tokens[n-1].is("BEGIN"), t.is("CASE") && depth > 0:
			depth++
		case t.is("END") && depth > 0:
			depth--
		}
		s.tokens = append(s.tokens, t)
	}
}

// pgLexer reads tokens.
type pgLexer struct {
	in  string
	pos int
}

// skipMeta skips a command of psql between statements; it reports whether there was one.
func (l *pgLexer) skipMeta() bool {
	l.skipBlank()
	rest := l.in[l.pos:]
	if !strings.HasPrefix(rest, `\`) {
		return false
	}
	_, after, _ := strings.Cut(rest, "\n")
	l.pos = len(l.in) - len(after)
	return true
}

// next returns the next token and where it starts.
func (l *pgLexer) next() (at int, t pgToken, ok bool) {
	l.skipBlank()
	if l.pos >= len(l.in) {
		return l.pos, t, false
	}
	at = l.pos
	switch c := l.in[l.pos]; {
	case c == '\'':
		l.quoted('\'', false)
		return at, pgToken{pgConstant, l.in[at:l.pos]}, true
	case c == '"':
		l.quoted('"', false)
		return at, pgToken{pgQuoted, unquoteName(l.in[at:l.pos])}, true
	case c == '$' && l.dollarQuoted():
		return at, pgToken{pgConstant, l.in[at:l.pos]}, true
	case wordStart(c):
		return at, l.word(), true
	case c >= '0' && c <= '9':
		for l.pos < len(l.in) && (wordPart(l.in[l.pos]) || l.in[l.pos] == '.') {
			l.pos++
		}
		return at, pgToken{pgConstant, l.in[at:l.pos]}, true
	}
	l.pos++
	return at, pgToken{pgOther, l.in[at:l.pos]}, true
}

// word reads a word, and a constant such as E'…' that begins like one.
func (l *pgLexer) word() pgToken {
	at := l.pos
	for l.pos < len(l.in) && wordPart(l.in[l.pos]) {
		l.pos++
	}
	w := strings.ToUpper(l.in[at:l.pos])
	if l.pos < len(l.in) && l.in[l.pos] == '\'' && (w == "E" || w == "B" || w == "X" || w == "N") {
		l.quoted('\'', w == "E")
		return pgToken{pgConstant, l.in[at:l.pos]}
	}
	return pgToken{pgWord, w}
}

// quoted reads to the closing quote.
func (l *pgLexer) quoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.in); l.pos++ {
		switch c := l.in[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.pos+1 < len(l.in) && l.in[l.pos+1] == quote:
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = min(l.pos, len(l.in))
}

// dollarQuoted reads a constant in dollar quotes, if there is one here.
func (l *pgLexer) dollarQuoted() bool {
	end := l.pos + 1
	for end < len(l.in) && wordPart(l.in[end]) && l.in[end] != '$' {
		end++
	}
	if end >= len(l.in) || l.in[end] != '$' || (end > l.pos+1 && !wordStart(l.in[l.pos+1])) {
		return false
	}
	tag := l.in[l.pos : end+1]
	body := strings.Index(l.in[end+1:], tag)
	if body < 0 {
		l.pos = len(l.in)
		return true
	}
	l.pos = end + 1 + body + len(tag)
	return true
}

// skipBlank skips white space and comments, which may be nested.
func (l *pgLexer) skipBlank() {
	for l.pos < len(l.in) {
		rest := l.in[l.pos:]
		switch {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			l.pos++
		case strings.HasPrefix(rest, "--"):
			line, _, _ := strings.Cut(rest, "\n")
			l.pos += len(line)
		case strings.HasPrefix(rest, "/*"):
			l.skipComment()
		default:
			return
		}
	}
}

func (l *pgLexer) skipComment() {
	depth := 0
	for l.pos < len(l.in) {
		switch rest := l.in[l.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
}

// wordStart reports whether a word can begin with c. Every byte of a character beyond ASCII is a letter to PostgreSQL.
func wordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func wordPart(c byte) bool { return wordStart(c) || c >= '0' && c <= '9' || c == '$' }

// unquoteName takes the double quotes off a name.
func unquoteName(s string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`), `""`, `"`)
}
