package browse_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/browse"
	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// connect opens a connection to a database of the test's own, with these statements run.
func connect(t *testing.T, statements string) (*pgx.Conn, string) {
	t.Helper()
	dsn := pgtest.DB(t)
	c := another(t, dsn)
	if _, err := c.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return c, dsn
}

func another(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// see does one look, and fails the test when it fails.
func see[T any](t *testing.T, c *pgx.Conn, do func(context.Context, pgx.Tx) (T, error)) T {
	t.Helper()
	out, err := try(t, c, do)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try[T any](t *testing.T, c *pgx.Conn, do func(context.Context, pgx.Tx) (T, error)) (out T, err error) {
	t.Helper()
	err = browse.Read(t.Context(), c, func(tx pgx.Tx) error {
		out, err = do(t.Context(), tx)
		return err
	})
	return out, err
}

// all reads a table page by page, and returns each row as its values with bars between them.
func all(t *testing.T, c *pgx.Conn, a browse.Ask) (rows []string, order string) {
	t.Helper()
	a.Chars = max(a.Chars, 300)
	for {
		p := see(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) { return browse.Rows(ctx, tx, a) })
		for _, row := range p.Rows {
			var values []string
			for _, cell := range row {
				text := "NULL"
				if cell.Text != nil {
					text = *cell.Text
				}
				values = append(values, text)
			}
			rows = append(rows, strings.Join(values, "|"))
		}
		if len(p.Rows) > a.Limit {
			t.Fatalf("a page of %d has %d rows", a.Limit, len(p.Rows))
		}
		if a.After = p.Next; a.After == "" {
			return rows, p.Order
		}
	}
}

func TestPagesHaveEachRowOnce(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `
		create table keyed (a text, b numeric, c int, primary key (a, b));
		insert into keyed select 'it''s "'||(i % 7)||'" €', i / 3.0, i from generate_series(1, 100) i;
		create table placed (i int); insert into placed select generate_series(1, 2000); delete from placed where i % 2 = 0;
		create view seen as select i from placed order by i;
		create table parted (i int) partition by range (i);
		create table parted1 partition of parted for values from (0) to (50);
		create table parted2 partition of parted for values from (50) to (100);
		insert into parted select generate_series(0, 99);
		create table timed (at timestamptz unique not null, u uuid, f float8);
		insert into timed select now() + i * interval '1.000001 s', gen_random_uuid(), 'nan' from generate_series(1, 40) i;
		create table floats (f float8 primary key); insert into floats values ('-inf'), (0.1), (1e300), ('nan'), (1/3.0::float8);
		create table "A ""b" ("select" int primary key, "x'y" text); insert into "A ""b" values (1, 'one'), (2, null);
		create materialized view held as select i from placed;
		create table empty (i int)`)
	for _, want := range []struct {
		table, order string
		rows         int
	}{
		{"keyed", "key", 100},
		{"placed", "place", 1000},
		{"seen", "none", 1000},
		{"parted", "none", 100},
		{"timed", "key", 40},
		{"floats", "key", 5},
		{`A "b`, "key", 2},
		{"held", "place", 1000},
		{"empty", "place", 0},
	} {
		for _, limit := range []int{1, 7, 500} {
			if want.rows > 500 && limit == 1 {
				continue
			}
			rows, order := all(t, c, browse.Ask{Schema: "public", Table: want.table, Limit: limit})
			distinct := slices.Clone(rows)
			slices.Sort(distinct)
			if distinct = slices.Compact(distinct); len(rows) != want.rows || len(distinct) != want.rows || order != want.order {
				t.Errorf("%s by %d: %d rows, %d different ones, in the order of %s; want %d of %s",
					want.table, limit, len(rows), len(distinct), order, want.rows, want.order)
			}
		}
	}
	rows, _ := all(t, c, browse.Ask{Schema: "public", Table: `A "b`, Limit: 10})
	if !slices.Equal(rows, []string{"1|one", "2|NULL"}) {
		t.Errorf("rows %q", rows)
	}
}

