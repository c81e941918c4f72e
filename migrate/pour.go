package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// rowsOnly returns the plan without what the target's own tables have already. The primary key stays: it tells the
// staged rows apart.
func (p *Plan) rowsOnly() *Plan {
	plan := *p
	plan.Views = nil
	plan.Tables = slices.Clone(p.Tables)
	for i := range plan.Tables {
		t := &plan.Tables[i]
		t.Uniques, t.ForeignKeys, t.Checks, t.Indexes = nil, nil, nil, nil
	}
	return &plan
}

// leftRows returns of what stays behind only what has rows.
func leftRows(left []Left) []Left {
	return slices.DeleteFunc(slices.Clone(left), func(l Left) bool { return !strings.Contains(l.Kind, "table") })
}

// pour adds the staged rows to the tables of the target in one transaction, in which it proves that they arrived as they
// were staged. Parents come before their children; foreign keys in a circle are set aside for as long.
func (m *migration) pour(ctx context.Context) error {
	s := m.stage
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"SET LOCAL synchronous_commit = on", "SET LOCAL lock_timeout = '30s'", "SET CONSTRAINTS ALL DEFERRED",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return explainStatement(sql, err)
			}
		}
		order, circle, err := s.parentsFirst(ctx, tx, m.plan)
		if err != nil {
			return err
		}
		for _, fk := range circle {
			if _, err := tx.Exec(ctx, fk.drop()); err != nil {
				return explainStatement(fk.drop(), err)
			}
		}
		for _, t := range order {
			if err := m.pourTable(ctx, tx, t); err != nil {
				return err
			}
		}
		for _, fk := range circle {
			if _, err := tx.Exec(ctx, fk.add()); err != nil {
				return explainPour(fk.table, fk.add(), err)
			}
		}
		return m.endPour(ctx, tx)
	})
	if err != nil && s.conn.IsClosed() && s.swapped(ctx, m.target) {
		return nil // only the answer to the commit was lost
	}
	if err != nil {
		return fmt.Errorf("add the rows to the target: %w", err)
	}
	return nil
}

// endPour keeps the quarantine and the record, and drops the staging schema.
func (m *migration) endPour(ctx context.Context, tx pgx.Tx) error {
	s := m.stage
	var statements []string
	if m.rejected > 0 {
		statements = s.keepQuarantine()
	}
	for _, sql := range append(statements, "DROP SCHEMA "+quoteName(s.name)+" CASCADE") {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	return m.record(ctx, tx)
}

// pourTable adds the rows of one table, proves them, and has its sequences go on after them.
func (m *migration) pourTable(ctx context.Context, tx pgx.Tx, t Table) error {
	there := m.existing[t.Target]
	into, from := qualified(m.stage.into, t.Target), qualified(m.stage.name, t.Target)
	if _, err := tx.Exec(ctx, "LOCK TABLE "+into+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return explainSwap("LOCK TABLE "+into, err)
	}
	var taken bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+into+")").Scan(&taken); err != nil {
		return fmt.Errorf("look into %s: %w", t.Target, err)
	}
	if taken {
		return lakeward.Errorf(lakeward.KindConflict, "empty it first, or use what exists as it is (--strategy use-existing)",
			"table %s of the target has rows already", t.Target)
	}
	var names, values []string
	var pairs [][2]string
	for _, c := range loadColumns(t) {
		column := there.find(c.Name)
		names, values = append(names, c.Target), append(values, column.cast(c))
		arrived, staged := column.compared(c)
		pairs = append(pairs, [2]string{arrived, staged})
	}
	insert := "INSERT INTO " + into + " " + nameList(names) + " OVERRIDING SYSTEM VALUE SELECT " + strings.Join(values, ", ") + " FROM " + from
	tag, err := tx.Exec(ctx, insert)
	if err != nil {
		return explainPour(t.Target, "INSERT INTO "+into, err)
	}
	if err := provePoured(ctx, tx, t, tag.RowsAffected(), into, from, names, pairs); err != nil {
		return err
	}
	return m.goOn(ctx, tx, t, there)
}

// provePoured compares what has arrived with what was staged: a trigger of the target may have changed it, or the type of
// a column rounded it. The pairs are the expressions of each column on both sides.
func provePoured(ctx context.Context, tx pgx.Tx, t Table, inserted int64, into, from string, names []string, pairs [][2]string) error {
	rows, staged, same, err := comparePoured(ctx, tx, into, from, pairs)
	if err != nil {
		return fmt.Errorf("compare the rows of %s: %w", t.Target, err)
	}
	if rows == staged && inserted == staged && same {
		return nil
	}
	changed := ""
	for i, pair := range pairs {
		if _, _, same, err := comparePoured(ctx, tx, into, from, [][2]string{pair}); err != nil {
			return fmt.Errorf("compare column %s of %s: %w", names[i], t.Target, err)
		} else if !same && rows == staged {
			changed += ", " + names[i] + " has changed"
		}
	}
	return lakeward.Errorf(lakeward.KindConflict,
		"disable the triggers and rules of the table for the migration, and give its columns types that hold all digits of the source",
		"table %s of the target did not take its rows as they are: %d staged, %d arrived%s", t.Target, staged, rows, changed)
}

