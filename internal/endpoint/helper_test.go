package endpoint_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgtest"
)

const (
	ownerName = "jane.doe@example.com"
	token     = "a good token"
	hostName  = "ep-test.lakeward.localhost"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		beChild(dir)
	}
	if dir := os.Getenv(teamVariable); dir != "" {
		beTeam(dir)
	}
	pgtest.Main(m)
}

// templates is shared with everything else that this user tests.
var templates = func() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "lakeward", "templates")
}()

// stand is a folder with a certificate authority and the endpoints that a test starts in it.
type stand struct {
	t   *testing.T
	dir string
	ca  *endpoint.CA
}

func newStand(t *testing.T) *stand {
	t.Helper()
	dir := pgtest.Dir(t)
	ca, err := endpoint.LoadCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &stand{t: t, dir: dir, ca: ca}
}

func verify(_ context.Context, _, password string) error {
	if password != token {
		return errors.New("not a good token")
	}
	return nil
}

func serverTLS(ca *endpoint.CA) (*tls.Config, error) {
	return ca.ServerConfig([]string{hostName}, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
}

func options(dir string, conf *tls.Config) endpoint.Options {
	return endpoint.Options{
		Dir:            filepath.Join(dir, "pg", "shop", "production"),
		Listen:         netip.MustParseAddrPort("127.0.0.1:0"),
		TLS:            conf,
		Owner:          endpoint.Role{Name: ownerName, Identity: "USER"},
		Templates:      templates,
		MaxConnections: 30,
		Settings:       map[string]string{"fsync": "off", "shared_buffers": "16MB"},
		Verify:         verify,
	}
}

func (s *stand) options() endpoint.Options {
	s.t.Helper()
	conf, err := serverTLS(s.ca)
	if err != nil {
		s.t.Fatal(err)
	}
	o := options(s.dir, conf)
	o.Log = slog.New(slog.NewTextHandler(s.t.Output(), nil))
	return o
}

func (s *stand) start(o endpoint.Options) *endpoint.Endpoint {
	s.t.Helper()
	e, err := endpoint.Start(s.t.Context(), o)
	if err != nil {
		s.t.Fatalf("%v (%s)", err, lakeward.HintOf(err))
	}
	s.t.Cleanup(func() {
		if err := e.Stop(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	})
	return e
}

func (s *stand) dsn(e *endpoint.Endpoint, user, password, database string) string {
	return s.dsnAt(e.Addr(), user, password, database)
}

func (s *stand) dsnAt(a netip.AddrPort, user, password, database string) string {
	return fmt.Sprintf("host=%s port=%d user='%s' password='%s' dbname='%s' sslmode=verify-full sslrootcert='%s'",
		a.Addr(), a.Port(), user, password, database, s.ca.Path())
}

func (s *stand) connect(e *endpoint.Endpoint, user, database string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.dsn(e, user, token, database))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close(context.WithoutCancel(s.t.Context())) })
	return conn
}

func (s *stand) owner(e *endpoint.Endpoint) *pgx.Conn {
	s.t.Helper()
	return s.connect(e, ownerName, lakeward.DefaultDatabase)
}

// login returns the SQLSTATE with which a login is refused, and "" when it succeeds.
func (s *stand) login(e *endpoint.Endpoint, user, password string) string {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.dsn(e, user, password, lakeward.DefaultDatabase))
	if err == nil {
		conn.Close(s.t.Context())
	}
	return sqlState(err)
}

func psql(t *testing.T, dsn, sql string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "psql", dsn, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", sql)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustExec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// sqlState returns the SQLSTATE of an error of PostgreSQL, "" for none, and the text of any other error.
func sqlState(err error) string {
	if err == nil {
		return ""
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return err.Error()
}
