package lakeward

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/tracelog"
)

// CredentialTracer sees credentials being minted, in the way in which pgx's tracers see connections and queries. A Tracer of
// [ConnectOptions] that implements it is called by the logins of its Connector. It is never shown the token.
type CredentialTracer interface {
	// TraceCredentialStart is called before the workspace is asked. The context that it returns goes to the workspace's call
	// and to TraceCredentialEnd.
	TraceCredentialStart(ctx context.Context, data TraceCredentialStartData) context.Context
	TraceCredentialEnd(ctx context.Context, data TraceCredentialEndData)
}

// TraceCredentialStartData says what a credential is for.
type TraceCredentialStartData struct {
	Instance string
	Refused  bool // PostgreSQL has refused the one at hand
}

// TraceCredentialEndData says what came of it.
type TraceCredentialEndData struct {
	User    string
	Expires time.Time
	Err     error
}

// NewLogTracer returns a Tracer for [ConnectOptions] that writes to log. Credentials are told of at the level info, and
// connections and queries, as pgx's own tracelog tells of them, at the level debug; what has failed is a warning or an error.
// Queries are written with their arguments.
func NewLogTracer(log *slog.Logger) pgx.QueryTracer {
	levels := map[tracelog.LogLevel]slog.Level{tracelog.LogLevelError: slog.LevelError, tracelog.LogLevelWarn: slog.LevelWarn}
	write := func(ctx context.Context, level tracelog.LogLevel, message string, data map[string]any) {
		at, ok := levels[level]
		if !ok {
			at = slog.LevelDebug
		}
		if !log.Enabled(ctx, at) {
			return
		}
		var attrs []slog.Attr
		for _, name := range slices.Sorted(maps.Keys(data)) {
			attrs = append(attrs, slog.Any(name, data[name]))
		}
		log.LogAttrs(ctx, at, message, attrs...)
	}
	names := &tracelog.TraceLogConfig{TimeKey: "dur"} // slog's own time is another one
	return &logTracer{&tracelog.TraceLog{Logger: tracelog.LoggerFunc(write), LogLevel: tracelog.LogLevelDebug, Config: names}, log}
}

type logTracer struct {
	*tracelog.TraceLog
	log *slog.Logger
}

type minting struct {
	began time.Time
	TraceCredentialStartData
}

type mintingKey struct{}

// TraceCredentialStart implements CredentialTracer.
func (t *logTracer) TraceCredentialStart(ctx context.Context, data TraceCredentialStartData) context.Context {
	return context.WithValue(ctx, mintingKey{}, minting{time.Now(), data})
}

// TraceCredentialEnd implements CredentialTracer.
func (t *logTracer) TraceCredentialEnd(ctx context.Context, data TraceCredentialEndData) {
	m, _ := ctx.Value(mintingKey{}).(minting)
	log := t.log.With("instance", m.Instance, "refused", m.Refused, "dur", time.Since(m.began))
	if data.Err != nil {
		log.WarnContext(ctx, "credential not minted", "err", data.Err)
		return
	}
	log.InfoContext(ctx, "credential minted", "user", data.User, "expires", data.Expires)
}
