package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Claim is the right to work on something, which one process has at a time, of all that share the store. It ends with
// the process, however that ends, because a lock of the operating system or of PostgreSQL stands behind it. There is no
// lease that could run out while its holder works, and none to wait for after its holder has died.
type Claim struct {
	lost    chan struct{}
	release func()
}

// Lost is closed when the claim has ended without Release: the connection to PostgreSQL broke. Whoever works on it must
// stop, because another may begin.
func (c *Claim) Lost() <-chan struct{} { return c.lost }

// Release ends the claim.
func (c *Claim) Release() { c.release() }

// Claim claims all keys, or none: it returns nil when another has one of them.
func (s *Store) Claim(ctx context.Context, keys ...string) (*Claim, error) {
	if s.pool == nil {
		return s.claimFiles(keys)
	}
	return s.claimLocks(ctx, keys)
}

// Claimed says whether somebody has claimed a key.
func (s *Store) Claimed(ctx context.Context, key string) (claimed bool, err error) {
	if s.pool == nil {
		c, err := s.claimFiles([]string{key})
		if c != nil {
			c.Release()
		}
		return c == nil, err
	}
	number := uint64(lockNumber(key))
	err = s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
			AND classid = $1 AND objid = $2 AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`,
		uint32(number>>32), uint32(number)).Scan(&claimed)
	return claimed, s.explain(err, "look who has claimed %s", key)
}

// claimFiles locks a file for each key, beside the store.
func (s *Store) claimFiles(keys []string) (*Claim, error) {
	dir := s.path + ".claims"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, s.explain(err, "claim")
	}
	var held []*os.File
	release := func() {
		for _, f := range held {
			f.Close()
		}
	}
	for _, key := range keys {
		sum := sha256.Sum256([]byte(key))
		f, err := os.OpenFile(filepath.Join(dir, hex.EncodeToString(sum[:8])), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			release()
			return nil, s.explain(err, "claim %s", key)
		}
		held = append(held, f)
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			release()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, nil
			}
			return nil, s.explain(err, "claim %s", key)
		}
	}
	return &Claim{lost: make(chan struct{}), release: release}, nil
}

// claimLocks takes an advisory lock for each key, on a connection of its own.
func (s *Store) claimLocks(ctx context.Context, keys []string) (*Claim, error) {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, s.explain(err, "connect for a claim")
	}
	for _, key := range keys {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, lockNumber(key)).Scan(&got); err != nil || !got {
			conn.Close(context.WithoutCancel(ctx))
			return nil, s.explain(err, "claim %s", key)
		}
	}
	return s.watch(ctx, conn), nil
}

// watch makes the claim of the locks that conn holds, and notices when the connection breaks.
func (s *Store) watch(ctx context.Context, conn *pgx.Conn) *Claim {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Claim{lost: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Nobody notifies: this returns when the connection breaks, or at the end of the claim.
		_, err := conn.WaitForNotification(watching)
		if watching.Err() == nil {
			s.log.Error("lost the connection that holds a claim", "store", s.name, "error", err)
			close(c.lost)
		}
		conn.Close(context.WithoutCancel(watching))
	}()
	c.release = sync.OnceFunc(func() {
		stop()
		<-ended
	})
	return c
}

// Alone runs do while no other process is in such a call with the same store: for changing its tables.
func (s *Store) Alone(ctx context.Context, do func(context.Context) error) error {
	if s.pool == nil {
		f, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return s.explain(err, "lock")
		}
		defer f.Close()
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return s.explain(err, "lock")
		}
		return do(ctx)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.explain(err, "connect")
	}
	defer conn.Release()
	number := lockNumber("migrate the tables")
	if _, err := conn.Exec(ctx, `SELECT pg_catalog.pg_advisory_lock($1)`, number); err != nil {
		return s.explain(err, "lock")
	}
	defer func() {
		if _, err := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_catalog.pg_advisory_unlock($1)`, number); err != nil {
			s.log.Error("unlock the store", "store", s.name, "error", err)
		}
	}()
	return do(ctx)
}

// lockNumber is the number of an advisory lock. The name of the store's schema is in it: an application in the same
// database may use such locks too.
func lockNumber(key string) int64 {
	sum := sha256.Sum256([]byte(Schema + " " + key))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
