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
	Before   string `query:"before" maxLength:"64" doc:"The id of the last operation of the page before"`
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

type operationList struct {
	Operations []store.Operation `json:"operations" nullable:"false" doc:"The newest first"`
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
		func(ctx context.Context, in *operationFilter) (operationList, error) {
			list, err := s.Store.Operations(ctx, store.Filter{
				Kind: in.Kind, State: store.State(in.State), Instance: in.Instance, Before: in.Before, Limit: in.Limit,
			})
			return operationList{append([]store.Operation{}, list...)}, err
		})
	handle(s, a, route("get-operation", http.MethodGet, "/api/operations/{id}", "Show an operation", tag),
		func(ctx context.Context, in *getOperation) (*body[store.Operation], error) {
			atMost, err := in.wait()
			if err != nil {
				return nil, err
			}
			o, err := s.wait(ctx, in.ID, atMost)
			return &body[store.Operation]{o}, err
		})
	answer(s, a, route("cancel-operation", http.MethodPost, "/api/operations/{id}/cancel", "Cancel an operation", tag),
		func(ctx context.Context, in *ByID) (store.Operation, error) {
			return s.Store.Cancel(ctx, access.From(ctx).Name, in.ID)
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

// wait returns an operation when it has ended, or as it is after atMost.
func (s *server) wait(ctx context.Context, id string, atMost time.Duration) (store.Operation, error) {
	late := time.After(atMost)
	tick := time.NewTicker(s.look)
	defer tick.Stop()
	for {
		o, err := s.Store.Operation(ctx, id)
		if err != nil || o.State.Ended() || atMost == 0 {
			return o, err
		}
		select {
		case <-ctx.Done():
			return o, context.Cause(ctx)
		case <-late:
			atMost = 0 // one last look
		case <-tick.C:
		}
	}
}

// watch streams the events of an operation: those that have happened after the one that the caller knows, then each as
// it happens. That the caller goes away changes nothing for the operation.
func (s *server) watch(ctx context.Context, in *watchOperation) (*huma.StreamResponse, error) {
	if _, err := s.Store.Operation(ctx, in.ID); err != nil {
		return nil, err
	}
	after := max(in.After, in.LastEventID)
	return &huma.StreamResponse{Body: func(h huma.Context) {
		out := open(h)
		if h.Method() == http.MethodHead {
			return
		}
		if err := s.stream(ctx, out, in.ID, after); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "a stream of events broke off", "operation", in.ID, "error", err)
		}
	}}, nil
}

func (s *server) stream(ctx context.Context, out stream, id string, after int64) error {
	tick := time.NewTicker(s.look)
	defer tick.Stop()
	spoke := time.Now()
	if err := out.comment("operation " + id); err != nil {
		return err
	}
	for {
		// The state is read before the events: what is written before the end is then among them.
		o, err := s.Store.Operation(ctx, id)
		if err != nil {
			return err
		}
		for {
			events, err := s.Store.Events(ctx, id, after, 0)
			if err != nil {
				return err
			}
			for _, e := range events {
				if err := out.send(e.Seq, "event", e); err != nil {
					return err
				}
				after, spoke = e.Seq, time.Now()
			}
			if len(events) == 0 {
				break
			}
		}
		if o.State.Ended() {
			return out.send(0, "end", o)
		}
		if time.Since(spoke) >= s.heartbeat {
			if err := out.comment("still there"); err != nil {
				return err
			}
			spoke = time.Now()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
