package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// catalog is the schema of a SQLite database: what its PRAGMAs and its sqlite_schema tell.
type catalog struct {
	encoding    string
	journal     string
	userVersion int64
	bytes       int64
	schemaHash  string
	tables      []sourceTable
	views       []sourceObject
	triggers    []sourceObject
	virtual     []sourceVirtual
	shadows     []string
	spatialite  []string         // tables of SpatiaLite itself
	sequence    map[string]int64 // of sqlite_sequence, by table
}

// sourceObject is a row of sqlite_schema.
type sourceObject struct {
	kind, name, table, sql string
}

// sourceTable is one ordinary table.
type sourceTable struct {
	name         string
	sql          string
	withoutRowID bool
	strict       bool
	columns      []sourceColumn
	indexes      []sourceIndex
	foreignKeys  []sourceForeignKey // in the order in which they are declared
	rowidAlias   int                // the column that is the rowid, or -1
	rowid        string             // a name under which the rowid can be read, or ""
	shows        *sourceVirtual     // the virtual table whose rows these are, or nil
	unreadable   []unreadableColumn
}

// unreadableColumn is a generated column that is not stored and that SQLite alone cannot compute.
type unreadableColumn struct{ name, reason string }

type sourceColumn struct {
	place     int // in the table, as SQLite counts
	name      string
	declared  string
	notNull   bool
	hasDef    bool
	def       string // SQL text of the default
	key       int    // place in the primary key, from 1; 0 when not part of it
	generated bool
	virtual   bool // generated when it is read
}

// sourceIndex is an index, or the index behind a primary key or unique constraint.
type sourceIndex struct {
	name    string
	sql     string // empty for a constraint's
	unique  bool
	origin  string // c, u, pk
	partial bool
	parts   []sourceIndexPart
	broken  int64 // rows whose keys would be equal on the target: it stays behind
}

type sourceIndexPart struct {
	column    int // place in columns, or one of the negative ones
	desc      bool
	collation string
}

// What is no column of the table has a negative place.
const (
	rowidPlace      = -1
	expressionPlace = -2
	unreadablePlace = -3
)

type sourceForeignKey struct {
	table              string
	columns            []string
	references         []string // empty: the parent's primary key
	onUpdate, onDelete string
}

// constraint reports whether the index belongs to a primary key or unique constraint.
func (ix *sourceIndex) constraint() bool { return ix.origin != "c" }

// key returns the columns of the primary key in its order.
func (t *sourceTable) key() []int {
	var key []int
	for i, c := range t.columns {
		if c.key > 0 {
			key = append(key, i)
		}
	}
	slices.SortFunc(key, func(a, b int) int { return t.columns[a].key - t.columns[b].key })
	return key
}

// column finds a column by its name, which SQLite compares without regard to ASCII case.
func (t *sourceTable) column(name string) int {
	return slices.IndexFunc(t.columns, func(c sourceColumn) bool { return sameName(c.name, name) })
}

