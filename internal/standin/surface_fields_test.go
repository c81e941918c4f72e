package standin

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/database"
)

// raw asks without the SDK, which shows no difference between a field with the zero value and one that is missing.
type raw struct {
	*testing.T
	l *Lakebase
}

func (r raw) ask(method, path, body string) map[string]any {
	r.Helper()
	status, answer := call(r.T, r.l, method, path, bearer(r.l), body)
	if status != http.StatusOK {
		r.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	var fields map[string]any
	parse(r.T, answer, &fields)
	return fields
}

// like compares an answer with what it should be, where a "*" is any value.
func (r raw) like(what string, got map[string]any, want string) {
	r.Helper()
	var fields map[string]any
	parse(r.T, want, &fields)
	got = maps.Clone(got)
	cover(got, fields)
	if got, want := compact(r.T, got), compact(r.T, fields); got != want {
		r.Errorf("%s:\n%s, want\n%s", what, got, want)
	}
}

// cover hides in got what want takes as it comes.
func cover(got, want map[string]any) {
	for name, value := range want {
		switch value := value.(type) {
		case string:
			if value == "*" && got[name] != nil {
				got[name] = value
			}
		case map[string]any:
			if inner, ok := got[name].(map[string]any); ok {
				cover(inner, value)
			}
		}
	}
}

// compact writes a value as JSON, the fields of an object in their order.
func compact(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestShapesOfResources: a GET shows the status and no spec, as it was recorded from Databricks, with what comes into the world
// with a project and with the defaults.
func TestShapesOfResources(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	r := raw{t, l}
	makeStopped(t, userClient(t, l), database.DatabaseInstance{Name: "closed", Capacity: "CU_1"})
	const project = apiPostgres + "projects/closed"
	const branch = project + "/branches/production"
	r.like("project", r.ask("GET", project+"?", ""), `{"name":"projects/closed","project_id":"closed","uid":"*","create_time":"*","update_time":"*",
		"status":{"project_id":"closed","display_name":"closed","owner":"admin@lakeward.local","pg_version":"*",
		"default_branch":"projects/closed/branches/production","history_retention_duration":"604800s","enable_pg_native_login":false,
		"default_endpoint_settings":{"autoscaling_limit_min_cu":8,"autoscaling_limit_max_cu":8,"no_suspension":true},
		"branch_logical_size_limit_bytes":8796093022208,"synthetic_storage_size_bytes":0}}`)
	r.like("branch", r.ask("GET", branch, ""), `{"name":"projects/closed/branches/production","branch_id":"production","parent":"projects/closed",
		"uid":"*","create_time":"*","update_time":"*","status":{"branch_id":"production","current_state":"INIT","default":true,
		"is_protected":false,"state_change_time":"*"}}`)
	r.like("endpoint", r.ask("GET", branch+"/endpoints/primary", ""), `{"name":"projects/closed/branches/production/endpoints/primary",
		"endpoint_id":"primary","parent":"projects/closed/branches/production","uid":"*","create_time":"*","update_time":"*",
		"status":{"endpoint_id":"primary","endpoint_type":"ENDPOINT_TYPE_READ_WRITE","autoscaling_limit_min_cu":8,
		"autoscaling_limit_max_cu":8,"current_state":"IDLE","disabled":true,"hosts":{"host":"*"}}}`)
	r.like("role", r.ask("GET", branch+"/roles/admin", ""), `{"name":"projects/closed/branches/production/roles/admin","role_id":"admin",
		"parent":"projects/closed/branches/production","create_time":"*","update_time":"*","status":{"role_id":"admin",
		"postgres_role":"admin@lakeward.local","identity_type":"USER","auth_method":"LAKEBASE_OAUTH_V1",
		"membership_roles":["DATABRICKS_SUPERUSER"],"attributes":{"bypassrls":true,"createdb":true,"createrole":true}}}`)
	r.like("database", r.ask("GET", branch+"/databases/databricks-postgres", ""),
		`{"name":"projects/closed/branches/production/databases/databricks-postgres","database_id":"databricks-postgres",
		"parent":"projects/closed/branches/production","create_time":"*","update_time":"*","status":{"database_id":"databricks-postgres",
		"postgres_database":"databricks_postgres","role":"projects/closed/branches/production/roles/admin"}}`)
	for collection, path := range map[string]string{
		"projects": apiPostgres + "projects", "branches": project + "/branches", "endpoints": branch + "/endpoints",
		"roles": branch + "/roles", "databases": branch + "/databases",
	} {
		got := r.ask("GET", path+"?page_size=100&page_token=", "")
		if items, _ := got[collection].([]any); len(items) != 1 || len(got) != 1 {
			t.Errorf("%s are %v", collection, got)
		}
	}
	// A service principal is named by what it is: an id of a resource cannot begin with a digit.
	made := makeStopped(t, principalClient(t, l), database.DatabaseInstance{Name: "robots"})
	id := l.Workspace().ClientID
	r.like("a service principal's", r.ask("GET", apiPostgres+"projects/robots/branches/production/roles", ""), `{"roles":[`+compact(t,
		r.ask("GET", apiPostgres+"projects/robots/branches/production/roles/sp-"+id, ""))+`]}`)
	if made.Creator != id {
		t.Errorf("its creator is %s, want %s", made.Creator, id)
	}
}

// TestFieldsThatAreChanged changes each field of the Autoscaling API that can be, by a mask that names it, what it is in, or
// everything.
func TestFieldsThatAreChanged(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	r := raw{t, l}
	makeStopped(t, userClient(t, l), database.DatabaseInstance{Name: "closed"})
	const project = apiPostgres + "projects/closed"
	const endpoint = project + "/branches/production/endpoints/primary"
	for _, c := range []struct{ path, mask, spec, want string }{
		{project, "spec.display_name", `{"display_name":"Ü"}`, `"display_name":"Ü"`},
		{project, "spec.history_retention_duration", `{"history_retention_duration":"172800s"}`, `"history_retention_duration":"172800s"`},
		{project, "*", `{"history_retention_duration":"3024000s"}`, `"history_retention_duration":"3024000s"`},
		{project, "spec.history_retention_duration", `{}`, `"history_retention_duration":"604800s"`},
		{project, "spec", `{"enable_pg_native_login":true}`, `"enable_pg_native_login":true`},
		{project, "spec.enable_pg_native_login", `{}`, `"enable_pg_native_login":false`},
		{project, "spec.budget_policy_id", `{"budget_policy_id":"b"}`, `"budget_policy_id":"b"`},
		{project, "spec.custom_tags", `{"custom_tags":[{"key":"k","value":"v"}]}`, `"custom_tags":[{"key":"k","value":"v"}]`},
		{project, "*", `{"custom_tags":[]}`, `"custom_tags":[{"key":"k","value":"v"}]`}, // * leaves out tags that are empty
		{project, "spec.custom_tags", `{"custom_tags":[]}`, `!"custom_tags"`},
		{
			project, "spec.default_endpoint_settings",
			`{"default_endpoint_settings":{"autoscaling_limit_min_cu":0.5,"autoscaling_limit_max_cu":4,"suspend_timeout_duration":"300s","pg_settings":{"work_mem":"8MB"}}}`,
			`"default_endpoint_settings":{"autoscaling_limit_max_cu":4,"autoscaling_limit_min_cu":0.5,"pg_settings":{"work_mem":"8MB"},"suspend_timeout_duration":"300s"}`,
		},
		{
			project, "spec.default_endpoint_settings.suspension", `{"default_endpoint_settings":{"no_suspension":true}}`,
			`"default_endpoint_settings":{"autoscaling_limit_max_cu":4,"autoscaling_limit_min_cu":0.5,"no_suspension":true,"pg_settings":{"work_mem":"8MB"}}`,
		},
		{project + "/branches/production", "spec.is_protected", `{"is_protected":true}`, `"is_protected":true`},
		{project + "/branches/production", "spec.is_protected", `{}`, `"is_protected":false`},
		{project + "/branches/production", "spec.expiration", `{"no_expiry":true}`, `!"expire_time"`},
		{
			endpoint, "spec.autoscaling_limit_min_cu,spec.autoscaling_limit_max_cu",
			`{"autoscaling_limit_min_cu":0.5,"autoscaling_limit_max_cu":16}`, `"autoscaling_limit_max_cu":16,"autoscaling_limit_min_cu":0.5`,
		},
		{endpoint, "spec.autoscaling_limit_min_cu", `{"autoscaling_limit_min_cu":2,"autoscaling_limit_max_cu":3}`, `"autoscaling_limit_max_cu":16,"autoscaling_limit_min_cu":2`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":48,"autoscaling_limit_max_cu":64}`, `"autoscaling_limit_max_cu":64,"autoscaling_limit_min_cu":48`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":112,"autoscaling_limit_max_cu":112}`, `"autoscaling_limit_max_cu":112`},
		{endpoint, "spec.suspension", `{"suspend_timeout_duration":"60s"}`, `"suspend_timeout_duration":"60s"`},
		{endpoint, "spec.suspend_timeout_duration", `{"suspend_timeout_duration":"604800s"}`, `"suspend_timeout_duration":"604800s"`},
		{endpoint, "spec.suspension", `{}`, `"suspend_timeout_duration":"86400s"`},
		{endpoint, "spec.suspension", `{"no_suspension":true}`, `!"suspend_timeout_duration"`},
		{
			endpoint, "spec.group", `{"group":{"min":4,"max":4,"enable_readable_secondaries":true}}`,
			`"group":{"enable_readable_secondaries":true,"max":4,"min":4}`,
		},
		{endpoint, "spec.group.enable_readable_secondaries", `{"group":{}}`, `"group":{"enable_readable_secondaries":false,"max":4,"min":4}`},
		{endpoint, "spec.group", `{}`, `!"group"`},
		{endpoint, "spec.settings.pg_settings", `{"settings":{"pg_settings":{"work_mem":"9MB"}}}`, `"settings":{"pg_settings":{"work_mem":"9MB"}}`},
		{endpoint, "spec.settings", `{}`, `!"settings"`},
	} {
		op := r.ask("PATCH", c.path+"?update_mask="+c.mask, `{"spec":`+c.spec+`}`)
		if op["name"] == nil || op["error"] != nil {
			t.Errorf("%s of %s: %v", c.mask, c.path, op)
		}
		got := compact(t, r.ask("GET", c.path, "")["status"])
		want, absent := strings.CutPrefix(c.want, "!")
		if strings.Contains(got, want) == absent {
			t.Errorf("%s of %s to %s: want %s in %s", c.mask, c.path, c.spec, c.want, got)
		}
	}
	for _, c := range []struct{ path, mask, spec string }{
		{endpoint, "*", `{"autoscaling_limit_min_cu":0.4}`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":1.5,"autoscaling_limit_max_cu":2}`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":8,"autoscaling_limit_max_cu":4}`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":47,"autoscaling_limit_max_cu":64}`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":60,"autoscaling_limit_max_cu":65}`},
		{endpoint, "*", `{"autoscaling_limit_min_cu":113,"autoscaling_limit_max_cu":113}`},
		{endpoint, "*", `{"suspend_timeout_duration":"59s"}`},
		{endpoint, "*", `{"suspend_timeout_duration":"604801s"}`},
		{endpoint, "spec.group", `{"group":{"min":5,"max":5}}`},
		{endpoint, "spec.group", `{"group":{"min":2,"max":3}}`},
		{endpoint, "spec.endpoint_type", `{"endpoint_type":"ENDPOINT_TYPE_READ_ONLY"}`},
		{endpoint, "spec.settings", `{"settings":{"pg_settings":{"Listen_Addresses":"*"}}}`},
		{endpoint, "spec.settings", `{"settings":{"pg_settings":{"work_mem":"1MB'\nport = 1"}}}`},
		{endpoint, "spec.settings", `{"settings":{"pg_settings":{"a b":"1"}}}`},
		{project, "spec.default_endpoint_settings", `{"default_endpoint_settings":{"autoscaling_limit_min_cu":0.25}}`},
	} {
		status, answer := call(t, l, "PATCH", c.path+"?update_mask="+c.mask, bearer(l), `{"spec":`+c.spec+`}`)
		if status != http.StatusBadRequest || !strings.Contains(answer, `"INVALID_PARAMETER_VALUE"`) {
			t.Errorf("%s to %s: %d %s", c.mask, c.spec, status, answer)
		}
	}
}
