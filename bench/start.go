package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// idleInstances is how many instances rest beside each other when their memory is measured.
const idleInstances = 20

// benchStart measures how long a new instance takes, from the request to the first query that a token let in, beside
// initdb and the start of a PostgreSQL of the same kind; then what each of many idle instances holds of the memory.
func benchStart(ctx context.Context, o options) (err error) {
	p, err := open(ctx) // makes the template too, unless it is there
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var ours, theirs []time.Duration
	for i := range max(o.rounds, 5) {
		say("start: round %d", i+1)
		d, err := p.create(ctx, fmt.Sprintf("round-%d", i))
		if err != nil {
			return err
		}
		ours = append(ours, d)
		if d, err = initdbAndStart(ctx, filepath.Join(p.dir, fmt.Sprintf("initdb-%d", i))); err != nil {
			return err
		}
		theirs = append(theirs, d)
		if err := p.workspace.Delete(ctx, fmt.Sprintf("round-%d", i), nil); err != nil {
			return err
		}
	}
	mine, floor := median(ours), median(theirs)
	fmt.Printf("from POST to the first query with a token: %d ms (%s); initdb and start alone: %d ms: %.2f times\n",
		mine.Milliseconds(), milliseconds(ours), floor.Milliseconds(), mine.Seconds()/floor.Seconds())
	return benchIdle(ctx, p)
}

// create makes an instance and asks it something.
func (p *place) create(ctx context.Context, name string) (time.Duration, error) {
	begun := time.Now()
	if _, err := p.workspace.Create(ctx, databricks.Spec{Name: name, Capacity: "CU_1"}, nil); err != nil {
		return 0, err
	}
	c := lakeward.NewConnector(p.workspace, name, lakeward.ConnectOptions{RootCAs: p.lakebase.Workspace().CAFile})
	conn, err := c.Connect(ctx)
	if err != nil {
		return 0, err
	}
	_, err = conn.Exec(ctx, "SELECT 1")
	return time.Since(begun), errors.Join(err, conn.Close(ctx))
}

// initdbAndStart makes a PostgreSQL as one would without a template.
func initdbAndStart(ctx context.Context, dir string) (time.Duration, error) {
	c := pgproc.Config{Dir: dir}
	begun := time.Now()
	if err := pgproc.Init(ctx, c); err != nil {
		return 0, err
	}
	s, err := pgproc.Start(ctx, c)
	if err != nil {
		return 0, err
	}
	took := time.Since(begun)
	return took, errors.Join(s.Stop(ctx), pgproc.Remove(ctx, dir))
}

// benchIdle measures the memory of many idle PostgreSQL: their proportional set size, in which what they share with each
// other is divided among them.
func benchIdle(ctx context.Context, p *place) error {
	say("start: %d idle instances", idleInstances)
	for i := range idleInstances {
		if _, err := p.create(ctx, fmt.Sprintf("idle-%d", i)); err != nil {
			return err
		}
	}
	var all []float64
	for i := range idleInstances {
		kB, processes, err := memoryOf(filepath.Join(p.dir, "pg", fmt.Sprintf("idle-%d", i), "production"))
		if err != nil {
			return err
		}
		if i == 0 {
			say("start: %d processes for an instance", processes)
		}
		all = append(all, float64(kB)/1024)
	}
	fmt.Printf("%d idle instances: %.1f MB of memory each (median; the largest %.1f MB)\n",
		idleInstances, median(all), slices.Max(all))
	return nil
}

// memoryOf sums what the processes of the PostgreSQL in a folder hold.
func memoryOf(dir string) (kB int64, processes int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0, 0, fmt.Errorf("find PostgreSQL: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, fmt.Errorf("find PostgreSQL: %w", err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", postmaster))
	if err != nil {
		return 0, 0, fmt.Errorf("find PostgreSQL's processes: %w", err)
	}
	for pid := range strings.FieldsSeq(first + " " + string(children)) {
		rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		if err != nil {
			continue // it has ended
		}
		processes++
		for line := range strings.Lines(string(rollup)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				if err != nil {
					return 0, 0, fmt.Errorf("read memory of process %s: %w", pid, err)
				}
				kB += n
			}
		}
	}
	return kB, processes, nil
}

func milliseconds(all []time.Duration) string {
	var words []string
	for _, d := range all {
		words = append(words, strconv.FormatInt(d.Milliseconds(), 10))
	}
	return strings.Join(words, ", ")
}
