package migrate

import (
	"context"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/dialect"
)

// sourceVirtual is a virtual table. Its rows, where they are nowhere else, are those of an ordinary table.
type sourceVirtual struct {
	sourceObject
	parsed *dialect.CreateVirtualTable // nil when it could not be read
	holder string                      // the table that holds its rows: itself, or the shadow table with its content; empty when others do
	shadow []string                    // the names that its module's own tables have
}

// readVirtual looks into the definition of a virtual table. Its module need not be there.
func readVirtual(o sourceObject) sourceVirtual {
	v := sourceVirtual{sourceObject: o}
	parsed, err := dialect.ParseCreateVirtualTable(o.sql)
	if err != nil {
		return v
	}
	v.parsed = parsed
	var suffixes []string
	switch v.module() {
	case "fts3", "fts4":
		suffixes = []string{"segments", "segdir", "docsize", "stat"}
	case "fts5":
		suffixes = []string{"data", "idx", "docsize", "config"}
	case "rtree", "rtree_i32", "geopoly":
		suffixes = []string{"node", "parent", "rowid"}
		v.holder = o.name
	}
	for _, s := range suffixes {
		v.shadow = append(v.shadow, o.name+"_"+s)
	}
	if _, elsewhere := v.option("content"); v.fullText() && !elsewhere {
		v.holder = o.name + "_content"
	}
	return v
}

// module returns the name of the module in lower case.
func (v *sourceVirtual) module() string {
	if v.parsed == nil {
		return ""
	}
	return strings.ToLower(v.parsed.Module)
}

func (v *sourceVirtual) fullText() bool {
	return v.module() == "fts3" || v.module() == "fts4" || v.module() == "fts5"
}

func (v *sourceVirtual) spatial() bool { return v.holder == v.name }

// option returns the value of an argument such as content = 'notes'.
func (v *sourceVirtual) option(name string) (string, bool) {
	if v.parsed == nil {
		return "", false
	}
	for _, arg := range v.parsed.Args {
		key, text, found := strings.Cut(arg, "=")
		if found && sameName(strings.TrimSpace(key), name) {
			return unquoted(strings.TrimSpace(text)), true
		}
	}
	return "", false
}

// columns returns the names of the columns that the arguments declare.
func (v *sourceVirtual) columns() []string {
	var names []string
	for _, arg := range v.parsed.Args {
		if name := dialect.FirstName(arg); name != "" {
			names = append(names, name)
		}
	}
	if names == nil && v.fullText() && v.module() != "fts5" {
		return []string{"content"}
	}
	return names
}

// shownColumn returns the name of a column, or that under which the virtual table shows it: the content of a full-text
// table keeps title as c0 or c0title, and the key as id or docid.
func (t *sourceTable) shownColumn(i int) string {
	if t.shows == nil || t.shows.spatial() {
		return t.columns[i].name
	}
	switch {
	case i == 0 && t.shows.module() == "fts5":
		return "rowid"
	case i == 0:
		return "docid"
	}
	if names := t.shows.columns(); i <= len(names) {
		return names[i-1]
	}
	return t.columns[i].name
}

// unquoted takes a pair of any of SQLite's quotes away.
func unquoted(s string) string {
	if len(s) >= 2 && strings.IndexByte("'\"`", s[0]) >= 0 && s[len(s)-1] == s[0] {
		return strings.ReplaceAll(s[1:len(s)-1], s[:1]+s[:1], s[:1])
	}
	if len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

// readSpatial reads a table of the module rtree, which shows its rows only through itself. The first column is its key.
func readSpatial(ctx context.Context, conn *sqlite.Conn, v *sourceVirtual) (sourceTable, error) {
	t := sourceTable{name: v.name, sql: v.sql, rowidAlias: -1, rowid: "rowid", shows: v}
	err := t.readColumns(ctx, conn)
	if err == nil && v.module() != "geopoly" && len(t.columns) > 0 {
		t.columns[0].key, t.rowidAlias = 1, 0
	}
	return t, err
}

// filledFromGeometries reports whether an R*Tree is one that SpatiaLite or GeoPackage keep beside a geometry column.
func filledFromGeometries(name string, objects []sourceObject) bool {
	packaged := slices.ContainsFunc(objects, func(o sourceObject) bool { return sameName(o.name, "gpkg_extensions") })
	return strings.HasPrefix(name, "idx_") && spatialite(objects) || strings.HasPrefix(name, "rtree_") && packaged
}

// spatialite reports whether the tables are those of a SpatiaLite database, and spatialiteOwn which of them are
// SpatiaLite's: descriptions of coordinate systems and of columns, which PostGIS has in its own form.
func spatialite(objects []sourceObject) bool {
	has := func(name, column string) bool {
		return slices.ContainsFunc(objects, func(o sourceObject) bool {
			return o.kind == "table" && sameName(o.name, name) && strings.Contains(strings.ToLower(o.sql), column)
		})
	}
	return has("spatial_ref_sys", "srtext") && has("geometry_columns", "spatial_index_enabled")
}

func spatialiteOwn(name string) bool {
	name = strings.ToLower(name)
	for _, known := range []string{
		"spatial_ref_sys", "spatial_ref_sys_aux", "spatial_ref_sys_all", "geometry_columns", "geometry_columns_auth",
		"geometry_columns_fields_infos", "geometry_columns_statistics", "geometry_columns_time", "geom_cols_ref_sys",
		"layer_statistics", "spatialite_history", "sql_statements_log", "data_licenses", "spatialindex",
		"elementarygeometries", "knn", "knn2",
	} {
		if name == known {
			return true
		}
	}
	return strings.HasPrefix(name, "views_geometry_columns") || strings.HasPrefix(name, "virts_geometry_columns") ||
		strings.HasPrefix(name, "vector_layers") || strings.HasPrefix(name, "views_layer_statistics") ||
		strings.HasPrefix(name, "virts_layer_statistics")
}

// registerCollations gives conn a collation by bytes for each one that the schema names and SQLite does not have. It
// cannot even read a table WITHOUT ROWID whose key has one.
func registerCollations(ctx context.Context, conn *sqlite.Conn) error {
	known := map[string]bool{"BINARY": true, "NOCASE": true, "RTRIM": true}
	const query = "SELECT sql FROM main.sqlite_schema WHERE type IN ('table', 'index') AND sql LIKE '%collate%'"
	return readRows(ctx, conn, query, func(row []value) error {
		for _, name := range dialect.Collations(string(row[0].b)) {
			if upper := strings.ToUpper(name); !known[upper] {
				known[upper] = true
				if err := conn.SetCollation(name, strings.Compare); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
