package store

import (
	"context"
	"database/sql"
	"time"
)

// Setting is a value of the configuration, who set it, and when.
type Setting struct {
	Value   string    `json:"value"`
	Actor   string    `json:"actor"`
	Changed time.Time `json:"changed"`
}

// Settings returns all settings.
func (s *Store) Settings(ctx context.Context) (map[string]Setting, error) {
	type named struct {
		name string
		Setting
	}
	all, err := list(ctx, s, "read settings", func(row scanner) (n named, err error) {
		var changed int64
		err = row.Scan(&n.name, &n.Value, &n.Actor, &changed)
		n.Changed = unstamp(changed)
		return n, err
	}, `SELECT name, value, actor, changed FROM settings`)
	settings := make(map[string]Setting, len(all))
	for _, n := range all {
		settings[n.name] = n.Setting
	}
	return settings, err
}

// PutSettings sets settings, all or none of them. An empty value removes one.
func (s *Store) PutSettings(ctx context.Context, actor string, settings map[string]string) error {
	return s.write(ctx, "write settings", func(tx *sql.Tx) error {
		for name, value := range settings {
			var err error
			if value == "" {
				_, err = tx.ExecContext(ctx, `DELETE FROM settings WHERE name = $1`, name)
			} else {
				_, err = tx.ExecContext(ctx, `
					INSERT INTO settings (name, value, actor, changed) VALUES ($1, $2, $3, $4)
					ON CONFLICT (name) DO UPDATE SET value = excluded.value, actor = excluded.actor, changed = excluded.changed`,
					name, value, actor, stamp(time.Now()))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
