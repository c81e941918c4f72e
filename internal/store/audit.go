package store

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// Entry is a line of the audit log: who did what to which thing, when, from where, and how it went.
type Entry struct {
	ID      int64     `json:"id"`
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`
	Object  string    `json:"object,omitempty"`
	Outcome string    `json:"outcome"`
	Remote  string    `json:"remote,omitempty"`
	Request string    `json:"request,omitempty"` // the id of the request
}

// AuditFilter says which entries are asked for. Empty fields let everything pass.
type AuditFilter struct {
	Actor, Action, Object, Outcome string

	Text         string    // only those that have each of these words in one of their fields, in any case
	Since, Until time.Time // only those of this time and later, and before that one

	Before int64 // only those older than the entry of this id: the next page
	After  int64 // only those newer than the entry of this id, the oldest of them: the page before
	Limit  int   // at most so many; 0 means 100
}

// Audit writes a line of the audit log. Its id is counted here, and its time is now unless it has one.
func (s *Store) Audit(ctx context.Context, e Entry) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return s.write(ctx, "write the audit log", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO audit (time, actor, action, object, outcome, remote, request) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			stamp(e.Time), e.Actor, e.Action, e.Object, e.Outcome, e.Remote, e.Request)
		return err
	})
}

// Entries returns lines of the audit log, the newest first.
func (s *Store) Entries(ctx context.Context, f AuditFilter) ([]Entry, error) {
	var w where
	w.equal("actor", f.Actor)
	w.equal("action", f.Action)
	w.equal("object", f.Object)
	w.equal("outcome", f.Outcome)
	w.contain(f.Text, "actor", "action", "object", "outcome", "remote", "request")
	if !f.Since.IsZero() {
		w.add("time >= %s", stamp(f.Since))
	}
	if !f.Until.IsZero() {
		w.add("time < %s", stamp(f.Until))
	}
	if f.Before > 0 {
		w.add("id < %s", f.Before)
	}
	if f.After > 0 {
		w.add("id > %s", f.After)
	}
	all, err := list(ctx, s, "read the audit log", func(row scanner) (e Entry, err error) {
		var at int64
		err = row.Scan(&e.ID, &at, &e.Actor, &e.Action, &e.Object, &e.Outcome, &e.Remote, &e.Request)
		e.Time = unstamp(at)
		return e, err
	}, `SELECT id, time, actor, action, object, outcome, remote, request FROM audit`+w.String()+newestFirst(f.After == 0)+limit(f.Limit), w.args...)
	if f.After > 0 {
		slices.Reverse(all)
	}
	return all, err
}
