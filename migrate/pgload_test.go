package migrate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// twoTables is a source with two tables of about eight megabytes, whose pages nobody but a migration freezes.
const twoTables = `
CREATE TABLE wide (id int PRIMARY KEY, filler text) WITH (autovacuum_enabled = off);
INSERT INTO wide SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 26000) i;
CREATE TABLE other (id int PRIMARY KEY, wide int REFERENCES wide, filler text) WITH (autovacuum_enabled = off);
INSERT INTO other SELECT i, i, repeat(md5(i::text), 8) FROM generate_series(1, 25000) i;
ANALYZE`

// visible is the share of a table's pages whose rows everybody sees, as the statistics have it.
func visible(t *testing.T, dsn DSN, table string) (share float64) {
	t.Helper()
	err := connect(t, dsn).QueryRow(t.Context(),
		"SELECT relallvisible::float8 / relpages FROM pg_class WHERE oid = $1::regclass", table).Scan(&share)
	if err != nil {
		t.Fatal(err)
	}
	return share
}

// TestPostgresWritesFrozen looks for rows that nobody has to visit again. The first piece of a table has them, and the
// pieces that other workers load at the same time are not lost to it.
func TestPostgresWritesFrozen(t *testing.T) {
	t.Parallel()
	source := DSN(pgtest.DB(t))
	loadScript(t, source, twoTables)
	for name, c := range map[string]struct {
		options  Options
		from, to float64
	}{
		"in one piece":      {Options{Jobs: 2}, 1, 1},
		"in several pieces": {Options{Jobs: 4, chunk: 3 << 20}, 0.25, 0.75},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := DSN(pgtest.DB(t))
			report, err := Run(t.Context(), string(source), target, c.options)
			if err != nil {
				t.Fatalf("%v\n%s", err, asJSON(t, report))
			}
			requireIdentical(t, report)
			for _, table := range []string{"wide", "other"} {
				if share := visible(t, target, table); share < c.from || share > c.to {
					t.Errorf("%s: %.2f of the pages are frozen", table, share)
				}
			}
		})
	}
}

// TestPostgresIndexesWhileItLoads holds up the load of one table until the indexes of the other are built.
func TestPostgresIndexesWhileItLoads(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, twoTables)
	conn := connect(t, target)
	var order []string
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := Run(ctx, string(source), target, Options{Jobs: 2, Progress: func(e lakeward.Event) {
		script := ""
		switch {
		case e.Type == lakeward.EventPhase && e.Phase == "load":
			script = "BEGIN; LOCK TABLE " + stages(t, conn)[1] + ".other IN SHARE MODE"
		case e.Type == lakeward.EventDone && e.Message == "key wide_pkey":
			script = "COMMIT"
		}
		if e.Type == lakeward.EventDone && (e.Phase == "load" || e.Phase == "index") {
			order = append(order, e.Phase+" "+e.Table)
		}
		if script == "" {
			return
		}
		if _, err := conn.Exec(ctx, script); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatalf("%v after %q\n%s", err, order, asJSON(t, report))
	}
	requireIdentical(t, report)
	if got := strings.Join(order, ", "); got != "load wide, index wide, load other, index other" {
		t.Error(got)
	}
	if rows := countRowsOf(t, connect(t, target), "SELECT FROM pg_stats WHERE tablename IN ('wide', 'other')"); rows != 5 {
		t.Errorf("%d columns have statistics", rows)
	}
}

func TestForeignKeysOfOneTableAreProvenByOne(t *testing.T) {
	t.Parallel()
	m := &pgMigration{catalog: &pgCatalog{tables: []pgTable{
		{Schema: "s", Name: "small", Rows: 10}, {Schema: "s", Name: "large", Rows: 900}, {Schema: "s", Name: "middle", Rows: 500},
	}}}
	step := func(table, name string) pgStep {
		return pgStep{Kind: "foreign", Schema: "s", Relation: table, Name: name}
	}
	groups := m.byTable([]pgStep{step("small", "a"), step("middle", "b"), step("large", "c"), step("middle", "d")})
	var got []string
	for _, group := range groups {
		for _, s := range group {
			got = append(got, s.Name)
		}
		got = append(got, ";")
	}
	if joined := strings.Join(got, ""); joined != "bd;c;a;" {
		t.Errorf("got %s", joined)
	}
}

// TestPostgresIndexesOverFunctionsThatReadTables has indexes whose functions read another table, called by name and as
// an operator. They are right only when that table is full before, under its own name.
func TestPostgresIndexesOverFunctionsThatReadTables(t *testing.T) {
	t.Parallel()
	source, target := DSN(pgtest.DB(t)), DSN(pgtest.DB(t))
	loadScript(t, source, `
		CREATE TABLE rates (id int PRIMARY KEY, rate int, filler text);
		INSERT INTO rates SELECT i, i * 10, repeat('x', 500) FROM generate_series(1, 2000) i;
		CREATE TABLE orders (id int PRIMARY KEY, rate int);
		INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i;
		CREATE FUNCTION rate_of(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT rate FROM public.rates WHERE id = $1';
		CREATE FUNCTION rates_at(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.rate_of($1) = $2';
		CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = rates_at);
		CREATE INDEX orders_rate ON orders (rate_of(rate));
		CREATE INDEX orders_at ON orders (id) WHERE rate === 50;`)
	report, err := Run(t.Context(), string(source), target, Options{Jobs: 2})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "SET enable_seqscan = off; SET enable_bitmapscan = off"); err != nil {
		t.Fatal(err)
	}
	requireCells(t, conn, map[string]string{
		"SELECT id FROM orders WHERE rate_of(rate) = 50":          "5",
		"SELECT count(*) FROM orders WHERE rate_of(rate) IS NULL": "0",
		"SELECT id FROM orders WHERE rate === 50":                 "5",
	})
}
