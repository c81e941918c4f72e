package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// exportTable is one table on its way back.
type exportTable struct {
	Table          // as the plan had it, with the columns that are there on both sides now
	into    string // where the file's rows go: the table, or the virtual one that shows it
	columns []exportColumn
	order   string // ORDER BY of the rows, "" for the order in which they lie
	rows    int64
	bytes   int64
	left    []string // ctids of the rows that the file cannot hold
	found   TableReport

	large     *sourceTable // where rows with large values go, when they can be written in pieces
	largeRows []largeRow
}

// exportColumn is one column on its way back.
type exportColumn struct {
	Column
	into     string      // its name where the file's rows go
	read     string      // the SQL expression that reads it
	restore  restoreFunc // nil for a column that the file computes by itself
	compared string      // the SQL expression that is compared with the file

	// Of a column whose large values are read and written in pieces:
	size         string            // the SQL expression of the size of a large value, NULL for any other
	bytes        string            // the SQL expression of its bytes
	empty        sqlite.ColumnType // what its row is stored with
	place        int               // in the table of the file
	restoreLarge func(largeValue) (value, error)
}

// compared returns the table with the columns that can be compared.
func (t *exportTable) compared() Table {
	table := t.Table
	table.Columns = nil
	for _, c := range t.columns {
		if c.size != "" {
			c.Found.MaxBytes = largeBytes + 1 // the verification streams it too
		}
		table.Columns = append(table.Columns, c.Column)
	}
	whole := func(k Key) bool {
		return !slices.ContainsFunc(k.Columns, func(name string) bool {
			return !slices.ContainsFunc(table.Columns, func(c Column) bool { return c.Target == name })
		})
	}
	if table.PrimaryKey != nil && !whole(*table.PrimaryKey) {
		table.PrimaryKey = nil
	}
	table.Uniques = slices.DeleteFunc(slices.Clone(table.Uniques), func(k Key) bool { return !whole(k) })
	return table
}

// from returns what stands behind FROM when the table is compared: its rows as SQLite can hold them.
func (t *exportTable) from(schema string) string {
	fields := make([]string, len(t.columns))
	for i, c := range t.columns {
		fields[i] = c.compared + " AS " + quoteName(c.Target)
	}
	where := ""
	if len(t.left) > 0 {
		where = " WHERE ctid <> ALL (" + literal("{\""+strings.Join(t.left, `","`)+"\"}") + "::tid[])"
	}
	return "(SELECT " + strings.Join(fields, ", ") + " FROM " + qualified(schema, t.Target) + where + ") AS t"
}

// standingTable is a table as the database has it now.
type standingTable struct {
	name    string
	mark    string // its comment
	columns []standingColumn
	key     []string
}

type standingColumn struct {
	name, typ          string
	notNull, generated bool
}

