package migrate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// Which rows orphan policies keep off the target, or change there, is worked out here once more from the snapshot, by
// other queries than those of the plan, over what the verification itself finds not to fit.

// In a table of lost rows stand the keys of rows with what is lost: the whole row, or the columns of a foreign key, by its
// place.
const (
	lostMisfit = -2 // the row, by the policy of a column
	lostOrphan = -1 // the row, by the policy of a foreign key
)

// orphanProof is the state of that work, over one connection.
type orphanProof struct {
	conn   *sqlite.Conn
	plan   *Plan
	tables map[string]*proofTable // by their names on the target: those that matter
}

// proofTable is a table with a foreign key that moves rows, or one that such a key refers to.
type proofTable struct {
	Table
	lost    string       // the temporary table of lost rows
	values  string       // what to read its values from: the table, or a view with the changed ones
	linked  map[int]bool // columns of such foreign keys, and those that they refer to
	changed bool
}

// findOrphans writes down which rows the orphan policies of the plan move, for the comparison of their tables.
func (v *verifier) findOrphans(ctx context.Context) error {
	o := &orphanProof{plan: v.plan, tables: map[string]*proofTable{}}
	if o.involve(); len(o.tables) == 0 {
		return nil
	}
	var err error
	if o.conn, err = v.snapshot.open(); err != nil {
		return err
	}
	defer func() { _ = o.conn.Close() }() // it was only read
	for _, t := range o.tables {
		if err := o.prepare(ctx, t); err != nil {
			return fmt.Errorf("look for orphans of %s: %w", t.Name, err)
		}
	}
	for again := true; again; {
		if again, err = o.round(ctx); err != nil {
			return fmt.Errorf("look for orphans: %w", err)
		}
	}
	v.moved, v.aside = map[string]bool{}, filepath.Join(v.snapshot.folder, asideVerifyFile)
	var moved []Table
	for _, t := range o.tables {
		if slices.ContainsFunc(t.ForeignKeys, func(fk ForeignKey) bool { return fk.moves() }) {
			if err := o.name(ctx, t); err != nil {
				return fmt.Errorf("name the orphans of %s: %w", t.Name, err)
			}
			moved, v.moved[t.Name] = append(moved, t.Table), true
		}
	}
	return writeAside(ctx, o.conn, v.aside, moved)
}

// involve finds the tables that matter.
func (o *orphanProof) involve() {
	table := func(target string) *proofTable {
		if o.tables[target] == nil {
			at := slices.IndexFunc(o.plan.Tables, func(t Table) bool { return t.Target == target })
			t := o.plan.Tables[at]
			o.tables[target] = &proofTable{Table: t, linked: map[int]bool{}, values: "main." + sourceName(t.Name)}
		}
		return o.tables[target]
	}
	for _, t := range o.plan.Tables {
		for _, fk := range t.ForeignKeys {
			if !fk.moves() {
				continue
			}
			child, parent := table(t.Target), table(fk.Table)
			for i := range fk.Columns {
				child.linked[child.place(fk.Columns[i])] = true
				parent.linked[parent.place(fk.References[i])] = true
			}
		}
	}
}

func (t *proofTable) place(target string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Target == target })
}

// keys returns the columns of the row's key under an alias.
func (t *proofTable) keys(alias string) string { return strings.Join(keyOf(t.Table, alias), ", ") }

