package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward/internal/pgproc"
)

const (
	firstDelay  = 100 * time.Millisecond
	longest     = 10 * time.Second
	maxRestarts = 10          // in a row
	goodLife    = time.Minute // after which a death starts a new row

	pulse     = 500 * time.Millisecond // between looks at the nodes of an endpoint that has several
	calmPulse = 3 * time.Second        // at the node of an endpoint that has no other: each look costs a session

	// A node that does not answer twice in a row within this time is taken for frozen. This program may have been, too:
	// the second question has its time from when it is asked.
	answerTime = 1500 * time.Millisecond
	questions  = 2
)

// row counts the starts of a PostgreSQL that dies again and again.
type row struct {
	born     time.Time
	restarts int
	last     error // why the latest start did not come about, such as a full disk
}

// keep puts another PostgreSQL in the place of a primary that died: a standby that has every acknowledged commit, or the
// same one, started again less and less eagerly. It is the one goroutine that changes the endpoint's nodes. It returns nil
// when ctx is done, and an error when PostgreSQL died too often to believe in another start.
func (e *Endpoint) keep(ctx context.Context) error {
	r := row{born: time.Now()}
	e.enlist(ctx, e.options.Nodes)
	e.tidy(ctx)
	for ctx.Err() == nil {
		leader, changed := e.leader()
		e.pursue(ctx, leader)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-e.current().Done():
			if err := e.replace(ctx, &r); err != nil && ctx.Err() == nil {
				return err
			}
		case <-e.team.beat.C:
			e.look(ctx)
		case do := <-e.team.posts:
			do(ctx)
		}
		e.report()
	}
	return nil
}

// replace puts a running server in the place of one that died.
func (e *Endpoint) replace(ctx context.Context, r *row) error {
	server := e.current()
	if stopping := ctx.Err(); stopping != nil {
		return stopping
	}
	if time.Since(r.born) > goodLife {
		r.restarts = 0
	}
	if r.restarts >= maxRestarts {
		return fmt.Errorf("gave up after %d restarts: %w", r.restarts, cmp.Or(r.last, server.Err()))
	}
	if len(e.team.standbys) > 0 {
		e.hold()
	}
	if len(e.team.standbys) > 0 && e.options.Follow == nil {
		err := e.failOver(ctx, server)
		if err == nil {
			r.born, r.restarts = time.Now(), 0
			return nil
		}
		e.options.Log.Warn("no standby takes over", "dir", server.Dir(), "err", err)
	}
	delay := min(firstDelay<<r.restarts, longest)
	e.options.Log.Warn("PostgreSQL died and is started again", "dir", server.Dir(), "after", delay, "err", server.Err())
	if r.last = e.restart(ctx, delay); r.last != nil && ctx.Err() == nil {
		e.options.Log.Warn("restart PostgreSQL", "dir", server.Dir(), "err", r.last)
	}
	e.team.down = r.last
	r.born = time.Now()
	r.restarts++
	return nil
}

// restart waits and starts PostgreSQL. When that fails, the dead server stays the current one, and so there will be
// another attempt.
func (e *Endpoint) restart(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil
	}
	if err := e.startPrimary(ctx); err != nil {
		return err
	}
	if e.options.Follow == nil {
		e.regroup(ctx)
	}
	return nil
}

// look asks every node whether it is well, and the primary who follows it.
func (e *Endpoint) look(ctx context.Context) {
	primary := e.current()
	e.question(ctx, primary, func(ctx context.Context, names []string, err error) {
		switch {
		case primary != e.current() || gone(ctx, primary):
		case answered(err):
			e.hear(primary.Explain(err))
		case err != nil && len(e.team.standbys) == 0 && e.options.Follow == nil:
			e.hear(silent("PostgreSQL", err))
		case err != nil:
			e.freeze(ctx, primary, err)
		default:
			e.hear(nil)
			e.team.cramped = primary.Room()
			if names != nil && e.options.Follow == nil {
				e.missing(ctx, names)
			}
		}
	})
	e.agree(ctx)
	for _, s := range e.team.standbys {
		switch {
		case s.mending:
		case s.server == nil || !s.following:
			if time.Now().After(s.retry) {
				e.mend(ctx, s)
			}
		default:
			server := s.server
			e.question(ctx, server, func(ctx context.Context, _ []string, err error) {
				if err != nil && !answered(err) && ctx.Err() == nil && s.server == server {
					if killed := server.Kill(ctx); killed == nil {
						s.server = nil
					}
					e.lose(ctx, s, silent("it", err))
				}
			})
		}
	}
}

// silent says of a node that it does not answer, and why unless that is all there is to say.
func silent(who string, err error) error {
	if pgconn.Timeout(err) {
		return fmt.Errorf("%s does not answer", who)
	}
	return fmt.Errorf("%s does not answer: %w", who, err)
}

// hear notes whether the primary serves. One that does not, and is the only node, is left as it is: no other has its data,
// and it may go on.
func (e *Endpoint) hear(err error) {
	t := e.team
	known := (err == nil) == (t.down == nil)
	t.down = err
	switch {
	case known:
	case err == nil:
		e.options.Log.Info("PostgreSQL serves again", "dir", e.current().Dir())
		t.beat.Reset(t.pace)
	default:
		e.options.Log.Warn("PostgreSQL does not serve", "dir", e.current().Dir(), "err", err)
		t.beat.Reset(pulse)
	}
}

// freeze ends a primary that does not answer any more, which makes room for another.
func (e *Endpoint) freeze(ctx context.Context, primary *pgproc.Server, why error) {
	e.options.Log.Warn("PostgreSQL does not answer and is ended", "dir", primary.Dir(), "err", why)
	e.hold()
	if err := primary.Kill(ctx); err != nil {
		e.options.Log.Warn("end PostgreSQL", "dir", primary.Dir(), "err", err)
	}
}

// missing takes note of the standbys that do not stream from the primary though they should.
func (e *Endpoint) missing(ctx context.Context, names []string) {
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	for _, s := range e.team.standbys {
		switch {
		case !s.following || seen[nodeName(s.number)]:
			s.missed = 0
		case s.missed < 2:
			s.missed++
		default:
			e.lose(ctx, s, errors.New("it does not follow the primary any more"))
		}
	}
}

// question asks a server, in the background, who follows it, unless a question to it is still open.
func (e *Endpoint) question(ctx context.Context, s *pgproc.Server, then func(context.Context, []string, error)) {
	if e.team.asking[s] {
		return
	}
	e.team.asking[s] = true
	e.team.working.Go(func() {
		var names []string
		var err error
		for range questions {
			if names, err = followers(ctx, s); err == nil {
				break
			}
		}
		e.post(ctx, func(ctx context.Context) {
			delete(e.team.asking, s)
			then(ctx, names, err)
		})
	})
}

// followers returns the names of the standbys that stream from a server, and nil when the server answers but has no room
// for the question.
func followers(ctx context.Context, s *pgproc.Server) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	// A standby that has less of something than its primary pauses there for good, while it goes on streaming.
	const sql = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_get_wal_replay_pause_state() = 'paused' THEN NULL
		ELSE coalesce(array_agg(application_name), '{}') END FROM pg_catalog.pg_stat_replication WHERE state = 'streaming'`
	names, err := ask[[]string](ctx, s, sql)
	if err == nil && names == nil {
		err = errors.New("it does not apply the log any more")
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == codeTooManyConnections {
		return nil, nil
	}
	return names, err
}

const codeTooManyConnections = "53300"

// answered reports whether an error is a server's own.
func answered(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}
