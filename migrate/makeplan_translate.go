package migrate

import (
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// Table makes the planner the [dialect.Schema] of its tables, and of the views translated so far.
func (p *planner) Table(name string) (columns []dialect.Column, target string, ok bool) {
	if t := p.table(name); t != nil {
		return t.dialectColumns(), t.Target, true
	}
	for _, t := range p.tables {
		if t.source.shows != nil && sameName(t.source.shows.name, name) {
			columns := t.dialectColumns()
			for i := range columns {
				columns[i].Name = columns[i].Target
			}
			return columns, t.Target, true
		}
	}
	for i, v := range p.views {
		if sameName(v.Name, name) {
			return p.viewColumns[i], v.Target, true
		}
	}
	return nil, "", false
}

func (t *tablePlanner) dialectColumns() []dialect.Column {
	columns := make([]dialect.Column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = dialect.Column{
			Name: c.Name, Target: c.Target, Type: c.Type, Affinity: affinity(c.Declared),
			PrimaryKey: t.source.columns[i].key > 0, Form: t.profiles[i].timeForm(), RowID: i == t.source.rowidAlias,
			LongReals: typeClass(c.Type) == "text" && t.profiles[i].Real > 0,
		}
		if def := t.definition(c.Name); def != nil {
			columns[i].NoCase = sameName(def.Collate, "NOCASE")
		}
	}
	return columns
}

// affinity follows SQLite's five rules.
func affinity(declared string) string {
	declared = strings.ToUpper(declared)
	for _, rule := range []struct {
		affinity string
		parts    []string
	}{
		{"INTEGER", []string{"INT"}},
		{"TEXT", []string{"CHAR", "CLOB", "TEXT"}},
		{"BLOB", []string{"BLOB"}},
		{"REAL", []string{"REAL", "FLOA", "DOUB"}},
	} {
		for _, part := range rule.parts {
			if strings.Contains(declared, part) {
				return rule.affinity
			}
		}
	}
	if strings.TrimSpace(declared) == "" {
		return "BLOB"
	}
	return "NUMERIC"
}
