package migrate

import (
	"strings"
)

// pgCanon says how the canonical text of a type's values is made. Zero is the way of every type that is not named in
// pgCanonOf: by its output function. Casts to text may lose something, as the one from char(n) loses spaces, and may be
// anybody's.
type pgCanon struct {
	form pgForm
	send string // of formSend: the function
}

// pgForm is a way to make a canonical text.
type pgForm int

const (
	formOutput pgForm = iota
	formPlain         // the cast to text is exact, and plain ASCII
	formText          // the value is text
	formSend          // the digits of its binary form: exact, and the same whatever the settings
	formBytes         // length and digest
	formName          // names an object, whose schema may be another one on the target
)

// pgCanonOf returns the way of a type of pg_catalog; "" is any other type.
func pgCanonOf(builtin string) pgCanon {
	switch builtin {
	case "int2", "int4", "int8", "oid", "bool", "uuid", "numeric":
		return pgCanon{form: formPlain}
	case "text", "varchar", "name", "json", "jsonb":
		return pgCanon{form: formText}
	case "float4", "float8":
		return pgCanon{formSend, builtin + "send"}
	case "date", "time", "timetz", "timestamp", "timestamptz", "interval":
		return pgCanon{formSend, builtin + "_send"}
	case "money":
		return pgCanon{formSend, "cash_send"}
	case "char":
		return pgCanon{formSend, "charsend"}
	case "bytea":
		return pgCanon{form: formBytes}
	case "regclass", "regtype", "regproc", "regprocedure", "regoper", "regoperator", "regconfig", "regdictionary":
		return pgCanon{form: formName}
	}
	return pgCanon{}
}

// canon returns the SQL expression of the canonical text of a column of one side, NULL for NULL.
func (c *pgComparer) canon(side int, column string, how pgCanon) string {
	name := quoteName(column)
	switch how.form {
	case formPlain:
		return name + "::text"
	case formText:
		return c.text(side, name+"::text")
	case formSend:
		return how.send + "(" + name + ")::text"
	case formBytes:
		return "octet_length(" + name + ")||':'||encode(sha256(" + name + "), 'hex')"
	case formName:
		return c.text(side, c.sourceSchemas(side, output(name)))
	}
	return c.text(side, output(name))
}

// output returns the SQL expression of what a type's output function makes of a value. A row of NULLs is no NULL.
func output(name string) string {
	return "CASE WHEN " + name + " IS DISTINCT FROM NULL THEN concat(" + name + ") END"
}

// text returns the SQL expression of a text in an encoding that both sides have. A server that does not know the
// encoding of its texts has bytes.
func (c *pgComparer) text(side int, expr string) string {
	if c.encoding[onSource] == c.encoding[onTarget] {
		return expr
	}
	return "encode(convert_to(" + expr + ", " + literal(c.common(side)) + "), 'hex')"
}

// common is the encoding in which the texts of a side are compared where the two sides have different ones.
func (c *pgComparer) common(side int) string {
	if c.encoding[side] == sqlASCII {
		return sqlASCII
	}
	return "UTF8"
}

// sqlASCII is the encoding of a database that takes any bytes for text.
const sqlASCII = "SQL_ASCII"

// sourceSchemas replaces the schemas of the target in the name of an object by those of the source.
func (c *pgComparer) sourceSchemas(side int, expr string) string {
	done := map[string]bool{}
	for _, t := range c.Tables {
		if side == onTarget && t.SourceSchema != t.TargetSchema && !done[t.TargetSchema] {
			done[t.TargetSchema] = true
			expr = "replace(" + expr + ", quote_ident(" + literal(t.TargetSchema) + ")||'.', quote_ident(" +
				literal(t.SourceSchema) + ")||'.')"
		}
	}
	return expr
}

// display returns the SQL expression of a column as a person reads it, cut off where it gets long.
func (c *pgComparer) display(side int, column string, how pgCanon) string {
	expr := output(quoteName(column))
	if how.form == formBytes {
		expr = output("substr(" + quoteName(column) + ", 1, 40)")
	}
	expr = "left(" + expr + ", 80)"
	if c.encoding[side] == sqlASCII {
		expr = "encode(convert_to(" + expr + ", " + literal(sqlASCII) + "), 'escape')"
	}
	return "coalesce(" + expr + ", 'NULL')"
}

// chainMost is how many hashes stand inside each other: the depth of an expression is limited.
const chainMost = 100

// chain returns the SQL expression of the hash of some canonical texts: each is hashed with the hash of those before it
// as the seed, so that no long text has to be put together.
func (c *pgComparer) chain(seed string, exprs ...string) string {
	var links []string
	hash := seed
	for i, expr := range exprs {
		if i > 0 && i%chainMost == 0 {
			links, hash = append(links, hash), seed
		}
		hash = `hashtextextended(coalesce(` + expr + `, ` + c.null + `) COLLATE "C", ` + hash + `)`
	}
	if links == nil {
		return hash
	}
	links = append(links, hash)
	return `hashtextextended(concat_ws(' ', ` + strings.Join(links, ", ") + `) COLLATE "C", ` + seed + `)`
}

// pgQueries are the parts of the queries over one side of a table.
type pgQueries struct {
	from    string
	key     string // hash of the key; empty for a table without one, whose rows are their own keys
	row     string // hash of the row
	digests []string
	shown   []string
}

// queries makes the parts.
func (c *pgComparer) queries(from string, exprs, shown []string, key []int) pgQueries {
	q := pgQueries{from: "ONLY " + from, row: c.chain("0", exprs...), shown: shown}
	keys := make([]string, len(key))
	for i, at := range key {
		keys[i] = exprs[at]
	}
	if len(key) > 0 {
		q.key = c.chain("1", keys...)
	}
	for _, expr := range exprs {
		q.digests = append(q.digests, c.chain("0", expr)+"::text")
	}
	return q
}

// over returns the queries over the rows that a condition leaves.
func (q pgQueries) over(where string) sideSQL {
	// OFFSET keeps PostgreSQL from computing the hash of a row without a key twice.
	rows, key, row := "(SELECT "+q.row+" AS row FROM "+q.from+where+" OFFSET 0) AS r", "row", "row"
	if q.key != "" {
		rows, key, row = q.from+where, q.key, q.row
	}
	bucket := "(" + key + " & 4095)::int"
	detailKey := q.key
	if detailKey == "" {
		detailKey = q.row
	}
	fields := append(append([]string{detailKey}, q.digests...), q.shown...)
	return sideSQL{
		tally:  "SELECT " + bucket + ", count(*), sum(" + row + ") FROM " + rows + " GROUP BY 1",
		hashes: "SELECT " + key + ", " + row + " FROM " + rows + " WHERE " + bucket + " = ANY($1)",
		details: "SELECT " + strings.Join(fields, ", ") + " FROM " + q.from +
			" WHERE " + detailKey + " = ANY($1)",
		columns: len(q.digests),
	}
}
