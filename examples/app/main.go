// Command app is an application on Lakebase in a hundred lines: it shows the open tickets of the help desk that
// `lakeward up --demo` migrates, again and again. It runs for days: its tokens expire every hour, and it does not notice.
//
//	eval "$(lakeward local env)"     # or the variables of a Databricks workspace
//	go run ./examples/app helpdesk
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

func main() {
	every := flag.Duration("every", 5*time.Second, "time between two looks; 0 looks once")
	flag.Parse()
	instance := "helpdesk"
	if flag.NArg() > 0 {
		instance = flag.Arg(0)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, instance, *every); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "app:", err)
		if hint := lakeward.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, instance string, every time.Duration) error {
	workspace, err := databricks.Open(ctx, databricks.Config{})
	if err != nil {
		return err
	}
	pool, err := lakeward.NewConnector(workspace, instance, lakeward.ConnectOptions{ApplicationName: "app"}).Pool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	for {
		if err := show(ctx, pool, os.Stdout); err != nil || every == 0 {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ticket is a line of the list. The fields are the columns of the query below.
type ticket struct {
	ID           int64
	Priority     int64
	Organization string
	Assignee     *string // nobody yet
	Subject      string
	Open         int64 // tickets in all
}

const waiting = `
	SELECT id, priority, organization, assignee, subject, count(*) OVER () AS open
	  FROM open_tickets
	 ORDER BY priority, opened_at, id
	 LIMIT 10`

// show prints the most urgent of the open tickets.
func show(ctx context.Context, pool *pgxpool.Pool, out io.Writer) error {
	rows, err := pool.Query(ctx, waiting)
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	tickets, err := pgx.CollectRows(rows, pgx.RowToStructByName[ticket])
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var open int64
	for _, t := range tickets {
		assignee := "nobody"
		if t.Assignee != nil {
			assignee = *t.Assignee
		}
		fmt.Fprintf(w, "#%d\tP%d\t%s\t%s\t%s\n", t.ID, t.Priority, t.Organization, assignee, t.Subject)
		open = t.Open
	}
	fmt.Fprintf(w, "%d open tickets at %s\n\n", open, time.Now().Format(time.TimeOnly))
	return w.Flush()
}
