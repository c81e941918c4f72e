// Package pgtest gives tests a real PostgreSQL that looks like Lakebase: one server for each test binary, one database
// for each test.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestX(t *testing.T) {
//		t.Parallel()
//		dsn := pgtest.DB(t) // for pgx, and for psql
//	}
//
// The server starts with the first database that a test asks for and stops when the tests have run. It does not
// outlive a test binary that is killed.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// Owner is the role of the DSN that [DB] returns: it owns the database and may do what the owner of a Lakebase project
// may. It is no superuser.
const Owner = "owner@example.com"

const (
	folderPattern = "lakeward-pgtest-"
	dataFolder    = "data"
)

// server is the test binary's one PostgreSQL. A test's helper has nowhere else to find it than in its package.
var server struct {
	sync.Mutex
	inMain   bool
	folder   string
	lock     *os.File
	proc     *pgproc.Server
	err      error
	database int // number of the last one
}

// Main runs a package's tests and exits. It also fails the package when goroutines are left over.
func Main(m *testing.M) {
	server.inMain = true
	ofInit := goleak.IgnoreCurrent() // some dependencies start goroutines before main
	code := m.Run()
	if err := shutDown(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(ofInit); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// DB creates an empty database for the test, drops it at the test's end, and returns a DSN with which its [Owner] logs
// in.
func DB(t testing.TB) string {
	t.Helper()
	s, name := newDatabase(t)
	return dsn(s, Owner, name)
}

// Admin returns the DSN with which the real superuser logs in to the database of a DSN that [DB] returned.
func Admin(t testing.TB, db string) string {
	t.Helper()
	c, err := pgx.ParseConfig(db)
	if err != nil {
		t.Fatal(err)
	}
	server.Lock()
	defer server.Unlock()
	return dsn(server.proc, pgproc.Superuser, c.Database)
}

// Dir makes a folder for the test in which PostgreSQL can work. The user that PostgreSQL runs as when the tests run as
// root cannot enter those of t.TempDir.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := makeFolder("lakeward-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func dsn(s *pgproc.Server, user, database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.SocketDir()}, "user": {user}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

func newDatabase(t testing.TB) (*pgproc.Server, string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // the database must be dropped when the test's context is done
	server.Lock()
	s, err := running(ctx)
	server.database++
	name := fmt.Sprintf("test_%d", server.database)
	server.Unlock()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	create := fmt.Sprintf("CREATE DATABASE %s OWNER %q", name, Owner)
	if err := execute(ctx, s, "postgres", create); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(ctx, s, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s, name
}

// running returns the server, which it starts at its first call.
func running(ctx context.Context) (*pgproc.Server, error) {
	if !server.inMain {
		return nil, fmt.Errorf("call pgtest.Main from TestMain")
	}
	if server.proc == nil && server.err == nil {
		server.proc, server.err = start(ctx)
	}
	return server.proc, server.err
}

func start(ctx context.Context) (*pgproc.Server, error) {
	removeAbandoned(ctx)
	var err error
	if server.folder, err = makeFolder(folderPattern); err != nil {
		return nil, err
	}
	if server.lock, err = lockFolder(server.folder); err != nil {
		return nil, err
	}
	c := pgproc.Config{Dir: filepath.Join(server.folder, dataFolder), Temporary: true, Settings: map[string]string{
		"wal_level": "logical", "max_connections": "200", "shared_buffers": "64MB", "max_wal_size": "2GB",
		"jit": "off", // compiling a statement takes longer than to run it on a test's few rows
	}}
	if err := (pgproc.Template{Cache: templates(), Key: "pgtest", Make: pgproc.Init}).Fill(ctx, c); err != nil {
		return nil, err
	}
	s, err := pgproc.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	return s, execute(ctx, s, "template1", roles...)
}

// templates is where all test binaries of a user find an empty data folder: initdb takes longer than most packages' tests.
func templates() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "lakeward", "templates")
}

// roles make the rights of the owner those of the owner of a Lakebase project. Package endpoint has the whole of what
// the inside of Lakebase looks like; here is what the rights depend on.
var roles = []string{
	"CREATE ROLE databricks_superuser NOLOGIN CREATEDB CREATEROLE BYPASSRLS",
	"GRANT pg_read_all_data, pg_write_all_data, pg_monitor TO databricks_superuser",
	"GRANT ALL ON SCHEMA public TO databricks_superuser WITH GRANT OPTION",
	fmt.Sprintf("CREATE ROLE %q LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION IN ROLE databricks_superuser", Owner),
}

func shutDown() error {
	server.Lock()
	defer server.Unlock()
	if server.proc != nil {
		if err := server.proc.Stop(context.Background()); err != nil {
			return err
		}
	}
	if server.lock != nil {
		server.lock.Close()
	}
	if server.folder == "" {
		return nil
	}
	return os.RemoveAll(server.folder)
}

func execute(ctx context.Context, s *pgproc.Server, database string, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := s.ConnConfig(database)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// makeFolder makes a temporary folder that everybody may enter.
func makeFolder(pattern string) (string, error) {
	dir, err := os.MkdirTemp(parent(), pattern)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// parent avoids a long TMPDIR: the path of a socket must fit into 107 bytes, and a DSN cannot go round that.
func parent() string {
	const longest = 60
	if dir := os.TempDir(); len(dir) <= longest {
		return dir
	}
	return "/tmp"
}

// lockFolder marks a folder as used by this process for as long as it lives.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// removeAbandoned removes the folders of test binaries that were killed. A folder without a lock file is just being
// made.
func removeAbandoned(ctx context.Context) {
	dirs, _ := filepath.Glob(filepath.Join(parent(), folderPattern+"*"))
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
			continue
		}
		if f, err := lockFolder(dir); err == nil {
			_ = pgproc.Remove(ctx, filepath.Join(dir, dataFolder)) // another test binary may be at it too
			_ = os.RemoveAll(dir)
			f.Close()
		}
	}
}
