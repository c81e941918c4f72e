package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

const base = "/api/database-management/lakebase"

// decode reads an answer, and fails the test unless it has the status.
func decode[T any](t *testing.T, w *world, method, path, body string, status int, header ...string) (out T) {
	t.Helper()
	got, text := w.ask(t, administrator, method, path, body, header...)
	if err := json.Unmarshal([]byte(text), &out); err != nil || got != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got, text, status)
	}
	return out
}

func theGuidesConsoleSeesInstances(t *testing.T, lakebase *lakewardtest.Lakebase) {
	conn, err := lakebase.Instance(t, "seen").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `create schema "My shop"; create table "My shop"."Order's" (id int);
		insert into "My shop"."Order's" values (1), (2)`); err != nil {
		t.Fatal(err)
	}
	w := serve(t, lakebase, func(o *api.Options) { o.Port = 6543 })
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		says                    string
	}{
		{"bob", "GET", base + "/instances?search=SEE", "", 200, `"state":"AVAILABLE","status":"READY"`},
		{"bob", "GET", base + "/instances?search=nobody", "", 200, `"items":[],"total":0`},
		{"bob", "GET", base + "/instances?search=seen&page=9", "", 200, `"items":[],"total":1`},
		{"bob", "GET", base + "/instances?page_size=101", "", 422, "page_size"},
		{"bob", "GET", base + "/instance/seen", "", 200, `"name":"seen"`},
		{"bob", "GET", base + "/instance/none", "", 200, `"state":"NOT_FOUND","status":"NOT_CREATED"`},
		{"bob", "GET", base + "/test/seen", "", 200, `"table_count":1`},
		{"bob", "POST", base + "/test-connection", `{"instance_name":"seen"}`, 403, `"denied"`},
		{"ana", "POST", base + "/test-connection", `{"instance_name":"seen"}`, 200, `"success":true`},
		{"ana", "POST", base + "/test-connection", `{"instance_name":"none"}`, 200, `"error_code":"NOT_FOUND"`},
		{"ana", "POST", base + "/test-connection", `{"instance_name":"seen","more":1}`, 200, `"success":true`},
		{"ana", "POST", base + "/test-connection", `{`, 400, `"kind":"invalid"`},
		{"ana", "POST", base + "/test-connection", ``, 400, `"hint"`},
		{"bob", "GET", base + "/tables", "", 422, `"hint":"add instance_name"`},
		{"bob", "GET", base + "/tables?instance_name=seen", "", 200, `{"schema":"My shop","table":"Order's","row_count":2,"estimated":false}`},
		{"bob", "GET", base + "/workspace-info", "", 200, lakebase.Host},
		{"bob", "GET", base + "/config", "", 200, `"enabled":false`},
		{"bob", "GET", "/api/database-management/check-permission", "", 200, `"has_permission":false`},
		{"ana", "GET", "/api/database-management/check-permission", "", 200, `"has_permission":true`},
		{"bob", "GET", "/api/database-management/info", "", 200, `"success":false`},
		{"bob", "GET", "/api/instances", "", 200, `"name":"seen"`},
		{"bob", "GET", "/api/instances/seen", "", 200, `"status":"READY"`},
		{"bob", "GET", "/api/instances/seen", "", 200, `"port":6543`},
		{"bob", "GET", "/api/instances", "", 200, `"port":6543`},
		{"bob", "GET", "/api/instances/none", "", 404, `"not_found"`},
	} {
		status, body := w.ask(t, c.who, c.method, c.path, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s by %s: %d %s, want %d with %s", c.method, c.path, c.who, status, body, c.status, c.says)
		}
	}
}

type config struct {
	Enabled        bool              `json:"enabled"`
	InstanceName   string            `json:"instance_name"`
	InstanceStatus string            `json:"instance_status"`
	DatabaseType   string            `json:"database_type"`
	Source         string            `json:"source"`
	Migrated       bool              `json:"migration_completed"`
	Origins        map[string]string `json:"origins"`
	Error          string            `json:"connection_error"`
}

