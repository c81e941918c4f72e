package migrate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// smallPostgres is a source whose objects hang together.
const smallPostgres = `
CREATE TYPE public.colour AS ENUM ('red', 'blue');
CREATE TABLE public.parents (id serial PRIMARY KEY, colour public.colour NOT NULL);
INSERT INTO public.parents (colour) VALUES ('red'), ('blue');
CREATE TABLE public.children (id int PRIMARY KEY, parent int REFERENCES public.parents, CONSTRAINT positive CHECK (id > 0));
INSERT INTO public.children VALUES (1, 1), (2, 2);
CREATE FUNCTION public.paint(public.colour) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE VIEW public.painted AS SELECT id, public.paint(colour) FROM public.parents;
`

// TestPostgresGoesOnAfterTheServerWasKilled kills the target's PostgreSQL while rows are loaded.
func TestPostgresGoesOnAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	source := DSN(pgtest.DB(t))
	loadScript(t, source, killedPostgres)
	config := pgproc.Config{Dir: filepath.Join(pgtest.Dir(t), "pg")}
	if err := pgproc.Init(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	server, err := pgproc.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	target := DSN("postgres:///postgres?user=" + pgproc.Superuser + "&sslmode=disable&host=" + server.SocketDir())
	begun := 0
	o := Options{Jobs: 2, chunk: killedChunk, Progress: func(e lakeward.Event) {
		if loadedTable("")(e) {
			begun++
			_ = syscall.Kill(server.PID(), syscall.SIGKILL)
		}
	}}
	_, err = Run(t.Context(), string(source), target, o)
	if begun == 0 || lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(lakeward.HintOf(err), "same command") {
		t.Errorf("got %v, hint %q", err, lakeward.HintOf(err))
	}
	<-server.Done()
	if server, err = pgproc.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	resumed := false
	o.Progress = func(e lakeward.Event) { resumed = resumed || strings.Contains(e.Message, "going on where") }
	report, err := Run(t.Context(), string(source), target, o)
	if err != nil {
		t.Fatal(err)
	}
	requireIdentical(t, report)
	if n := countRowsOf(t, connect(t, target), "SELECT DISTINCT id FROM s.visits"); n != 120000 || !resumed {
		t.Errorf("%d visits, resumed %t", n, resumed)
	}
}

// TestPostgresEqualsItsSnapshot writes to the source at every event once the source is held.
func TestPostgresEqualsItsSnapshot(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, killedPostgres)
	writer := connect(t, source)
	writes, held := 0, false
	report, err := Run(t.Context(), string(source), target, Options{chunk: killedChunk, Progress: func(e lakeward.Event) {
		if held = held || e.Phase == "plan"; !held {
			return
		}
		writes++
		_, err := writer.Exec(t.Context(), fmt.Sprintf(`INSERT INTO s.visits (person, minutes) VALUES (1, 4711);
			UPDATE s.visits SET minutes = 4711 WHERE id = %d; DELETE FROM keyless WHERE ctid = '(%[1]d,1)'`, writes))
		if err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	conn := connect(t, target)
	for query, want := range map[string]int64{
		"SELECT FROM s.visits": 120000, "SELECT FROM s.visits WHERE minutes = 4711": 0, "SELECT FROM keyless": 20000,
	} {
		if n := countRowsOf(t, conn, query); n != want || writes < 5 {
			t.Errorf("%s: %d rows, want %d; %d writes", query, n, want, writes)
		}
	}
	var next int64
	if err := conn.QueryRow(t.Context(), "INSERT INTO s.visits (person) VALUES (1) RETURNING id").Scan(&next); err != nil || next <= 120000 {
		t.Errorf("the next visit has number %d, %v", next, err)
	}
}

func TestPostgresRefusesWhatStands(t *testing.T) {
	t.Parallel()
	for name, stands := range map[string]string{
		"table parents":           "CREATE TABLE parents (id int)",
		"view painted":            "CREATE VIEW painted AS SELECT 1 AS x",
		"routine paint":           "", // its argument would have to be of the source's type
		"type colour":             "CREATE TYPE colour AS ENUM ('green')",
		"index children_pkey":     "CREATE TABLE other (id int CONSTRAINT children_pkey PRIMARY KEY)",
		"sequence parents_id_seq": "CREATE SEQUENCE parents_id_seq",
		"table colour":            "CREATE TABLE colour (id int)",
	} {
		if stands == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
			loadScript(t, source, smallPostgres)
			loadScript(t, target, stands)
			before := dumpOf(t, target)
			_, err := Run(t.Context(), string(source), target, Options{TargetName: "shop"})
			if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), name) ||
				!strings.Contains(lakeward.HintOf(err), "--replace shop") {
				t.Errorf("got %v, hint %q", err, lakeward.HintOf(err))
			}
			if dumpOf(t, target) != before {
				t.Error("the target has changed")
			}
		})
	}
}