func TestLongValuesAreCutAndNullIsNoText(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `create table t (i int primary key, txt text, raw bytea, doc jsonb, nothing text, empty text, fixed char(5));
		insert into t values (1, repeat('é', 5000), decode(repeat('00ff', 4000), 'hex'), jsonb_build_object('a', repeat('x', 3000)), null, '', 'ab')`)
	p := see(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) {
		return browse.Rows(ctx, tx, browse.Ask{Schema: "public", Table: "t", Limit: 5, Chars: 10})
	})
	row := p.Rows[0]
	for n, want := range []struct {
		text  string
		bytes int64
	}{{"1", 0}, {strings.Repeat("é", 10), 10000}, {`\x` + strings.Repeat("00ff", 5), 8000}, {`{"a": "xxx`, 3009}} {
		if got := row[n]; *got.Text != want.text || got.Bytes != want.bytes || got.Cut != (want.bytes > 0) {
			t.Errorf("%s: %q, cut %t, %d bytes; want %q, %d", p.Columns[n].Name, *got.Text, got.Cut, got.Bytes, want.text, want.bytes)
		}
	}
	if row[4].Text != nil || row[5].Text == nil || *row[5].Text != "" || *row[6].Text != "ab" || row[6].Cut {
		t.Errorf("NULL, an empty text and a padded one are %+v", row[4:])
	}
}

func TestAPageStaysOfAGoodSize(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `create table t (i int primary key, txt text); insert into t select i, repeat('x', 900000) from generate_series(1, 12) i`)
	a := browse.Ask{Schema: "public", Table: "t", Limit: 500, Chars: 1_000_000}
	p := see(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) { return browse.Rows(ctx, tx, a) })
	if len(p.Rows) > 6 || p.Next == "" {
		t.Errorf("a page has %d rows of 900 KB", len(p.Rows))
	}
	if rows, _ := all(t, c, a); len(rows) != 12 {
		t.Errorf("%d rows in all pages", len(rows))
	}
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	c, dsn := connect(t, `create table t (i int); create table log (i int);
		create function trap() returns int language plpgsql as $$ begin insert into log values (1); return 1; end $$;
		create function escape() returns int language plpgsql as $$ begin
			perform set_config('transaction_read_only', 'off', true); insert into log values (1); return 1; end $$;
		create view trapped as select trap(); create view escaping as select escape(); create view broken as select 1 / 0`)
	for _, view := range []string{"trapped", "escaping", "broken"} {
		_, err := try(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) {
			return browse.Rows(ctx, tx, browse.Ask{Schema: "public", Table: view, Limit: 5, Chars: 10})
		})
		if kind := lakeward.KindOf(err); kind != lakeward.KindConflict || lakeward.HintOf(err) == "" {
			t.Errorf("%s: %s, %v", view, kind, err)
		}
	}
	var written int
	if err := another(t, dsn).QueryRow(t.Context(), `select count(*) from log`).Scan(&written); err != nil || written != 0 {
		t.Errorf("%d rows were written, %v", written, err)
	}
}

func TestACursorIsInput(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `create table t (i int primary key); insert into t select generate_series(1, 9);
		create view v as select i from t; create table p (i int); insert into p select generate_series(1, 9)`)
	for _, table := range []string{"t", "v", "p"} {
		next := see(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) {
			return browse.Rows(ctx, tx, browse.Ask{Schema: "public", Table: table, Limit: 2, Chars: 10})
		}).Next
		for _, other := range []string{"t", "v", "p"} {
			for _, after := range []string{next, "x", "W10", "WyJrZXkiLCInOyBkcm9wIHRhYmxlIHQiXQ", "WyJub25lIiwiLTEiXQ", "WyJwbGFjZSIsIngiXQ", "WyJrZXkiLCJcdTAwMDAiXQ"} {
				_, err := try(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Page, error) {
					return browse.Rows(ctx, tx, browse.Ask{Schema: "public", Table: other, Limit: 2, Chars: 10, After: after})
				})
				if good := after == next && other == table; good != (err == nil) || !good && lakeward.KindOf(err) != lakeward.KindInvalid {
					t.Errorf("%s after %q of %s: %v", other, after, table, err)
				}
			}
		}
	}
}

