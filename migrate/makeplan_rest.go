package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// planViews translates views, in passes: a view over others must wait for them.
func (p *planner) planViews() {
	waiting := p.catalog.views
	for len(waiting) > 0 {
		var failed []sourceObject
		reasons := map[string]string{}
		for _, v := range waiting {
			if err := p.planView(v); err != nil {
				failed = append(failed, v)
				reasons[v.name] = err.Error()
			}
		}
		if len(failed) == len(waiting) {
			for _, v := range failed {
				l := Left{Kind: "view", Name: v.name, Reason: reasons[v.name], Source: v.sql}
				if parsed, err := dialect.ParseCreateView(v.sql); err == nil {
					l.Draft = dialect.DraftView(parsed, p)
				}
				p.leave(l)
			}
			return
		}
		waiting = failed
	}
}

func (p *planner) planView(v sourceObject) error {
	parsed, err := dialect.ParseCreateView(v.sql)
	if err != nil {
		return err
	}
	sql, columns, err := dialect.TranslateView(parsed, p)
	if err != nil {
		return err
	}
	view := View{Name: v.name, Target: p.reserved[v.name], SQL: sql, Source: v.sql}
	names := targetNames{}
	for i := range columns {
		columns[i].Target = names.pick(columns[i].Name)
		view.Columns = append(view.Columns, columns[i].Target)
	}
	p.viewColumns = append(p.viewColumns, columns)
	p.views = append(p.views, view)
	return nil
}

// leaveRest lists what is never carried over.
func (p *planner) leaveRest(ctx context.Context) error {
	if err := p.leaveVirtual(ctx); err != nil {
		return err
	}
	for _, t := range p.tables {
		for _, c := range t.source.unreadable {
			p.leave(Left{
				Kind: "generated column", Table: t.Name, Name: c.name, Source: t.generatedText(c.name),
				Reason: "SQLite itself cannot compute it:" + c.reason + ", which its application adds; it has no column on the target",
			})
		}
	}
	for _, t := range p.catalog.triggers {
		p.leaveTrigger(t)
	}
	return nil
}

func (t *tablePlanner) generatedText(name string) string {
	if def := t.definition(name); def != nil {
		return def.GeneratedText
	}
	return ""
}

// leaveTrigger lists a trigger with a draft of what it becomes.
func (p *planner) leaveTrigger(o sourceObject) {
	l := Left{Kind: "trigger", Table: o.table, Name: o.name, Source: o.sql}
	parsed, err := dialect.ParseCreateTrigger(o.sql)
	switch {
	case err != nil:
		l.Reason = err.Error()
	case p.catalog.spatialite != nil && spatialiteTrigger(o.name):
		l.Reason = "SpatiaLite's own, which checks geometries and keeps their index; PostGIS does so by types and GiST indexes"
	default:
		draft, left := dialect.DraftTrigger(parsed, p)
		l.Draft, l.Reason = draft, "PostgreSQL's triggers call functions; the draft is one, to be tried"
		if left > 0 {
			l.Reason = fmt.Sprintf("PostgreSQL's triggers call functions; the draft is one in which %s", countOf(int64(left), "part is to be written", "parts are to be written"))
		}
	}
	p.leave(l)
}

// spatialiteTrigger reports whether a name is one that SpatiaLite gives to its triggers: two letters of the kind of
// check, the initial of the event, and the table.
func spatialiteTrigger(name string) bool {
	kind, _, ok := strings.Cut(name, "_")
	return ok && slices.Contains([]string{"ggi", "ggu", "gii", "giu", "gid", "gti", "gtu", "gtd", "tmi", "tmu", "tmd", "gci", "gcu", "gcd"}, kind)
}
