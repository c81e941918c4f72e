package standin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	ws := shared.Workspace()
	for name, w := range map[string]struct {
		client *databricks.WorkspaceClient
		want   string
	}{
		"with a personal access token":      {userClient(t, shared), ws.UserName},
		"as a service principal with OAuth": {principalClient(t, shared), ws.ClientID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			me, err := w.client.CurrentUser.Me(t.Context(), meRequest)
			if err != nil {
				t.Fatal(err)
			}
			if me.UserName != w.want || !me.Active {
				t.Errorf("signed in as %+v, want %s", me, w.want)
			}
			id, err := w.client.CurrentWorkspaceID(t.Context())
			if err != nil || id < 1e15 {
				t.Errorf("workspace id is %d (%v)", id, err)
			}
		})
	}
}

func TestSignInIsRefused(t *testing.T) {
	t.Parallel()
	ws := shared.Workspace()
	t.Run("with an unknown token", func(t *testing.T) {
		t.Parallel()
		w := client(t, &databricks.Config{Host: ws.Host, Token: patPrefix + strings.Repeat("0", 32)})
		if _, err := w.Postgres.GetProject(t.Context(), postgres.GetProjectRequest{Name: "projects/x"}); !errors.Is(err,
			databricks.ErrPermissionDenied) {
			t.Errorf("%v, want PERMISSION_DENIED", err)
		}
	})
	t.Run("with a wrong client secret", func(t *testing.T) {
		t.Parallel()
		w := client(t, &databricks.Config{Host: ws.Host, ClientID: ws.ClientID, ClientSecret: "dose0", AuthType: "oauth-m2m"})
		if _, err := w.CurrentUser.Me(t.Context(), meRequest); err == nil || !strings.Contains(err.Error(), "invalid_client") {
			t.Errorf("%v, want invalid_client", err)
		}
	})
	for name, header := range map[string]string{
		"without a credential":  "",
		"with basic auth":       "Basic YTpi",
		"with a made-up JWT":    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbkBsYWtld2FyZC5sb2NhbCJ9.",
		"with a foreign secret": "Bearer " + ws.ClientSecret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := call(t, shared, http.MethodGet, "/api/2.0/preview/scim/v2/Me", header, "")
			if status != http.StatusUnauthorized || !strings.Contains(body, `"error_code":"UNAUTHENTICATED"`) {
				t.Errorf("%d %s, want 401 UNAUTHENTICATED", status, body)
			}
		})
	}
}

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	ws := shared.Workspace()
	for form, want := range map[string]int{
		"grant_type=client_credentials&client_id=" + ws.ClientID + "&client_secret=" + ws.ClientSecret: http.StatusOK,
		"grant_type=client_credentials&client_id=" + ws.ClientID + "&client_secret=":                   http.StatusUnauthorized,
		"grant_type=client_credentials&client_id=" + ws.UserName + "&client_secret=" + ws.Token:        http.StatusUnauthorized,
		"grant_type=password&client_id=" + ws.ClientID + "&client_secret=" + ws.ClientSecret:           http.StatusBadRequest,
		"%zz": http.StatusBadRequest,
	} {
		resp, err := http.Post(ws.Host+"/oidc/v1/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil || want == http.StatusOK && (answer["token_type"] != "Bearer" || answer["expires_in"] != 3600.0 || answer["scope"] != "all-apis") ||
			want != http.StatusOK && answer["error"] == nil {
			t.Errorf("%s: %v, %v", form, answer, err)
		}
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", form, resp.StatusCode, want)
		}
	}
}

