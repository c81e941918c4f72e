package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// swap gives everything its name and makes what only makes sense under it, in one transaction. Then it reads all
// definitions again: they must be those that the dump itself has made before.
func (m *pgMigration) swap(ctx context.Context) error {
	s := m.stage
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		w := &pgSwap{pgMigration: m, tx: tx}
		return w.run(ctx)
	})
	if err != nil && s.conn.IsClosed() && s.swapped(ctx, m.target) {
		err = nil // only the answer to the commit was lost
	}
	if err != nil {
		return fmt.Errorf("swap the schemas in: %w", err)
	}
	s.Done = true
	if err := s.discard(ctx, m.target); err != nil { // a run after this one would only find what it need not know
		m.journal.warn("", err.Error())
	}
	return nil
}

// swapped finds out over a new session whether a commit that got no answer took place.
func (s *pgStage) swapped(ctx context.Context, target Target) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	conn, err := session(ctx, target)
	if err != nil {
		return false
	}
	defer closeSession(ctx, conn)
	var done bool
	err = conn.QueryRow(ctx, "SELECT coalesce((state -> 'done')::bool, false) FROM "+s.table("state")).Scan(&done)
	return err == nil && done
}

// pgQuarantineSchema is where the quarantine stays.
const pgQuarantineSchema = "public"

// pgSwap is the transaction of the swap.
type pgSwap struct {
	*pgMigration
	tx    pgx.Tx
	known []pgDefinition // of what stands in the schemas and stays
}

func (w *pgSwap) run(ctx context.Context) error {
	if err := w.execute(ctx, pgCreateSettings, "SET LOCAL synchronous_commit = on"); err != nil {
		return err
	}
	for _, do := range []func(context.Context) error{w.replace, w.reveal, w.complete, w.prove} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	if err := w.makeLargeObjects(ctx, w.tx); err != nil {
		return err
	}
	if w.rejected > 0 {
		keep := stage{name: w.stage.meta, into: pgQuarantineSchema}
		if err := w.execute(ctx, append([]string{"CREATE SCHEMA IF NOT EXISTS " + pgQuarantineSchema}, keep.keepQuarantine()...)...); err != nil {
			return err
		}
	}
	// Until the commit has been answered, a mark stays: a run after a kill would meet its own tables otherwise.
	return w.execute(ctx, "UPDATE "+w.stage.table("state")+` SET state = state || '{"done": true}'`)
}

func (w *pgSwap) execute(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := w.tx.Exec(ctx, sql); err != nil {
			return explainSwap(strings.TrimSpace(sql), err)
		}
	}
	return nil
}

// standing returns the schemas that the target had before.
func (w *pgSwap) standing() (names []string) {
	for _, space := range w.stage.Spaces {
		if !space.New {
			names = append(names, space.Schema)
		}
	}
	return names
}

// replace drops what the migration replaces, and nothing that has come since.
func (w *pgSwap) replace(ctx context.Context) error {
	standing, err := pgObjects(ctx, w.tx, w.standing()...)
	if err != nil {
		return err
	}
	now, err := pgInTheWay(standing, w.objects, len(w.stage.Replaced) > 0, w.report.Target.Name)
	if err != nil {
		return err
	}
	if fresh := pgWithout(now, w.stage.Replaced); len(fresh) > 0 {
		return lakeward.Errorf(lakeward.KindConflict, "the target has changed during the migration; start again",
			"the target has got %s since", fresh[0].describe())
	}
	if err := pgDrop(ctx, w.tx, now); err != nil {
		return err
	}
	w.known, err = pgDefinitions(ctx, w.tx, w.standing())
	return err
}

// pgDrop drops objects in an order that PostgreSQL accepts, without touching any other.
func pgDrop(ctx context.Context, tx pgx.Tx, objects []pgObject) error {
	pending := slices.DeleteFunc(slices.Clone(objects), func(o pgObject) bool { return !o.Moves })
	var refusal error
	try := func(some []pgObject) (bool, error) {
		names := make([]string, len(some))
		for i, o := range some {
			names[i] = o.qualified()
		}
		sql := "DROP " + some[0].Noun + " " + strings.Join(names, ", ")
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
		switch sqlState(err) {
		case "":
			return err == nil, err
		case "2BP01": // dependent objects still exist
			if refusal == nil || some[0].Class == "relation" {
				refusal = explainStatement(sql, err)
			}
			return false, nil
		case "42883", "42704", "42P01": // it went with another
			return true, nil
		}
		return false, explainStatement(sql, err)
	}
	for len(pending) > 0 {
		var rest []pgObject
		refusal = nil
		for _, noun := range []string{"VIEW", "MATERIALIZED VIEW", "TABLE", ""} {
			group := slices.DeleteFunc(slices.Clone(pending), func(o pgObject) bool { return o.Noun != noun })
			if noun != "" && len(group) > 1 {
				dropped, err := try(group)
				if err != nil {
					return err
				}
				if dropped {
					pending = slices.DeleteFunc(pending, func(o pgObject) bool { return o.Noun == noun })
				}
			}
		}
		for _, o := range pending {
			dropped, err := try([]pgObject{o})
			if err != nil {
				return err
			}
			if !dropped {
				rest = append(rest, o)
			}
		}
		if len(rest) == len(objects) || len(rest) > 0 && len(rest) == len(pending) {
			return lakeward.Errorf(lakeward.KindConflict, "drop or change it first, or migrate into another database",
				"what would be replaced is needed by something else: %w", refusal)
		}
		pending = rest
	}
	return nil
}

