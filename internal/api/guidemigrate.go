package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/migrate"
)

// GuideMigrate asks for a migration of the configured source.
type GuideMigrate struct {
	InstanceName   string `json:"instance_name" minLength:"1" maxLength:"253" example:"shop"`
	Endpoint       string `json:"endpoint,omitempty" maxLength:"253" doc:"The path of an endpoint, where it is not the instance's own"`
	RecreateSchema bool   `json:"recreate_schema,omitempty" doc:"Replace tables of the same names. This destroys data, and wants confirm"`
	MigrateData    *bool  `json:"migrate_data,omitempty" doc:"false brings the tables without their rows; without it true"`
	Confirm        string `json:"confirm,omitempty" maxLength:"253" example:"shop" doc:"With recreate_schema: the instance's name again"`
	Source         string `json:"source,omitempty" maxLength:"4096" doc:"A database in place of the configured source"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideMigration says how a migration went, or that it has begun.
type GuideMigration struct {
	Success        bool            `json:"success" doc:"Whether it has succeeded or, when it still runs, whether it has begun"`
	OperationID    string          `json:"operation_id" example:"0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40"`
	OperationState store.State     `json:"operation_state" enum:"queued,running,succeeded,failed,cancelled" example:"succeeded"`
	Migrated       []MigratedTable `json:"migrated_tables" nullable:"false"`
	TotalTables    int             `json:"total_tables" example:"12"`
	TotalRows      int64           `json:"total_rows" example:"48000"`
	FailedTables   int             `json:"failed_tables" example:"0"`
	FailedDetails  []FailedTable   `json:"failed_tables_details" nullable:"false"`
	Quarantined    int64           `json:"quarantined_rows" example:"0" doc:"Rows that stand in lakeward_quarantine, because their table cannot hold them"`
	Verdict        migrate.Verdict `json:"verdict,omitempty" doc:"What the comparison of every row has found"`
	Error          string          `json:"error,omitempty"`
	Hint           string          `json:"hint,omitempty"`
	Timestamp      time.Time       `json:"timestamp"`
}

// MigratedTable is a table that has arrived.
type MigratedTable struct {
	Table string `json:"table" example:"orders"`
	Rows  int64  `json:"rows" example:"4800"`
}

// FailedTable is a table that has not. Consoles for the guide look for its error under two names.
type FailedTable struct {
	Table        string `json:"table" example:"orders"`
	Error        string `json:"error" example:"2 rows differ"`
	ErrorMessage string `json:"error_message" example:"2 rows differ"`
	ErrorType    string `json:"error_type" example:"different"`
}

// guideMigrations registers the guide's migration, and the stream that shows it.
func (s *server) guideMigrations(a huma.API) {
	handle(s, a, guideRoute("guide-migrate", "/migrate", "Migrate the configured source"),
		func(ctx context.Context, in *asking[GuideMigrate]) (*guideAnswer[GuideMigration], error) {
			input, err := s.guideInput(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			out, err := s.submit(ctx, input, in.Waiting)
			if err != nil {
				return nil, err
			}
			return &guideAnswer[GuideMigration]{out.Status, out.Location, out.Applied, migration(out.Body)}, nil
		})
	o := route("guide-migrate-stream", http.MethodPost, lakebase+"/migrate/stream", "Migrate the configured source, and watch", tagGuide)
	o.Description = "Server-sent events in the guide's words, each one a line of data with a type: start, info, progress, " +
		"table_start, table_complete, table_error, success, warning, error, complete, result. Closing the stream changes " +
		"nothing for the migration, which is an operation like any other."
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The events",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema:  schemaOf[consoleMessage](a.OpenAPI().Components.Schemas),
			Example: "data: {\"type\":\"table_start\",\"table\":\"orders\",\"progress\":3,\"total\":12}\n\n",
		}},
	}}
	handle(s, a, o, s.guideStream)
}

// guideInput is the migration that a request in the guide's words means. Nothing is replaced unless the instance's name
// is typed.
func (s *server) guideInput(ctx context.Context, r GuideMigrate) (*task.Migrate, error) {
	source, schema, err := s.source(ctx)
	if err != nil {
		return nil, err
	}
	if r.Source != "" {
		source = r.Source
	}
	if source == "" {
		return nil, noSource()
	}
	in := &task.Migrate{Source: source, To: place(r.InstanceName, r.Endpoint), Schema: schema}
	if r.MigrateData != nil && !*r.MigrateData {
		in.Strategy = migrate.SchemaOnly
	}
	if r.RecreateSchema && r.Confirm != "" {
		if r.Confirm != r.InstanceName {
			return nil, lakeward.Errorf(lakeward.KindInvalid, "type the instance's name into confirm",
				"confirm is not %q: tables of %s would be replaced", r.InstanceName, r.InstanceName)
		}
		in.Replace = in.To
	}
	return in, nil
}

// guideStream begins a migration and shows it in the guide's words.
func (s *server) guideStream(ctx context.Context, in *struct{ Body GuideMigrate }) (*huma.StreamResponse, error) {
	input, err := s.guideInput(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	o, err := s.Tasks.Submit(ctx, access.From(ctx).Name, input)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Location", "/api/operations/"+o.ID)
		out := open(h)
		t := &translation{began: map[string]time.Time{}}
		say := func(messages []consoleMessage) error {
			for _, m := range messages {
				if err := out.send(0, "", m); err != nil {
					return err
				}
			}
			return nil
		}
		err := say(t.start(o, in.Body))
		if err == nil {
			err = s.follow(ctx, out, o.ID, 0, func(e store.Event) error { return say(t.event(e)) },
				func(o store.Operation) error { return say(t.end(o)) })
		}
		s.brokenOff(ctx, o.ID, err)
	}}, nil
}

// migration sums an operation up in the guide's words.
func migration(o store.Operation) GuideMigration {
	m := GuideMigration{
		Success: o.State == store.Succeeded || !o.State.Ended(), OperationID: o.ID, OperationState: o.State,
		Migrated: []MigratedTable{}, FailedDetails: []FailedTable{}, Timestamp: o.Created,
	}
	if o.Ended != nil {
		m.Timestamp = *o.Ended
	}
	if o.Error != nil {
		m.Error, m.Hint = o.Error.Message, o.Error.Hint
	}
	var r migrate.Report
	if err := json.Unmarshal(foundBy(o), &r); err != nil {
		return m // it has not got as far as to a report
	}
	m.Verdict = r.Outcome()
	for _, t := range r.Tables {
		m.Quarantined += t.Quarantined
		switch {
		case t.Error != "":
			m.FailedDetails = append(m.FailedDetails, FailedTable{t.Name, t.Error, t.Error, "not_compared"})
		case t.Differing > 0:
			text := plural(t.Differing, "row") + " differ"
			m.FailedDetails = append(m.FailedDetails, FailedTable{t.Name, text, text, "different"})
		case r.Swapped:
			m.Migrated = append(m.Migrated, MigratedTable{t.Name, t.Loaded})
			m.TotalRows += t.Loaded
		}
	}
	m.TotalTables, m.FailedTables = len(m.Migrated), len(m.FailedDetails)
	return m
}
