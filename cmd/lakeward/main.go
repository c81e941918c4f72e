// Command lakeward migrates an application's database to Databricks Lakebase and operates it there. All of it also runs
// against a local Lakebase, which `lakeward up` starts.
//
// Results go to standard output, progress and errors to standard error; with --json everything goes to standard output
// as JSON lines, the result last. Exit codes stand in exit.go.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/lakeward/lakeward/internal/config"
)

// cli is the grammar of the command line. Each command's fields are its flags, its Run method does the work.
type cli struct {
	Dir       string `help:"Folder of the local Lakebase (default: $$LAKEWARD_DIR, else the XDG data home)." placeholder:"DIR"`
	Profile   string `help:"Databricks profile of the workspace to talk to." placeholder:"NAME"`
	Workspace string `help:"Which of several local Lakebases in the folder, such as eu-west-1 (default: $$LAKEWARD_WORKSPACE, else the one without a name)." placeholder:"NAME"`
	JSON      bool   `name:"json" help:"Print events and the result as JSON lines."`

	Up         upCmd         `cmd:"" help:"Run the local Lakebase and the server; --demo loads an example."`
	Serve      serveCmd      `cmd:"" help:"Run the server: the API for the workspace in the environment."`
	Local      localCmd      `cmd:"" help:"Run the local Lakebase alone, or show how to reach it."`
	Instance   instanceCmd   `cmd:"" help:"Create, list, show, resize, stop, start, enable and delete instances."`
	Plan       planCmd       `cmd:"" help:"Show what a migration would do."`
	Check      checkCmd      `cmd:"" help:"Say what would stand in the way of a migration, without writing anything."`
	Migrate    migrateCmd    `cmd:"" help:"Move a database into an instance and prove it."`
	Verify     verifyCmd     `cmd:"" help:"Compare source and target again."`
	Export     exportCmd     `cmd:"" help:"Write a migrated database back into a SQLite file."`
	Backup     backupCmd     `cmd:"" help:"Keep instances in a volume of Unity Catalog, and bring them back."`
	Proxy      proxyCmd      `cmd:"" help:"Give applications a local address whose logins never expire."`
	Operations operationsCmd `cmd:"" help:"List, show, watch, cancel and retry what a running server works on."`
	Psql       psqlCmd       `cmd:"" passthrough:"" help:"Open psql on an instance."`
	Connect    connectCmd    `cmd:"" help:"Show how applications connect to an instance: addresses and ready-made pieces of code."`
	Token      tokenCmd      `cmd:"" help:"Print a fresh database token of an instance."`
	Doctor     doctorCmd     `cmd:"" help:"Walk the way to an instance step by step and say where it ends."`
	Config     configCmd     `cmd:"" help:"Show the configuration that applies, and where each value comes from."`
	Version    versionCmd    `cmd:"" help:"Show the version."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	a := &app{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	parser, err := kong.New(&c, kong.Name("lakeward"), kong.UsageOnError(),
		kong.Description("Migrate an application's database to Databricks Lakebase, and run it there or on this machine."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		panic(err) // the grammar above is wrong, and no input can make it so
	}
	parsed, err := parser.Parse(args)
	a.json = c.JSON || err != nil && slices.Contains(args, "--json")
	if err != nil {
		return a.fail(usage(err))
	}
	a.flags = config.Flags{Dir: c.Dir, Profile: c.Profile, LocalWorkspace: c.Workspace}

	ctx, stop := signalContext()
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(a)
	if err := parsed.Run(); err != nil {
		return a.fail(interruption(ctx, err))
	}
	return exitDone
}

// signalContext is done after the first SIGINT or SIGTERM. From then on signals have their default effect again: the
// second one kills.
func signalContext() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// interruption tells an error that a signal caused from one that happened by itself.
func interruption(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return errInterrupted
	}
	return err
}
