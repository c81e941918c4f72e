package task

import (
	"context"
	"strconv"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/internal/settings"
	"github.com/lakeward/lakeward/migrate"
)

// Enable makes an instance the one that the application uses, once it has let us in. With Expand the tables and columns
// that the source has and the instance lacks are added first, without rows.
type Enable struct {
	Instance string `json:"instance"`
	Schema   string `json:"schema,omitempty"`
	Source   string `json:"source,omitempty"`
	Expand   bool   `json:"expand,omitempty"`
}

// Enabled is the result of an [Enable].
type Enabled struct {
	lakeward.Instance
	Report  *migrate.Report `json:"report,omitempty"` // of what was added
	Enabled bool            `json:"enabled"`
}

// Kind implements [Input].
func (*Enable) Kind() string        { return "enable" }
func (in *Enable) instance() string { return works(in.Instance) }
func (in *Enable) reaches() string  { return in.Instance }

func (in *Enable) shown() any {
	shown := *in
	shown.Source = address.Shown(in.Source)
	return shown
}

func (in *Enable) check() error {
	if in.Source == "" && in.Expand {
		return lakeward.Errorf(lakeward.KindInvalid, "name the source whose tables and columns are added", "expand needs a source")
	}
	if in.Source != "" {
		return firstOf(checkInstance(in.Instance), checkSource(in.Source))
	}
	return checkInstance(in.Instance)
}

func (in *Enable) do(ctx context.Context, r *run) (any, error) {
	instance, err := r.Connector(in.Instance).Instance(ctx)
	if err == nil {
		err = r.probe(ctx, in.Instance)
	}
	if err != nil {
		return nil, err
	}
	result := Enabled{Instance: r.reached(instance)}
	if in.Expand {
		move := Migrate{Source: in.Source, To: in.Instance, Schema: in.Schema, Strategy: migrate.ExpandExisting, NoBackup: true}
		if result.Report, err = move.run(ctx, r); err != nil {
			return result, err
		}
	}
	err = r.enable(ctx, instance, choice{schema: in.Schema, source: in.Source})
	result.Enabled = err == nil
	return result, err
}

// choice is what the configuration says besides what the instance is like.
type choice struct {
	schema, source string
	migrated       time.Time
}

// enable saves the configuration. What is not known is left as it is.
func (r *run) enable(ctx context.Context, i lakeward.Instance, c choice) error {
	changes := map[string]string{
		settings.Enabled: "true", settings.Instance: i.Name, settings.Endpoint: i.Host, settings.Capacity: i.Capacity,
		settings.RetentionDays: positive(i.RetentionDays), settings.Nodes: positive(i.Nodes), settings.DatabaseType: "lakebase",
	}
	known := map[string]string{settings.Schema: c.schema, settings.Source: c.source} // Save hides the password
	if !i.Created.IsZero() {
		known[settings.CreatedAt] = i.Created.UTC().Format(time.RFC3339)
	}
	if !c.migrated.IsZero() {
		known[settings.MigratedAt] = c.migrated.UTC().Format(time.RFC3339)
	}
	for name, value := range known {
		if value != "" {
			changes[name] = value
		}
	}
	r.progress.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: "enable", Message: "save the configuration: the application uses instance " + i.Name})
	return r.Settings.Save(ctx, r.o.Actor, changes)
}

func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
