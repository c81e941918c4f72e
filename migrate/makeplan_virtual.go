package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// leaveVirtual lists the virtual tables. Those that hold rows have become ordinary tables; what stays behind is how they
// are searched, for which there is a draft.
func (p *planner) leaveVirtual(ctx context.Context) error {
	for i := range p.catalog.virtual {
		v := &p.catalog.virtual[i]
		l := Left{Kind: "virtual table", Name: v.name, Source: v.sql, Reason: virtualReason(v)}
		holder := p.holderOf(v)
		switch {
		case v.fullText() && holder != nil:
			l.Draft = p.draftFullText(v, holder)
		case v.spatial() && v.module() != "geopoly" && holder != nil:
			l.Draft = p.draftSpatial(v, holder)
		}
		if holder != nil && holder.source.shows == v {
			l.Reason += "; its rows have become the table " + holder.Target
		}
		p.leave(l)
	}
	for _, name := range p.catalog.shadows {
		p.leave(Left{Kind: "shadow table", Name: name, Reason: "it is the inside of a virtual table"})
	}
	for _, name := range p.catalog.spatialite {
		p.leave(Left{Kind: "metadata", Name: name, Reason: "SpatiaLite describes coordinate systems and columns there; PostGIS has its own"})
	}
	return p.leaveGeometry(ctx)
}

func virtualReason(v *sourceVirtual) string {
	switch module := v.module(); {
	case v.parsed == nil:
		return "PostgreSQL has no virtual tables"
	case v.fullText():
		return "a full-text index (" + module + "); PostgreSQL has tsvector columns with GIN indexes for it"
	case module == "rtree" || module == "rtree_i32" || module == "geopoly":
		return "a spatial index (" + module + "); PostgreSQL has GiST indexes over box, point and polygon for it"
	default:
		return "a virtual table of the module " + v.parsed.Module + ", which PostgreSQL does not have"
	}
}

// holderOf returns the table with the rows of a virtual one: its own, or the one that its index is over.
func (p *planner) holderOf(v *sourceVirtual) *tablePlanner {
	for _, t := range p.tables {
		if t.source.shows == v {
			return t
		}
	}
	if content, ok := v.option("content"); ok && v.fullText() {
		return p.table(content)
	}
	return nil
}

// draftFullText writes the search of a full-text table over the table with its texts.
func (p *planner) draftFullText(v *sourceVirtual, t *tablePlanner) string {
	config := "simple"
	if tokenize, _ := v.option("tokenize"); strings.Contains(strings.ToLower(tokenize), "porter") {
		config = "english"
	}
	var texts []string
	taken := systemColumns()
	for i, c := range t.Columns {
		taken[c.Target] = true
		name := c.Name
		if t.source.shows == v {
			name = t.source.shownColumn(i)
		}
		if v.indexes(name) {
			texts = append(texts, "coalesce("+quoteName(c.Target)+"::text, '')")
		}
	}
	if len(texts) == 0 {
		return ""
	}
	table, search := qualified(p.schema, t.Target), quoteName(taken.pick("search"))
	return fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s tsvector
    GENERATED ALWAYS AS (to_tsvector('%s', %s)) STORED;
CREATE INDEX ON %s USING gin (%s);
-- WHERE %s MATCH 'words' becomes WHERE %s @@ websearch_to_tsquery('%s', 'words'),
-- and ORDER BY rank becomes ORDER BY ts_rank(%s, websearch_to_tsquery('%s', 'words')) DESC`,
		table, search, config, strings.Join(texts, " || ' ' || "), table, search,
		quoteName(v.name), search, config, search, config)
}

// indexes reports whether a full-text table searches a column.
func (v *sourceVirtual) indexes(column string) bool {
	names := v.columns()
	at := slices.IndexFunc(names, func(name string) bool { return sameName(name, column) })
	if at < 0 {
		return false
	}
	if skipped, ok := v.option("notindexed"); ok && sameName(skipped, column) {
		return false
	}
	for _, arg := range v.parsed.Args {
		words := strings.Fields(arg)
		if len(words) > 1 && sameName(unquoted(words[0]), column) && strings.EqualFold(words[len(words)-1], "UNINDEXED") {
			return false
		}
	}
	return true
}

// draftSpatial writes the index of an R*Tree: over boxes in one and two dimensions, over cubes in more.
func (p *planner) draftSpatial(v *sourceVirtual, t *tablePlanner) string {
	dimensions := (len(v.columns()) - 1) / 2
	if dimensions < 1 || len(t.Columns) < 1+2*dimensions {
		return ""
	}
	var low, high []string
	for i := range dimensions {
		low = append(low, quoteName(t.Columns[1+2*i].Target)+"::double precision")
		high = append(high, quoteName(t.Columns[2+2*i].Target)+"::double precision")
	}
	table := qualified(p.schema, t.Target)
	if dimensions > 2 {
		const draft = `CREATE EXTENSION IF NOT EXISTS cube;
CREATE INDEX ON %s USING gist (cube(ARRAY[%s], ARRAY[%s]));
-- the rows that a region touches: WHERE cube(…) && cube(ARRAY[…], ARRAY[…])`
		return fmt.Sprintf(draft, table, strings.Join(low, ", "), strings.Join(high, ", "))
	}
	if dimensions == 1 {
		low, high = append(low, "0"), append(high, "0")
	}
	return fmt.Sprintf(`CREATE INDEX ON %s USING gist (box(point(%s), point(%s)));
-- the rows that a region touches: WHERE box(…) && box(point(x1, y1), point(x2, y2))`,
		table, strings.Join(low, ", "), strings.Join(high, ", "))
}

// leaveGeometry lists the columns with SpatiaLite's geometries. Their bytes are kept as they are.
func (p *planner) leaveGeometry(ctx context.Context) error {
	if !slices.ContainsFunc(p.catalog.spatialite, func(name string) bool { return sameName(name, "geometry_columns") }) {
		return nil
	}
	const query = "SELECT f_table_name, f_geometry_column, srid FROM main.geometry_columns"
	return readRows(ctx, p.conn, query, func(row []value) error {
		t := p.table(string(row[0].b))
		if t == nil {
			return nil
		}
		c := t.column(string(row[1].b))
		if c == nil {
			return nil
		}
		name := quoteName(c.Target)
		p.leave(Left{
			Kind: "geometry", Table: t.Name, Name: c.Name, Source: c.Declared,
			Reason: "its bytes are kept in SpatiaLite's form; PostGIS can have points, lines and polygons from them",
			Draft: fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS postgis;
ALTER TABLE %s ALTER COLUMN %s TYPE geometry USING ST_SetSRID(ST_GeomFromWKB(
    substring(%s FROM 2 FOR 1) || substring(%s FROM 40 FOR length(%s) - 40)), %d);`,
				qualified(p.schema, t.Target), name, name, name, name, row[2].i),
		})
		return nil
	})
}
