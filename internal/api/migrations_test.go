package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

func lakebaseConnect(t *testing.T, w *world, instance string) *pgx.Conn {
	t.Helper()
	c, err := lakeward.NewConnector(w.lakebase.Workspace, instance, w.lakebase.Options()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// aDatabaseGoesThereAndBack sends a file, plans, checks, migrates, verifies, exports and downloads.
func aDatabaseGoesThereAndBack(t *testing.T, lakebase *lakewardtest.Lakebase) {
	w := serve(t, lakebase)
	lakebase.Instance(t, "there")
	file, err := os.ReadFile(source(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	var sent api.Uploaded
	status, text := w.ask(t, "ana", "POST", "/api/uploads?name=app.db", string(file), "Content-Type", "application/octet-stream")
	if err := json.Unmarshal([]byte(text), &sent); err != nil || status != http.StatusCreated || sent.Bytes != int64(len(file)) {
		t.Fatalf("upload: %d %s", status, text)
	}
	from, to := `"source":`+quote(sent.Path), `"to":"there"`
	plan := w.do(t, "/api/plan", `{`+from+`}`)
	if status, body := w.ask(t, "bob", "GET", "/api/operations/"+plan.ID+"/report?format=yaml", ""); status != 200 || !strings.Contains(body, "name: orders") {
		t.Errorf("the plan: %d %s", status, body)
	}
	w.do(t, "/api/check", `{`+from+`,`+to+`}`)
	moved := w.do(t, "/api/migrate", `{`+from+`,`+to+`,"plan":`+string(plan.Result)+`}`)
	report := "/api/operations/" + moved.ID + "/report"
	for _, c := range []struct{ path, accept, kind, says string }{
		{report, "", "application/json", `"verdict":"identical"`},
		{report, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8", "<html"},
		{report + "?format=text", "text/html", "text/plain; charset=utf-8", "orders"},
		{report + "?format=html", "", "text/html; charset=utf-8", "orders"},
	} {
		status, body, header := w.askAll(t, "bob", "GET", c.path, "", "Accept", c.accept)
		if status != 200 || header.Get("Content-Type") != c.kind || !strings.Contains(body, c.says) {
			t.Errorf("%s as %q: %d %s %s", c.path, c.accept, status, header.Get("Content-Type"), body)
		}
	}
	if status, body := w.ask(t, "bob", "GET", report+"?format=yaml", ""); status != 422 || !strings.Contains(body, "hint") {
		t.Errorf("a report as yaml: %d %s", status, body)
	}
	w.do(t, "/api/verify", `{`+from+`,`+to+`}`)
	out := w.do(t, "/api/export", `{"instance":"there"}`)
	path := "/api/operations/" + out.ID + "/file"
	if status, _ := w.ask(t, "bob", "GET", path, ""); status != http.StatusForbidden {
		t.Errorf("a viewer took all data: %d", status)
	}
	status, back, header := w.askAll(t, "ana", "GET", path, "")
	if status != 200 || !strings.HasPrefix(back, "SQLite format 3\x00") || header.Get("Content-Disposition") != `attachment; filename=there.db` {
		t.Errorf("the file: %d, %d bytes, %v", status, len(back), header)
	}
	if status, part := w.ask(t, "ana", "GET", path, "", "Range", "bytes=0-5"); status != http.StatusPartialContent || part != "SQLite" {
		t.Errorf("a part of it: %d %q", status, part)
	}
	entries, err := w.store.Entries(t.Context(), store.AuditFilter{Object: path})
	if err != nil || len(entries) != 3 || entries[0].Actor != "ana" || entries[2].Outcome != "denied" {
		t.Errorf("audit log of downloads: %+v, %v", entries, err)
	}
	if status, _ := w.ask(t, "ana", "GET", "/api/operations/"+moved.ID+"/file", ""); status != http.StatusNotFound {
		t.Errorf("the file of a migration: %d", status)
	}
	log := decode[struct{ Entries []store.Entry }](t, w, "GET", "/api/audit?action=POST+/api/migrate", "", 200)
	if len(log.Entries) != 1 || log.Entries[0].Actor != "ana" || log.Entries[0].Request == "" {
		t.Errorf("audit log: %+v", log)
	}
}

func TestOnlyDatabasesAreTaken(t *testing.T) {
	t.Parallel()
	w := idle(t, func(o *api.Options) { o.MaxUpload = 64 << 10 })
	whole, err := os.ReadFile(source(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	large := append(bytes.Clone(whole), make([]byte, 64<<10)...)
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"app.db", string(whole), 201, `"path"`},
		{"app.db", "", 422, "not a SQLite database"},
		{"app.db", "SQLite", 422, "not a SQLite database"},
		{"app.db", strings.Repeat("x", 1000), 422, "not a SQLite database"},
		{"app.db", string(whole[:len(whole)-5000]), 422, `"hint"`},
		{"app.db", string(whole[:20]), 422, `"hint"`},
		{"app.db", string(large), 422, "larger than"},
		{"../app.db", string(whole), 422, "query.name"},
		{"..", string(whole), 422, "query.name"},
		{"", string(whole), 422, "query.name"},
	} {
		status, body := w.ask(t, "ana", "POST", "/api/uploads?name="+c.name, c.body, "Content-Type", "application/octet-stream")
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%q with %d bytes: %d %s, want %d with %s", c.name, len(c.body), status, body, c.status, c.says)
		}
	}
	// Without its length, as a stream.
	r := w.request(t, "ana", "POST", "/api/uploads?name=app.db", struct{ *bytes.Reader }{bytes.NewReader(large)})
	r.ContentLength = -1
	response, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 422 {
		t.Errorf("a stream that is too long: %d", response.StatusCode)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "uploads", "*", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("files that stay: %q, %v", left, err)
	}
	if w.ask(t, "ana", "POST", "/api/plan", `{"source":`+quote(strings.Repeat("x", 1<<20))+`}`); false {
		t.Error()
	}
}

func TestHousekeepingDeletesOnlyWhatIsOld(t *testing.T) {
	t.Parallel()
	w := idle(t)
	o := waiting(t, w)
	w.ask(t, "ana", "POST", "/api/operations/"+o.ID+"/cancel", "")
	waiting(t, w)
	const path = "/api/database-management/housekeeping"
	for _, c := range []struct {
		cutoff string
		status int
		says   string
	}{
		{"2999-01-01", 422, "future"},
		{"soon", 422, `"hint"`},
		{"", 422, `"hint"`},
		{"2020-02-30", 422, `"hint"`},
		{"2020-01-01", 200, `"deleted":{"operations":0,"events":0,"audit":0,"uploads":0,"exports":0},"total_deleted":0`},
	} {
		if status, body := w.ask(t, "ana", "POST", path, `{"cutoff_date":`+quote(c.cutoff)+`}`); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%q: %d %s, want %d with %s", c.cutoff, status, body, c.status, c.says)
		}
	}
	ended, err := w.store.Operation(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	cut := ended.Ended.Add(1000).Format("2006-01-02T15:04:05.999999999Z07:00")
	if status, body := w.ask(t, "ana", "POST", path, `{"cutoff_date":`+quote(cut)+`}`); status != 200 || !strings.Contains(body, `"operations":1`) {
		t.Errorf("%s: %d %s", cut, status, body)
	}
	if all, err := w.store.Operations(t.Context(), store.Filter{}); err != nil || len(all) != 1 || all[0].State != store.Queued {
		t.Errorf("left: %+v, %v", all, err)
	}
}

func TestPlanMayBeLarge(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	from := `"source":` + quote(source(t, shop))
	plan := w.do(t, "/api/plan", `{`+from+`}`)
	room := strings.Repeat(" ", 3<<20)
	if again := w.do(t, "/api/plan", `{`+from+`,"plan":`+room+string(plan.Result)+`}`); again.State != store.Succeeded {
		t.Errorf("a plan of 3 MB: %s, %+v", again.State, again.Error)
	}
	if status, text := w.ask(t, "ana", "POST", "/api/export", `{"instance":"shop"`+room+`}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a request of 3 MB that needs no plan: %d %s", status, text)
	}
}
