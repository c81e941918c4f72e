package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/examples/helpdesk"
	"github.com/lakeward/lakeward/internal/config"
)

// TestUpDemo is the main job, end to end: the example on a local Lakebase, used by every kind of client, killed,
// started again, and stopped.
func TestUpDemo(t *testing.T) {
	t.Parallel()
	dir := openDir(t)

	first := up(t, dir)
	screen, err := first.until("Ctrl-C stops everything")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The example is migrated and proven.",
		fmt.Sprintf("%d rows of messages without", helpdesk.OrphanMessages),
		fmt.Sprintf("%d rows of ticket_tags without", helpdesk.OrphanTags),
		"1 row in lakeward_quarantine: " + helpdesk.MisfitTable,
		"instance   helpdesk, READY",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen does not say %q:\n%s", want, screen)
		}
	}
	if lines := strings.Count(screen, "\n"); lines > 30 {
		t.Errorf("the screen has %d lines:\n%s", lines, screen)
	}
	before := tickets(t, dir, screen)

	if len(postgresOf(dir)) == 0 {
		t.Error("no postgres found while it runs: the checks below would see nothing")
	}
	if err := first.end(syscall.SIGKILL); err == nil {
		t.Error("killed, and no error?")
	}
	if err := noPostgres(t.Context(), dir); err != nil {
		t.Fatal(err)
	}

	second := up(t, dir)
	screen, err = second.until("Ctrl-C stops everything")
	if err != nil {
		t.Fatal(err)
	}
	if want := "The example is still there: "; !strings.Contains(screen, want) {
		t.Errorf("the screen does not say %q:\n%s", want, screen)
	}
	if after := tickets(t, dir, screen); after != before {
		t.Errorf("%d tickets before kill -9, %d after", before, after)
	}
	if err := second.end(os.Interrupt); err != nil {
		t.Errorf("Ctrl-C is a normal end: %v", err)
	}
	if err := noPostgres(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

// TestUpDemoCompletes kills the first start in the middle of the migration; the next one does the rest.
func TestUpDemoCompletes(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	first, err := startChild(os.Environ(), "up", "--demo", "--json", "--dir", dir, "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.until(`"phase":"load"`); err != nil {
		t.Fatal(err)
	}
	if err := first.end(syscall.SIGKILL); err == nil {
		t.Error("killed, and no error?")
	}

	second, err := startChild(os.Environ(), "up", "--demo", "--json", "--dir", dir, "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	info, err := second.ready()
	if err != nil {
		t.Fatal(err)
	}
	if info.Demo == nil || !info.Demo.Fresh || info.Demo.Verdict == "different" || info.Demo.Rows == 0 {
		t.Errorf("the second start did not complete the first: %+v", info.Demo)
	}
	if err := second.end(os.Interrupt); err != nil {
		t.Error(err)
	}
}

func up(t *testing.T, dir string) *child {
	t.Helper()
	c, err := startChild(os.Environ(), "up", "--demo", "--dir", dir, "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tickets counts the tickets by every way that the screen offers.
func tickets(t *testing.T, dir, screen string) int64 {
	t.Helper()
	const query = "SELECT count(*) FROM tickets"
	counts := map[string]int64{}
	counts["lakeward psql"] = number64(t, output(t, dir, "lakeward", "--dir", dir, "psql", "helpdesk", "-Atc", query))
	line := regexp.MustCompile(`(?m)^ +any client +(.*)$`).FindStringSubmatch(screen)
	if line == nil {
		t.Fatalf("no line for any client in:\n%s", screen)
	}
	counts["plain psql"] = number64(t, output(t, dir, "sh", "-c", line[1]+` -Atc "`+query+`"`))
	connector := demoConnector(t, dir)
	pool, err := connector.Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	db := connector.DB()
	defer db.Close()
	var n, m int64
	if err := pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), query).Scan(&m); err != nil {
		t.Fatal(err)
	}
	counts["pgxpool"], counts["database/sql"] = n, m
	for way, count := range counts {
		if count != n || count == 0 {
			t.Errorf("%s counts %d tickets, pgxpool %d", way, count, n)
		}
	}
	return n
}

// demoConnector is how an application reaches the example.
func demoConnector(t *testing.T, dir string) *lakeward.Connector {
	t.Helper()
	c, err := config.Resolve(config.Flags{Dir: dir}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	ws, err := databricks.Open(context.Background(), databricks.Config{
		Host: c.Workspace.Host.Text, Token: lakeward.Secret(c.Workspace.Token.Text),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Connector(ws, "helpdesk")
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LAKEWARD_DIR="+dir)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s %s: %v: %s", name, args, err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func number64(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
