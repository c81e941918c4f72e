package standin

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/database"
)

// TestSignInOverTheWire: a service principal finds out where to sign in, does so once, and is in its workspace from then on.
func TestSignInOverTheWire(t *testing.T) {
	t.Parallel()
	ws, tap := shared.Workspace(), new(wire)
	var w *databricks.WorkspaceClient
	calls := tap.during(func() {
		w = client(t, &databricks.Config{Host: ws.Host, ClientID: ws.ClientID, ClientSecret: ws.ClientSecret, HTTPTransport: tap})
		for range 3 {
			if _, err := w.Database.ListDatabaseInstancesAll(t.Context(), database.ListDatabaseInstancesRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	count := map[string]int{}
	for _, c := range calls {
		count[c.Method+" "+c.URL.Path]++
		if id, secret, _ := c.BasicAuth(); c.URL.Path == "/oidc/v1/token" && (id != ws.ClientID || secret != ws.ClientSecret ||
			c.form != "grant_type=client_credentials&scope=all-apis") {
			t.Errorf("it signs in with %s as %s", c.form, id)
		}
		header := c.Header.Get("X-Databricks-Workspace-Id") + c.Header.Get("X-Databricks-Org-Id")
		if strings.HasPrefix(c.URL.Path, apiDatabase) && header != shared.store.view().Workspace {
			t.Errorf("a call is for workspace %q", header)
		}
	}
	if count["GET /.well-known/databricks-config"] == 0 || count["POST /oidc/v1/token"] != 1 ||
		count["GET /oidc/.well-known/oauth-authorization-server"] == 0 || count["GET /api/2.0/database/instances"] != 3 {
		t.Errorf("its calls are %v", count)
	}
}

// TestWhatIsToldOfTheWorkspace: these answers are what SDKs look for before and after they sign in.
func TestWhatIsToldOfTheWorkspace(t *testing.T) {
	t.Parallel()
	r, ws := raw{t, shared}, shared.Workspace()
	r.like("the host", r.ask("GET", "/.well-known/databricks-config", ""), `{"oidc_endpoint":"`+ws.Host+`/oidc","workspace_id":"`+
		shared.store.view().Workspace+`","cloud":"AWS","host_type":"workspace","account_id":"","token_federation_default_oidc_audiences":null}`)
	got := r.ask("GET", "/oidc/.well-known/oauth-authorization-server", "")
	if got["token_endpoint"] != ws.Host+"/oidc/v1/token" || got["authorization_endpoint"] != ws.Host+"/oidc/v1/authorize" {
		t.Errorf("where to sign in is %v", got)
	}
	r.like("the administrator", r.ask("GET", "/api/2.0/preview/scim/v2/Me", ""), `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
		"id":"*","userName":"admin@lakeward.local","displayName":"*","active":true,
		"emails":[{"value":"admin@lakeward.local","primary":true,"type":"work"}],
		"groups":[{"display":"users","value":"1"},{"display":"admins","value":"2"}]}`)
	status, body := call(t, shared, "GET", "/api/2.0/preview/scim/v2/Me", "Bearer "+oauthToken(t, shared), "")
	var principal map[string]any
	parse(t, body, &principal)
	if status != http.StatusOK || principal["userName"] != ws.ClientID || principal["emails"] != nil {
		t.Errorf("the service principal: %d %s", status, body)
	}
}

// TestTokensAreForOneWorkspace: whatever another workspace has made is nothing here.
func TestTokensAreForOneWorkspace(t *testing.T) {
	t.Parallel()
	other := start(t, folder(t))
	for token, want := range map[string]int{oauthToken(t, other): http.StatusUnauthorized, other.Workspace().Token: http.StatusForbidden} {
		if status, answer := call(t, shared, "GET", "/api/2.0/database/instances", "Bearer "+token, ""); status != want {
			t.Errorf("a token of another workspace: %d %s", status, answer)
		}
	}
	makeStopped(t, userClient(t, other), database.DatabaseInstance{Name: "closed"})
	uid := other.store.view().project("closed").defaultBranch().primary().UID
	credential, _, err := other.mint(adminName, []string{uid}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.tokens.check(credential, uid, 0); err != nil {
		t.Errorf("a credential at home: %v", err)
	}
	if _, err := shared.tokens.check(credential, uid, 0); err == nil {
		t.Error("a credential of another workspace is good here")
	}
}

// TestOtherClientsAreUnderstood: older SDKs and those of other languages write the same calls otherwise.
func TestOtherClientsAreUnderstood(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	makeStopped(t, userClient(t, l), database.DatabaseInstance{Name: "closed"})
	const path = "/api/2.0/database/instances"
	for _, c := range []struct {
		method, path, header, body string
		status                     int
	}{
		{"GET", path + "?", "X-Databricks-Org-Id", "", 200},
		{"GET", path + "?page_size=0&page_token=", "X-Databricks-Workspace-Id", "", 200},
		{"GET", path + "?page_size=100000", "", "", 200},
		{"GET", path + "?invented_later=1", "", "", 200},
		{"GET", path + "/closed?", "X-Databricks-Org-Id", "", 200},
		{"GET", path + "/closed/roles/admin@lakeward.local?", "", "", 200},
		{"GET", path + "/closed/roles/admin%40lakeward.local", "", "", 200},
		{"GET", path + "/closed/roles/a+b@x.com?", "", "", 404},
		{"DELETE", path + "/closed/roles/a+b@x.com?allow_missing=true", "", "", 200},
		{"PATCH", path + "/closed", "", `{"capacity":"CU_4"}`, 200},
		{"PATCH", path + "/closed?update_mask=", "", `{"capacity":"CU_4","etag":"new"}`, 200},
		{"POST", "/api/2.0/database/credentials", "", `{"request_id":"1","instance_names":["closed"]}`, 200},
		{"POST", "/api/2.0/database/credentials?", "", `{"instance_names":["closed","closed"]}`, 200},
		{"GET", "/api/2.0/postgres/projects?show_deleted=false", "", "", 200},
		{"GET", path + ":findByUid?uid=" + l.store.view().project("closed").UID, "", "", 200},
		{"DELETE", path + "/closed?force=false&purge=true", "", "", 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, l.Workspace().Host+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", bearer(l))
		if c.header != "" {
			request.Header.Set(c.header, "1234567890")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || !strings.HasPrefix(string(answer), "{") {
			t.Errorf("%s %s: %s %s, %v", c.method, c.path, response.Status, answer, err)
		}
		if got := response.Header; got.Get("X-Databricks-Org-Id") != l.store.view().Workspace || got.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", c.method, c.path, got)
		}
	}
}

// TestNoErrorIsRepeated: the SDK repeats some statuses, and errors with certain words whatever their status, for minutes.
func TestNoErrorIsRepeated(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w, tap := tapped(t, l)
	for _, status := range []int{400, 404, 409, 500, 501, 502, 504} {
		inject(t, l, Fault{Kind: FaultFail, Route: "GET " + apiDatabase + "*", Status: status, Message: "Timed out after 3s: context deadline exceeded"})
		var err error
		calls := tap.during(func() {
			_, err = w.Database.ListDatabaseInstancesAll(t.Context(), database.ListDatabaseInstancesRequest{})
		})
		if len(calls) != 1 || err == nil || !strings.Contains(err.Error(), "Gave up after 3s: context time limit reached") {
			t.Errorf("%d: %d calls, %v", status, len(calls), err)
		}
	}
	for _, c := range []struct{ path, authorization, body string }{
		{"/oidc/v1/token", "", "grant_type=client_credentials&client_id=a&client_secret=b"},
		{"/oidc/v1/token", "Basic Og==", "grant_type=password"},
		{"/api/2.0/database/credentials", "Bearer dapi0", ""},
		{"/api/2.0/database/credentials", "", ""},
	} {
		status, answer := call(t, l, "POST", c.path, c.authorization, c.body)
		for _, word := range []string{"429", "throttled", "rate limit"} {
			if status < 400 || status > 403 || strings.Contains(strings.ToLower(answer), word) {
				t.Errorf("%s: %d %s looks like a reason to try again", c.path, status, answer)
			}
		}
	}
}
