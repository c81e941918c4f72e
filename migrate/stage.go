package migrate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// stage is the staging schema of one migration, and the session that holds the migration's lock.
type stage struct {
	conn *pgx.Conn
	id   string // of the migration
	name string // of the staging schema
	into string // the target's schema
}

// stagePrefix begins the name of every staging schema; stageComment, followed by the target's schema, marks it as ours.
const (
	stagePrefix  = "lakeward_stage_"
	stageComment = "staging of a migration by lakeward into schema "
)

// openStage takes the lock of the target's schema, removes what a killed run left, and makes a staging schema. The
// caller ends it with swap or discard, and then closes it.
func openStage(ctx context.Context, target Target, schema string, j *journal) (_ *stage, err error) {
	conn, err := session(ctx, target)
	if err != nil {
		return nil, err
	}
	s := &stage{conn: conn, id: newID(), into: schema}
	s.name = stagePrefix + s.id
	defer func() {
		if err != nil {
			s.close(ctx)
		}
	}()
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	if err := s.removeLeftovers(ctx, j); err != nil {
		return nil, err
	}
	return s, nil
}

// newID returns the name of a migration.
func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// lock makes sure that no other migration into the same schema runs. The lock ends with the session.
func (s *stage) lock(ctx context.Context) error {
	var locked bool
	const sql = `SELECT pg_try_advisory_lock(hashtextextended('lakeward migrate ' || $1, 0))`
	err := s.conn.QueryRow(ctx, sql, s.into).Scan(&locked)
	if err != nil {
		return fmt.Errorf("lock schema %s: %w", s.into, err)
	}
	if !locked {
		return lakeward.Errorf(lakeward.KindConflict, "wait until it has ended, or end it",
			"another migration into schema %s is running", s.into)
	}
	return nil
}

// removeLeftovers drops the staging schemas of runs into the same schema that were killed. With the lock held, none of
// them can be alive.
func (s *stage) removeLeftovers(ctx context.Context, j *journal) error {
	rows, err := s.conn.Query(ctx, `
		SELECT nspname FROM pg_namespace
		WHERE starts_with(nspname, $1) AND obj_description(oid, 'pg_namespace') = $2 AND pg_has_role(nspowner, 'USAGE')
		ORDER BY nspname`, stagePrefix, stageComment+s.into)
	if err != nil {
		return fmt.Errorf("look for leftover staging schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for leftover staging schemas: %w", err)
	}
	for _, name := range names {
		if _, err := s.conn.Exec(ctx, "DROP SCHEMA "+quoteName(name)+" CASCADE"); err != nil {
			return fmt.Errorf("drop leftover staging schema %s: %w", name, err)
		}
		j.info("removed " + name + ", which a run that was killed left behind")
	}
	return nil
}

// create makes the staging schema with its quarantine.
func (s *stage) create(ctx context.Context) error {
	schema := quoteName(s.name)
	statements := []string{
		"CREATE SCHEMA " + schema,
		"COMMENT ON SCHEMA " + schema + " IS " + literal(stageComment+s.into),
		createQuarantine(s.name),
	}
	if _, err := s.conn.Exec(ctx, strings.Join(statements, ";\n")); err != nil { // one message is one transaction
		return fmt.Errorf("create staging schema: %w", err)
	}
	return nil
}

// discard drops the staging schema, also after ctx is done, and over a new session when the old one is gone.
func (s *stage) discard(ctx context.Context, target Target) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	drop := "DROP SCHEMA IF EXISTS " + quoteName(s.name) + " CASCADE"
	_, err := s.conn.Exec(ctx, drop)
	if err != nil && s.conn.IsClosed() {
		fresh, err := session(ctx, target)
		if err != nil {
			return s.leftBehind(err)
		}
		defer closeSession(ctx, fresh)
		_, err = fresh.Exec(ctx, drop)
		return s.leftBehind(err)
	}
	return s.leftBehind(err)
}

// leftBehind is the error of a staging schema that could not be removed, nil for nil.
func (s *stage) leftBehind(err error) error {
	if err == nil {
		return nil
	}
	return lakeward.Errorf(lakeward.KindUnavailable, "the next migration into the same schema removes it",
		"drop staging schema %s: %w", s.name, err)
}

// close ends the session, and with it the lock.
func (s *stage) close(ctx context.Context) { closeSession(ctx, s.conn) }

// run executes statements one after another on the session of the stage.
func (s *stage) run(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.conn.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	return nil
}

// explainStatement adds the statement that failed, and what PostgreSQL tells beside the message.
func explainStatement(sql string, err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("run %q: %w", firstLine(sql), err)
	}
	if pgErr.Detail != "" {
		return fmt.Errorf("run %q: %w (%s)", firstLine(sql), err, firstLine(pgErr.Detail))
	}
	return fmt.Errorf("run %q: %w", firstLine(sql), err)
}

// firstLine shortens s to its first line.
func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
