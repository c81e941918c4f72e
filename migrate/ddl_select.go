package migrate

import "strings"

// loadColumns returns the columns of t that are loaded: all but the generated ones, which PostgreSQL computes.
func loadColumns(t Table) []Column {
	columns := make([]Column, 0, len(t.Columns))
	for _, c := range t.Columns {
		if c.Generated == "" && !c.Skip {
			columns = append(columns, c)
		}
	}
	return columns
}

// selectRows returns the SELECT of SQLite that reads the loaded columns of t in the order of the plan. Rows come in the
// order in which the file stores them, which is stable and costs nothing.
func selectRows(t Table) string { return selectRowsWhere(t, "") }

// selectRowsWhere is selectRows with a WHERE.
func selectRowsWhere(t Table, where string) string {
	columns := loadColumns(t)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = sourceName(c.Name)
	}
	list := strings.Join(names, ", ")
	if list == "" { // every column is generated: the rows still count
		list = "NULL"
	}
	return "SELECT " + list + " FROM main." + sourceName(t.Name) + where + " ORDER BY " + strings.Join(rowKey(t), ", ")
}

// rowKey returns the SQLite expressions that identify a row of t in its file: the rowid, or the primary key of a table
// WITHOUT ROWID.
func rowKey(t Table) []string {
	if t.RowID != "" {
		return []string{t.RowID}
	}
	if t.PrimaryKey == nil {
		return []string{"NULL"}
	}
	return sourceColumns(t, t.PrimaryKey.Columns)
}

// sourceColumns translates target names of columns of t to quoted names of the source.
func sourceColumns(t Table, targets []string) []string {
	names := make([]string, 0, len(targets))
	for _, target := range targets {
		for _, c := range t.Columns {
			if c.Target == target {
				names = append(names, sourceName(c.Name))
			}
		}
	}
	return names
}

// sourceName quotes a name for SQLite, byte for byte.
func sourceName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
