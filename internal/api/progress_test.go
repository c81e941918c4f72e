package api_test

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/lakewardtest"
)

func theCourseOfAMigrationIsPutTogether(t *testing.T, lakebase *lakewardtest.Lakebase) {
	lakebase.Instance(t, "course")
	w := serve(t, lakebase)
	from := source(t, shop+`; CREATE TABLE dated (id INTEGER PRIMARY KEY, at DATE);
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
		INSERT INTO dated SELECT i, CASE WHEN i % 20 = 0 THEN 'soon' ELSE '2026-01-02' END FROM n`)
	moved := w.do(t, "/api/migrate", `{"source":`+quote(from)+`,"to":"course"}`)
	c := decode[api.Course](t, w, "GET", "/api/operations/"+moved.ID+"/progress", "", 200)
	var phases []string
	for _, p := range c.Phases {
		phases = append(phases, p.Name)
		if p.Ended == nil || p.Ended.Before(p.Started) {
			t.Errorf("the clock of %s: %s to %v", p.Name, p.Started, p.Ended)
		}
	}
	if got := strings.Join(phases, " "); !strings.Contains(got, "snapshot") || !strings.Contains(got, "load") || !strings.HasSuffix(got, "swap") {
		t.Errorf("phases %s", got)
	}
	tables := map[string]api.CourseTable{}
	for _, table := range c.Tables {
		tables[table.Name] = table
	}
	if d := tables["dated"]; len(tables) != 3 || d.State != "proved" || d.Done != 60 || d.Total != 60 || d.Rejected != 3 || d.Warnings == 0 || d.Started == nil || d.Ended == nil {
		t.Errorf("tables %+v", c.Tables)
	}
	if c.Done != 65 || c.Total != 65 || c.Rejected != 3 || c.Proved != 3 || c.Warnings == 0 || len(c.Messages) == 0 || c.Operation.Result != nil {
		t.Errorf("the course %+v", c)
	}
	response, err := w.Client().Do(w.request(t, "bob", "GET", "/api/operations/"+moved.ID+"/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	events := 0
	if err := read(response.Body, func(m message) bool {
		if m.event == "event" {
			events++
		}
		return m.event != "end"
	}); err != nil || int64(events) != c.LastEvent {
		t.Errorf("the last event is %d, and there are %d, %v", c.LastEvent, events, err)
	}
}
