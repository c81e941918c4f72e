package migrate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// Target is where a migration goes. A [lakeward.Connector] is one for a Lakebase instance, [DSN] for any PostgreSQL.
// Connect is called from several goroutines at once; the caller closes what it returns.
type Target interface {
	Connect(ctx context.Context) (*pgx.Conn, error)
}

var _ Target = (*lakeward.Connector)(nil)

// DSN is a postgres:// URL, or a keyword/value string, as a Target. Variables such as PGPASSWORD and PGSSLMODE fill in
// what it leaves out.
type DSN string

// Connect opens a session. Its errors name host, database and user, and never the password.
func (d DSN) Connect(ctx context.Context) (*pgx.Conn, error) {
	return d.connect(ctx, func(*pgx.ConnConfig) {})
}

// connect is Connect, with the configuration as adapt leaves it.
func (d DSN) connect(ctx context.Context, adapt func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(string(d))
	if err != nil { // pgx has taken the password out of it
		return nil, lakeward.Errorf(lakeward.KindInvalid, "write it as postgres://USER:PASSWORD@HOST:5432/DATABASE",
			"read the target's address: %w", err)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "lakeward"
	}
	adapt(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, explainConnect(ctx, config, err)
	}
	return conn, nil
}

// explainConnect turns a failure to connect into one line and a hint.
func explainConnect(ctx context.Context, config *pgx.ConnConfig, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	where := net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	if strings.HasPrefix(config.Host, "/") {
		where = config.Host
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return lakeward.Errorf(lakeward.KindUnavailable, "check that PostgreSQL runs there and that the address is right",
			"reach PostgreSQL at %s: %w", where, innermost(err))
	}
	kind, hint := lakeward.KindInternal, ""
	switch pgErr.Code {
	case "28P01", "28000":
		kind, hint = lakeward.KindUnauthenticated, "check the user and the password (PGPASSWORD or the address)"
	case "3D000":
		kind, hint = lakeward.KindNotFound, "create it first, or name another database in the address"
	case "42501":
		kind = lakeward.KindDenied
		hint = "ask the owner for: GRANT CONNECT ON DATABASE " + quoteName(config.Database) + " TO " + quoteName(config.User)
	case "57P03", "53300":
		kind, hint = lakeward.KindUnavailable, "wait a moment and try again"
	}
	return lakeward.Errorf(kind, hint, "log in to %s at %s as %s: %s", config.Database, where, config.User, pgErr.Message)
}

// innermost returns the cause at the bottom of a chain of wrapped errors. The chain of pgx repeats host, user and
// database at each level, once for each address that it tried.
func innermost(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // it takes the chain apart, link by link
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return err
			}
			err = all[len(all)-1]
		case interface{ Unwrap() error }:
			if opErr, ok := err.(*net.OpError); ok { //nolint:errorlint // as above; "dial tcp 127.0.0.1:5432: connect: connection refused"
				return opErr.Err
			}
			inner := e.Unwrap()
			if inner == nil {
				return err
			}
			err = inner
		default:
			return err
		}
	}
}

// session opens a connection of the target for long work: no time limit of the role or database ends it, and the
// server drops its work soon after this process is gone. Commits need not wait for the disk: nothing counts before
// the swap, which waits.
func session(ctx context.Context, target Target) (*pgx.Conn, error) {
	conn, err := target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(conn.PgConn().ParameterStatus("server_version")); err != nil {
		closeSession(ctx, conn)
		return nil, err
	}
	if _, err = conn.Exec(ctx, sessionSettings); err != nil {
		closeSession(ctx, conn)
		return nil, fmt.Errorf("set up a session on the target: %w", err)
	}
	return conn, nil
}

// sessionSettings are all within what a plain role may set. Foreign keys are validated several times as fast over the
// indexes alone, which the planner takes only where it believes that pages in any order cost little more than in
// theirs. Compiling the few large statements there are costs more than it saves. Not every platform can check for a
// lost client, nor compress with LZ4, which takes a fraction of the time of PostgreSQL's own way.
const sessionSettings = `
	SET statement_timeout = 0;
	SET idle_in_transaction_session_timeout = 0;
	SET idle_session_timeout = 0;
	SET client_min_messages = warning;
	SET synchronous_commit = off;
	SET maintenance_work_mem = '128MB';
	SET random_page_cost = 1.1;
	SET jit = off;
	SET TimeZone = 'UTC';
	SET DateStyle = 'ISO, YMD';
	SET bytea_output = 'hex';
	SET extra_float_digits = 1;
	SET search_path = pg_catalog;
	DO $$ BEGIN SET client_connection_check_interval = '5s'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
	DO $$ BEGIN SET default_toast_compression = 'lz4'; EXCEPTION WHEN OTHERS THEN NULL; END $$`

// closeTimeout bounds how long a session may take to say goodbye.
const closeTimeout = 10 * time.Second

// closeSession closes conn, also after ctx is done, and waits until a statement that was interrupted has been cancelled
// on the server.
func closeSession(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // nothing is left to be done about it
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// oldestServer is the oldest major version of PostgreSQL that a migration can go to.
const oldestServer = 14

// checkVersion refuses servers that are too old. Versions look like 15.18 (Debian 15.18-0+deb12u1) or 19beta1.
func checkVersion(version string) error {
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return fmt.Errorf("read the target's version %q: %w", version, err)
	}
	if major < oldestServer {
		return lakeward.Errorf(lakeward.KindUnsupported, fmt.Sprintf("use PostgreSQL %d or newer", oldestServer),
			"the target runs PostgreSQL %s", version)
	}
	return nil
}

// literal returns s as an SQL string constant, whatever standard_conforming_strings says.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
