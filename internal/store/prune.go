package store

import (
	"context"
	"database/sql"
	"time"
)

// Pruned counts what [Store.Prune] has deleted.
type Pruned struct {
	Operations int64 `json:"operations"`
	Events     int64 `json:"events"`
	Audit      int64 `json:"audit"`
}

// Prune deletes the operations that ended before a time, with their events, and the lines of the audit log from before
// it. What has not ended stays, however old it is.
func (s *Store) Prune(ctx context.Context, before time.Time) (p Pruned, err error) {
	const old = `state NOT IN ('queued', 'running') AND ended < $1`
	err = s.write(ctx, "delete what is older than "+before.UTC().Format(time.RFC3339), func(tx *sql.Tx) error {
		for _, one := range []struct {
			count     *int64
			statement string
		}{
			{&p.Events, `DELETE FROM events WHERE operation IN (SELECT id FROM operations WHERE ` + old + `)`},
			{&p.Operations, `DELETE FROM operations WHERE ` + old},
			{&p.Audit, `DELETE FROM audit WHERE time < $1`},
		} {
			r, err := tx.ExecContext(ctx, one.statement, stamp(before))
			if err != nil {
				return err
			}
			if *one.count, err = r.RowsAffected(); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}
