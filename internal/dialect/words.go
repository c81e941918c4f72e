package dialect

import "strings"

// Collations returns the names that follow COLLATE in a statement, whatever the statement is.
func Collations(sql string) []string {
	tokens, err := lex(sql)
	if err != nil {
		return nil
	}
	var names []string
	for i, t := range tokens {
		if t.is("COLLATE") && tokens[i+1].isName() {
			names = append(names, tokens[i+1].text)
		}
	}
	return names
}

// FirstName returns the name that a text such as `title UNINDEXED` begins with, or "" where it is an option such as
// `tokenize = porter`.
func FirstName(sql string) string {
	tokens, err := lex(sql)
	if err != nil || !tokens[0].isName() && tokens[0].kind != kindWord || tokens[1].is("=") {
		return ""
	}
	return tokens[0].text
}

// Mentions reports whether a statement has one of the names as a word or in quotes, whatever the statement is. Names are
// compared without regard to case.
func Mentions(sql string, names ...string) bool {
	tokens, err := lex(sql)
	if err != nil {
		return false
	}
	for _, t := range tokens {
		if t.kind != kindWord && t.kind != kindQuoted {
			continue
		}
		for _, name := range names {
			if strings.EqualFold(t.text, name) {
				return true
			}
		}
	}
	return false
}
