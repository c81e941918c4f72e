package migrate

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Strategy says what of the source a migration brings, and what it makes of that which the target has already.
type Strategy string

// The strategies.
const (
	SchemaAndData  Strategy = "schema-and-data" // everything, into tables of its own; the default
	SchemaOnly     Strategy = "schema-only"     // tables without rows
	DataOnly       Strategy = "data-only"       // rows, into the empty tables that the application has created
	UseExisting    Strategy = "use-existing"    // nothing: says whether the application finds its tables there
	ExpandExisting Strategy = "expand-existing" // the tables and columns that the target lacks, without rows; drops nothing
)

// Strategies lists all of them.
var strategies = []Strategy{SchemaAndData, SchemaOnly, DataOnly, UseExisting, ExpandExisting}

// check refuses a strategy that there is not, and choices that contradict it.
func (s Strategy) check(o Options) error {
	if s != "" && !slices.Contains(strategies, s) {
		return lakeward.Errorf(lakeward.KindInvalid,
			"choose schema-and-data, schema-only, data-only, use-existing or expand-existing", "there is no strategy %q", s)
	}
	if o.Replace != "" && s.existing() {
		return lakeward.Errorf(lakeward.KindInvalid, "leave one of them out",
			"the strategy %s keeps what stands there, --replace drops it", s)
	}
	if (o.OnOrphan == OrphanQuarantine || o.OnOrphan == OrphanNull) && s.existing() {
		return lakeward.Errorf(lakeward.KindInvalid, "leave one of them out: those tables have foreign keys of their own",
			"the strategy %s keeps the rows as they are, orphans too", s)
	}
	if o.Plan != nil && s.existing() {
		return lakeward.Errorf(lakeward.KindInvalid, "leave one of them out: types are those of the target's tables",
			"the strategy %s makes its own plan", s)
	}
	return nil
}

// existing reports whether the strategy goes by the tables that the target has.
func (s Strategy) existing() bool { return s == DataOnly || s == UseExisting || s == ExpandExisting }

// fill does what the strategy asks for.
func (m *migration) fill(ctx context.Context) error {
	switch m.Strategy {
	case SchemaOnly:
		return m.fillEmpty(ctx)
	case DataOnly:
		return m.fillExisting(ctx)
	case UseExisting, ExpandExisting:
		return m.expand(ctx)
	}
	return m.fillAll(ctx)
}

// fillEmpty makes everything but the rows.
func (m *migration) fillEmpty(ctx context.Context) error {
	if err := m.stage.create(ctx); err != nil {
		return err
	}
	m.plan = m.plan.empty()
	m.journal.begin("schema", "create tables, keys, indexes, constraints and views")
	err := pgx.BeginFunc(ctx, m.stage.conn, func(tx pgx.Tx) error {
		for _, t := range m.plan.Tables {
			create := stagedTable(m.stage.name, t)
			if _, err := tx.Exec(ctx, create); err != nil && sqlState(err) != "42P07" { // duplicate_table
				return explainStatement(create, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.build(ctx, &jobs{}, nil); err != nil {
		return err
	}
	m.journal.begin("swap", "put the tables in place")
	if err := m.swap(ctx); err != nil {
		return err
	}
	m.report.Verdict = VerdictSchema
	return nil
}

// empty returns the plan of the same tables without rows: nothing breaks a constraint, and keys begin at 1.
func (p *Plan) empty() *Plan {
	plan := *p
	plan.Tables = slices.Clone(p.Tables)
	for i := range plan.Tables {
		t := &plan.Tables[i]
		t.Rows = 0
		t.Columns, t.ForeignKeys, t.Checks = slices.Clone(t.Columns), slices.Clone(t.ForeignKeys), slices.Clone(t.Checks)
		for j := range t.Columns {
			t.Columns[j].Next = 1
		}
		for j := range t.ForeignKeys {
			t.ForeignKeys[j].Orphans, t.ForeignKeys[j].Query = 0, ""
		}
		for j := range t.Checks {
			t.Checks[j].Violations = 0
		}
	}
	return &plan
}

// fillExisting loads and proves the rows in the staging schema, and adds them to the tables that stand.
func (m *migration) fillExisting(ctx context.Context) error {
	if err := m.stage.create(ctx); err != nil {
		return err
	}
	m.plan, m.report.Left = m.plan.rowsOnly(), leftRows(m.report.Left)
	if err := m.loadProven(ctx); err != nil {
		return err
	}
	m.journal.begin("swap", "add the rows to the tables of the target")
	return m.pour(ctx)
}
