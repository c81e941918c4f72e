package lakeward_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// Logins, queries and the minting of tokens go to the program's log. Nothing there shows a token.
func ExampleNewLogTracer() {
	ctx := context.Background()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)) // at the level info: tokens and failures, no queries
	ws, err := databricks.Open(ctx, databricks.Config{})
	if err != nil {
		log.Error("open workspace", "err", err, "hint", lakeward.HintOf(err))
		return
	}
	pool, err := lakeward.NewConnector(ws, "shop", lakeward.ConnectOptions{Tracer: lakeward.NewLogTracer(log)}).Pool(ctx)
	if err != nil {
		log.Error("open pool", "err", err, "hint", lakeward.HintOf(err))
		return
	}
	pool.Close()
}

func TestLogTracer(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		s := openShop(t)
		var text bytes.Buffer
		log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: level}))
		c := s.connector(lakeward.ConnectOptions{Tracer: lakeward.NewLogTracer(log)})
		s.Refuse(1)
		if got, err := ways["Connect"](t.Context(), c, "SELECT 'ok'"); got != "ok" {
			t.Fatal(err)
		}
		if _, err := ways["Connect"](t.Context(), c, "SELECT nonsense"); err == nil {
			t.Fatal("no error")
		}
		want := map[string]bool{ // and whether it is there without level debug
			`level=INFO msg="credential minted" instance=shop refused=false`: true,
			`level=INFO msg="credential minted" instance=shop refused=true`:  true,
			`level=ERROR msg=Query args=[] dur=`:                             true,
			"user=" + pgtest.Owner + " expires=":                             true,
			"level=DEBUG msg=Connect":                                        false,
			`sql="SELECT 'ok'"`:                                              false,
		}
		for words, always := range want {
			if strings.Contains(text.String(), words) != (always || level == slog.LevelDebug) {
				t.Errorf("at level %s, %s:\n%s", level, words, &text)
			}
		}
		if strings.Contains(text.String(), "token-") {
			t.Errorf("a token shows in\n%s", &text)
		}
	}
}

// spans is a tracer as programs with OpenTelemetry have one.
type spans struct{ trace.Tracer }

func (s spans) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	ctx, _ = s.Start(ctx, data.SQL)
	return ctx
}

func (s spans) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	trace.SpanFromContext(ctx).End()
}

func (s spans) TraceCredentialStart(ctx context.Context, data lakeward.TraceCredentialStartData) context.Context {
	ctx, _ = s.Start(ctx, "mint credential", trace.WithAttributes(attribute.String("instance", data.Instance)))
	return ctx
}

func (s spans) TraceCredentialEnd(ctx context.Context, data lakeward.TraceCredentialEndData) {
	trace.SpanFromContext(ctx).RecordError(data.Err)
	trace.SpanFromContext(ctx).End()
}

func TestTracerOfOpenTelemetry(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("shop")
	ctx, request := tracer.Start(t.Context(), "request")
	for name, query := range ways {
		before := len(recorder.Ended())
		if _, err := query(ctx, s.connector(lakeward.ConnectOptions{Tracer: spans{tracer}}), "SELECT 'ok'"); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, span := range recorder.Ended()[before:] {
			names = append(names, span.Name())
			if name == "Connect" && span.Parent().SpanID() != request.SpanContext().SpanID() {
				t.Errorf("%s does not belong to the request", span.Name())
			}
		}
		if all := strings.Join(names, ", "); !strings.Contains(all, "mint credential") || !strings.Contains(all, "SELECT 'ok'") {
			t.Errorf("%s: spans %s", name, all)
		}
	}
	request.End()
}