// TestCredentialsAreForOneIdentityAndEndpoint needs a Lakebase of its own, because it expires all credentials.
func TestCredentialsAreForOneIdentityAndEndpoint(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	user, principal := userClient(t, l), principalClient(t, l)
	shop := primaryOf(t, user, makeProject(t, user, "shop").Status.DefaultBranch)
	crm := primaryOf(t, user, makeProject(t, user, "crm").Status.DefaultBranch)
	makeRole(t, user, shop.Parent, "sp-app", postgres.RoleRoleSpec{
		PostgresRole: l.Workspace().ClientID, IdentityType: postgres.RoleIdentityTypeServicePrincipal,
	})
	admin, app := l.Workspace().UserName, l.Workspace().ClientID
	host := shop.Status.Hosts.Host

	good := token(t, user, shop.Name)
	session, err := login(t, l, host, admin, good, "databricks_postgres")
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := login(t, l, host, app, token(t, principal, shop.Name), "databricks_postgres"); err != nil {
		t.Errorf("service principal with its own credential: %v", err)
	} else if got := value[string](t, conn, "SELECT current_user::text"); got != app {
		t.Errorf("current_user is %s, want %s", got, app)
	}
	both, err := user.Database.GenerateDatabaseCredential(t.Context(),
		database.GenerateDatabaseCredentialRequest{InstanceNames: []string{"shop", "crm"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*postgres.Endpoint{shop, crm} {
		if _, err := login(t, l, e.Status.Hosts.Host, admin, both.Token, "databricks_postgres"); err != nil {
			t.Errorf("credential for two instances at %s: %v", e.Name, err)
		}
	}
	expired := token(t, user, shop.Name)
	if err := l.ExpireCredentials(); err != nil {
		t.Fatal(err)
	}
	fresh := token(t, user, shop.Name)
	for name, c := range map[string]struct{ user, password string }{
		"no password":                       {admin, ""},
		"a wrong password":                  {admin, "secret"},
		"an expired credential":             {admin, expired},
		"a credential for another instance": {admin, token(t, user, crm.Name)},
		"another identity's credential":     {app, fresh},
		"an unknown role":                   {"nobody@lakeward.local", fresh},
		"a personal access token":           {admin, l.Workspace().Token},
		"a role without a role in it":       {app, token(t, principal, crm.Name)},
		"an OAuth token of the workspace":   {app, oauthToken(t, l)},
		"a forged credential":               {admin, fresh[:len(fresh)-4] + "AAAA"},
	} {
		_, err := login(t, l, host, c.user, c.password, "databricks_postgres")
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "28P01" {
			t.Errorf("%s: %v, want 28P01", name, err)
		}
	}
	if _, err := login(t, l, host, admin, fresh, "databricks_postgres"); err != nil {
		t.Errorf("fresh credential: %v", err)
	}
	if got := value[int](t, session, "SELECT 1"); got != 1 {
		t.Errorf("the open session of an expired credential answers %d", got)
	}
	plain, err := pgx.Connect(t.Context(), "host="+host+" user=x dbname=y sslmode=disable")
	if err == nil {
		plain.Close(t.Context())
		t.Error("a plaintext connection was accepted")
	}
}

// oauthToken signs the service principal in and returns its token for the REST API.
func oauthToken(t *testing.T, l *Lakebase) string {
	t.Helper()
	token, _, err := l.tokens.issue(l.Workspace().ClientID, []string{l.store.view().audience()}, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := call(t, l, http.MethodGet, "/api/2.0/preview/scim/v2/Me", "Bearer "+token, ""); status != http.StatusOK {
		t.Fatalf("the token is not one of the REST API: %d %s", status, body)
	}
	return token
}

func TestCredentialIsNoTokenOfTheAPI(t *testing.T) {
	t.Parallel()
	credential, _, err := shared.mint(shared.Workspace().UserName, []string{"ep-1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	status, body := call(t, shared, http.MethodGet, "/api/2.0/preview/scim/v2/Me", "Bearer "+credential, "")
	if status != http.StatusUnauthorized {
		t.Errorf("%d %s, want 401", status, body)
	}
}

func TestCredentialLifetime(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeProject(t, w, "lifetime")
	name := "projects/lifetime/branches/production/endpoints/primary"
	for body, want := range map[string]time.Duration{
		`{"endpoint":"` + name + `"}`:                                      time.Hour,
		`{"endpoint":"` + name + `","ttl":"300s"}`:                         5 * time.Minute,
		`{"endpoint":"` + name + `","ttl":"299s"}`:                         0,
		`{"endpoint":"` + name + `","ttl":"3601s"}`:                        0,
		`{"endpoint":"` + name + `x"}`:                                     0,
		`{}`:                                                               0,
		`{"endpoint":"` + name + `","claims":[{}]}`:                        0,
		`{"endpoint":"` + name + `","expire_time":"2020-01-01T00:00:00Z"}`: 0,
	} {
		status, answer := call(t, shared, http.MethodPost, "/api/2.0/postgres/credentials", bearer(shared), body)
		if want == 0 {
			if status == http.StatusOK {
				t.Errorf("%s: was granted", body)
			}
			continue
		}
		var c postgres.DatabaseCredential
		parse(t, answer, &c)
		if left := time.Until(c.ExpireTime.AsTime()); left > want || left < want-10*time.Second {
			t.Errorf("%s: lives for %s, want %s", body, left, want)
		}
	}
}

func bearer(l *Lakebase) string { return "Bearer " + l.Workspace().Token }

// call makes a call without the SDK.
func call(t *testing.T, l *Lakebase, method, path, authorization, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, l.Workspace().Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
