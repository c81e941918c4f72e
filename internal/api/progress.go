package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// Course is how far an operation is: all that its events say, put together. A console begins with it, and goes on with
// the events after the last that it knows of.
type Course struct {
	Operation store.Operation `json:"operation" doc:"Without its result, and without a plan in its input"`
	LastEvent int64           `json:"last_event" example:"412" doc:"Watch the events after this number to go on"`
	Phases    []CoursePhase   `json:"phases" nullable:"false" doc:"In the order in which they began; once more after a server has died"`
	Tables    []CourseTable   `json:"tables" nullable:"false" doc:"In the order in which they were seen"`
	Done      int64           `json:"done" example:"61200" doc:"Rows loaded of all tables"`
	Total     int64           `json:"total" example:"104800" doc:"Rows to load of all tables that are known"`
	Rejected  int64           `json:"rejected" example:"12" doc:"Rows that went to the quarantine"`
	Proved    int             `json:"proved" example:"3" doc:"Tables that were compared and are the same"`
	PerSecond float64         `json:"rows_per_second,omitempty" example:"48000" doc:"Rows loaded, since the load began"`
	Warnings  int             `json:"warnings" example:"2" doc:"How many there were"`
	Messages  []store.Event   `json:"messages" nullable:"false" doc:"The last warnings and facts, the oldest first"`
}

// CoursePhase is a phase and its clock.
type CoursePhase struct {
	Name    string     `json:"name" example:"load"`
	Message string     `json:"message,omitempty" example:"copying rows"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty" doc:"Without it, this phase is going on"`
	Done    int64      `json:"done,omitempty" doc:"Of a phase that is about no table, such as the snapshot"`
	Total   int64      `json:"total,omitempty"`
	Bytes   int64      `json:"bytes,omitempty"`
}

// CourseTable is how far a table is.
type CourseTable struct {
	Name      string     `json:"name" example:"orders"`
	State     string     `json:"state" enum:"planned,loading,loaded,indexed,comparing,proved,different" example:"loading"`
	Done      int64      `json:"done" example:"1200" doc:"Rows loaded, those that went to the quarantine included"`
	Total     int64      `json:"total" example:"4800"`
	Bytes     int64      `json:"bytes" example:"96000"`
	Rejected  int64      `json:"rejected" example:"2" doc:"Rows that went to the quarantine"`
	Compared  int64      `json:"compared" example:"0" doc:"Rows compared"`
	Differing int64      `json:"differing" example:"0"`
	Warnings  int        `json:"warnings" example:"1"`
	Started   *time.Time `json:"started,omitempty" doc:"When its first rows were loaded"`
	Ended     *time.Time `json:"ended,omitempty" doc:"When its last rows were loaded"`
	PerSecond float64    `json:"rows_per_second,omitempty" example:"52000"`
}

// mostMessages is how many warnings and facts a course tells.
const mostMessages = 200

// progress registers how far an operation is, in one answer.
func (s *server) progress(a huma.API) {
	o := route("get-progress", http.MethodGet, "/api/operations/{id}/progress", "Show how far an operation is", tagOperations)
	o.Description = "All that the events of an operation say, put together: phases with their clocks, tables with rows, rejects " +
		"and proof. After a reload, begin with it and watch the events after last_event."
	answer(s, a, o, func(ctx context.Context, in *ByID) (Course, error) { return s.course(ctx, in.ID) })
}

// eventsAtOnce is how many events are read at a time.
const eventsAtOnce = 2000

func (s *server) course(ctx context.Context, id string) (Course, error) {
	o, err := s.Store.Operation(ctx, id) // before the events: of one that has ended these are all
	if err != nil {
		return Course{}, err
	}
	shorten(&o)
	f := folding{Course: Course{Operation: o, Phases: []CoursePhase{}, Tables: []CourseTable{}, Messages: []store.Event{}}, places: map[string]int{}}
	for {
		page, err := s.Store.Events(ctx, id, f.LastEvent, eventsAtOnce)
		if err != nil {
			return Course{}, err
		}
		for _, e := range page {
			f.add(e)
		}
		if len(page) < eventsAtOnce {
			f.finish()
			return f.Course, nil
		}
	}
}

