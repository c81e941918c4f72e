package migrate

import (
	"fmt"
	"strings"
)

// stepSQL returns the SQL expression that continues the hash of a row with a column; see form.hash.
func stepSQL(c Column, seed string) string {
	name := quoteName(c.Target)
	or := func(value, absent string) string { return "coalesce(" + value + ", " + absent + ")" }
	number := ""
	switch base, _ := typeParts(c.Type); base {
	case "bigint":
		number = name
	case "smallint", "integer":
		number = name + "::bigint"
	case "boolean":
		number = name + "::integer::bigint"
	case "double precision":
		return "hashfloat8extended(" + floatSQL(c, name) + ", " + seed + ")"
	case "time without time zone":
		return "time_hash_extended(" + or(name, "time '07:07:07.777777'") + ", " + seed + ")"
	case "timestamp without time zone":
		return "timestamp_hash_extended(" + or(name, "timestamp '2000-01-01 07:07:07.777777'") + ", " + seed + ")"
	case "uuid":
		return "uuid_hash_extended(" + or(name, "uuid '"+absentUUID+"'") + ", " + seed + ")"
	case "bytea": // no function of its own takes a seed
		return "hash_record_extended(ROW(" + or(name, "convert_to('"+absentText+"', 'UTF8')") + "), " + seed + ")"
	case "date":
		name = "date_send(" + name + ")"
	case "timestamp with time zone":
		name = "timestamptz_send(" + name + ")"
	case "numeric":
		name = "trim_scale(" + name + ")"
	case "inet":
		name = "inet_send(" + name + ")"
	case "interval":
		name = "trunc(extract(epoch FROM " + name + ") * 1000000)"
	}
	if number != "" {
		number = or(number, fmt.Sprint(absentNumber))
		return "hashint8extended(" + number + ", " + seed + " # (" + number + " >> 32))"
	}
	return "hashtextextended(" + or(name+"::text", "'"+absentText+"'") + ` COLLATE "C", ` + seed + ")"
}

// floatSQL returns the SQL expression of the number that is hashed of a double precision. The angle of a point at 0 tells
// the sign of the zero, and costs less than its text.
func floatSQL(c Column, name string) string {
	if c.Generated != "" {
		return fmt.Sprintf("coalesce(%s + 0.0, %v::double precision)", name, absentFloat)
	}
	return fmt.Sprintf("CASE WHEN %[1]s = 0 AND atan2(0, %[1]s) > 0 THEN %[2]v::double precision ELSE coalesce(%[1]s, %[3]v::double precision) END",
		name, negativeZero, absentFloat)
}

// hashSQL returns the SQL expression of the hash of some columns; see rowShape.hashOf.
func (s *rowShape) hashSQL(places []int, seed string) string {
	var chains []string
	for at := 0; at < len(places); at += chained {
		chain := seed
		if at > 0 {
			chain = fmt.Sprintf("hashint8extended(%d, %s)", at, seed)
		}
		for _, i := range places[at:min(at+chained, len(places))] {
			chain = stepSQL(s.columns[i], chain)
		}
		chains = append(chains, chain)
	}
	return strings.Join(chains, " # ")
}

// totalSQL returns the query that sums up a table of the target: one pass, in constant memory.
func totalSQL(schema string, s *rowShape) string {
	return "SELECT 0, count(*), coalesce(sum(" + s.rowSQL() + "), 0) FROM " + s.relation(schema)
}

// tallySQL returns the query that sums up a table by buckets, which takes twice as long.
func tallySQL(schema string, s *rowShape) string {
	return "SELECT ((" + s.keySQL() + ") & 4095)::int AS bucket, count(*), sum(" + s.rowSQL() + ") FROM " +
		s.relation(schema) + " GROUP BY 1"
}

// hashesSQL returns the query for the hashes of the rows in some buckets.
func hashesSQL(schema string, s *rowShape) string {
	return "SELECT " + s.keySQL() + ", " + s.rowSQL() + " FROM " + s.relation(schema) +
		" WHERE ((" + s.keySQL() + ") & 4095)::int = ANY($1)"
}

// detailsSQL returns the query for some rows, with the digest and a short form of every column.
func detailsSQL(schema string, s *rowShape) string {
	var fields []string
	for i := range s.columns {
		fields = append(fields, "("+s.hashSQL([]int{i}, "0")+")::text")
	}
	for _, c := range s.columns {
		fields = append(fields, displaySQL(c))
	}
	list := strings.Join(fields, ", ")
	if len(s.columns) > detailColumns {
		list = "ARRAY[" + list + "]"
	}
	return "SELECT " + s.keySQL() + ", " + list + " FROM " + s.relation(schema) + " WHERE (" + s.keySQL() + ") = ANY($1)"
}

// displaySQL returns the SQL expression of a column as a person reads it, cut off where it gets long.
func displaySQL(c Column) string {
	text := quoteName(c.Target)
	if base, _ := typeParts(c.Type); base == "bytea" {
		text = "substr(" + text + ", 1, 40)"
	}
	return "coalesce(left(" + text + "::text, 80), 'NULL')"
}
