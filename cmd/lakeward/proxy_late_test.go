package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestAProxyComesUpBeforeItsWorkspace starts a proxy whose local Lakebase is down, as both are after a machine has started.
func TestAProxyComesUpBeforeItsWorkspace(t *testing.T) {
	t.Parallel()
	dir, sockets := openDir(t), t.TempDir()
	lake := startLake(t, dir)
	created, err := startChild(os.Environ(), "instance", "create", "shop", "--dir", dir)
	if err := errors.Join(err, created.wait()); err != nil {
		t.Fatal(err)
	}
	if err := lake.end(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(sockets, "proxy.yaml")
	err = os.WriteFile(config, fmt.Appendf(nil, `
admin: %[1]s/admin.sock
http: %[1]s/http.sock
routes:
  - {name: patient, instance: shop, listen: ["%[1]s/.s.PGSQL.1"], wait: 2m}
  - {name: hasty, instance: shop, listen: ["%[1]s/.s.PGSQL.2"], wait: 1s}
`, sockets), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := startChild(os.Environ(), "proxy", "--config", config, "--dir", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.cancel()
	if _, err := proxy.until("admin  "); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan error, 1)
	go func() { arrived <- askOver(t.Context(), sockets, 1) }()
	refusal, _ := errors.AsType[*pgconn.PgError](askOver(t.Context(), sockets, 2))
	if refusal == nil || refusal.Code != "57P03" || refusal.Hint != "start one with: lakeward up" ||
		refusal.Message != "the local Lakebase in "+dir+" is not running" {
		t.Errorf("the hasty client heard %+v", refusal)
	}
	if status, text := readiness(t, sockets); status != http.StatusServiceUnavailable || !strings.Contains(text, "is not running") {
		t.Errorf("while there is no workspace, readyz: %d %s", status, text)
	}
	lake = startLake(t, dir) // at another address
	if err := <-arrived; err != nil {
		t.Errorf("the patient client heard %v", err)
	}
	if status, text := readiness(t, sockets); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, text)
	}
	if err := proxy.end(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := lake.end(os.Interrupt); err != nil {
		t.Error(err)
	}
}

// askOver asks something over a unix socket.
func askOver(ctx context.Context, folder string, port int) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=app dbname=databricks_postgres", folder, port))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

// readiness asks a proxy whether it is ready.
func readiness(t *testing.T, folder string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(folder, "http.sock"))
		},
	}}
	response, err := client.Get("http://proxy/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
