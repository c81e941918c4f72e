package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Claim is the right to work on something, which one process has at a time, of all that share the store. It ends with
// the process, however that ends, because a lock of the operating system or of PostgreSQL stands behind it. There is no
// lease that could run out while its holder works, and none to wait for after its holder has died.
type Claim struct {
	lost    chan struct{}
	release func()
	grace   time.Duration
}

// How a claim that was lost comes to light. In PostgreSQL the connection breaks, or stops to answer; in a folder the file
// that is locked is not the one of that name any more.
const (
	askPause    = time.Second     // between two questions
	askPatience = 3 * time.Second // with PostgreSQL, for an answer

	// graceFile and gracePostgres are longer than a holder can take to notice.
	graceFile     = 2 * askPause
	gracePostgres = askPause + askPatience + time.Second
)

// keepAlive has PostgreSQL notice within half a minute that the machine of a holder is gone; by itself it takes two hours.
const keepAlive = `SELECT pg_catalog.set_config('tcp_keepalives_idle', '10', false),
	pg_catalog.set_config('tcp_keepalives_interval', '5', false), pg_catalog.set_config('tcp_keepalives_count', '3', false)`

// Lost is closed when the claim has ended without Release. Whoever works on it must stop, because another may begin.
func (c *Claim) Lost() <-chan struct{} { return c.lost }

// Grace is for how long a holder before this one, if it lives, may not know yet that it has lost its claim. Who goes on
// with what that one was at waits so long before.
func (c *Claim) Grace() time.Duration { return c.grace }

// Release ends the claim.
func (c *Claim) Release() { c.release() }

// Claim claims a key. It returns nil when another has it.
func (s *Store) Claim(ctx context.Context, key string) (*Claim, error) {
	if s.pool == nil {
		return s.claimFile(ctx, key)
	}
	return s.claimLock(ctx, key)
}

// Claimed says whether somebody has claimed a key.
func (s *Store) Claimed(ctx context.Context, key string) (claimed bool, err error) {
	if s.pool == nil {
		path := s.claimPath(key)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false, nil // it stays so: see claimFile
		}
		f, err := s.lockFile(path, key)
		if f != nil {
			f.Close()
		}
		return f == nil, err
	}
	number := uint64(lockNumber(key))
	err = s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
			AND classid = $1 AND objid = $2 AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`,
		uint32(number>>32), uint32(number)).Scan(&claimed)
	return claimed, s.explain(err, "look who has claimed %s", key)
}

// claimPath names the file that is locked for a key, beside the store.
func (s *Store) claimPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.path+".claims", hex.EncodeToString(sum[:8]))
}

// lockFile makes and locks a file. It returns nil when another has locked it.
func (s *Store) lockFile(path, key string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, s.explain(err, "claim %s", key)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, s.explain(err, "claim %s", key)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, s.explain(err, "claim %s", key)
	}
	return f, nil
}

// claimFile locks the file of a key. That of a holder who has died is there, and not locked. Where it is not there,
// somebody may have removed it from under a holder who lives.
func (s *Store) claimFile(ctx context.Context, key string) (*Claim, error) {
	path, grace := s.claimPath(key), time.Duration(0)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		grace = graceFile
	}
	f, err := s.lockFile(path, key)
	if f == nil {
		return nil, err
	}
	return s.watch(ctx, grace, func() error { return f.Close() }, func(ctx context.Context) error {
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return ctx.Err()
		}
		held, err := f.Stat()
		if err != nil {
			return err
		}
		if named, err := os.Stat(path); err != nil || !os.SameFile(held, named) {
			return fmt.Errorf("somebody has removed %s", path)
		}
		return nil
	}), nil
}

// claimLock takes an advisory lock, on a connection of its own.
func (s *Store) claimLock(ctx context.Context, key string) (*Claim, error) {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, s.explain(err, "connect for a claim")
	}
	end := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
		defer cancel()
		return conn.Close(ctx)
	}
	var got bool
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, lockNumber(key)).Scan(&got); err != nil || !got {
		return nil, errors.Join(s.explain(err, "claim %s", key), end())
	}
	if _, err := conn.Exec(ctx, keepAlive); err != nil {
		s.log.WarnContext(ctx, "a claim may outlive its holder's machine for long", "store", s.name, "error", err)
	}
	return s.watch(ctx, gracePostgres, end, func(ctx context.Context) error {
		// Nobody notifies: this returns at once when the connection breaks.
		waiting, cancel := context.WithTimeout(ctx, askPause)
		defer cancel()
		if _, err := conn.WaitForNotification(waiting); waiting.Err() == nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		return conn.Ping(asking)
	}), nil
}

// watch makes a claim, and closes its Lost when held returns an error. end gives it back.
func (s *Store) watch(ctx context.Context, grace time.Duration, end func() error, held func(context.Context) error) *Claim {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Claim{lost: make(chan struct{}), grace: grace}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for watching.Err() == nil {
			if err := held(watching); err != nil && watching.Err() == nil {
				s.log.Error("a claim is lost", "store", s.name, "error", err)
				close(c.lost)
				break
			}
		}
		if err := end(); err != nil {
			s.log.Debug("give a claim back", "store", s.name, "error", err)
		}
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
