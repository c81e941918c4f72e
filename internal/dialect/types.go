package dialect

import (
	"fmt"
	"strings"
)

// Column is one column of a table or view as it stands on the target.
type Column struct {
	Name, Target string
	Type         string // PostgreSQL's type as format_type() spells it
	Affinity     string // SQLite's: INTEGER, TEXT, BLOB, REAL, NUMERIC; empty for a view's column that has none
	NoCase       bool   // COLLATE NOCASE
	PrimaryKey   bool   // it is (part of) the table's primary key: the other columns depend on it in GROUP BY
	RowID        bool   // it is what SQLite also calls rowid
	LongReals    bool   // of a text column: it holds REALs with all their digits, where SQLite makes texts of 15

	// SQL is written instead of the column's name: the expression of a generated column, where PostgreSQL lets no
	// generated column be used.
	SQL string

	extracted bool // a jsonb of which SQLite has the value

	// Form tells how the texts of a timestamp column were written, as [TimeForm] says it when it says the same of every
	// value. SQLite compares and prints those texts, so without it only what no form changes can be translated.
	Form string
}

// Schema knows the tables and the views translated so far. Names are SQLite's: upper and lower case are the same.
type Schema interface {
	Table(name string) (columns []Column, target string, ok bool)
}

// Untranslatable is the error for SQL whose meaning PostgreSQL cannot keep.
type Untranslatable struct {
	Reason string // why, in words for the person who will write it by hand
	Near   string // the part of SQLite's SQL that it is about; may be empty
}

// Error returns the reason and what it is about.
func (u *Untranslatable) Error() string {
	if u.Near == "" {
		return u.Reason
	}
	return u.Reason + ": " + u.Near
}

// class is what PostgreSQL holds where SQLite has a value.
type class uint8

const (
	classNull class = iota // a bare NULL: fits everywhere
	classBoolean
	classInteger
	classNumeric // INTEGER or REAL in SQLite, value by value
	classFloat
	classText
	classBlob
	classDate
	classTimestamp
	classInstant // timestamp with time zone
	classTime
	classJSON      // a JSON text in a jsonb column
	classExtracted // what JSON has at a path: its SQL type is known only at run time
	classUUID
	classOther
)

// classOf returns the class of a PostgreSQL type.
func classOf(pgType string) class {
	base, rest, _ := strings.Cut(pgType, "(")
	_, zone, _ := strings.Cut(rest, ")") // timestamp(3) with time zone
	switch strings.TrimSpace(base) + zone {
	case "boolean":
		return classBoolean
	case "smallint", "integer", "bigint":
		return classInteger
	case "numeric":
		return classNumeric
	case "real", "double precision":
		return classFloat
	case "text", "character varying", "character", "citext":
		return classText
	case "bytea":
		return classBlob
	case "date":
		return classDate
	case "timestamp", "timestamp without time zone":
		return classTimestamp
	case "timestamp with time zone":
		return classInstant
	case "time", "time without time zone":
		return classTime
	case "json", "jsonb":
		return classJSON
	case "uuid":
		return classUUID
	}
	return classOther
}

// pgType returns the type in which a computed value of a class leaves a view.
func (c class) pgType() string {
	switch c {
	case classBoolean:
		return "boolean"
	case classInteger:
		return "bigint"
	case classNumeric:
		return "numeric"
	case classFloat:
		return "double precision"
	case classBlob:
		return "bytea"
	case classDate:
		return "date"
	case classTimestamp:
		return "timestamp without time zone"
	case classInstant:
		return "timestamp with time zone"
	case classTime:
		return "time without time zone"
	case classJSON:
		return "jsonb"
	case classUUID:
		return "uuid"
	}
	return "text"
}

// number says whether SQLite has numbers where PostgreSQL has this class.
func (c class) number() bool {
	return c == classBoolean || c == classInteger || c == classNumeric || c == classFloat
}

// temporal says whether the class is a date or a time without a zone.
func (c class) temporal() bool { return c == classDate || c == classTimestamp }

// text says whether SQLite has text where PostgreSQL has this class.
func (c class) text() bool { return c == classText || c == classTime || c == classUUID || c.temporal() }

