package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// predictMisfits finds the rows of a table with values that do not fit, by encoding it as the load will. Only a table
// whose profile shows misfits is read again. The keys of the rows that will be quarantined are kept in a temporary table.
func (p *planner) predictMisfits(ctx context.Context, t *tablePlanner) error {
	expected := t.expectMisfits()
	if expected == nil {
		return nil
	}
	refused := p.givePolicies(t, expected)
	rejected, err := p.openRejected(t)
	if err != nil {
		return err
	}
	defer func() { _ = rejected.Finalize() }() // it repeats the error of the last step
	encoder, err := newRowEncoder(t.Table)
	if err != nil {
		return err
	}
	changed, err := p.openChanged(t, expected)
	if err != nil {
		return err
	}
	defer changed.close()
	keys := len(rowKey(t.Table))
	stored := storedRows{
		snapshot: p.snapshot, table: t.Name, columns: rowKey(t.Table), pageRange: allRows,
		query: "SELECT " + strings.Join(rowKey(t.Table), ", ") + ", " + strings.TrimPrefix(selectRows(t.Table), "SELECT "),
	}
	for _, c := range encoder.columns {
		stored.columns = append(stored.columns, c.Name)
	}
	var buffer []byte
	err = stored.read(ctx, p.conn, func(row []value) error {
		var misfits []misfit
		if buffer, misfits = encoder.append(buffer[:0], row[keys:]); encoder.err != nil {
			return encoder.err
		}
		for _, m := range misfits {
			c := t.column(m.column)
			if c.Misfits++; c.Misfits == 1 {
				r := newReject(t.Table, encoder.columns, row[keys:], m, nil)
				c.Misfit = string(r.key) + ": " + m.reason
			}
		}
		if misfits == nil || misfits[0].did != ActionQuarantined {
			return changed.keep(encoder, misfits, row[:keys], row[keys:])
		}
		t.losses = 1
		return keepKey(rejected, row[:keys])
	})
	if err != nil {
		return fmt.Errorf("read table %s: %w", t.Name, err)
	}
	if !p.given {
		t.settlePolicies(expected, refused)
	}
	return nil
}

// expectMisfits returns the columns whose profile shows values that do not fit.
func (t *tablePlanner) expectMisfits() (columns []int) {
	for i, c := range t.Columns {
		if c.Generated == "" && !c.Skip && t.profiles[i].doubts(c, t.inPrimaryKey(c.Target)) {
			columns = append(columns, i)
		}
	}
	return columns
}

// givePolicies gives columns the policy that was asked for, and returns why some cannot have it: what does not fit there
// is quarantined.
func (p *planner) givePolicies(t *tablePlanner, columns []int) map[int]string {
	refused := map[int]string{}
	if p.given {
		return refused
	}
	for _, i := range columns {
		c := &t.Columns[i]
		c.OnMisfit = p.onMisfit
		if reason := t.unpolicy(*c); reason != "" {
			c.OnMisfit, refused[i] = "", reason
		}
	}
	return refused
}

// settlePolicies takes the policies of columns back in which everything fits, and tells of those that could not be had.
func (t *tablePlanner) settlePolicies(columns []int, refused map[int]string) {
	for _, i := range columns {
		switch c := &t.Columns[i]; {
		case c.Misfits == 0:
			c.OnMisfit = ""
		case refused[i] != "":
			t.note("%s: rows whose value does not fit are quarantined; %s", c.Name, refused[i])
		}
		t.Columns[i].Samples = samples(t.Columns[i], t.profiles[i])
	}
}

// openRejected makes the temporary table for the keys of rows that will be quarantined.
func (p *planner) openRejected(t *tablePlanner) (*sqlite.Stmt, error) {
	if err := p.keysTable(t, &t.rejected, "rejected of "+t.Name); err != nil {
		return nil, err
	}
	marks := strings.Repeat("?, ", len(rowKey(t.Table)))
	stmt, _, err := p.conn.PrepareTransient("INSERT INTO " + t.rejected + " VALUES (" + strings.TrimSuffix(marks, ", ") + ")")
	if err != nil {
		return nil, fmt.Errorf("prepare to keep keys: %w", err)
	}
	return stmt, nil
}

func keepKey(stmt *sqlite.Stmt, key []value) error {
	for i, v := range key {
		v.bind(stmt, i+1)
	}
	if _, err := stmt.Step(); err != nil {
		return fmt.Errorf("keep the key of a row: %w", err)
	}
	return stmt.Reset()
}

// countViolations counts the rows that break the table's foreign keys and checks already in the source.
func (p *planner) countViolations(ctx context.Context, t *tablePlanner) error {
	for i := range t.ForeignKeys {
		fk := &t.ForeignKeys[i]
		if fk.moves() {
			continue
		}
		n, err := p.countOrphans(ctx, t, fk)
		if err != nil {
			return fmt.Errorf("count the orphans of %s: %w", fk.Name, err)
		}
		if n > 0 && slices.Contains(t.unfitOrphans, i) {
			wanted := *fk
			wanted.OnOrphan = p.onOrphan
			t.note("%s: %s kept; %s", fk.Name, countOf(n, "row without a parent is", "rows without a parent are"), t.unorphan(wanted))
		}
		if fk.Orphans = n; n > 0 {
			fk.Query = targetOrphans(p.schema, t.Target, fk)
			p.progress.Send(lakeward.Event{
				Type: lakeward.EventWarning, Phase: "plan", Table: t.Name,
				Message: fmt.Sprintf("%s without a parent in %s", countOf(n, "row", "rows"), fk.Table),
			})
		}
	}
	return p.countCheckViolations(ctx, t)
}

