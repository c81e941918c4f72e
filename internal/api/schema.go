package api

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/internal/browse"
	"github.com/lakeward/lakeward/internal/snippet"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
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
		Creator: "ana@example.com", Created: shownTime, Tags: map[string]string{"team": "orders"},
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
	"Report": migrate.Report{
		Version: 1, Operation: "migrate", Migration: shownID, Plan: "made from the source", Source: shownSource,
		Target: migrate.TargetInfo{
			Name: "shop", Database: lakeward.DefaultDatabase, Schema: "public", User: "ana@example.com", Server: "17.5",
		},
		Started: shownTime, Seconds: 2.4, Phases: []migrate.Phase{{Name: "plan", Seconds: 0.3}, {Name: "load", Seconds: 0.9}},
		Preflight: &shownPreflight,
		Tables:    []migrate.TableReport{{Name: "orders", Target: "orders", Read: 4800, Loaded: 4800, Verified: 4800}},
		Strategy:  migrate.SchemaAndData, Swapped: true, Verdict: migrate.VerdictIdentical,
	},
	"Plan": migrate.Plan{
		Version: 1, Source: shownSource, Schema: "public", Tables: []migrate.Table{{
			Name: "orders", Target: "orders", Rows: 4800, RowID: "rowid",
			Columns: []migrate.Column{{
				Name: "id", Target: "id", Declared: "INTEGER", Type: "bigint", Convert: migrate.ConvertInteger, NotNull: true, Identity: true,
				Next: 4801, Found: migrate.Found{}, Evidence: "all values are integers",
			}},
		}},
	},
	"Preflight": shownPreflight,
	"Backup": backup.Backup{
		Version: 1, Name: "shop-20261127T093000Z.db", Format: backup.SQLite, Instance: "shop", Schema: "public", Created: shownTime,
		Size: 1048576, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Tables: 12, Complete: true,
	},
	"Pruned": task.Pruned{Pruned: store.Pruned{Operations: 12, Events: 480, Audit: 18}, Uploads: 1, Exports: 1},
	"OperationError": store.Problem{
		Kind: lakeward.KindUnavailable, Message: "instance shop is stopped", Hint: "start it (lakeward instance start shop)",
	},
}

const shownID = "0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40"

var shownSource = migrate.SourceInfo{
	Kind: "sqlite", Path: "/var/lib/helpdesk/app.db", Bytes: 1048576, Encoding: "UTF-8", Journal: "wal",
	Schema: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

var shownPreflight = migrate.Preflight{Checks: []migrate.PreflightCheck{
	{Name: "target", Result: migrate.CheckPass, Found: "instance shop accepts logins"},
	{
		Name: "names", Result: migrate.CheckFail, Found: "schema public already has orders", Items: []string{"orders"},
		Do: "choose another schema, or replace the tables by typing the instance's name",
	},
}}

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
