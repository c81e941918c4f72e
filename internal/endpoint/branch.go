package endpoint

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// branch makes the data folder of c a copy of another endpoint's data, of now or of the past.
func (e *Endpoint) branch(ctx context.Context, c pgproc.Config) error {
	if e.options.Past != nil {
		at, err := e.options.Past.restore(ctx, c, e.options.Progress)
		if err != nil {
			return err
		}
		return writeOrigin(c, at)
	}
	from := e.options.From
	if from.options.History == nil {
		return from.current().BaseCopy(ctx, c)
	}
	info, err := from.current().LiveCopy(ctx, c.Dir, e.options.Progress)
	if err != nil {
		return err
	}
	if err := from.current().CopyLog(ctx, c, info); err != nil {
		return fmt.Errorf("copy the log: %w", err)
	}
	return writeOrigin(c, info.End)
}

func writeOrigin(c pgproc.Config, at pgproc.LSN) error {
	return pgproc.WriteFile(c, filepath.Base(originFile), at.String())
}

// Position returns how far the endpoint's log goes.
func (e *Endpoint) Position(ctx context.Context) (at pgproc.LSN, err error) {
	err = e.admin(ctx, adminDatabase, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&at)
	})
	return at, err
}

// fillOrRevive makes the data folder of c. One that has a past was lost, and gets the youngest data that its history knows
// of. The log of one that never became anybody's is not the log of the one that is made now.
func (e *Endpoint) fillOrRevive(ctx context.Context, c pgproc.Config) error {
	h := e.options.History
	if h == nil || e.options.Follow != nil {
		return e.fill(ctx, c)
	}
	copies, err := h.Copies()
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		if err := h.clear(); err != nil {
			return err
		}
		return e.fill(ctx, c)
	}
	last := copies[len(copies)-1]
	e.options.Log.Warn("data folder is missing and made again from its history", "dir", e.config.Dir, "copy", last.Taken)
	if err := pgproc.UseCopy(ctx, last.data(), c, e.options.Progress); err != nil {
		return err
	}
	_, err = pgproc.Recover(ctx, c, h.wal(), pgproc.Target{})
	return err
}

// EndOfLog returns how far the log goes of an endpoint with the data folder dir that was stopped.
func EndOfLog(ctx context.Context, binaries pgproc.Binaries, dir string) (pgproc.LSN, error) {
	known, err := readRecord(dir)
	if err != nil {
		return 0, err
	}
	return pgproc.EndOfLog(ctx, pgproc.Config{Binaries: binaries, Dir: nodeFolder(dir, known.Primary)})
}