// theGuidesConsoleCreates goes the way of the guide: name the source, create, look, switch off.
func theGuidesConsoleCreates(t *testing.T, lakebase *lakewardtest.Lakebase) {
	w := serve(t, lakebase)
	path := source(t, shop)
	c := decode[config](t, w, "POST", base+"/config", `{"source":`+quote(path)+`}`, 200)
	if c.Enabled || c.Source != path || c.InstanceStatus != "NOT_CREATED" || c.DatabaseType != "sqlite" {
		t.Errorf("with a source: %+v", c)
	}
	info := decode[map[string]any](t, w, "GET", "/api/database-management/info", "", 200)
	if info["total_tables"] != 2.0 || info["success"] != true || info["database_path"] != path {
		t.Errorf("info before: %v", info)
	}
	create := `{"instance_name":"made","capacity":"CU_1","retention_days":14,"node_count":1}`
	begun := decode[map[string]any](t, w, "POST", base+"/create", create, http.StatusAccepted)
	if begun["success"] != true || begun["operation_id"] == "" || begun["instance"] != nil {
		t.Errorf("begun: %v", begun)
	}
	again := decode[map[string]any](t, w, "POST", base+"/create", create, http.StatusOK, "Prefer", "wait=120")
	if again["operation_id"] != begun["operation_id"] || again["operation_state"] != "succeeded" {
		t.Errorf("a second request for the same: %v", again)
	}
	c = decode[config](t, w, "GET", base+"/config", "", 200)
	if !c.Enabled || c.InstanceName != "made" || c.InstanceStatus != "READY" || c.DatabaseType != "lakebase" || !c.Migrated ||
		c.Error != "" || c.Origins["instance"] == "" {
		t.Errorf("after: %+v", c)
	}
	info = decode[map[string]any](t, w, "GET", "/api/database-management/info", "", 200)
	if tables, _ := info["tables"].(map[string]any); tables["orders"] != 3.0 || info["lakebase_instance"] != "made" {
		t.Errorf("info after: %v", info)
	}
	tables := decode[map[string]any](t, w, "GET", base+"/tables", "", 200)
	if found, _ := json.Marshal(tables["kasal_tables_found"]); string(found) != `["customers","orders"]` || tables["summary"] != "2 tables with 5 rows" {
		t.Errorf("tables: %v", tables)
	}
	if status, body := w.ask(t, "ana", "POST", base+"/create", create, "Prefer", "wait=60"); status != http.StatusConflict ||
		!strings.Contains(body, `"hint"`) {
		t.Errorf("creating it again: %d %s", status, body)
	}
	// A console sends back what it was told: no change. Then it switches Lakebase off, and everything else stays.
	sentBack(t, w)
	if c = decode[config](t, w, "POST", base+"/config", `{"enabled":false}`, 200); c.Enabled || c.InstanceName != "made" || !c.Migrated {
		t.Errorf("switched off: %+v", c)
	}
	enabled := decode[map[string]any](t, w, "POST", base+"/enable", `{"instance_name":"made","expand_schema":true}`, 200, "Prefer", "wait=60")
	if enabled["schema_reconcile"] == nil || enabled["config"] == nil {
		t.Errorf("enabled: %v", enabled)
	}
}

// sentBack sends the configuration back as it was told: the answer is the same, and nothing is written anew.
func sentBack(t *testing.T, w *world) {
	t.Helper()
	before, err := w.store.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, told := w.ask(t, "ana", "GET", base+"/config", "")
	if status, again := w.ask(t, "ana", "POST", base+"/config", told); status != http.StatusOK || again != told {
		t.Errorf("sent back: %d %s, and not %s", status, again, told)
	}
	after, err := w.store.Settings(t.Context())
	if d := cmp.Diff(before, after); err != nil || d != "" {
		t.Errorf("what was sent back has changed the store: %v %s", err, d)
	}
}

// TestAConfigurationThatIsSentBackChangesNothing does so where nothing is set yet, and where some values are of the store
// and a password is among them.
func TestAConfigurationThatIsSentBackChangesNothing(t *testing.T) {
	t.Parallel()
	w := idle(t)
	sentBack(t, w)
	for _, change := range []string{
		`{"source":"postgres://u:secret@h/d?sslmode=disable","schema":"app"}`, `{"capacity":"CU_2","retention_days":7,"node_count":2}`,
		`{"instance_name":"shop","database_type":"postgresql"}`,
	} {
		if status, text := w.ask(t, "ana", "POST", base+"/config", change); status != http.StatusOK {
			t.Fatalf("%s: %d %s", change, status, text)
		}
		sentBack(t, w)
	}
}

