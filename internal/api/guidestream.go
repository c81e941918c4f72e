package api

import (
	"fmt"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// consoleMessage is an event in the guide's words.
type consoleMessage struct {
	Type    string `json:"type" enum:"start,info,progress,table_start,table_complete,table_error,success,warning,error,complete,result" example:"table_complete"`
	Message string `json:"message,omitempty"`
	Step    string `json:"step,omitempty" enum:"detect_endpoint,auth,connect_source,connect_lakebase,get_tables,create_schema,seed,migrate_data" doc:"Of progress"`

	Instance       string `json:"instance,omitempty" example:"shop" doc:"Of start"`
	OperationID    string `json:"operation_id,omitempty" example:"0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40" doc:"Of start: the operation to watch when the stream breaks off"`
	RecreateSchema *bool  `json:"recreate_schema,omitempty" doc:"Of start"`
	MigrateData    *bool  `json:"migrate_data,omitempty" doc:"Of start"`

	Table     string   `json:"table,omitempty" example:"orders" doc:"Of table_start, table_complete and table_error"`
	Rows      *int64   `json:"rows,omitempty" example:"4800" doc:"Of table_complete"`
	Progress  int      `json:"progress,omitempty" example:"3" doc:"Which of the tables it is"`
	Total     int      `json:"total,omitempty" example:"12" doc:"How many tables there are"`
	Duration  *float64 `json:"duration,omitempty" example:"1.25" doc:"In seconds"`
	Error     string   `json:"error,omitempty"`
	ErrorType string   `json:"error_type,omitempty"`
	Hint      string   `json:"hint,omitempty" doc:"What to do next"`

	*consoleResult
}

// consoleResult is what result adds to its type.
type consoleResult struct {
	GuideMigration
	TimeoutSeconds int `json:"timeout_seconds"`
}

// translation turns the events of an operation into the guide's words. It is the only place that does.
type translation struct {
	tables int                  // that there are
	begun  int                  // of which the load has begun
	loaded int                  // of which the load has ended
	began  map[string]time.Time // when the load of a table has
}

// steps are the guide's words for the phases of a migration.
var steps = map[string]string{
	"check": "connect_lakebase", "snapshot": "connect_source", "plan": "get_tables", "prepare": "create_schema",
	"load": "migrate_data", "index": "migrate_data", "verify": "migrate_data", "swap": "migrate_data",
}

// start is what a stream begins with.
func (t *translation) start(o store.Operation, r GuideMigrate) []consoleMessage {
	data := r.MigrateData == nil || *r.MigrateData
	return []consoleMessage{{
		Type: "start", Message: "Migrating to " + r.InstanceName, Instance: r.InstanceName, OperationID: o.ID,
		RecreateSchema: &r.RecreateSchema, MigrateData: &data,
	}}
}

// event translates one event. Those of a table's rows on their way have no word in the guide.
func (t *translation) event(e store.Event) []consoleMessage {
	switch e.Type {
	case lakeward.EventPhase:
		step := steps[e.Phase]
		if step == "" {
			return []consoleMessage{{Type: "info", Message: e.Phase + ": " + e.Message}}
		}
		return []consoleMessage{{Type: "progress", Message: e.Message, Step: step}}
	case lakeward.EventWarning, lakeward.EventInfo:
		m := consoleMessage{Type: string(e.Type), Message: e.Message}
		if e.Table != "" {
			m.Message = e.Table + ": " + e.Message
		}
		return []consoleMessage{m}
	case lakeward.EventProgress:
		return t.begin(e)
	case lakeward.EventDone:
		switch {
		case e.Table == "":
		case e.Phase == "plan":
			t.tables++
		case e.Phase == "load":
			return t.arrived(e)
		}
	}
	return nil
}

// begin tells of a table whose load is seen for the first time.
func (t *translation) begin(e store.Event) []consoleMessage {
	if _, known := t.began[e.Table]; known || e.Phase != "load" || e.Table == "" {
		return nil
	}
	t.began[e.Table] = e.Time
	t.begun++
	t.tables = max(t.tables, t.begun)
	return []consoleMessage{{Type: "table_start", Table: e.Table, Progress: t.begun, Total: t.tables}}
}

func (t *translation) arrived(e store.Event) []consoleMessage {
	messages := t.begin(e)
	t.loaded++
	took := e.Time.Sub(t.began[e.Table]).Seconds()
	return append(messages, consoleMessage{
		Type: "table_complete", Table: e.Table, Rows: &e.Done, Progress: t.loaded, Total: t.tables, Duration: &took,
	})
}

// end is what a stream ends with. There is one error at most, after everything else that there is to know: consoles for
// the guide stop at the first.
func (t *translation) end(o store.Operation) []consoleMessage {
	m := migration(o)
	var messages []consoleMessage
	for _, f := range m.FailedDetails {
		messages = append(messages, consoleMessage{Type: "table_error", Table: f.Table, Error: f.Error, ErrorType: f.ErrorType})
	}
	if m.Quarantined > 0 {
		messages = append(messages, consoleMessage{Type: "warning", Message: fmt.Sprintf(
			"%s could not be stored as they are, and stand in lakeward_quarantine", plural(m.Quarantined, "row"))})
	}
	took := 0.0
	if o.Ended != nil && o.Started != nil {
		took = o.Ended.Sub(*o.Started).Seconds()
	}
	result := consoleMessage{Type: "result", Duration: &took, consoleResult: &consoleResult{GuideMigration: m, TimeoutSeconds: 0}}
	if m.Success {
		text := fmt.Sprintf("%s with %s: %s", plural(int64(m.TotalTables), "table"), plural(m.TotalRows, "row"), m.Verdict)
		return append(messages, consoleMessage{Type: "success", Message: text},
			consoleMessage{Type: "complete", Message: "The migration is complete"}, result)
	}
	if err := failure(o); err != nil {
		messages = append(messages, consoleMessage{Type: "error", Message: err.Error(), Error: err.Error(), Hint: lakeward.HintOf(err)})
	}
	return append(messages, result)
}
