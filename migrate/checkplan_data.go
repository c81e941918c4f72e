package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/lakeward/lakeward"
)

// obey takes over an edited plan that has no problems, table by table, with the columns in the source's order. What it
// skips stays behind.
func (p *planner) obey(plan *Plan) {
	p.given = true
	p.left, p.views, p.relations = plan.Left, plan.Views, targetNames{}
	p.tables = slices.DeleteFunc(p.tables, func(t *tablePlanner) bool {
		planned := *plan.table(t.Name)
		if planned.Skip {
			p.leave(Left{Kind: "skipped table", Name: t.Name, Source: t.source.sql, Reason: "the plan says to skip it"})
			return true
		}
		t.obey(planned)
		return false
	})
	for _, t := range p.tables {
		for _, c := range t.Columns {
			if c.Skip {
				p.leave(Left{Kind: "skipped column", Table: t.Name, Name: c.Name, Reason: "the plan says to skip it"})
			}
		}
		t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(fk ForeignKey) bool {
			gone := p.tableByTarget(fk.Table) == nil
			if gone {
				p.leave(Left{Kind: "foreign key", Table: t.Name, Name: fk.Name, Reason: "it refers to " + fk.Table + ", which the plan skips"})
			}
			return gone
		})
	}
}

// table finds a table of the plan by its source name.
func (p *Plan) table(name string) *Table {
	for i := range p.Tables {
		if p.Tables[i].Name == name {
			return &p.Tables[i]
		}
	}
	return nil
}

func (t *tablePlanner) obey(planned Table) {
	columns := make([]Column, len(t.source.columns))
	for _, c := range planned.Columns {
		i := t.source.column(c.Name)
		columns[i] = c
		t.profiles[i].watch(c)
	}
	planned.RowID = t.source.rowid // not for a file to decide
	t.Table = planned
	t.Columns, t.ForeignKeys = columns, slices.Clone(planned.ForeignKeys) // what is counted anew is compared with the plan
	t.Checks, t.Indexes, t.Notes = slices.Clone(planned.Checks), slices.Clone(planned.Indexes), slices.Clone(planned.Notes)
}

// watch has the profile look for what the type of a planned column asks for, and no more for the limits of the declared
// one.
func (p *profile) watch(c Column) {
	p.limit, p.digits = 0, [2]int{}
	_, args := splitType(c.Type)
	switch c.Convert {
	case ConvertText:
		if len(args) > 0 {
			p.limit = args[0]
		}
	case ConvertDecimal:
		p.want |= lookNumber
		copy(p.digits[:], args)
	case ConvertInteger, ConvertReal:
		p.want |= lookNumber
	case ConvertBoolean:
		p.want |= lookNumber | lookBoolean
	case ConvertJSON:
		p.want |= lookJSON
	case ConvertUUID:
		p.want |= lookUUID
	case ConvertBytes:
	default:
		p.want |= lookMoment
	}
}

// doubts reports whether a column may have values that do not fit. It may be wrong to doubt, but not to trust.
func (p *profile) doubts(c Column, inKey bool) bool {
	if p.misfits(target{c.Type, c.Convert}) > 0 || (c.NotNull || inKey) && p.Null > 0 {
		return true
	}
	return c.Convert == ConvertText && p.limit > 0 && p.numbers() > 0 // they were not measured as texts
}

func (p *planner) wantsWidening() bool {
	return slices.ContainsFunc(p.tables, func(t *tablePlanner) bool {
		return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.OnMisfit == PolicyWiden && !c.Skip })
	})
}

// foresee reads every value, widens what is to be widened, and counts what does not fit the plan as it is then.
func (p *planner) foresee(ctx context.Context, plan *Plan) error {
	if err := p.scan(ctx); err != nil {
		return err
	}
	p.linkedColumns()
	for again := true; again; {
		for _, t := range p.tables {
			if err := p.predictAnew(ctx, t); err != nil {
				return err
			}
		}
		again = p.widenPlanned()
	}
	p.followTypes()
	if err := p.settleOrphans(ctx); err != nil {
		return err
	}
	for _, t := range p.tables {
		if err := p.countViolations(ctx, t); err != nil {
			return err
		}
		t.refresh(p.catalog.sequence[t.Name])
		p.tellNews(plan.table(t.Name), t)
	}
	return nil
}

// predictAnew forgets what was counted, and predicts.
func (p *planner) predictAnew(ctx context.Context, t *tablePlanner) error {
	for _, name := range []*string{&t.rejected, &t.changed} {
		if *name != "" {
			if err := exec(p.conn, "DROP TABLE "+*name); err != nil {
				return err
			}
		}
		*name = ""
	}
	t.changes, t.losses = nil, 0
	for i := range t.Columns {
		t.Columns[i].Misfits, t.Columns[i].Misfit = 0, ""
	}
	return p.predictMisfits(ctx, t)
}

// refresh brings up to date what the plan tells of the source.
func (t *tablePlanner) refresh(sequence int64) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Found = t.profiles[i].Found; c.Skip {
			continue
		}
		c.Samples = samples(*c, t.profiles[i])
		if c.Identity {
			next := *c
			notes := t.Notes
			t.planIdentity(&next, sequence)
			t.Notes, c.Next = notes, max(c.Next, next.Next)
		}
	}
}

// tellNews warns of rows that the plan did not know of when it was written.
func (p *planner) tellNews(planned *Table, t *tablePlanner) {
	warn := func(format string, args ...any) {
		p.news = append(p.news, t.Name+fmt.Sprintf(format, args...))
		p.progress.Send(lakeward.Event{Type: lakeward.EventWarning, Phase: "plan", Table: t.Name, Message: p.news[len(p.news)-1]})
	}
	for _, c := range planned.Columns {
		now := t.column(c.Name)
		switch {
		case now.Skip:
		case now.Misfits > c.Misfits:
			warn(".%s: %s not fit %s, the plan knows of %s; they will %s", c.Name, countOf(now.Misfits, "value does", "values do"),
				now.Type, grouped(c.Misfits), now.OnMisfit.will())
		case now.Type != c.Type && now.OnMisfit == PolicyWiden:
			warn(".%s: widened from %s to %s", c.Name, c.Type, now.Type)
		}
	}
	for _, fk := range planned.ForeignKeys {
		at := slices.IndexFunc(t.ForeignKeys, func(other ForeignKey) bool { return other.Name == fk.Name })
		if at >= 0 && t.ForeignKeys[at].Orphans > fk.Orphans {
			warn(": %s no parent in %s (%s), the plan knows of %s", countOf(t.ForeignKeys[at].Orphans, "row has", "rows have"),
				fk.Table, fk.Name, grouped(fk.Orphans))
		}
	}
	for _, c := range planned.Checks {
		if n := t.check(c.Source).Violations; n > c.Violations {
			warn(": %s the check %s, the plan knows of %s", countOf(n, "row breaks", "rows break"), c.Name, grouped(c.Violations))
		}
	}
}

// obeyed returns the plan as it will be obeyed: in its own order, without what stays behind.
func (p *planner) obeyed(plan *Plan) *Plan {
	result := *plan
	result.Source, result.Left, result.Views, result.Schema = p.plan().Source, p.left, p.views, p.schema
	result.Source.Path = plan.Source.Path
	result.Tables = nil
	for _, planned := range plan.Tables {
		t := p.table(planned.Name)
		if t == nil {
			continue
		}
		table := t.Table
		table.Columns = nil
		for _, c := range planned.Columns {
			if !c.Skip {
				table.Columns = append(table.Columns, *t.column(c.Name))
			}
		}
		result.Tables = append(result.Tables, table)
	}
	return &result
}
