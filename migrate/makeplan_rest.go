package migrate

import (
	"context"
	"fmt"
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
				p.leave(Left{Kind: "view", Name: v.name, Reason: reasons[v.name], Source: v.sql})
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
		p.leave(Left{
			Kind: "trigger", Table: t.table, Name: t.name, Source: t.sql, Draft: draftTrigger(t.sql),
			Reason: "PostgreSQL's triggers call functions; the draft has the frame for this one",
		})
	}
	return nil
}

func (t *tablePlanner) generatedText(name string) string {
	if def := t.definition(name); def != nil {
		return def.GeneratedText
	}
	return ""
}

// draftTrigger frames a trigger's body, still in SQLite's SQL, as PostgreSQL wants it.
func draftTrigger(sql string) string {
	t, err := dialect.ParseCreateTrigger(sql)
	if err != nil {
		return ""
	}
	name := quoteName(t.Name)
	event := t.Event
	if len(t.UpdateOf) > 0 {
		event += " OF " + strings.Trim(nameList(t.UpdateOf), "()")
	}
	result := "NEW"
	if t.Event == "DELETE" {
		result = "OLD"
	}
	when := ""
	if t.WhenText != "" {
		when = "\n    WHEN (" + t.WhenText + ")"
	}
	return fmt.Sprintf(`CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- in SQLite's SQL, to be checked:
    %s
    RETURN %s;
END
$body$;
CREATE TRIGGER %s %s %s ON %s
    FOR EACH ROW%s EXECUTE FUNCTION %s();`,
		name, strings.TrimSpace(t.Body), result, name, t.Timing, event, quoteName(t.Table), when, name)
}
