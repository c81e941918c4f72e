package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"

	"github.com/lakeward/lakeward"
)

// benchSQLite is the race with a SQLite database.
func benchSQLite(ctx context.Context, o options) (err error) {
	if _, err := exec.LookPath("pgloader"); err != nil {
		return lakeward.Errorf(lakeward.KindNotFound, "apt-get install pgloader", "find pgloader: %w", err)
	}
	say("generating, or finding, a database of %d MB in %s", o.megabytes, o.cache)
	source, err := cached(ctx, o.cache, o.megabytes, o.seed)
	if err != nil {
		return err
	}
	p, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	plain, err := plainer(ctx, source, p.dir)
	if err != nil {
		return err
	}

	ours := &lakewardTool{binary: o.binary, source: source, place: p}
	floor := newFloor(p)
	ours.migrated = floor.take // what COPY is to copy
	short := &lakewardTool{binary: o.binary, source: source, place: p, way: socket}
	tools := []contender{ours, floor.over(endpoint), short, floor.over(socket), &pgloaderTool{source: plain, place: p}}
	results := make(map[string][]result)
	for round := range o.rounds {
		for _, tool := range tools {
			r, err := compete(ctx, p, tool)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", tool.Name(), round+1, err)
			}
			say("round %d: %s %.1f s, %.1f s of processor time in all", round+1, tool.Name(), r.wall.Seconds(), r.all.Seconds())
			results[tool.Name()] = append(results[tool.Name()], r)
		}
		slices.Reverse(tools) // nobody always meets the warmer cache
	}
	return report(ctx, p, source, results)
}

// compete lets a tool migrate into an empty target, counts what has arrived and drops it again.
func compete(ctx context.Context, p *place, tool contender) (result, error) {
	if err := tool.Prepare(ctx); err != nil {
		return result{}, err
	}
	syscall.Sync() // nobody waits for what others have written
	before := p.cpu()
	r, err := tool.Migrate(ctx)
	if err != nil {
		return result{}, err
	}
	r.all = r.cpu + p.cpu() - before
	if r.rows, err = tool.Count(ctx); err != nil {
		return result{}, err
	}
	return r, tool.Drop(ctx)
}
