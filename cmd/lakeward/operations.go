package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/store"
)

type operationsCmd struct {
	List   operationsListCmd   `cmd:"" help:"List operations, the newest first."`
	Show   operationsShowCmd   `cmd:"" help:"Show an operation and what became of it."`
	Watch  operationsWatchCmd  `cmd:"" help:"Watch an operation until it has ended. Its outcome is the command's."`
	Cancel operationsCancelCmd `cmd:"" help:"End an operation that waits or runs."`
	Retry  operationsRetryCmd  `cmd:"" help:"Try an operation again that has failed or was cancelled."`
}

// operation names one.
type operation struct {
	ID string `arg:"" name:"operation" help:"Its id, as lakeward operations list shows it."`
}

func (o operation) path() string { return "/api/operations/" + url.PathEscape(o.ID) }

type operationsListCmd struct {
	Kind     string `help:"Only those of a kind, such as migrate." placeholder:"KIND"`
	State    string `help:"Only those that are queued, running, succeeded, failed or cancelled." enum:",queued,running,succeeded,failed,cancelled" default:"" placeholder:"STATE"`
	Instance string `help:"Only those on an instance." placeholder:"NAME"`
	Limit    int    `help:"At most so many (default: 100)." default:"100" placeholder:"N"`
}

// Run lists operations.
func (c operationsListCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return usagef("choose one from 1 to 1000", "--limit %d is not a number of operations", c.Limit)
	}
	s, err := a.server()
	if err != nil {
		return err
	}
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"kind": c.Kind, "state": c.State, "instance": c.Instance} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var list struct {
		Operations []store.Operation `json:"operations"`
	}
	if err := s.ask(ctx, http.MethodGet, "/api/operations?"+q.Encode(), nil, &list); err != nil {
		return err
	}
	return a.print(list, func(w io.Writer) error {
		rows := [][]string{{"OPERATION", "KIND", "INSTANCE", "STATE", "BEGAN", "TOOK", "BY"}}
		for _, o := range list.Operations {
			rows = append(rows, []string{
				o.ID, o.Kind, o.Instance, string(o.State), o.Created.Local().Format("2006-01-02 15:04:05"), took(o), o.Actor,
			})
		}
		return table(w, rows)
	})
}

type operationsShowCmd struct{ operation }

// Run shows an operation.
func (c operationsShowCmd) Run(ctx context.Context, a *app) error {
	return a.askOperation(ctx, http.MethodGet, c.path())
}

type operationsCancelCmd struct{ operation }

// Run cancels an operation.
func (c operationsCancelCmd) Run(ctx context.Context, a *app) error {
	return a.askOperation(ctx, http.MethodPost, c.path()+"/cancel")
}

type operationsRetryCmd struct{ operation }

// Run submits an operation once more.
func (c operationsRetryCmd) Run(ctx context.Context, a *app) error {
	return a.askOperation(ctx, http.MethodPost, c.path()+"/retry")
}

// askOperation asks the server for something whose answer is an operation, and shows it.
func (a *app) askOperation(ctx context.Context, method, path string) error {
	s, err := a.server()
	if err != nil {
		return err
	}
	var o store.Operation
	if err := s.ask(ctx, method, path, nil, &o); err != nil {
		return err
	}
	return a.showOperation(o)
}

type operationsWatchCmd struct {
	operation
	After int64 `help:"Begin after the event of this number." placeholder:"N"`
}

// Run shows an operation's events as they happen, in the way of a command that does the work itself.
func (c operationsWatchCmd) Run(ctx context.Context, a *app) error {
	s, err := a.server()
	if err != nil {
		return err
	}
	return a.follow(ctx, s, c.operation, c.After)
}

// follow watches an operation to its end. Its outcome is the command's.
func (a *app) follow(ctx context.Context, s *client, watched operation, after int64) error {
	progress, done := a.watch()
	o, err := s.watch(ctx, watched.path(), after, progress)
	done()
	if err != nil {
		return err
	}
	if o.State == store.Succeeded || a.json {
		if err := a.showOperation(o); err != nil {
			return err
		}
	}
	return outcome(o)
}

// outcome is the error with which the command that did the operation itself would have ended.
func outcome(o store.Operation) error {
	switch {
	case o.State == store.Cancelled:
		return &lakeward.Error{Kind: lakeward.KindConflict, Message: "operation " + o.ID + " was cancelled", Hint: "lakeward operations retry " + o.ID}
	case o.State == store.Failed && o.Error != nil:
		return &lakeward.Error{Kind: o.Error.Kind, Message: o.Error.Message, Hint: o.Error.Hint}
	case o.State == store.Failed:
		return errors.New("operation " + o.ID + " has failed")
	}
	return nil
}

func (a *app) showOperation(o store.Operation) error {
	return a.print(o, func(w io.Writer) error {
		problem, hint := "", ""
		if o.Error != nil {
			problem, hint = oneLine(o.Error.Message), oneLine(o.Error.Hint)
		}
		ended := ""
		if o.Ended != nil {
			ended = o.Ended.Local().Format(time.DateTime)
		}
		attempts := ""
		if o.Attempt > 1 {
			attempts = strconv.Itoa(o.Attempt)
		}
		return fields(w,
			"operation", o.ID, "kind", o.Kind, "instance", o.Instance, "state", string(o.State), "by", o.Actor,
			"created", o.Created.Local().Format(time.DateTime), "ended", ended, "took", took(o), "attempts", attempts,
			"retry of", o.RetryOf, "input", string(o.Input), "error", problem, "hint", hint, "result", summary(o.Result))
	})
}

// summary is a result without what has many lines; --json shows all of it.
func summary(result json.RawMessage) string {
	var all map[string]any
	if json.Unmarshal(result, &all) != nil {
		return ""
	}
	for name, v := range all {
		switch v.(type) {
		case map[string]any, []any:
			delete(all, name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	text, err := json.Marshal(all)
	if err != nil {
		return ""
	}
	return string(text)
}

func took(o store.Operation) string {
	switch {
	case o.Started == nil:
		return ""
	case o.Ended == nil:
		return seconds(time.Since(*o.Started)) + " so far"
	}
	return seconds(o.Ended.Sub(*o.Started))
}

// server finds the server that runs in the folder.
func (a *app) server() (*client, error) {
	dir, err := config.LocalDir(a.flags, a.getenv)
	if err != nil {
		return nil, err
	}
	return findServer(dir)
}
