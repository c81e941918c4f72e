package standin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/databricks/databricks-sdk-go"
)

// wire keeps what goes over it between an SDK and a Lakebase.
type wire struct {
	mu    sync.Mutex
	calls []wireCall
}

type wireCall struct {
	*http.Request
	form   string // the body of a request for a token
	status int
	code   string // error_code of the answer
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	call := wireCall{Request: r}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		call.form, r.Body = string(b), io.NopCloser(bytes.NewReader(b))
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var refusal struct {
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(body, &refusal) // a file is none
	call.status, call.code = response.StatusCode, refusal.Code
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call)
	return response, nil
}

// during returns the calls that do makes.
func (w *wire) during(do func()) []wireCall {
	w.mu.Lock()
	w.calls = nil
	w.mu.Unlock()
	do()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// tapped is the official SDK as the administrator uses it, and what it says to the Lakebase.
func tapped(t *testing.T, l *Lakebase) (*databricks.WorkspaceClient, *wire) {
	t.Helper()
	tap := new(wire)
	return client(t, &databricks.Config{
		Host: l.Workspace().Host, Token: l.Workspace().Token, HTTPTransport: tap, RateLimitPerSecond: 1000,
		RetryTimeoutSeconds: 2, // a call that would be repeated for minutes fails the test before
	}), tap
}

// TestEveryMethodOfTheSDKIsAnsweredAsDocumented calls each method of the services of the SDK that meet the local Lakebase. It
// is answered, or 501, as the first table of docs/local.md says, and nothing in that table is without a method.
func TestEveryMethodOfTheSDKIsAnsweredAsDocumented(t *testing.T) {
	t.Parallel()
	w, tap := tapped(t, start(t, folder(t)))
	table := documented(t)
	for name, service := range map[string]any{
		"Postgres": w.Postgres, "Database": w.Database, "Files": w.Files, "CurrentUser": w.CurrentUser, "UsersV2": w.UsersV2,
		"ServicePrincipalsV2": w.ServicePrincipalsV2, "ServicePrincipalSecretsProxy": w.ServicePrincipalSecretsProxy,
		"Catalogs": w.Catalogs, "Schemas": w.Schemas, "Volumes": w.Volumes, "Apps": w.Apps,
	} {
		of := reflect.ValueOf(service)
		for i := range of.NumMethod() {
			method := of.Type().Method(i).Name
			tried := false
			calls := tap.during(func() { tried = try(t, of.Method(i), method) })
			if tried && len(calls) == 0 {
				t.Errorf("w.%s.%s called nothing", name, method)
			}
			for _, c := range calls {
				answered := c.status != http.StatusNotImplemented
				if should := table.answers(c.Method, c.URL.Path); answered != should || c.code == "ENDPOINT_NOT_FOUND" ||
					!answered && c.code != "NOT_IMPLEMENTED" {
					t.Errorf("w.%s.%s is %s %s: %d %s; docs/local.md says answered: %t", name, method, c.Method, c.URL.Path,
						c.status, c.code, should)
				}
			}
		}
	}
	for _, row := range table {
		for _, claim := range row.claims {
			if !row.used[claim] {
				t.Errorf("docs/local.md promises %q of %s, and the SDK has no such method", claim, row.prefix)
			}
		}
	}
}

// try calls a method that makes one call out of a request. Those that take a name make the same call as another method, and
// iterators as the one that ends in All.
func try(t *testing.T, method reflect.Value, name string) bool {
	t.Helper()
	of := method.Type()
	if of.NumIn() != 2 || of.IsVariadic() || of.In(1).Kind() != reflect.Struct ||
		!of.Out(of.NumOut()-1).Implements(reflect.TypeFor[error]()) {
		return false
	}
	request := reflect.New(of.In(1)).Elem()
	for i := range request.NumField() {
		field, value := of.In(1).Field(i), request.Field(i)
		switch {
		case field.Type == reflect.TypeFor[io.ReadCloser]():
			value.Set(reflect.ValueOf(http.NoBody))
		case field.Type.Kind() == reflect.String && field.Tag.Get("url") == "-":
			value.SetString(placeOf(of.In(1).PkgPath(), name, field.Name))
		}
	}
	method.Call([]reflect.Value{reflect.ValueOf(t.Context()), request}) // the wire tells how it ended
	return true
}

// resources are the names of those of the Autoscaling API, by what the SDK's methods call them.
var resources = map[string]string{
	"Project": "projects/none", "Branch": inProject + "branches/none", "Endpoint": inBranch + "endpoints/none",
	"Role": inBranch + "roles/none", "Database": inBranch + "databases/none", "Operation": "projects/none/operations/none",
	"Snapshot": inProject + "snapshots/none", "SnapshotSchedule": inBranch + "snapshot-schedule",
	"DataApi": inBranch + "databases/none/data-api", "CdfConfig": inBranch + "databases/none/cdf-configs/none",
	"CdfStatus": inBranch + "databases/none/cdf-statuses/none", "Catalog": "catalogs/none", "SyncedTable": "synced_tables/a.b.c",
}

const (
	inProject = "projects/none/"
	inBranch  = inProject + "branches/none/"
)

// placeOf returns what goes into the path of a call as a field of its request.
func placeOf(pkg, method, field string) string {
	if strings.HasSuffix(field, "Path") {
		return "/Volumes/main/default/none/x"
	}
	if strings.HasSuffix(pkg, "/postgres") {
		noun := regexp.MustCompile("^[A-Z][a-z]+").ReplaceAllString(strings.TrimSuffix(method, "All"), "")
		for name, resource := range resources {
			if !slices.Contains([]string{name, name + "s", name + "es"}, noun) {
				continue
			}
			if field == "Parent" && !strings.HasSuffix(resource, "-api") {
				resource = resource[:strings.LastIndex(resource, "/")]
			}
			if field == "Parent" {
				resource = resource[:strings.LastIndex(resource, "/")]
			}
			return resource
		}
	}
	return "none"
}

// promise is a row of the table of what is answered.
type promise struct {
	prefix string   // of the paths
	claims []string // what they are about, and what can be done with them; only the former in a row that says 501
	absent bool     // 501
	used   map[string]bool
}

type promises []*promise

// documented reads the first table of docs/local.md.
func documented(t *testing.T) (all promises) {
	t.Helper()
	text, err := os.ReadFile("../../docs/local.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	prefix := ""
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|") // the first and the last are empty
		if len(cells) != 5 {
			t.Fatalf("a row without three columns: %s", line)
		}
		about := strings.TrimPrefix(strings.TrimSpace(cells[1]), "… ")
		if rest, ok := strings.CutPrefix(about, "`/"); ok {
			prefix, about, _ = strings.Cut(rest, "`")
			prefix, _, _ = strings.Cut("/"+prefix, "{")
		}
		row := &promise{prefix: prefix, absent: strings.TrimSpace(cells[3]) == "501", used: map[string]bool{}}
		if !strings.HasPrefix(prefix, "/api/") {
			continue // OAuth is none of a service
		}
		row.claims = words(about)
		if !row.absent {
			verbs, _, _ := strings.Cut(cells[2], ", with ")
			row.claims = append(row.claims, words(verbs)...)
		}
		all = append(all, row)
	}
	return all
}

func words(list string) (all []string) {
	for word := range strings.SplitSeq(strings.ReplaceAll(list, "`", ""), ",") {
		all = append(all, strings.TrimSpace(word))
	}
	return all
}

// spoken are the words of the table for parts of paths that have other names there.
var spoken = map[string]string{
	"instances:findByUid": ":findByUid", "snapshot-schedule": "snapshot schedules", "data-api": "Data API",
	"cdf-configs": "change data feed", "cdf-statuses": "change data feed", "synced_tables": "synced tables",
}

// answers reports whether the table says that a call is answered, and notes what it has said that by.
func (all promises) answers(method, path string) bool {
	parts := strings.Split(path, "/")
	for n, part := range slices.Backward(parts) {
		about := cmp.Or(spoken[part], part)
		for _, row := range all {
			if !strings.HasPrefix(path, row.prefix) || !slices.Contains(row.claims, about) {
				continue
			}
			for _, other := range parts {
				row.used[cmp.Or(spoken[other], other)] = true
			}
			verb := "all"
			if !slices.Contains(row.claims, verb) {
				verb = verbOf(method, part, len(parts)-1-n)
			}
			row.used[verb] = true
			return !row.absent && slices.Contains(row.claims, verb)
		}
	}
	return false
}

// verbOf returns what a call does with what is named by a part of its path, after which so many others come.
func verbOf(method, part string, after int) string {
	switch {
	case part == "undelete":
		return part
	case after > 1:
		return "something with a part of it"
	case method == http.MethodGet && after == 0 && strings.HasSuffix(part, "s"):
		return "list"
	}
	return map[string]string{
		http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "set", http.MethodPatch: "update",
		http.MethodDelete: "delete",
	}[method]
}
