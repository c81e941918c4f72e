package migrate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// steps notes what has been done.
type steps struct {
	mu   sync.Mutex
	done []string
}

func (s *steps) job(name string, kind kind, size float64) *job {
	return &job{kind: kind, size: size, do: func(context.Context, *pgx.Conn) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done = append(s.done, name)
		return nil
	}}
}

func TestJobsAreDoneInTheirOrder(t *testing.T) {
	t.Parallel()
	target := DSN(pgtest.DB(t))
	for _, workers := range []int{1, 3} {
		var s steps
		var w jobs
		small := w.add(s.job("load small", kindLoad, 1))
		large := w.add(s.job("load large", kindLoad, 9))
		index := w.add(s.job("index small", kindBuild, 1), small)
		other := w.add(s.job("index large", kindBuild, 9), large)
		w.add(s.job("link", kindBuild, 5), index, other)
		if err := w.run(t.Context(), target, workers); err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			want := []string{"load large", "load small", "index large", "index small", "link"}
			if !slices.Equal(s.done, want) {
				t.Errorf("one worker: %q, want %q", s.done, want)
			}
		}
		for _, pair := range [][2]string{
			{"load small", "index small"}, {"load large", "index large"}, {"index small", "link"}, {"index large", "link"},
		} {
			first, then := slices.Index(s.done, pair[0]), slices.Index(s.done, pair[1])
			if first < 0 || then < first {
				t.Errorf("%d workers: %q, want %q before %q", workers, s.done, pair[0], pair[1])
			}
		}
	}
}

// TestAJobThatWaitsBeginsWhileOthersAreAtWork has a job that ends only when one has begun that waits for another.
func TestAJobThatWaitsBeginsWhileOthersAreAtWork(t *testing.T) {
	t.Parallel()
	var w jobs
	indexed := make(chan struct{})
	w.add(&job{size: 9, do: func(ctx context.Context, _ *pgx.Conn) error {
		select {
		case <-indexed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}})
	loaded := w.add(&job{do: func(context.Context, *pgx.Conn) error { return nil }})
	w.add(&job{kind: kindBuild, do: func(context.Context, *pgx.Conn) error {
		close(indexed)
		return nil
	}}, loaded)
	if err := w.run(t.Context(), DSN(pgtest.DB(t)), 2); err != nil {
		t.Fatal(err)
	}
}

// TestALoadAndABuildAreAtWorkTogether has a build wait for nothing but a worker while another load does, too.
func TestALoadAndABuildAreAtWorkTogether(t *testing.T) {
	t.Parallel()
	var w jobs
	built := make(chan struct{})
	w.add(&job{size: 9, do: func(ctx context.Context, _ *pgx.Conn) error {
		select {
		case <-built:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}})
	loaded := w.add(&job{size: 5, do: func(context.Context, *pgx.Conn) error { return nil }})
	w.add(&job{kind: kindBuild, size: 1, do: func(context.Context, *pgx.Conn) error {
		close(built)
		return nil
	}}, loaded)
	w.add(&job{size: 4, do: func(context.Context, *pgx.Conn) error {
		select {
		case <-built:
			return nil
		default:
			return errors.New("the workers do nothing but load")
		}
	}})
	if err := w.run(t.Context(), DSN(pgtest.DB(t)), 2); err != nil {
		t.Fatal(err)
	}
}

func TestTheLongestRowOfJobsBeginsFirst(t *testing.T) {
	t.Parallel()
	var s steps
	var w jobs
	small := w.add(s.job("load small", kindLoad, 1))
	w.add(s.job("load large", kindLoad, 8))
	w.add(s.job("prove", kindBuild, 5), w.add(s.job("index", kindBuild, 5), small))
	if err := w.run(t.Context(), DSN(pgtest.DB(t)), 1); err != nil {
		t.Fatal(err)
	}
	if want := []string{"load small", "load large", "index", "prove"}; !slices.Equal(s.done, want) {
		t.Errorf("%q, want %q", s.done, want)
	}
}

func TestTheFirstErrorEndsAllJobs(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var s steps
	var w jobs
	w.add(&job{size: 2, do: func(ctx context.Context, _ *pgx.Conn) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}})
	failed := w.add(&job{size: 1, do: func(context.Context, *pgx.Conn) error { return broken }})
	w.add(s.job("after", kindLoad, 0), failed)
	if err := w.run(t.Context(), DSN(pgtest.DB(t)), 3); !errors.Is(err, broken) || len(s.done) > 0 {
		t.Errorf("%v, and %q was done", err, s.done)
	}
}
