package lakeward

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// ConnectOptions adjusts a [Connector]. The zero value connects to the instance's own database with five connections
// at most, and verifies the server's certificate.
//
// Where an option is empty, the variable that libpq knows for it is used: PGDATABASE, PGPORT, PGSSLMODE, PGSSLROOTCERT,
// PGAPPNAME, PGCONNECT_TIMEOUT. A Databricks App sets them. PGHOST, PGUSER and PGPASSWORD are not used: the workspace
// knows the host, and the credential the user.
type ConnectOptions struct {
	Database        string // default: the instance's, databricks_postgres
	Schema          string // put in front of public on the search_path; default: the server's search_path
	ReadOnly        bool   // connect to the readable secondaries
	ApplicationName string // shown in pg_stat_activity; default "lakeward"
	Port            int    // default: the instance's, 5432

	// Pooled connects through Lakebase's own pooler, whose clients share sessions, from transaction to transaction. It
	// takes no tokens but passwords of PostgreSQL: set User and Password. Settings and Schema would not stay with a
	// connection there. The proxy of `lakeward proxy --mode transaction` pools with tokens.
	Pooled bool

	// User and Password log in as a role that has a password of PostgreSQL's own, which the instance must allow, instead
	// of the workspace's identity with a token.
	User     string
	Password Secret

	// RootCAs is a PEM file with the certificate authorities to trust. The default is the system's; a local Lakebase
	// has a file of its own.
	RootCAs string

	// SSLMode is "verify-full" by default. "verify-ca" leaves the host name unchecked and "require" the certificate
	// as well. There is no plaintext.
	SSLMode string

	// Settings of PostgreSQL are made after each login, and not by startup options, which connection poolers refuse.
	Settings map[string]string

	// Tracer sees logins and queries, as pgx calls it, such as one of OpenTelemetry for pgx, or [NewLogTracer] over slog. It may
	// implement the other tracers of pgx and pgxpool as well, and [CredentialTracer].
	Tracer pgx.QueryTracer

	// ConnectTimeout bounds one attempt to connect, with time for an instance that must wake up. Default 30 seconds.
	ConnectTimeout time.Duration

	MaxConns        int           // of a pool or sql.DB; default 5
	MaxConnLifetime time.Duration // of a connection in a pool or sql.DB; default 30 minutes
}

// Connector makes connections to one instance. Each login uses a credential that is good at that moment; when
// PostgreSQL refuses it all the same, the login is repeated once, on the same path, with a newly minted one. Connector
// is safe for concurrent use and needs no closing; close what it returns.
type Connector struct {
	ws   Workspace
	name string
	opt  ConnectOptions

	mu      sync.Mutex
	current *session // the instance as it was last seen; nil when it must be looked up again
	last    *session // whose credentials stay good when the instance turns out to be the same
}

// session is an instance and the credentials for it.
type session struct {
	instance Instance
	rotator  *Rotator
}

// NewConnector returns a Connector to the instance called name. It talks to nobody yet.
func NewConnector(ws Workspace, name string, opt ConnectOptions) *Connector {
	opt.MaxConns = cmp.Or(opt.MaxConns, 5)
	opt.MaxConnLifetime = cmp.Or(opt.MaxConnLifetime, 30*time.Minute)
	if opt.Password != "" {
		ws = native{ws, opt.User, opt.Password}
	}
	return &Connector{ws: ws, name: name, opt: opt}
}

// Connect opens one connection.
func (c *Connector) Connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := c.Config(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, c.explain(err)
	}
	return conn, nil
}

