package dialect

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a text stopped being SQLite's SQL.
type SyntaxError struct {
	Line, Column int    // from 1; the column counts characters
	Message      string // what was wrong
}

// Error returns the message with its place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// syntaxError makes the error for a place in sql.
func syntaxError(sql string, at int, format string, args ...any) *SyntaxError {
	before := sql[:min(at, len(sql))]
	line := strings.Count(before, "\n")
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &SyntaxError{Line: line + 1, Column: column + 1, Message: fmt.Sprintf(format, args...)}
}

// lex splits sql into tokens; the last one is always kindEOF.
func lex(sql string) ([]token, error) {
	l := lexer{sql: sql}
	for {
		l.skipSpace()
		start := l.at
		if start == len(sql) || sql[start] == 0 {
			return append(l.tokens, token{kind: kindEOF, start: start, end: start}), nil
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		t.start, t.end = start, l.at
		l.tokens = append(l.tokens, t)
	}
}

type lexer struct {
	sql    string
	at     int
	tokens []token
}

// peek returns the byte n places ahead, 0 past the end.
func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.sql) {
		return l.sql[l.at+n]
	}
	return 0
}

// skipSpace skips white space, comments and a byte order mark.
func (l *lexer) skipSpace() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case isSpace(rest[0]):
			l.at++
		case strings.HasPrefix(rest, "\ufeff"):
			l.at += len("\ufeff")
		case strings.HasPrefix(rest, "--"):
			l.skipPast("\n", 2)
		case strings.HasPrefix(rest, "/*") && len(rest) > 2:
			l.skipPast("*/", 2)
		default:
			return
		}
	}
}

// skipPast moves past the next end, looked for from skip bytes ahead, or to the end of the text.
func (l *lexer) skipPast(end string, skip int) {
	if i := strings.Index(l.sql[l.at+skip:], end); i >= 0 {
		l.at += skip + i + len(end)
		return
	}
	l.at = len(l.sql)
}

func (l *lexer) next() (token, error) {
	switch c := l.peek(0); {
	case (c == 'x' || c == 'X') && l.peek(1) == '\'':
		return l.blob()
	case isNameByte(c) && !isDigit(c) && c != '$':
		return l.word(), nil
	case c == '\'':
		text, err := l.quoted('\'')
		return token{kind: kindString, text: text, quote: '\''}, err
	case c == '"' || c == '`':
		text, err := l.quoted(c)
		return token{kind: kindQuoted, text: text, quote: c}, err
	case c == '[':
		return l.bracketed()
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '?' || c == ':' || c == '@' || c == '$' || c == '#':
		return l.variable()
	}
	return l.operator()
}

func (l *lexer) word() token {
	start := l.at
	for isNameByte(l.peek(0)) {
		l.at++
	}
	text := l.sql[start:l.at]
	return token{kind: kindWord, text: text, keyword: keywordOf(text)}
}

// quoted reads a string or name in which the quote is doubled.
func (l *lexer) quoted(quote byte) (string, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.sql); l.at++ {
		c := l.sql[l.at]
		if c != quote {
			b.WriteByte(c)
			continue
		}
		if l.peek(1) != quote {
			l.at++
			return b.String(), nil
		}
		b.WriteByte(c)
		l.at++
	}
	return "", syntaxError(l.sql, start, "the quote %c is not closed", quote)
}

func (l *lexer) bracketed() (token, error) {
	end := strings.IndexByte(l.sql[l.at:], ']')
	if end < 0 {
		return token{}, syntaxError(l.sql, l.at, "the bracket [ is not closed")
	}
	text := l.sql[l.at+1 : l.at+end]
	l.at += end + 1
	return token{kind: kindQuoted, text: text, quote: '['}, nil
}

func (l *lexer) blob() (token, error) {
	start := l.at
	l.at++
	text, err := l.quoted('\'')
	if err != nil {
		return token{}, err
	}
	if len(text)%2 != 0 || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return token{}, syntaxError(l.sql, start, "a blob needs pairs of hexadecimal digits")
	}
	return token{kind: kindBlob, text: strings.ToUpper(text)}, nil
}

// number reads an integer, decimal or hexadecimal, or a float; underscores may stand between digits.
func (l *lexer) number() (token, error) {
	start := l.at
	t := token{kind: kindInteger}
	if l.peek(0) == '0' && (l.peek(1) == 'x' || l.peek(1) == 'X') && isHex(l.peek(2)) {
		l.at += 2
		l.digits(isHex)
	} else {
		l.digits(isDigit)
		if l.peek(0) == '.' {
			t.kind = kindFloat
			l.at++
			l.digits(isDigit)
		}
		if l.exponent() {
			t.kind = kindFloat
		}
	}
	if isNameByte(l.peek(0)) {
		return token{}, syntaxError(l.sql, start, "unrecognized token %q", l.sql[start:l.at+1])
	}
	t.text = strings.ReplaceAll(l.sql[start:l.at], "_", "")
	return t, nil
}

func (l *lexer) digits(isDigit func(byte) bool) {
	for isDigit(l.peek(0)) || l.peek(0) == '_' && l.at > 0 && isDigit(l.sql[l.at-1]) && isDigit(l.peek(1)) {
		l.at++
	}
}

// exponent skips the exponent of a float and says whether there was one.
func (l *lexer) exponent() bool {
	if c := l.peek(0); c != 'e' && c != 'E' {
		return false
	}
	skip := 1
	if c := l.peek(1); c == '+' || c == '-' {
		skip = 2
	}
	if !isDigit(l.peek(skip)) {
		return false
	}
	l.at += skip
	l.digits(isDigit)
	return true
}

func (l *lexer) variable() (token, error) {
	start := l.at
	numbered := l.peek(0) == '?'
	for l.at++; isNameByte(l.peek(0)) && (!numbered || isDigit(l.peek(0))); {
		l.at++
	}
	if l.at == start+1 && !numbered {
		return token{}, syntaxError(l.sql, start, "unrecognized token %q", l.sql[start:l.at])
	}
	return token{kind: kindVariable, text: l.sql[start:l.at]}, nil
}

// operator reads an operator or a punctuation mark; the longest that fits.
func (l *lexer) operator() (token, error) {
	for _, op := range []string{
		"->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "==",
		"=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "~", "(", ")", ",", ";", ".",
	} {
		if strings.HasPrefix(l.sql[l.at:], op) {
			l.at += len(op)
			return token{kind: kindOperator, text: op}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.sql[l.at:])
	return token{}, syntaxError(l.sql, l.at, "unrecognized token %q", r)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// isNameByte says whether c can stand in a bare name; every byte of a character outside ASCII can.
func isNameByte(c byte) bool {
	return c >= 0x80 || c == '_' || c == '$' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
