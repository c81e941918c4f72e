package endpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// followTime is how long a standby that runs may take until it streams. What it has yet to catch up with does not count.
const followTime = 5 * time.Second

// regroup lets every standby find the primary that has just been put into its place.
func (e *Endpoint) regroup(ctx context.Context) {
	e.team.hope = time.Now().Add(followTime)
	for _, s := range e.team.standbys {
		s.following = false
		e.mend(ctx, s)
	}
	e.publish()
}

// lose notes that a standby cannot be counted on, and begins to bring it back.
func (e *Endpoint) lose(ctx context.Context, s *standby, why error) {
	if e.team.standbys[s.number] != s {
		return
	}
	e.options.Log.Warn("a standby is lost and is brought back", "node", s.number, "err", why)
	s.following, s.missed = false, 0
	e.publish()
	e.agree(ctx)
	e.mend(ctx, s)
}

// mend brings a standby to where it follows the primary, in the background: as it is, else rewound, else copied anew.
func (e *Endpoint) mend(ctx context.Context, s *standby) {
	if s.mending {
		return
	}
	primary, server := e.current(), s.server
	if e.options.Follow != nil {
		if primary, _ = e.leader(); primary == nil {
			return // the next look sees whether there is one
		}
	}
	s.mending = true
	e.team.working.Go(func() {
		server, err := e.bringUp(ctx, s.number, server, primary)
		if e.post(ctx, func(ctx context.Context) { e.mended(ctx, s, server, err) }) || server == nil {
			return
		}
		if err := server.Stop(ctx); err != nil {
			e.options.Log.Warn("a node did not stop cleanly", "node", s.number, "err", err)
		}
	})
}

func (e *Endpoint) mended(ctx context.Context, s *standby, server *pgproc.Server, err error) {
	s.mending, s.server, s.err = false, server, err
	if e.team.standbys[s.number] != s { // dismissed meanwhile
		e.retire(ctx, s)
		return
	}
	if err != nil {
		s.retry = time.Now().Add(min(firstDelay<<s.failures, longest))
		s.failures = min(s.failures+1, maxRestarts)
		e.options.Log.Warn("bring up a standby", "node", s.number, "err", err)
		return
	}
	s.failures, s.missed, s.following = 0, 0, true
	e.fit(server)
	e.team.working.Go(func() {
		<-server.Done()
		e.post(ctx, func(ctx context.Context) {
			if s.server == server {
				s.server = nil
				e.lose(ctx, s, errors.Join(server.Err(), errors.New("it has ended")))
			}
		})
	})
	e.options.Log.Info("a standby follows", "node", s.number)
	e.publish()
	e.agree(ctx)
}

// bringUp returns the server of a standby that follows the primary. When it returns an error, none runs.
func (e *Endpoint) bringUp(ctx context.Context, number int, s, primary *pgproc.Server) (*pgproc.Server, error) {
	c := e.follower(number)
	if err := makeNodesFolder(e.options.Dir); err != nil {
		return nil, err
	}
	if s != nil {
		if follows(ctx, primary, s, followTime) == nil {
			return s, nil
		}
		if err := s.Kill(ctx); err != nil {
			return nil, err
		}
	}
	type way struct {
		name    string
		open    bool
		prepare func() error
	}
	there := pgproc.Initialized(c.Dir)
	var errs []error
	for _, w := range []way{
		{"start", there && pgproc.IsStandby(c.Dir), func() error { return nil }},
		{"rewind", there, func() error { return primary.Rewind(ctx, c) }},
		{"copy", true, func() error { return copyFolder(ctx, primary, c) }},
	} {
		if !w.open {
			continue
		}
		err := w.prepare()
		if err == nil {
			if s, err = startFollower(ctx, c, primary); err == nil {
				return s, nil
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", w.name, err))
		if gone(ctx, primary) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// gone reports whether there is no use in trying on.
func gone(ctx context.Context, primary *pgproc.Server) bool {
	select {
	case <-primary.Done():
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// startFollower starts a standby and returns when it follows.
func startFollower(ctx context.Context, c pgproc.Config, primary *pgproc.Server) (*pgproc.Server, error) {
	s, err := pgproc.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := follows(ctx, primary, s, followTime); err != nil {
		return nil, errors.Join(err, s.Kill(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// follows returns nil when a standby streams from the primary, on its timeline. It waits for one that catches up as long as
// that takes.
//
// One that is ahead of where the timeline began streams, too, again and again: the end of the old timeline, up to the fork.
func follows(ctx context.Context, primary, standby *pgproc.Server, patience time.Duration) error {
	const sees = `SELECT coalesce((SELECT (sent_lsn - '0/0')::bigint FROM pg_catalog.pg_stat_replication
		WHERE application_name = $1 LIMIT 1), 0), 'x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)`
	const receives = `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver
		WHERE status = 'streaming' AND received_tli = $1::bit(32)::int)`
	const streams = `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_replication WHERE application_name = $1 AND state = 'streaming')`
	name := standby.Name()
	deadline := time.Now().Add(patience)
	var furthest int64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var sent int64
		var timeline string
		err := on(ctx, primary, adminDatabase, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, sees, name).Scan(&sent, &timeline)
		})
		same := false
		if err == nil && sent > 0 {
			same, err = ask[bool](ctx, standby, receives, timeline)
		}
		if err == nil && same {
			same, err = ask[bool](ctx, primary, streams, name)
		}
		switch {
		case err != nil:
			return fmt.Errorf("see whether %s follows: %w", name, err)
		case same:
			return nil
		case sent > furthest && furthest > 0:
			deadline = time.Now().Add(patience)
		case time.Now().After(deadline):
			return fmt.Errorf("%s does not follow the primary within %s", name, patience)
		}
		furthest = max(furthest, sent)
		select {
		case <-tick.C:
		case <-primary.Done():
			return errors.New("the primary has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// copyFolder replaces a node's data folder by a copy of the primary's. It bears its name when it is complete.
func copyFolder(ctx context.Context, primary *pgproc.Server, c pgproc.Config) error {
	dir := c.Dir
	if err := removeFolder(ctx, dir); err != nil {
		return err
	}
	c.Dir = dir + unfinished
	if err := primary.BaseCopy(ctx, c); err != nil {
		return errors.Join(err, pgproc.Remove(context.WithoutCancel(ctx), c.Dir))
	}
	if err := os.Rename(c.Dir, dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}