func (p *planner) count(ctx context.Context, query string) (n int64, err error) {
	err = readRows(ctx, p.conn, query, func(row []value) error {
		n = row[0].i
		return nil
	})
	return n, err
}

// countOrphans counts the rows without a parent: from the profile where it knows, otherwise by asking for every row.
func (p *planner) countOrphans(ctx context.Context, t *tablePlanner, fk *ForeignKey) (int64, error) {
	if n, known := p.knownOrphans(t, fk); known {
		return n, nil
	}
	where := slices.Concat(p.orphanCondition(t, fk), t.notRejected("c"), t.keeps("c", fk.Columns))
	return p.count(ctx, "SELECT count(*) FROM main."+sourceName(t.Name)+" AS c WHERE "+strings.Join(where, " AND "))
}

// knownOrphans returns how many orphans the profile has counted, if it has.
func (p *planner) knownOrphans(t *tablePlanner, fk *ForeignKey) (n int64, known bool) {
	parent := p.tableByTarget(fk.Table)
	if len(fk.Columns) != 1 || !t.untouched() || !parent.untouched() {
		return 0, false
	}
	child, key := t.profiles[t.byTarget(fk.Columns[0])], parent.profiles[parent.byTarget(fk.References[0])]
	for _, r := range child.counting {
		if r.to == key.keys && child.Integer == child.values() {
			return r.missing, true
		}
	}
	return 0, child.within(key)
}

// untouched reports whether every row of the table arrives with the values that it has.
func (t *tablePlanner) untouched() bool {
	return t.rejected == "" && t.changed == "" && len(t.nulled) == 0
}

// within reports whether all values are integers that lie among those of a key without gaps.
func (p *profile) within(key *profile) bool {
	if p.values() == 0 {
		return true
	}
	dense := key.keys != nil && key.Integer > 0 && uint64(key.MaxInteger)-uint64(key.MinInteger) == uint64(key.Integer-1)
	return dense && p.Integer == p.values() && p.MinInteger >= key.MinInteger && p.MaxInteger <= key.MaxInteger
}

// collates reports whether a key over the column folds case or spaces.
func (t *tablePlanner) collates(column int) bool {
	for _, ix := range t.source.indexes {
		for _, part := range ix.parts {
			if part.column == column && t.folds(column, part.collation) {
				return true
			}
		}
	}
	return false
}

// notRejected returns the condition that a row of the table, by its alias, is not quarantined.
func (t *tablePlanner) notRejected(alias string) []string { return t.notIn(alias, t.rejected) }

// targetOrphans finds the orphans of a foreign key on the target.
func targetOrphans(schema, table string, fk *ForeignKey) string {
	var given, match []string
	for i, c := range fk.Columns {
		given = append(given, "c."+quoteName(c)+" IS NOT NULL")
		match = append(match, "p."+quoteName(fk.References[i])+" = c."+quoteName(c))
	}
	return "SELECT c.* FROM " + qualified(schema, table) + " AS c WHERE " + strings.Join(given, " AND ") +
		" AND NOT EXISTS (SELECT FROM " + qualified(schema, fk.Table) + " AS p WHERE " + strings.Join(match, " AND ") + ")"
}

// countCheckViolations counts rows for which a check is false; NULL passes, as in PostgreSQL. All checks of a table are
// tried in one scan, or each in its own where one of them cannot be tried at all.
func (p *planner) countCheckViolations(ctx context.Context, t *tablePlanner) error {
	if err := p.tryChecks(ctx, t, t.Checks); err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i := range t.Checks {
		if err := p.tryChecks(ctx, t, t.Checks[i:i+1]); err != nil && ctx.Err() == nil {
			// It needs a function that the application registers with SQLite: PostgreSQL will tell.
			t.note("CHECK (%s) could not be tried on the source: %v", t.Checks[i].Source, errors.Unwrap(err))
		}
	}
	return context.Cause(ctx)
}

func (p *planner) tryChecks(ctx context.Context, t *tablePlanner, checks []Check) error {
	if len(checks) == 0 {
		return nil
	}
	counts := make([]string, len(checks))
	for i, c := range checks {
		counts[i] = "count(CASE WHEN NOT (" + c.Source + ") THEN 1 END)"
	}
	query := "SELECT " + strings.Join(counts, ", ") + " FROM main." + sourceName(t.Name) + " AS c"
	if where := t.notRejected("c"); where != nil {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return readRows(ctx, p.conn, query, func(row []value) error {
		for i := range checks {
			checks[i].Violations = row[i].i
		}
		return nil
	})
}

func (p *planner) tableByTarget(target string) *tablePlanner {
	for _, t := range p.tables {
		if t.Target == target {
			return t
		}
	}
	return nil
}

func (t *tablePlanner) byTarget(target string) int {
	for i, c := range t.Columns {
		if c.Target == target {
			return i
		}
	}
	return -1
}
