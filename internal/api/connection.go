package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/snippet"
)

// DatabaseCredential is what to log in with.
type DatabaseCredential struct {
	User      string    `json:"user" example:"ana@example.com"`
	Token     string    `json:"token" example:"eyJhbGciOi…" doc:"The password of a login. It is told once: the server keeps no copy"`
	MintedAt  time.Time `json:"minted_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it stops being good for a login; connections that are open go on"`
}

// secretAnswer is an answer that nobody may keep.
type secretAnswer struct {
	CacheControl string `header:"Cache-Control" example:"no-store"`
	Body         DatabaseCredential
}

// connection registers how applications connect.
func (s *server) connection(a huma.API) {
	answer(s, a, route("get-connection", http.MethodGet, "/api/instances/{name}/connect", "Show how to connect to an instance", tagInstances),
		func(ctx context.Context, in *ByName) (snippet.Connection, error) {
			i, err := s.instance(ctx, in.Name)
			if err != nil {
				return snippet.Connection{}, err
			}
			if i.Host == "" {
				return snippet.Connection{}, lakeward.Errorf(lakeward.KindUnavailable, "try again when it is READY",
					"instance %s has no address yet: it is %s", i.Name, i.State)
			}
			me, err := s.Workspace.Me(ctx)
			return snippet.Make(snippet.Target{Instance: i, User: me.UserName, Database: s.Database, RootCAs: s.RootCAs}), err
		})
	mint := route("mint-credential", http.MethodPost, "/api/instances/{name}/credential", "Mint a database token", tagInstances)
	mint.Description = "For the server's own identity, as `lakeward token` prints it. Each token that is handed out is in the audit log."
	handle(s, a, mint, func(ctx context.Context, in *ByName) (*secretAnswer, error) {
		ctx, cancel := context.WithTimeout(ctx, answerFor)
		defer cancel()
		i, err := s.instance(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		minted := time.Now().UTC()
		c, err := s.Workspace.Credential(ctx, i)
		return &secretAnswer{"no-store", DatabaseCredential{c.User, c.Token.Reveal(), minted, c.Expires.UTC()}}, err
	})
}
