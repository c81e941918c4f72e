package observe

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type key int

const (
	requestKey key = iota
	operationKey
)

// WithRequest returns a context whose log records carry the id of a request.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey, id)
}

// WithOperation returns a context whose log records carry the id of an operation.
func WithOperation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, operationKey, id)
}

// RequestID returns the id that WithRequest or [Requests] has put into ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}

// NewLog makes a logger that writes JSON lines to w, or text when a person reads it. Records that are logged with a
// context carry its request_id, operation_id and trace_id.
func NewLog(w io.Writer, level slog.Level, text bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var inner slog.Handler = slog.NewJSONHandler(w, options)
	if text {
		inner = slog.NewTextHandler(w, options)
	}
	return slog.New(handler{inner})
}

// handler adds to each record what its context knows.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if id, _ := ctx.Value(operationKey).(string); id != "" {
		r.AddAttrs(slog.String("operation_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
