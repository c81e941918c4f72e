package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/examples/helpdesk"
	"github.com/lakeward/lakeward/migrate"
)

// demoInstance is the name of the example's instance.
const demoInstance = "helpdesk"

// Demo is the example: a SQLite file that was migrated to an instance.
type Demo struct {
	Source   string // the SQLite file
	Instance lakeward.Instance
	Port     int    // of its endpoint
	User     string // the PostgreSQL role
	Fresh    bool   // it was migrated just now, and not by an earlier start

	Report     *migrate.Report // of the migration
	ReportFile string          // the same as text

	Tables int   // that the instance has now
	Rows   int64 // in them
}

// demo is one start of the example. Every step finds what an earlier start has finished and does the rest, so that a
// start that was killed in the middle is completed by the next.
type demo struct {
	dir      string // for the source and the reports
	port     int    // of the endpoint
	ws       *databricks.Workspace
	target   *lakeward.Connector
	progress lakeward.Progress
}

func loadDemo(ctx context.Context, r Ready, port int, progress lakeward.Progress) (*Demo, error) {
	ws, err := databricks.Open(ctx, databricks.Config{Host: r.Workspace.Host, Token: lakeward.Secret(r.Workspace.Token)})
	if err != nil {
		return nil, err
	}
	port = cmp.Or(port, lakeward.DefaultPort)
	d := &demo{
		dir: filepath.Join(r.Dir, "demo"), port: port, ws: ws, progress: progress,
		target: lakeward.NewConnector(ws, demoInstance, lakeward.ConnectOptions{RootCAs: r.Workspace.CAFile, Port: port}),
	}
	return d.load(ctx)
}

func (d *demo) load(ctx context.Context) (*Demo, error) {
	out := &Demo{
		Source: filepath.Join(d.dir, "helpdesk.db"), ReportFile: filepath.Join(d.dir, "report.txt"), Port: d.port,
	}
	if err := d.makeSource(ctx, out.Source); err != nil {
		return nil, err
	}
	var err error
	if out.Instance, err = d.makeInstance(ctx); err != nil {
		return nil, err
	}
	me, err := d.ws.Me(ctx)
	if err != nil {
		return nil, err
	}
	out.User = me.UserName
	if err := d.count(ctx, out); err != nil {
		return nil, err
	}
	if out.Fresh = out.Tables == 0; !out.Fresh {
		out.Report, err = d.recall(ctx, out.Source)
		return out, err
	}
	options := migrate.Options{TargetName: demoInstance, WorkDir: filepath.Join(d.dir, "work"), Progress: d.progress}
	if out.Report, err = migrate.Run(ctx, out.Source, d.target, options); err != nil {
		return nil, err
	}
	if err := d.keep(out.Report); err != nil {
		return nil, err
	}
	return out, d.count(ctx, out)
}

func (d *demo) makeSource(ctx context.Context, path string) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return fmt.Errorf("make the example's folder: %w", err)
	}
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.progress.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: "example", Message: "write the help desk's SQLite file"})
	return helpdesk.Create(ctx, path, helpdesk.Options{})
}

// makeInstance returns the example's instance when it accepts logins.
func (d *demo) makeInstance(ctx context.Context) (lakeward.Instance, error) {
	i, err := d.ws.Instance(ctx, demoInstance)
	switch {
	case lakeward.KindOf(err) == lakeward.KindNotFound:
		d.progress.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: "instance", Message: "create instance " + demoInstance})
		return d.ws.Create(ctx, databricks.Spec{Name: demoInstance, Capacity: "CU_1"}, d.progress)
	case err != nil || i.Status == lakeward.StatusReady:
		return i, err
	}
	d.progress.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: "instance", Message: "start instance " + demoInstance})
	return d.ws.Start(ctx, demoInstance, d.progress)
}

// count looks at what the instance holds. The swap at the end of a migration is one transaction: either all tables are
// there, or none.
func (d *demo) count(ctx context.Context, out *Demo) error {
	conn, err := d.target.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT oid::regclass::text FROM pg_catalog.pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'lakeward_quarantine'`)
	if err != nil {
		return fmt.Errorf("list the example's tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the example's tables: %w", err)
	}
	out.Tables, out.Rows = len(tables), 0
	for _, table := range tables {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return fmt.Errorf("count the rows of %s: %w", table, err)
		}
		out.Rows += n
	}
	return nil
}

// keep stores the report beside the source, for people and for the next start.
func (d *demo) keep(r *migrate.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "report.json"), data, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	text, err := os.Create(filepath.Join(d.dir, "report.txt"))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(r.WriteText(text), text.Close())
}

// recall returns the report of the migration by an earlier start. One that was killed between the migration and its
// report has left none: then source and target are compared again.
func (d *demo) recall(ctx context.Context, source string) (*migrate.Report, error) {
	var r migrate.Report
	data, err := os.ReadFile(filepath.Join(d.dir, "report.json"))
	if err == nil && json.Unmarshal(data, &r) == nil {
		return &r, nil
	}
	again, err := migrate.Verify(ctx, source, d.target,
		migrate.Options{TargetName: demoInstance, WorkDir: filepath.Join(d.dir, "work"), Progress: d.progress})
	if err != nil {
		return nil, err
	}
	return again, d.keep(again)
}
