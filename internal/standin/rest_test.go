package standin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func TestWhatIsMissingSaysSo(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeProject(t, w, "bare")
	const branch = "/api/2.0/postgres/projects/bare/branches/production"
	for _, c := range []struct{ method, path, body, names string }{
		{"PATCH", branch + "/snapshot-schedule", "", "snapshot schedule"},
		{"GET", branch + "/databases/d/data-api", "", "Data API"},
		{"GET", branch + "/databases/d/cdf-configs", "", "change data feed"},
		{"POST", "/api/2.0/postgres/catalogs?catalog_id=x", "", "catalog"},
		{"GET", "/api/2.0/postgres/synced_tables/a.b.c", "", "synced table"},
		{"POST", "/api/2.0/database/catalogs", "", "catalog"},
		{"GET", "/api/2.0/database/synced_tables/a.b.c", "", "synced table"},
		{"GET", "/api/2.0/database/tables/a.b.c", "", "table"},
		{"GET", "/api/2.0/database/instances/bare/catalogs", "", "catalogs"},
		{"GET", "/api/2.0/apps", "", "Databricks Apps"},
		{"GET", "/api/2.1/unity-catalog/tables", "", "Unity Catalog"},
		{"POST", "/api/2.1/unity-catalog/volumes", `{"volume_type":"EXTERNAL","storage_location":"s3://b/p"}`, "external volume"},
		{"POST", "/api/2.0/preview/scim/v2/Groups", "", "SCIM"},
		{"GET", "/api/2.0/permissions/database-instances/bare", "", "Permissions API"},
	} {
		status, body := call(t, shared, c.method, c.path, bearer(shared), c.body)
		var e struct {
			Code    string `json:"error_code"`
			Message string `json:"message"`
		}
		parse(t, body, &e)
		if status != http.StatusNotImplemented || e.Code != "NOT_IMPLEMENTED" || !strings.Contains(e.Message, c.names) {
			t.Errorf("%s %s: %d %s, want 501 NOT_IMPLEMENTED that names %s", c.method, c.path, status, body, c.names)
		}
	}
	if _, err := w.Postgres.GetCatalog(t.Context(), postgres.GetCatalogRequest{Name: "catalogs/x"}); !errors.Is(err,
		databricks.ErrNotImplemented) {
		t.Errorf("the SDK understands %v, want ErrNotImplemented", err)
	}
	for _, path := range []string{"/api/2.0/clusters/list", "/", "/api/2.0/postgres/nothing", "/api/2.0/database/nothing"} {
		status, body := call(t, shared, "GET", path, bearer(shared), "")
		if status != http.StatusNotFound || !strings.Contains(body, `"ENDPOINT_NOT_FOUND"`) {
			t.Errorf("%s: %d %s, want 404 ENDPOINT_NOT_FOUND", path, status, body)
		}
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeProject(t, w, "strict")
	const branch = "/api/2.0/postgres/projects/strict/branches/production"
	bodies := []string{
		"{", "null", "[]", `"x"`, "1", `{"spec":1}`, `{"spec":[]}`, `{"spec":null}`, `{"spec":{"display_name":{}}}`,
		`{"spec":{"history_retention_duration":"x"}}`, `{"spec":{"history_retention_duration":null}}`,
		`{"spec":{"ttl":{}}}`, `{"spec":{"expire_time":"then"}}`, `{"capacity":7}`, `{"name":null}`,
		`{"spec":{"role":1,"postgres_database":2}}`, `{"spec":{"postgres_role":"\u0000"}}`, "\xff\xfe",
		strings.Repeat(`{"spec":`, 1000),
	}
	if status, answer := call(t, shared, "POST", "/api/2.0/database/instances", bearer(shared),
		strings.Repeat("x", maxBody+1)); status != http.StatusBadRequest {
		t.Errorf("a body that is too large: %d %s, want 400", status, answer)
	}
	for _, c := range []struct{ method, path string }{
		{"POST", "/api/2.0/postgres/projects?project_id=Bad"},
		{"PATCH", "/api/2.0/postgres/projects/strict?update_mask=spec.pg_version"},
		{"POST", "/api/2.0/postgres/projects/strict/branches?branch_id=Bad"},
		{"PATCH", branch + "?update_mask=nothing"},
		{"POST", branch + "/endpoints?endpoint_id=Bad"},
		{"PATCH", branch + "/endpoints/primary?update_mask=spec.endpoint_type"},
		{"POST", branch + "/roles?role_id=Bad"},
		{"PATCH", branch + "/roles/admin?update_mask=spec.postgres_role"},
		{"POST", branch + "/databases?database_id=Bad"},
		{"PATCH", branch + "/databases/databricks-postgres?update_mask=what"},
		{"POST", "/api/2.0/postgres/credentials"},
		{"POST", "/api/2.0/database/instances"},
		{"POST", "/api/2.0/database/credentials"},
		{"POST", "/api/2.0/database/instances/strict/roles"},
		{"PATCH", "/api/2.0/database/instances/strict?update_mask=uid"},
	} {
		for _, body := range bodies {
			status, answer := call(t, shared, c.method, c.path, bearer(shared), body)
			if status != http.StatusBadRequest && status != http.StatusNotFound {
				t.Errorf("%s %s with %.40q: %d %s, want 400", c.method, c.path, body, status, answer)
			}
		}
	}
}

func TestUnknownFieldsAreAccepted(t *testing.T) {
	t.Parallel()
	discard(t, userClient(t, shared), "modern")
	status, body := call(t, shared, "POST", "/api/2.0/postgres/projects?project_id=modern", bearer(shared),
		`{"spec":{"display_name":"x","invented_later":{"a":1}},"etag":"1"}`)
	if status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestRequestedFaults(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w := userClient(t, l)
	l.FailNext(http.StatusInternalServerError)
	if _, err := w.CurrentUser.Me(t.Context(), meRequest); !errors.Is(err, databricks.ErrInternalError) {
		t.Errorf("%v, want the failure that was asked for", err)
	}
	if _, err := w.CurrentUser.Me(t.Context(), meRequest); err != nil {
		t.Errorf("the call after it: %v", err)
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeProject(t, w, "paged")
	branch := "projects/paged/branches/production"
	for _, id := range []string{"anna", "berta", "carla", "dora"} {
		makeRole(t, w, branch, id, postgres.RoleRoleSpec{PostgresRole: id})
	}
	all, err := w.Postgres.ListRolesAll(t.Context(), postgres.ListRolesRequest{Parent: branch, PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range all {
		ids = append(ids, r.RoleId)
	}
	if got := strings.Join(ids, " "); got != "admin anna berta carla dora" {
		t.Errorf("roles in pages of two: %s", got)
	}
	if status, body := call(t, shared, "GET", "/api/2.0/postgres/projects?page_token=!", bearer(shared), ""); status != 400 {
		t.Errorf("made-up page token: %d %s", status, body)
	}
}
