package standin

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// TestOperationsOfAProject makes a project of which everything is said, and changes what is in it. Each change is an operation
// that the SDK can wait for.
func TestOperationsOfAProject(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p, ctx := w.Postgres, t.Context()
	r := raw{t, shared}

	making, err := p.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: "told", Project: postgres.Project{
		Spec: &postgres.ProjectSpec{
			DisplayName: "All of it", PgVersion: shared.binaries.Major, HistoryRetentionDuration: duration.New(2 * day),
			EnablePgNativeLogin: true, BudgetPolicyId: "b", CustomTags: []postgres.ProjectCustomTag{{Key: "k", Value: "v"}},
			DefaultEndpointSettings: &postgres.ProjectDefaultEndpointSettings{
				AutoscalingLimitMinCu: 0.5, AutoscalingLimitMaxCu: 2, SuspendTimeoutDuration: duration.New(time.Hour),
			},
		},
		InitialEndpointSpec: &postgres.InitialEndpointSpec{AutoscalingLimitMinCu: 1, AutoscalingLimitMaxCu: 4, NoSuspension: true},
		InitialBranchSpec:   &postgres.InitialBranchSpec{IsProtected: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	discard(t, w, "told")
	made, err := making.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const project, branch = "projects/told", "projects/told/branches/production"
	const endpoint, owner = branch + "/endpoints/primary", branch + "/roles/admin"
	t.Cleanup(func() { unprotect(t, w, branch) })
	if s := made.Status; s.DisplayName != "All of it" || s.PgVersion != shared.binaries.Major || !s.EnablePgNativeLogin ||
		s.HistoryRetentionDuration.AsDuration() != 2*day || s.BudgetPolicyId != "b" || len(s.CustomTags) != 1 || s.Owner != adminName ||
		s.DefaultEndpointSettings.AutoscalingLimitMaxCu != 2 || s.DefaultEndpointSettings.SuspendTimeoutDuration.AsDuration() != time.Hour {
		t.Errorf("the project is %+v", s)
	}
	if s := primaryOf(t, w, branch).Status; s.AutoscalingLimitMinCu != 1 || s.AutoscalingLimitMaxCu != 4 || s.SuspendTimeoutDuration != nil {
		t.Errorf("its endpoint is %+v", s)
	}
	if b, err := p.GetBranch(ctx, postgres.GetBranchRequest{Name: branch}); err != nil || !b.Status.IsProtected || !b.Status.Default ||
		b.Status.CurrentState != postgres.BranchStatusStateReady {
		t.Errorf("its branch is %+v, %v", b, err)
	}

	// A branch takes over what is in its source, and its endpoint the defaults of the project.
	branching, err := p.CreateBranch(ctx, postgres.CreateBranchRequest{
		Parent: project, BranchId: "dev", Branch: postgres.Branch{Spec: &postgres.BranchSpec{NoExpiry: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := primaryOf(t, w, project+"/branches/dev").Status; s.AutoscalingLimitMinCu != 0.5 || s.AutoscalingLimitMaxCu != 2 ||
		s.SuspendTimeoutDuration.AsDuration() != time.Hour || s.EndpointType != postgres.EndpointTypeEndpointTypeReadWrite {
		t.Errorf("the endpoint of a branch is %+v", s)
	}
	if dev, err := branching.Wait(ctx); err != nil || dev.Status.SourceBranch != branch || dev.Status.SourceBranchLsn == "" ||
		dev.Status.SourceBranchTime == nil || dev.Status.ExpireTime != nil {
		t.Errorf("a branch is %+v, %v", dev, err)
	}

	times := regexp.MustCompile(`"(create|update)_time":"[^"]*",?`)
	for _, kind := range []string{"roles", "databases"} {
		of := func(branch string) string {
			return times.ReplaceAllString(compact(t, r.ask("GET", apiPostgres+branch+"/"+kind, "")), "")
		}
		if got, want := of(project+"/branches/dev"), strings.ReplaceAll(of(branch), branch, project+"/branches/dev"); got != want {
			t.Errorf("its %s are %s, want %s", kind, got, want)
		}
	}

	// Each kind of change says what it is about, has a name that can be asked for, and a response when it is done.
	operation := func(kind, path, method, body, resource string) map[string]any {
		t.Helper()
		op := r.ask(method, apiPostgres+path, body)
		name, _ := op["name"].(string)
		if !regexp.MustCompile("^" + resource + "/operations/[0-9a-f]+$").MatchString(name) {
			t.Errorf("%s %s is %v", method, path, op)
		}
		var done map[string]any
		await(t, name+" is done", func() bool { done = r.ask("GET", apiPostgres+name, ""); return done["done"] == true })
		if got, want := compact(t, done["metadata"]), `{"@type":"type.googleapis.com/databricks.postgres.v1.`+kind+`OperationMetadata"}`; got != want {
			t.Errorf("%s %s has metadata %s, want %s", method, path, got, want)
		}
		response, _ := done["response"].(map[string]any)
		switch {
		case done["error"] != nil || response == nil:
			t.Errorf("%s %s ends as %v", method, path, done)
		case method == "DELETE":
			if got := compact(t, response); got != `{"@type":"type.googleapis.com/google.protobuf.Empty"}` {
				t.Errorf("%s %s ends with %s", method, path, got)
			}
		case response["name"] != resource:
			t.Errorf("%s %s ends with %v, want %s", method, path, response, resource)
		}
		return response
	}
	operation("Project", project+"?update_mask=spec.display_name", "PATCH", `{"spec":{"display_name":"x"}}`, project)
	operation("Branch", project+"/branches/dev?update_mask=spec.expiration", "PATCH", `{"spec":{"ttl":"60s"}}`, project+"/branches/dev")
	operation("Endpoint", endpoint+"?update_mask=spec.autoscaling_limit_max_cu", "PATCH", `{"spec":{"autoscaling_limit_max_cu":4}}`, endpoint)
	operation("Branch", project+"/branches?branch_id=dev&replace_existing=true", "POST", `{"spec":{"no_expiry":true}}`, project+"/branches/dev")
	operation("Endpoint", branch+"/endpoints?endpoint_id=primary&replace_existing=true", "POST",
		`{"spec":{"endpoint_type":"ENDPOINT_TYPE_READ_WRITE","autoscaling_limit_min_cu":4}}`, endpoint)
	operation("Role", branch+"/roles?role_id=app", "POST", `{"spec":{"postgres_role":"app_owner","membership_roles":["DATABRICKS_SUPERUSER"]}}`, branch+"/roles/app")
	app := operation("Role", branch+"/roles?role_id=app&replace_existing=true", "POST",
		`{"spec":{"postgres_role":"app_owner","attributes":{"createdb":true}}}`, branch+"/roles/app")
	r.like("a role that is replaced", app["status"].(map[string]any), `{"role_id":"app","postgres_role":"app_owner","attributes":{"bypassrls":false,
		"createdb":true,"createrole":false},"identity_type":"IDENTITY_TYPE_UNSPECIFIED","auth_method":"PG_PASSWORD_SCRAM_SHA_256"}`)
	operation("Role", branch+"/roles/app?update_mask=*", "PATCH", `{"spec":{"auth_method":"NO_LOGIN"}}`, branch+"/roles/app")
	for spec, want := range map[string]string{
		`"postgres_role":"u@x.com","identity_type":"USER"`:                          "LAKEBASE_OAUTH_V1",
		`"postgres_role":"0d5f8f3e","identity_type":"SERVICE_PRINCIPAL"`:            "LAKEBASE_OAUTH_V1",
		`"postgres_role":"users","identity_type":"GROUP"`:                           "LAKEBASE_OAUTH_V1",
		`"postgres_role":"admins","identity_type":"GROUP","auth_method":"NO_LOGIN"`: "NO_LOGIN",
		`"postgres_role":"plain","identity_type":"IDENTITY_TYPE_UNSPECIFIED"`:       "PG_PASSWORD_SCRAM_SHA_256",
		`"postgres_role":"scram","auth_method":"PG_PASSWORD_SCRAM_SHA_256"`:         "PG_PASSWORD_SCRAM_SHA_256",
		`"postgres_role":"group","auth_method":"NO_LOGIN","attributes":{}`:          "NO_LOGIN",
	} {
		id := "r-" + randomHex(4)
		made := operation("Role", branch+"/roles?role_id="+id, "POST", `{"spec":{`+spec+`}}`, branch+"/roles/"+id)
		if status, _ := made["status"].(map[string]any); status["auth_method"] != want {
			t.Errorf("a role of %s: %v, want %s", spec, status, want)
		}
	}
	operation("Database", branch+"/databases?database_id=sales", "POST", `{"spec":{"postgres_database":"sales","role":"`+owner+`"}}`, branch+"/databases/sales")
	sales := operation("Database", branch+"/databases?database_id=sales&replace_existing=true", "POST",
		`{"spec":{"postgres_database":"revenue","role":"`+branch+`/roles/app"}}`, branch+"/databases/sales")
	r.like("a database that is replaced", sales["status"].(map[string]any),
		`{"database_id":"sales","postgres_database":"revenue","role":"projects/told/branches/production/roles/app"}`)
	operation("Database", branch+"/databases/sales?update_mask=spec.role", "PATCH", `{"spec":{"role":"`+owner+`"}}`, branch+"/databases/sales")
	operation("Role", branch+"/roles", "POST", `{"spec":{"postgres_role":"Un Named"}}`, branch+"/roles/un-named")
	operation("Database", branch+"/databases", "POST", `{"spec":{"postgres_database":"un_named","role":"`+owner+`"}}`, branch+"/databases/un-named")
	operation("Database", branch+"/databases/sales", "DELETE", "", branch+"/databases/sales")
	operation("Role", branch+"/roles/app?reassign_owned_to="+owner, "DELETE", "", branch+"/roles/app")

	// What fails ends as an operation that has failed, with the code in it.
	failing, err := p.UpdateEndpoint(ctx, postgres.UpdateEndpointRequest{
		Name: project + "/branches/dev/endpoints/primary", UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.settings"}},
		Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{
			Settings: &postgres.EndpointSettings{PgSettings: map[string]string{"work_mem": "a lot"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = failing.Wait(ctx)
	if _, ok := errors.AsType[*apierr.APIError](err); ok || err == nil || !strings.HasPrefix(err.Error(), "operation failed: [") ||
		!strings.Contains(err.Error(), "work_mem") {
		t.Errorf("an operation that fails: %v", err)
	}
	for _, replace := range []string{"maybe", "1"} {
		status, answer := call(t, shared, "POST", apiPostgres+branch+"/roles?replace_existing="+replace, bearer(shared), `{"spec":{"postgres_role":"x"}}`)
		if status != 400 || !strings.Contains(answer, "Field 'replace_existing' must be true or false") {
			t.Errorf("replace_existing=%s: %d %s", replace, status, answer)
		}
	}
	if err := dropBranch(t, w, project+"/branches/dev"); err != nil {
		t.Errorf("delete a branch whose endpoint has failed: %v", err)
	}
	if _, err := p.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: project}); !errors.Is(err, databricks.ErrBadRequest) ||
		!strings.Contains(err.Error(), "cannot delete protected branch") {
		t.Errorf("delete a project whose first branch is protected: %v", err)
	}
}
