package dialect

import "strings"

// maxDepth bounds the depth of what is parsed, as SQLite bounds an expression's.
const maxDepth = 1000

// parser reads tokens from left to right. The first error is kept and moves the parser to the end, so that the methods
// need not pass errors on: they return what they have, and the caller of the outermost one looks at err.
type parser struct {
	sql    string
	tokens []token
	at     int
	depth  int
	err    error
}

// parse reads one statement with fn, and an optional semicolon after it.
func parse[T any](sql string, fn func(*parser) T) (T, error) {
	var zero T
	tokens, err := lex(sql)
	if err != nil {
		return zero, err
	}
	p := &parser{sql: sql, tokens: tokens}
	node := fn(p)
	for p.accept(";") {
	}
	if p.tok().kind != kindEOF {
		p.unexpected()
	}
	if p.err != nil {
		return zero, p.err
	}
	return node, nil
}

// tok returns the current token.
func (p *parser) tok() token { return p.tokens[p.at] }

// ahead returns the token n places ahead.
func (p *parser) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

// take returns the current token and moves on.
func (p *parser) take() token {
	t := p.tokens[p.at]
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

// fail keeps the first error and moves to the end.
func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = syntaxError(p.sql, at, format, args...)
	}
	p.at = len(p.tokens) - 1
}

// unexpected fails at the current token.
func (p *parser) unexpected() {
	t := p.tok()
	if t.kind == kindEOF {
		p.fail(t.start, "the statement ends too early")
		return
	}
	p.fail(t.start, "syntax error near %q", p.sql[t.start:t.end])
}

// accept takes the current tokens if they are these keywords or operators, and says whether they were.
func (p *parser) accept(words ...string) bool {
	if !p.see(words...) {
		return false
	}
	p.at += len(words)
	return true
}

// see says whether the current tokens are these keywords or operators.
func (p *parser) see(words ...string) bool {
	for i, w := range words {
		if !p.ahead(i).is(w) {
			return false
		}
	}
	return true
}

// expect takes these keywords or operators or fails.
func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.unexpected()
			return
		}
	}
}

// oneOf takes one of these keywords and returns it, or fails.
func (p *parser) oneOf(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	p.unexpected()
	return ""
}

// ifNotExists takes IF NOT EXISTS and says whether it was there.
func (p *parser) ifNotExists() bool {
	if !p.accept("IF") {
		return false
	}
	p.expect("NOT", "EXISTS")
	return true
}

// name takes a name or fails.
func (p *parser) name() string {
	if !p.tok().isName() {
		p.unexpected()
		return ""
	}
	return p.take().text
}

// qualified takes name or schema.name.
func (p *parser) qualified() (schema, name string) {
	name = p.name()
	if p.accept(".") {
		return name, p.name()
	}
	return "", name
}

// names takes a parenthesised list of names. SQLite accepts a collation and an order after each, and ignores them.
func (p *parser) names() []string {
	var names []string
	p.expect("(")
	for {
		names = append(names, p.name())
		if p.accept("COLLATE") {
			p.name()
		}
		_ = p.accept("ASC") || p.accept("DESC")
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return names
}

// parenthesised takes an expression in parentheses and its text.
func (p *parser) parenthesised() (Expr, string) {
	p.expect("(")
	start := p.tok().start
	e := p.expr()
	text := p.since(start)
	p.expect(")")
	return e, text
}

// since returns the text from start to the end of the last token taken.
func (p *parser) since(start int) string { return p.span(start).Of(p.sql) }

// span returns the span from start to the end of the last token taken.
func (p *parser) span(start int) Span {
	end := start
	if p.at > 0 {
		end = max(start, p.tokens[p.at-1].end)
	}
	return Span{Start: start, End: end}
}

// enter counts one level of nesting and says whether there may be one more; leave must follow.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail(p.tok().start, "the statement is nested too deeply")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// isWord says whether a token is this bare word, which need not be a keyword.
func isWord(t token, word string) bool {
	return t.kind == kindWord && strings.EqualFold(t.text, word)
}
