package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// expand adds to the target what it lacks of the source's tables and columns, in one transaction; where nothing was to be
// changed there is nothing to do, because whatever is missing has been refused.
func (m *migration) expand(ctx context.Context) error {
	if m.Strategy == ExpandExisting {
		m.journal.begin("expand", "add the tables and columns that the target lacks")
		if err := pgx.BeginFunc(ctx, m.stage.conn, func(tx pgx.Tx) error { return m.addMissing(ctx, tx) }); err != nil {
			return fmt.Errorf("expand schema %s: %w", m.Schema, err)
		}
	}
	m.report.Left = nil // nothing else was asked for
	m.report.Verdict = VerdictSchema
	return nil
}

// addMissing runs the statements of an expansion, each of which the report names.
func (m *migration) addMissing(ctx context.Context, tx pgx.Tx) error {
	m.plan = m.plan.empty()
	statements := []string{"SET LOCAL lock_timeout = '30s'", "CREATE SCHEMA IF NOT EXISTS " + quoteName(m.Schema)}
	var added []string
	var keys []addition
	for _, t := range m.plan.Tables {
		there := m.existing[t.Target]
		if there == nil {
			added = append(added, "added table "+t.Target)
			statements = append(statements, m.newTable(t)...)
		} else {
			columns := t.missing(there)
			for _, c := range columns {
				added = append(added, "added column "+t.Target+"."+c.Target)
				statements = append(statements, m.newColumn(t, c))
			}
			keys = append(keys, m.newIndexes(t, columns)...)
		}
	}
	for _, t := range m.plan.Tables { // when all tables have their own keys
		keys = append(keys, m.newForeignKeys(t, m.existing[t.Target])...)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return explainExpand(sql, err)
		}
	}
	refused, err := addAll(ctx, tx, keys)
	if err != nil {
		return err
	}
	views, err := m.addViews(ctx, tx)
	if err != nil {
		return err
	}
	m.report.Notes = slices.Concat(m.report.Notes, added, refused, views)
	return nil
}

// addition is a key or an index that the target may not take beside what it has: a foreign key needs a unique key to refer
// to, which an application may have left out, and names may be taken.
type addition struct{ what, sql string }

// addAll makes additions, and returns what it has to say of those that the target does not take.
func addAll(ctx context.Context, tx pgx.Tx, list []addition) (refused []string, err error) {
	for _, a := range list {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, a.sql)
			return err
		})
		if sqlState(err) == lockNotAvailable {
			return nil, explainSwap(a.sql, err)
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			refused = append(refused, a.what+" was not added: "+pgErr.Message)
		} else if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

// explainExpand is explainSwap for names that the target has given to other things.
func explainExpand(sql string, err error) error {
	if state := sqlState(err); state == "42P07" || state == "42710" { // duplicate_table, duplicate_object
		return lakeward.Errorf(lakeward.KindConflict, "give it another name there, or drop it",
			"the target has something else of that name: %w", explainStatement(sql, err))
	}
	return explainSwap(sql, err)
}

// newTable returns the statements that create a table with its keys, checks and indexes.
func (m *migration) newTable(t Table) []string {
	statements := []string{createTable(m.Schema, t)}
	if t.PrimaryKey != nil {
		statements = append(statements, addPrimaryKey(m.Schema, t))
	}
	for _, k := range t.Uniques {
		statements = append(statements, addUnique(m.Schema, t, k))
	}
	for _, c := range t.Checks {
		statements = append(statements, addCheck(m.Schema, t, c))
	}
	for _, ix := range t.Indexes {
		statements = append(statements, createIndex(m.Schema, t, ix))
	}
	return statements
}

// missing returns the columns of t that the target's table does not have.
func (t *Table) missing(there *existingTable) []Column {
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c Column) bool { return there.find(c.Name) != nil })
}

// newColumn returns the statement that adds a column. One that must not be NULL needs a value for the rows that stand.
func (m *migration) newColumn(t Table, c Column) string {
	c.NotNull = c.NotNull && (c.Default != "" || c.Identity)
	return "ALTER TABLE " + qualified(m.Schema, t.Target) + " ADD COLUMN " + columnDefinition(m.Schema, c)
}

// newIndexes returns the statements for the indexes over columns that were added.
func (m *migration) newIndexes(t Table, added []Column) (list []addition) {
	for _, ix := range t.Indexes {
		text := strings.Join(ix.Keys, " ") + " " + ix.Where
		if slices.ContainsFunc(added, func(c Column) bool { return strings.Contains(text, quoteName(c.Target)) }) {
			list = append(list, addition{"index " + ix.Name, createIndex(m.Schema, t, ix)})
		}
	}
	for _, k := range t.Uniques {
		if slices.ContainsFunc(added, func(c Column) bool { return slices.Contains(k.Columns, c.Target) }) {
			list = append(list, addition{"unique constraint " + k.Name, addUnique(m.Schema, t, k)})
		}
	}
	return list
}

// newForeignKeys returns the statements for the foreign keys of a table that was added, and of columns that were.
func (m *migration) newForeignKeys(t Table, there *existingTable) (list []addition) {
	for _, fk := range t.ForeignKeys {
		if there == nil || slices.ContainsFunc(fk.Columns, func(c string) bool { return there.find(c) == nil }) {
			sql := addForeignKey(m.Schema, t, fk) + "; " + validateForeignKey(m.Schema, t, fk)
			list = append(list, addition{"foreign key " + t.Target + "." + fk.Name, sql})
		}
	}
	return list
}

// addViews creates the views that the target lacks, but for those that it does not accept.
func (m *migration) addViews(ctx context.Context, tx pgx.Tx) (added []string, err error) {
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = "+quoteName(m.Schema)); err != nil {
		return nil, fmt.Errorf("look into schema %s: %w", m.Schema, err)
	}
	for _, v := range m.plan.Views {
		var there, view bool
		err := tx.QueryRow(ctx, `SELECT count(*) > 0, coalesce(bool_or(relkind IN ('v', 'm')), false) FROM pg_class WHERE oid = to_regclass($1)`,
			qualified(m.Schema, v.Target)).Scan(&there, &view)
		switch {
		case err != nil:
			return nil, fmt.Errorf("look for view %s: %w", v.Target, err)
		case view:
			continue
		case there:
			added = append(added, fmt.Sprintf("view %s was not added: the target has something else of that name", v.Target))
			continue
		}
		err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, createView(m.Schema, v))
			return err
		})
		refused, ok := errors.AsType[*pgconn.PgError](err)
		switch {
		case ok:
			added = append(added, fmt.Sprintf("view %s was not added: %s", v.Target, refused.Message))
		case err != nil:
			return nil, err
		default:
			added = append(added, "added view "+v.Target)
		}
	}
	return added, nil
}
