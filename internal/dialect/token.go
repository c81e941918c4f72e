package dialect

import "strings"

// kind is the class of a token.
type kind uint8

const (
	kindEOF kind = iota
	kindWord
	kindQuoted // "name", [name] or `name`
	kindString
	kindInteger
	kindFloat
	kindBlob
	kindVariable
	kindOperator
)

// token is one token. text is what it means: a name or string without its quotes, a keyword in upper case where it is
// used as one, the hexadecimal digits of a blob, an operator as written.
type token struct {
	kind       kind
	text       string
	keyword    string // of a word that is a keyword: in upper case
	quote      byte   // of a quoted name or string: its opening quote
	start, end int    // in the source
}

// is says whether the token is this keyword or this operator.
func (t token) is(s string) bool {
	return t.keyword == s && t.keyword != "" || t.kind == kindOperator && t.text == s
}

// isID says whether the token can be a name everywhere: SQLite's ID, to which most keywords fall back.
func (t token) isID() bool {
	return t.kind == kindQuoted || t.kind == kindWord && !reserved(t.keyword) && !joinWord(t.keyword)
}

// isName says whether the token can be the name of a column, table or constraint: SQLite's nm.
func (t token) isName() bool {
	return t.isID() || t.kind == kindString || joinWord(t.keyword)
}

// reserved says whether a keyword never falls back to a name.
func reserved(keyword string) bool {
	switch keyword {
	case "ADD", "ALL", "ALTER", "AND", "AS", "AUTOINCREMENT", "BETWEEN", "CASE", "CHECK", "COLLATE", "COMMIT",
		"CONSTRAINT", "CREATE", "DEFAULT", "DEFERRABLE", "DELETE", "DISTINCT", "DROP", "ELSE", "ESCAPE", "EXCEPT",
		"EXISTS", "FOREIGN", "FROM", "GROUP", "HAVING", "IN", "INDEX", "INSERT", "INTERSECT", "INTO", "IS", "ISNULL",
		"JOIN", "LIMIT", "NOT", "NOTHING", "NOTNULL", "NULL", "ON", "OR", "ORDER", "PRIMARY", "REFERENCES",
		"RETURNING", "SELECT", "SET", "TABLE", "THEN", "TO", "TRANSACTION", "UNION", "UNIQUE", "UPDATE", "USING",
		"VALUES", "WHEN", "WHERE":
		return true
	}
	return false
}

// joinWord says whether a keyword may name a column or a function although it also joins tables.
func joinWord(keyword string) bool {
	switch keyword {
	case "CROSS", "FULL", "INDEXED", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT":
		return true
	}
	return false
}

// contextual says whether a word is a keyword in some places and a name in all others.
func contextual(word string) bool {
	switch word {
	case "ABORT", "ACTION", "AFTER", "ALWAYS", "ASC", "BEFORE", "BEGIN", "BY", "CASCADE", "CAST", "COLUMN", "CONFLICT",
		"CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DEFERRED", "DESC", "EACH", "END", "EXCLUDE",
		"FAIL", "FILTER", "FIRST", "FOLLOWING", "FOR", "GENERATED", "GLOB", "GROUPS", "IF", "IGNORE", "IMMEDIATE",
		"INITIALLY", "INSTEAD", "KEY", "LAST", "LIKE", "MATCH", "MATERIALIZED", "NO", "NULLS", "OF", "OFFSET",
		"OTHERS", "OVER", "PARTITION", "PRECEDING", "RAISE", "RANGE", "RECURSIVE", "REGEXP", "REPLACE", "RESTRICT",
		"ROLLBACK", "ROW", "ROWID", "ROWS", "STRICT", "TEMP", "TEMPORARY", "TIES", "TRIGGER", "UNBOUNDED", "VIEW",
		"VIRTUAL", "WINDOW", "WITH", "WITHOUT":
		return true
	}
	return false
}

// keywordOf returns the keyword that a bare word is, or "".
func keywordOf(word string) string {
	const longest = len("CURRENT_TIMESTAMP")
	if len(word) > longest {
		return ""
	}
	upper := strings.ToUpper(word)
	if reserved(upper) || joinWord(upper) || contextual(upper) {
		return upper
	}
	return ""
}