func TestPostgresReplaces(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, smallPostgres)
	loadScript(t, target, smallPostgres+`
		DELETE FROM children; DROP FUNCTION paint CASCADE; ALTER TYPE colour ADD VALUE 'green';
		CREATE FUNCTION fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE TABLE bystander (id int PRIMARY KEY CHECK (public.fine(id))); INSERT INTO bystander VALUES (1);
		CREATE VIEW painted AS SELECT 1 AS other`)
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "CREATE VIEW stranger AS SELECT * FROM parents"); err != nil {
		t.Fatal(err)
	}
	before := dumpOf(t, target)
	if _, err := Run(t.Context(), string(source), target, Options{Replace: "shop", TargetName: "other"}); lakeward.KindOf(err) != lakeward.KindInvalid {
		t.Errorf("the name of another target: %v", err)
	}
	_, err := Run(t.Context(), string(source), target, Options{Replace: "shop", TargetName: "shop"})
	if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("a view of somebody else: %v", err)
	}
	if dumpOf(t, target) != before {
		t.Fatal("the target has changed")
	}
	if _, err := conn.Exec(t.Context(), "DROP VIEW stranger"); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), string(source), target, Options{Replace: "shop", TargetName: "shop"})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	if n := countRowsOf(t, conn, "SELECT FROM bystander WHERE public.fine(id)"); n != 1 {
		t.Error("what is not replaced must stay")
	}
	if _, err := conn.Exec(t.Context(), "DROP TABLE bystander; DROP FUNCTION fine"); err != nil {
		t.Fatal(err)
	}
	requireSameDump(t, source, target)
}

// TestPostgresCancelledLeavesNothing cancels at the beginning of each phase.
func TestPostgresCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"plan", "prepare", "load", "index", "verify", "swap"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			source, target := everythingSource(t), DSN(pgtest.DB(t))
			before := dumpOf(t, target)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := Run(ctx, string(source), target, Options{Progress: func(e lakeward.Event) {
				if e.Type == lakeward.EventPhase && e.Phase == phase {
					cancel()
				}
			}})
			if err == nil || ctx.Err() == nil {
				t.Errorf("got %v", err)
			}
			if after := dumpOf(t, target); after != before {
				t.Errorf("the target has changed: %s", after)
			}
			if n := countRowsOf(t, connect(t, target), "SELECT FROM pg_extension"); n != 1 {
				t.Errorf("%d extensions are left", n)
			}
		})
	}
}

