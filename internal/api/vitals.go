package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/access"
)

// Vitals is how an instance is at this moment. An instance that cannot be looked into is an answer with the reason.
type Vitals struct {
	Instance  lakeward.Instance `json:"instance"`
	CheckedAt time.Time         `json:"checked_at"`
	Reached   bool              `json:"reached" doc:"Whether PostgreSQL was asked; all that it tells is missing otherwise"`
	Asleep    bool              `json:"asleep" doc:"Whether the compute is suspended. It wakes up with the next connection, and is not woken for this"`
	Problem   *access.Problem   `json:"problem,omitempty" doc:"Why it was not reached, and what to do"`

	Version     string       `json:"version,omitempty" example:"PostgreSQL 17.5"`
	StartedAt   *time.Time   `json:"started_at,omitempty" doc:"Since when PostgreSQL runs"`
	Database    string       `json:"database,omitempty" example:"databricks_postgres"`
	User        string       `json:"user,omitempty" example:"ana@example.com" doc:"The role that the server logs in as"`
	Owner       string       `json:"owner,omitempty" example:"ana@example.com" doc:"The role that owns the database"`
	Superuser   bool         `json:"databricks_superuser" doc:"Whether the role belongs to databricks_superuser"`
	Size        *DataSize    `json:"size,omitempty"`
	Connections *Connections `json:"connections,omitempty"`
	Token       *TokenLife   `json:"token,omitempty"`
	ConnectMS   float64      `json:"connect_ms,omitempty" example:"18.2" doc:"How long the login took, TLS and all, in milliseconds"`
	LatencyMS   float64      `json:"latency_ms,omitempty" example:"0.7" doc:"How long the smallest query took"`
}

// DataSize is how much data there is.
type DataSize struct {
	Bytes      int64 `json:"bytes" example:"43515904" doc:"Of all databases that the role may connect to"`
	LimitBytes int64 `json:"limit_bytes,omitempty" example:"8796093022208" doc:"How much the instance may hold"`
}

// Connections are the clients of an instance.
type Connections struct {
	Used int `json:"used" example:"7" doc:"This look at it is one of them"`
	Max  int `json:"max" example:"1000"`
}

// TokenLife tells of the server's database token, and never what it is.
type TokenLife struct {
	MintedAt  time.Time `json:"minted_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// lookFor bounds a look at an instance that shall not hold a console up.
const lookFor = 10 * time.Second

// vitals registers how an instance is.
func (s *server) vitals(a huma.API) {
	look := route("get-vitals", http.MethodGet, "/api/instances/{name}/vitals", "Show how an instance is at this moment", tagInstances)
	look.Description = "Connects unless the instance is stopped or asleep: it wakes nothing. Why PostgreSQL was not reached " +
		"is part of the answer."
	answer(s, a, look, func(ctx context.Context, in *ByName) (Vitals, error) {
		ctx, cancel := context.WithTimeout(ctx, lookFor)
		defer cancel()
		return s.see(ctx, look, in.Name, false)
	})
	test := route("test-instance", http.MethodPost, "/api/instances/{name}/test", "Test the connection to an instance", tagInstances)
	test.Description = "The same as vitals, for which an instance that is asleep is woken. One that is stopped stays so."
	answer(s, a, test, func(ctx context.Context, in *ByName) (Vitals, error) { return s.see(ctx, test, in.Name, true) })
}

// asleep is the state of a compute that is suspended until somebody connects.
const asleep = "IDLE"

// see looks at an instance, and wakes it up only when that is wanted.
func (s *server) see(ctx context.Context, o huma.Operation, name string, wake bool) (Vitals, error) {
	i, err := s.instance(ctx, name)
	if err != nil {
		return Vitals{}, err
	}
	v := Vitals{Instance: i, CheckedAt: time.Now().UTC(), Asleep: i.Status == lakeward.StatusReady && i.State == asleep}
	switch {
	case v.Asleep && !wake:
		err = lakeward.Errorf(lakeward.KindUnavailable, "test the connection to wake it up, or let an application connect",
			"instance %s is asleep", i.Name)
	case i.Status == lakeward.StatusStopped:
		err = lakeward.Errorf(lakeward.KindUnavailable, "start it (lakeward instance start "+i.Name+")", "instance %s is stopped", i.Name)
	default:
		err = s.examine(ctx, i, &v)
	}
	if err != nil {
		v.Problem = s.problem(ctx, o, err)
	}
	v.Reached = err == nil
	return v, nil
}

const vitalSigns = `select 'PostgreSQL ' || pg_catalog.current_setting('server_version'), pg_catalog.pg_postmaster_start_time(),
	pg_catalog.current_database()::text, current_user::text, pg_catalog.pg_get_userbyid(d.datdba)::text,
	coalesce((select pg_catalog.pg_has_role(r.oid, 'member') from pg_catalog.pg_roles r where r.rolname = 'databricks_superuser'), false),
	(select coalesce(sum(pg_catalog.pg_database_size(o.oid)), 0)::bigint from pg_catalog.pg_database o
		where o.datallowconn and pg_catalog.has_database_privilege(o.oid, 'connect')),
	(select coalesce(sum(numbackends), 0)::int from pg_catalog.pg_stat_database),
	pg_catalog.current_setting('max_connections')::int
	from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`

// examine asks PostgreSQL. Of what it tells, nothing is kept unless all is known.
func (s *server) examine(ctx context.Context, i lakeward.Instance, v *Vitals) error {
	began := time.Now()
	return s.on(ctx, i.Name, func(c *pgx.Conn) error {
		out := *v
		out.ConnectMS = milliseconds(began)
		size, connections, started := DataSize{LimitBytes: i.SizeLimit}, Connections{}, time.Time{}
		err := c.QueryRow(ctx, vitalSigns).Scan(&out.Version, &started, &out.Database, &out.User, &out.Owner, &out.Superuser,
			&size.Bytes, &connections.Used, &connections.Max)
		if err != nil {
			return lakeward.Errorf(lakeward.KindUnavailable, "lakeward doctor "+i.Name, "look into %s: %w", i.Name, err)
		}
		began := time.Now()
		if err := c.Ping(ctx); err != nil {
			return lakeward.Errorf(lakeward.KindUnavailable, "lakeward doctor "+i.Name, "ask %s: %w", i.Name, err)
		}
		out.LatencyMS = milliseconds(began)
		out.StartedAt, out.Size, out.Connections = new(started.UTC()), &size, &connections
		if to, err := s.connect(i.Name); err == nil && !to.Expires().IsZero() {
			out.Token = &TokenLife{MintedAt: to.Minted().UTC(), ExpiresAt: to.Expires().UTC()}
		}
		*v = out
		return nil
	})
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}
