package store

import (
	"cmp"
	"context"
	"crypto/cipher"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver of a store in a file

	"github.com/lakeward/lakeward"
)

// Schema is where the tables of a store in PostgreSQL are: out of the way of the application's.
const Schema = "lakeward_server"

// maxConns bounds the connections to a store in PostgreSQL. Those that hold a claim come on top.
const maxConns = 10

// Options say where the store is. Exactly one of Path, DSN and Config is set.
type Options struct {
	Path string // a SQLite file, which is made when it is not there
	DSN  string // a PostgreSQL

	// Config is a PostgreSQL whose password changes: the method of that name of a [lakeward.Connector].
	Config func(context.Context) (*pgx.ConnConfig, error)

	// Key is what secrets are encrypted with, 32 bytes. Without one it is read from KeyFile, which is made when it is
	// not there; next to a SQLite file that is Path with ".key".
	Key     []byte
	KeyFile string

	Log *slog.Logger // what goes wrong outside of a call; nil means slog.Default
}

// Store is an open store. It is safe for concurrent use.
type Store struct {
	name   string // for messages; without a password
	db     *sql.DB
	pool   *pgxpool.Pool // nil when the store is a SQLite file
	path   string        // empty when the store is a PostgreSQL
	sealer cipher.AEAD
	key    []byte
	log    *slog.Logger
}

// Open opens the store and brings its tables up to date. It refuses one that a newer lakeward has written, and one
// whose secrets the key does not open.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	s := &Store{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	switch {
	case o.Path != "" && o.DSN == "" && o.Config == nil:
		err = s.openFile(o.Path)
		o.KeyFile = cmp.Or(o.KeyFile, o.Path+".key")
	case o.Path == "" && (o.DSN == "") != (o.Config == nil):
		err = s.openServer(ctx, o)
	default:
		err = lakeward.Errorf(lakeward.KindInvalid, "name a file, or a PostgreSQL", "a store is in one place")
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.Alone(ctx, s.migrate); err != nil {
		return nil, err
	}
	return s, s.openSealer(ctx, o)
}

func (s *Store) openFile(path string) error {
	s.name, s.path = path, path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return lakeward.Errorf(lakeward.KindUnavailable, "choose a folder that can be written",
			"make the folder of store %s: %w", path, err)
	}
	// A transaction takes the write lock at its start: one that took it later could not wait for it.
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"},
	}.Encode()}
	var err error
	if s.db, err = sql.Open("sqlite", u.String()); err != nil {
		return s.explain(err, "open")
	}
	s.db.SetMaxOpenConns(1) // SQLite has one writer; readers that wait here need no busy handler
	return nil
}

func (s *Store) openServer(ctx context.Context, o Options) error {
	if o.DSN != "" {
		o.Config = func(context.Context) (*pgx.ConnConfig, error) {
			c, err := pgx.ParseConfig(o.DSN)
			if err != nil { // pgx leaves the password out of its message
				err = lakeward.Errorf(lakeward.KindInvalid, "write it as postgres://user@host/database", "read the store's address: %w", err)
			}
			return c, err
		}
	}
	conn, err := o.Config(ctx)
	if err != nil {
		return err
	}
	conn.RuntimeParams["search_path"] = Schema
	s.name = conn.Database + " on " + conn.Host
	c, err := pgxpool.ParseConfig("user=lakeward sslrootcert=''") // for the pool's defaults: conn takes the place of the rest
	if err != nil {
		return s.explain(err, "open")
	}
	c.ConnConfig, c.MaxConns = conn, maxConns
	if s.pool, err = pgxpool.NewWithConfig(ctx, c); err != nil {
		return s.explain(err, "open")
	}
	s.db = stdlib.OpenDBFromPool(s.pool)
	return nil
}

// Close closes the store.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	return err
}

// Name says where the store is, without a password.
func (s *Store) Name() string { return s.name }

// SQLite returns the database of a store in a file, for the queue that is kept beside the tables; nil for a PostgreSQL.
func (s *Store) SQLite() *sql.DB {
	if s.pool != nil {
		return nil
	}
	return s.db
}

// Postgres returns the database of a store in PostgreSQL, for the queue; nil for a file.
func (s *Store) Postgres() *pgxpool.Pool { return s.pool }

// Check makes sure that the store answers and can be written.
func (s *Store) Check(ctx context.Context) error {
	return s.write(ctx, "check", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE meta SET value = value WHERE name = 'key'`)
		return err
	})
}

//go:embed migrations
var migrations embed.FS

// migrate brings the tables up to date.
func (s *Store) migrate(ctx context.Context) error {
	if s.pool != nil {
		if _, err := s.db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+Schema); err != nil {
			return s.explain(err, "make schema %s", Schema)
		}
	}
	files, dialect, err := s.migrations()
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, s.db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return s.explain(err, "read migrations")
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return s.explain(err, "read the version")
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; have > newest {
		return lakeward.Errorf(lakeward.KindConflict, "run the newer lakeward, or name another store",
			"store %s has version %d, written by a newer lakeward; this one knows %d", s.name, have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return s.explain(err, "bring the tables up to date")
	}
	return nil
}

// migrations returns the migrations in the words of the store's database. They differ in how a column counts by itself.
func (s *Store) migrations() (fs.FS, goose.Dialect, error) {
	dialect, counter := goose.DialectSQLite3, "INTEGER PRIMARY KEY AUTOINCREMENT"
	if s.pool != nil {
		dialect, counter = goose.DialectPostgres, "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	}
	files := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, "", err
		}
		files[filepath.Base(name)] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), "{counter}", counter))}
	}
	return files, dialect, nil
}

// write runs a transaction.
func (s *Store) write(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(err, "%s", what)
	}
	if err := do(tx); err != nil {
		return errors.Join(s.explain(err, "%s", what), rollback(tx))
	}
	return s.explain(tx.Commit(), "%s", what)
}

// rollback takes back what a transaction has done; one that its context has ended is taken back already.
func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// explain says what could not be done to the store. Errors that say it themselves pass through.
func (s *Store) explain(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*lakeward.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	kind, hint := lakeward.KindUnavailable, "check that the store can be reached and written"
	return lakeward.Errorf(kind, hint, "store %s: %w", s.name, wrap(err, format, args))
}

// stamp is a time as the store keeps it: microseconds, which both databases hold exactly.
func stamp(t time.Time) int64 { return t.UnixMicro() }

func unstamp(n int64) time.Time { return time.UnixMicro(n).UTC() }

func unstampNull(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := unstamp(n.Int64)
	return &t
}
