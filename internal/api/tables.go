package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// Connection is how the test of a connection went. A test that has found something wrong is an answer, not an error.
type Connection struct {
	Success         bool   `json:"success"`
	InstanceName    string `json:"instance_name" example:"shop"`
	Version         string `json:"version,omitempty" example:"PostgreSQL 17.5"`
	TableCount      int    `json:"table_count" example:"12" doc:"Tables of the application"`
	HasSchema       bool   `json:"has_kasal_schema" doc:"Whether the application has tables there; the name is the guide's"`
	MigrationNeeded bool   `json:"migration_needed"`
	MigrationStatus string `json:"migration_status,omitempty" enum:"pending,completed" example:"completed"`
	Error           string `json:"error,omitempty" doc:"Why the test failed"`
	ErrorCode       string `json:"error_code,omitempty" example:"MISSING_DATABASE_RESOURCE" doc:"MISSING_DATABASE_RESOURCE when PostgreSQL does not know the server's identity; else the kind of the error in capitals"`
	Hint            string `json:"hint,omitempty" doc:"What to do next"`
	ClientID        string `json:"client_id,omitempty" doc:"The identity that could not log in"`
}

// applicationTables are the tables that are neither PostgreSQL's nor Lakeward's own.
const applicationTables = `from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_|^lakeward|^__db_system$'
and n.nspname <> 'information_schema' and c.relname !~ '^lakeward_'`

// test connects to an instance and looks whether the application has its tables there.
func (s *server) test(ctx context.Context, name string) (Connection, error) {
	out := Connection{InstanceName: name}
	err := s.on(ctx, name, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, `select 'PostgreSQL ' || pg_catalog.current_setting('server_version'), (select count(*) `+
			applicationTables+`)`).Scan(&out.Version, &out.TableCount)
	})
	kind := lakeward.KindOf(err)
	if err != nil && kind == lakeward.KindInternal {
		return out, err
	}
	out.Success, out.HasSchema, out.MigrationNeeded = err == nil, out.TableCount > 0, out.TableCount == 0
	if out.MigrationStatus = "completed"; out.MigrationNeeded {
		out.MigrationStatus = "pending"
	}
	if err == nil {
		return out, nil
	}
	out.Error, out.Hint, out.ErrorCode = err.Error(), lakeward.HintOf(err), strings.ToUpper(string(kind))
	out.MigrationStatus, out.MigrationNeeded = "", false
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(refusal.Code, "28") {
		out.ErrorCode = "MISSING_DATABASE_RESOURCE"
		if me, err := s.Workspace.Me(ctx); err == nil {
			out.ClientID = me.UserName
		}
	}
	return out, nil
}

// Tables are the application's tables on an instance.
type Tables struct {
	Success      bool       `json:"success"`
	InstanceName string     `json:"instance_name" example:"shop"`
	Endpoint     string     `json:"endpoint" example:"ep-shop.database.us-east-1.cloud.databricks.com"`
	TotalTables  int        `json:"total_tables" example:"1"`
	Tables       []RowCount `json:"tables" nullable:"false"`
	HasAlembic   bool       `json:"has_alembic_version" doc:"Whether there is a table alembic_version"`
	Found        []string   `json:"kasal_tables_found" nullable:"false" doc:"Tables that a migration has brought and that are there; the name is the guide's"`
	Missing      []string   `json:"kasal_tables_missing" nullable:"false" doc:"Tables that a migration has brought and that are gone"`
	Summary      string     `json:"summary" example:"1 table with 4800 rows"`
}

// RowCount is a table and its rows.
type RowCount struct {
	Schema    string `json:"schema" example:"public"`
	Table     string `json:"table" example:"orders"`
	RowCount  int64  `json:"row_count" example:"4800"`
	Estimated bool   `json:"estimated" doc:"Whether the number is the server's estimate, because counting took too long"`
}

type tablesOf struct {
	InstanceName string `query:"instance_name" minLength:"1" maxLength:"63" example:"shop"`
}

