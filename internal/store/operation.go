package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lakeward/lakeward"
)

// State says how far an operation is.
type State string

// The states of an operation. The last three are final.
const (
	Queued    State = "queued"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended says whether a state is final.
func (s State) Ended() bool { return s != Queued && s != Running }

// Operation is anything slow that the server does: what was asked for, by whom, and what became of it.
type Operation struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Instance string          `json:"instance,omitempty"`
	State    State           `json:"state"`
	Actor    string          `json:"actor"`
	Input    json.RawMessage `json:"input"` // without secrets
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Problem        `json:"error,omitempty"`
	Attempt  int             `json:"attempt"` // how often it was begun: more than once when a server died
	Created  time.Time       `json:"created"`
	Started  *time.Time      `json:"started,omitempty"`
	Ended    *time.Time      `json:"ended,omitempty"`
	RetryOf  string          `json:"retry_of,omitempty"`
}

// Problem is an error that was kept.
type Problem struct {
	Kind    lakeward.Kind `json:"kind"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`

	Faults []lakeward.Fault `json:"faults,omitempty"` // of a plan that cannot be obeyed
}

// ProblemOf returns what is kept of an error.
func ProblemOf(err error) *Problem {
	return &Problem{Kind: lakeward.KindOf(err), Message: err.Error(), Hint: lakeward.HintOf(err), Faults: lakeward.FaultsOf(err)}
}

// Add records a new operation, which is queued. Its id, state and time are set here. The input with its secrets is kept
// encrypted, for [Store.Secret]. One that repeats another goes on from its checkpoint.
func (s *Store) Add(ctx context.Context, o Operation, secret []byte) (Operation, error) {
	return s.add(ctx, o, secret, "")
}

// AddOnce is [Store.Add] for what may be asked for twice and is done once: where an operation of the same kind and input
// on the same instance has not ended yet, it returns that one.
func (s *Store) AddOnce(ctx context.Context, o Operation, secret []byte) (Operation, error) {
	return s.add(ctx, o, secret, s.fingerprint(o.Kind, o.Instance, string(secret)))
}

func (s *Store) add(ctx context.Context, o Operation, secret []byte, digest string) (Operation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return o, err
	}
	o.ID, o.State, o.Created = id.String(), Queued, unstamp(stamp(time.Now()))
	first := o
	err = s.write(ctx, "add an operation", func(tx *sql.Tx) error {
		for {
			r, err := tx.ExecContext(ctx, `
				INSERT INTO operations (id, kind, instance, state, actor, input, sealed, attempt, created, retry_of, cancelled_by, last_event,
					fingerprint, checkpoint)
				VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, '', 0, $10, COALESCE((SELECT checkpoint FROM operations WHERE id = $9), ''))
				ON CONFLICT DO NOTHING`,
				o.ID, o.Kind, o.Instance, o.State, o.Actor, string(o.Input), s.Seal(secret), stamp(o.Created), o.RetryOf, digest)
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil || n == 1 {
				return err
			}
			first, err = scanOperation(tx.QueryRowContext(ctx, `
				SELECT `+operationColumns+` FROM operations WHERE fingerprint = $1 AND state IN ('queued', 'running')`, digest))
			if !errors.Is(err, sql.ErrNoRows) { // no row: it has ended meanwhile
				return err
			}
		}
	})
	return first, err
}

// Checkpoint returns what an operation has noted to go on from; empty when it has noted nothing.
func (s *Store) Checkpoint(ctx context.Context, id string) (text string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT checkpoint FROM operations WHERE id = $1`, id).Scan(&text)
	return text, s.noOperation(err, id)
}

// SetCheckpoint notes where a later attempt goes on. Only the attempt that was begun last may note it.
func (s *Store) SetCheckpoint(ctx context.Context, o Operation, text string) error {
	return s.write(ctx, "note how far operation "+o.ID+" is", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE operations SET checkpoint = $1 WHERE id = $2 AND state = 'running' AND attempt = $3`,
			text, o.ID, o.Attempt)
		return overtaken(r, err, o)
	})
}

