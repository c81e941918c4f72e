package task

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// queue is River over either database of a store.
type queue interface {
	add(ctx context.Context, operation string) error
	waiting(ctx context.Context) (map[string]bool, error) // the operations that a server will look at
	start(ctx context.Context) error
	stop(ctx context.Context) error
}

// job tells a server to look at an operation.
type job struct {
	Operation string `json:"operation"`
}

// Kind names the job to River.
func (job) Kind() string { return "operation" }

type worker struct {
	river.WorkerDefaults[job]
	work func(context.Context, string) error
}

func (w worker) Work(ctx context.Context, j *river.Job[job]) error {
	return w.work(ctx, j.Args.Operation)
}

// Timeout says that an operation takes as long as it takes. It also keeps River from giving a job to another worker
// after an hour: the sweep knows which servers are dead, and what is left of their jobs may lie about for so long.
func (worker) Timeout(*river.Job[job]) time.Duration { return longest }

// NextRetry is for a job that could not reach the store.
func (worker) NextRetry(*river.Job[job]) time.Time { return time.Now().Add(retryPause) }

const (
	retryPause = 2 * time.Second
	poll       = 250 * time.Millisecond // how often a queue is looked at whose database notifies nobody
	longest    = 30 * 24 * time.Hour    // that an attempt takes; another one goes on then
	kept       = time.Hour              // jobs that are done; they say nothing that the store does not
)

type riverQueue[TTx any] struct{ client *river.Client[TTx] }

func newQueue(ctx context.Context, s *Service) (queue, error) {
	if pool := s.Store.Postgres(); pool != nil {
		return openQueue(ctx, s, riverpgxv5.New(pool), store.Schema)
	}
	return openQueue(ctx, s, riversqlite.New(s.Store.SQLite()), "")
}

func openQueue[TTx any](ctx context.Context, s *Service, d riverdriver.Driver[TTx], schema string) (queue, error) {
	log := slog.New(atLeast{s.Log.Handler(), slog.LevelWarn})
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: log, Schema: schema})
	if err != nil {
		return nil, explain(s, err)
	}
	err = s.Store.Alone(ctx, func(ctx context.Context) error {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return explain(s, err)
	})
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker{work: s.work})
	c, err := river.NewClient(d, &river.Config{
		Logger: log, Workers: workers, Schema: schema, JobTimeout: -1,
		FetchPollInterval: poll, CompletedJobRetentionPeriod: kept,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.Workers}},
	})
	return riverQueue[TTx]{c}, explain(s, err)
}

func explain(s *Service, err error) error {
	if err == nil {
		return nil
	}
	return lakeward.Errorf(lakeward.KindUnavailable, "check that the store can be reached and written",
		"the queue in store %s: %w", s.Store.Name(), err)
}

func (q riverQueue[TTx]) add(ctx context.Context, operation string) error {
	_, err := q.client.Insert(ctx, job{operation}, nil)
	return err
}

// mostJobs is as many as River lists at a time. A sweep that does not see the rest wakes servers up for nothing.
const mostJobs = 10_000

func (q riverQueue[TTx]) waiting(ctx context.Context) (map[string]bool, error) {
	list, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(job{}.Kind()).First(mostJobs).States(
		rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable, rivertype.JobStatePending))
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, row := range list.Jobs {
		var j job
		if err := json.Unmarshal(row.EncodedArgs, &j); err != nil {
			return nil, err
		}
		ids[j.Operation] = true
	}
	return ids, nil
}

func (q riverQueue[TTx]) start(ctx context.Context) error { return q.client.Start(ctx) }
func (q riverQueue[TTx]) stop(ctx context.Context) error  { return q.client.StopAndCancel(ctx) }

// atLeast leaves out what is below a level: River tells every job to the log.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (a atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= a.level && a.Handler.Enabled(ctx, l)
}

func (a atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{a.Handler.WithAttrs(attrs), a.level}
}

func (a atLeast) WithGroup(name string) slog.Handler {
	return atLeast{a.Handler.WithGroup(name), a.level}
}
