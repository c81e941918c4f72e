package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// access is what a role needs to work with the tables of a schema, step by step. Each step finds what is missing, and
// says so as the SQL that an owner runs, or runs it itself.
type access struct {
	role, schema string
	fix          bool
}

// lack is one thing that a role lacks.
type lack struct{ what, sql string }

// accessSteps are those of the walk after the login. All of them are taken: nobody wants to find out grant by grant.
func (w *walk) accessSteps() []doctorStep {
	var steps []doctorStep
	for _, s := range []struct{ name, good, query string }{
		{"role", "%[1]s is there", lacksRole},
		{"CONNECT", "%[1]s may connect to the database", lacksConnect},
		{"schema", "%[1]s may use %[2]s and create tables there", lacksSchema},
		{"tables", "%[1]s may read and write all tables of %[2]s", lacksTables},
		{"sequences", "%[1]s may use all sequences of %[2]s", lacksSequences},
		{"defaults", "%[1]s will have the same on tables to come", lacksDefaults},
	} {
		steps = append(steps, doctorStep{name: s.name, goOn: s.name != "role", do: func(ctx context.Context) (string, error) {
			return w.lacks(ctx, s.good, s.query)
		}})
	}
	return steps
}

// lacks takes one step of access.
func (w *walk) lacks(ctx context.Context, good, query string) (string, error) {
	conn, err := w.connector.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	a := w.access
	if a.role == "" {
		if err := conn.QueryRow(ctx, "SELECT current_user").Scan(&a.role); err != nil {
			return "", fmt.Errorf("ask who this is: %w", err)
		}
	}
	found, err := missing(ctx, conn, a, query)
	if err != nil || len(found) == 0 {
		return fmt.Sprintf(good, a.role, a.schema), err
	}
	words, statements := make([]string, len(found)), make([]string, len(found))
	for i, l := range found {
		words[i], statements[i] = l.what, l.sql+";"
	}
	if !a.fix {
		return "", &lacking{statements, lakeward.Errorf(lakeward.KindDenied, "", "%s lacks %s", a.role, strings.Join(words, ", "))}
	}
	if _, err := conn.Exec(ctx, strings.Join(statements, "\n")); err != nil { // one transaction
		return "", &lacking{statements, lakeward.Errorf(lakeward.KindDenied, "an owner has to run this",
			"give %s what it lacks: %w", a.role, err)}
	}
	if found, err = missing(ctx, conn, a, query); err == nil && len(found) > 0 {
		err = &lacking{statements, lakeward.Errorf(lakeward.KindDenied, "the owner has to run this: PostgreSQL gave nothing and said nothing",
			"%s still lacks %s", a.role, strings.Join(words, ", "))}
	}
	return "mended: " + strings.Join(statements, " "), err
}

// lacking is an error with the SQL that mends it.
type lacking struct {
	sql []string
	err *lakeward.Error
}

func (l *lacking) Error() string { return l.err.Error() }
func (l *lacking) Unwrap() error { return l.err }

func sqlOf(err error) []string {
	if l, ok := errors.AsType[*lacking](err); ok {
		return l.sql
	}
	return nil
}

func missing(ctx context.Context, conn *pgx.Conn, a access, query string) ([]lack, error) {
	rows, err := conn.Query(ctx, query, pgx.NamedArgs{"role": a.role, "schema": a.schema})
	if err == nil {
		var found []lack
		found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (l lack, err error) {
			return l, r.Scan(&l.what, &l.sql)
		})
		if err == nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("ask for privileges: %w", err)
}

// Each of these returns what is missing, in words and as SQL.
const (
	lacksRole = `
SELECT 'a role of that name', format('SELECT databricks_create_role(%L, %L)', @role::text,
       CASE WHEN @role LIKE '%@%' THEN 'USER' ELSE 'SERVICE_PRINCIPAL' END)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = @role)`

	lacksConnect = `
SELECT 'CONNECT on ' || current_database(), format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), rolname)
  FROM pg_catalog.pg_roles WHERE rolname = @role::text AND NOT has_database_privilege(oid, current_database(), 'CONNECT')`

	lacksSchema = `
SELECT 'the schema ' || @schema::text, format('CREATE SCHEMA %I AUTHORIZATION CURRENT_USER', @schema) WHERE to_regnamespace(quote_ident(@schema)) IS NULL
UNION ALL
SELECT p || ' on schema ' || @schema, format('GRANT %s ON SCHEMA %I TO %I', p, @schema, rolname)
  FROM pg_catalog.pg_roles r CROSS JOIN unnest('{USAGE,CREATE}'::text[]) p
 WHERE rolname = @role::text AND CASE WHEN to_regnamespace(quote_ident(@schema)) IS NULL THEN true
       ELSE NOT has_schema_privilege(r.oid, to_regnamespace(quote_ident(@schema))::oid, p) END`

	lacksTables = `
SELECT grants || ' on ' || count(*) || CASE count(*) WHEN 1 THEN ' table' ELSE ' tables' END, format('GRANT %s ON %s TO %I', grants, string_agg(tab, ', ' ORDER BY tab), @role::text)
  FROM (SELECT format('%I.%I', @schema::text, c.relname) AS tab, string_agg(p, ', ' ORDER BY i) AS grants
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.rolname = @role
               CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) WITH ORDINALITY x(p, i)
         WHERE c.relnamespace = to_regnamespace(quote_ident(@schema)) AND (c.relkind IN ('r', 'p', 'f') OR c.relkind IN ('v', 'm') AND p = 'SELECT')
           AND NOT has_table_privilege(r.oid, c.oid, p)
         GROUP BY c.relname) t
 GROUP BY grants ORDER BY grants`

	lacksSequences = `
SELECT 'USAGE on ' || count(*) || CASE count(*) WHEN 1 THEN ' sequence' ELSE ' sequences' END, format('GRANT USAGE ON SEQUENCE %s TO %I', string_agg(format('%I.%I', @schema::text, c.relname), ', ' ORDER BY c.relname), @role::text)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.rolname = @role
 WHERE c.relnamespace = to_regnamespace(quote_ident(@schema)) AND c.relkind = 'S' AND NOT has_sequence_privilege(r.oid, c.oid, 'USAGE')
HAVING count(*) > 0`

	// Tables to come are made by those who have made some already, and by whoever asks.
	lacksDefaults = `
SELECT 'privileges on ' || lower(kind) || ' that ' || o.rolname || ' makes later',
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %I', o.rolname, @schema::text, needs, kind, r.rolname)
  FROM pg_catalog.pg_roles o JOIN pg_catalog.pg_roles r ON r.rolname = @role::text
       CROSS JOIN (VALUES ('r', 'TABLES', 'SELECT, INSERT, UPDATE, DELETE', 'INSERT'), ('S', 'SEQUENCES', 'USAGE', 'USAGE')) k(type, kind, needs, one)
 WHERE (o.rolname = current_user OR EXISTS (SELECT FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace(quote_ident(@schema)) AND c.relkind IN ('r', 'p') AND c.relowner = o.oid))
   AND NOT pg_has_role(r.oid, o.oid, 'USAGE') AND NOT pg_has_role(r.oid, 'pg_write_all_data', 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_default_acl d, aclexplode(d.defaclacl) x
        WHERE d.defaclrole = o.oid AND d.defaclobjtype = k.type::"char" AND d.defaclnamespace IN (0, to_regnamespace(quote_ident(@schema)))
          AND x.privilege_type = k.one AND (x.grantee = 0 OR pg_has_role(r.oid, x.grantee, 'USAGE')))
 ORDER BY o.rolname, kind DESC`
)
