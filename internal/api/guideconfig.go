package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/settings"
)

// GuideConfig is the configuration in the guide's words, and where each value comes from.
type GuideConfig struct {
	Enabled        bool              `json:"enabled"`
	InstanceName   string            `json:"instance_name" example:"shop"`
	Capacity       string            `json:"capacity" example:"CU_1"`
	RetentionDays  int               `json:"retention_days" example:"14"`
	NodeCount      int               `json:"node_count" example:"1"`
	InstanceStatus lakeward.Status   `json:"instance_status" enum:"NOT_CREATED,CREATING,READY,STOPPED,ERROR" example:"READY" doc:"As the workspace says at this moment"`
	Endpoint       string            `json:"endpoint" example:"ep-shop.database.us-east-1.cloud.databricks.com"`
	DatabaseType   string            `json:"database_type" example:"lakebase" doc:"What the application uses: lakebase, or what it had before"`
	Schema         string            `json:"schema" example:"public" doc:"Of the application's tables"`
	Source         string            `json:"source" example:"/var/lib/helpdesk/app.db" doc:"The database that the application had before, without a password"`
	CreatedAt      string            `json:"created_at" example:"2026-11-27T09:30:00Z"`
	Migrated       bool              `json:"migration_completed"`
	MigratedAt     string            `json:"migration_date" example:"2026-11-27T09:34:00Z"`
	Origins        map[string]string `json:"origins" example:"{\"instance\":\"LAKEBASE_INSTANCE_NAME\"}" doc:"Where each value that is set comes from"`
	Notes          []string          `json:"notes" nullable:"false" doc:"Values that lost against others, and what else there is to know"`
	Error          string            `json:"connection_error,omitempty" doc:"Why Lakebase, which is switched on, cannot be used. Nothing else is used in its place"`
	Hint           string            `json:"hint,omitempty"`
}

// ConfigRequest changes the configuration. What is left out stays as it is.
type ConfigRequest struct {
	Enabled       *bool   `json:"enabled,omitempty" example:"true" doc:"Whether the application uses Lakebase. Switching it off keeps the rest"`
	InstanceName  *string `json:"instance_name,omitempty" maxLength:"253" example:"shop"`
	Capacity      *string `json:"capacity,omitempty" maxLength:"20" example:"CU_1"`
	RetentionDays *int    `json:"retention_days,omitempty" minimum:"0" maximum:"35" example:"14"`
	NodeCount     *int    `json:"node_count,omitempty" minimum:"0" maximum:"3" example:"1"`
	Endpoint      *string `json:"endpoint,omitempty" maxLength:"253"`
	DatabaseType  *string `json:"database_type,omitempty" maxLength:"20"`
	Schema        *string `json:"schema,omitempty" maxLength:"63" example:"public"`
	Source        *string `json:"source,omitempty" maxLength:"4096" example:"/var/lib/helpdesk/app.db" doc:"A SQLite file on the server's machine, or a postgres:// address, whose password is kept encrypted"`

	_ struct{} `json:"-" additionalProperties:"true"` // consoles send back all that they were told
}

// config registers the guide's configuration.
func (s *server) config(a huma.API) {
	answer(s, a, route("guide-config", http.MethodGet, lakebase+"/config", "Show the configuration", tagGuide),
		func(ctx context.Context, _ *struct{}) (GuideConfig, error) { return s.guideConfig(ctx), nil })
	answer(s, a, route("guide-save-config", http.MethodPost, lakebase+"/config", "Change the configuration", tagGuide),
		func(ctx context.Context, in *struct{ Body ConfigRequest }) (GuideConfig, error) {
			now, _ := s.Settings.Load(ctx) // that it cannot be used must not keep anybody from changing it
			if changes := in.Body.changes(now); len(changes) > 0 {
				if err := s.Settings.Save(ctx, access.From(ctx).Name, changes); err != nil {
					return GuideConfig{}, err
				}
			}
			return s.guideConfig(ctx), nil
		})
}

// changes are the settings that would be other ones. A console sends back what it was told, and that is no change.
func (r ConfigRequest) changes(now settings.Lakebase) map[string]string {
	changes := map[string]string{}
	change := func(name string, value *string, is settings.Value) {
		if value != nil && *value != is.String() {
			changes[name] = *value
		}
	}
	if r.Enabled != nil {
		change(settings.Enabled, new(strconv.FormatBool(*r.Enabled)), now.Enabled)
	}
	change(settings.Instance, r.InstanceName, now.Instance)
	change(settings.Capacity, r.Capacity, now.Capacity)
	change(settings.RetentionDays, text(r.RetentionDays), now.RetentionDays)
	change(settings.Nodes, text(r.NodeCount), now.Nodes)
	change(settings.Endpoint, r.Endpoint, now.Endpoint)
	change(settings.DatabaseType, r.DatabaseType, now.DatabaseType)
	change(settings.Schema, r.Schema, now.Schema)
	change(settings.Source, r.Source, now.Source)
	return changes
}

// text writes a number; 0 means that there is none.
func text(n *int) *string {
	switch {
	case n == nil:
		return nil
	case *n == 0:
		return new("")
	}
	return new(strconv.Itoa(*n))
}

// guideConfig shows the configuration. That Lakebase is switched on and cannot be used is part of what it shows: whoever
// would mend it must see it.
func (s *server) guideConfig(ctx context.Context) GuideConfig {
	l, err := s.Settings.Load(ctx)
	out := GuideConfig{
		Enabled: l.On(), InstanceName: l.Instance.Text, Capacity: l.Capacity.Text, RetentionDays: number(l.RetentionDays),
		NodeCount: number(l.Nodes), InstanceStatus: lakeward.StatusNotCreated, Endpoint: l.Endpoint.Text,
		DatabaseType: l.DatabaseType.Text, Schema: l.Schema.Text, Source: l.Source.String(), CreatedAt: l.CreatedAt.Text,
		Migrated: l.MigratedAt.Text != "", MigratedAt: l.MigratedAt.Text, Origins: map[string]string{},
		Notes: append([]string{}, l.Notes...),
	}
	for _, v := range l.Set() {
		out.Origins[v.Name] = v.Origin
	}
	for _, c := range l.Contradictions {
		out.Notes = append(out.Notes, c.String())
	}
	if l.Instance.Text != "" && s.Workspace != nil {
		out.InstanceStatus = s.status(ctx, l.Instance.Text)
	}
	if err != nil {
		out.Error, out.Hint = err.Error(), lakeward.HintOf(err)
	}
	return out
}

// status is that of an instance, and an error when the workspace does not say.
func (s *server) status(ctx context.Context, name string) lakeward.Status {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	i, err := s.instance(ctx, name)
	switch {
	case lakeward.KindOf(err) == lakeward.KindNotFound:
		return lakeward.StatusNotCreated
	case err != nil:
		return lakeward.StatusError
	}
	return i.Status
}

func number(v settings.Value) int {
	n, _ := strconv.Atoi(v.Text) // settings has checked it
	return n
}