// reveal gives the staged schemas their names, or moves what is in them into the schemas that stand.
func (w *pgSwap) reveal(ctx context.Context) error {
	for _, space := range w.stage.Spaces {
		if space.New {
			sql := "ALTER SCHEMA " + quoteName(space.Stage) + " RENAME TO " + quoteName(space.Schema)
			if _, err := w.tx.Exec(ctx, sql); sqlState(err) == "42P06" { // duplicate schema
				return lakeward.Errorf(lakeward.KindConflict, "the target has changed during the migration; start again",
					"%w", explainStatement(sql, err))
			} else if err != nil {
				return explainSwap(sql, err)
			}
			continue
		}
		objects, err := pgObjects(ctx, w.tx, space.Stage)
		if err != nil {
			return err
		}
		if err := w.execute(ctx, "CREATE SCHEMA IF NOT EXISTS "+quoteName(space.Schema)); err != nil {
			return err
		}
		if err := pgMove(ctx, w.tx, objects, space.Schema); err != nil {
			return err
		}
		if err := w.execute(ctx, "DROP SCHEMA "+quoteName(space.Stage)); err != nil { // RESTRICT: nothing may have been forgotten
			return err
		}
	}
	return nil
}

// complete runs what remains of the dump, in its order: triggers, rules, policies, comments, grants and the steps that
// had to wait for the names.
func (w *pgSwap) complete(ctx context.Context) error {
	made := map[pgBuilt]bool{}
	for _, s := range w.steps {
		if !s.Late {
			made[s.built()] = true
		}
	}
	left := map[string]bool{}
	for _, l := range w.stage.Left {
		left[l.Draft] = true
	}
	for _, check := range w.stage.Checks {
		if err := w.check(ctx, check); err != nil {
			return err
		}
	}
	var script strings.Builder
	for _, s := range w.script.after {
		if b, ok := s.built(); ok && made[b] || left[s.text] {
			continue
		}
		script.WriteString(s.text + ";\n")
	}
	for _, v := range w.lateRefresh {
		script.WriteString("REFRESH MATERIALIZED VIEW " + qualified(v.Schema, v.Name) + ";\n")
	}
	if _, err := w.tx.Exec(ctx, script.String()); err != nil {
		return fmt.Errorf("make triggers, policies and what else comes last: %w", err)
	}
	return nil
}

// check makes one CHECK that had to wait for the names. One that rows break, as they may when a function has got another
// body since, holds for new rows.
func (w *pgSwap) check(ctx context.Context, check pgCheck) error {
	err := pgx.BeginFunc(ctx, w.tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, check.SQL)
		return err
	})
	if sqlState(err) != "23514" { // check_violation
		if err != nil {
			return explainStatement(check.SQL, err)
		}
		return nil
	}
	statements := pgSplit(check.SQL)
	statements[0].text += " NOT VALID"
	for _, s := range statements {
		if err := w.execute(ctx, s.text); err != nil {
			return err
		}
	}
	b, _ := statements[0].built()
	w.invalid[b] = true
	broken := CheckReport{Table: pgLabel(b.schema, b.table), Check: b.name}
	var expr string
	table := qualified(b.schema, b.table)
	err = w.tx.QueryRow(ctx, "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2",
		table, b.name).Scan(&expr)
	if err != nil {
		return fmt.Errorf("look at check %s of %s: %w", b.name, table, err)
	}
	broken.Query = "SELECT * FROM " + table + " WHERE NOT (" + expr + ")"
	if err := w.tx.QueryRow(ctx, "SELECT count(*) FROM "+table+" WHERE NOT ("+expr+")").Scan(&broken.Rows); err != nil {
		return explainStatement(broken.Query, err)
	}
	w.report.Checks = append(w.report.Checks, broken)
	w.journal.warn(broken.Table, fmt.Sprintf("%s against the check %s, which holds for new rows only", plural(broken.Rows, "row"), b.name))
	w.report.judge()
	return nil
}

// prove compares the definitions with those that were read when the whole dump had been made on empty tables.
func (w *pgSwap) prove(ctx context.Context) error {
	rows, err := w.tx.Query(ctx, "SELECT kind, name, text FROM "+w.stage.table("definition"))
	if err != nil {
		return fmt.Errorf("read the progress: %w", err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgDefinition])
	if err != nil {
		return fmt.Errorf("read the progress: %w", err)
	}
	got, err := pgDefinitions(ctx, w.tx, w.catalog.schemas)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for b := range w.invalid {
		known[b.schema+"."+b.table+" "+b.name] = true
	}
	differences := pgDiffer(want, pgUnknown(got, w.known), sameAcrossBuild, func(d pgDefinition) bool {
		return d.Kind == "constraint" && known[strings.ReplaceAll(d.Name, `"`, "")]
	})
	if len(differences) > 0 {
		return lakeward.Errorf(lakeward.KindInternal, "the target was left as it was; please report this",
			"what was built is not what the source has: %s", listFirst(differences))
	}
	return nil
}
