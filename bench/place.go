package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/standin"
)

const instance = "bench"

// place is where the race is run: a local Lakebase with one instance.
type place struct {
	lakebase  *standin.Lakebase
	workspace *databricks.Workspace
	dir       string // the local Lakebase's folder
	socket    string // the folder of the instance's unix socket
}

func open(ctx context.Context) (p *place, err error) { return openAt(ctx, 0) }

// openAt is open with another port for the endpoints than PostgreSQL's.
func openAt(ctx context.Context, port int) (p *place, err error) {
	dir, err := os.MkdirTemp("", "lakeward-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	p = &place{dir: dir, socket: filepath.Join(dir, "pg", instance, "production", pgproc.SocketFolder)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := os.Chmod(dir, 0o711); err != nil { // as root, PostgreSQL's own user must pass
		return p, fmt.Errorf("open folder to PostgreSQL: %w", err)
	}
	p.lakebase, err = standin.Start(ctx, standin.Options{Dir: dir, API: "127.0.0.1:0", Port: port, NoPast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return p, fmt.Errorf("start local Lakebase: %w", err)
	}
	w := p.lakebase.Workspace()
	p.workspace, err = databricks.Open(ctx, databricks.Config{Host: w.Host, Token: lakeward.Secret(w.Token)})
	if err != nil {
		return p, fmt.Errorf("sign in to local Lakebase: %w", err)
	}
	_, err = p.workspace.Create(ctx, databricks.Spec{Name: instance}, nil)
	return p, err
}

// Close stops everything and removes the folder.
func (p *place) Close() error {
	var err error
	if p.lakebase != nil {
		err = p.lakebase.Close()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// connector reaches the instance as an application does.
func (p *place) connector() *lakeward.Connector {
	return lakeward.NewConnector(p.workspace, instance, lakeward.ConnectOptions{RootCAs: p.lakebase.Workspace().CAFile})
}

// cpu is the processor time that PostgreSQL and this process, which has the gate, have used until now.
func (p *place) cpu() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	total := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	text, _ := os.ReadFile(filepath.Join(filepath.Dir(p.socket), "postmaster.pid"))
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, _ := strconv.Atoi(line)
	ticks := processTicks(postmaster, true)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	for child := range strings.FieldsSeq(string(children)) {
		pid, _ := strconv.Atoi(child)
		ticks += processTicks(pid, false)
	}
	return total + time.Duration(ticks)*time.Second/ticksPerSecond
}

// ticksPerSecond is the unit of /proc on every Linux that Go knows.
const ticksPerSecond = 100

// processTicks reads the processor time of a process, and of its children that have ended.
func processTicks(pid int, ended bool) (ticks int64) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // utime, stime, cutime and cstime are 14 to 17 of all, which begin at 3 here
	for i := 11; i < len(fields) && (i < 13 || ended && i < 15); i++ {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		ticks += n
	}
	return ticks
}

// execute runs statements as the superuser, whom only the unix socket lets in.
func (p *place) execute(ctx context.Context, statements ...string) error {
	return p.executeIn(ctx, lakeward.DefaultDatabase, statements...)
}

// executeIn is execute in another database.
func (p *place) executeIn(ctx context.Context, database string, statements ...string) error {
	conn, err := p.connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("execute %q: %w", s, err)
		}
	}
	return nil
}

// createOwned makes a database, and the role of the same name that owns it.
func (p *place) createOwned(ctx context.Context, name string) error {
	return p.execute(ctx, "DROP ROLE IF EXISTS "+name, "CREATE ROLE "+name+" LOGIN",
		"CREATE DATABASE "+name+" OWNER "+name, "CHECKPOINT")
}

func (p *place) dropOwned(ctx context.Context, name string) error {
	return p.execute(ctx, "DROP DATABASE "+name+" WITH (FORCE)", "DROP ROLE "+name)
}

// count returns the rows of all tables of a schema.
func (p *place) count(ctx context.Context, database, schema string) (total int64, err error) {
	conn, err := p.connect(ctx, database)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	const query = `
		SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(
		           format('SELECT count(*) AS n FROM %I.%I', schemaname, tablename), false, true, '')))[1]::text::bigint), 0)
		  FROM pg_catalog.pg_tables WHERE schemaname = $1`
	if err := conn.QueryRow(ctx, query, schema).Scan(&total); err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	return total, nil
}

func (p *place) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	c.Host, c.Port, c.User, c.Database, c.Fallbacks = p.socket, lakeward.DefaultPort, pgproc.Superuser, database, nil
	return pgx.ConnectConfig(ctx, c)
}
