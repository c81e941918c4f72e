package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/store"
)

type instanceCmd struct {
	Create instanceCreateCmd `cmd:"" help:"Create an instance and wait until it accepts logins."`
	List   instanceListCmd   `cmd:"" help:"List the instances of the workspace."`
	Show   instanceShowCmd   `cmd:"" help:"Show one instance."`
	Resize instanceResizeCmd `cmd:"" help:"Change the size of an instance."`
	Stop   instanceStopCmd   `cmd:"" help:"Stop an instance; its data stays."`
	Start  instanceStartCmd  `cmd:"" help:"Start a stopped instance and wait until it accepts logins."`
	Enable instanceEnableCmd `cmd:"" help:"Have the application of a running server use an instance."`
	Delete instanceDeleteCmd `cmd:"" help:"Destroy an instance with all its data."`
}

// size is what an instance is made with.
type size struct {
	Capacity      string `help:"Compute size: CU_1, CU_2, CU_4 or CU_8." placeholder:"CU_n"`
	RetentionDays *int   `help:"How many days back the instance can be restored to: 2 to 35." placeholder:"N"`
	Nodes         *int   `help:"Number of nodes: 1 to 3." placeholder:"N"`
}

func (s size) spec(name string) databricks.Spec {
	spec := databricks.Spec{Name: name, Capacity: s.Capacity}
	if s.RetentionDays != nil {
		spec.RetentionDays = *s.RetentionDays
	}
	if s.Nodes != nil {
		spec.Nodes = *s.Nodes
	}
	return spec
}

// check refuses a size that no instance has. A zero that was typed is one of them: it is not the absence of the flag.
func (s size) check() error {
	const hint = "leave it out for the default"
	outside := func(n *int, least, most int) bool { return n != nil && (*n < least || *n > most) }
	switch {
	case s.Capacity != "" && !slices.Contains([]string{"CU_1", "CU_2", "CU_4", "CU_8"}, s.Capacity):
		return usagef(hint, "--capacity must be CU_1, CU_2, CU_4 or CU_8, not %s", s.Capacity)
	case outside(s.RetentionDays, 2, 35):
		return usagef(hint, "--retention-days must be 2 to 35, not %d", *s.RetentionDays)
	case outside(s.Nodes, 1, 3):
		return usagef(hint, "--nodes must be 1 to 3, not %d", *s.Nodes)
	}
	return nil
}

type instanceCreateCmd struct {
	Name string `arg:"" help:"Name of the new instance."`
	size
	From  string    `help:"Make it a copy of this instance." placeholder:"NAME"`
	At    time.Time `help:"Copy that as it was at this time, such as 2026-01-31T12:30:00Z." placeholder:"TIME"`
	AtLSN string    `name:"at-lsn" help:"Copy that as it was at this position of its write-ahead log, such as 0/16B3748." placeholder:"LSN"`
}

func (c instanceCreateCmd) Run(ctx context.Context, a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case c.From == "" && (!c.At.IsZero() || c.AtLSN != ""):
		return usagef("name it with --from", "--at and --at-lsn are moments of an instance to copy")
	case !c.At.IsZero() && c.AtLSN != "":
		return usagef("name one of them", "--at and --at-lsn are two moments")
	}
	return a.change(ctx, func(ws *databricks.Workspace, p lakeward.Progress) (lakeward.Instance, error) {
		spec := c.spec(c.Name)
		spec.From, spec.At, spec.LSN = c.From, c.At, c.AtLSN
		return ws.Create(ctx, spec, p)
	})
}

type instanceResizeCmd struct {
	Name string `arg:"" help:"Name of the instance."`
	size
}

func (c instanceResizeCmd) Run(ctx context.Context, a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.size == (size{}) {
		return usagef("name --capacity, --retention-days or --nodes", "nothing to change about instance %s", c.Name)
	}
	return a.change(ctx, func(ws *databricks.Workspace, p lakeward.Progress) (lakeward.Instance, error) {
		return ws.Resize(ctx, c.spec(c.Name), p)
	})
}

type instanceEnableCmd struct {
	Name   string `arg:"" help:"Name of the instance."`
	Schema string `help:"The schema of the application's tables." placeholder:"S"`
	Source string `help:"The database that the application had before: a SQLite file or a postgres:// address." placeholder:"SOURCE"`
	Expand bool   `help:"First add the tables and columns that the source has and the instance lacks, without rows."`
}

// Run asks the server, whose configuration it is, and watches what it does.
func (c instanceEnableCmd) Run(ctx context.Context, a *app) error {
	if c.Source != "" && !isDSN(c.Source) {
		path, err := filepath.Abs(c.Source) // the server runs in another folder
		if err != nil {
			return fmt.Errorf("find the source: %w", err)
		}
		c.Source = path
	}
	s, err := a.server()
	if err != nil {
		return err
	}
	var o store.Operation
	in := map[string]any{"schema": c.Schema, "source": c.Source, "expand": c.Expand}
	if err := s.ask(ctx, http.MethodPost, "/api/instances/"+url.PathEscape(c.Name)+"/enable", in, &o); err != nil {
		return err
	}
	return a.follow(ctx, s, operation{o.ID}, 0)
}

