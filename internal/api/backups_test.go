package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

// TestBackupsThereAndBack: migrate, export, wipe, import, and the instance has what the source has; in the guide's words
// and in Lakeward's own.
func TestBackupsThereAndBack(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Start(t)
	connector := lakebase.Instance(t, "shop")
	w := serve(t, lakebase)
	path := source(t, `CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO orders VALUES (1, 'a'), (2, 'ü')`)
	const guide = "/api/database-management"
	if status, body := w.ask(t, administrator, "POST", guide+"/export", `{}`); status != http.StatusUnprocessableEntity ||
		!isProblem(body) || !strings.Contains(body, "uses no instance") {
		t.Errorf("an export without an instance: %d %s", status, body)
	}
	w.do(t, "/api/migrate", fmt.Sprintf(`{"source":%q,"to":"shop"}`, path))
	decode[map[string]any](t, w, "POST", base+"/enable", `{"instance_name":"shop"}`, 200, "Prefer", "wait=60")
	empty := decode[guideBackups](t, w, "POST", guide+"/list-backups", `{}`, 200)
	if !empty.Success || empty.Backups == nil || empty.TotalBackups != 0 || empty.VolumePath != "/Volumes/users/default/kasal_backups" {
		t.Errorf("before the first backup: %+v", empty)
	}

	for _, format := range []string{"sqlite", "sql"} {
		made := decode[exported](t, w, "POST", guide+"/export", fmt.Sprintf(`{"export_format":%q,"more":1}`, format), 200)
		if !made.Success || made.BackupPath != "/Volumes/users/default/kasal_backups/"+made.BackupFilename ||
			made.OperationState != store.Succeeded || made.SizeMB <= 0 || made.OriginalSizeMB <= 0 || made.DatabaseType != "lakebase" ||
			made.Catalog != "users" || made.Schema != "default" || made.Volume != "kasal_backups" || len(made.ExportFiles) == 0 ||
			made.ExportFiles[0].Filename != made.BackupFilename || made.Timestamp == "" ||
			made.VolumeBrowseURL != lakebase.Host+"/explore/data/volumes/users/default/kasal_backups" {
			t.Errorf("%s: %+v", format, made)
		}
		list := decode[guideBackups](t, w, "POST", guide+"/list-backups", `{"catalog":"users"}`, 200)
		if list.TotalBackups == 0 || list.Backups[0].BackupType != format && list.Backups[1].BackupType != format {
			t.Errorf("%s: listed %+v", format, list)
		}
		request := fmt.Sprintf(`{"backup_filename":%q}`, made.BackupFilename)
		execute(t, connector, `UPDATE orders SET note = 'changed'`)
		if status, body := w.ask(t, administrator, "POST", guide+"/import", request); status != http.StatusConflict || !isProblem(body) {
			t.Errorf("%s: an import over tables: %d %s", format, status, body)
		}
		execute(t, connector, `DROP TABLE orders; DROP SCHEMA lakeward CASCADE`)
		back := decode[imported](t, w, "POST", guide+"/import", request, 200)
		if !back.Success || back.RestoredTables != 1 || back.BackupFilename != made.BackupFilename || back.SizeMB != made.SizeMB ||
			back.ImportedFrom != made.BackupPath || back.Timestamp == "" {
			t.Errorf("%s: imported %+v", format, back)
		}
		w.do(t, "/api/verify", fmt.Sprintf(`{"source":%q,"to":"shop"}`, path))
	}

	o := w.do(t, "/api/backups", `{"instance":"shop","volume":"main.default.own","format":"sql"}`)
	var kept struct{ Name, Path string }
	if err := json.Unmarshal(o.Result, &kept); err != nil || o.Kind != "backup" || kept.Path != "/Volumes/main/default/own/"+kept.Name {
		t.Errorf("%+v: %v", o, err)
	}
	status, body := w.ask(t, "bob", "GET", "/api/backups?volume=main.default.own", "")
	if status != 200 || !strings.Contains(body, `"name":"`+kept.Name+`"`) || !strings.Contains(body, `"complete":true`) {
		t.Errorf("the list: %d %s", status, body)
	}
	execute(t, connector, `DELETE FROM orders`)
	w.do(t, "/api/backups/restore", fmt.Sprintf(`{"name":%q,"to":"shop","volume":"main.default.own","replace":"shop"}`, kept.Name))
	w.do(t, "/api/verify", fmt.Sprintf(`{"source":%q,"to":"shop"}`, path))

	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/backups?volume=nowhere", "", 422},
		{"GET", "/api/backups?volume=main.default.none", "", 404},
		{"POST", "/api/backups", `{"instance":"shop","format":"zip"}`, 422},
		{"POST", "/api/backups/restore", `{"name":"../x.db","to":"shop"}`, 422},
		{"POST", guide + "/import", `{"backup_filename":"none.db"}`, 404},
		{"POST", guide + "/import", `{"backup_filename":"../../x.db"}`, 422},
		{"POST", guide + "/list-backups", `{"catalog":"../x"}`, 422},
		{"POST", guide + "/export", `{"catalog":"nobodys"}`, 404},
	} {
		if status, body := w.ask(t, administrator, c.method, c.path, c.body); status != c.status || !isProblem(body) {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, status, body, c.status)
		}
	}
	if status, body := w.ask(t, administrator, "POST", guide+"/export", `{}`, "Prefer", "wait=0"); status != http.StatusAccepted ||
		!strings.Contains(body, `"operation_id"`) {
		t.Errorf("an export that nobody waits for: %d %s", status, body)
	}
}

type guideFile struct {
	Filename   string `json:"filename"`
	BackupType string `json:"backup_type"`
}

type guideBackups struct {
	Success      bool        `json:"success"`
	Backups      []guideFile `json:"backups"`
	VolumePath   string      `json:"volume_path"`
	TotalBackups int         `json:"total_backups"`
}

type exported struct {
	Success         bool        `json:"success"`
	OperationState  store.State `json:"operation_state"`
	BackupPath      string      `json:"backup_path"`
	BackupFilename  string      `json:"backup_filename"`
	VolumeBrowseURL string      `json:"volume_browse_url"`
	ExportFiles     []guideFile `json:"export_files"`
	SizeMB          float64     `json:"size_mb"`
	OriginalSizeMB  float64     `json:"original_size_mb"`
	Timestamp       string      `json:"timestamp"`
	Catalog         string      `json:"catalog"`
	Schema          string      `json:"schema"`
	Volume          string      `json:"volume"`
	DatabaseType    string      `json:"database_type"`
}

type imported struct {
	Success        bool    `json:"success"`
	ImportedFrom   string  `json:"imported_from"`
	BackupFilename string  `json:"backup_filename"`
	SizeMB         float64 `json:"size_mb"`
	Timestamp      string  `json:"timestamp"`
	RestoredTables int     `json:"restored_tables"`
}

func execute(t *testing.T, c *lakeward.Connector, statements string) {
	t.Helper()
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}