// theGuidesConsoleMigratesAndWatches compares the stream with the guide's words.
func theGuidesConsoleMigratesAndWatches(t *testing.T, lakebase *lakewardtest.Lakebase) {
	w := serve(t, lakebase)
	lakebase.Instance(t, "streamed")
	if status, body := w.ask(t, "ana", "POST", base+"/migrate", `{"instance_name":"streamed"}`); status != 422 || !strings.Contains(body, "source") {
		t.Errorf("without a source: %d %s", status, body)
	}
	decode[config](t, w, "POST", base+"/config", `{"source":`+quote(source(t, shop))+`}`, 200)
	events := watchMigration(t, w, `{"instance_name":"streamed","recreate_schema":false,"migrate_data":true}`)
	var types []string
	for _, e := range events {
		types = append(types, e["type"].(string))
	}
	if types[0] != "start" || !slices.Equal(types[len(types)-3:], []string{"success", "complete", "result"}) || slices.Contains(types, "error") {
		t.Errorf("types: %v", types)
	}
	for _, word := range []string{"progress", "table_start", "table_complete"} {
		if !slices.Contains(types, word) {
			t.Errorf("no %s in %v", word, types)
		}
	}
	for _, e := range events {
		if e["type"] == "table_complete" && (e["total"] != 2.0 || e["rows"] == nil || e["duration"] == nil) {
			t.Errorf("a table: %v", e)
		}
		if e["type"] == "progress" && e["step"] == nil {
			t.Errorf("progress without a step: %v", e)
		}
	}
	result := events[len(events)-1]
	if result["success"] != true || result["total_rows"] != 5.0 || result["total_tables"] != 2.0 || result["failed_tables"] != 0.0 {
		t.Errorf("result: %v", result)
	}
	// To recreate without the name typed destroys nothing, and the failure is told by one error.
	connect := lakebaseConnect(t, w, "streamed")
	if _, err := connect.Exec(t.Context(), `insert into orders values (77, 1, 5)`); err != nil {
		t.Fatal(err)
	}
	events = watchMigration(t, w, `{"instance_name":"streamed","recreate_schema":true}`)
	last, before := events[len(events)-1], events[len(events)-2]
	if last["type"] != "result" || last["success"] != false || before["type"] != "error" || before["message"] == "" {
		t.Errorf("it was replaced without the name: %v %v", before, last)
	}
	var n int
	if err := connect.QueryRow(t.Context(), `select count(*) from orders`).Scan(&n); err != nil || n != 4 {
		t.Errorf("%d rows, %v", n, err)
	}
	if status, body := w.ask(t, "ana", "POST", base+"/migrate", `{"instance_name":"streamed","recreate_schema":true,"confirm":"other"}`); status != 422 {
		t.Errorf("another name typed: %d %s", status, body)
	}
	done := decode[map[string]any](t, w, "POST", base+"/migrate",
		`{"instance_name":"streamed","recreate_schema":true,"confirm":"streamed"}`, 200, "Prefer", "wait=60")
	if done["success"] != true || done["total_rows"] != 5.0 || done["verdict"] != "identical" {
		t.Errorf("replaced: %v", done)
	}
}

// watchMigration reads a stream as a console does: blocks that begin with data.
func watchMigration(t *testing.T, w *world, body string) (events []map[string]any) {
	t.Helper()
	status, text, header := w.askAll(t, administrator, "POST", base+"/migrate/stream", body)
	if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", status, text)
	}
	for block := range strings.SplitSeq(text, "\n\n") {
		data, ok := strings.CutPrefix(block, "data: ")
		if !ok {
			continue
		}
		var e map[string]any
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		events = append(events, e)
	}
	if len(events) < 3 {
		t.Fatalf("the stream: %s", text)
	}
	return events
}

func theGuidesConsoleChangesInstances(t *testing.T, lakebase *lakewardtest.Lakebase) {
	w := serve(t, lakebase)
	lakebase.Instance(t, "changed")
	wait := []string{"Prefer", "wait=60"}
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/stop", `{"instance_name":"changed"}`, 200, `"state":"STOPPED"`},
		{"/test-connection", `{"instance_name":"changed"}`, 200, `"error_code":"UNAVAILABLE"`},
		{"/start", `{"instance_name":"changed"}`, 200, `"state":"AVAILABLE"`},
		{"/start", `{"instance_name":"none"}`, 404, `"hint"`},
		{"/resize", `{"instance_name":"changed","capacity":"CU_2"}`, 200, `"capacity":"CU_2"`},
		{"/resize", `{"instance_name":"changed","capacity":"CU_3"}`, 422, `body.capacity`},
		{"/resize", `{"instance_name":"changed"}`, 422, `"hint"`},
		{"/create", `{"instance_name":"changed","retention_days":1}`, 422, `body.retention_days`},
		{"/create", `{"instance_name":"with space"}`, 422, `"hint"`},
		{"/delete", `{"instance_name":"changed"}`, 422, `type its name`},
		{"/delete", `{"instance_name":"changed","confirm":"chan"}`, 422, `type its name`},
		{"/delete", `{"instance_name":"changed","confirm":"changed"}`, 200, `"state":"NOT_FOUND"`},
	} {
		if status, body := w.ask(t, "ana", "POST", base+c.path, c.body, wait...); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.path, c.body, status, body, c.status, c.says)
		}
	}
	// The same in Lakeward's own words.
	if o := w.do(t, "/api/instances", `{"name":"changed-too","capacity":"CU_1"}`); o.Kind != "create" {
		t.Errorf("%+v", o)
	}
	w.do(t, "/api/instances/changed-too/stop", "")
	w.do(t, "/api/instances/changed-too/start", "")
	w.do(t, "/api/instances/changed-too/resize", `{"retention_days":21}`)
	if status, body := w.ask(t, "ana", "DELETE", "/api/instances/changed-too", "", wait...); status != 422 {
		t.Errorf("deleted without its name: %d %s", status, body)
	}
	o := decode[store.Operation](t, w, "DELETE", "/api/instances/changed-too?yes=changed-too", "", 200, wait...)
	if o.State != store.Succeeded {
		t.Errorf("%+v", o)
	}
}