// value is a translated expression: its SQL, in parentheses unless it needs none, and what is known of it.
type value struct {
	sql      string
	class    class
	affinity string   // SQLite's; only columns, casts and subqueries have one
	constant *Literal // when it is a literal
	column   *Column  // when it is a plain column
	wide     bool     // of an integer: PostgreSQL computes it in 64 bits
	positive bool     // of an integer: it is never negative
	whole    string   // of a number: SQL that is true where SQLite has an INTEGER; empty when nobody knows
	byValue  bool     // of a number: it is an INTEGER in SQLite exactly when it has no fraction
	form     string   // of a timestamp: how SQLite writes it
	collate  string   // SQLite's collation in upper case; empty is BINARY
	explicit bool     // collate was written with COLLATE
	tainted  bool     // there is a COLLATE somewhere inside, which SQLite lets reach what the result is compared with
	implicit bool     // collate is that of a column, which also reaches through CAST and a unary plus
}

const (
	always = "TRUE"
	never  = "FALSE"
)

// isNull says whether the value is the literal NULL.
func (v value) isNull() bool { return v.class == classNull }

// fixed says whether the value is the same for all rows as far as its SQL shows: PostgreSQL would take a number in
// ORDER BY or GROUP BY for the place of a column.
func (v value) fixed() bool {
	if v.constant != nil {
		return true
	}
	for _, part := range []string{`"`, "()", "(*)"} { // a name, now() or random(), count(*)
		if strings.Contains(v.sql, part) {
			return false
		}
	}
	return true
}

// bare returns the value as the result of an operation: without affinity, name and collation.
func (v value) bare() value {
	v.affinity, v.column, v.collate, v.explicit, v.implicit = "", nil, "", false, false
	return v
}

func boolean(format string, args ...any) value {
	return value{sql: fmt.Sprintf(format, args...), class: classBoolean}
}

func integer(format string, args ...any) value {
	return value{sql: fmt.Sprintf(format, args...), class: classInteger, wide: true, whole: always, byValue: true}
}

func float(format string, args ...any) value {
	return value{sql: fmt.Sprintf(format, args...), class: classFloat, whole: never}
}

func text(format string, args ...any) value {
	return value{sql: fmt.Sprintf(format, args...), class: classText}
}

// ofColumn returns a column as a value; sql is how it is written here.
func ofColumn(sql string, c *Column) value {
	v := value{
		sql: sql, class: classOf(c.Type), affinity: c.Affinity, column: c, form: c.Form, whole: never, implicit: true,
	}
	if c.extracted {
		v.class, v.column, v.implicit = classExtracted, nil, false
	}
	switch v.class {
	case classInteger:
		v.wide, v.whole, v.byValue = c.Type == "bigint", always, true
	case classBoolean:
		v.whole = always
	case classNumeric:
		v.whole = ""
		if isNumericAffinity(c.Affinity) && c.Affinity != "REAL" {
			v.whole, v.byValue = wholeTest(sql), true
		}
		if c.Affinity == "REAL" {
			v.whole = never
		}
	case classDate:
		v.form = dateForm
	}
	if c.Affinity == "" && v.class == classFloat {
		v.whole = ""
	}
	if c.NoCase {
		v.collate = "NOCASE"
	}
	return v
}

// wholeTest returns the SQL that tells INTEGER from REAL where SQLite stores every whole number as an INTEGER.
func wholeTest(sql string) string {
	return fmt.Sprintf("(%s = trunc(%s) AND abs(%s) < 9223372036854775808)", sql, sql, sql)
}

// isNumericAffinity says whether an affinity turns texts that look like numbers into numbers.
func isNumericAffinity(affinity string) bool {
	return affinity == "INTEGER" || affinity == "REAL" || affinity == "NUMERIC"
}

// affinityOf returns the affinity that SQLite derives from a declared type.
func affinityOf(declared string) string {
	upper := strings.ToUpper(declared)
	has := func(s string) bool { return strings.Contains(upper, s) }
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return "TEXT"
	case has("BLOB"), upper == "":
		return "BLOB"
	case has("REAL"), has("FLOA"), has("DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}