// folding puts events together.
type folding struct {
	Course
	places map[string]int // of tables
	last   time.Time
	load   time.Time // when the load began
	loaded time.Time // when rows were last heard of
}

func (f *folding) add(e store.Event) {
	f.LastEvent, f.last = e.Seq, e.Time
	switch e.Type {
	case lakeward.EventPhase:
		f.endPhase(e.Time)
		f.Phases = append(f.Phases, CoursePhase{Name: e.Phase, Message: e.Message, Started: e.Time})
		if e.Phase == "load" {
			f.load = e.Time
		}
	case lakeward.EventWarning, lakeward.EventInfo:
		f.message(e)
	case lakeward.EventProgress, lakeward.EventDone:
		if e.Table == "" || e.Phase == "snapshot" {
			f.ofPhase(e)
			return
		}
		f.ofTable(f.table(e.Table), e)
	}
}

func (f *folding) endPhase(at time.Time) {
	if n := len(f.Phases); n > 0 && f.Phases[n-1].Ended == nil {
		f.Phases[n-1].Ended = &at
	}
}

func (f *folding) message(e store.Event) {
	if e.Type == lakeward.EventWarning {
		f.Warnings++
		if n, known := f.places[e.Table]; known {
			f.Tables[n].Warnings++
		}
	}
	if f.Messages = append(f.Messages, e); len(f.Messages) > mostMessages {
		f.Messages = f.Messages[1:]
	}
}

func (f *folding) ofPhase(e store.Event) {
	if n := len(f.Phases); n > 0 {
		p := &f.Phases[n-1]
		p.Done, p.Total, p.Bytes = max(p.Done, e.Done), max(p.Total, e.Total), max(p.Bytes, e.Bytes)
	}
}

func (f *folding) table(name string) *CourseTable {
	n, known := f.places[name]
	if !known {
		n = len(f.Tables)
		f.places[name] = n
		f.Tables = append(f.Tables, CourseTable{Name: name, State: "planned"})
	}
	return &f.Tables[n]
}

func (f *folding) ofTable(t *CourseTable, e store.Event) {
	done := e.Type == lakeward.EventDone
	switch e.Phase {
	case "plan":
		if t.Total = max(t.Total, e.Total, e.Done); t.Started == nil {
			t.State = "planned"
		}
	case "load":
		if t.Started == nil || t.Ended != nil && !done { // once more, after a server has died
			t.Started, t.Ended = new(e.Time), nil
		}
		t.Done, t.Total, t.Bytes, t.Rejected, t.State = e.Done, max(e.Total, e.Done), e.Bytes, e.Rejected, "loading"
		f.loaded = e.Time
		if done {
			t.State, t.Ended = "loaded", new(e.Time)
		}
	case "index":
		t.State = "indexed"
	case "verify":
		t.Compared, t.Differing, t.State = e.Done, e.Differing, "comparing"
		switch {
		case done && e.Differing > 0:
			t.State = "different"
		case done:
			t.State = "proved"
		}
	}
}

// finish adds up what there is.
func (f *folding) finish() {
	if f.Operation.Ended != nil {
		f.endPhase(*f.Operation.Ended)
	}
	for n := range f.Tables {
		t := &f.Tables[n]
		f.Done, f.Total, f.Rejected = f.Done+t.Done, f.Total+t.Total, f.Rejected+t.Rejected
		if t.State == "proved" {
			f.Proved++
		}
		if t.Started != nil {
			until := f.last
			if t.Ended != nil {
				until = *t.Ended
			}
			t.PerSecond = rate(t.Done, until.Sub(*t.Started))
		}
	}
	if !f.load.IsZero() {
		f.PerSecond = rate(f.Done, f.loaded.Sub(f.load))
	}
}

// rate is a number of rows by the second; 0 where too little time has passed to say.
func rate(rows int64, took time.Duration) float64 {
	if took < 100*time.Millisecond {
		return 0
	}
	return float64(int64(float64(rows) / took.Seconds()))
}
