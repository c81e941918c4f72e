package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// orphanKey is a foreign key that moves its orphans.
type orphanKey struct {
	t    *tablePlanner
	at   int // place in the table's foreign keys
	seen int // losses of the parent that have been looked at, -1 for never
}

func (k *orphanKey) fk() *ForeignKey { return &k.t.ForeignKeys[k.at] }

// linkedColumns notes the columns of foreign keys and those that they refer to, whose changed values matter for orphans.
func (p *planner) linkedColumns() {
	for _, t := range p.tables {
		for _, fk := range t.ForeignKeys {
			parent := p.tableByTarget(fk.Table)
			for i, name := range fk.Columns {
				t.link(t.byTarget(name))
				parent.link(parent.byTarget(fk.References[i]))
			}
		}
	}
}

func (t *tablePlanner) link(column int) {
	if t.linked == nil {
		t.linked = map[int]bool{}
	}
	t.linked[column] = true
}

// settleOrphans finds the rows that orphan policies move. A row that goes takes the parent from others, so it goes on
// until no more are found; which rows these are does not depend on the order.
func (p *planner) settleOrphans(ctx context.Context) error {
	p.giveOrphanPolicies()
	var keys []*orphanKey
	for _, t := range p.parentsFirst() { // fewer rounds
		for i := range t.ForeignKeys {
			if t.ForeignKeys[i].Orphans = 0; t.ForeignKeys[i].moves() {
				keys = append(keys, &orphanKey{t: t, at: i, seen: -1})
			}
		}
	}
	for again := true; again; {
		again = false
		for _, k := range keys {
			parent := p.tableByTarget(k.fk().Table)
			if k.seen == parent.losses {
				continue
			}
			k.seen = parent.losses
			n, err := p.moveOrphans(ctx, k)
			if err != nil {
				return fmt.Errorf("find the orphans of %s: %w", k.fk().Name, err)
			}
			again = again || n > 0
		}
	}
	return p.nameOrphans(ctx, keys)
}

// giveOrphanPolicies gives foreign keys the policy that was asked for. One that cannot have it keeps its orphans.
func (p *planner) giveOrphanPolicies() {
	if p.given {
		return
	}
	for _, t := range p.tables {
		for i := range t.ForeignKeys {
			fk := &t.ForeignKeys[i]
			fk.OnOrphan = p.onOrphan
			if reason := t.unorphan(*fk); reason != "" {
				fk.OnOrphan = ""
				t.unfitOrphans = append(t.unfitOrphans, i)
			}
		}
	}
}

// moveOrphans takes the orphans of one key that are not taken yet, and returns how many there were.
func (p *planner) moveOrphans(ctx context.Context, k *orphanKey) (int, error) {
	t, fk := k.t, k.fk()
	if n, known := p.knownOrphans(t, fk); known && n == 0 {
		return 0, nil
	}
	into := &t.outcast
	if fk.OnOrphan == OrphanNull {
		if t.nulled == nil {
			t.nulled = map[int]string{}
		}
		name := t.nulled[k.at]
		into = &name
		defer func() { t.nulled[k.at] = name }()
	}
	key := keyOf(t.Table, "c")
	where := append(p.orphanCondition(t, fk), t.notRejected("c")...)
	where = append(where, t.notIn("c", *into)...)
	const fresh = "temp.fresh_orphans"
	err := p.execAll(ctx, "DROP TABLE IF EXISTS "+fresh,
		"CREATE TABLE "+fresh+" AS SELECT "+strings.Join(key, ", ")+" FROM main."+sourceName(t.Name)+" AS c WHERE "+strings.Join(where, " AND "))
	if err != nil {
		return 0, err
	}
	n, err := p.count(ctx, "SELECT count(*) FROM "+fresh)
	if n == 0 || err != nil {
		return 0, err
	}
	if err := p.keysTable(t, into, fmt.Sprintf("orphans %d of %s", k.at, t.Name)); err != nil {
		return 0, err
	}
	fill := []string{"INSERT INTO " + *into + " SELECT * FROM " + fresh}
	if fk.OnOrphan == OrphanQuarantine {
		if err := p.keysTable(t, &t.rejected, "rejected of "+t.Name); err != nil {
			return 0, err
		}
		fill = append(fill, "INSERT INTO "+t.rejected+" SELECT * FROM "+fresh)
	}
	t.losses++
	return int(n), p.execAll(ctx, append(fill, "DROP TABLE "+fresh)...)
}

