package pgproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const standbySignal = "standby.signal"

// IsStandby reports whether the server of a data folder is a standby.
func IsStandby(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, standbySignal))
	return err == nil
}

// Name returns what the server is called by its primary.
func (s *Server) Name() string { return s.config.Name }

func (c *Config) markStandby(as *account) error {
	return as.writeFile(filepath.Join(c.Dir, standbySignal), "")
}

// Promote makes a standby a primary of its own, on a new timeline, after all of the log that it has received. It returns
// when the server takes writes. Sessions that were reading are ended: they must not find themselves writing.
func (s *Server) Promote(ctx context.Context) error {
	err := s.admin(ctx, func(conn *pgx.Conn) error {
		const sql = `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid();
			SELECT pg_catalog.pg_promote(false)`
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var standby bool
			err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_is_in_recovery()").Scan(&standby)
			if err != nil || !standby {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("promote the standby in %s: %w", s.config.Dir, err)
	}
	return nil
}

// Rewind takes the data folder of c back to where its history left that of s, and makes it a standby that can follow s.
// It was a primary, or followed one that is no more, and its server has ended. An error leaves a folder that is good for
// nothing but to be removed.
func (s *Server) Rewind(ctx context.Context, c Config) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	if err := endOrphans(ctx, c.Dir); err != nil {
		return err
	}
	// PostgreSQL 15 reads from the control file on which timeline s is, and there it is after a checkpoint.
	err = s.admin(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CHECKPOINT")
		return err
	})
	if err != nil {
		return fmt.Errorf("rewind %s: %w", c.Dir, err)
	}
	// The tool first lets PostgreSQL repair the folder, which with its own settings throws the needed log away.
	c.Live = map[string]string{"wal_keep_size": "1TB"}
	if err := c.writeLive(as); err != nil {
		return err
	}
	original, err := os.Open(s.config.Dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.config.Dir, err)
	}
	defer original.Close()
	args := []string{"--target-pgdata", c.Dir, "--source-server", conninfo(0, "") + " dbname=postgres"}
	if c.unsynced() {
		args = append(args, "--no-sync")
	}
	t := tool{binaries: c.Binaries, as: as, program: "pg_rewind", args: args, dir: c.Dir, files: []*os.File{original}}
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("rewind %s: %w", c.Dir, err)
	}
	return errors.Join(removeLocks(c.Dir), c.markStandby(as))
}

// Kill ends the server as a power cut would, also one that is frozen or whose folder is gone. When it returns nil, no
// process of the server does anything any more.
func (s *Server) Kill(ctx context.Context) error {
	s.stopping.Store(true)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := processes(s.config.Dir, s.folder)
		if err != nil {
			return err
		}
		for _, p := range left {
			_ = p.Signal(syscall.SIGKILL) // an error means that it has ended: the next round sees
			_ = p.Release()               // no error on unix
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("kill PostgreSQL in %s: %w", s.config.Dir, context.Cause(ctx))
		}
	}
	<-s.done
	return nil
}

// admin calls do with a superuser's connection.
func (s *Server) admin(ctx context.Context, do func(*pgx.Conn) error) error {
	c, err := s.ConnConfig("postgres")
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}