func TestPostgresSaysWhatStaysBehind(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, smallPostgres)
	admin, err := DSN(pgtest.Admin(t, string(source))).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSession(context.WithoutCancel(t.Context()), admin) })
	role := "reader_" + newID()
	if _, err := admin.Exec(t.Context(), `
		CREATE ROLE `+role+`;
		GRANT SELECT ON parents TO `+role+`;
		CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
		CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION ev();
		CREATE CAST (colour AS int) WITH INOUT;
		CREATE PUBLICATION out FOR ALL TABLES;`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, dsn := range []DSN{target, source} {
			conn, err := DSN(pgtest.Admin(t, string(dsn))).Connect(ctx)
			if err == nil {
				_, err = conn.Exec(ctx, "DROP OWNED BY "+role)
				closeSession(ctx, conn)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if _, err := admin.Exec(ctx, "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	plan, err := MakePlan(t.Context(), string(source), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := plan.WriteText(&text); err != nil || !strings.Contains(text.String(), "event trigger watch: only a superuser") {
		t.Errorf("%v\n%s", err, text.String())
	}
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	left := map[string]string{}
	for _, l := range report.Left {
		left[l.Kind+" "+l.Name] = l.Draft
	}
	if !strings.Contains(left["event trigger watch"], "CREATE EVENT TRIGGER watch") ||
		!strings.Contains(left["publication out"], "FOR ALL TABLES") || len(left) != 2 || report.Verdict != VerdictExcept {
		t.Errorf("verdict %s, left: %s", report.Verdict, asJSON(t, report.Left))
	}
	var granted bool
	if err := connect(t, target).QueryRow(t.Context(), "SELECT has_table_privilege($1, 'parents', 'SELECT')", role).Scan(&granted); err != nil || !granted {
		t.Errorf("the grant to a role that the target has: %t, %v", granted, err)
	}
}

func TestPostgresNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	source, target := pgtest.DB(t), DSN(pgtest.DB(t))
	for name, test := range map[string]struct {
		source string
		o      Options
		kind   lakeward.Kind
		want   string
	}{
		"a plan":      {source, Options{Plan: &Plan{}}, lakeward.KindInvalid, "a plan is for a SQLite source"},
		"a schema":    {source, Options{Schema: "other"}, lakeward.KindInvalid, "keeps the names of its schemas"},
		"a strategy":  {source, Options{Strategy: SchemaOnly}, lakeward.KindUnsupported, "is for a SQLite source"},
		"a policy":    {source, Options{OnMisfit: PolicyNull}, lakeward.KindUnsupported, "is for a SQLite source"},
		"no server":   {"postgres://127.0.0.1:1/x", Options{}, lakeward.KindUnavailable, "open the source: reach PostgreSQL at 127.0.0.1:1"},
		"no database": {strings.Replace(source, "/test_", "/gone_", 1), Options{}, lakeward.KindNotFound, "open the source: log in to gone_"},
	} {
		if _, err := Run(t.Context(), test.source, target, test.o); lakeward.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %s %v", name, lakeward.KindOf(err), err)
		}
	}
}

// databaseWith makes one more database beside one of a test, with other options.
func databaseWith(t *testing.T, beside DSN, options string) DSN {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	admin, err := DSN(pgtest.Admin(t, string(beside))).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	name := "more_" + newID()
	if _, err := admin.Exec(ctx, `CREATE DATABASE `+name+` OWNER "`+pgtest.Owner+`" TEMPLATE template0 `+options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		closeSession(ctx, admin)
	})
	return DSN(strings.Replace(string(beside), "/"+admin.Config().Database+"?", "/"+name+"?", 1))
}

