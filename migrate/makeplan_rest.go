package migrate

import (
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
func (p *planner) leaveRest() {
	for _, v := range p.catalog.virtual {
		p.leave(Left{Kind: "virtual table", Name: v.name, Reason: virtualReason(v.sql), Source: v.sql})
	}
	for _, name := range p.catalog.shadows {
		p.leave(Left{Kind: "shadow table", Name: name, Reason: "it is the inside of a virtual table"})
	}
	for _, t := range p.catalog.triggers {
		p.leave(Left{
			Kind: "trigger", Table: t.table, Name: t.name, Source: t.sql, Draft: draftTrigger(t.sql),
			Reason: "PostgreSQL's triggers call functions; the draft has the frame for this one",
		})
	}
}

func virtualReason(sql string) string {
	v, err := dialect.ParseCreateVirtualTable(sql)
	if err != nil {
		return "PostgreSQL has no virtual tables"
	}
	switch module := strings.ToLower(v.Module); {
	case strings.HasPrefix(module, "fts"):
		return "a full-text index (" + module + "); PostgreSQL has tsvector columns with GIN indexes for it"
	case module == "rtree" || module == "rtree_i32" || module == "geopoly":
		return "a spatial index (" + module + "); PostgreSQL has GiST indexes over box, point and polygon for it"
	default:
		return "a virtual table of the module " + v.Module + ", which PostgreSQL does not have"
	}
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
