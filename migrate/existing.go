package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// existingTables are the tables of the target's schema, by name.
type existingTables map[string]*existingTable

// existingTable is a table that the application has created.
type existingTable struct {
	Name    string
	Columns []existingColumn
}

// existingColumn is one of its columns.
type existingColumn struct {
	Name       string
	Type       string // as in format_type(); of a domain, what it is over
	Bare       string // the type without its length or precision
	NotNull    bool
	Default    bool   // also of an identity
	Expression string // of a generated column
	Sequence   bool   // it has one of its own
}

// underDomains selects type and modifier of an attribute a, of a domain those of what it is over.
const underDomains = `
	WITH RECURSIVE over AS (
		SELECT a.atttypid AS type, a.atttypmod AS mod
		UNION ALL
		SELECT t.typbasetype, t.typtypmod FROM over JOIN pg_type t ON t.oid = over.type WHERE t.typtype = 'd'
	)
	SELECT over.type, over.mod FROM over JOIN pg_type t ON t.oid = over.type WHERE t.typtype <> 'd'`

// readExisting reads the ordinary and partitioned tables of a schema, without the quarantine.
func readExisting(ctx context.Context, target Target, schema string) (existingTables, error) {
	conn, err := session(ctx, target)
	if err != nil {
		return nil, err
	}
	defer closeSession(ctx, conn)
	rows, err := conn.Query(ctx, `
		SELECT c.relname::text, a.attname::text, format_type(base.type, base.mod), format_type(base.type, -1), a.attnotnull,
			a.atthasdef OR a.attidentity <> '',
			CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) ELSE '' END,
			pg_get_serial_sequence(format('%I.%I', $1::text, c.relname), a.attname) IS NOT NULL
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			CROSS JOIN LATERAL (`+underDomains+`) base
		WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'p') AND c.relname <> ALL ($2)
		ORDER BY c.relname, a.attnum`, schema, []string{quarantineTable, quarantineValues})
	if err != nil {
		return nil, fmt.Errorf("read the tables of schema %s: %w", schema, err)
	}
	tables := existingTables{}
	var name string
	var c existingColumn
	_, err = pgx.ForEachRow(rows, []any{&name, &c.Name, &c.Type, &c.Bare, &c.NotNull, &c.Default, &c.Expression, &c.Sequence}, func() error {
		if tables[name] == nil {
			tables[name] = &existingTable{Name: name}
		}
		tables[name].Columns = append(tables[name].Columns, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tables of schema %s: %w", schema, err)
	}
	return tables, nil
}

// find returns the table of that name, or the one that an application writes without quotes.
func (e existingTables) find(name string) *existingTable {
	if t := e[name]; t != nil {
		return t
	}
	return e[strings.ToLower(name)]
}

// find returns the column of that name, or the one that an application writes without quotes.
func (t *existingTable) find(name string) *existingColumn {
	if t == nil {
		return nil
	}
	for _, want := range []string{name, strings.ToLower(name)} {
		for i := range t.Columns {
			if t.Columns[i].Name == want {
				return &t.Columns[i]
			}
		}
	}
	return nil
}

// staged returns the types in which values on their way to the column can be staged: its own, or one from which
// PostgreSQL casts to it.
func (c *existingColumn) staged() []target {
	base, args := typeParts(c.Type)
	switch base {
	case "smallint", "integer", "bigint":
		return []target{{c.Type, ConvertInteger}}
	case "boolean":
		return []target{toBoolean}
	case "double precision":
		return []target{toReal}
	case "numeric":
		return []target{{c.Type, ConvertDecimal}}
	case "text", "character varying":
		return []target{{c.Type, ConvertText}}
	case "character":
		return []target{{fmt.Sprintf("character varying(%d)", args[0]), ConvertText}}
	case "bytea":
		return []target{toBytes}
	case "jsonb":
		return []target{toJSON}
	case "uuid":
		return []target{toUUID}
	case "date":
		return []target{toDate}
	case "time without time zone":
		return []target{{c.Type, ConvertTime}}
	case "timestamp without time zone":
		return append([]target{{c.Type, ConvertTimestamp}, {c.Type, ConvertJulian}}, timestamps(c.zoned())...)
	case "timestamp with time zone":
		return timestamps(c.Type)
	case "interval":
		return []target{{c.Type, ConvertInterval}, toText}
	case "real", "money", "name", `"char"`:
		return nil // it would round, or cut
	}
	return []target{toText}
}

// timestamps are the ways to a timestamp with a zone, of the column's precision: PostgreSQL would round to it in silence.
func timestamps(typ string) []target {
	return []target{{typ, ConvertTimestamp}, {typ, ConvertEpoch}, {typ, ConvertEpochMS}, {typ, ConvertEpochUS}}
}

// zoned returns the type of a timestamp with the zone that it does not have.
func (c *existingColumn) zoned() string { return strings.Replace(c.Type, "without", "with", 1) }

// cast returns the SQL expression that turns the staged column into the one of the target, without its length and precision:
// a cast cuts and rounds to those in silence, where storing the value refuses it, or changes it so that the proof sees it.
func (c *existingColumn) cast(staged Column) string {
	name := quoteName(staged.Target)
	switch {
	case staged.Type == c.Type:
		return name
	case strings.HasPrefix(staged.Type, "timestamp with time zone") && strings.Contains(c.Type, "without time zone"):
		return "(" + name + " AT TIME ZONE 'UTC')"
	case strings.HasPrefix(c.Type, "character("):
		return name // what casts to it pads it
	}
	return name + "::" + c.Bare
}

// compared returns the SQL expressions of the column and of what was staged for it, which are the same text when the column
// holds the value.
func (c *existingColumn) compared(staged Column) (there, from string) {
	there, from = quoteName(c.Name), c.cast(staged)
	if strings.HasPrefix(c.Type, "character(") { // as text it has no spaces at its end: a value with some is another one
		there += "::text"
	}
	return there, from
}

// takeExisting gives columns that the target has the types that they have there.
func (p *planner) takeExisting() {
	for _, t := range p.tables {
		for i := range t.Columns {
			c := t.existing.find(t.Columns[i].Name)
			if c == nil {
				continue
			}
			var best target // by what the values mean, however many decimals there are room for
			for _, to := range c.staged() {
				if best.typ == "" || t.profiles[i].misfits(to.bare()) < t.profiles[i].misfits(best.bare()) {
					best = to
				}
			}
			if best.typ != "" {
				t.decide(i, choice{target: best, evidence: "the target has it as " + c.Type})
			}
		}
	}
}

// keepExisting takes out of the plan what the target's own tables have, or do without: all but their rows.
func (p *planner) keepExisting() {
	if p.existing == nil {
		return
	}
	for _, t := range p.tables {
		if t.existing == nil {
			continue
		}
		for i := range t.Columns {
			column := &t.Columns[i]
			if c := t.existing.find(column.Name); c != nil {
				column.NotNull, column.Generated = c.NotNull, c.Expression
				column.Default, column.Identity, column.Next = "", false, max(column.Next, 0)
			}
		}
	}
}

// checkExisting refuses tables of the target into which the source's rows cannot go, or which the application would miss.
func (m *migration) checkExisting() error {
	if !m.Strategy.existing() || m.Strategy == ExpandExisting {
		return nil
	}
	var problems []string
	for _, t := range m.plan.Tables {
		there := m.existing[t.Target]
		if there == nil {
			problems = append(problems, "it has no table "+t.Name)
			continue
		}
		problems = append(problems, m.checkColumns(t, there)...)
	}
	if len(problems) == 0 {
		return nil
	}
	return lakeward.Errorf(lakeward.KindConflict,
		"have the application create its tables first, or choose another strategy (--strategy expand-existing or schema-and-data)",
		"the tables of the target's schema %s are not those of the source: %s", m.Schema, listFirst(problems))
}

// checkColumns names what is wrong with the columns of one table.
func (m *migration) checkColumns(t Table, there *existingTable) (problems []string) {
	for _, c := range t.Columns {
		column := there.find(c.Name)
		switch {
		case column == nil:
			problems = append(problems, fmt.Sprintf("table %s has no column %s", there.Name, c.Name))
		case m.Strategy == UseExisting:
		case column.staged() == nil:
			problems = append(problems, fmt.Sprintf("%s.%s is %s, which rounds or cuts values", there.Name, column.Name, column.Type))
		case !rare(c.Misfits, c.Found.values()):
			problems = append(problems, fmt.Sprintf("%s.%s is %s, which cannot hold %s of the source",
				there.Name, column.Name, column.Type, countOf(c.Misfits, "value", "values")))
		}
	}
	if m.Strategy == UseExisting {
		return problems
	}
	for _, column := range there.Columns {
		if column.NotNull && !column.Default && t.target(column.Name) == nil {
			problems = append(problems, fmt.Sprintf("%s.%s must not be NULL, and the source does not have it", there.Name, column.Name))
		}
	}
	return problems
}

// values returns how many values that are not NULL a column has.
func (f Found) values() int64 { return f.Integer + f.Real + f.Text + f.Blob }

// target finds a column of the table by its name on the target.
func (t *Table) target(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Target == name {
			return &t.Columns[i]
		}
	}
	return nil
}
