package lakeward

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Config returns a configuration for pgx that logs in to the instance, for programs that need more control than
// [Connector.Connect] and [Connector.Pool] give. It may be kept: it holds no token but gets one for each login, and
// repeats a refused login once. Its hooks LookupFunc, DialFunc, AfterNetConnect, OnPgError and AfterConnect are in use:
// whoever replaces one calls the old one from it.
func (c *Connector) Config(ctx context.Context) (*pgx.ConnConfig, error) {
	s, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := c.parse(s.instance)
	if err != nil {
		return nil, err
	}
	c.explainDialling(cfg)
	l := &login{rotator: s.rotator, onError: cfg.OnPgError}
	cfg.AfterNetConnect = l.first
	cfg.LookupFunc = twice(cfg.LookupFunc)
	if c.opt.Schema != "" || len(c.opt.Settings) > 0 {
		cfg.AfterConnect = c.set
	}
	if c.opt.Pooled {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // a prepared statement stays with one of the sessions
	}
	cfg.Tracer = c.opt.Tracer
	return cfg, nil
}

// parse makes the configuration that needs no credential.
func (c *Connector) parse(i Instance) (*pgx.ConnConfig, error) {
	host, err := c.host(i)
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(cmp.Or(c.opt.Port, i.Port, DefaultPort))
	if env := os.Getenv("PGPORT"); env != "" && c.opt.Port == 0 {
		port = env
	}
	query := url.Values{"application_name": {cmp.Or(c.opt.ApplicationName, os.Getenv("PGAPPNAME"), "lakeward")}}
	if err := c.setTLS(query); err != nil {
		return nil, err
	}
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.User("lakeward"), // or pgx asks the operating system for one
		Host:     net.JoinHostPort(host, port),
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20"), // pgx takes a plus for a plus
	}
	cfg, err := pgx.ParseConfig(dsn.String())
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the DSN, which says nothing new
		}
		return nil, Errorf(KindInvalid, "check the options and the PG… variables of the environment",
			"configure connection to %s: %w", c.name, err)
	}
	cfg.User, cfg.Password = "", "" // PGPASSWORD and ~/.pgpass are about other servers
	cfg.Database = cmp.Or(c.opt.Database, os.Getenv("PGDATABASE"), i.Database, DefaultDatabase)
	if cfg.ConnectTimeout == 0 || c.opt.ConnectTimeout != 0 {
		cfg.ConnectTimeout = cmp.Or(c.opt.ConnectTimeout, 30*time.Second)
	}
	return cfg, nil
}

// setTLS says how the server's certificate is verified, in the words of libpq.
func (c *Connector) setTLS(query url.Values) error {
	mode := cmp.Or(c.opt.SSLMode, os.Getenv("PGSSLMODE"), "verify-full")
	if !slices.Contains([]string{"verify-full", "verify-ca", "require"}, mode) {
		return Errorf(KindInvalid, "use verify-full (the default), verify-ca or require",
			"sslmode %s would let the token travel in plaintext", mode)
	}
	roots := cmp.Or(c.opt.RootCAs, os.Getenv("PGSSLROOTCERT"))
	if roots == "" && mode != "require" {
		roots = "system" // not ~/.postgresql/root.crt, which is about other servers
	}
	query.Set("sslmode", mode)
	query.Set("sslrootcert", roots)
	return nil
}

// set runs after each login and makes the session's settings. Startup options would do on the instance itself, but
// connection poolers refuse those.
func (c *Connector) set(ctx context.Context, conn *pgconn.PgConn) error {
	settings := maps.Clone(c.opt.Settings)
	if c.opt.Schema != "" {
		path := pgx.Identifier{c.opt.Schema}.Sanitize()
		if c.opt.Schema != "public" {
			path += ", public" // where the types of extensions live
		}
		if settings == nil {
			settings = map[string]string{}
		}
		settings["search_path"] = path
	}
	const query = "SELECT pg_catalog.set_config($1, $2, false)"
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		_, err := conn.ExecParams(ctx, query, [][]byte{[]byte(name), []byte(settings[name])}, nil, nil, nil).Close()
		if err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// prepare gives a pool the configuration for its next connection: the instance may have another host by then.
func (c *Connector) prepare(ctx context.Context, cfg *pgx.ConnConfig) error {
	fresh, err := c.Config(ctx)
	if err != nil {
		return err
	}
	*cfg = *fresh
	return nil
}

// login puts a credential into each login, and repeats it once with a newly minted one when PostgreSQL refuses it.
//
// pgx has no hook that tries again with another password, and pgxpool passes none on, but it has what is needed to
// build one. It works on a copy of the configuration for each connection, and:
//
//   - asks AfterNetConnect for the connection, over TLS by then, before it reads user and password: the credential is
//     put in there;
//   - tries the addresses of a host in turn: the lookup lists each address twice;
//   - stops at 28P01, the refused password: OnPgError reports the first refusal as 28000, of the same class.
//
// Both attempts share one connect timeout, and the result works wherever pgx takes a configuration.
type login struct {
	rotator *Rotator
	onError pgconn.PgErrorHandler // pgx's own
}

const (
	codeInvalidPassword      = "28P01"
	codeInvalidAuthorization = "28000"
)

// first is the AfterNetConnect of the first attempt.
func (l *login) first(ctx context.Context, cfg *pgconn.Config, conn net.Conn) (net.Conn, error) {
	credential, err := l.attempt(ctx, cfg, conn, l.rotator.Credential)
	if err != nil {
		return conn, err
	}
	cfg.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if conn.PID() == 0 && e.Code == codeInvalidPassword { // no process yet: this is the login
			e.Code = codeInvalidAuthorization
			cfg.AfterNetConnect = l.again(credential)
		}
		return l.onError(conn, e)
	}
	return conn, nil
}

// again returns the AfterNetConnect of the attempt after PostgreSQL refused stale.
func (l *login) again(stale Credential) func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error) {
	return func(ctx context.Context, cfg *pgconn.Config, conn net.Conn) (net.Conn, error) {
		_, err := l.attempt(ctx, cfg, conn, func(ctx context.Context) (Credential, error) {
			return l.rotator.Refresh(ctx, stale)
		})
		cfg.OnPgError = l.onError
		return conn, err
	}
}

// attempt finishes the TLS handshake, so that no credential is minted for a stranger, and puts one in.
func (l *login) attempt(ctx context.Context, cfg *pgconn.Config, conn net.Conn,
	mint func(context.Context) (Credential, error),
) (Credential, error) {
	encrypted, ok := conn.(*tls.Conn)
	if !ok {
		return Credential{}, Errorf(KindInvalid, "leave TLSConfig as it is", "refuse to send a token in plaintext")
	}
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return Credential{}, explainTLS(cfg.Host, err)
	}
	credential, err := mint(ctx)
	if err != nil {
		return Credential{}, err
	}
	cfg.User, cfg.Password = credential.User, credential.Token.Reveal()
	return credential, nil
}

// twice wraps a lookup so that each address gets a second attempt, straight after the first.
func twice(lookup pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		doubled := make([]string, 0, 2*len(addresses))
		for _, a := range addresses {
			doubled = append(doubled, a, a)
		}
		return doubled, nil
	}
}