// Secret returns the input of an operation with its secrets.
func (s *Store) Secret(ctx context.Context, id string) ([]byte, error) {
	var sealed string
	err := s.db.QueryRowContext(ctx, `SELECT sealed FROM operations WHERE id = $1`, id).Scan(&sealed)
	if err != nil {
		return nil, s.noOperation(err, id)
	}
	return s.Unseal(sealed)
}

const operationColumns = `id, kind, instance, state, actor, input, result, error, attempt, created, started, ended, retry_of`

// Operation returns one operation.
func (s *Store) Operation(ctx context.Context, id string) (Operation, error) {
	o, err := scanOperation(s.db.QueryRowContext(ctx, `SELECT `+operationColumns+` FROM operations WHERE id = $1`, id))
	return o, s.noOperation(err, id)
}

func (s *Store) noOperation(err error, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return lakeward.Errorf(lakeward.KindNotFound, "list them with: lakeward operations list", "there is no operation %s", id)
	}
	return s.explain(err, "read operation %s", id)
}

// Filter says which operations are asked for. Empty fields let everything pass.
type Filter struct {
	Kind     string
	State    State
	Instance string
	Text     string // only those that have each of these words in their id, kind, instance, actor, input or error, in any case
	Before   string // only those older than the operation of this id: the next page
	After    string // only those newer than the operation of this id, the oldest of them: the page before
	Limit    int    // at most so many; 0 means 100
}

const defaultLimit = 100

// Operations returns operations, the newest first.
func (s *Store) Operations(ctx context.Context, f Filter) ([]Operation, error) {
	var w where
	w.equal("kind", f.Kind)
	w.equal("state", string(f.State))
	w.equal("instance", f.Instance)
	w.contain(f.Text, "id", "kind", "instance", "actor", "input", "COALESCE(error, '')")
	if f.Before != "" {
		w.add("id < %s", f.Before)
	}
	if f.After != "" {
		w.add("id > %s", f.After)
	}
	all, err := list(ctx, s, "list operations", scanOperation,
		`SELECT `+operationColumns+` FROM operations`+w.String()+newestFirst(f.After == "")+limit(f.Limit), w.args...)
	if f.After != "" {
		slices.Reverse(all)
	}
	return all, err
}

// Waits says whether an older operation on the same instance has not ended yet.
func (s *Store) Waits(ctx context.Context, o Operation) (waits bool, err error) {
	err = s.db.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM operations WHERE state IN ('queued', 'running') AND instance = $1 AND id < $2)`,
		o.Instance, o.ID).Scan(&waits)
	return waits, s.explain(err, "look for older operations on %s", o.Instance)
}

// Heads returns the operations whose turn it is: the oldest that has not ended on each instance, and all that are on
// none. A name lets only that instance pass.
func (s *Store) Heads(ctx context.Context, instance string) ([]Operation, error) {
	return list(ctx, s, "look whose turn it is", scanOperation, `
		SELECT `+operationColumns+` FROM operations o
		WHERE state IN ('queued', 'running') AND ($1 = '' OR instance = $1) AND (instance = '' OR NOT EXISTS (
			SELECT 1 FROM operations p WHERE p.state IN ('queued', 'running') AND p.instance = o.instance AND p.id < o.id))
		ORDER BY id`, instance)
}

// Begin turns a queued operation into a running one, or counts one more attempt at it. The caller has claimed it.
// It returns false when the operation has ended.
func (s *Store) Begin(ctx context.Context, id string) (o Operation, ok bool, err error) {
	err = s.write(ctx, "begin operation "+id, func(tx *sql.Tx) (err error) {
		o, err = scanOperation(tx.QueryRowContext(ctx, `
			UPDATE operations SET state = 'running', attempt = attempt + 1, started = COALESCE(started, $2)
			WHERE id = $1 AND state IN ('queued', 'running') RETURNING `+operationColumns, id, stamp(time.Now())))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return o, ok, err
}

// End records how an operation went. Only the attempt that was begun last may say it; another's word is refused with
// [lakeward.KindConflict].
func (s *Store) End(ctx context.Context, o Operation) error {
	var problem sql.NullString
	if o.Error != nil {
		text, err := json.Marshal(o.Error)
		if err != nil {
			return err
		}
		problem = sql.NullString{String: string(text), Valid: true}
	}
	return s.write(ctx, "end operation "+o.ID, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `
			UPDATE operations SET state = $1, result = $2, error = $3, ended = $4
			WHERE id = $5 AND state = 'running' AND attempt = $6`,
			o.State, sql.NullString{String: string(o.Result), Valid: len(o.Result) > 0}, problem, stamp(time.Now()), o.ID, o.Attempt)
		return overtaken(r, err, o)
	})
}

// overtaken refuses the word of an attempt that is not the last one: it has changed no row.
func overtaken(r sql.Result, err error, o Operation) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return lakeward.Errorf(lakeward.KindConflict, "look at it with: lakeward operations show "+o.ID,
		"attempt %d at operation %s was overtaken by another", o.Attempt, o.ID)
}

// Cancel ends a queued operation at once, and asks for the end of one that runs. One that has ended is a conflict.
func (s *Store) Cancel(ctx context.Context, actor, id string) (o Operation, err error) {
	err = s.write(ctx, "cancel operation "+id, func(tx *sql.Tx) (err error) {
		o, err = scanOperation(tx.QueryRowContext(ctx, `
			UPDATE operations SET cancelled_by = $2,
				ended = CASE state WHEN 'queued' THEN $3 ELSE ended END,
				state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
			WHERE id = $1 AND state IN ('queued', 'running') RETURNING `+operationColumns, id, actor, stamp(time.Now())))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		if o, err = s.Operation(ctx, id); err == nil {
			err = lakeward.Errorf(lakeward.KindConflict, "there is nothing to cancel", "operation %s has ended: it %s", id, o.State.sentence())
		}
	}
	return o, err
}

func (s State) sentence() string {
	if s == Cancelled {
		return "was cancelled"
	}
	return string(s)
}

// CancelledBy returns who has asked for the end of an operation, or "".
func (s *Store) CancelledBy(ctx context.Context, id string) (actor string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT cancelled_by FROM operations WHERE id = $1`, id).Scan(&actor)
	return actor, s.noOperation(err, id)
}