// tables counts the rows of all tables of all schemas that the application may use.
func (s *server) tables(ctx context.Context, in *tablesOf) (Tables, error) {
	name, err := s.instanceOr(ctx, in.InstanceName)
	if err != nil {
		return Tables{}, err
	}
	to, err := s.connect(name)
	if err != nil {
		return Tables{}, err
	}
	i, err := to.Instance(ctx)
	if err != nil {
		return Tables{}, err
	}
	out := Tables{Success: true, InstanceName: i.Name, Endpoint: i.Host, Tables: []RowCount{}, Found: []string{}, Missing: []string{}}
	err = s.on(ctx, name, func(c *pgx.Conn) error {
		if err := list(ctx, c, &out); err != nil {
			return err
		}
		return count(ctx, c, out.Tables)
	})
	var rows int64
	for _, t := range out.Tables {
		rows += t.RowCount
	}
	out.TotalTables = len(out.Tables)
	out.Summary = fmt.Sprintf("%s with %s", plural(int64(out.TotalTables), "table"), plural(rows, "row"))
	return out, err
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list finds the tables, and those that migrations have brought.
func list(ctx context.Context, c *pgx.Conn, out *Tables) error {
	rows, err := c.Query(ctx, `select n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, true `+applicationTables+` order by 1, 2`)
	if err != nil {
		return err
	}
	if out.Tables, err = pgx.AppendRows(out.Tables, rows, pgx.RowToStructByPos[RowCount]); err != nil {
		return err
	}
	brought, err := migrated(ctx, c)
	if err != nil {
		return err
	}
	for _, t := range out.Tables {
		out.HasAlembic = out.HasAlembic || t.Table == "alembic_version"
	}
	for _, b := range brought {
		there := slices.ContainsFunc(out.Tables, func(t RowCount) bool { return t.Schema == b.schema && t.Table == b.table })
		if there {
			out.Found = append(out.Found, b.table)
		} else {
			out.Missing = append(out.Missing, b.table)
		}
	}
	return nil
}

type broughtTable struct{ schema, table string }

// migrated returns the tables that migrations have brought, as they have recorded it on the instance.
func migrated(ctx context.Context, c *pgx.Conn) ([]broughtTable, error) {
	var recorded bool
	err := c.QueryRow(ctx, `select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'lakeward' and c.relname = 'migration'
		and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'))`).Scan(&recorded)
	if err != nil || !recorded {
		return nil, err
	}
	rows, err := c.Query(ctx, `select distinct m.schema, t ->> 'target' from lakeward.migration m,
		jsonb_array_elements(case jsonb_typeof(m.plan -> 'tables') when 'array' then m.plan -> 'tables' else '[]' end) t
		where coalesce(t ->> 'skip', '') <> 'true' order by 1, 2`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b broughtTable, err error) {
		return b, row.Scan(&b.schema, &b.table)
	})
}

// countFor is how long counting may take before estimates must do. It ends before the request does.
const countFor = answerFor / 2

// count replaces the estimates by counts, as far as the time allows.
func count(ctx context.Context, c *pgx.Conn, tables []RowCount) error {
	began := time.Now()
	for n := range tables {
		left := countFor - time.Since(began)
		if left <= 0 {
			return nil
		}
		if _, err := c.Exec(ctx, fmt.Sprintf("set statement_timeout = %d", left.Milliseconds()+1)); err != nil {
			return err
		}
		t := &tables[n]
		err := c.QueryRow(ctx, "select count(*) from "+pgx.Identifier{t.Schema, t.Table}.Sanitize()).Scan(&t.RowCount)
		if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
			switch refusal.Code {
			case "57014", "42501", "42P01": // it takes too long, may not be read, or is gone
				continue
			}
		}
		if err != nil {
			return err
		}
		t.Estimated = false
	}
	return nil
}

// instanceOr returns the instance that a request names, or the configured one.
func (s *server) instanceOr(ctx context.Context, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	l, err := s.Settings.Load(ctx)
	if err == nil && l.Instance.Text == "" {
		err = lakeward.Errorf(lakeward.KindInvalid, "add instance_name", "no instance is named, and none is configured")
	}
	return l.Instance.Text, err
}
