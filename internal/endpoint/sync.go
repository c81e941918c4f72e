package endpoint

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Which standbys may take over. The primary acknowledges a commit when one of the standbys that it was told of has it on
// its disk; the record names standbys of which one has them all. The order of the two is what no fail-over loses a commit
// by:
//
//   - To wait for none, the record forgets all standbys first. From then on only the primary itself, started again, has
//     every commit. So the loss of the last standby delays commits by the time it takes to notice, and no more.
//   - To wait for others, the record names the old and the new first, and only the new when one of these has everything.
//   - To wait for some after none, the record stays empty until one of them has everything that was acknowledged before the
//     primary began to wait.

// agree makes the primary wait for the standbys that follow it.
func (e *Endpoint) agree(ctx context.Context) {
	t := e.team
	if e.options.Follow != nil {
		return // no commit waits for those who follow another endpoint's primary
	}
	now := t.following()
	if len(now) == 0 && t.hopeful() {
		return
	}
	if slices.Equal(now, t.asked) && (slices.Equal(now, t.record.Synchronous) || t.settling != nil) {
		return
	}
	e.unsettle()
	next := t.record
	next.Synchronous = nil
	before := len(t.record.Synchronous)
	if len(now) > 0 && before > 0 {
		next.Synchronous = union(t.record.Synchronous, now)
	}
	if err := e.note(next); err != nil {
		e.options.Log.Warn("the standbys that may take over stay as they are", "err", err)
		return // the next look repeats it
	}
	primary := e.current()
	if err := primary.Reload(live(now)); err != nil {
		e.options.Log.Warn("tell the primary of its standbys", "err", err)
		return
	}
	t.asked = now
	if len(now) == 0 {
		if before > 0 {
			e.options.Log.Warn("no standby is left: commits are on the primary only", "dir", primary.Dir())
		}
		e.tidy(ctx)
		return
	}
	e.settle(ctx, primary, now, before == 0)
}

// hopeful reports whether standbys are expected to follow soon, and are worth waiting for with commits.
func (t *team) hopeful() bool {
	return time.Now().Before(t.hope) && len(t.numbers(func(s *standby) bool { return s.mending && s.failures == 0 })) > 0
}

// note makes r the record, on the disk first.
func (e *Endpoint) note(r record) error {
	if slices.Equal(r.Synchronous, e.team.record.Synchronous) && r.Primary == e.team.record.Primary {
		return nil
	}
	if err := r.write(e.options.Dir, e.config.Settings["fsync"] != "off"); err != nil {
		return err
	}
	e.team.record = r
	return nil
}

// settle lets the record name the standbys once one of them has every acknowledged commit.
func (e *Endpoint) settle(ctx context.Context, primary *pgproc.Server, standbys []int, fromNone bool) {
	ctx, cancel := context.WithCancel(ctx)
	e.team.settling = cancel
	e.team.working.Go(func() {
		defer cancel()
		err := prove(ctx, primary, standbys, fromNone)
		e.post(ctx, func(ctx context.Context) {
			if ctx.Err() != nil {
				return // overtaken
			}
			e.team.settling = nil
			if err == nil {
				err = e.note(record{Primary: e.team.record.Primary, Synchronous: standbys})
			}
			if err != nil {
				e.options.Log.Warn("standbys may not take over yet", "nodes", standbys, "err", err)
				return // the next look repeats it
			}
			e.options.Log.Info("standbys may take over", "nodes", standbys)
			e.tidy(ctx)
		})
	})
}

func (e *Endpoint) unsettle() {
	if e.team.settling != nil {
		e.team.settling()
		e.team.settling = nil
	}
}

// prove returns nil when one of the standbys has every commit that the primary has acknowledged.
func prove(ctx context.Context, primary *pgproc.Server, standbys []int, fromNone bool) error {
	want := live(standbys)["synchronous_standby_names"]
	// A new session has the settings of the postmaster, which has signalled all others by then.
	const obeys = `SELECT pg_catalog.current_setting('synchronous_standby_names') = $1`
	if err := until(ctx, primary, obeys, want); err != nil {
		return fmt.Errorf("wait for the primary to ask its standbys: %w", err)
	}
	if fromNone {
		// Whether commits wait at all is the checkpointer's to say. It has read the settings when it has done this.
		err := on(ctx, primary, adminDatabase, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "CHECKPOINT")
			return err
		})
		if err != nil {
			return err
		}
	}
	end, err := ask[string](ctx, primary, "SELECT pg_catalog.pg_current_wal_flush_lsn()::text")
	if err != nil {
		return err
	}
	var names []string
	for _, n := range standbys {
		names = append(names, nodeName(n))
	}
	const has = `SELECT coalesce(bool_or(flush_lsn >= $1::pg_lsn), false) FROM pg_catalog.pg_stat_replication
		WHERE application_name = ANY($2)`
	if err := until(ctx, primary, has, end, names); err != nil {
		return fmt.Errorf("wait for a standby to have everything: %w", err)
	}
	return nil
}

// until asks a server until it says yes.
func until(ctx context.Context, s *pgproc.Server, sql string, args ...any) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask[bool](ctx, s, sql, args...)
		if err != nil || yes {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func union(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
