package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
)

// Event is one event of an operation, as it is kept.
type Event struct {
	Seq int64 `json:"seq"` // counts from 1 within an operation
	lakeward.Event
}

// eventsAtOnce is how many events one statement writes.
const eventsAtOnce = 100

// Append keeps events of an operation, in order.
func (s *Store) Append(ctx context.Context, operation string, events ...lakeward.Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.write(ctx, "keep events of operation "+operation, func(tx *sql.Tx) error {
		var last int64
		// The row of the operation is the lock under which events are counted.
		err := tx.QueryRowContext(ctx, `UPDATE operations SET last_event = last_event + $1 WHERE id = $2 RETURNING last_event`,
			len(events), operation).Scan(&last)
		if err != nil {
			return s.noOperation(err, operation)
		}
		seq := last - int64(len(events))
		for some := range slices.Chunk(events, eventsAtOnce) { // a statement for each event would be as slow as its way to the server
			var rows []string
			args := []any{operation}
			for _, e := range some {
				if e.Time.IsZero() {
					e.Time = time.Now().UTC()
				}
				text, err := json.Marshal(e)
				if err != nil {
					return err
				}
				seq++
				args = append(args, seq, string(text))
				rows = append(rows, fmt.Sprintf("($1, $%d, $%d)", len(args)-1, len(args)))
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO events (operation, seq, event) VALUES `+strings.Join(rows, ", "), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Events returns the events of an operation after the one with the number after, at most limit of them; 0 means 100.
func (s *Store) Events(ctx context.Context, operation string, after int64, most int) ([]Event, error) {
	return list(ctx, s, "read events of operation "+operation, func(row scanner) (e Event, err error) {
		var text string
		if err := row.Scan(&e.Seq, &text); err != nil {
			return e, err
		}
		return e, json.Unmarshal([]byte(text), &e.Event)
	}, `SELECT seq, event FROM events WHERE operation = $1 AND seq > $2 ORDER BY seq`+limit(most), operation, after)
}
