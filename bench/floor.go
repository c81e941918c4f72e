package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// way is how the floor reaches the server.
type way int

const (
	endpoint way = iota // as lakeward: over TLS, with a token, through the gate of the local Lakebase
	socket              // as pgloader: over the unix socket, as superuser
)

// suffix tells the ways apart in the names of contenders.
func (w way) suffix() string {
	if w == socket {
		return " over the socket"
	}
	return ""
}

const floorSchema = "floor"

// floor is what any migration has to do at least when it does one thing after the other: COPY of files that are ready
// in PostgreSQL's own binary form, then keys and indexes, then foreign keys, each step over as many connections as
// lakeward uses and with its settings. It reads no SQLite, decides nothing and proves nothing.
type floor struct {
	place     *place
	connector *lakeward.Connector
	taken     bool

	tables           []floorTable // the largest first
	indexes, foreign []string
	validate         []string
}

type floorTable struct {
	name, create, file string
}

func newFloor(p *place) *floor { return &floor{place: p, connector: p.connector()} }

// take makes the files and statements from what lakeward has migrated, once.
func (f *floor) take(ctx context.Context) (err error) {
	if f.taken {
		return nil
	}
	f.taken = true
	conn, err := f.place.connect(ctx, lakeward.DefaultDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := f.takeStatements(ctx, conn); err != nil {
		return fmt.Errorf("read the migrated schema: %w", err)
	}
	for _, t := range f.tables {
		if err := copyOut(ctx, conn, t); err != nil {
			return fmt.Errorf("copy %s into a file: %w", t.name, err)
		}
	}
	return nil
}

// takeStatements reads what builds the schema. Names are left without their schema where the search_path has it.
func (f *floor) takeStatements(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "SET search_path = "+lakewardSchema); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "RESET search_path") }()
	rows, err := conn.Query(ctx, `
		SELECT c.relname::text, format('CREATE TABLE %I (%s)', c.relname,
		       string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
		                  || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY a.attnum))
		  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		 WHERE c.relkind = 'r' AND c.relnamespace = $1::regnamespace AND c.relname <> 'lakeward_quarantine'
		 GROUP BY c.oid ORDER BY pg_table_size(c.oid) DESC`, lakewardSchema)
	if err != nil {
		return err
	}
	f.tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t floorTable, err error) {
		err = row.Scan(&t.name, &t.create)
		t.file = filepath.Join(f.place.dir, t.name+".copy")
		return t, err
	})
	if err != nil {
		return err
	}
	for _, list := range []struct {
		into  *[]string
		query string
	}{
		{&f.indexes, `
			SELECT CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid, 0, true)
			       ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) END
			  FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
			  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
			 WHERE t.relnamespace = $1::regnamespace ORDER BY pg_table_size(t.oid) DESC, i.indisprimary DESC`},
		{&f.foreign, `
			SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname, pg_get_constraintdef(oid))
			  FROM pg_constraint WHERE contype = 'f' AND connamespace = $1::regnamespace`},
		{&f.validate, `
			SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname)
			  FROM pg_constraint WHERE contype = 'f' AND connamespace = $1::regnamespace ORDER BY pg_table_size(conrelid) DESC`},
	} {
		rows, err := conn.Query(ctx, list.query, lakewardSchema)
		if err != nil {
			return err
		}
		if *list.into, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
	}
	return nil
}

func copyOut(ctx context.Context, conn *pgx.Conn, t floorTable) error {
	file, err := os.Create(t.file)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().CopyTo(ctx, file, "COPY "+pgx.Identifier{lakewardSchema, t.name}.Sanitize()+" TO STDOUT (FORMAT binary)")
	return errors.Join(err, file.Close())
}

// over returns the floor on one of the ways as a contender.
func (f *floor) over(w way) contender { return &floorTool{floor: f, way: w} }

type floorTool struct {
	*floor
	way way
}

func (f *floorTool) Name() string { return "floor" + f.way.suffix() }

func (f *floorTool) Prepare(ctx context.Context) error { return f.place.execute(ctx, "CHECKPOINT") }

func (f *floorTool) connect(ctx context.Context) (conn *pgx.Conn, err error) {
	if f.way == socket {
		conn, err = f.place.connect(ctx, lakeward.DefaultDatabase)
	} else {
		conn, err = f.connector.Connect(ctx)
	}
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "SET synchronous_commit = off; SET maintenance_work_mem = '128MB'; SET default_toast_compression = lz4; SET search_path = "+floorSchema)
	return conn, err
}

// Migrate takes the three steps.
func (f *floorTool) Migrate(ctx context.Context) (r result, err error) {
	start := time.Now()
	conn, err := f.connect(ctx)
	if err != nil {
		return r, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+floorSchema); err != nil {
		return r, err
	}
	copied := time.Now()
	steps := []struct {
		name string
		run  func() error
	}{
		{"copy", func() error { return each(ctx, f.connect, f.tables, copyIn) }},
		{"index", func() error { return each(ctx, f.connect, f.indexes, statement) }},
		{"foreign keys", func() error {
			for _, sql := range f.foreign { // locks two tables, but only for a moment
				if err := statement(ctx, conn, sql); err != nil {
					return err
				}
			}
			return each(ctx, f.connect, f.validate, statement)
		}},
	}
	for _, s := range steps {
		if err := s.run(); err != nil {
			return r, err
		}
		r.phases = append(r.phases, migrate.Phase{Name: s.name, Seconds: time.Since(copied).Seconds()})
		copied = time.Now()
	}
	r.wall = time.Since(start)
	return r, nil
}

// copyIn creates and fills a table in one transaction, so that its rows can be written frozen.
func copyIn(ctx context.Context, conn *pgx.Conn, t floorTable) error {
	file, err := os.Open(t.file)
	if err != nil {
		return err
	}
	defer file.Close()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, t.create); err != nil {
			return err
		}
		_, err := conn.PgConn().CopyFrom(ctx, file, "COPY "+pgx.Identifier{t.name}.Sanitize()+" FROM STDIN (FORMAT binary, FREEZE)")
		return err
	})
}

func statement(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.Exec(ctx, sql)
	return err
}

// each hands the items to as many connections as lakeward uses.
func each[T any](ctx context.Context, connect func(context.Context) (*pgx.Conn, error), items []T,
	fn func(context.Context, *pgx.Conn, T) error,
) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan T, len(items))
	for _, item := range items {
		queue <- item
	}
	close(queue)
	for range min(jobs(), len(items)) {
		group.Go(func() error {
			conn, err := connect(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			for item := range queue {
				if err := fn(ctx, conn, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (f *floorTool) Count(ctx context.Context) (int64, error) {
	return f.place.count(ctx, lakeward.DefaultDatabase, floorSchema)
}

func (f *floorTool) Drop(ctx context.Context) error {
	return f.place.execute(ctx, "DROP SCHEMA "+floorSchema+" CASCADE")
}
