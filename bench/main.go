// Command bench measures what Lakeward is for beside the tool that people use today: it migrates one generated SQLite
// database of about a gigabyte and ten million rows into one PostgreSQL, with `lakeward migrate` and with pgloader in
// turn, and prints the medians.
//
//	go run ./bench            from the module's root; make bench builds and installs what it needs
//	go run ./bench -size 100  a tenth of it
//
// The PostgreSQL is a local Lakebase's own in a temporary folder. Lakeward reaches it as it would reach Lakebase: over
// TLS, with a token, as a role that is no superuser. pgloader gets the shorter way, the unix socket of the same server.
// Memory is read from /proc, so figures of it are Linux's.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/lakeward/lakeward"
)

type options struct {
	megabytes int
	rounds    int
	seed      uint64
	cache     string
}

func main() {
	var o options
	flag.IntVar(&o.megabytes, "size", 1024, "size of the generated database in megabytes, roughly")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each tool migrates it")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the generated database")
	flag.StringVar(&o.cache, "cache", cacheFolder(), "folder where generated databases are kept")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if hint := lakeward.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		stop()
		os.Exit(1)
	}
}

func cacheFolder() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "lakeward", "bench")
}

func bench(ctx context.Context, o options) (err error) {
	if o.rounds < 1 || o.megabytes < 1 {
		return errors.New("-rounds and -size must be at least 1")
	}
	if _, err := exec.LookPath("pgloader"); err != nil {
		return lakeward.Errorf(lakeward.KindNotFound, "apt-get install pgloader", "find pgloader: %w", err)
	}
	binary, err := build(ctx)
	if err != nil {
		return err
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

	tools := []contender{&lakewardTool{binary: binary, source: source, place: p}, &pgloaderTool{source: source, place: p}}
	results := make(map[string][]result)
	for round := range o.rounds {
		for _, tool := range tools {
			r, err := compete(ctx, tool)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", tool.Name(), round+1, err)
			}
			say("round %d: %s %.1f s, %d MB", round+1, tool.Name(), r.wall.Seconds(), r.peak>>20)
			results[tool.Name()] = append(results[tool.Name()], r)
		}
		slices.Reverse(tools) // neither always meets the warmer cache
	}
	return report(ctx, p, source, results)
}

// compete lets a tool migrate into an empty target, counts what has arrived and drops it again.
func compete(ctx context.Context, tool contender) (result, error) {
	if err := tool.Prepare(ctx); err != nil {
		return result{}, err
	}
	r, err := tool.Migrate(ctx)
	if err != nil {
		return result{}, err
	}
	if r.rows, err = tool.Count(ctx); err != nil {
		return result{}, err
	}
	return r, tool.Drop(ctx)
}

// build builds bin/lakeward, as make build does.
func build(ctx context.Context) (string, error) {
	path, err := filepath.Abs(filepath.Join("bin", "lakeward"))
	if err != nil {
		return "", fmt.Errorf("build lakeward: %w", err)
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/lakeward").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build lakeward (from the module's root): %w\n%s", err, out)
	}
	return path, nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// median of a few measurements.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
