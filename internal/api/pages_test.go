package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
)

type operationPage struct {
	Operations   []store.Operation
	Older, Newer string
}

func TestListsOfOperationsGoBothWays(t *testing.T) {
	t.Parallel()
	w := idle(t)
	var ids []string
	for n := range 7 {
		o, err := w.store.Add(t.Context(), store.Operation{
			Kind: "migrate", Instance: fmt.Sprintf("shop%d", n), Actor: "ana",
			Input: []byte(fmt.Sprintf(`{"source":"/data/100%%_%d.db","plan":{"version":1,"pad":"%s"}}`, n, strings.Repeat("x", 5000))),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append([]string{o.ID}, ids...)
	}
	page := func(query string) operationPage {
		return decode[operationPage](t, w, "GET", "/api/operations?limit=3"+query, "", 200)
	}
	first := page("")
	second := page("&before=" + first.Older)
	last := page("&before=" + second.Older)
	back := page("&after=" + last.Newer)
	top := page("&after=" + back.Newer)
	got := ""
	for _, p := range []operationPage{first, second, last, back, top} {
		for _, o := range p.Operations {
			for n, id := range ids {
				if id == o.ID {
					got += fmt.Sprint(n)
				}
			}
		}
		got += fmt.Sprintf("%t%t ", p.Older != "", p.Newer != "")
	}
	if want := "012truefalse 345truetrue 6falsetrue 345truetrue 012truefalse "; got != want {
		t.Errorf("pages %s, want %s", got, want)
	}
	for text, want := range map[string]int{"SHOP3": 1, "100%25_": 7, "0__": 0, ids[2]: 1, "'": 0, "_3.db+shop3": 1, "_3.db+shop2": 0} {
		if p := decode[operationPage](t, w, "GET", "/api/operations?text="+text, "", 200); len(p.Operations) != want {
			t.Errorf("%q is found in %d operations, want %d", text, len(p.Operations), want)
		}
	}
	if _, text := w.ask(t, "bob", "GET", "/api/operations?brief=true", ""); strings.Contains(text, "xxxx") || !strings.Contains(text, "100%_3.db") {
		t.Errorf("a brief list has plans: %d bytes", len(text))
	}
	decode[any](t, w, "GET", "/api/operations?before=x&after=y", "", 422)
}

type auditPage struct {
	Entries      []store.Entry
	Older, Newer int64
}

func TestTheAuditLogGoesBothWays(t *testing.T) {
	t.Parallel()
	w := idle(t)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for n := range 5 {
		outcome := []string{"done", "denied"}[n%2]
		if err := w.store.Audit(t.Context(), store.Entry{Time: day.AddDate(0, 0, n), Actor: "ana", Action: "POST /api/x", Object: fmt.Sprint("/api/x", n), Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ query, want string }{
		{"limit=2", "5 4 older 4"},
		{"limit=2&before=4", "3 2 older 2 newer 3"},
		{"limit=2&before=2", "1 newer 1"},
		{"limit=2&after=1", "3 2 older 2 newer 3"},
		{"limit=2&after=3", "5 4 older 4"},
		{"limit=2&after=5", ""},
		{"outcome=denied", "4 2"},
		{"text=X3", "4"},
		{"text=denied+ANA+x1", "2"},
		{"since=2026-11-02T00:00:00Z&until=2026-11-04T00:00:00Z", "3 2"},
	} {
		p := decode[auditPage](t, w, "GET", "/api/audit?"+c.query, "", 200)
		var got []string
		for _, e := range p.Entries {
			got = append(got, fmt.Sprint(e.ID))
		}
		if p.Older != 0 {
			got = append(got, fmt.Sprint("older ", p.Older))
		}
		if p.Newer != 0 {
			got = append(got, fmt.Sprint("newer ", p.Newer))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.query, got, c.want)
		}
	}
}

func TestTheConfigurationSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	w := idle(t, func(o *api.Options) {
		o.Setup = []api.Setting{{Name: "token", Value: "[secret]", Origin: "DATABRICKS_TOKEN"}}
	})
	if err := w.store.PutSettings(t.Context(), "ana", map[string]string{"instance": "shop", "schema": "app"}); err != nil {
		t.Fatal(err)
	}
	_, text := w.ask(t, "bob", "GET", "/api/config", "")
	for _, says := range []string{`{"name":"token","value":"[secret]","origin":"DATABRICKS_TOKEN"}`, `{"name":"schema","value":"app","origin":"store `, `"notes":[`} {
		if !strings.Contains(text, says) {
			t.Errorf("the configuration lacks %s: %s", says, text)
		}
	}
}

func TestDatabasesAreFoundBelowTheRootOnly(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	db, err := os.ReadFile(source(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{
		root + "/app.db": string(db), root + "/app.db-wal": "x", root + "/notes.txt": "SQLite format 3", root + "/empty.db": "", root + "/text.db": strings.Repeat("x", 512),
		root + "/deep/er/b.sqlite": string(db), outside + "/secret.db": string(db), root + "/.hidden.db": string(db),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": outside, "out.db": outside + "/secret.db", "in.db": "deep/er/b.sqlite", "up": "../"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := idle(t, func(o *api.Options) { o.Sources = root })
	list := func(path string) (names []string) {
		out := decode[api.Sources](t, w, "GET", "/api/sources?path="+path, "", 200)
		for _, e := range out.Entries {
			if e.Kind == "sqlite" && (e.Source != filepath.Join(root, e.Path) || e.Bytes != int64(len(db)) || e.Modified.IsZero()) {
				t.Errorf("%+v", e)
			}
			names = append(names, fmt.Sprint(e.Kind, " ", e.Path, " ", e.Open))
		}
		return names
	}
	for path, want := range map[string]string{
		"": "folder deep false, sqlite app.db true, sqlite in.db false", "deep": "folder deep/er false", "deep/er/": "sqlite deep/er/b.sqlite false",
		"../../deep/..": "folder deep false, sqlite app.db true, sqlite in.db false",
	} {
		if got := strings.Join(list(path), ", "); got != want {
			t.Errorf("in %q there are %s, want %s", path, got, want)
		}
	}
	for path, status := range map[string]int{"none": 404, "out": 422, "up": 422, "pipe.db": 422, "app.db": 422, "out%00": 422} {
		if got, text := w.ask(t, administrator, "GET", "/api/sources?path="+path, ""); got != status || strings.Contains(text, "secret") || !isProblem(text) {
			t.Errorf("%s: %d %s, want %d", path, got, text, status)
		}
	}
	if status, text := w.ask(t, "bob", "GET", "/api/sources", ""); status != 403 || strings.Contains(text, "app.db") {
		t.Errorf("a viewer: %d %s", status, text)
	}
	entries, err := w.store.Entries(t.Context(), store.AuditFilter{Object: "/api/sources", Outcome: "denied"})
	if err != nil || len(entries) != 1 || entries[0].Actor != "bob" {
		t.Errorf("the audit log: %+v, %v", entries, err)
	}
}
