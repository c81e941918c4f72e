package standin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/common/environment"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

const (
	patPrefix     = "dapi" // of personal access tokens, as Databricks makes them
	secretPrefix  = "dose" // of the secrets of service principals
	oauthTokenTTL = time.Hour
)

func (l *Lakebase) authRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /.well-known/databricks-config", l.serveHostMetadata)
	mux.HandleFunc("GET /oidc/.well-known/oauth-authorization-server", l.serveAuthorizationServer)
	mux.HandleFunc("POST /oidc/v1/token", l.serveToken)
	mux.Handle("GET /api/2.0/preview/scim/v2/Me", l.api(l.me))
	mux.Handle("GET /api/2.0/preview/scim/v2/Users", l.api(l.users))
}

// authenticate finds out who calls. The messages of 4xx answers must not look like those that SDKs retry.
func (l *Lakebase) authenticate(r *http.Request) (identity, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	s := l.store.view()
	switch {
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return identity{}, unauthenticated("Credential was not sent or was of an unsupported type for this API.")
	case strings.HasPrefix(token, patPrefix):
		hash := hashOf(token)
		for _, i := range s.Identities {
			if i.Type == typeUser && same(i.SecretHash, hash) {
				return i, nil
			}
		}
		return identity{}, &apiError{
			Status: http.StatusForbidden, Code: postgres.ErrorCodePermissionDenied,
			Message: "Invalid access token.",
		}
	}
	name, err := l.tokens.check(token, s.audience(), s.Epoch)
	if err != nil {
		return identity{}, unauthenticated("The access token is invalid or has expired.")
	}
	if i := s.identity(name); i != nil {
		return *i, nil
	}
	return identity{}, unauthenticated("The identity of the access token does not exist.")
}

func unauthenticated(message string) *apiError {
	return &apiError{Status: http.StatusUnauthorized, Code: postgres.ErrorCodeUnauthenticated, Message: message}
}

// audience is who the tokens for the REST API are meant for; database credentials are for endpoints.
func (s *state) audience() string { return workspaceAudience + s.Workspace }

const workspaceAudience = "workspace:"

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret)) // the secrets are random and long: nothing slower is needed
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (l *Lakebase) serveHostMetadata(w http.ResponseWriter, _ *http.Request) {
	l.respond(w, http.StatusOK, config.HostMetadata{
		OIDCEndpoint: l.host + "/oidc",
		WorkspaceID:  l.store.view().Workspace,
		Cloud:        environment.CloudAWS,
		HostType:     "workspace",
	})
}

func (l *Lakebase) serveAuthorizationServer(w http.ResponseWriter, _ *http.Request) {
	l.respond(w, http.StatusOK, map[string]any{
		"issuer":                                l.host + "/oidc",
		"authorization_endpoint":                l.host + "/oidc/v1/authorize",
		"token_endpoint":                        l.host + "/oidc/v1/token",
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{},
		"scopes_supported":                      []string{"all-apis"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}

// serveToken gives a service principal that knows its secret a token for the REST API.
func (l *Lakebase) serveToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		l.respondOAuthError(w, http.StatusBadRequest, "invalid_request", "the form cannot be read")
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	s := l.store.view()
	who := s.identity(id)
	switch {
	case r.PostForm.Get("grant_type") != "client_credentials":
		l.respondOAuthError(w, http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported")
		return
	case who == nil || who.Type != typeServicePrincipal || !who.knows(secret):
		w.Header().Set("WWW-Authenticate", `Basic realm="lakeward"`)
		l.respondOAuthError(w, http.StatusUnauthorized, "invalid_client", "Client authentication failed")
		return
	}
	token, _, err := l.tokens.issue(who.Name, []string{s.audience()}, oauthTokenTTL, s.Epoch)
	if err != nil {
		l.respondError(w, "", err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	l.respond(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(oauthTokenTTL.Seconds()), "scope": "all-apis",
	})
}

// respondOAuthError answers in the shape of RFC 6749, section 5.2.
func (l *Lakebase) respondOAuthError(w http.ResponseWriter, status int, code, description string) {
	l.respond(w, status, map[string]string{"error": code, "error_description": description})
}
