package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/migrate"
)

type getReport struct {
	ByID
	Format string `query:"format" enum:"json,html,text,yaml" doc:"Without it, the Accept header decides; yaml is for plans"`
	Accept string `header:"Accept" maxLength:"1000"`
}

// reportAnswer is a report in one of its forms.
type reportAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// reports registers what an operation has found, for people and for programs.
func (s *server) reports(a huma.API) {
	o := route("get-report", http.MethodGet, "/api/operations/{id}/report", "Show what an operation has found", tagOperations)
	o.Description = "The report of a migration, a verification or an export, the plan of a plan, the checks of a check. The " +
		"page in HTML needs nothing else, and can be kept."
	schemas := a.OpenAPI().Components.Schemas
	text := func(example string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	o.Responses = map[string]*huma.Response{"200": {Description: "The report", Content: map[string]*huma.MediaType{
		"application/json": {Example: shown["Report"], Schema: &huma.Schema{OneOf: []*huma.Schema{
			schemaOf[migrate.Report](schemas), schemaOf[migrate.Plan](schemas), schemaOf[migrate.Preflight](schemas),
		}}},
		"text/html": text("<!DOCTYPE html>…"), "text/plain": text("orders: 4800 rows, equal\n"), "application/yaml": text("version: 1\n"),
	}}}
	handle(s, a, o, func(ctx context.Context, in *getReport) (*reportAnswer, error) {
		o, err := s.Store.Operation(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return render(o, in.format())
	})
}

// format is what the caller would read.
func (g *getReport) format() string {
	if g.Format != "" {
		return g.Format
	}
	for kind := range strings.SplitSeq(g.Accept, ",") {
		kind, _, _ = strings.Cut(strings.TrimSpace(kind), ";")
		switch kind {
		case "text/html":
			return "html"
		case "text/plain":
			return "text"
		case "application/yaml":
			return "yaml"
		case "application/json", "*/*":
			return "json"
		}
	}
	return "json"
}

// render writes what an operation has found in a format.
func render(o store.Operation, format string) (*reportAnswer, error) {
	found := foundBy(o)
	if found == nil {
		return nil, lakeward.Errorf(lakeward.KindNotFound, "wait until it has ended, or look at its events",
			"operation %s (%s, %s) has no report", o.ID, o.Kind, o.State)
	}
	if format == "json" {
		return &reportAnswer{"application/json", found}, nil
	}
	writers, err := writersOf(o.Kind, found)
	if err != nil {
		return nil, err
	}
	write := writers[format]
	if write == nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "ask for json or text", "what %s finds is not written as %s", o.Kind, format)
	}
	var out bytes.Buffer
	kinds := map[string]string{"html": "text/html; charset=utf-8", "text": "text/plain; charset=utf-8", "yaml": "application/yaml"}
	if err := write(&out); err != nil {
		return nil, err
	}
	return &reportAnswer{kinds[format], out.Bytes()}, nil
}

// foundBy is the part of an operation's result that is a report.
func foundBy(o store.Operation) json.RawMessage {
	var result struct{ Report json.RawMessage }
	if err := json.Unmarshal(o.Result, &result); err == nil && result.Report != nil {
		return result.Report
	}
	switch o.Kind {
	case "migrate", "verify", "export", "plan", "check":
		return o.Result
	}
	return nil
}

// writersOf are the ways to write a report, a plan, or the checks of a preflight.
func writersOf(kind string, text json.RawMessage) (map[string]func(io.Writer) error, error) {
	switch kind {
	case "plan":
		p := &migrate.Plan{}
		return map[string]func(io.Writer) error{"text": p.WriteText, "yaml": p.WriteYAML}, json.Unmarshal(text, p)
	case "check":
		p := &migrate.Preflight{}
		return map[string]func(io.Writer) error{"text": p.WriteText}, json.Unmarshal(text, p)
	}
	r := &migrate.Report{}
	return map[string]func(io.Writer) error{"html": r.WriteHTML, "text": r.WriteText}, json.Unmarshal(text, r)
}
