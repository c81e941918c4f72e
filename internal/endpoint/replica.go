package endpoint

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// A read-only endpoint follows the primary of another endpoint, by the link that leads to it. No commit waits for it, and
// it may have received what no standby has: after a fail-over it is then ahead of the new primary, and must be taken back.
//
// It may have several nodes. All of them follow that primary, and logins are spread over them.

// replicaName is what a read-only endpoint is called in the PostgreSQL that it follows.
func replicaName(dir string) string { return fmt.Sprintf("replica%.6x", sha256.Sum256([]byte(dir))) }

// leader returns the server to follow, and what is closed when there may be another one. Both are nil for an endpoint that
// follows nobody, and the first one while there is none.
func (e *Endpoint) leader() (*pgproc.Server, <-chan struct{}) {
	f := e.options.Follow
	if f == nil {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holding {
		return nil, f.changed
	}
	return f.server, f.changed
}

// pursue sees, in the background, that the endpoint follows a leader that is new.
func (e *Endpoint) pursue(ctx context.Context, leader *pgproc.Server) {
	t := e.team
	if leader == nil || leader == t.leader {
		return
	}
	t.leader = leader
	for _, s := range t.standbys {
		e.mend(ctx, s)
	}
	server := e.current()
	t.working.Go(func() {
		err := follows(ctx, leader, server, followTime)
		if err == nil || gone(ctx, leader) || gone(ctx, server) {
			return
		}
		e.post(ctx, func(ctx context.Context) {
			if t.leader != leader || server != e.current() {
				return
			}
			e.options.Log.Warn("a replica cannot follow the new primary and is made again", "dir", server.Dir(), "err", err)
			t.stale = leader
			if err := server.Kill(ctx); err != nil {
				e.options.Log.Warn("end PostgreSQL", "dir", server.Dir(), "err", err)
			}
		})
	})
}

// tooSmall is what PostgreSQL says of a standby with the log of a primary that was larger than it is now. It would have to
// apply all of it before it could be as small.
const tooSmall = "insufficient parameter settings"

// copyLeader replaces a replica's data by a copy of its leader's.
func (e *Endpoint) copyLeader(ctx context.Context, c pgproc.Config) error {
	leader, _ := e.leader()
	if leader == nil {
		return errors.New("there is no primary to copy from")
	}
	return copyFolder(ctx, leader, c)
}

// refresh takes the data of a replica that cannot follow back to those of its leader, and makes those anew that are lost.
func (e *Endpoint) refresh(ctx context.Context, c pgproc.Config) error {
	if !pgproc.Initialized(c.Dir) {
		return e.copyLeader(ctx, c)
	}
	leader := e.team.stale
	if leader == nil {
		return nil
	}
	e.team.leader = nil // to be seen to follow again
	if err := leader.Rewind(ctx, c); err != nil {
		e.options.Log.Warn("a replica is copied anew", "dir", c.Dir, "err", err)
		if err := copyFolder(ctx, leader, c); err != nil {
			return err
		}
	}
	e.team.stale = nil
	return nil
}
