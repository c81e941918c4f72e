package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

const failoverWriters = 8

// benchFailOver measures for how long nobody's commit is acknowledged when the primary of an instance dies or freezes under
// load, with three nodes and with one, and counts what is lost.
func benchFailOver(ctx context.Context, o options) (err error) {
	p, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, c := range []struct {
		nodes  int
		fault  string
		signal syscall.Signal
	}{{3, "killed", syscall.SIGKILL}, {3, "frozen", syscall.SIGSTOP}, {1, "killed", syscall.SIGKILL}} {
		name := fmt.Sprintf("nodes-%d-%s", c.nodes, c.fault)
		if _, err := p.workspace.Create(ctx, databricks.Spec{Name: name, Capacity: "CU_1", Nodes: c.nodes}, nil); err != nil {
			return err
		}
		var outages []time.Duration
		total := 0
		for i := range max(o.rounds, 3) {
			say("failover: %d nodes, primary %s, round %d", c.nodes, c.fault, i+1)
			outage, acknowledged, err := p.failOver(ctx, name, c.signal)
			if err != nil {
				return err
			}
			outages, total = append(outages, outage), total+acknowledged
		}
		fmt.Printf("%d node(s), primary %s under %d writers: no commit for %d ms (median of %s); all %d acknowledged commits are there\n",
			c.nodes, c.fault, failoverWriters, median(outages).Milliseconds(), milliseconds(outages), total)
	}
	return nil
}

// failOver hits the primary of an instance and returns the longest time without an acknowledged commit.
func (p *place) failOver(ctx context.Context, name string, signal syscall.Signal) (time.Duration, int, error) {
	c := lakeward.NewConnector(p.workspace, name, lakeward.ConnectOptions{RootCAs: p.lakebase.Workspace().CAFile})
	conn, err := c.Connect(ctx)
	if err != nil {
		return 0, 0, err
	}
	_, err = conn.Exec(ctx, "DROP TABLE IF EXISTS written; CREATE TABLE written (writer int, number int)")
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, 0, err
	}
	w := &commits{last: time.Now()}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var writers sync.WaitGroup
	for id := range failoverWriters {
		writers.Go(func() { w.run(writing, c, id) })
	}
	err = w.await(ctx, 2000)
	if err == nil {
		w.reset()
		err = hit(filepath.Join(p.dir, "pg", name, "production.nodes", "primary"), signal)
	}
	if err == nil {
		err = w.await(ctx, 2000)
	}
	stop()
	writers.Wait()
	if err != nil {
		return 0, 0, err
	}
	if conn, err = c.Connect(ctx); err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	var there int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM written").Scan(&there); err != nil {
		return 0, 0, err
	}
	// A writer that saw no answer wrote its row, or did not: there may be more, and never less.
	if there < w.count {
		return 0, 0, fmt.Errorf("%d of %d acknowledged commits are lost", w.count-there, w.count)
	}
	return w.longest, w.count, nil
}

// commits counts what was acknowledged.
type commits struct {
	mu      sync.Mutex
	count   int
	last    time.Time
	longest time.Duration
}

// run writes row after row, and connects again when its session is lost.
func (w *commits) run(ctx context.Context, c *lakeward.Connector, id int) {
	for number := 0; ctx.Err() == nil; {
		conn, err := c.Connect(ctx)
		for err == nil {
			number++
			if _, err = conn.Exec(ctx, "INSERT INTO written VALUES ($1, $2)", id, number); err == nil {
				w.note()
			}
		}
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // it was lost
		}
	}
}

func (w *commits) note() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	w.longest = max(w.longest, time.Since(w.last))
	w.last = time.Now()
}

func (w *commits) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = 0
}

// await returns when n more commits were acknowledged.
func (w *commits) await(ctx context.Context, n int) error {
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.count
	}
	goal := count() + n
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for count() < goal {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for commits: %w", context.Cause(ctx))
		}
	}
	return nil
}

// hit sends a signal to the PostgreSQL in a folder: to all of its processes when it is to freeze.
func hit(dir string, signal syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("find PostgreSQL: %w", err)
	}
	pids, _, _ := strings.Cut(string(text), "\n")
	if signal == syscall.SIGSTOP {
		children, err := os.ReadFile("/proc/" + pids + "/task/" + pids + "/children")
		if err != nil {
			return fmt.Errorf("find PostgreSQL's processes: %w", err)
		}
		pids += " " + string(children)
	}
	for word := range strings.FieldsSeq(pids) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("find PostgreSQL: %w", err)
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
