package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/migrate"
)

// PlanRequest asks what a migration would do.
type PlanRequest struct {
	Source   string `json:"source" minLength:"1" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"A SQLite file on the server's machine, or a postgres:// address"`
	Schema   string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Schema of the target; without it public"`
	OnMisfit string `json:"on_misfit,omitempty" enum:"quarantine,widen,null,fail,replace" doc:"What happens to values that a column's type cannot hold; without it quarantine"`
	OnOrphan string `json:"on_orphan,omitempty" enum:"keep,quarantine,null" doc:"What happens to rows without a parent; without it keep"`

	Plan json.RawMessage `json:"plan,omitempty" doc:"A plan that was edited, to be checked in place of making one"`
}

// CheckRequest asks what stands in a migration's way.
type CheckRequest struct {
	Source string `json:"source" minLength:"1" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"A SQLite file on the server's machine, or a postgres:// address"`
	To     string `json:"to" minLength:"1" maxLength:"4096" example:"shop" doc:"An instance, or a postgres:// address"`
	Schema string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Schema of the target, for a SQLite source; without it public"`
	Jobs   int    `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables that the migration would load at a time; 0 means one a processor, up to 4"`

	NoBackup bool `json:"no_backup,omitempty" doc:"The migration would keep no copy of the source, and needs no room for it"`
}

// MigrateRequest asks for a migration.
type MigrateRequest struct {
	Source   string          `json:"source" minLength:"1" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"A SQLite file on the server's machine, or a postgres:// address"`
	To       string          `json:"to" minLength:"1" maxLength:"4096" example:"shop" doc:"An instance, or a postgres:// address"`
	Schema   string          `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Schema of the target; without it public, or the plan's"`
	Strategy string          `json:"strategy,omitempty" enum:"schema-and-data,schema-only,data-only,use-existing,expand-existing" doc:"What to bring; without it schema-and-data"`
	Replace  string          `json:"replace,omitempty" maxLength:"4096" doc:"The target's name, typed again: tables of the same names are replaced"`
	Jobs     int             `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables at a time; 0 means one a processor, up to 4"`
	OnMisfit string          `json:"on_misfit,omitempty" enum:"quarantine,widen,null,fail,replace" doc:"What happens to values that a column's type cannot hold; without it quarantine"`
	OnOrphan string          `json:"on_orphan,omitempty" enum:"keep,quarantine,null" doc:"What happens to rows without a parent; without it keep"`
	Strict   bool            `json:"strict,omitempty" doc:"Fail when a value does not fit, whatever the policy"`
	NoBackup bool            `json:"no_backup,omitempty" doc:"Keep no copy of the source"`
	Plan     json.RawMessage `json:"plan,omitempty" doc:"The plan to obey, as POST /api/plan makes it"`
}

// VerifyRequest asks for another comparison.
type VerifyRequest struct {
	Source string `json:"source" minLength:"1" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"A SQLite file on the server's machine, or a postgres:// address"`
	To     string `json:"to" minLength:"1" maxLength:"4096" example:"shop" doc:"An instance, or a postgres:// address"`
	Schema string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Schema of the target; without it public, or the plan's"`
	Jobs   int    `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables to compare at a time; 0 means one a processor, up to 4"`

	Plan json.RawMessage `json:"plan,omitempty" doc:"The plan that was migrated by"`
}

// ExportRequest asks for the way back.
type ExportRequest struct {
	Instance string `json:"instance" minLength:"1" maxLength:"253" example:"shop"`
	Schema   string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Of the migrated tables; without it the only one that a migration has filled"`
	Jobs     int    `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables to compare at a time; 0 means one a processor, up to 4"`

	Migration string `json:"migration,omitempty" maxLength:"253" doc:"The name of the migration to go back from; without it the only one into the schema"`
	Original  bool   `json:"original,omitempty" doc:"Leave out the tables and columns that were added since"`
}

