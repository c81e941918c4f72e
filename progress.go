package lakeward

import "time"

// Event is one thing that happened in an operation. The command line, the API and the console render the same events.
type Event struct {
	Time  time.Time `json:"time"`
	Type  EventType `json:"type"`
	Phase string    `json:"phase"`           // snapshot, plan, prepare, load, index, verify, swap; an operation names its own
	Table string    `json:"table,omitempty"` // the source's name of the table this is about
	Done  int64     `json:"done,omitempty"`  // rows of Table done so far
	Total int64     `json:"total,omitempty"` // rows of Table in all
	Bytes int64     `json:"bytes,omitempty"` // bytes sent for Table so far

	Rejected  int64 `json:"rejected,omitempty"`  // rows of Table that went to the quarantine so far; Done counts them too
	Differing int64 `json:"differing,omitempty"` // rows of Table that a comparison has found to differ

	Message string `json:"message,omitempty"`
}

// EventType says what an Event reports.
type EventType string

// The types of events.
const (
	EventPhase    EventType = "phase"    // a phase begins; Message says what it does
	EventProgress EventType = "progress" // Done of Total rows; sent at most a few times a second for each table
	EventDone     EventType = "done"     // a table is finished in this phase
	EventWarning  EventType = "warning"  // something a person should know: a quarantined row, an orphan, an untranslated view
	EventInfo     EventType = "info"     // a fact worth a line
)

// Progress receives the events of an operation in the order they happened. It is called from one goroutine at a time
// and should return quickly; a nil Progress discards them.
type Progress func(Event)

// Send stamps an event with the time and hands it to p.
func (p Progress) Send(e Event) {
	if p == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	p(e)
}
