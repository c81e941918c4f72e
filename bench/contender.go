package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// contender is a tool that migrates the source.
type contender interface {
	Name() string
	Prepare(ctx context.Context) error // makes an empty target
	Migrate(ctx context.Context) (result, error)
	Count(ctx context.Context) (int64, error) // the target's rows
	Drop(ctx context.Context) error
}

// lakewardTool is `lakeward migrate`: into the instance, or on pgloader's way. It verifies every row before it says that
// it is done.
type lakewardTool struct {
	binary, source string
	place          *place
	way            way
	migrated       func(context.Context) error // sees the target before it is dropped
}

const lakewardSchema = "bench"

// jobs is how many connections lakeward and the floor work with: lakeward's default.
func jobs() int { return min(4, runtime.NumCPU()) }

func (l *lakewardTool) Name() string { return "lakeward" + l.way.suffix() }

// lakewardDatabase is what lakeward migrates into over the socket.
const lakewardDatabase = "lakeward"

func (l *lakewardTool) Prepare(ctx context.Context) error {
	if l.way == socket {
		return l.place.createOwned(ctx, lakewardDatabase)
	}
	return l.place.execute(ctx, "CHECKPOINT")
}

func (l *lakewardTool) Migrate(ctx context.Context) (result, error) {
	to := instance
	if l.way == socket {
		to = fmt.Sprintf("postgres:///%s?host=%s&port=%d&user=%[1]s&sslmode=disable", lakewardDatabase, l.place.socket, lakeward.DefaultPort)
	}
	return l.run(ctx, "migrate", l.source, "--to", to)
}

// Export writes the migrated database into a new file.
func (l *lakewardTool) Export(ctx context.Context, path string) (result, error) {
	return l.run(ctx, "export", instance, path)
}

func (l *lakewardTool) run(ctx context.Context, args ...string) (result, error) {
	return l.place.lakeward(ctx, l.binary, append(args, "--schema", lakewardSchema)...)
}

// lakeward runs the binary at the place, and takes the phases from its report.
func (p *place) lakeward(ctx context.Context, binary string, args ...string) (result, error) {
	file := filepath.Join(p.dir, "report.json")
	cmd := exec.CommandContext(ctx, binary, append(args, "--jobs", strconv.Itoa(jobs()), "--report", file)...)
	// The environment may name another workspace.
	cmd.Env = append(without(os.Environ(), "DATABRICKS_", "LAKEWARD_", "PG"), "LAKEWARD_DIR="+p.dir)
	r, err := run(cmd)
	if err != nil {
		return result{}, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return result{}, fmt.Errorf("read report: %w", err)
	}
	var report migrate.Report
	if err := json.Unmarshal(data, &report); err != nil {
		return result{}, fmt.Errorf("read report: %w", err)
	}
	r.phases = report.Phases
	return r, nil
}

func (l *lakewardTool) Count(ctx context.Context) (int64, error) {
	if l.way == socket {
		return l.place.count(ctx, lakewardDatabase, lakewardSchema)
	}
	return l.place.count(ctx, lakeward.DefaultDatabase, lakewardSchema)
}

func (l *lakewardTool) Drop(ctx context.Context) error {
	if l.way == socket {
		return l.place.dropOwned(ctx, lakewardDatabase)
	}
	if l.migrated != nil {
		if err := l.migrated(ctx); err != nil {
			return err
		}
	}
	return l.place.execute(ctx, "DROP SCHEMA "+lakewardSchema+" CASCADE")
}

// pgloaderTool is pgloader into a database of its own, as that database's owner.
type pgloaderTool struct {
	source string
	place  *place
}

const pgloaderDatabase = "pgloader"

// pgloaderSettings are the fastest of those tried on two processors. With a larger prefetch or batch Debian's build runs
// out of its gigabyte of heap.
const pgloaderSettings = "workers = 4, concurrency = 1, batch rows = 25000, batch size = 20MB, prefetch rows = 5000"

const pgloaderScript = `LOAD DATABASE
     FROM sqlite://%s
     INTO postgresql://%s@unix:%s:%d/%s
     WITH include drop, create tables, create indexes, reset sequences, foreign keys, %s
      SET maintenance_work_mem to '256MB', work_mem to '64MB';
`

func (p *pgloaderTool) Name() string { return "pgloader" }

func (p *pgloaderTool) Prepare(ctx context.Context) error {
	return p.place.createOwned(ctx, pgloaderDatabase)
}

func (p *pgloaderTool) Migrate(ctx context.Context) (result, error) {
	script := filepath.Join(p.place.dir, "bench.load")
	text := fmt.Sprintf(pgloaderScript, p.source, pgloaderDatabase, p.place.socket, lakeward.DefaultPort, pgloaderDatabase,
		pgloaderSettings)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return result{}, fmt.Errorf("write pgloader's command: %w", err)
	}
	cmd := exec.CommandContext(ctx, "pgloader", "--root-dir", filepath.Join(p.place.dir, "pgloader"), script)
	return run(cmd)
}

func (p *pgloaderTool) Count(ctx context.Context) (int64, error) {
	return p.place.count(ctx, pgloaderDatabase, "public")
}

func (p *pgloaderTool) Drop(ctx context.Context) error {
	return p.place.dropOwned(ctx, pgloaderDatabase)
}

// without leaves out the variables that begin with one of the prefixes.
func without(environ []string, prefixes ...string) []string {
	var kept []string
next:
	for _, v := range environ {
		for _, p := range prefixes {
			if strings.HasPrefix(v, p) {
				continue next
			}
		}
		kept = append(kept, v)
	}
	return kept
}
