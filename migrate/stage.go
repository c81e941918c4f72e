package migrate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtool"
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
	stagePrefix  = pgtool.StagePrefix
	stageComment = "staging of a migration by lakeward into schema "
)

// openStage takes the lock of the target's schema, and removes what killed runs left, but for the staging schema of the
// one that w goes on with. The caller ends it with swap or discard, and then closes it.
func openStage(ctx context.Context, target Target, schema string, w *workFolder, j *journal) (_ *stage, err error) {
	conn, err := session(ctx, target)
	if err != nil {
		return nil, err
	}
	s := &stage{conn: conn, id: w.state.ID, into: schema}
	s.name = stagePrefix + s.id
	defer func() {
		if err != nil {
			s.close(ctx)
		}
	}()
	if err := s.lock(ctx, w.begun, j); err != nil {
		return nil, err
	}
	return s, s.removeLeftovers(ctx, j)
}

// newID returns the name of a migration.
func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// orphanWait is how long the server may take to notice that the sessions of a killed run have no client any more.
const orphanWait = 30 * time.Second

// lock makes sure that no other migration into the same schema runs. The lock ends with the session. A run that goes on
// waits for the sessions of the one before: what they have not committed when they end, they never will.
func (s *stage) lock(ctx context.Context, begun bool, j *journal) error {
	var locked bool
	if begun {
		if err := s.awaitOrphans(ctx, j); err != nil {
			return err
		}
	}
	err := s.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+lockKey+")", "migrate "+s.into).Scan(&locked)
	if err != nil {
		return fmt.Errorf("lock schema %s: %w", s.into, err)
	}
	if !locked {
		return lakeward.Errorf(lakeward.KindConflict, "wait until it has ended, or end it",
			"another migration into schema %s is running", s.into)
	}
	return nil
}

// lockKey turns a name into the key of an advisory lock.
const lockKey = "hashtextextended('lakeward ' || $1, 0)"

// awaitOrphans waits until no session of this migration is left but this one. Nothing on the target tells those of a run
// that was killed from those of one that is at work on another machine, but that they end.
func (s *stage) awaitOrphans(ctx context.Context, j *journal) error {
	err := s.alone(ctx, time.Millisecond)
	if sqlState(err) == lockNotAvailable {
		j.info(fmt.Sprintf("sessions of the run before are still on the target: waiting up to %v for them to end", orphanWait))
		err = s.alone(ctx, orphanWait)
	}
	if sqlState(err) == lockNotAvailable {
		return lakeward.Errorf(lakeward.KindConflict, "wait until it has ended, or end its sessions on the target",
			"another migration into schema %s is running", s.into)
	}
	if err != nil {
		return fmt.Errorf("wait for the sessions of the run before: %w", err)
	}
	return nil
}

const lockNotAvailable = "55P03"

// alone waits for all other sessions of this migration to end.
func (s *stage) alone(ctx context.Context, wait time.Duration) error {
	return pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = '%dms'", wait.Milliseconds())); err != nil {
			return err
		}
		for _, name := range []string{"work " + s.id, "migrate " + s.into} {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKey+")", name); err != nil {
				return err
			}
		}
		return nil
	})
}

// worker is the target of a migration's workers. Their sessions hold a lock, by which a run that goes on after a kill
// sees that they have ended.
type worker struct {
	Target
	stage *stage
}

// Connect opens a session that holds the lock.
func (w worker) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := w.Target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock_shared("+lockKey+")", "work "+w.stage.id); err != nil {
		closeSession(ctx, conn)
		return nil, fmt.Errorf("open a session of the migration: %w", err)
	}
	return conn, nil
}

// removeLeftovers drops the staging schemas of runs into the same schema that were killed. With the lock held, none of
// them can be alive.
func (s *stage) removeLeftovers(ctx context.Context, j *journal) error {
	rows, err := s.conn.Query(ctx, `
		SELECT nspname FROM pg_namespace
		WHERE starts_with(nspname, $1) AND nspname <> $2
			AND obj_description(oid, 'pg_namespace') = $3 AND pg_has_role(nspowner, 'USAGE')
		ORDER BY nspname`, stagePrefix, s.name, stageComment+s.into)
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

// create makes the staging schema with its quarantine and the marks of the load, unless it stands already.
func (s *stage) create(ctx context.Context) error {
	var there bool
	if err := s.conn.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, quoteName(s.name)).Scan(&there); err != nil {
		return fmt.Errorf("look for the staging schema: %w", err)
	}
	if there {
		return nil
	}
	schema := quoteName(s.name)
	statements := []string{
		"CREATE SCHEMA " + schema,
		"COMMENT ON SCHEMA " + schema + " IS " + literal(stageComment+s.into),
		createQuarantine(s.name), createQuarantineValues(s.name),
		createMarks(s.name),
	}
	if _, err := s.conn.Exec(ctx, strings.Join(statements, ";\n")); err != nil { // one message is one transaction
		return fmt.Errorf("create staging schema: %w", err)
	}
	return nil
}

// targetLost reports whether an error came of a target that went away or ran out of something: the same work can
// succeed when it is back.
func targetLost(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code[:2] {
		case "08", "53", "58": // connection, resources (a full disk), the system below PostgreSQL
			return true
		}
		return strings.HasPrefix(pgErr.Code, "57P") // shut down, crashed, starting
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) ||
		lakeward.KindOf(err) == lakeward.KindUnavailable
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
	return runAll(ctx, s.conn, statements...)
}

// runAll executes statements one after another.
func runAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	return nil
}

// explainStatement adds the statement that failed, and what PostgreSQL tells beside the message.
func explainStatement(sql string, err error) error {
	return fmt.Errorf("run %q: %w", firstLine(sql), withDetail(err))
}

// withDetail adds to an error of PostgreSQL what it says of the value or the object in question.
func withDetail(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Detail != "" {
		return fmt.Errorf("%w (%s)", err, firstLine(pgErr.Detail))
	}
	return err
}

// firstLine shortens s to its first line.
func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
