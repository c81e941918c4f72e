package endpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

const promotionTime = time.Minute // the standby applies what it has received first

// failOver makes the standby that has received most the primary. In this order: the old primary is dead, so that it
// acknowledges nothing any more; the standbys are asked what they have; the decision is on the disk; the standby is
// promoted. Whoever dies in between is found by the record at the next start.
func (e *Endpoint) failOver(ctx context.Context, old *pgproc.Server) error {
	t, began := e.team, time.Now()
	if len(t.record.Synchronous) == 0 {
		return errors.New("only the primary has every commit")
	}
	if err := old.Kill(ctx); err != nil {
		return err
	}
	former := t.record.Primary
	if err := e.takeOver(ctx); err != nil {
		return err
	}
	t.standbys[former] = &standby{number: former}
	e.options.Log.Warn("a standby has taken over", "node", t.record.Primary, "from", former, "in", time.Since(began))
	e.regroup(ctx)
	return nil
}

// takeOver makes the best standby the primary.
func (e *Endpoint) takeOver(ctx context.Context) error {
	t := e.team
	best, others, err := e.elect(ctx)
	if err != nil {
		return err
	}
	if err := e.note(record{Primary: best.number}); err != nil {
		return err
	}
	e.unsettle()
	t.asked = others
	delete(t.standbys, best.number)
	if err := e.promote(ctx, best.server); err != nil {
		return err
	}
	e.setServer(best.server)
	return nil
}

// promote makes a standby the primary that the record names.
func (e *Endpoint) promote(ctx context.Context, s *pgproc.Server) error {
	ctx, cancel := context.WithTimeout(ctx, promotionTime)
	defer cancel()
	// The standbys that are left confirm its commits from the first one on.
	if err := s.Reload(live(e.team.asked)); err != nil {
		return err
	}
	if err := s.Promote(ctx); err != nil {
		return err
	}
	return e.team.record.point(e.options.Dir)
}

// elect returns the standby that has received most, and the numbers of the others that answer. All that may alone have an
// acknowledged commit must answer.
func (e *Endpoint) elect(ctx context.Context) (*standby, []int, error) {
	t := e.team
	for _, n := range t.record.Synchronous {
		if s := t.standbys[n]; s == nil || s.server == nil || s.mending {
			if err := e.wake(ctx, s); err != nil {
				return nil, nil, fmt.Errorf("node %d, which may have commits that no other standby has: %w", n, err)
			}
		}
	}
	type answer struct {
		s        *standby
		position uint64
		err      error
	}
	var asked []*answer
	var asking sync.WaitGroup
	for _, n := range t.numbers(func(s *standby) bool { return s.server != nil && !s.mending }) {
		a := &answer{s: t.standbys[n]}
		asked = append(asked, a)
		asking.Go(func() { a.position, a.err = received(ctx, a.s.server) })
	}
	asking.Wait()
	for _, a := range asked {
		if a.err != nil && slices.Contains(t.record.Synchronous, a.s.number) {
			return nil, nil, fmt.Errorf("node %d, which may have commits that no other standby has: %w", a.s.number, a.err)
		}
	}
	asked = slices.DeleteFunc(asked, func(a *answer) bool { return a.err != nil })
	if len(asked) == 0 {
		return nil, nil, errors.New("no standby runs")
	}
	best := slices.MaxFunc(asked, func(a, b *answer) int {
		switch {
		case a.position < b.position:
			return -1
		case a.position > b.position:
			return 1
		}
		return 0
	})
	var others []int
	for _, a := range asked {
		if a != best {
			others = append(others, a.s.number)
		}
	}
	return best.s, others, nil
}

// diskLost reports whether the primary's data are gone, though there were some.
func (e *Endpoint) diskLost() bool {
	_, err := os.Stat(recordPath(e.options.Dir))
	return err == nil && !pgproc.Initialized(nodeFolder(e.options.Dir, e.team.record.Primary))
}

