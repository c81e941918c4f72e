package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/browse"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

func aPersonLooksAtTheData(t *testing.T, lakebase *lakewardtest.Lakebase) {
	lakebase.Instance(t, "looked")
	w := serve(t, lakebase)
	from := source(t, shop+`; CREATE TABLE dated (id INTEGER PRIMARY KEY, at DATE);
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
		INSERT INTO dated SELECT i, CASE WHEN i % 20 = 0 THEN 'soon' ELSE '2026-01-02' END FROM n`)
	w.do(t, "/api/migrate", `{"source":`+quote(from)+`,"to":"looked"}`)
	const at = "/api/instances/looked"
	for _, c := range []struct {
		who, path string
		status    int
		says      string
	}{
		{"bob", at + "/schemas", 200, `"name":"public"`},
		{"bob", at + "/tables", 200, `"name":"orders","kind":"table","rows":3,"counted":"exact"`},
		{"bob", at + "/tables?schema=none", 200, `{"tables":[]}`},
		{"bob", at + "/tables/public/orders", 200, `"to_table":"customers"`},
		{"bob", at + "/tables/public/none", 404, `"hint"`},
		{"bob", at + "/tables/lakeward/migration", 404, `"hint"`},
		{"bob", at + "/tables/public/orders/rows", 403, `ask an administrator`},
		{"ana", at + "/tables/public/orders/rows?limit=2", 200, `"rows":[[{"text":"1"},{"text":"1"},{"text":"1200"}],`},
		{"ana", at + "/tables/public/orders/rows?after=x", 422, `begin without after`},
		{"ana", at + "/tables/public/orders/rows?limit=501", 422, `limit`},
		{"ana", at + "/tables/public/x%22%3B%20drop%20table%20orders%3B--/rows", 404, `"hint"`},
		{"ana", at + "/tables/lakeward/migration/rows", 404, `"hint"`},
		{"ana", at + "/tables/pg_catalog/pg_authid/rows", 404, `"hint"`},
		{"bob", at + "/quarantine", 200, `"table":"dated","column":"at","action":"quarantined"`},
		{"bob", at + "/quarantine/rows", 403, `ask an administrator`},
		{"ana", at + "/quarantine/rows?schema=none", 404, `"hint"`},
		{"ana", at + "/quarantine/rows?table=other", 200, `{"rows":[]}`},
		{"ana", at + "/quarantine/rows?table=dated&column=at&limit=2", 200, `"value":{"text":"{\"text\": \"soon\"}"}`},
		{"ana", "/api/instances/none/tables", 404, `"hint"`},
	} {
		if status, text := w.ask(t, c.who, "GET", c.path, ""); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s by %s: %d %s, want %d with %s", c.path, c.who, status, text, c.status, c.says)
		}
	}
	keys, after := []string{}, ""
	for pages := 0; pages == 0 || after != "" && pages < 9; pages++ {
		p := decode[browse.QuarantinePage](t, w, "GET", fmt.Sprintf("%s/quarantine/rows?limit=2&after=%s", at, after), "", 200)
		for _, r := range p.Rows {
			keys = append(keys, r.Key)
		}
		after = p.Next
	}
	if strings.Join(keys, " ") != `{"id": 20} {"id": 40} {"id": 60}` {
		t.Errorf("the quarantine page by page: %q", keys)
	}
	entries, err := w.store.Entries(t.Context(), store.AuditFilter{Object: at + "/tables/public/orders/rows"})
	if err != nil || len(entries) != 4 || entries[3].Actor != "bob" || entries[3].Outcome != "denied" || entries[2].Outcome != "done" || entries[1].Outcome != "failed" {
		t.Errorf("the audit log: %+v, %v", entries, err)
	}
	w.do(t, at+"/stop", "")
	if status, text := w.ask(t, "bob", "GET", at+"/tables", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "instance start looked") {
		t.Errorf("of a stopped instance: %d %s", status, text)
	}
}