// scanner is a row, or rows.
type scanner interface{ Scan(...any) error }

func scanOperation(row scanner) (o Operation, err error) {
	var input string
	var result, problem sql.NullString
	var created int64
	var started, ended sql.NullInt64
	err = row.Scan(&o.ID, &o.Kind, &o.Instance, &o.State, &o.Actor, &input, &result, &problem,
		&o.Attempt, &created, &started, &ended, &o.RetryOf)
	if err != nil {
		return Operation{}, err
	}
	o.Input, o.Created, o.Started, o.Ended = json.RawMessage(input), unstamp(created), unstampNull(started), unstampNull(ended)
	if result.Valid {
		o.Result = json.RawMessage(result.String)
	}
	if problem.Valid {
		err = json.Unmarshal([]byte(problem.String), &o.Error)
	}
	return o, err
}

// where collects the conditions of a query.
type where struct {
	terms []string
	args  []any
}

func (w *where) add(term string, arg any) {
	w.args = append(w.args, arg)
	w.terms = append(w.terms, fmt.Sprintf(term, fmt.Sprintf("$%d", len(w.args))))
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = %s", value)
	}
}

// contain wants each word of a text in one of the columns, in any case.
func (w *where) contain(text string, columns ...string) {
	var terms []string
	for _, column := range columns {
		terms = append(terms, "LOWER("+column+") LIKE %[1]s ESCAPE '!'")
	}
	escape := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		w.add("("+strings.Join(terms, " OR ")+")", "%"+escape.Replace(word)+"%")
	}
}

// newestFirst orders by id: from the newest on, or, for a page before a known one, from the oldest on.
func newestFirst(yes bool) string {
	if yes {
		return " ORDER BY id DESC"
	}
	return " ORDER BY id"
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

func limit(n int) string {
	if n <= 0 {
		n = defaultLimit
	}
	return fmt.Sprintf(" LIMIT %d", n)
}

// list runs a query and reads its rows.
func list[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain(err, "%s", what)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, s.explain(err, "%s", what)
		}
		all = append(all, one)
	}
	return all, s.explain(rows.Err(), "%s", what)
}

func wrap(err error, format string, args []any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
