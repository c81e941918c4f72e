package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// arrow translates x -> path, which yields JSON, and x ->> path, which yields a value of SQL.
func (t *translator) arrow(in *scope, b *Binary) value {
	document := t.document(t.expr(in, b.L), b)
	path := t.expr(in, b.R)
	if path.constant == nil {
		refuse(b, "a JSON path that is not a constant")
	}
	steps := []string{path.constant.Text}
	if path.class == classText && strings.HasPrefix(path.constant.Text, "$") {
		steps = jsonPath(path.constant.Text, b)
	}
	sql := fmt.Sprintf("(%s #> %s)", document, quoteLiteral(textArray(steps)))
	if b.Op == "->" {
		return value{sql: sql, class: classJSON}
	}
	return value{sql: sql, class: classExtracted}
}

// document returns a value as jsonb.
func (t *translator) document(v value, near Expr) string {
	switch v.class {
	case classJSON:
		return v.sql
	case classText:
		return v.sql + "::jsonb"
	}
	refuse(near, "a %s used as JSON", v.class.pgType())
	return ""
}

// jsonPath returns the steps of a path such as $.a[0]."b c"[#-1].
func jsonPath(path string, near Expr) []string {
	var steps []string
	for rest := path[1:]; rest != ""; {
		var step string
		var ok bool
		switch rest[0] {
		case '.':
			step, rest, ok = jsonLabel(rest[1:])
		case '[':
			step, rest, ok = strings.Cut(rest[1:], "]")
			step = strings.TrimPrefix(step, "#")
			_, err := strconv.Atoi(step)
			ok = ok && err == nil
		}
		if !ok {
			refuse(near, "the JSON path %s", path)
		}
		steps = append(steps, step)
	}
	return steps
}

func jsonLabel(s string) (label, rest string, ok bool) {
	if quoted, found := strings.CutPrefix(s, `"`); found {
		return strings.Cut(quoted, `"`)
	}
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], end > 0
}

// textArray returns the literal of an array of texts.
func textArray(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// nullIfJSONNull returns an extracted value as SQLite sees it: JSON's null is NULL.
func nullIfJSONNull(sql string) string { return "nullif(" + sql + ", 'null'::jsonb)" }

// extractedText returns an extracted value as text; true and false are 1 and 0 in SQLite.
func extractedText(v value) string {
	return fmt.Sprintf("CASE jsonb_typeof(%s) WHEN 'boolean' THEN %s::boolean::integer::text ELSE %s #>> '{}' END",
		v.sql, v.sql, v.sql)
}

func extractedNumber(v value) value {
	asText := value{sql: "(" + v.sql + " #>> '{}')", class: classText}
	return value{class: classNumeric, sql: fmt.Sprintf("CASE jsonb_typeof(%s) WHEN 'number' THEN %s::numeric"+
		" WHEN 'boolean' THEN %s::boolean::integer WHEN 'string' THEN %s"+
		" WHEN 'object' THEN 0 WHEN 'array' THEN 0 END", v.sql, asText.sql, v.sql, leadingNumber(asText).sql)}
}

// compareExtracted compares what JSON has at a path, whose type shows only at run time, with a constant or a column.
func (t *translator) compareExtracted(op string, l, r value) value {
	if l.class != classExtracted {
		return t.compareExtracted(mirrored(op), r, l)
	}
	switch {
	case r.class == classText && r.affinity == "TEXT":
		return boolean("(%s %s %s)", collated(extractedText(l), r.collate, op), op, collated(r.sql, r.collate, "="))
	case r.constant != nil && (op == "=" || op == "<>"):
		return extractedEquals(op, l, r)
	case r.constant != nil && r.class.number():
		return boolean("(CASE jsonb_typeof(%s) WHEN 'number' THEN (%s #>> '{}')::numeric %s %s"+
			" WHEN 'boolean' THEN %s::boolean::integer %s %s WHEN 'null' THEN NULL WHEN 'string' THEN %s END)",
			l.sql, l.sql, op, r.constant.Text, l.sql, op, r.constant.Text,
			strings.ToUpper(strconv.FormatBool(strings.HasPrefix(op, ">"))))
	}
	refuse(nil, "a value from JSON compared with a %s", r.class.pgType())
	return value{}
}

func extractedEquals(op string, l, r value) value {
	literal := r.constant.Text
	if r.class == classText {
		quoted, err := json.Marshal(literal)
		if err != nil {
			refuse(nil, "the text %s in JSON", r.sql)
		}
		literal = string(quoted)
	}
	x := nullIfJSONNull(l.sql)
	if r.class == classInteger && (literal == "0" || literal == "1") {
		not := when(op == "<>", "NOT ")
		word := map[string]string{"0": "false", "1": "true"}[literal]
		return boolean("(%s %sIN ('%s'::jsonb, '%s'::jsonb))", x, not, literal, word)
	}
	return boolean("(%s %s %s::jsonb)", x, op, quoteLiteral(literal))
}

// jsonCall translates the functions of JSON.
func (t *translator) jsonCall(c *Call, args []value) (value, bool) {
	switch {
	case c.Name == "json_extract" && len(args) == 2:
		if args[1].constant == nil || !strings.HasPrefix(args[1].constant.Text, "$") {
			refuse(c, "a JSON path that is not a constant")
		}
		steps := quoteLiteral(textArray(jsonPath(args[1].constant.Text, c)))
		return value{sql: fmt.Sprintf("(%s #> %s)", t.document(args[0], c), steps), class: classExtracted}, true
	case c.Name == "json_valid" && len(args) == 1 && args[0].class == classJSON:
		v := integer("CASE WHEN %s IS NOT NULL THEN 1 END", args[0].sql)
		v.wide = false
		return v, true
	case c.Name == "json_array_length" && len(args) == 1:
		document := t.document(args[0], c)
		return integer("CASE WHEN jsonb_typeof(%s) = 'array' THEN jsonb_array_length(%s)::bigint"+
			" WHEN %s IS NOT NULL THEN 0 END", document, document, document), true
	}
	return value{}, false
}
