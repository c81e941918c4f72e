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

// tableFunction translates json_each() in a FROM clause: the elements of an array, the members of an object, or the one
// value that is neither.
func (t *translator) tableFunction(in *scope, s Source) string {
	if !strings.EqualFold(s.Table, "json_each") || len(s.Args) < 1 || len(s.Args) > 2 {
		refuse(nil, "the table-valued function %s", s.Table)
	}
	mark := len(in.bare)
	document := t.document(t.expr(in, s.Args[0]), s.Args[0])
	if len(s.Args) == 2 {
		path, ok := s.Args[1].(*Literal)
		if !ok || !strings.HasPrefix(path.Text, "$") {
			refuse(s.Args[1], "a JSON path that is not a constant")
		}
		document = fmt.Sprintf("(%s #> %s)", document, quoteLiteral(textArray(jsonPath(path.Text, path))))
	}
	in.bare = in.bare[:mark]
	name := s.Alias
	if name == "" {
		name = s.Table
	}
	t.add(in, name, []Column{
		{Name: "key", Target: "key", Type: "jsonb", extracted: true},
		{Name: "value", Target: "value", Type: "jsonb", extracted: true},
		{Name: "type", Target: "type", Type: "text"},
		{Name: "atom", Target: "atom", Type: "jsonb", extracted: true},
	})
	in.sources[len(in.sources)-1].partial = true
	return fmt.Sprintf(eachElement, document, document, document, document, document, document) + quoteName(name)
}

const eachElement = `LATERAL (SELECT key, value, CASE jsonb_typeof(value) WHEN 'string' THEN 'text' WHEN 'boolean' THEN value::text
    WHEN 'number' THEN CASE WHEN value::text ~ '[.]' THEN 'real' ELSE 'integer' END ELSE jsonb_typeof(value) END AS type,
    CASE WHEN jsonb_typeof(value) NOT IN ('array', 'object') THEN value END AS atom FROM (
    SELECT to_jsonb(at - 1) AS key, value FROM jsonb_array_elements(CASE jsonb_typeof(%s) WHEN 'array' THEN %s END)
      WITH ORDINALITY AS element(value, at)
    UNION ALL SELECT to_jsonb(key), value FROM jsonb_each(CASE jsonb_typeof(%s) WHEN 'object' THEN %s END) AS member(key, value)
    UNION ALL SELECT NULL, %s WHERE jsonb_typeof(%s) NOT IN ('array', 'object')) AS every) AS `

// toJSON returns a value as the JSON that SQLite makes of it.
func (t *translator) toJSON(v value, near Expr) string {
	switch {
	case v.isNull():
		return "NULL::jsonb"
	case v.class == classJSON:
		return v.sql
	case v.class == classExtracted:
		return fmt.Sprintf("CASE jsonb_typeof(%s) WHEN 'boolean' THEN to_jsonb(%s::boolean::integer) ELSE %s END", v.sql, v.sql, v.sql)
	case v.class == classFloat: // 1.0 stays 1.0
		t.once(v.sql)
		return fmt.Sprintf("CASE WHEN %s = trunc(%s) AND abs(%s) < 1e15 THEN to_jsonb(round(%s::numeric, 1)) ELSE to_jsonb(%s) END",
			v.sql, v.sql, v.sql, v.sql, v.sql)
	case v.class.number():
		return "to_jsonb(" + t.number(v).sql + ")"
	case v.class.text():
		return "to_jsonb((" + t.text(v) + ")::text)"
	}
	refuse(near, "a %s in JSON", v.class.pgType())
	return ""
}

// jsonParts returns arguments as JSON; every other one, from the first, is a label when they make an object.
func (t *translator) jsonParts(c *Call, args []value, labels bool) string {
	parts := make([]string, len(args))
	for i, v := range args {
		if parts[i] = t.toJSON(v, c); labels && i%2 == 0 {
			if v.class != classText {
				refuse(c, "a label in JSON that is no text")
			}
			parts[i] = "(" + v.sql + ")::text"
		}
	}
	return strings.Join(parts, ", ")
}

// jsonAggregate translates json_group_array() and json_group_object().
func (t *translator) jsonAggregate(in *scope, c *Call, args []value, suffix string) value {
	order := ""
	if len(c.OrderBy) > 0 {
		order = " ORDER BY " + t.orderTerms(in, c.OrderBy)
	}
	distinct := when(c.Distinct, "DISTINCT ")
	if c.Name == "json_group_array" && len(args) == 1 {
		v := value{class: classJSON}
		v.sql = fmt.Sprintf("coalesce(jsonb_agg(%s%s%s)%s, '[]'::jsonb)", distinct, t.toJSON(args[0], c), order, suffix)
		return v
	}
	if c.Name != "json_group_object" || len(args) != 2 || c.Distinct {
		refuse(c, "the function %s used this way", c.Name)
	}
	parts := t.jsonParts(c, args, true)
	return value{class: classJSON, sql: fmt.Sprintf("coalesce(jsonb_object_agg(%s%s)%s, '{}'::jsonb)", parts, order, suffix)}
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
	case c.Name == "json" && len(args) == 1:
		return value{sql: t.document(args[0], c), class: classJSON}, true
	case c.Name == "json_array":
		return value{sql: "jsonb_build_array(" + t.jsonParts(c, args, false) + ")", class: classJSON}, true
	case c.Name == "json_object" && len(args)%2 == 0:
		return value{sql: "jsonb_build_object(" + t.jsonParts(c, args, true) + ")", class: classJSON}, true
	case c.Name == "json_type" && len(args) == 1:
		document := t.document(args[0], c)
		return text("CASE jsonb_typeof(%s) WHEN 'string' THEN 'text' WHEN 'boolean' THEN %s::text WHEN 'number' THEN"+
			" CASE WHEN %s::text ~ '[.]' THEN 'real' ELSE 'integer' END ELSE jsonb_typeof(%s) END",
			document, document, document, document), true
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