func (p *planner) execAll(ctx context.Context, statements ...string) error {
	p.conn.SetInterrupt(ctx.Done())
	defer p.conn.SetInterrupt(nil)
	for _, sql := range statements {
		if err := exec(p.conn, sql); err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
	return nil
}

// keysTable makes a temporary table for keys of rows of t, unless there is one.
func (p *planner) keysTable(t *tablePlanner, name *string, title string) error {
	if *name != "" {
		return nil
	}
	*name = "temp." + sourceName(title)
	return exec(p.conn, "CREATE TABLE "+*name+" ("+strings.Join(keyColumns(t.Table), ", ")+")")
}

// keyOf returns the expressions of the key of a row that stands under an alias.
func keyOf(t Table, alias string) []string {
	key := rowKey(t)
	for i := range key {
		key[i] = alias + "." + key[i]
	}
	return key
}

// notIn returns the condition that a row's key is not in a table of keys, none when there is no such table.
func (t *tablePlanner) notIn(alias, keys string) []string {
	if keys == "" {
		return nil
	}
	left := strings.Join(keyOf(t.Table, alias), ", ")
	if len(rowKey(t.Table)) > 1 {
		left = "(" + left + ")"
	}
	return []string{left + " NOT IN (SELECT * FROM " + keys + ")"}
}

// orphanCondition returns the conditions under which a row c of t has a reference and no parent on the target. NULL in any
// column means no reference. A parent key that differs in case is found by SQLite's NOCASE and not by PostgreSQL.
func (p *planner) orphanCondition(t *tablePlanner, fk *ForeignKey) []string {
	parent := p.tableByTarget(fk.Table)
	var given, match, changed []string
	moved := false
	for i, name := range fk.Columns {
		from, to := t.effective("c", t.byTarget(name)), parent.byTarget(fk.References[i])
		plain := "p." + sourceName(parent.Columns[to].Name)
		given = append(given, from+" IS NOT NULL")
		match = append(match, plain+" = "+from)
		changed = append(changed, parent.effective("p", to)+" = "+from)
		if parent.collates(to) {
			match = append(match, plain+" = "+from+" COLLATE BINARY")
			changed = append(changed, parent.effective("p", to)+" = "+from+" COLLATE BINARY")
		}
		moved = moved || parent.changes[to]
	}
	there := slices.Concat(parent.notRejected("p"), parent.keeps("p", fk.References))
	if moved {
		match = append(match, "NOT "+parent.isChanged("p"))
	}
	exists := "EXISTS (SELECT 1 FROM main." + sourceName(parent.Name) + " AS p WHERE " + strings.Join(append(match, there...), " AND ") + ")"
	if moved {
		exists = "(" + exists + " OR EXISTS (SELECT 1 FROM (SELECT DISTINCT " + strings.Join(keyColumns(parent.Table), ", ") + " FROM " +
			parent.changed + ") AS v JOIN main." + sourceName(parent.Name) + " AS p ON " + parent.sameKey("p", "v") +
			" WHERE " + strings.Join(append(changed, there...), " AND ") + "))"
	}
	return append(given, "NOT "+exists)
}

// keeps returns the conditions that none of some columns of a row becomes NULL because it is an orphan.
func (t *tablePlanner) keeps(alias string, columns []string) (conditions []string) {
	for i := range t.ForeignKeys {
		shares := slices.ContainsFunc(t.ForeignKeys[i].Columns, func(c string) bool { return slices.Contains(columns, c) })
		if shares && t.nulled[i] != "" {
			conditions = append(conditions, t.notIn(alias, t.nulled[i])...)
		}
	}
	return conditions
}

// sameKey returns the condition that a row and one of keyColumns are the same.
func (t *tablePlanner) sameKey(alias, keys string) string {
	var same []string
	for i, key := range keyOf(t.Table, alias) {
		same = append(same, keys+".k"+strconv.Itoa(i)+" = "+key)
	}
	return strings.Join(same, " AND ")
}

func (t *tablePlanner) isChanged(alias string) string {
	return "EXISTS (SELECT 1 FROM " + t.changed + " AS v WHERE " + t.sameKey(alias, "v") + ")"
}

// effective returns the expression of a column's value as the target has it, which differs where it did not fit.
func (t *tablePlanner) effective(alias string, column int) string {
	plain := alias + "." + sourceName(t.Columns[column].Name)
	if !t.changes[column] {
		return plain
	}
	found := fmt.Sprintf("FROM %s AS v WHERE v.col = %d AND %s", t.changed, column, t.sameKey(alias, "v"))
	return "(CASE WHEN EXISTS (SELECT 1 " + found + ") THEN (SELECT v.v " + found + ") ELSE " + plain + " END)"
}

// changedRows keeps the values of linked columns that are others on the target; nil keeps nothing.
type changedRows struct {
	t    *tablePlanner
	stmt *sqlite.Stmt
}

// openChanged makes the temporary table for them, where some of the columns with misfits are linked and change.
func (p *planner) openChanged(t *tablePlanner, misfits []int) (*changedRows, error) {
	matters := slices.ContainsFunc(misfits, func(i int) bool {
		policy := t.Columns[i].OnMisfit
		return t.linked[i] && (policy == PolicyNull || policy == PolicyReplace)
	})
	if !matters {
		return nil, nil
	}
	t.changed, t.changes = "temp."+sourceName("changed of "+t.Name), map[int]bool{}
	keys := strings.Join(keyColumns(t.Table), ", ")
	err := exec(p.conn, "CREATE TABLE "+t.changed+" ("+keys+", col, v, PRIMARY KEY ("+keys+", col)) WITHOUT ROWID")
	if err != nil {
		return nil, err
	}
	stmt, _, err := p.conn.PrepareTransient("INSERT INTO " + t.changed + " VALUES (" + strings.Repeat("?, ", len(rowKey(t.Table))+1) + "?)")
	if err != nil {
		return nil, fmt.Errorf("prepare to keep changed values: %w", err)
	}
	return &changedRows{t, stmt}, nil
}

func (c *changedRows) close() {
	if c != nil {
		_ = c.stmt.Finalize() // it repeats the error of the last step
	}
}

// keep takes the changes of one row.
func (c *changedRows) keep(e *rowEncoder, misfits []misfit, key, row []value) error {
	if c == nil {
		return nil
	}
	for _, m := range misfits {
		column := c.t.source.column(m.column)
		if !c.t.linked[column] || m.did == actionFailed {
			continue
		}
		c.t.changes[column], c.t.losses = true, 1
		at := slices.IndexFunc(e.columns, func(other Column) bool { return other.Name == m.column })
		now := e.columns[at].standIn(e.encode[at], row[at])
		about := append(slices.Clone(key), value{class: sqlite.TypeInteger, i: int64(column)}, now)
		if err := keepKey(c.stmt, about); err != nil {
			return err
		}
	}
	return nil
}

// nameOrphans notes for each row that moves the first foreign key that wants it, counts them, and writes them down for the
// load.
func (p *planner) nameOrphans(ctx context.Context, keys []*orphanKey) error {
	var moved []Table
	for _, t := range p.tables {
		if t.outcast == "" && len(t.nulled) == 0 {
			continue
		}
		if err := exec(p.conn, createAside("temp", t.Table)); err != nil {
			return err
		}
		moved = append(moved, t.Table)
	}
	for _, k := range keys {
		n, err := p.nameOrphansOf(ctx, k)
		if err != nil {
			return fmt.Errorf("name the orphans of %s: %w", k.fk().Name, err)
		}
		k.fk().Orphans = n
	}
	for _, t := range p.tables {
		t.settleOrphanPolicies(p.given)
	}
	for i := range moved {
		moved[i] = p.table(moved[i].Name).Table
	}
	for _, k := range keys {
		if n := k.fk().Orphans; n > 0 {
			p.progress.Send(lakeward.Event{
				Type: lakeward.EventWarning, Phase: "plan", Table: k.t.Name,
				Message: fmt.Sprintf("%s without a parent in %s; %s", countOf(n, "row", "rows"), k.fk().Table, k.fk().will()),
			})
		}
	}
	if p.aside == "" || len(moved) == 0 {
		return nil
	}
	return writeAside(ctx, p.conn, p.aside, moved)
}

func (p *planner) nameOrphansOf(ctx context.Context, k *orphanKey) (int64, error) {
	t, fk := k.t, k.fk()
	into := "temp." + sourceName(t.Name)
	if fk.OnOrphan == OrphanNull {
		if t.nulled[k.at] == "" {
			return 0, nil
		}
		list := strings.Join(keyColumns(t.Table), ", ")
		where := "true"
		if t.rejected != "" {
			where = "(" + list + ") NOT IN (SELECT * FROM " + t.rejected + ")"
		}
		err := p.execAll(ctx, fmt.Sprintf("INSERT INTO %s (%s, nulls) SELECT %s, '%d,' FROM %s WHERE %s ON CONFLICT DO UPDATE SET nulls = nulls || excluded.nulls",
			into, list, list, k.at, t.nulled[k.at], where))
		return int64(p.conn.Changes()), err
	}
	if t.outcast == "" {
		return 0, nil
	}
	key := strings.Join(keyOf(t.Table, "c"), ", ")
	in := key
	if len(rowKey(t.Table)) > 1 {
		in = "(" + key + ")"
	}
	err := p.execAll(ctx, fmt.Sprintf("INSERT OR IGNORE INTO %s (%s, gone) SELECT %s, %d FROM main.%s AS c WHERE %s IN (SELECT * FROM %s) AND %s",
		into, strings.Join(keyColumns(t.Table), ", "), key, k.at, sourceName(t.Name), in, t.outcast, strings.Join(p.orphanCondition(t, fk), " AND ")))
	return int64(p.conn.Changes()), err
}

// settleOrphanPolicies takes the policies of foreign keys back that need none. The queries are of those that keep orphans.
func (t *tablePlanner) settleOrphanPolicies(given bool) {
	for i := range t.ForeignKeys {
		fk := &t.ForeignKeys[i]
		if !given && fk.Orphans == 0 {
			fk.OnOrphan = ""
		}
		fk.Query = ""
	}
}
