package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// What else a proxy is asked for.
const (
	sharedPort    = 16434
	idleShared    = 5000 // clients
	idleOwn       = 150  // clients with a session of their own on the server, of which PgBouncer keeps some as well
	firstQueries  = 20
	sharedClients = 8
)

// more measures what is not a question of throughput: new clients in a second, memory, and the first query.
func (t *tlsServer) more(ctx context.Context, binary string, rounds int, ways []proxyWay) (err error) {
	shared := t.proxy(ctx, binary, sharedPort, "--mode", "transaction", "--max-conns", "20")
	if err := shared.Start(); err != nil {
		return fmt.Errorf("start %s: %w", shared.Path, err)
	}
	defer func() {
		_ = shared.Process.Signal(syscall.SIGINT)
		_ = shared.Wait()
	}()
	dsn := t.dsn("host=127.0.0.1 sslmode=disable port=" + strconv.Itoa(sharedPort))
	if err := answers(ctx, dsn); err != nil {
		return err
	}
	var direct, through []float64
	for range rounds {
		for _, w := range []struct {
			dsn  string
			rate *[]float64
		}{{ways[0].dsn, &direct}, {dsn, &through}} {
			rate, err := newClients(ctx, w.dsn)
			if err != nil {
				return err
			}
			*w.rate = append(*w.rate, rate)
		}
	}
	fmt.Printf("\nnew clients in a second, each with one query: direct, TLS %.0f; lakeward proxy, transaction mode %.0f: %.1f times as many\n",
		median(direct), median(through), median(through)/median(direct))
	for _, idle := range []struct {
		name, dsn    string
		pid, clients int
	}{
		{"transaction mode", dsn, shared.Process.Pid, idleShared}, {"session mode", ways[1].dsn, ways[1].pid, idleOwn},
	} {
		before, after, err := idleMemory(ctx, idle.dsn, idle.pid, idle.clients)
		if err != nil {
			return err
		}
		fmt.Printf("%d idle clients in %s: a peak of %.0f MB, %.0f MB before them, %.1f kB for each\n",
			idle.clients, idle.name, float64(after)/1e6, float64(before)/1e6, float64(after-before)/1e3/float64(idle.clients))
	}
	return t.firstQuery(ctx)
}

var tpsWith = regexp.MustCompile(`tps = ([0-9.]+) \(including reconnection times\)`)

func newClients(ctx context.Context, dsn string) (float64, error) {
	out, err := exec.CommandContext(ctx, "pgbench", "-n", "-S", "-C", "-c", strconv.Itoa(sharedClients), "-j", "2",
		"-T", strconv.Itoa(proxySeconds), dsn).CombinedOutput()
	m := tpsWith.FindSubmatch(out)
	if err != nil || m == nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	return rate, err
}

// idleMemory returns the most memory that a process has had, before and with a number of idle clients.
func idleMemory(ctx context.Context, dsn string, pid, clients int) (before, after int64, err error) {
	done := make(chan struct{})
	close(done)
	before = peakMemory(pid, done)
	var open []*pgconn.PgConn
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close(ctx))
		}
	}()
	for range clients {
		c, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return 0, 0, fmt.Errorf("idle client %d: %w", len(open)+1, err)
		}
		open = append(open, c)
	}
	return before, peakMemory(pid, done), nil
}

// clocked is a workspace that takes the time of its calls.
type clocked struct {
	lakeward.Workspace
	spent time.Duration
}

func (c *clocked) Instance(ctx context.Context, name string) (lakeward.Instance, error) {
	defer c.since(time.Now())
	return c.Workspace.Instance(ctx, name)
}

func (c *clocked) Credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error) {
	defer c.since(time.Now())
	return c.Workspace.Credential(ctx, i)
}

func (c *clocked) since(began time.Time) { c.spent += time.Since(began) }

// firstQuery measures what the library adds to the calls of the API until its first query is answered.
func (t *tlsServer) firstQuery(ctx context.Context) error {
	w := t.place.lakebase.Workspace()
	var all, beyond []float64
	for range firstQueries {
		ws, err := databricks.Open(ctx, databricks.Config{Host: w.Host, Token: lakeward.Secret(w.Token)})
		if err != nil {
			return err
		}
		calls := &clocked{Workspace: ws}
		began := time.Now()
		conn, err := lakeward.NewConnector(calls, instance, lakeward.ConnectOptions{RootCAs: t.roots, Port: lakeward.DefaultPort}).Connect(ctx)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "SELECT 1")
		took := time.Since(began)
		if err = errors.Join(err, conn.Close(ctx)); err != nil {
			return fmt.Errorf("first query: %w", err)
		}
		all, beyond = append(all, took.Seconds()*1e3), append(beyond, (took-calls.spent).Seconds()*1e3)
	}
	fmt.Printf("the library's first query: %.1f ms, of them %.1f ms beyond the calls of the API\n", median(all), median(beyond))
	return nil
}
