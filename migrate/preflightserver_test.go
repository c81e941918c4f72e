package migrate

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// TestPreflightOfServers has each check find what only a superuser can bring about, on a server of its own: what holds
// for a whole server, such as its roles, is nothing that the other tests may see.
func TestPreflightOfServers(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	dsn := func(database string) DSN {
		return DSN(strings.Replace(string(server), "/postgres?", "/"+url.PathEscape(database)+"?", 1))
	}
	do := func(database string, statements ...string) {
		t.Helper()
		conn := connect(t, dsn(database))
		for _, sql := range statements {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	for _, test := range []struct {
		name               string
		source, target     string // how their databases are made
		onSource, onTarget []string
		check              string
		result             PreflightResult
		found              string
		kind               lakeward.Kind // of a failure
	}{
		{
			name: "prepared transaction", check: "prepared-transactions", result: CheckWarn, found: "1 prepared transaction waiting on the source: forgotten",
			onSource: []string{"CREATE TABLE t (n int)", "BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'forgotten'"},
		},
		{
			name: "lock of a prepared transaction", check: "locks", result: CheckWarn, found: "public.t by process of a prepared transaction",
			onSource: []string{"CREATE TABLE t (n int)", "BEGIN", "LOCK TABLE t", "PREPARE TRANSACTION 'locks'"},
		},
		{
			name: "tablespace", check: "tablespaces", result: CheckWarn, found: "1 object in tablespaces of their own: public.t (fast)",
			onSource: []string{
				"SET allow_in_place_tablespaces = on", "CREATE TABLESPACE fast LOCATION ''", "CREATE TABLE t (n int) TABLESPACE fast",
			},
		},
		{
			name: "SQL_ASCII", source: "ENCODING 'SQL_ASCII' LOCALE 'C'", check: "encoding", result: CheckWarn,
			found: "the source is SQL_ASCII",
		},
		{
			name: "converted encoding", source: "ENCODING 'LATIN1' LOCALE 'C'", check: "encoding", result: CheckPass,
			found: "from LATIN1 to UTF8",
		},
		{
			name: "target in LATIN1", target: "ENCODING 'LATIN1' LOCALE 'C'", check: "target", result: CheckFail,
			found: "has encoding LATIN1, not UTF8", kind: lakeward.KindConflict,
		},
		{
			name: "order", source: "LOCALE_PROVIDER icu ICU_LOCALE 'de'", target: "LOCALE 'C'", check: "collations", result: CheckWarn,
			found: "texts sort by de ",
		},
		{
			name: "missing collation", check: "collations", result: CheckFail, found: `the target does not know "is-x-icu"`,
			onSource: []string{`CREATE TABLE t (s text COLLATE "is-x-icu")`}, onTarget: []string{`DROP COLLATION pg_catalog."is-x-icu"`},
			kind: lakeward.KindUnsupported,
		},
		{
			name: "currency", check: "money", result: CheckWarn, found: "2 columns of type money: amounts are those of POSIX on the source, of C",
			onSource: []string{
				"CREATE TABLE t (price money, several money[])", "ALTER DATABASE \"source of currency\" SET lc_monetary = 'POSIX'",
			},
		},
		{
			name: "platform", check: "provider", result: CheckPass, found: "the source runs on Amazon RDS",
			onSource: []string{"CREATE ROLE rdsadmin", "CREATE SCHEMA app AUTHORIZATION pg_database_owner"},
		},
		{
			name: "schema of a platform", check: "provider", result: CheckWarn, found: "runs on Supabase, to which belong schema auth",
			onSource: []string{
				"DROP ROLE rdsadmin", "CREATE ROLE supabase_admin", "CREATE ROLE supabase_auth_admin", "CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			source, target := "source of "+test.name, "target of "+test.name
			do("postgres", "CREATE DATABASE "+quoteName(source)+" TEMPLATE template0 "+test.source,
				"CREATE DATABASE "+quoteName(target)+" TEMPLATE template0 "+test.target)
			do(source, test.onSource...)
			do(target, test.onTarget...)
			p := preflight(t, string(dsn(source)), dsn(target), Options{})
			requireCheck(t, p, test.check, test.result, test.found)
			if kind := lakeward.KindOf(p.Err()); test.result == CheckFail && kind != test.kind {
				t.Errorf("the error %v is of kind %s, want %s", p.Err(), kind, test.kind)
			}
		})
	}
}

// TestPreflightOfPgDump lets it find no pg_dump, and one that is too old.
func TestPreflightOfPgDump(t *testing.T) {
	source, target := pgtest.DB(t), DSN(pgtest.DB(t))
	folder := t.TempDir()
	t.Setenv("LAKEWARD_PG_BIN", folder)
	p := preflight(t, source, target, Options{})
	requireCheck(t, p, "pg-dump", CheckFail, "pg_dump is not installed")
	if lakeward.KindOf(p.Err()) != lakeward.KindNotFound {
		t.Errorf("error %v", p.Err())
	}
	old := "#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9'\n"
	if err := os.WriteFile(filepath.Join(folder, "pg_dump"), []byte(old), 0o700); err != nil {
		t.Fatal(err)
	}
	requireCheck(t, preflight(t, source, target, Options{}), "pg-dump", CheckFail, "pg_dump 14 in "+folder+" cannot read PostgreSQL")
}
