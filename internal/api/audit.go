package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
)

type auditFilter struct {
	Actor   string    `query:"actor" maxLength:"200" example:"ana@example.com"`
	Action  string    `query:"action" maxLength:"200" example:"POST /api/migrate"`
	Object  string    `query:"object" maxLength:"500" doc:"The path that was asked for"`
	Outcome string    `query:"outcome" enum:"done,denied,failed"`
	Text    string    `query:"text" maxLength:"200" doc:"Words, each of them a part of any field, in any case"`
	Since   time.Time `query:"since" example:"2026-11-01T00:00:00Z"`
	Until   time.Time `query:"until" example:"2026-12-01T00:00:00Z"`
	Before  int64     `query:"before" minimum:"0" doc:"The older of the page before"`
	After   int64     `query:"after" minimum:"0" doc:"The newer of the page before; not with before"`
	Limit   int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

type auditLog struct {
	Entries []store.Entry `json:"entries" nullable:"false" doc:"The newest first"`
	Older   int64         `json:"older,omitempty" doc:"What to ask for older ones with, as before; without it there are none"`
	Newer   int64         `json:"newer,omitempty" doc:"What to ask for newer ones with, as after; without it there are none, or none were looked for"`
}

func (s *server) auditPage(ctx context.Context, in *auditFilter) (out auditLog, err error) {
	if err := oneWay(in.Before != 0, in.After != 0); err != nil {
		return out, err
	}
	all, err := s.Store.Entries(ctx, store.AuditFilter{
		Actor: in.Actor, Action: in.Action, Object: in.Object, Outcome: in.Outcome, Text: in.Text, Since: in.Since, Until: in.Until,
		Before: in.Before, After: in.After, Limit: in.Limit + 1,
	})
	page, older, newer := cut(all, in.Limit, in.Before != 0, in.After != 0)
	out.Entries = append([]store.Entry{}, page...)
	if older {
		out.Older = page[len(page)-1].ID
	}
	if newer {
		out.Newer = page[0].ID
	}
	return out, err
}

// Cutoff says what is too old to be kept.
type Cutoff struct {
	CutoffDate string   `json:"cutoff_date" maxLength:"40" example:"2026-06-30" doc:"A date, or a date and time as in RFC 3339; what is older goes"`
	_          struct{} `json:"-" additionalProperties:"true"`
}

// Cleared says what was deleted.
type Cleared struct {
	Success      bool        `json:"success"`
	CutoffDate   time.Time   `json:"cutoff_date"`
	Deleted      task.Pruned `json:"deleted" doc:"By table of the server's own store"`
	TotalDeleted int64       `json:"total_deleted" example:"512"`
}

// audit registers who has changed what, and the end of such memories.
func (s *server) audit(a huma.API) {
	answer(s, a, route("audit", http.MethodGet, "/api/audit", "List who has changed what", tagServer),
		s.auditPage)
	o := route("guide-housekeeping", http.MethodPost, management+"/housekeeping", "Delete old operations, events, audit lines and files", tagGuide)
	o.Description = "Deletes operations that ended before the date, with their events and the files that they have exported, " +
		"older lines of the audit log, and files that were sent to the server before it and that neither an unfinished operation " +
		"nor the configuration names: all of it Lakeward's own. The application's data and backups are never touched."
	answer(s, a, o, func(ctx context.Context, in *struct{ Body Cutoff }) (Cleared, error) {
		before, err := cutoff(in.Body.CutoffDate)
		if err != nil {
			return Cleared{}, err
		}
		p, err := s.Tasks.Prune(ctx, before)
		return Cleared{err == nil, before, p, p.Total()}, err
	})
}

// cutoff reads a date, or a date and time. A day begins in UTC.
func cutoff(text string) (time.Time, error) {
	before, err := time.Parse(time.DateOnly, text)
	if err != nil {
		before, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return before, lakeward.Errorf(lakeward.KindInvalid, "write it like this: 2026-06-30", "cutoff_date is not a date: %q", text)
	}
	if before.After(time.Now()) {
		return before, lakeward.Errorf(lakeward.KindInvalid, "choose a day that is over", "cutoff_date %s is in the future", text)
	}
	return before.UTC(), nil
}