// revivable reports whether the history is the best that there is of the data.
func (e *Endpoint) revivable() bool {
	if e.options.History == nil || len(e.team.record.Synchronous) > 0 {
		return false
	}
	copies, err := e.options.History.Copies()
	return err == nil && len(copies) > 0
}

// recover puts a standby in the place of a primary whose data went while nothing ran.
func (e *Endpoint) recover(ctx context.Context) error {
	t := e.team
	lost := nodeFolder(e.options.Dir, t.record.Primary)
	for _, n := range t.record.Synchronous {
		t.standbys[n] = &standby{number: n}
	}
	err := errors.New("no standby has every commit")
	if len(t.standbys) > 0 {
		if err = e.takeOver(ctx); err == nil {
			return nil
		}
	}
	for _, s := range t.standbys {
		if s.server != nil {
			err = errors.Join(err, s.server.Stop(ctx))
		}
	}
	return lakeward.Errorf(lakeward.KindUnavailable, "restore the folder from a copy, or delete the endpoint",
		"the data of the primary, %s, are gone: %w", lost, err)
}

// wake starts a standby that must be asked though there is no primary to follow. As long as the primary's data are there,
// it is better to go on with them.
func (e *Endpoint) wake(ctx context.Context, s *standby) (err error) {
	switch {
	case s == nil || s.mending || pgproc.Initialized(nodeFolder(e.options.Dir, e.team.record.Primary)):
		return errors.New("it does not run")
	case !pgproc.IsStandby(nodeFolder(e.options.Dir, s.number)):
		return errors.New("it has no data")
	}
	if s.server, err = pgproc.Start(ctx, e.follower(s.number)); err != nil {
		return err
	}
	// It has read all of its log when it waits for more.
	const waits = `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
		WHERE backend_type = 'startup' AND wait_event IN ('RecoveryRetrieveRetryInterval', 'RecoveryWalStream'))`
	return until(ctx, s.server, waits)
}

// received returns how far a standby has the log on its disk.
func received(ctx context.Context, s *pgproc.Server) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	const sql = `SELECT (greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) - '0/0')::bigint`
	position, err := ask[int64](ctx, s, sql)
	return uint64(position), err
}

// ask returns the one value of a query.
func ask[T any](ctx context.Context, s *pgproc.Server, sql string, args ...any) (value T, err error) {
	err = on(ctx, s, adminDatabase, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql, args...).Scan(&value) })
	return value, err
}

// on calls do with a superuser's connection to a server.
func on(ctx context.Context, s *pgproc.Server, database string, do func(*pgx.Conn) error) error {
	conn, err := connect(ctx, s, database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}

func connect(ctx context.Context, s *pgproc.Server, database string) (*pgx.Conn, error) {
	c, err := s.ConnConfig(database)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

// startPrimary starts the node that the record names. One that is a standby was chosen in a fail-over that was cut short.
func (e *Endpoint) startPrimary(ctx context.Context) error {
	t := e.team
	c := e.node(t.record.Primary)
	c.Live = live(t.record.Synchronous)
	if e.options.Follow != nil {
		c.Primary = e.config.Primary
		if err := e.refresh(ctx, c); err != nil {
			return err
		}
	} else if err := t.record.point(e.options.Dir); err != nil {
		return err
	}
	s, err := pgproc.Start(ctx, c)
	if err != nil && e.options.Follow != nil && strings.Contains(err.Error(), tooSmall) {
		e.options.Log.Warn("a replica whose primary was larger is copied anew", "dir", c.Dir, "err", err)
		if err = e.copyLeader(ctx, c); err == nil {
			s, err = pgproc.Start(ctx, c)
		}
	}
	if err != nil {
		return err
	}
	t.asked = t.record.Synchronous
	if e.options.Follow == nil && pgproc.IsStandby(c.Dir) {
		if err := e.promote(ctx, s); err != nil {
			return errors.Join(err, s.Stop(ctx))
		}
	}
	e.setServer(s)
	return nil
}
