package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A migration may have been killed when its work was done and nobody had been told. Its record says what it was made
// from, so that the same command finds it and compares once more, instead of meeting its own tables as a stranger's.

// cause is what a migration was made from: the same cause twice has the same result.
type cause struct {
	Asked string     `json:"asked"` // digest of the choices
	Mark  sourceMark `json:"mark"`  // of the source
}

// cause returns what this migration is made from.
func (m *migration) cause() *cause { return &cause{m.work.state.Asked, m.work.state.Source} }

// done returns the record of a migration that has put the same in place before, nil when there is none. With permission
// to replace, only this run itself counts, killed after its swap: what others have left is to be replaced.
func (m *migration) done(ctx context.Context) (*recorded, error) {
	var staged, there bool
	err := m.stage.conn.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL`,
		quoteName(m.stage.name), qualified(recordSchema, recordTable)).Scan(&staged, &there)
	if err != nil {
		return nil, fmt.Errorf("look at the target: %w", err)
	}
	if staged || !there {
		return nil, nil
	}
	made, err := json.Marshal(m.cause())
	if err != nil {
		return nil, fmt.Errorf("write down the choices: %w", err)
	}
	r := &recorded{Plan: &Plan{}}
	var plan string
	err = m.stage.conn.QueryRow(ctx, `
		SELECT id, at, plan::text FROM `+recordSchema+"."+recordTable+`
		WHERE id = $1 OR NOT $5 AND "schema" = $2 AND source_path = $3 AND original -> 'cause' = $4::jsonb
		ORDER BY id <> $1, at DESC LIMIT 1`,
		m.stage.id, m.Schema, cleanText(m.plan.Source.Path), string(made), m.Replace != "").Scan(&r.ID, &r.At, &plan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(plan), r.Plan)
	}
	if err != nil {
		return nil, explainRecord(err)
	}
	if r.ID == m.stage.id {
		return r, nil
	}
	stands, err := m.stage.holds(ctx, r, m.Strategy)
	if err != nil || !stands {
		return nil, err
	}
	return r, nil
}

// holds reports whether the target still has what a recorded migration has put in place.
func (s *stage) holds(ctx context.Context, r *recorded, strategy Strategy) (bool, error) {
	if strategy == DataOnly { // the tables are the application's own: their rows tell
		return s.filled(ctx, r.Plan.Tables)
	}
	var names []string
	for _, t := range r.Plan.Tables {
		names = append(names, t.Target)
	}
	var marked int
	err := s.conn.QueryRow(ctx, `
		SELECT count(*) FROM pg_class
		WHERE relnamespace = to_regnamespace($1) AND relname = ANY ($2) AND starts_with(obj_description(oid, 'pg_class'), $3)`,
		quoteName(s.into), names, markPrefix+r.ID).Scan(&marked)
	if err != nil {
		return false, fmt.Errorf("look for the tables of migration %s: %w", r.ID, err)
	}
	return len(names) > 0 && marked == len(names), nil
}

// filled reports whether each table has rows to which the source has some.
func (s *stage) filled(ctx context.Context, tables []Table) (filled bool, err error) {
	for _, t := range tables {
		if t.Rows == 0 {
			continue
		}
		if err := s.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+qualified(s.into, t.Target)+")").Scan(&filled); err != nil {
			return false, fmt.Errorf("look into %s: %w", t.Target, err)
		}
		if !filled {
			return false, nil
		}
	}
	return filled, nil
}

// proveAgain ends a run that finds its work done: what is in place is compared once more, by the plan that was followed.
func (m *migration) proveAgain(ctx context.Context, r *recorded) error {
	m.plan, m.report.Left = r.Plan, slices.Clone(r.Plan.Left)
	m.stage.id = r.ID // of the quarantined rows
	m.report.Migration, m.report.Swapped, m.report.Backup = r.ID, true, m.work.state.Backup
	found := "this migration was done already: " + r.ID + " put everything in place at " + r.At.UTC().Format(time.RFC3339) +
		", and nothing was loaded again"
	m.report.Notes = append(m.report.Notes, found)
	m.report.Preflight.pass("names", "what has the names of the source's in schema %s is that migration's", m.Schema)
	m.journal.info(found)
	if m.Strategy == SchemaOnly {
		m.report.Verdict = VerdictSchema // there is nothing to compare
		return nil
	}
	return m.checked(ctx, m.runVerify)
}
