package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/migrate"
)

func TestAPlanThatCannotBeObeyedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := idle(t)
	w.run(t)
	from := source(t, shop)
	made := w.do(t, "/api/plan", `{"source":`+quote(from)+`}`)
	var plan migrate.Plan
	if err := json.Unmarshal(made.Result, &plan); err != nil || len(plan.Tables) != 2 {
		t.Fatalf("%s, %v", made.Result, err)
	}
	good := quote(plan)
	plan.Tables[0].Columns[1].Type = "nonsense"
	plan.Tables[1].Columns[2].Target = plan.Tables[1].Columns[0].Target
	bad := quote(plan)
	for _, path := range []string{"/api/plan", "/api/migrate"} {
		status, text := w.ask(t, administrator, "POST", path, `{"source":`+quote(from)+`,"to":"shop","plan":`+bad+`}`)
		if path == "/api/plan" {
			status, text = w.ask(t, administrator, "POST", path, `{"source":`+quote(from)+`,"plan":`+bad+`}`)
		}
		var p access.Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil || status != 422 {
			t.Fatalf("%s: %d %s", path, status, text)
		}
		paths := ""
		for _, f := range p.Faults {
			paths += f.Path + " "
			if f.Where == "" || f.What == "" {
				t.Errorf("%s: %+v", path, f)
			}
		}
		if !strings.Contains(paths, "$.tables[0].columns[1]") || !strings.Contains(paths, "$.tables[1].columns[2]") {
			t.Errorf("%s names %s: %s", path, paths, text)
		}
	}
	checked := w.do(t, "/api/plan", `{"source":`+quote(from)+`,"plan":`+good+`}`)
	if checked.State != store.Succeeded {
		t.Errorf("a good plan: %+v", checked)
	}
	if status, text := w.ask(t, administrator, "POST", "/api/plan", `{"source":"/none.db","plan":`+good+`}`); status != 202 && status != 200 {
		t.Errorf("a source that is not there is for the operation to tell: %d %s", status, text)
	}
	other := source(t, `CREATE TABLE things (id INTEGER PRIMARY KEY)`)
	if status, text := w.ask(t, administrator, "POST", "/api/plan", `{"source":`+quote(other)+`,"plan":`+good+`}`); status != 409 || !strings.Contains(text, "make the plan again") {
		t.Errorf("a plan of another source: %d %s", status, text)
	}
}
