package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
	"github.com/lakeward/lakeward/internal/store"
)

// ByID is the path of an operation.
type ByID struct {
	ID string `path:"id" maxLength:"64" example:"0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40" doc:"The operation's id"`
}

type operationFilter struct {
	Kind     string `query:"kind" maxLength:"64" example:"migrate"`
	State    string `query:"state" enum:"queued,running,succeeded,failed,cancelled"`
	Instance string `query:"instance" maxLength:"63" example:"shop"`
	Text     string `query:"text" maxLength:"200" doc:"Words, each of them a part of the id, kind, instance, actor, input or error, in any case"`
	Before   string `query:"before" maxLength:"64" doc:"The older of the page before"`
	After    string `query:"after" maxLength:"64" doc:"The newer of the page before; not with before"`
	Brief    bool   `query:"brief" doc:"Leave out results and long inputs, such as plans"`
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

type operationList struct {
	Operations []store.Operation `json:"operations" nullable:"false" doc:"The newest first"`
	Older      string            `json:"older,omitempty" doc:"What to ask for older ones with, as before; without it there are none"`
	Newer      string            `json:"newer,omitempty" doc:"What to ask for newer ones with, as after; without it there are none, or none were looked for"`
}

// Waiting is how a caller says that it would wait.
type Waiting struct {
	Prefer string `header:"Prefer" maxLength:"200" example:"wait=30" doc:"wait=N: answer when the operation has ended, or after N seconds (600 at most)"`
}

type getOperation struct {
	ByID
	Waiting
}

type watchOperation struct {
	ByID
	After       int64 `query:"after" minimum:"0" doc:"The number of the last event that is known"`
	LastEventID int64 `header:"Last-Event-ID" minimum:"0" doc:"The same, as browsers send it when they connect again"`
}

// operations registers what is slow, and watched while it happens.
func (s *server) operations(a huma.API) {
	const tag = tagOperations
	answer(s, a, route("list-operations", http.MethodGet, "/api/operations", "List operations", tag),
		s.operationPage)
	handle(s, a, route("get-operation", http.MethodGet, "/api/operations/{id}", "Show an operation", tag),
		func(ctx context.Context, in *getOperation) (*body[store.Operation], error) {
			atMost, err := in.wait()
			if err != nil {
				return nil, err
			}
			o, err := s.Tasks.Wait(ctx, in.ID, atMost)
			return &body[store.Operation]{o}, err
		})
	answer(s, a, route("cancel-operation", http.MethodPost, "/api/operations/{id}/cancel", "Cancel an operation", tag),
		func(ctx context.Context, in *ByID) (store.Operation, error) {
			return s.Tasks.Cancel(ctx, access.From(ctx).Name, in.ID)
		})
	handle(s, a, submitRoute("retry-operation", http.MethodPost, "/api/operations/{id}/retry",
		"Try an operation again that has failed or was cancelled", tag),
		func(ctx context.Context, in *getOperation) (*accepted, error) {
			if _, err := in.wait(); err != nil {
				return nil, err
			}
			o, err := s.Tasks.Retry(ctx, access.From(ctx).Name, in.ID)
			if err != nil {
				return nil, err
			}
			return s.await(ctx, o, in.Waiting)
		})
	handle(s, a, s.eventsRoute(a), s.watch)
}

// eventsRoute describes the stream of events, whose schemas huma cannot see.
func (s *server) eventsRoute(a huma.API) huma.Operation {
	o := route("watch-operation", http.MethodGet, "/api/operations/{id}/events",
		"Watch the events of an operation until it has ended", tagOperations)
	o.Description = "Server-sent events. Those called event have a number as id and an Event as data: each that has " +
		"happened after the number that the caller knows, then each as it happens. The last is called end, with the " +
		"Operation as data. Closing the stream changes nothing for the operation."
	schemas := a.OpenAPI().Components.Schemas
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The events",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema:  &huma.Schema{OneOf: []*huma.Schema{schemaOf[store.Event](schemas), schemaOf[store.Operation](schemas)}},
			Example: "id: 1\nevent: event\ndata: {\"seq\":1,\"type\":\"phase\",\"phase\":\"plan\"}\n\n",
		}},
	}}
	return o
}

// wait reads how long a caller would wait, in the words of RFC 7240.
func (w Waiting) wait() (time.Duration, error) {
	for p := range strings.SplitSeq(w.Prefer, ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(p), "wait=")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return 0, lakeward.Errorf(lakeward.KindInvalid, "write it like this: Prefer: wait=30",
				"%q is not a number of seconds", text)
		}
		return min(time.Duration(n)*time.Second, waitMost), nil
	}
	return 0, nil
}

// watch streams the events of an operation: those that have happened after the one that the caller knows, then each as
// it happens. That the caller goes away changes nothing for the operation.
func (s *server) watch(ctx context.Context, in *watchOperation) (*huma.StreamResponse, error) {
	if _, err := s.Store.Operation(ctx, in.ID); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		out := open(h)
		if h.Method() == http.MethodHead {
			return
		}
		err := out.comment("operation " + in.ID)
		if err == nil {
			err = s.follow(ctx, out, in.ID, max(in.After, in.LastEventID),
				func(e store.Event) error { return out.send(e.Seq, "event", e) },
				func(o store.Operation) error { return out.send(0, "end", o) })
		}
		s.brokenOff(ctx, in.ID, err)
	}}, nil
}

// follow hands each event of an operation to one function, and the operation that has ended to another. In between it
// tells the client that the server is still there.
func (s *server) follow(
	ctx context.Context, out stream, id string, after int64, event func(store.Event) error, end func(store.Operation) error,
) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type happened struct {
		event store.Event
		err   error
	}
	events := make(chan happened)
	go func() {
		defer close(events)
		for e, err := range s.Tasks.Watch(ctx, id, after) {
			select {
			case events <- happened{e, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		stop()
		for range events { // until the watching has ended
		}
	}()
	beat := time.NewTicker(s.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case e, more := <-events:
			if !more {
				o, err := s.Store.Operation(ctx, id)
				if err != nil {
					return err
				}
				return end(o)
			}
			if e.err != nil {
				return e.err
			}
			if err := event(e.event); err != nil {
				return err
			}
			beat.Reset(s.Heartbeat)
		case <-beat.C:
			if err := out.comment("still there"); err != nil {
				return err
			}
		}
	}
}

// brokenOff notes a stream that has ended before its operation, unless its client has gone.
func (s *server) brokenOff(ctx context.Context, id string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "a stream of events broke off", "operation", id, "error", err)
	}
}
