package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/lakeward/lakeward"
)

// pgMegabytes is what pg_database_size says of the PostgreSQL source, its indexes included, when nothing else is asked
// for.
const pgMegabytes = 1750

// benchPostgres is the race with a PostgreSQL database: Lakeward, pgcopydb, and pg_dump with pg_restore, all with the
// same number of jobs, over the unix socket, as the superuser.
func benchPostgres(ctx context.Context, o options) (err error) {
	if _, err := exec.LookPath("pgcopydb"); err != nil {
		return lakeward.Errorf(lakeward.KindNotFound, "apt-get install pgcopydb", "find pgcopydb: %w", err)
	}
	p, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	size := pgMegabytes * o.megabytes / wholeMegabytes
	say("generating a PostgreSQL database of %d MB", size)
	if err := p.generatePostgres(ctx, float64(size)/pgMegabytes, o.seed); err != nil {
		return err
	}
	tools := []contender{
		&pgLakeward{pgTarget{place: p}, o.binary}, &pgCopyDB{pgTarget{place: p}}, &pgDumpRestore{pgTarget{place: p}},
	}
	results := map[string][]result{}
	for round := range o.rounds {
		for _, tool := range tools {
			r, err := compete(ctx, p, tool)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", tool.Name(), round+1, err)
			}
			say("round %d: %s %.1f s, %.1f s of processor time in all", round+1, tool.Name(), r.wall.Seconds(), r.all.Seconds())
			results[tool.Name()] = append(results[tool.Name()], r)
		}
		slices.Reverse(tools)
	}
	return p.reportPostgres(ctx, results)
}

// pgTarget is an empty database for one tool at a time.
type pgTarget struct{ place *place }

const targetDatabase = "target"

func (t pgTarget) Prepare(ctx context.Context) error {
	return t.place.execute(ctx, "CREATE DATABASE "+targetDatabase+" TEMPLATE template0", "CHECKPOINT")
}

func (t pgTarget) Count(ctx context.Context) (total int64, err error) {
	for _, schema := range []string{"sales", "content"} {
		n, err := t.place.count(ctx, targetDatabase, schema)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (t pgTarget) Drop(ctx context.Context) error {
	return t.place.execute(ctx, "DROP DATABASE "+targetDatabase+" WITH (FORCE)")
}

// pgLakeward is `lakeward migrate` from one address to another. It compares every row before it says that it is done.
type pgLakeward struct {
	pgTarget
	binary string
}

func (*pgLakeward) Name() string { return "lakeward" }

func (l *pgLakeward) Migrate(ctx context.Context) (result, error) {
	return l.place.lakeward(ctx, l.binary, "migrate", l.place.pgAddress(sourceDatabase), "--to", l.place.pgAddress(targetDatabase))
}

// pgCopyDB is `pgcopydb clone`.
type pgCopyDB struct{ pgTarget }

func (*pgCopyDB) Name() string { return "pgcopydb" }

func (c *pgCopyDB) Migrate(ctx context.Context) (result, error) {
	dir := filepath.Join(c.place.dir, "pgcopydb")
	defer os.RemoveAll(dir)
	n := strconv.Itoa(jobs())
	cmd := exec.CommandContext(ctx, "pgcopydb", "clone", "--source", c.place.pgAddress(sourceDatabase),
		"--target", c.place.pgAddress(targetDatabase), "--dir", dir, "--table-jobs", n, "--index-jobs", n, "--no-owner")
	cmd.Env = without(os.Environ(), "PG")
	return run(cmd)
}

// pgDumpRestore is pg_dump into a folder, and pg_restore from it.
type pgDumpRestore struct{ pgTarget }

func (*pgDumpRestore) Name() string { return "pg_dump" }

func (d *pgDumpRestore) Migrate(ctx context.Context) (result, error) {
	dir := filepath.Join(d.place.dir, "dump")
	defer os.RemoveAll(dir)
	n := strconv.Itoa(jobs())
	dump := exec.CommandContext(ctx, "pg_dump", "--format=directory", "--compress=0", "--jobs="+n, "--file="+dir,
		"--dbname="+d.place.pgAddress(sourceDatabase))
	restore := exec.CommandContext(ctx, "pg_restore", "--jobs="+n, "--no-owner", "--dbname="+d.place.pgAddress(targetDatabase), dir)
	var total result
	for _, cmd := range []*exec.Cmd{dump, restore} {
		cmd.Env = without(os.Environ(), "PG")
		r, err := run(cmd)
		if err != nil {
			return result{}, err
		}
		total.wall, total.cpu, total.peak = total.wall+r.wall, total.cpu+r.cpu, max(total.peak, r.peak)
	}
	return total, nil
}

// reportPostgres prints the medians.
func (p *place) reportPostgres(ctx context.Context, results map[string][]result) error {
	ours := results["lakeward"]
	rows := ours[0].rows
	for name, all := range results {
		for _, r := range all {
			if r.rows != rows {
				return fmt.Errorf("lakeward moved %d rows, and %s %d", rows, name, r.rows)
			}
		}
	}
	server, err := p.version(ctx)
	if err != nil {
		return err
	}
	conn, err := p.connect(ctx, sourceDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var bytes int64
	if err := conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&bytes); err != nil {
		return fmt.Errorf("measure source: %w", err)
	}
	verified := wall(ours)
	mine := verified - phase(ours, verification)
	copied, dumped := wall(results["pgcopydb"]), wall(results["pg_dump"])
	fmt.Printf("%d rows, %d MB of PostgreSQL %s with its indexes into another database; %d processors, %d jobs, medians of %d rounds\n\n",
		rows, bytes>>20, server, runtime.NumCPU(), jobs(), len(ours))
	fmt.Printf("%-36s %9s %10s %9s %12s %13s\n", "", "seconds", "rows/s", "peak MB", "own CPU s", "with server's")
	line("lakeward, every row verified", verified, rows, ours)
	line("lakeward, without its verification", mine, rows, ours)
	line("pgcopydb clone", copied, rows, results["pgcopydb"])
	line("pg_dump -Fd and pg_restore", dumped, rows, results["pg_dump"])
	fmt.Printf("\nlakeward without its verification: %.2f times as fast as pgcopydb (with it %.2f times), %.2f times as fast as pg_dump\n"+
		"and pg_restore (with it %.2f times).\n", copied/mine, copied/verified, dumped/mine, dumped/verified)
	fmt.Printf("lakeward's phases in seconds: %s.\n", phases(ours))
	fmt.Println("Memory is that of a tool's first process: pgcopydb has others, and the tools of PostgreSQL one for each job.")
	return nil
}
