package migrate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// checkNamed returns the check of a name.
func checkNamed(t *testing.T, p *Preflight, name string) PreflightCheck {
	t.Helper()
	for _, c := range p.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %s among %s", name, asJSON(t, p))
	return PreflightCheck{}
}

func requireCheck(t *testing.T, p *Preflight, name string, result PreflightResult, found string) {
	t.Helper()
	c := checkNamed(t, p, name)
	if c.Result != result || !strings.Contains(c.Found, found) {
		t.Errorf("%s is %q (%s), want %q with %q", name, c.Result, c.Found, result, found)
	}
	if result != CheckPass && c.Do == "" {
		t.Errorf("%s does not say what to do", name)
	}
}

func preflight(t *testing.T, source string, target DSN, o Options) *Preflight {
	t.Helper()
	p, err := MakePreflight(t.Context(), source, target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// troubledScript is a database with something for each check of its catalog to find. The superuser runs it.
const troubledScript = `
CREATE SCHEMA app AUTHORIZATION "owner@example.com";
CREATE TABLE app.fine (id bigint PRIMARY KEY, t text);
CREATE TABLE app.keyless (n integer);
CREATE UNLOGGED TABLE app.fleeting (id integer PRIMARY KEY);
CREATE TABLE app.secret (id integer PRIMARY KEY);
CREATE TABLE app.guarded (id integer PRIMARY KEY);
CREATE TABLE app.cash (id integer PRIMARY KEY, m money);
ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON app.guarded TO reader;
CREATE SEQUENCE app.last_ones AS smallint;
SELECT setval('app.last_ones', 32000);
CREATE TABLE app.broken (n integer PRIMARY KEY);
INSERT INTO app.broken VALUES (1), (2);
ALTER TABLE app.broken ADD CONSTRAINT small CHECK (n < 2) NOT VALID;
CREATE INDEX broken_n ON app.broken (n);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.broken_n'::regclass;
CREATE PUBLICATION news FOR TABLE app.fine;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE app.far (n integer) SERVER elsewhere;
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION app.watch();
CREATE COLLATION app.old (provider = icu, locale = 'de', version = '1.0');
CREATE SCHEMA google_vacuum_mgmt;
SELECT lo_create(4242);
`

func TestPreflightOfPostgres(t *testing.T) {
	t.Parallel()
	source, target := pgtest.DB(t), DSN(pgtest.DB(t))
	admin := DSN(pgtest.Admin(t, source))
	clean := preflight(t, source, target, Options{})
	for _, name := range []string{
		"source", "pg-dump", "source-privileges", "row-security", "primary-keys", "unlogged-tables", "foreign-tables", "replication",
		"event-triggers", "tablespaces", "sequences", "invalid-indexes", "invalid-constraints", "size", "target", "versions", "encoding",
		"extensions", "collations", "money", "target-connections", "names", "locks", "prepared-transactions", "long-transactions",
		"collation-versions", "large-objects", "wal-level", "provider",
	} {
		requireCheck(t, clean, name, CheckPass, "")
	}
	if clean.Err() != nil || clean.Worst() != CheckPass {
		t.Errorf("an empty database: %s, %v", clean.Worst(), clean.Err())
	}
	conn := connect(t, admin)
	role := "reader_" + conn.Config().Database
	script := strings.ReplaceAll(troubledScript, "TO reader", "TO "+role)
	for _, sql := range []string{"CREATE ROLE " + role + " LOGIN", script, "GRANT USAGE ON SCHEMA app TO " + role, "GRANT SELECT ON app.fine, app.keyless TO " + role} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	t.Cleanup(func() { dropRole(t, string(admin), role) })
	troubled := preflight(t, string(admin), target, Options{Jobs: 500})
	for name, found := range map[string]string{
		"primary-keys": "app.keyless", "unlogged-tables": "app.fleeting", "foreign-tables": "app.far", "replication": "publication news",
		"event-triggers": "watcher", "sequences": "app.last_ones at 32000", "invalid-indexes": "app.broken_n",
		"invalid-constraints": "small of app.broken", "collation-versions": "app.old from 1.0", "extensions": "postgres_fdw",
		"target-connections": "500 jobs take up to 1004",
	} {
		requireCheck(t, troubled, name, CheckWarn, found)
	}
	requireCheck(t, troubled, "large-objects", CheckPass, "4242")
	requireCheck(t, troubled, "money", CheckPass, "1 column")

	denied := preflight(t, strings.Replace(source, "owner%40example.com", role, 1), target, Options{})
	requireCheck(t, denied, "source-privileges", CheckFail, "object")
	if items := checkNamed(t, denied, "source-privileges").Items; !strings.Contains(strings.Join(items, " "), "table app.secret") ||
		!strings.Contains(strings.Join(items, " "), "large object 4242") || strings.Contains(strings.Join(items, " "), "app.fine") {
		t.Errorf("what may not be read: %q", items)
	}
	requireCheck(t, denied, "row-security", CheckFail, "app.guarded")
	if lakeward.KindOf(denied.Err()) != lakeward.KindDenied {
		t.Errorf("error %v", denied.Err())
	}
}

func dropRole(t *testing.T, admin, role string) {
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), admin)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
		t.Error(err)
	}
}