type instanceStopCmd struct {
	Name string `arg:"" help:"Name of the instance."`
}

func (c instanceStopCmd) Run(ctx context.Context, a *app) error {
	return a.change(ctx, func(ws *databricks.Workspace, p lakeward.Progress) (lakeward.Instance, error) {
		return ws.Stop(ctx, c.Name, p)
	})
}

type instanceStartCmd struct {
	Name string `arg:"" help:"Name of the instance."`
}

func (c instanceStartCmd) Run(ctx context.Context, a *app) error {
	return a.change(ctx, func(ws *databricks.Workspace, p lakeward.Progress) (lakeward.Instance, error) {
		return ws.Start(ctx, c.Name, p)
	})
}

// change runs something that changes an instance, shows its progress and the instance that came out of it.
func (a *app) change(ctx context.Context, do func(*databricks.Workspace, lakeward.Progress) (lakeward.Instance, error)) error {
	c, ws, err := a.open(ctx)
	if err != nil {
		return err
	}
	progress, done := a.watch()
	instance, err := do(ws, progress)
	done()
	if err != nil {
		return err
	}
	return a.printInstance(c, instance)
}

type instanceShowCmd struct {
	Name string `arg:"" help:"Name of the instance."`
}

func (c instanceShowCmd) Run(ctx context.Context, a *app) error {
	cfg, ws, err := a.open(ctx)
	if err != nil {
		return err
	}
	instance, err := ws.Instance(ctx, c.Name)
	if err != nil {
		return err
	}
	return a.printInstance(cfg, instance)
}

type instanceListCmd struct{}

func (instanceListCmd) Run(ctx context.Context, a *app) error {
	c, ws, err := a.open(ctx)
	if err != nil {
		return err
	}
	instances, err := ws.Instances(ctx)
	if err != nil {
		return err
	}
	for n := range instances {
		instances[n].Port = c.PortNumber()
	}
	return a.print(map[string][]lakeward.Instance{"instances": instances}, func(w io.Writer) error {
		if len(instances) == 0 {
			_, err := fmt.Fprintf(w, "No instances. Create one with: lakeward instance create NAME\n")
			return err
		}
		rows := [][]string{{"NAME", "STATUS", "STATE", "CAPACITY", "HOST"}}
		for _, i := range instances {
			rows = append(rows, []string{i.Name, string(i.Status), i.State, capacity(i), i.Host})
		}
		return table(w, rows)
	})
}

type instanceDeleteCmd struct {
	Name string `arg:"" help:"Name of the instance."`
	Yes  string `help:"The name again: this destroys the instance and all its data." placeholder:"NAME"`
}

func (c instanceDeleteCmd) Run(ctx context.Context, a *app) error {
	if c.Yes != c.Name {
		return usagef("type its name once more: lakeward instance delete "+c.Name+" --yes "+c.Name,
			"this destroys instance %s and all its data", c.Name)
	}
	_, ws, err := a.open(ctx)
	if err != nil {
		return err
	}
	progress, done := a.watch()
	err = ws.Delete(ctx, c.Name, progress)
	done()
	if err != nil {
		return err
	}
	return a.print(map[string]string{"deleted": c.Name}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "deleted instance %s\n", c.Name)
		return err
	})
}

// printInstance shows an instance with the port that the configuration knows: the APIs have no field for it.
func (a *app) printInstance(c *config.Config, i lakeward.Instance) error {
	i.Port = c.PortNumber()
	return a.print(i, func(w io.Writer) error {
		shown := []string{
			"name", i.Name,
			"status", status(i),
			"capacity", capacity(i),
			"nodes", number(i.Nodes),
			"retention", days(i.RetentionDays),
			"postgres", i.PostgresVersion,
			"host", i.Host,
			"read-only", i.ReadOnlyHost,
			"port", number(i.Port),
			"database", i.Database,
			"endpoint", i.Endpoint,
			"creator", i.Creator,
		}
		for _, key := range slices.Sorted(maps.Keys(i.Tags)) {
			shown = append(shown, "tag "+key, i.Tags[key])
		}
		return fields(w, shown...)
	})
}

// status shows the API's own state beside the derived status.
func status(i lakeward.Instance) string {
	if i.State == "" || i.State == string(i.Status) {
		return string(i.Status)
	}
	return string(i.Status) + " (" + strings.ToLower(i.State) + ")"
}

func capacity(i lakeward.Instance) string {
	if i.Capacity != "" || i.MaxCU == 0 {
		return i.Capacity
	}
	switch {
	case i.MinCU != i.MaxCU:
		return fmt.Sprintf("%g to %g compute units", i.MinCU, i.MaxCU)
	case i.MaxCU == 1:
		return "1 compute unit"
	}
	return fmt.Sprintf("%g compute units", i.MaxCU)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func days(n int) string {
	if n == 0 {
		return ""
	}
	return plural(int64(n), "day")
}