// comparePoured counts the rows of both sides and compares some columns of them.
func comparePoured(ctx context.Context, tx pgx.Tx, into, from string, pairs [][2]string) (rows, staged int64, same bool, err error) {
	hash := func(side int) string {
		var columns []string
		for _, pair := range pairs {
			columns = append(columns, pair[side])
		}
		return "sum(hashtextextended(ROW(" + strings.Join(columns, ", ") + ")::text, 0))"
	}
	err = tx.QueryRow(ctx, `
		SELECT a.n, s.n, a.h IS NOT DISTINCT FROM s.h
		FROM (SELECT count(*) AS n, `+hash(0)+` AS h FROM `+into+`) a,
			(SELECT count(*) AS n, `+hash(1)+` AS h FROM `+from+`) s`).Scan(&rows, &staged, &same)
	return rows, staged, same, err
}

// goOn has the sequences of a table go on after the last value of the source.
func (m *migration) goOn(ctx context.Context, tx pgx.Tx, t Table, there *existingTable) error {
	for _, c := range t.Columns {
		if column := there.find(c.Name); column == nil || !column.Sequence {
			continue
		}
		var next int64
		err := tx.QueryRow(ctx, `
			SELECT setval(pg_get_serial_sequence($1, $2), greatest((SELECT max(`+quoteName(c.Target)+`) FROM `+
			qualified(m.stage.into, t.Target)+`), $3::bigint - 1, 1),
				EXISTS (SELECT FROM `+qualified(m.stage.into, t.Target)+`) OR $3 > 1) + 1`,
			qualified(m.stage.into, t.Target), c.Target, c.Next).Scan(&next)
		if err != nil {
			return fmt.Errorf("set the sequence of %s.%s: %w", t.Target, c.Target, err)
		}
		m.report.Sequences = append(m.report.Sequences, SequenceState{Table: t.Name, Column: c.Name, Next: max(next, c.Next)})
	}
	return nil
}

// explainPour turns what the target's own constraints say into a conflict. It is about the rows, so the statement that
// brought them is left out.
func explainPour(table, sql string, err error) error {
	said := withDetail(err)
	switch sqlState(err) {
	case "23503":
		return lakeward.Errorf(lakeward.KindConflict, "mend the rows without a parent in the source, or drop the foreign key for the migration",
			"a foreign key of the target refuses rows of %s: %w", table, said)
	case "23505", "23514", "23502", "23P01":
		return lakeward.Errorf(lakeward.KindConflict, "mend the rows in the source, or the constraint on the target",
			"a constraint of the target refuses rows of %s: %w", table, said)
	}
	if strings.HasPrefix(sqlState(err), "22") { // data exceptions
		return lakeward.Errorf(lakeward.KindConflict, "mend the values in the source, or the type of the column on the target",
			"a type of the target refuses values of %s: %w", table, said)
	}
	return explainStatement(sql, err)
}

// foreignKeyThere is a foreign key of the target.
type foreignKeyThere struct {
	schema, table, parent, name, definition string
}

func (fk foreignKeyThere) drop() string {
	return "ALTER TABLE " + qualified(fk.schema, fk.table) + " DROP CONSTRAINT " + quoteName(fk.name)
}

func (fk foreignKeyThere) add() string {
	return "ALTER TABLE " + qualified(fk.schema, fk.table) + " ADD CONSTRAINT " + quoteName(fk.name) + " " + fk.definition
}

// parentsFirst orders the tables so that rows find their parents, and names the foreign keys that no order satisfies.
func (s *stage) parentsFirst(ctx context.Context, tx pgx.Tx, p *Plan) (order []Table, circle []foreignKeyThere, err error) {
	keys, err := s.foreignKeys(ctx, tx, p)
	if err != nil {
		return nil, nil, err
	}
	placed := map[string]bool{}
	waiting := slices.Clone(p.Tables)
	for len(waiting) > 0 {
		free := slices.IndexFunc(waiting, func(t Table) bool {
			return !slices.ContainsFunc(keys, func(fk foreignKeyThere) bool { return fk.table == t.Target && !placed[fk.parent] })
		})
		if free < 0 { // a circle: the first of its tables goes without
			free = 0
			for _, fk := range keys {
				if fk.table == waiting[0].Target && !placed[fk.parent] {
					circle = append(circle, fk)
				}
			}
		}
		placed[waiting[free].Target] = true
		order = append(order, waiting[free])
		waiting = slices.Delete(waiting, free, free+1)
	}
	return order, circle, nil
}

// foreignKeys reads the foreign keys between the tables of the plan, but for those of a table to itself, which one
// statement satisfies, and those that are checked at the end.
func (s *stage) foreignKeys(ctx context.Context, tx pgx.Tx, p *Plan) ([]foreignKeyThere, error) {
	tables, _ := planNames(p)
	rows, err := tx.Query(ctx, `
		SELECT $1::text AS schema, c.relname::text AS table, r.relname::text AS parent, k.conname::text AS name,
			pg_get_constraintdef(k.oid) AS definition
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
		WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT k.condeferrable AND k.conrelid <> k.confrelid
			AND c.relnamespace = to_regnamespace(quote_ident($1)) AND r.relnamespace = c.relnamespace
			AND c.relname = ANY($2) AND r.relname = ANY($2)
		ORDER BY 2, 4`, s.into, tables)
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of schema %s: %w", s.into, err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fk foreignKeyThere, err error) {
		err = row.Scan(&fk.schema, &fk.table, &fk.parent, &fk.name, &fk.definition)
		return fk, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of schema %s: %w", s.into, err)
	}
	return keys, nil
}
