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

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// What else a proxy is asked for.
const (
	sharedPort    = 16434
	idlePort      = 16435
	idleAt        = 5430 // of the server for idle sessions
	idleClients   = 5000
	firstQueries  = 20
	sharedClients = 8
)

// more measures what is not a question of throughput: new clients in a second, memory, and the first query.
func (t *tlsServer) more(ctx context.Context, binary string, rounds int, ways []proxyWay) (err error) {
	pid, dsn, stop, err := t.another(ctx, binary, sharedPort, lakeward.DefaultPort, "--mode", "transaction", "--max-conns", "20")
	if err != nil {
		return err
	}
	defer stop()
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
		median(direct), median(through), ratio(through, direct))
	if err := idle(ctx, "transaction", dsn, pid); err != nil {
		return err
	}
	server, err := t.openIdle(ctx, idleAt)
	if err != nil {
		return err
	}
	defer server.close()
	ownPID, own, end, err := t.another(ctx, binary, idlePort, idleAt)
	if err != nil {
		return err
	}
	defer end()
	if err := idle(ctx, "session", own, ownPID); err != nil {
		return err
	}
	return t.firstQuery(ctx)
}

// another starts one more of our proxies, to a port of the instance's address.
func (t *tlsServer) another(ctx context.Context, binary string, port, to int, more ...string) (pid int, dsn string, stop func(), err error) {
	cmd := t.proxy(ctx, binary, port, more...)
	cmd.Env = append(cmd.Env, "PGPORT="+strconv.Itoa(to))
	if err := cmd.Start(); err != nil {
		return 0, "", nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	}
	dsn = t.dsn("host=127.0.0.1 sslmode=disable port=" + strconv.Itoa(port))
	if err := answers(ctx, dsn); err != nil {
		stop()
		return 0, "", nil, err
	}
	return cmd.Process.Pid, dsn, stop, nil
}

// idle prints what clients need of a proxy that are idle.
func idle(ctx context.Context, mode, dsn string, pid int) error {
	before, after, err := idleMemory(ctx, dsn, pid, idleClients)
	if err != nil {
		return err
	}
	fmt.Printf("%d idle clients in %s mode: a peak of %.0f MB, %.0f MB before them, %.1f kB for each\n",
		idleClients, mode, float64(after)/1e6, float64(before)/1e6, float64(after-before)/1e3/idleClients)
	return nil
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
