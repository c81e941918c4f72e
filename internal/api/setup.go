package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/settings"
)

// Setting is a value of the configuration and where it comes from.
type Setting struct {
	Name   string `json:"name" example:"instance"`
	Value  string `json:"value" example:"shop" doc:"[secret] stands for a secret one"`
	Origin string `json:"origin" example:"LAKEBASE_INSTANCE_NAME" doc:"A flag, a variable, a file, the store, the mirror in the instance, or default"`
}

// Setup is the whole configuration, as lakeward config prints it.
type Setup struct {
	Settings []Setting `json:"settings" nullable:"false" doc:"What the server was started with, then which instance the application uses"`
	Notes    []string  `json:"notes" nullable:"false" doc:"Values that lost against others, and what else there is to know"`
	Error    string    `json:"error,omitempty" doc:"Why Lakebase, which is switched on, cannot be used"`
	Hint     string    `json:"hint,omitempty"`
}

// setup registers the configuration with the origin of each value.
func (s *server) setup(a huma.API) {
	answer(s, a, route("config", http.MethodGet, "/api/config", "Show the configuration that applies, and where each value comes from", tagServer),
		func(ctx context.Context, _ *struct{}) (Setup, error) {
			l, err := s.Settings.Load(ctx)
			out := Setup{Settings: append([]Setting{}, s.Setup...), Notes: append([]string{}, l.Notes...)}
			for _, v := range l.Set() {
				out.Settings = append(out.Settings, ShowSetting(v.Name, v.Value))
			}
			for _, c := range l.Contradictions {
				out.Notes = append(out.Notes, c.String())
			}
			if err != nil {
				out.Error, out.Hint = err.Error(), lakeward.HintOf(err)
			}
			return out, nil
		})
}

// ShowSetting is a value as everybody may see it.
func ShowSetting(name string, v settings.Value) Setting { return Setting{name, v.String(), v.Origin} }