// readStanding reads the ordinary tables of a schema.
func readStanding(ctx context.Context, conn *pgx.Conn, schema string) ([]standingTable, error) {
	rows, err := conn.Query(ctx, `
		SELECT c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
			coalesce((SELECT array_agg(k.attname::text ORDER BY i.place)
				FROM pg_index x CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY AS i (attnum, place)
				JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.attnum
				WHERE x.indrelid = c.oid AND x.indisprimary), '{}'),
			a.attname::text, format_type(base.type, base.mod), a.attnotnull, a.attgenerated <> ''
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			CROSS JOIN LATERAL (`+underDomains+`) base
		WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY c.relname, a.attnum`, quoteName(schema))
	if err != nil {
		return nil, fmt.Errorf("read the tables of schema %s: %w", schema, err)
	}
	var tables []standingTable
	var t standingTable
	var c standingColumn
	_, err = pgx.ForEachRow(rows, []any{&t.name, &t.mark, &t.key, &c.name, &c.typ, &c.notNull, &c.generated}, func() error {
		if n := len(tables); n == 0 || tables[n-1].name != t.name {
			tables = append(tables, standingTable{name: t.name, mark: t.mark, key: slices.Clone(t.key)})
		}
		last := &tables[len(tables)-1]
		last.columns = append(last.columns, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tables of schema %s: %w", schema, err)
	}
	return tables, nil
}

// prepareTables creates the tables of the file and decides what goes into them.
func (e *exporter) prepareTables(ctx context.Context) error {
	standing, err := readStanding(ctx, e.conn, e.record.Schema)
	if err != nil {
		return err
	}
	if err := e.file.createTables(); err != nil {
		return err
	}
	var added []standingTable
	if !e.Original {
		if added, err = e.addTables(standing); err != nil {
			return err
		}
	}
	now, err := readCatalog(ctx, e.file.conn)
	if err != nil {
		return err
	}
	for i := range now.tables {
		if err := e.prepareTable(ctx, &now.tables[i], standing, added); err != nil {
			return err
		}
	}
	e.nameEmptyTables()
	return e.nameAddedViews(ctx)
}

// prepareTable decides about one table of the file.
func (e *exporter) prepareTable(ctx context.Context, into *sourceTable, standing, added []standingTable) error {
	planned := slices.IndexFunc(e.record.Plan.Tables, func(t Table) bool { return t.Name == into.name })
	var t *exportTable
	switch at := slices.IndexFunc(added, func(s standingTable) bool { return s.name == into.name }); {
	case planned >= 0:
		t = &exportTable{Table: e.record.Plan.Tables[planned]}
	case at >= 0:
		t = &exportTable{Table: addedTable(added[at])}
	default:
		return nil
	}
	at := slices.IndexFunc(standing, func(s standingTable) bool { return s.name == t.Target })
	if at < 0 {
		e.leave(Left{Kind: "table", Name: into.name, Reason: "the database does not have it any more; it is empty"})
		return nil
	}
	if t.into = into.name; into.shows != nil {
		t.into = into.shows.name
	}
	if err := e.findLarge(ctx, t, into); err != nil {
		return err
	}
	if err := e.prepareColumns(t, into, standing[at]); err != nil {
		return err
	}
	if into.rowidAlias >= 0 {
		if c := t.column(into.columns[into.rowidAlias].name); c != nil {
			t.order = quoteName(c.Target)
		}
	} else if into.withoutRowID && t.PrimaryKey != nil {
		t.order = strings.Trim(nameList(t.PrimaryKey.Columns), "()")
	}
	t.found = TableReport{Name: t.Name, Target: t.Target}
	err := e.conn.QueryRow(ctx, "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)",
		qualified(e.record.Schema, t.Target)).Scan(&t.rows)
	if err != nil {
		return fmt.Errorf("look at table %s: %w", t.Target, err)
	}
	e.tables = append(e.tables, t)
	return nil
}

// findLarge decides whether large values are written in pieces. Only a table that keeps values apart from its rows has any.
func (e *exporter) findLarge(ctx context.Context, t *exportTable, into *sourceTable) error {
	if !e.file.storesLarge(into) {
		return nil
	}
	var apart bool
	err := e.conn.QueryRow(ctx, "SELECT relkind = 'r' AND coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) > 0 FROM pg_class WHERE oid = to_regclass($1)",
		qualified(e.record.Schema, t.Target)).Scan(&apart)
	if err != nil {
		return fmt.Errorf("look at table %s: %w", t.Target, err)
	}
	if apart {
		t.large, t.RowID = into, into.rowid
	}
	return nil
}

// column returns the column that is called so in the file.
func (t *exportTable) column(name string) *exportColumn {
	for i := range t.columns {
		if sameName(t.columns[i].Name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// prepareColumns decides about the columns of a table: those that the file had before, and those that were added.
func (e *exporter) prepareColumns(t *exportTable, into *sourceTable, now standingTable) error {
	find := func(target string) int {
		return slices.IndexFunc(now.columns, func(c standingColumn) bool { return c.name == target })
	}
	for _, c := range t.Columns {
		at := find(c.Target)
		if at < 0 {
			e.leave(Left{Kind: "column", Table: t.Name, Name: c.Name, Reason: "the database does not have it any more"})
			continue
		}
		if err := e.prepareColumn(t, c, into, now.columns[at]); err != nil {
			return err
		}
	}
	for _, c := range now.columns {
		if slices.ContainsFunc(t.Columns, func(planned Column) bool { return planned.Target == c.name }) {
			continue
		}
		if err := e.addColumn(t, into, c); err != nil {
			return err
		}
	}
	return nil
}

// prepareColumn decides about one column that the file has.
func (e *exporter) prepareColumn(t *exportTable, c Column, into *sourceTable, now standingColumn) error {
	at := into.column(c.Name)
	if at < 0 {
		return fmt.Errorf("table %s of the recorded schema has no column %s", t.Name, c.Name)
	}
	file := into.columns[at]
	if file.generated && !now.generated {
		e.leave(Left{Kind: "column", Table: t.Name, Name: c.Name, Reason: "SQLite computes it again"})
		return nil
	}
	if file.generated && e.file.computesWithStub(into.name, c.Name) {
		e.leave(Left{Kind: "column", Table: t.Name, Name: c.Name, Reason: "SQLite computes it with functions of the application"})
		return nil
	}
	affinity := affinity(file.declared)
	if into.strict && strings.EqualFold(file.declared, "ANY") {
		affinity = "BLOB"
	}
	before := c.Type
	column := asStanding(c, now, affinity)
	if file.generated {
		column.Generated = c.Generated
	}
	if baseOf(column.Type) != baseOf(before) && baseOf(now.typ) != baseOf(before) {
		e.note("%s.%s was %s and is %s on the database now", t.Name, c.Name, before, now.typ)
	}
	if !file.generated {
		restore, err := restoreColumn(column.Column, affinity)
		if err != nil {
			return err
		}
		column.restore = restore
		if t.large != nil {
			column.streamLarge(affinity, into)
		}
		if into.shows != nil && into.shows.spatial() && column.Convert == ConvertReal {
			column.restore = inSinglePrecision(restore)
		}
	}
	column.into = into.shownColumn(at)
	t.columns = append(t.columns, column)
	return nil
}

func baseOf(typ string) string {
	base, _ := splitType(typ)
	return base
}

// asStanding returns a column of the plan, with its affinity in the file, as the database has it now, whose type may be
// another one.
func asStanding(c Column, now standingColumn, affinity string) exportColumn {
	if baseOf(now.typ) != baseOf(c.Type) {
		c.Convert, c.Found = "", Found{}
	}
	c.Type, c.NotNull, c.Generated = now.typ, now.notNull, ""
	if c.Convert == "" {
		c.Type, c.Convert = plainType(now.typ)
	}
	name := quoteName(c.Target)
	column := exportColumn{Column: c, read: name, compared: name}
	switch {
	case baseOf(c.Type) != baseOf(now.typ): // one that nobody knows
		column.read = name + "::" + c.Type
		column.compared = column.read
	case c.Convert == ConvertInet: // a network too, which has no form but PostgreSQL's
		column.Type, column.Convert, column.Found = "text", ConvertText, Found{}
		column.read = "CASE WHEN " + name + " IS NOT NULL THEN format('%s', " + name + ") END"
		column.compared = column.read
	case c.Convert == ConvertDecimal:
		column.read = name + "::text"
	case c.Convert == ConvertReal:
		if ofNumbers(affinity) {
			column.compared = name + " + 0.0" // the file has 0 for -0, as an integer
		}
	case c.Convert == ConvertJulian:
		column.compared = "date_trunc('milliseconds', " + name + ")"
	}
	return column
}

// plainType returns the type by which a column is read of whose past nothing is known, and its conversion.
func plainType(typ string) (string, Conversion) {
	switch baseOf(typ) {
	case "smallint", "integer", "bigint":
		return typ, ConvertInteger
	case "boolean":
		return typ, ConvertBoolean
	case "real", "double precision":
		return "double precision", ConvertReal
	case "numeric":
		return typ, ConvertDecimal
	case "bytea":
		return typ, ConvertBytes
	case "jsonb":
		return typ, ConvertJSON
	case "uuid":
		return typ, ConvertUUID
	case "date":
		return typ, ConvertDate
	case "time without time zone":
		return typ, ConvertTime
	case "timestamp without time zone", "timestamp with time zone":
		return typ, ConvertTimestamp
	case "character varying":
		return typ, ConvertText
	}
	return "text", ConvertText
}

// plainDeclaration is the type that an added column gets in the file.
func plainDeclaration(typ string) string {
	switch base := baseOf(typ); base {
	case "smallint", "integer", "bigint":
		return "INTEGER"
	case "boolean":
		return "BOOLEAN"
	case "real", "double precision":
		return "REAL"
	case "numeric":
		return "NUMERIC"
	case "bytea":
		return "BLOB"
	case "date":
		return "DATE"
	case "time without time zone":
		return "TIME"
	case "timestamp without time zone", "timestamp with time zone":
		return "TIMESTAMP"
	}
	return "TEXT"
}

// addColumn adds a column to the file that the database has got since.
func (e *exporter) addColumn(t *exportTable, into *sourceTable, now standingColumn) error {
	if e.Original {
		e.leave(Left{Kind: "column", Table: t.Name, Name: now.name, Reason: "it is not of the original, and the original schema was asked for"})
		return nil
	}
	if into.shows != nil {
		e.leave(Left{Kind: "column", Table: t.Name, Name: now.name, Reason: "it was added since, and a virtual table cannot have it"})
		return nil
	}
	if into.column(now.name) >= 0 {
		e.leave(Left{Kind: "column", Table: t.Name, Name: now.name, Reason: "it was added since, and the file has one of that name"})
		return nil
	}
	c := Column{Name: now.name, Target: now.name, Declared: plainDeclaration(now.typ)}
	column := asStanding(c, now, affinity(c.Declared))
	var err error
	if column.restore, err = restoreColumn(column.Column, affinity(c.Declared)); err != nil {
		return err
	}
	sql := "ALTER TABLE main." + sourceName(t.Name) + " ADD COLUMN " + sourceName(c.Name) + " " + c.Declared
	if err := exec(e.file.conn, sql); err != nil {
		return err
	}
	column.into = c.Name
	into.columns = append(into.columns, sourceColumn{place: len(into.columns), name: c.Name, declared: c.Declared})
	if t.large != nil {
		column.streamLarge(affinity(c.Declared), into)
	}
	e.note("column %s.%s (%s) is not of the original: the file has it as %s, without default and constraints",
		t.Name, now.name, now.typ, c.Declared)
	t.columns = append(t.columns, column)
	return nil
}

// addTables creates the tables in the file that were made on the database since, and returns them.
func (e *exporter) addTables(standing []standingTable) (added []standingTable, err error) {
	for _, s := range standing {
		known := slices.ContainsFunc(e.record.Plan.Tables, func(t Table) bool { return t.Target == s.name })
		other := strings.HasPrefix(s.mark, markPrefix) || slices.Contains(e.record.Original.Beside, s.name)
		if known || other || s.name == quarantineTable || s.name == quarantineValues {
			continue
		}
		if e.file.has(s.name) || strings.HasPrefix(s.name, "sqlite_") {
			e.leave(Left{Kind: "added table", Name: s.name, Reason: "the file cannot have another object of that name"})
			continue
		}
		if err := exec(e.file.conn, createAdded(s)); err != nil {
			return nil, err
		}
		e.note("table %s is not of the original: the file has it, with its primary key and without its other constraints and indexes", s.name)
		added = append(added, s)
	}
	return added, nil
}

// createAdded returns the statement for a table that was added since.
func createAdded(s standingTable) string {
	parts := make([]string, len(s.columns))
	for i, c := range s.columns {
		parts[i] = sourceName(c.name) + " " + plainDeclaration(c.typ)
	}
	if len(s.key) > 0 {
		quoted := make([]string, len(s.key))
		for i, name := range s.key {
			quoted[i] = sourceName(name)
		}
		parts = append(parts, "PRIMARY KEY ("+strings.Join(quoted, ", ")+")")
	}
	return "CREATE TABLE main." + sourceName(s.name) + " (" + strings.Join(parts, ", ") + ")"
}

// addedTable returns what a plan would say of it.
func addedTable(s standingTable) Table {
	t := Table{Name: s.name, Target: s.name}
	for _, c := range s.columns {
		typ, convert := plainType(c.typ)
		t.Columns = append(t.Columns, Column{
			Name: c.name, Target: c.name, Declared: plainDeclaration(c.typ), Type: typ, Convert: convert,
		})
	}
	if len(s.key) > 0 {
		t.PrimaryKey = &Key{Columns: s.key}
	}
	return t
}

// nameEmptyTables lists the tables of the file that were never on the database.
func (e *exporter) nameEmptyTables() {
	for _, o := range e.file.tables() {
		planned := slices.ContainsFunc(e.record.Plan.Tables, func(t Table) bool { return t.Name == o.Name })
		inside := slices.ContainsFunc(e.file.virtual, func(v exportVirtual) bool { return v.inside(o.Name) })
		if !planned && !inside {
			e.leave(Left{Kind: "table", Name: o.Name, Reason: "it was not migrated; it is empty"})
		}
	}
}

// nameAddedViews lists the views that the database has got since.
func (e *exporter) nameAddedViews(ctx context.Context) error {
	rows, err := e.conn.Query(ctx, `
		SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('v', 'm') ORDER BY 1`,
		quoteName(e.record.Schema))
	if err != nil {
		return fmt.Errorf("list the views: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the views: %w", err)
	}
	for _, name := range names {
		known := slices.ContainsFunc(e.record.Plan.Views, func(v View) bool { return v.Target == name })
		if !known && !slices.Contains(e.record.Original.Beside, name) {
			e.leave(Left{Kind: "added view", Name: name, Reason: "it was made on the database since; SQLite's SQL is another one"})
		}
	}
	return nil
}