// Pool opens a pool of connections and makes sure that the first one works. Connections are replaced when they are as
// old as MaxConnLifetime, so that a pool never depends on one that the server is about to end.
//
// Errors that the pool returns later are pgx's own: [Connector.Explain] says what those of logins mean.
func (c *Connector) Pool(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := c.Config(ctx)
	if err != nil {
		return nil, err
	}
	// For the pool's defaults: cfg takes the place of the rest, and what PGSSLROOTCERT names need not be there.
	poolConfig, err := pgxpool.ParseConfig("user=lakeward sslrootcert=''")
	if err != nil {
		return nil, Errorf(KindInvalid, "check the PG… variables of the environment", "configure pool: %w", err)
	}
	poolConfig.ConnConfig = cfg
	poolConfig.BeforeConnect = c.prepare
	poolConfig.MaxConns = int32(c.opt.MaxConns)
	poolConfig.MaxConnLifetime = c.opt.MaxConnLifetime
	poolConfig.MaxConnLifetimeJitter = c.opt.MaxConnLifetime / 10
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, Errorf(KindInvalid, "set MaxConns to 1 or more", "open pool for %s: %w", c.name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, c.explain(err)
	}
	return pool, nil
}

// DB returns a [database/sql] pool over [Connector.Driver]. Like [sql.Open] it does not connect yet.
func (c *Connector) DB() *sql.DB {
	db := sql.OpenDB(c.Driver())
	db.SetMaxOpenConns(c.opt.MaxConns)
	db.SetMaxIdleConns(c.opt.MaxConns)
	db.SetConnMaxLifetime(c.opt.MaxConnLifetime)
	return db
}

// Driver returns a connector for [sql.OpenDB], for programs that set the limits of their [sql.DB] themselves.
func (c *Connector) Driver() driver.Connector { return sqlConnector{c} }

type sqlConnector struct{ c *Connector }

// Connect opens one connection for database/sql.
func (s sqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	cfg, err := s.c.Config(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := stdlib.GetConnector(*cfg).Connect(ctx)
	if err != nil {
		return nil, s.c.explain(err)
	}
	return conn, nil
}

// Driver returns pgx's driver.
func (s sqlConnector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Instance returns the instance as the workspace knows it now. Unlike the workspace's own method it refuses one that
// accepts no logins, and says what to do about it.
func (c *Connector) Instance(ctx context.Context) (Instance, error) {
	instance, err := c.ws.Instance(ctx, c.name)
	if err != nil {
		return Instance{}, err
	}
	if err := ready(instance); err != nil {
		return Instance{}, err
	}
	return instance, nil
}

// Expires returns when the credential at hand expires, for those who watch that. It is zero while there is none.
func (c *Connector) Expires() time.Time { return c.atHand().Expires }

// Minted returns when the credential at hand was minted. It is zero while there is none.
func (c *Connector) Minted() time.Time { return c.atHand().Minted }

func (c *Connector) atHand() Credential {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last == nil {
		return Credential{}
	}
	credential, _ := last.rotator.cached()
	return credential
}

// ready refuses an instance that cannot be logged in to. One in error may still answer.
func ready(i Instance) error {
	switch i.Status {
	case StatusStopped:
		return Errorf(KindUnavailable, "start it (lakeward instance start "+i.Name+")", "instance %s is stopped", i.Name).because(ReasonAsleep)
	case StatusCreating:
		return Errorf(KindUnavailable, "try again when it is READY (lakeward instance show "+i.Name+")",
			"instance %s is not ready yet: it is %s", i.Name, i.State).because(ReasonAsleep)
	case StatusNotCreated:
		return Errorf(KindNotFound, "choose another (lakeward instance list)", "instance %s is gone: it is %s", i.Name, i.State)
	}
	return nil
}

// session returns the instance with its credentials, looking it up when it is not known or has been unreachable.
func (c *Connector) session(ctx context.Context) (*session, error) {
	c.mu.Lock()
	current := c.current
	c.mu.Unlock()
	if current != nil {
		return current, nil
	}
	instance, err := c.Instance(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &session{instance: instance}
	if c.last != nil && c.last.instance.UID == instance.UID {
		s.rotator = c.last.rotator
	} else {
		tracer, _ := c.opt.Tracer.(CredentialTracer)
		s.rotator = NewRotator(c.ws, instance, RotatorOptions{Tracer: tracer})
	}
	c.current, c.last = s, s
	return s, nil
}

// forget makes the next connection look the instance up again: it may have been stopped, or replaced by another one of
// the same name. It reports whether the instance was known.
func (c *Connector) forget() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.current != nil
	c.current = nil
	return known
}
