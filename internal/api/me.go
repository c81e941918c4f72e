package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward/internal/access"
)

// Me is who the caller is to this server, and what follows of it.
type Me struct {
	access.Identity
	MayChange   bool   `json:"may_change" doc:"Whether the caller may start operations and change the configuration"`
	MayReadRows bool   `json:"may_read_rows" doc:"Whether the caller may read the application's rows, and look for files on the server"`
	Version     string `json:"version" example:"1.0.0" doc:"Of the server"`
}

// me registers what a console asks first.
func (s *server) me(a huma.API) {
	answer(s, a, route("me", http.MethodGet, "/api/me", "Say who the caller is, and what it may do", tagServer),
		func(ctx context.Context, _ *struct{}) (Me, error) {
			who := access.From(ctx)
			role, err := access.RoleOf(ctx)
			switch {
			case err != nil:
				who.How = err.Error()
			case role != who.Role: // the list does not name them
				who.How = who.Name + " was forwarded by Databricks Apps, and manages this one"
			}
			who.Role = role
			admin := role == access.Administrator
			return Me{Identity: who, MayChange: admin, MayReadRows: admin, Version: s.Version}, nil
		})
}
