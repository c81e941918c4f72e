package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/lakewardtest"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const golden = "../../docs/openapi.yaml"

func TestOpenAPIIsAsInTheDocs(t *testing.T) {
	t.Parallel()
	got, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.yaml is not what the types say; write it anew with: go test ./internal/api -run OpenAPI -update")
	}
}

// TestEveryBodyHasAnExample that its own schema takes: of each request and each answer. Files speak for themselves.
func TestEveryBodyHasAnExample(t *testing.T) {
	t.Parallel()
	doc := api.Document()
	for path, item := range doc.Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete} {
			if o == nil {
				continue
			}
			bodies := map[string]map[string]*huma.MediaType{}
			if o.RequestBody != nil {
				bodies["request"] = o.RequestBody.Content
			}
			for status, r := range o.Responses {
				bodies[status] = r.Content
			}
			for what, content := range bodies {
				for kind, media := range content {
					s := media.Schema
					if s.Format == "binary" {
						continue
					}
					example := media.Example
					if s.Ref != "" && example == nil {
						if s = doc.Components.Schemas.SchemaFromRef(s.Ref); len(s.Examples) > 0 {
							example = s.Examples[0]
						}
					}
					if example == nil {
						t.Errorf("%s %s: the %s has no example as %s", method, path, what, kind)
						continue
					}
					if kind == "text/event-stream" {
						continue
					}
					if wrong := misfits(t, doc, s, example); wrong != "" {
						t.Errorf("%s %s: the %s would not look like its example: %s", method, path, what, wrong)
					}
				}
			}
		}
	}
}

// misfits says what a schema has against an example.
func misfits(t *testing.T, doc *huma.OpenAPI, s *huma.Schema, example any) string {
	t.Helper()
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	var found huma.ValidateResult
	huma.Validate(doc.Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, &found)
	return fmt.Sprint(found.Errors)[1:max(1, len(fmt.Sprint(found.Errors))-1)]
}

func TestThePageAtDocsLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w := idle(t)
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	for path, kind := range map[string]string{
		"/docs": "text/html", "/docs/docs.js": "text/javascript", "/docs/docs.css": "text/css",
	} {
		status, text, header := w.askAll(t, "bob", "GET", path, "")
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, status, header.Get("Content-Type"))
		}
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s names %s", path, found)
		}
		if strings.Contains(text, "<script>") || strings.Contains(text, "innerHTML") {
			t.Errorf("%s has a script that the content policy refuses, or puts text in as markup", path)
		}
	}
}

// TestOverALakebase runs everything that needs a Lakebase over one.
func TestOverALakebase(t *testing.T) {
	t.Parallel()
	lakebase := lakewardtest.Start(t)
	for name, test := range map[string]func(*testing.T, *lakewardtest.Lakebase){
		"TheGuidesConsoleSeesInstances":      theGuidesConsoleSeesInstances,
		"TheGuidesConsoleCreates":            theGuidesConsoleCreates,
		"TheGuidesConsoleMigratesAndWatches": theGuidesConsoleMigratesAndWatches,
		"TheGuidesConsoleChangesInstances":   theGuidesConsoleChangesInstances,
		"ADatabaseGoesThereAndBack":          aDatabaseGoesThereAndBack,
		"NoSecretIsAnswered":                 noSecretIsAnswered,
		"AClientThatGoesChangesNothing":      aClientThatGoesChangesNothing,
		"AnInstanceShowsHowItIs":             anInstanceShowsHowItIs,
		"APersonConnects":                    aPersonConnects,
		"TheCourseOfAMigrationIsPutTogether": theCourseOfAMigrationIsPutTogether,
		"APersonLooksAtTheData":              aPersonLooksAtTheData,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, lakebase)
		})
	}
}

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