func TestFiveHundredTablesAnswerQuickly(t *testing.T) {
	t.Parallel()
	c, dsn := connect(t, `do $$ begin for i in 1..500 loop
		execute format('create table t%s (id int primary key, name text)', i);
		execute format('insert into t%s select generate_series(1, 3), ''x''', i); end loop; end $$;
		create table large (i int, pad text); insert into large select i, repeat('x', 500) from generate_series(1, 5000) i; analyze large;
		create view v as select 1; create schema lakeward; create table lakeward.settings (i int); create table lakeward_quarantine (i int)`)
	blocker := another(t, dsn)
	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, locked := range []bool{false, true} {
		if locked {
			if _, err := tx.Exec(t.Context(), `lock table t7 in access exclusive mode`); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		tables := see(t, c, func(ctx context.Context, tx pgx.Tx) ([]browse.Table, error) { return browse.Tables(ctx, tx, "", false) })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("locked %t: %s", locked, took)
		}
		counted := 0
		for _, table := range tables {
			switch table.Name {
			case "large":
				if table.Counted != browse.Estimated || table.Rows != 5000 || table.Bytes < 2<<20 {
					t.Errorf("a large table is not estimated: %+v", table)
				}
			case "v":
				if table.Kind != "view" || table.Counted != browse.Unknown {
					t.Errorf("a view: %+v", table)
				}
			case "lakeward_quarantine", "settings":
				t.Errorf("a table of Lakeward's own is shown: %+v", table)
			default:
				if table.Counted == browse.Exact && table.Rows == 3 {
					counted++
				}
			}
		}
		if want := map[bool]int{false: 500, true: 499}[locked]; len(tables) != 502 || counted != want {
			t.Errorf("locked %t: %d tables, %d of the small ones counted, want %d", locked, len(tables), counted, want)
		}
	}
	_ = tx.Rollback(t.Context())
	tables := see(t, c, func(ctx context.Context, tx pgx.Tx) ([]browse.Table, error) {
		return browse.Tables(ctx, tx, "public", true)
	})
	if n := slices.IndexFunc(tables, func(t browse.Table) bool { return t.Name == "large" }); tables[n].Counted != browse.Exact {
		t.Errorf("a large table is not counted when that is wanted: %+v", tables[n])
	}
}

func TestATableIsDefined(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `create schema "My shop"; set search_path = "My shop";
		create table customers (id bigint generated by default as identity primary key, name varchar(40) not null default 'x''y');
		create table orders (id int, customer bigint references customers on delete cascade, cents int check (cents > 0), twice int generated always as (cents * 2) stored, unique (id, customer));
		alter table orders add constraint late check (cents < 10) not valid;
		create index by_cents on orders (cents desc) where cents > 5; comment on column orders.cents is 'in euro';
		create view totals as select customer, sum(cents) from orders group by 1;
		insert into orders values (1, null, 5)`)
	define := func(table string) browse.Definition {
		return see(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Definition, error) {
			return browse.Define(ctx, tx, "My shop", table)
		})
	}
	customers, orders, totals := define("customers"), define("orders"), define("totals")
	text := fmt.Sprintf("%+v", orders)
	for _, says := range []string{
		"{Name:cents Type:integer Nullable:true Default: Identity: Generated: Comment:in euro}", "Generated:(cents * 2)", "Kind:unique Columns:[id customer]",
		"Columns:[customer] ToSchema:My shop ToTable:customers ToColumns:[id] Valid:true", "ON DELETE CASCADE", "{Name:late Valid:false",
		"{Name:orders_cents_check Valid:true Definition:CHECK ((cents > 0))}", "by_cents", "Rows:1 Counted:exact",
	} {
		if !strings.Contains(text, says) {
			t.Errorf("the definition of orders lacks %q: %s", says, text)
		}
	}
	if c := customers.Columns; c[0].Identity != "by default" || c[1].Type != "character varying(40)" || c[1].Nullable || !strings.Contains(c[1].Default, "'x''y'") {
		t.Errorf("columns of customers: %+v", c)
	}
	if k := customers.Keys; len(k) != 1 || k[0].Kind != "primary key" || len(customers.ReferencedBy) != 1 || customers.ReferencedBy[0].Table != "orders" {
		t.Errorf("keys of customers: %+v, %+v", k, customers.ReferencedBy)
	}
	if !strings.Contains(totals.View, "sum(orders.cents)") {
		t.Errorf("the view: %q", totals.View)
	}
	for _, name := range []string{"none", `orders"; drop table orders; --`} {
		_, err := try(t, c, func(ctx context.Context, tx pgx.Tx) (browse.Definition, error) {
			return browse.Define(ctx, tx, "My shop", name)
		})
		if lakeward.KindOf(err) != lakeward.KindNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	schemas := see(t, c, browse.Schemas)
	if len(schemas) != 2 || schemas[1].Name != "My shop" || schemas[1].Tables != 2 || schemas[1].Views != 1 {
		t.Errorf("schemas: %+v", schemas)
	}
}

func TestALookEndsWithWhoeverWantedIt(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, `create view slow as select pg_sleep(600)::text`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := browse.Read(ctx, c, func(tx pgx.Tx) error {
		_, err := browse.Rows(ctx, tx, browse.Ask{Schema: "public", Table: "slow", Limit: 5, Chars: 10})
		return err
	})
	if err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("it has gone on for %s: %v", time.Since(began), err)
	}
}
