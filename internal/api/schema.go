package api

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/browse"
	"github.com/lakeward/lakeward/internal/snippet"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/migrate"
)

// names are those of types that would be called alike, or whose own names say too little in a document of all of them.
var names = map[reflect.Type]string{
	reflect.TypeFor[access.Problem](): "Problem",
	reflect.TypeFor[store.Problem]():  "OperationError",
	reflect.TypeFor[store.Entry]():    "AuditEntry",

	reflect.TypeFor[snippet.Connection](): "HowToConnect",
	reflect.TypeFor[browse.Definition]():  "TableDefinition",
	reflect.TypeFor[browse.Page]():        "RowPage",

	reflect.TypeFor[browse.QuarantinedRow](): "QuarantineRow",

	reflect.TypeFor[migrate.Table]():      "PlanTable",
	reflect.TypeFor[migrate.Column]():     "PlanColumn",
	reflect.TypeFor[migrate.Key]():        "PlanKey",
	reflect.TypeFor[migrate.ForeignKey](): "PlanForeignKey",
	reflect.TypeFor[migrate.Check]():      "PlanCheck",
	reflect.TypeFor[migrate.Index]():      "PlanIndex",
	reflect.TypeFor[migrate.View]():       "PlanView",
	reflect.TypeFor[migrate.Found]():      "PlanFound",
	reflect.TypeFor[migrate.Sample]():     "PlanSample",
	reflect.TypeFor[migrate.Left]():       "LeftBehind",
	reflect.TypeFor[migrate.Phase]():      "ReportPhase",
}

// schemaName names the schema of a type in the document.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := names[t]; ok {
		return name
	}
	name := huma.DefaultSchemaNamer(t, hint)
	return strings.ToUpper(name[:1]) + name[1:]
}

// shown are examples of the types that have no tags of ours, because the library or the store owns them.
var shown = map[string]any{
	"Instance": lakeward.Instance{
		Name: "shop", UID: "6d1c2a0e-58e1-4c3c-8f0a-2f8a4a4c9b11",
		Endpoint: "projects/shop/branches/production/endpoints/primary", State: "ACTIVE", Status: lakeward.StatusReady,
		Host: "ep-shop.database.us-east-1.cloud.databricks.com", Port: lakeward.DefaultPort, Database: lakeward.DefaultDatabase,
		Capacity: "CU_1", MinCU: 8, MaxCU: 8, Nodes: 1, RetentionDays: 14, SizeLimit: 8 << 40, PostgresVersion: "17",
		Creator: "ana@example.com", Created: shownTime,
	},
	"Operation": store.Operation{
		ID: shownID, Kind: "migrate", Instance: "shop", State: store.Running, Actor: "ana@example.com",
		Input: []byte(`{"source":"app.db","to":"shop"}`), Attempt: 1, Created: shownTime, Started: &shownTime,
	},
	"Event": store.Event{Seq: 7, Event: lakeward.Event{
		Time: shownTime, Type: lakeward.EventProgress, Phase: "load", Table: "orders", Done: 1200, Total: 4800, Bytes: 96000,
	}},
	"AuditEntry": store.Entry{
		ID: 41, Time: shownTime, Actor: "ana@example.com", Action: "POST /api/migrate", Object: "/api/migrate", Outcome: "done",
		Remote: "10.0.0.7:52110", Request: "0f6b8a52-5f0e-4f4e-8a59-0c6f3d1d9e57",
	},
	"OperationError": store.Problem{
		Kind: lakeward.KindUnavailable, Message: "instance shop is stopped", Hint: "lakeward instance start shop",
	},
}

const shownID = "0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40"

var shownTime = time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC)

// examples puts the examples and the closed lists of words into the document that tags cannot: those of types that are
// not of this package.
func examples(o *huma.OpenAPI) {
	schemas := o.Components.Schemas.Map()
	for name, example := range shown {
		if s := schemas[name]; s != nil {
			s.Examples = []any{example}
		}
	}
	words(schemas, "Operation", "state", store.Queued, store.Running, store.Succeeded, store.Failed, store.Cancelled)
	words(schemas, "Instance", "status", lakeward.StatusNotCreated, lakeward.StatusCreating, lakeward.StatusReady,
		lakeward.StatusStopped, lakeward.StatusError)
	words(schemas, "Event", "type", lakeward.EventPhase, lakeward.EventProgress, lakeward.EventDone,
		lakeward.EventWarning, lakeward.EventInfo)
	kinds := []lakeward.Kind{
		lakeward.KindInternal, lakeward.KindInvalid, lakeward.KindNotFound, lakeward.KindUnauthenticated, lakeward.KindDenied,
		lakeward.KindConflict, lakeward.KindUnavailable, lakeward.KindThrottled, lakeward.KindUnsupported,
	}
	words(schemas, "OperationError", "kind", kinds...)
	words(schemas, "Problem", "kind", kinds...)
}

// words closes the list of what a field may say.
func words[W ~string](schemas map[string]*huma.Schema, schema, field string, all ...W) {
	s := schemas[schema]
	if s == nil || s.Properties[field] == nil {
		return
	}
	property := s.Properties[field]
	property.Enum = nil
	for _, w := range all {
		property.Enum = append(property.Enum, string(w))
	}
	property.PrecomputeMessages()
}

// schemaOf returns a reference to the schema of a type.
func schemaOf[T any](r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }
