package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// sqliteMagic begins every SQLite database.
const sqliteMagic = "SQLite format 3\x00"

// withSource runs fn over a connection to the SQLite database at path. A database in WAL mode that nobody has open is
// read as an immutable file, because SQLite would otherwise leave an empty -wal and a -shm file beside it; if somebody
// has begun to write in the meantime, fn runs once more over an ordinary connection.
func withSource(ctx context.Context, path string, fn func(*sqlite.Conn) error) error {
	if err := checkFile(path); err != nil {
		return err
	}
	before, err := lookAt(path)
	if err != nil {
		return err
	}
	if before.wal && before.quiet {
		conn, err := openQuiet(ctx, path)
		if err != nil {
			return err
		}
		err = errors.Join(fn(conn), conn.Close())
		if after, lookErr := lookAt(path); lookErr != nil || after == before || ctx.Err() != nil {
			return errors.Join(err, lookErr)
		}
	}
	conn, err := openSource(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close())
}

// openSource opens the SQLite database at path for reading and makes sure that it is one. Nothing is written to the
// file; SQLite itself may create a -wal and a -shm file beside a database in WAL mode, without which it cannot see what
// the application has written last.
func openSource(ctx context.Context, path string) (*sqlite.Conn, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	conn, err := sqlite.OpenConn(sourceURI(path, false), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return nil, explainRead(ctx, path, err)
	}
	conn.SetInterrupt(ctx.Done())
	if _, err = pragmaInt(conn, "SELECT count(*) FROM sqlite_schema"); err == nil {
		err = registerCollations(ctx, conn)
	}
	if err == nil {
		conn.SetInterrupt(nil)
		return conn, nil
	}
	_ = conn.Close() // it was only read, and the first error is the one that counts
	if code := sqlite.ErrCode(err).ToPrimary(); code == sqlite.ResultCantOpen || code == sqlite.ResultReadOnly {
		// A WAL database in a folder where this user may not create files. Closed by its last user, it is complete.
		if look, lookErr := lookAt(path); lookErr == nil && look.quiet {
			return openQuiet(ctx, path)
		}
	}
	return nil, explainRead(ctx, path, err)
}

// openQuiet opens a database that nobody has open, without locks and without files beside it.
func openQuiet(ctx context.Context, path string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(sourceURI(path, true), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return nil, explainRead(ctx, path, err)
	}
	if err := registerCollations(ctx, conn); err != nil {
		_ = conn.Close() // it was only read, and the first error is the one that counts
		return nil, explainRead(ctx, path, err)
	}
	return conn, nil
}

// look is what shows from outside whether a database was written to.
type look struct {
	size     int64
	modified time.Time
	counter  [4]byte // the file's change counter
	wal      bool    // it is in WAL mode
	quiet    bool    // no write-ahead log and no rollback journal hold anything
}

func lookAt(path string) (look, error) {
	info, err := os.Stat(path)
	if err != nil {
		return look{}, explainOpen(path, err)
	}
	head, err := readHead(path)
	if err != nil {
		return look{}, explainOpen(path, err)
	}
	l := look{size: info.Size(), modified: info.ModTime(), quiet: true}
	if len(head) >= 100 {
		l.wal = head[18] == 2
		copy(l.counter[:], head[24:])
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		info, err := os.Stat(beside(path, suffix))
		l.quiet = l.quiet && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0)
	}
	return l, nil
}

// beside returns the path of a file that SQLite keeps beside a database: beside the file itself, not beside a link to it.
func beside(path, suffix string) string {
	if file, err := filepath.EvalSymlinks(path); err == nil { // what cannot be followed cannot be opened either
		path = file
	}
	return path + suffix
}

func sourceURI(path string, immutable bool) string {
	query := "mode=ro"
	if immutable {
		query += "&immutable=1"
	}
	if absolute, err := filepath.Abs(path); err == nil { // it fails only where the working folder is gone
		path = absolute
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query}
	return uri.String()
}

// checkFile looks at the file itself, so that what is no SQLite database is refused by its name.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return lakeward.Errorf(lakeward.KindNotFound, "check the path of the SQLite database", "no such file: %s", path)
	case err != nil:
		return explainOpen(path, err)
	case info.IsDir():
		return lakeward.Errorf(lakeward.KindInvalid, "name the SQLite database in it", "%s is a folder", path)
	case !info.Mode().IsRegular():
		return lakeward.Errorf(lakeward.KindInvalid, "name a SQLite database", "%s is not a file", path)
	case info.Size() == 0:
		return lakeward.Errorf(lakeward.KindInvalid, "check the path: the application may have its database elsewhere",
			"%s is empty", path)
	}
	head, err := readHead(path)
	if err != nil {
		return explainOpen(path, err)
	}
	if bytes.HasPrefix(head, []byte(sqliteMagic)) {
		return nil
	}
	if looksEncrypted(head, info.Size()) {
		return lakeward.Errorf(lakeward.KindInvalid, "decrypt it first, for SQLCipher with sqlcipher_export()",
			"%s is not a SQLite database, or it is encrypted", path)
	}
	return lakeward.Errorf(lakeward.KindInvalid, "name a SQLite 3 database", "%s is not a SQLite database", path)
}