// prepare reads the table once for what does not fit by the policies of its columns.
func (o *orphanProof) prepare(ctx context.Context, t *proofTable) error {
	shape, err := newRowShape(t.Table)
	if err != nil {
		return err
	}
	t.lost = "temp." + sourceName("lost "+t.Name)
	changed := "temp." + sourceName("other "+t.Name)
	names := strings.Join(keyColumns(t.Table), ", ")
	for _, sql := range []string{
		"CREATE TABLE " + t.lost + " (" + names + ", what, PRIMARY KEY (" + names + ", what)) WITHOUT ROWID",
		"CREATE TABLE " + changed + " (" + names + ", place, v, PRIMARY KEY (place, " + names + ")) WITHOUT ROWID",
	} {
		if err := exec(o.conn, sql); err != nil {
			return err
		}
	}
	marks := strings.Repeat("?, ", len(rowKey(t.Table)))
	lose, _, err := o.conn.PrepareTransient("INSERT INTO " + t.lost + " VALUES (" + marks + "?)")
	if err != nil {
		return err
	}
	defer func() { _ = lose.Finalize() }() // it repeats the error of the last step
	change, _, err := o.conn.PrepareTransient("INSERT INTO " + changed + " VALUES (" + marks + "?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = change.Finalize() }() // as above
	err = shape.scan(ctx, o.conn, func(r *sourceRow) error {
		if r.misfit >= 0 {
			return keepKey(lose, append(t.keyValues(r), integerValue(lostMisfit)))
		}
		for _, c := range r.changed {
			if !t.linked[c.column] {
				continue
			}
			t.changed = true
			if err := keepKey(change, append(t.keyValues(r), integerValue(int64(c.column)), c.to)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !t.changed {
		return err
	}
	return o.showChanged(t, changed)
}

func integerValue(i int64) value { return value{class: sqlite.TypeInteger, i: i} }

// keyValues returns the key of a row.
func (t *proofTable) keyValues(r *sourceRow) []value {
	if t.RowID != "" {
		return []value{integerValue(r.rowid)}
	}
	var key []value
	for _, c := range t.PrimaryKey.Columns {
		key = append(key, r.values[t.place(c)])
	}
	return key
}

// showChanged makes a view of the table with its changed values.
func (o *orphanProof) showChanged(t *proofTable, changed string) error {
	fields, joins := keyOf(t.Table, "t"), ""
	for i, key := range rowKey(t.Table) {
		fields[i] += " AS " + sourceName(strings.Trim(key, `"`))
	}
	if t.RowID == "" {
		fields = nil // the key's columns are among the others
	}
	for i, c := range t.Columns {
		field := "t." + sourceName(c.Name)
		if t.linked[i] {
			alias := "x" + strconv.Itoa(i)
			joins += " LEFT JOIN " + changed + " AS " + alias + " ON " + alias + ".place = " + strconv.Itoa(i)
			for n, key := range keyOf(t.Table, "t") {
				joins += " AND " + alias + ".k" + strconv.Itoa(n) + " = " + key
			}
			field = "CASE WHEN " + alias + ".place IS NULL THEN " + field + " ELSE " + alias + ".v END"
		} else if t.RowID != "" || !t.inPrimaryKey(c.Target) {
			continue
		}
		if t.RowID != sourceName(c.Name) {
			fields = append(fields, field+" AS "+sourceName(c.Name))
		}
	}
	t.values = "temp." + sourceName("values of "+t.Name)
	return exec(o.conn, "CREATE TEMP VIEW "+sourceName("values of "+t.Name)+" AS SELECT "+strings.Join(fields, ", ")+
		" FROM main."+sourceName(t.Name)+" AS t"+joins)
}

// broken returns FROM and WHERE over the rows c of a table whose reference leads to no row that is on the target with its
// key.
func (o *orphanProof) broken(t *proofTable, fk ForeignKey) string {
	parent := o.tables[fk.Table]
	dead := []string{strconv.Itoa(lostMisfit), strconv.Itoa(lostOrphan)}
	for i, other := range parent.ForeignKeys {
		if slices.ContainsFunc(other.Columns, func(c string) bool { return slices.Contains(fk.References, c) }) {
			dead = append(dead, strconv.Itoa(i))
		}
	}
	var set, on []string
	for i, name := range fk.Columns {
		from := "c." + sourceName(t.Columns[t.place(name)].Name)
		to := "p." + sourceName(parent.Columns[parent.place(fk.References[i])].Name)
		set = append(set, from+" IS NOT NULL")
		on = append(on, to+" = "+from, to+" = "+from+" COLLATE BINARY")
	}
	var same []string
	for i, key := range keyOf(parent.Table, "p") {
		same = append(same, "l.k"+strconv.Itoa(i)+" = "+key)
	}
	return " FROM " + t.values + " AS c LEFT JOIN " + parent.values + " AS p ON " + strings.Join(on, " AND ") +
		" LEFT JOIN " + parent.lost + " AS l ON " + strings.Join(same, " AND ") + " AND l.what IN (" + strings.Join(dead, ", ") + ")" +
		" WHERE " + strings.Join(set, " AND ") + " AND (" + keyOf(parent.Table, "p")[0] + " IS NULL OR l.what IS NOT NULL)"
}

// round loses what has no parent any more, and reports whether there was anything.
func (o *orphanProof) round(ctx context.Context) (again bool, err error) {
	o.conn.SetInterrupt(ctx.Done())
	defer o.conn.SetInterrupt(nil)
	for _, t := range o.tables {
		for i, fk := range t.ForeignKeys {
			if !fk.moves() {
				continue
			}
			what := i
			if fk.OnOrphan == OrphanQuarantine {
				what = lostOrphan
			}
			present := fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM %s AS g WHERE %s AND g.what IN (%d, %d))", t.lost, t.sameLost(), lostMisfit, what)
			sql := fmt.Sprintf("INSERT OR IGNORE INTO %s SELECT %s, %d%s%s", t.lost, t.keys("c"), what, o.broken(t, fk), present)
			if err := exec(o.conn, sql); err != nil {
				return false, err
			}
			again = again || o.conn.Changes() > 0
		}
	}
	return again, nil
}

func (t *proofTable) sameLost() string {
	var same []string
	for i, key := range keyOf(t.Table, "c") {
		same = append(same, "g.k"+strconv.Itoa(i)+" = "+key)
	}
	return strings.Join(same, " AND ")
}

// name fills the table that the comparison reads: the first foreign key for which a row is lost, and those whose columns
// are.
func (o *orphanProof) name(ctx context.Context, t *proofTable) error {
	o.conn.SetInterrupt(ctx.Done())
	defer o.conn.SetInterrupt(nil)
	if err := exec(o.conn, createAside("temp", t.Table)); err != nil {
		return err
	}
	into, names := "temp."+sourceName(t.Name), strings.Join(keyColumns(t.Table), ", ")
	for i, fk := range t.ForeignKeys {
		sql := ""
		switch fk.OnOrphan {
		case OrphanQuarantine:
			sql = fmt.Sprintf("INSERT OR IGNORE INTO %s (%s, gone) SELECT %s, %d%s AND EXISTS (SELECT 1 FROM %s AS g WHERE %s AND g.what = %d)",
				into, names, t.keys("c"), i, o.broken(t, fk), t.lost, t.sameLost(), lostOrphan)
		case OrphanNull:
			var same []string
			for n := range rowKey(t.Table) {
				same = append(same, fmt.Sprintf("g.k%d = n.k%d", n, n))
			}
			sql = fmt.Sprintf(`INSERT INTO %s (%s, nulls) SELECT %s, '%d,' FROM %s AS n WHERE what = %d
				AND NOT EXISTS (SELECT 1 FROM %s AS g WHERE %s AND g.what < 0)
				ON CONFLICT DO UPDATE SET nulls = nulls || excluded.nulls`,
				into, names, names, i, t.lost, i, t.lost, strings.Join(same, " AND "))
		default:
			continue
		}
		if err := exec(o.conn, sql); err != nil {
			return err
		}
	}
	return nil
}
