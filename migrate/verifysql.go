package migrate

import (
	"strings"
)

// canonSQL returns the SQL expression of the canonical text of a column, NULL for NULL. See newCanon for the forms.
func canonSQL(c Column) string {
	name := quoteName(c.Target)
	base, _ := typeParts(c.Type)
	switch base {
	case "smallint", "integer", "bigint", "boolean", "uuid":
		return name + "::text"
	case "double precision":
		return "float8send(" + name + ")::text"
	case "numeric":
		return "trim_scale(" + name + ")::text"
	case "date":
		return "date_send(" + name + ")::text"
	case "time without time zone":
		return "time_send(" + name + ")::text"
	case "timestamp without time zone":
		return "timestamp_send(" + name + ")::text"
	case "timestamp with time zone":
		return "timestamptz_send(" + name + ")::text"
	case "inet":
		return "inet_send(" + name + ")::text"
	case "interval":
		return "interval_send(" + name + ")::text"
	case "bytea":
		return "octet_length(" + name + ")||':'||md5(" + name + ")"
	case "jsonb":
		return name + `::text||E'\x1f'`
	}
	return "octet_length(" + name + "::text)||':'||" + name + "::text"
}

// rowSQL returns the SQL expression of the canonical text of some columns.
func rowSQL(columns []Column) string {
	fields := make([]string, len(columns))
	for i, c := range columns {
		fields[i] = "coalesce(" + canonSQL(c) + ",'~')||'|'"
	}
	return strings.Join(fields, "||")
}

// hashSQL returns the SQL expression of hashText over a text.
func hashSQL(text, seed string) string {
	return `hashtextextended((` + text + `) COLLATE "C", ` + seed + `)`
}

// tallySQL returns the query that sums up a table of the target by buckets: one pass, in constant memory.
func tallySQL(schema string, s *rowShape) string {
	return "SELECT (" + s.keySQL() + " & 4095)::int AS bucket, count(*), sum(" + s.rowSQL() + ") FROM " +
		s.relation(schema) + " GROUP BY 1"
}

// hashesSQL returns the query for the hashes of the rows in some buckets.
func hashesSQL(schema string, s *rowShape) string {
	return "SELECT " + s.keySQL() + ", " + s.rowSQL() + " FROM " + s.relation(schema) +
		" WHERE (" + s.keySQL() + " & 4095)::int = ANY($1)"
}

// detailsSQL returns the query for some rows, with the digest and a short form of every column.
func detailsSQL(schema string, s *rowShape) string {
	fields := []string{s.keySQL()}
	for _, c := range s.columns {
		fields = append(fields, "md5(coalesce("+canonSQL(c)+",'~'))")
	}
	for _, c := range s.columns {
		fields = append(fields, displaySQL(c))
	}
	return "SELECT " + strings.Join(fields, ", ") + " FROM " + s.relation(schema) +
		" WHERE " + s.keySQL() + " = ANY($1)"
}

// displaySQL returns the SQL expression of a column as a person reads it, cut off where it gets long.
func displaySQL(c Column) string {
	text := quoteName(c.Target)
	if base, _ := typeParts(c.Type); base == "bytea" {
		text = "substr(" + text + ", 1, 40)"
	}
	return "coalesce(left(" + text + "::text, 80), 'NULL')"
}
