// Command bench measures what Lakeward is for, beside what it competes with, in one run and on one machine. It has
// parts, and runs those that -only names, or all:
//
//	sqlite    a generated SQLite database of about 1.2 GB and twelve million rows into PostgreSQL: with `lakeward migrate`,
//	          with pgloader, and the floor: files that COPY has made, copied in, with keys, indexes and foreign keys
//	values    texts, blobs and JSON of 100 MB, there and back: the memory that they take
//	link      through a link of 20 ms and 200 Mbit/s, in a network namespace where root may make one: how much of it the
//	          load uses
//	pg        a generated PostgreSQL database of 1.75 GB into another one: with `lakeward migrate`, with `pgcopydb clone`,
//	          and with pg_dump and pg_restore, each over the unix socket with the same number of jobs
//	proxy     pgbench and a bulk copy through `lakeward proxy`, beside PgBouncer and the way without a proxy, in front of a
//	          PostgreSQL that speaks TLS
//	start     a new instance, from the request to the first query with a token, beside initdb and start; and the memory of
//	          twenty idle ones
//	failover  how long no commit is acknowledged when the primary dies or freezes under load, with three nodes and with one;
//	          it fails when one is lost
//
//	go run ./bench            from the module's root; make bench builds and installs what it needs
//	go run ./bench -size 100  a smaller database
//
// The PostgreSQL is a local Lakebase's own in a temporary folder. Lakeward reaches it from SQLite as it would reach
// Lakebase: over TLS, with a token, as a role that is no superuser. pgloader knows no tokens: it gets the shorter way, the
// unix socket of the same server. Lakeward and the floor are measured on both ways. Memory and processor time are read from /proc, so figures of them are
// Linux's.
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
	"strings"
	"syscall"

	"github.com/lakeward/lakeward"
)

type options struct {
	megabytes int
	rounds    int
	seed      uint64
	cache     string
	binary    string // of lakeward
}

// part is one comparison. It prints what it found.
type part struct {
	name string
	run  func(ctx context.Context, o options) error
}

var parts = []part{
	{"sqlite", benchSQLite},
	{"values", benchValues},
	{"link", benchLink},
	{"pg", benchPostgres},
	{"proxy", benchProxy},
	{"start", benchStart},
	{"failover", benchFailOver},
}

func main() {
	var o options
	var only string
	flag.IntVar(&o.megabytes, "size", wholeMegabytes, "size of the generated database in megabytes, roughly")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each tool migrates it")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the generated database")
	flag.StringVar(&o.cache, "cache", cacheFolder(), "folder where generated databases are kept")
	flag.StringVar(&only, "only", "", "parts to run, with commas between: "+partNames())
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o, only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if hint := lakeward.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		stop()
		os.Exit(1)
	}
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func cacheFolder() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "lakeward", "bench")
}

// bench runs the parts that only names.
func bench(ctx context.Context, o options, only string) (err error) {
	if o.rounds < 1 || o.megabytes < 1 {
		return errors.New("-rounds and -size must be at least 1")
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if o.binary, err = build(ctx); err != nil {
		return err
	}
	for i, p := range chosen {
		if i > 0 {
			fmt.Println()
		}
		if err := p.run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func choose(only string) (chosen []part, err error) {
	if only == "" {
		return parts, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(parts, func(p part) bool { return p.name == strings.TrimSpace(name) })
		if at < 0 {
			return nil, fmt.Errorf("-only %s: the parts are %s", name, partNames())
		}
		chosen = append(chosen, parts[at])
	}
	return chosen, nil
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
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// ratio is the median of what two contenders' figures of the same round have to each other.
func ratio(of, to []float64) float64 {
	each := make([]float64, len(of))
	for i := range of {
		each[i] = of[i] / to[i]
	}
	return median(each)
}