// sameName compares names as SQLite does: ASCII letters in any case are the same.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// readCatalog reads the schema of conn's main database.
func readCatalog(ctx context.Context, conn *sqlite.Conn) (*catalog, error) {
	c := &catalog{sequence: map[string]int64{}}
	if err := c.readHeader(ctx, conn); err != nil {
		return nil, err
	}
	objects, err := c.readObjects(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := c.readTables(ctx, conn, objects); err != nil {
		return nil, err
	}
	return c, c.readSequence(ctx, conn, objects)
}

func (c *catalog) readHeader(ctx context.Context, conn *sqlite.Conn) error {
	var pages, size int64
	for _, p := range []struct {
		pragma string
		to     any
	}{
		{"encoding", &c.encoding},
		{"journal_mode", &c.journal},
		{"user_version", &c.userVersion},
		{"page_count", &pages},
		{"page_size", &size},
	} {
		err := readRows(ctx, conn, "PRAGMA main."+p.pragma, func(row []value) error {
			switch to := p.to.(type) {
			case *string:
				*to = string(row[0].b)
			case *int64:
				*to = row[0].i
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.bytes = pages * size
	return nil
}

// readObjects lists sqlite_schema and hashes it.
func (c *catalog) readObjects(ctx context.Context, conn *sqlite.Conn) ([]sourceObject, error) {
	var objects []sourceObject
	hash := sha256.New()
	err := readRows(ctx, conn, "SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema ORDER BY rowid",
		func(row []value) error {
			o := sourceObject{string(row[0].b), string(row[1].b), string(row[2].b), string(row[3].b)}
			objects = append(objects, o)
			fmt.Fprintf(hash, "%s\x00%s\x00%s\x00%s\x00", o.kind, o.name, o.table, o.sql)
			return nil
		})
	c.schemaHash = hex.EncodeToString(hash.Sum(nil))
	return objects, err
}

func (c *catalog) readTables(ctx context.Context, conn *sqlite.Conn, objects []sourceObject) error {
	kinds, err := tableKinds(ctx, conn)
	if err != nil {
		return err
	}
	indexSQL := map[string]string{}
	for _, o := range objects {
		switch {
		case o.kind == "index":
			indexSQL[o.name] = o.sql
		case o.kind == "table" && kinds[o.name].kind == "virtual":
			v := readVirtual(o)
			if v.spatial() && filledFromGeometries(o.name, objects) {
				v.holder = ""
			}
			c.virtual = append(c.virtual, v)
		}
	}
	ofSpatialite := spatialite(objects)
	for _, o := range objects {
		switch k := kinds[o.name]; {
		case o.kind == "view" && !(ofSpatialite && spatialiteOwn(o.name)):
			c.views = append(c.views, o)
		case o.kind == "trigger":
			c.triggers = append(c.triggers, o)
		case o.kind != "table" && o.kind != "view" || strings.HasPrefix(o.name, "sqlite_"):
		case ofSpatialite && spatialiteOwn(o.name):
			c.spatialite = append(c.spatialite, o.name)
		default:
			if err := c.readTable(ctx, conn, o, k, indexSQL); err != nil {
				return fmt.Errorf("read the schema of %s: %w", o.name, err)
			}
		}
	}
	return nil
}

// readTable reads a table, an ordinary or a virtual one, unless it is the inside of a virtual one.
func (c *catalog) readTable(ctx context.Context, conn *sqlite.Conn, o sourceObject, k tableKind,
	indexSQL map[string]string,
) error {
	shows := c.heldBy(o.name)
	switch {
	case k.kind == "virtual" && shows == nil:
		return nil // its rows are elsewhere
	case k.kind == "virtual":
		t, err := readSpatial(ctx, conn, shows)
		if err != nil || len(t.columns) == 0 {
			return err
		}
		c.tables = append(c.tables, t)
		return nil
	case shows == nil && (k.kind == "shadow" || c.inside(o.name)):
		c.shadows = append(c.shadows, o.name)
		return nil
	}
	t, err := readTable(ctx, conn, o, k, indexSQL)
	if err != nil {
		return err
	}
	t.shows = shows
	c.tables = append(c.tables, t)
	return nil
}

// heldBy returns the virtual table whose rows a table holds, or nil.
func (c *catalog) heldBy(name string) *sourceVirtual {
	for i := range c.virtual {
		if v := &c.virtual[i]; v.holder != "" && sameName(v.holder, name) {
			return v
		}
	}
	return nil
}

// inside reports whether a name is that of a virtual table's own tables. SQLite says so only where it has the module.
func (c *catalog) inside(name string) bool {
	return slices.ContainsFunc(c.virtual, func(v sourceVirtual) bool {
		return slices.ContainsFunc(v.shadow, func(s string) bool { return sameName(s, name) })
	})
}

// tableKind is a row of PRAGMA table_list.
type tableKind struct {
	kind                 string
	withoutRowID, strict bool
}

func tableKinds(ctx context.Context, conn *sqlite.Conn) (map[string]tableKind, error) {
	kinds := map[string]tableKind{}
	err := readRows(ctx, conn, "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'",
		func(row []value) error {
			kinds[string(row[0].b)] = tableKind{string(row[1].b), row[2].i == 1, row[3].i == 1}
			return nil
		})
	return kinds, err
}

func readTable(ctx context.Context, conn *sqlite.Conn, o sourceObject, k tableKind,
	indexSQL map[string]string,
) (t sourceTable, err error) {
	t = sourceTable{name: o.name, sql: o.sql, withoutRowID: k.withoutRowID, strict: k.strict, rowidAlias: -1}
	if err := t.readColumns(ctx, conn); err != nil {
		return t, err
	}
	if err := t.readIndexes(ctx, conn, indexSQL); err != nil {
		return t, err
	}
	if err := t.readForeignKeys(ctx, conn); err != nil {
		return t, err
	}
	t.findRowID()
	return t, nil
}

// shownName is the name under which applications know the rows of the table.
func (t *sourceTable) shownName() string {
	if t.shows != nil {
		return t.shows.name
	}
	return t.name
}

func (t *sourceTable) readColumns(ctx context.Context, conn *sqlite.Conn) error {
	err := readRows(ctx, conn, "PRAGMA main.table_xinfo("+sourceName(t.name)+")", func(row []value) error {
		if hidden := row[6].i; hidden != 1 {
			t.columns = append(t.columns, sourceColumn{
				place:     int(row[0].i),
				name:      string(row[1].b),
				declared:  string(row[2].b),
				notNull:   row[3].i == 1,
				hasDef:    row[4].class != sqlite.TypeNull,
				def:       string(row[4].b),
				key:       int(row[5].i),
				generated: hidden == 2 || hidden == 3,
				virtual:   hidden == 2,
			})
		}
		return nil
	})
	t.columns = slices.DeleteFunc(t.columns, func(c sourceColumn) bool {
		if err != nil || !c.virtual {
			return false
		}
		// It may need a function that only the application gives to SQLite.
		problem := exec(conn, "SELECT "+sourceName(c.name)+" FROM main."+sourceName(t.name)+" LIMIT 0")
		if problem != nil {
			t.unreadable = append(t.unreadable, unreadableColumn{c.name, lastError(problem)})
		}
		return problem != nil
	})
	return err
}

// lastError returns the innermost message of an error of SQLite.
func lastError(err error) string {
	message := err.Error()
	return message[strings.LastIndex(message, ": ")+1:]
}

func (t *sourceTable) readIndexes(ctx context.Context, conn *sqlite.Conn, sql map[string]string) error {
	err := readRows(ctx, conn, "PRAGMA main.index_list("+sourceName(t.name)+")", func(row []value) error {
		name := string(row[1].b)
		t.indexes = append(t.indexes, sourceIndex{
			name: name, sql: sql[name], unique: row[2].i == 1, origin: string(row[3].b), partial: row[4].i == 1,
		})
		return nil
	})
	slices.Reverse(t.indexes) // SQLite lists the newest first
	for i := range t.indexes {
		ix := &t.indexes[i]
		if err == nil {
			err = readRows(ctx, conn, "PRAGMA main.index_xinfo("+sourceName(ix.name)+")", func(row []value) error {
				if row[5].i == 1 { // not the rowid that every index carries
					ix.parts = append(ix.parts, sourceIndexPart{t.placed(int(row[1].i)), row[3].i == 1, string(row[4].b)})
				}
				return nil
			})
		}
	}
	return err
}

// placed translates a column's place in the table to its place in columns.
func (t *sourceTable) placed(place int) int {
	if place < 0 {
		return place
	}
	if i := slices.IndexFunc(t.columns, func(c sourceColumn) bool { return c.place == place }); i >= 0 {
		return i
	}
	return unreadablePlace
}

func (t *sourceTable) readForeignKeys(ctx context.Context, conn *sqlite.Conn) error {
	last := int64(-1)
	err := readRows(ctx, conn, "PRAGMA main.foreign_key_list("+sourceName(t.name)+")", func(row []value) error {
		if row[0].i != last {
			last = row[0].i
			t.foreignKeys = append(t.foreignKeys, sourceForeignKey{
				table: string(row[2].b), onUpdate: string(row[5].b), onDelete: string(row[6].b),
			})
		}
		fk := &t.foreignKeys[len(t.foreignKeys)-1]
		fk.columns = append(fk.columns, string(row[3].b))
		if row[4].class != sqlite.TypeNull {
			fk.references = append(fk.references, string(row[4].b))
		}
		return nil
	})
	slices.Reverse(t.foreignKeys) // SQLite lists the last declared first
	return err
}

// findRowID notes which column is the rowid, and under which name it can be read. A single INTEGER key is the rowid
// unless SQLite made an index for it, as it does for the quirk INTEGER PRIMARY KEY DESC.
func (t *sourceTable) findRowID() {
	if t.withoutRowID {
		return
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if t.rowid == "" && t.column(name) < 0 {
			t.rowid = name
		}
	}
	key := t.key()
	if len(key) != 1 || !strings.EqualFold(t.columns[key[0]].declared, "INTEGER") {
		return
	}
	for _, ix := range t.indexes {
		if ix.origin == "pk" {
			return
		}
	}
	t.rowidAlias = key[0]
	if t.rowid == "" {
		t.rowid = sourceName(t.columns[key[0]].name)
	}
}

func (c *catalog) readSequence(ctx context.Context, conn *sqlite.Conn, objects []sourceObject) error {
	if !slices.ContainsFunc(objects, func(o sourceObject) bool { return o.name == "sqlite_sequence" }) {
		return nil
	}
	return readRows(ctx, conn, "SELECT name, seq FROM main.sqlite_sequence", func(row []value) error {
		if row[1].class == sqlite.TypeInteger {
			c.sequence[string(row[0].b)] = row[1].i
		}
		return nil
	})
}