// TestPostgresKeepsRowsThatDoNotFit migrates texts that are no UTF-8, from a database that takes any bytes for text.
func TestPostgresKeepsRowsThatDoNotFit(t *testing.T) {
	t.Parallel()
	target := DSN(pgtest.DB(t))
	source := databaseWith(t, target, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
	loadScript(t, source, `
		CREATE TABLE notes (id int PRIMARY KEY, note text);
		INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 3000) i;
		UPDATE notes SET note = E'caf\xe9' WHERE id = 7;
		UPDATE notes SET note = NULL WHERE id = 8;
		INSERT INTO notes VALUES (3001, E'\xff'), (3002, E'\xc3\xa9');
		CREATE TABLE copies (id int REFERENCES notes, note text);
		INSERT INTO copies VALUES (7, 'fine'), (9, 'fine')`)
	if _, err := Run(t.Context(), string(source), target, Options{Strict: true}); lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("strict: %v", err)
	}
	done := map[string]lakeward.Event{} // of table notes, by phase
	watch := func(e lakeward.Event) {
		if e.Type == lakeward.EventDone && e.Table == "notes" {
			done[e.Phase] = e
		}
	}
	report, err := Run(t.Context(), string(source), target, Options{chunk: 16 << 10, Progress: watch})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	if done["load"].Rejected != 2 || done["verify"].Done != 3002 || done["verify"].Differing != 0 {
		t.Errorf("events: %s", asJSON(t, done))
	}
	notes := report.table(Table{Target: "notes"})
	if notes.Read != 3002 || notes.Loaded != 3000 || notes.Quarantined != 2 || notes.Verified != 3000 ||
		report.Verdict != VerdictExcept || report.Complete() {
		t.Errorf("report: %s", asJSON(t, report))
	}
	if len(report.Orphans) != 1 || report.Orphans[0].Rows != 1 {
		t.Errorf("orphans: %s", asJSON(t, report.Orphans))
	}
	conn := connect(t, target)
	rows, err := conn.Query(t.Context(), `SELECT key::text || ' ' || "row"::text || ' ' || reason FROM lakeward_quarantine ORDER BY key`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{
		`{"id": "3001"} {"id": "3001", "note": {"text_base64": "/w=="}} invalid byte sequence for encoding "UTF8": 0xff`,
		`{"id": "7"} {"id": "7", "note": {"text_base64": "Y2Fm6Q=="}} invalid byte sequence for encoding "UTF8": 0xe9`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, quarantine (-want +got):\n%s", err, diff)
	}
	if len(notes.Quarantine) != 2 {
		t.Errorf("the report names %s", asJSON(t, notes.Quarantine))
	}
	again, err := Verify(t.Context(), string(source), target, Options{})
	if err != nil || again.Verdict != VerdictExcept || again.table(Table{Target: "notes"}).Quarantined != 2 {
		t.Errorf("verify again: %v\n%s", err, asJSON(t, again))
	}
	if _, err := conn.Exec(t.Context(), "UPDATE notes SET note = 'another' WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	again, err = Verify(t.Context(), string(source), target, Options{Progress: watch})
	if err != nil || again.Verdict != VerdictDifferent || done["verify"].Differing == 0 {
		t.Errorf("verify what differs: %v\n%s\n%s", err, asJSON(t, done), asJSON(t, again))
	}
}

// ownServer starts a PostgreSQL for one test, and returns where its superuser logs in.
func ownServer(t *testing.T) DSN {
	t.Helper()
	config := pgproc.Config{
		Dir: filepath.Join(pgtest.Dir(t), "pg"), Temporary: true, Settings: map[string]string{"max_prepared_transactions": "2"},
	}
	if err := pgproc.Init(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	server, err := pgproc.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return DSN("postgres:///postgres?user=" + pgproc.Superuser + "&sslmode=disable&host=" + server.SocketDir())
}

// TestPostgresNamesRolesThatTheTargetLacks migrates to another server, which has other roles.
func TestPostgresNamesRolesThatTheTargetLacks(t *testing.T) {
	t.Parallel()
	source, target := ownServer(t), DSN(pgtest.DB(t))
	loadScript(t, source, smallPostgres+`
		CREATE ROLE app; CREATE ROLE other;
		GRANT SELECT ON parents TO app; GRANT UPDATE (id) ON children TO app; GRANT SELECT ON parents TO PUBLIC;
		ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
		ALTER DEFAULT PRIVILEGES FOR ROLE other IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
		ALTER TABLE parents ENABLE ROW LEVEL SECURITY;
		CREATE POLICY apps ON parents TO app USING (true);
		CREATE POLICY everybody ON parents USING (colour = 'red');
		ALTER FUNCTION paint OWNER TO other;
		ALTER DATABASE postgres SET search_path TO public, pg_catalog;
		CREATE FUNCTION fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		ALTER TABLE children ADD CONSTRAINT fine CHECK (public.fine(id));
		CREATE OR REPLACE FUNCTION fine(i int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT i > 1'`)
	report, err := Run(t.Context(), string(source), target, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Kind+" "+l.Name)
	}
	want := []string{
		"grant table public.parents to app", "grant table public.children to app", "default privileges of other",
		"database setting search_path", "policy apps on public.parents to",
	}
	slices.Sort(left)
	slices.Sort(want)
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
	if len(report.Checks) != 1 || report.Checks[0].Rows != 1 || report.Verdict != VerdictExcept {
		t.Errorf("verdict %s, checks %s", report.Verdict, asJSON(t, report.Checks))
	}
	conn := connect(t, target)
	if n := countRowsOf(t, conn, report.Checks[0].Query); n != 1 {
		t.Errorf("%s finds %d rows", report.Checks[0].Query, n)
	}
	var everybody, policies, defaults int
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE relname = 'parents' AND a.grantee = 0),
		(SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_default_acl)`).Scan(&everybody, &policies, &defaults)
	if err != nil || everybody != 1 || policies != 1 || defaults != 1 {
		t.Errorf("%d grants to everybody, %d policies, %d default privileges, %v", everybody, policies, defaults, err)
	}
}

// TestPostgresNeedsNoSuperuser migrates as a role that may read on the source, and may make schemas on the target, and
// owns neither database nor schema.
func TestPostgresNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	admin := connect(t, server)
	for _, sql := range []string{
		"CREATE ROLE reader LOGIN IN ROLE pg_read_all_data", "CREATE ROLE writer LOGIN", "CREATE DATABASE source",
		"GRANT CREATE ON DATABASE postgres TO writer", "GRANT CREATE ON SCHEMA public TO writer", "CREATE TABLE public.standing (id int)",
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	sourceAdmin := DSN(strings.Replace(string(server), "/postgres?", "/source?", 1))
	loadScript(t, sourceAdmin, smallPostgres+fewerVisits+"SELECT lo_unlink(99)")
	as := func(dsn DSN, role string) DSN {
		return DSN(strings.Replace(string(dsn), "user="+pgproc.Superuser, "user="+role, 1))
	}
	report, err := Run(t.Context(), string(as(sourceAdmin, "reader")), as(server, "writer"), Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	var owned, strange int64
	err = admin.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE relowner = 'writer'::regrole), count(*) FILTER (WHERE relowner <> 'writer'::regrole)
		FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 's'::regnamespace)`).Scan(&owned, &strange)
	if err != nil || owned < 10 || strange != 1 {
		t.Errorf("%d relations are the writer's, %d are not, %v", owned, strange, err)
	}
	if _, err := admin.Exec(t.Context(), "DROP TABLE public.standing"); err != nil {
		t.Fatal(err)
	}
	requireSameDump(t, sourceAdmin, server, "--no-acl")
}

// TestPostgresGoesOnAfterTheSourceWasLost ends the sessions of the source while rows are loaded.
func TestPostgresGoesOnAfterTheSourceWasLost(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, killedPostgres)
	admin := connect(t, DSN(pgtest.Admin(t, string(target))))
	lost := false
	o := Options{Jobs: 2, chunk: killedChunk, Progress: func(e lakeward.Event) {
		if lost || !loadedTable("")(e) {
			return
		}
		lost = true
		_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, connectionDatabase(t, source))
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := Run(t.Context(), string(source), target, o)
	if !lost || lakeward.KindOf(err) != lakeward.KindUnavailable || !strings.Contains(lakeward.HintOf(err), "same command") {
		t.Fatalf("got %v, hint %q", err, lakeward.HintOf(err))
	}
	report, err := Run(t.Context(), string(source), target, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
}

func connectionDatabase(t *testing.T, dsn DSN) string {
	t.Helper()
	config, err := pgx.ParseConfig(string(dsn))
	if err != nil {
		t.Fatal(err)
	}
	return config.Database
}