// migrations registers what moves and compares data, in the words of the command line.
func (s *server) migrations(a huma.API) {
	obeys(s, a, submitRoute("plan", http.MethodPost, "/api/plan", "Plan a migration", tagMigrations),
		func(r PlanRequest) (task.Input, givenPlan) {
			return &task.Plan{
				Source: r.Source, Schema: r.Schema,
				OnMisfit: migrate.Policy(r.OnMisfit), OnOrphan: migrate.OrphanPolicy(r.OnOrphan), Plan: r.Plan,
			}, givenPlan{r.Source, r.Schema, r.Plan}
		})
	submits(s, a, submitRoute("check", http.MethodPost, "/api/check", "Look what stands in a migration's way", tagMigrations),
		func(r CheckRequest) task.Input {
			return &task.Check{Source: r.Source, To: r.To, Schema: r.Schema, Jobs: r.Jobs, NoBackup: r.NoBackup}
		})
	obeys(s, a, submitRoute("migrate", http.MethodPost, "/api/migrate", "Migrate a database", tagMigrations),
		func(r MigrateRequest) (task.Input, givenPlan) {
			return &task.Migrate{
				Source: r.Source, To: r.To, Schema: r.Schema, Strategy: migrate.Strategy(r.Strategy), Replace: r.Replace,
				Jobs: r.Jobs, OnMisfit: migrate.Policy(r.OnMisfit), OnOrphan: migrate.OrphanPolicy(r.OnOrphan), Plan: r.Plan,
				Strict: r.Strict, NoBackup: r.NoBackup,
			}, givenPlan{r.Source, r.Schema, r.Plan}
		})
	submits(s, a, submitRoute("verify", http.MethodPost, "/api/verify", "Compare source and target again", tagMigrations),
		func(r VerifyRequest) task.Input {
			return &task.Verify{Source: r.Source, To: r.To, Schema: r.Schema, Jobs: r.Jobs, Plan: r.Plan}
		})
	submits(s, a, submitRoute("export", http.MethodPost, "/api/export", "Write a migrated database into a SQLite file", tagMigrations),
		func(r ExportRequest) task.Input {
			return &task.Export{
				Instance: r.Instance, Schema: r.Schema, Jobs: r.Jobs, Migration: r.Migration, Original: r.Original,
			}
		})
	s.files(a)
}

// asking is a request with a body for something slow.
type asking[R any] struct {
	Waiting
	Body R
}

// submits registers a route whose request becomes the input of an operation.
func submits[R any](s *server, a huma.API, o huma.Operation, input func(R) task.Input) {
	handle(s, a, o, func(ctx context.Context, in *asking[R]) (*accepted, error) {
		return s.submit(ctx, input(in.Body), in.Waiting)
	})
}

// givenPlan is a plan that somebody has edited.
type givenPlan struct {
	source, schema string
	text           json.RawMessage
}

// readPlanFor bounds a look at a source's schema. What takes longer, the operation finds out.
const readPlanFor = 5 * time.Second

// refuse says at once everything that is wrong with a plan. A source that cannot be read is for the operation to tell.
func (g givenPlan) refuse(ctx context.Context) error {
	if len(g.text) == 0 || string(g.text) == "null" {
		return nil
	}
	plan, err := migrate.ReadPlan(bytes.NewReader(g.text))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readPlanFor)
	defer cancel()
	err = migrate.RefusePlan(ctx, g.source, plan, migrate.PlanOptions{Schema: g.schema})
	switch lakeward.KindOf(err) {
	case lakeward.KindInvalid, lakeward.KindConflict:
		return err
	}
	return nil
}

// obeys registers a route whose request becomes the input of an operation that obeys a plan, where one is given.
func obeys[R any](s *server, a huma.API, o huma.Operation, input func(R) (task.Input, givenPlan)) {
	o.Description = "A plan that is given is compared with the source's schema at once: an answer of 422 names all that is wrong with it."
	handle(s, a, o, func(ctx context.Context, in *asking[R]) (*accepted, error) {
		wanted, given := input(in.Body)
		if err := given.refuse(ctx); err != nil {
			return nil, err
		}
		return s.submit(ctx, wanted, in.Waiting)
	})
}