func explainOpen(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return lakeward.Errorf(lakeward.KindDenied, "run as a user who may read it", "may not read %s", path)
	}
	return fmt.Errorf("open the source: %w", err)
}

func readHead(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return head[:n], nil
}

// looksEncrypted guesses: whole pages, and bytes that are neither text nor mostly zeros.
func looksEncrypted(head []byte, size int64) bool {
	return size%512 == 0 && len(head) == 512 && !utf8.Valid(head) && bytes.Count(head, []byte{0}) < 32
}

// explainRead turns what SQLite says about a source into one line and a hint.
func explainRead(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	code := sqlite.ErrCode(err)
	if code == sqlite.ResultReadOnlyRollback {
		return lakeward.Errorf(lakeward.KindInvalid,
			"start its application once, or run: sqlite3 FILE 'SELECT count(*) FROM sqlite_schema'; either takes the transaction back",
			"%s was left in the middle of a transaction, which its -journal file has to take back", path)
	}
	kind, hint, what := lakeward.KindInternal, "", ""
	switch code.ToPrimary() {
	case sqlite.ResultCorrupt:
		kind, what = lakeward.KindInvalid, path+" is corrupt"
		hint = "save what can be saved with: sqlite3 FILE .recover | sqlite3 NEW; then migrate the new file"
	case sqlite.ResultNotADB:
		kind, what = lakeward.KindInvalid, path+" is not a SQLite database, or it is encrypted"
		hint = "decrypt it first, for SQLCipher with sqlcipher_export()"
	case sqlite.ResultBusy, sqlite.ResultLocked:
		kind, what = lakeward.KindUnavailable, path+" is locked by its application"
		hint = "try again, or stop the application for the time of the migration"
	case sqlite.ResultCantOpen, sqlite.ResultReadOnly:
		kind, what = lakeward.KindDenied, "cannot open "+path+" with its -wal or -journal file"
		hint = "run as a user who may write to its folder, or migrate a copy of the file and the files beside it"
	}
	if what == "" {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return &lakeward.Error{Kind: kind, Hint: hint, Message: what, Err: code.ToError()} // without the statement
}

// checkIntegrity has SQLite look through every page. Rows that break a constraint are no damage: they are counted where
// the constraint is planned. A schema that needs functions or collations of its application cannot be checked so; the
// scan of every row finds a broken file then.
func checkIntegrity(ctx context.Context, conn *sqlite.Conn, path string) error {
	err := readRows(ctx, conn, "PRAGMA main.quick_check(1000000)", func(row []value) error {
		for problem := range strings.Lines(string(row[0].b)) {
			problem = strings.TrimSpace(problem)
			if problem == "ok" || brokenConstraint(problem) || strings.HasPrefix(problem, "***") {
				continue
			}
			return lakeward.Errorf(lakeward.KindInvalid,
				"save what can be saved with: sqlite3 FILE .recover | sqlite3 NEW; then migrate the new file",
				"%s is corrupt: %s", path, problem)
		}
		return nil
	})
	if sqlite.ErrCode(err) == sqlite.ResultError && lakeward.KindOf(err) == lakeward.KindInternal && ctx.Err() == nil {
		return nil
	}
	return err
}

func brokenConstraint(problem string) bool {
	for _, prefix := range []string{"NULL value in ", "CHECK constraint failed in ", "NUMERIC value in ", "TEXT value in "} {
		if strings.HasPrefix(problem, prefix) {
			return true
		}
	}
	return strings.HasPrefix(problem, "non-") && strings.Contains(problem, " value in ") // of a STRICT table
}

// exec runs one statement that returns nothing.
func exec(conn *sqlite.Conn, statement string) error {
	stmt, _, err := conn.PrepareTransient(statement)
	if err != nil {
		return fmt.Errorf("prepare %q: %w", statement, err)
	}
	_, err = stmt.Step()
	if err = errors.Join(err, stmt.Finalize()); err != nil {
		return fmt.Errorf("run %q: %w", statement, err)
	}
	return nil
}

// pragmaInt returns the one number that a pragma or query yields.
func pragmaInt(conn *sqlite.Conn, query string) (int64, error) {
	stmt, _, err := conn.PrepareTransient(query)
	if err != nil {
		return 0, fmt.Errorf("prepare %q: %w", query, err)
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	if _, err := stmt.Step(); err != nil {
		return 0, fmt.Errorf("run %q: %w", query, err)
	}
	return stmt.ColumnInt64(0), nil
}
