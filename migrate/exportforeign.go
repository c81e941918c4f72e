package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/dialect"
)

// A database may need more than SQLite itself has: modules for its virtual tables, collations and functions of its
// application. The file is made all the same. What this program's SQLite would get wrong without them is left out and
// named.

// exportVirtual is a virtual table of the original.
type exportVirtual struct {
	sourceVirtual
	known bool // this SQLite has its module
}

// inside reports whether a table is one of those in which the module keeps its data.
func (v *exportVirtual) inside(name string) bool {
	return sameName(v.holder, name) || slices.ContainsFunc(v.shadow, func(s string) bool { return sameName(s, name) })
}

// learn finds out what of the original is not SQLite's own.
func (f *exportFile) learn() {
	f.stubs = map[string]bool{}
	for _, o := range f.original.Objects {
		if v := readVirtual(sourceObject{kind: o.Kind, name: o.Name, table: o.Table, sql: o.SQL}); v.parsed != nil {
			f.virtual = append(f.virtual, exportVirtual{sourceVirtual: v})
		}
		if o.Kind == "table" || o.Kind == "index" {
			f.foreign = append(f.foreign, foreignCollations(o.SQL)...)
		}
	}
}

// foreignCollations returns the collations that a statement names and SQLite does not have.
func foreignCollations(sql string) []string {
	return slices.DeleteFunc(dialect.Collations(sql), func(name string) bool {
		return slices.Contains([]string{"BINARY", "NOCASE", "RTRIM"}, strings.ToUpper(name))
	})
}

// teach gives a connection collations by bytes and functions without results for those that it does not have.
func (f *exportFile) teach(conn *sqlite.Conn) error {
	for _, name := range f.foreign {
		if err := conn.SetCollation(name, strings.Compare); err != nil {
			return err
		}
	}
	for name := range f.stubs {
		if err := conn.CreateFunction(name, stub()); err != nil {
			return err
		}
	}
	return nil
}

// stub is a function that returns NULL, so that constraints which call it hold.
func stub() *sqlite.FunctionImpl {
	return &sqlite.FunctionImpl{
		NArgs: -1, Deterministic: true, AllowIndirect: true,
		Scalar: func(sqlite.Context, []sqlite.Value) (sqlite.Value, error) { return sqlite.Value{}, nil },
	}
}

// createTables makes the tables, those of virtual tables first: their modules make some by themselves.
func (f *exportFile) createTables() error {
	for i := range f.virtual {
		v := &f.virtual[i]
		err := f.create(originalObject{Kind: "virtual table", Name: v.name, SQL: v.sql})
		if v.known = err == nil; !v.known && !strings.Contains(err.Error(), "no such module") {
			return err
		}
	}
	for _, o := range f.tables() {
		if err := f.createTable(o); err != nil {
			return err
		}
	}
	return nil
}

// createTable makes one table, with stubs for the functions that it needs.
func (f *exportFile) createTable(o originalObject) error {
	for {
		err := f.create(o)
		name := unknownFunction(err)
		if name == "" || f.stubs[name] {
			return err
		}
		f.stubs[name] = true
		if err := f.teach(f.conn); err != nil {
			return err
		}
	}
}

// unknownFunction returns the name of the function that SQLite misses, or "".
func unknownFunction(err error) string {
	if err == nil {
		return ""
	}
	_, name, ok := strings.Cut(err.Error(), "no such function: ")
	if !ok {
		return ""
	}
	return firstWord(name)
}

// createIndex makes an index, unless its order or its entries are those of the application.
func (f *exportFile) createIndex(o originalObject) error {
	if names := foreignCollations(o.SQL); len(names) > 0 {
		return fmt.Errorf("it is in the order of the application's collation %s", names[0])
	}
	for name := range f.stubs {
		if dialect.Mentions(o.SQL, name) {
			return fmt.Errorf("it needs the application's function %s", name)
		}
	}
	for _, column := range f.generated(o.Table) {
		if dialect.Mentions(o.SQL, column.Name) && f.computesWithStub(o.Table, column.Name) {
			return fmt.Errorf("it is over %s, which a function of the application computes", column.Name)
		}
	}
	return f.create(o)
}

// generated returns the generated columns of a table.
func (f *exportFile) generated(table string) []dialect.ColumnDef {
	at := slices.IndexFunc(f.original.Objects, func(o originalObject) bool { return o.Kind == "table" && o.Name == table })
	if at < 0 {
		return nil
	}
	parsed, err := dialect.ParseCreateTable(f.original.Objects[at].SQL)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(parsed.Columns, func(c dialect.ColumnDef) bool { return c.Generated == nil })
}

// computesWithStub reports whether a generated column needs a function of the application.
func (f *exportFile) computesWithStub(table, column string) bool {
	return slices.ContainsFunc(f.generated(table), func(c dialect.ColumnDef) bool {
		return sameName(c.Name, column) && slices.ContainsFunc(sortedKeys(f.stubs), func(name string) bool {
			return dialect.Mentions(c.GeneratedText, name)
		})
	})
}

// finishVirtual fills the full-text indexes over the rows of tables, puts the definitions in that this SQLite has no
// module for, and names what is empty or in another order than the application's.
func (e *exporter) finishVirtual(context.Context) error {
	for i := range e.file.virtual {
		v := &e.file.virtual[i]
		reason := ""
		switch content, elsewhere := v.option("content"); {
		case !v.known:
			if err := e.file.define(v); err != nil {
				return err
			}
			reason = "this program's SQLite does not have its module: its definition is there, and what it searches by has to be made again"
			if v.fullText() {
				name := sourceName(v.name)
				reason += " in the application, with INSERT INTO " + name + " (" + name + ") VALUES ('rebuild')"
			}
		case v.fullText() && elsewhere && content != "":
			name := sourceName(v.name)
			if err := exec(e.file.conn, "INSERT INTO main."+name+" ("+name+") VALUES ('rebuild')"); err != nil {
				reason = "it is empty: " + err.Error()
			}
		case !slices.ContainsFunc(e.tables, func(t *exportTable) bool { return t.into == v.name }):
			reason = "it is empty: what it held was not migrated"
		}
		if reason != "" {
			e.leave(Left{Kind: "virtual table", Name: v.name, Reason: reason, Source: v.sql})
		}
	}
	for _, o := range e.file.objects("table") {
		if names := foreignCollations(o.SQL); len(names) > 0 {
			e.note("keys of %s are in the order of the application's collation %s: run REINDEX %s there", o.Name, names[0], names[0])
		}
	}
	return nil
}

// define writes the definition of a virtual table without its module, as it stood in the original.
func (f *exportFile) define(v *exportVirtual) error {
	if err := f.set("writable_schema = ON"); err != nil {
		return err
	}
	stmt, _, err := f.conn.PrepareTransient("INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)")
	if err != nil {
		return fmt.Errorf("define virtual table %s: %w", v.name, err)
	}
	stmt.BindText(1, v.name)
	stmt.BindText(2, v.sql)
	_, err = stmt.Step()
	if err != nil {
		err = fmt.Errorf("define virtual table %s: %w", v.name, err)
	}
	return also(also(err, stmt.Finalize()), f.set("writable_schema = RESET"))
}

// inSinglePrecision refuses what the 32-bit numbers of an R*Tree do not hold.
func inSinglePrecision(restore restoreFunc) restoreFunc {
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		dst, reason := restore(dst, v, field)
		if reason == "" && v.class == sqlite.TypeFloat && float64(float32(v.f)) != v.f {
			reason = string(appendNumberText(nil, *v)) + " is not exact in the 32-bit numbers of an R*Tree"
		}
		return dst, reason
	}
}