func TestPreflightOfPostgresInUse(t *testing.T) {
	t.Parallel()
	source := pgtest.DB(t)
	conn := connect(t, DSN(source))
	for _, sql := range []string{"CREATE TABLE busy (id integer PRIMARY KEY)", "BEGIN", "LOCK TABLE busy IN ACCESS EXCLUSIVE MODE"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	snapshot, err := takePgSnapshot(t.Context(), DSN(source))
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.close(t.Context())
	p := &Preflight{}
	c := &pgChecker{Preflight: p, source: snapshot, conn: snapshot.conn, long: "0 s"}
	if err := c.checkSource(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireCheck(t, p, "locks", CheckWarn, "public.busy by process")
	requireCheck(t, p, "long-transactions", CheckWarn, "process")
}

func TestPreflightOfPostgresNames(t *testing.T) {
	t.Parallel()
	source, target := pgtest.DB(t), DSN(pgtest.DB(t))
	for _, dsn := range []DSN{DSN(source), target} {
		runScript(t, dsn, "CREATE TABLE taken (id integer PRIMARY KEY)")
	}
	p := preflight(t, source, target, Options{})
	requireCheck(t, p, "names", CheckFail, "table taken")
	if lakeward.KindOf(p.Err()) != lakeward.KindConflict {
		t.Errorf("error %v", p.Err())
	}
	p = preflight(t, source, target, Options{Replace: "it"})
	requireCheck(t, p, "names", CheckWarn, "replaced")
	p = preflight(t, "postgres:///nowhere?host=/nowhere", target, Options{})
	requireCheck(t, p, "source", CheckFail, "/nowhere")
}

func TestPreflightOfSQLite(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p);
		INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)`), DSN(pgtest.DB(t))
	old := func(path string) {
		t.Helper()
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	old(source)
	p := preflight(t, source, target, Options{WorkDir: filepath.Join(t.TempDir(), "not", "made", "yet")})
	for _, name := range []string{
		"source", "size", "writers", "disk-space", "integrity", "encoding", "foreign-keys", "extensions", "target", "target-connections", "names",
	} {
		requireCheck(t, p, name, CheckPass, "")
	}
	troubled := newSource(t, `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p);
		INSERT INTO c VALUES (1, 7), (2, 8); CREATE VIEW v AS SELECT no_such_function(id) FROM p`)
	runScript(t, target, "CREATE TABLE p (id integer)")
	p = preflight(t, troubled, target, Options{Jobs: 500})
	requireCheck(t, p, "writers", CheckWarn, "ago")
	requireCheck(t, p, "foreign-keys", CheckWarn, "2 rows of c without one in p")
	requireCheck(t, p, "extensions", CheckWarn, "no_such_function")
	requireCheck(t, p, "target-connections", CheckWarn, "500 jobs")
	requireCheck(t, p, "names", CheckFail, "table p")

	p = preflight(t, filepath.Join(t.TempDir(), "missing.db"), target, Options{})
	requireCheck(t, p, "source", CheckFail, "no such file")
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	corrupt := filepath.Join(t.TempDir(), "corrupt.db")
	for i := range 40 {
		data[len(data)-1-i] ^= 0x5a
	}
	copy(data[4096:], strings.Repeat("\xff", 200))
	if err := os.WriteFile(corrupt, data, 0o600); err != nil {
		t.Fatal(err)
	}
	requireCheck(t, preflight(t, corrupt, target, Options{}), "integrity", CheckFail, "corrupt")
	denied := strings.Replace(string(target), "owner%40example.com", "nobody", 1)
	requireCheck(t, preflight(t, source, DSN(denied), Options{}), "target", CheckFail, "nobody")
}

func TestPreflightOfSizes(t *testing.T) {
	t.Parallel()
	p := &Preflight{}
	for i, want := range []PreflightResult{CheckPass, CheckWarn, CheckFail} {
		p.checkSize([]int64{1 << 30, 3 << 40, 9 << 40}[i])
		if got := p.Checks[i]; got.Result != want {
			t.Errorf("%s: %s", got.Found, got.Result)
		}
	}
}

func TestMigrationReportsItsPreflight(t *testing.T) {
	t.Parallel()
	source, target, o := newSource(t, kindsScript), DSN(pgtest.DB(t)), Options{WorkDir: t.TempDir()}
	foretold := preflight(t, source, target, o)
	report, err := Run(t.Context(), source, target, o)
	if err != nil {
		t.Fatal(err)
	}
	requireSameChecks(t, report.Preflight, foretold)
	for _, c := range report.Preflight.Checks {
		found := checkNamed(t, foretold, c.Name).Found
		switch c.Name {
		case "writers": // it was written a moment ago
			continue
		case "disk-space": // how much is free changes all the time
			_, found, _ = strings.Cut(found, " free in ")
		}
		requireCheck(t, report.Preflight, c.Name, CheckPass, found)
	}
}

// requireSameChecks fails unless two preflights are about the same.
func requireSameChecks(t *testing.T, got, want *Preflight) {
	t.Helper()
	names := func(p *Preflight) (names []string) {
		for _, c := range p.Checks {
			names = append(names, c.Name)
		}
		return names
	}
	if diff := cmp.Diff(names(want), names(got)); diff != "" {
		t.Errorf("other checks (-want +got):\n%s", diff)
	}
}
