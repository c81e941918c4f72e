package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// scope is what names mean within one SELECT; outer SELECTs are its parents.
type scope struct {
	parent  *scope
	tables  map[string]*commonTable // common table expressions by lower-case name
	sources []*source
	merged  map[string]value // columns joined by USING or NATURAL, by lower-case name
	aliases []ResultColumn   // names that the SELECT's list gives, where they can be used

	groups     map[string]bool // the SQL of what is grouped by
	aggregated bool            // there is an aggregate
	bare       []bareColumn    // columns used outside aggregates and grouped expressions
	picked     string          // when those columns are taken from one row of the group: the format that takes them
	used       int             // how often columns were used so far
}

// source is one table of a FROM clause.
type source struct {
	name        string // how SQLite's SQL calls it
	columns     []Column
	hidden      map[string]bool // columns that * leaves out because USING merged them
	unqualified bool            // columns are written without the table's name
	partial     bool            // it has more columns in SQLite
	variable    bool            // it is NEW, OLD or excluded: a row whose columns are never written without its name
}

// bareColumn is a use of a column that must depend on the grouped ones.
type bareColumn struct {
	source *source
	sql    string
}

// commonTable is a common table expression.
type commonTable struct {
	name    string
	columns []Column
	used    bool
}

// column returns the i-th column as it is written in this scope.
func (s *source) column(i int) value {
	c := &s.columns[i]
	sql := quoteName(c.Target)
	switch {
	case c.SQL != "":
		sql = c.SQL
	case !s.unqualified:
		sql = quoteName(s.name) + "." + sql
	}
	return ofColumn(sql, c)
}

// index returns the place of a column, or -1.
func (s *source) index(name string) int {
	for i := range s.columns {
		if strings.EqualFold(s.columns[i].Name, name) {
			return i
		}
	}
	return -1
}

// place is index, and also finds the rowid under its other names.
func (s *source) place(name string) int {
	if i := s.index(name); i >= 0 || !isRowID(name) {
		return i
	}
	return slices.IndexFunc(s.columns, func(c Column) bool { return c.RowID })
}

func isRowID(name string) bool {
	return strings.EqualFold(name, "rowid") || strings.EqualFold(name, "_rowid_") || strings.EqualFold(name, "oid")
}

// commonTable returns the common table expression that a name means here, or nil.
func (in *scope) commonTable(name string) *commonTable {
	for s := in; s != nil; s = s.parent {
		if c := s.tables[strings.ToLower(name)]; c != nil {
			return c
		}
	}
	return nil
}

// usedUpward returns how often columns of this SELECT and those around it were used so far.
func (in *scope) usedUpward() int {
	n := 0
	for s := in; s != nil; s = s.parent {
		n += s.used
	}
	return n
}

// writtenIn says whether the SQL of one of the values mentions a table of this scope: not every use of a column leaves
// a trace in the SQL.
func (in *scope) writtenIn(values []value) bool {
	for _, v := range values {
		for _, s := range in.sources {
			if strings.Contains(v.sql, quoteName(s.name)+".") {
				return true
			}
		}
	}
	return false
}

// find returns the column that a name means: in the innermost SELECT that has one, as a column before an alias.
func (t *translator) find(in *scope, c *ColumnRef) (value, bool) {
	if c.Schema != "" && !strings.EqualFold(c.Schema, "main") {
		refuse(c, "a name in another database")
	}
	for s := in; s != nil; s = s.parent {
		if v, ok := t.findIn(s, c); ok {
			s.used++
			return v, true
		}
	}
	return value{}, false
}

func (t *translator) findIn(in *scope, c *ColumnRef) (value, bool) {
	if v, ok := in.merged[strings.ToLower(c.Column)]; ok && c.Table == "" {
		in.bare = append(in.bare, bareColumn{sql: v.sql})
		return v, true
	}
	var found *source
	for _, s := range in.sources {
		if c.Table != "" && !strings.EqualFold(s.name, c.Table) || c.Table == "" && s.variable || s.place(c.Column) < 0 {
			continue
		}
		if found != nil {
			refuse(c, "the name is ambiguous")
		}
		found = s
	}
	if found != nil {
		return in.bareColumn(found, found.place(c.Column)), true
	}
	if c.Table == "" {
		return t.findAlias(in, c.Column)
	}
	return value{}, false
}

// bareColumn returns a column that is used outside of aggregates, as far as is known here.
func (in *scope) bareColumn(from *source, i int) value {
	v := from.column(i)
	if in.picked != "" && !in.groups[v.sql] && !in.groupsByKey(from) {
		return ofColumn(fmt.Sprintf(in.picked, v.sql), unsized(&from.columns[i]))
	}
	in.bare = append(in.bare, bareColumn{source: from, sql: v.sql})
	return v
}

// findAlias translates the expression that an alias stands for.
func (t *translator) findAlias(in *scope, name string) (value, bool) {
	for _, a := range in.aliases {
		if a.Alias != "" && strings.EqualFold(a.Alias, name) {
			aliases := in.aliases
			in.aliases = nil // an alias does not see aliases
			defer func() { in.aliases = aliases }()
			return t.expr(in, a.Expr), true
		}
	}
	return value{}, false
}

// checkGroups refuses columns that neither are grouped by nor depend on a primary key that is, where they are not taken
// from a row of the group.
func (in *scope) checkGroups(lenient bool) {
	if sql := in.ungrouped(); sql != "" && !lenient {
		refuse(nil, "the column %s is neither grouped by nor aggregated: SQLite takes it from any row of the group", sql)
	}
}

// ungrouped returns a column that checkGroups refuses, or "".
func (in *scope) ungrouped() string {
	if !in.aggregated && len(in.groups) == 0 {
		return ""
	}
	for _, b := range in.bare {
		if !in.groups[b.sql] && (b.source == nil || !in.groupsByKey(b.source)) {
			return b.sql
		}
	}
	return ""
}

// groupsByKey says whether the primary key of a table is among what is grouped by.
func (in *scope) groupsByKey(s *source) bool {
	keyed := false
	for i := range s.columns {
		if !s.columns[i].PrimaryKey {
			continue
		}
		if !in.groups[s.column(i).sql] {
			return false
		}
		keyed = true
	}
	return keyed
}

// unique returns names as SQLite makes the names of a view's columns unique: id, id:1, id:2. Those that are too long
// for PostgreSQL are cut.
func unique(names []string) []string {
	seen := map[string]bool{}
	result := make([]string, len(names))
	for i, name := range names {
		base := cut(name, maxName)
		if base == "" { // PostgreSQL has no empty names
			base = "unnamed"
		}
		result[i] = base
		for n := 1; seen[strings.ToLower(result[i])]; n++ {
			suffix := fmt.Sprintf(":%d", n)
			result[i] = cut(base, maxName-len(suffix)) + suffix
		}
		seen[strings.ToLower(result[i])] = true
	}
	return result
}

// maxName is the length in bytes that PostgreSQL keeps of a name.
const maxName = 63

// cut returns the longest beginning of s that has at most n bytes and ends with a whole character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
