package migrate

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// isPostgres tells the address of a PostgreSQL server from the name of a file.
func isPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")
}

// oldestSource is the oldest major version of PostgreSQL that a migration can come from.
const oldestSource = 12

// pgSourceSettings make a session of the source one that reads only, waits for as long as the migration takes, and
// writes values so that every PostgreSQL reads back the same. A row that a policy would hide is an error.
const pgSourceSettings = `
	SET default_transaction_read_only = on;
	SET statement_timeout = 0;
	SET lock_timeout = 0;
	SET idle_in_transaction_session_timeout = 0;
	SET client_min_messages = warning;
	SET client_encoding = 'UTF8';
	SET row_security = off;
	SET TimeZone = 'UTC';
	SET DateStyle = 'ISO, YMD';
	SET IntervalStyle = 'postgres';
	SET bytea_output = 'hex';
	SET extra_float_digits = 3;
	SET lc_monetary = 'C';
	SET search_path = pg_catalog;
	DO $$ BEGIN SET idle_session_timeout = 0; EXCEPTION WHEN OTHERS THEN NULL; END $$;
	DO $$ BEGIN SET transaction_timeout = 0; EXCEPTION WHEN OTHERS THEN NULL; END $$;
	DO $$ BEGIN SET client_connection_check_interval = '5s'; EXCEPTION WHEN OTHERS THEN NULL; END $$`

// pgSession opens a session of the source.
func pgSession(ctx context.Context, source Target) (*pgx.Conn, error) {
	conn, err := source.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the source: %w", err)
	}
	if _, err := conn.Exec(ctx, pgSourceSettings); err != nil {
		closeSession(ctx, conn)
		return nil, fmt.Errorf("set up a session on the source: %w", err)
	}
	return conn, nil
}

// pgSnapshot is the moment of the source that a migration moves. It lasts as long as its session, which only waits;
// every reader and pg_dump see the source through it.
type pgSnapshot struct {
	source Target
	conn   *pgx.Conn
	id     string // as pg_export_snapshot names it
	xmin   int64  // every transaction before it is visible or rolled back

	info     SourceInfo
	major    int
	database string
	user     string
	owner    string // of the database
	key      string // tells this database from every other one
}

// takePgSnapshot opens the source and holds it as of now.
func takePgSnapshot(ctx context.Context, source Target) (_ *pgSnapshot, err error) {
	s := &pgSnapshot{source: source}
	if s.conn, err = pgSession(ctx, source); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close(ctx)
		}
	}()
	if err := s.describe(ctx); err != nil {
		return nil, err
	}
	if _, err := s.conn.Exec(ctx, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return nil, fmt.Errorf("take a snapshot of the source: %w", err)
	}
	if err := s.conn.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&s.id); err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnsupported, "migrate from the primary server",
			"the source cannot share a snapshot: %w", err)
	}
	err = s.conn.QueryRow(ctx, "SELECT txid_snapshot_xmin(txid_current_snapshot())").Scan(&s.xmin)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot of the source: %w", err)
	}
	return s, nil
}

// describe reads what identifies the source.
func (s *pgSnapshot) describe(ctx context.Context) error {
	var version, host string
	err := s.conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num'), current_setting('server_encoding'), current_database(), current_user,
			pg_database_size(current_database()), pg_get_userbyid(datdba)
		FROM pg_database WHERE datname = current_database()`).
		Scan(&version, &s.info.Encoding, &s.database, &s.user, &s.info.Bytes, &s.owner)
	if err != nil {
		return fmt.Errorf("inspect the source: %w", err)
	}
	number, err := strconv.Atoi(version)
	if err != nil {
		return fmt.Errorf("read the source's version %q: %w", version, err)
	}
	if s.major = number / 10000; s.major < oldestSource {
		return lakeward.Errorf(lakeward.KindUnsupported, fmt.Sprintf("upgrade it to PostgreSQL %d or newer first", oldestSource),
			"the source runs PostgreSQL %s", s.conn.PgConn().ParameterStatus("server_version"))
	}
	config := s.conn.Config()
	host = fmt.Sprintf("%s:%d", config.Host, config.Port)
	s.info.Kind, s.info.Path = "postgresql", pgAddress(config)
	s.info.Server = s.conn.PgConn().ParameterStatus("server_version")
	var system string
	if err := s.conn.QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&system); err == nil {
		host = system // where a role may not ask for it, the address has to do
	}
	s.key = host + "/" + s.database
	return nil
}

// pgAddress is the address of a database without anything secret.
func pgAddress(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") {
		return fmt.Sprintf("postgres:///%s?host=%s", config.Database, config.Host)
	}
	return fmt.Sprintf("postgres://%s:%d/%s", config.Host, config.Port, config.Database)
}

// base is what a source is called in a sentence: its file, or its database.
func (s SourceInfo) base() string {
	path, _, _ := strings.Cut(s.Path, "?host=") // of a socket
	return filepath.Base(path)
}

// Connect opens a session that sees the snapshot.
func (s *pgSnapshot) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgSession(ctx, s.source)
	if err != nil {
		return nil, err
	}
	begin := "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + literal(s.id)
	if _, err := conn.Exec(ctx, begin); err != nil {
		closeSession(ctx, conn)
		if sqlState(err) != "" { // it ends with the session that holds it
			return nil, lakeward.Errorf(lakeward.KindUnavailable, "run the same command again",
				"the snapshot of the source is gone: %s", pgMessage(err))
		}
		return nil, fmt.Errorf("join the snapshot of the source: %w", err)
	}
	return conn, nil
}

// close lets the source go.
func (s *pgSnapshot) close(ctx context.Context) { closeSession(ctx, s.conn) }
