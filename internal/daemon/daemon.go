// Package daemon is where the parts are put together that run for long: the local Lakebase and the example on it, and the
// server with its API. What `lakeward up`, `lakeward local` and `lakeward serve` share stands here; how it is shown stands
// in the commands.
//
// Run owns everything that it starts and returns when all of it has ended.
package daemon

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/standin"
)

// Options say what to run.
type Options struct {
	Lakebase standin.Options
	Demo     bool              // load the example, unless it is there
	Progress lakeward.Progress // receives what the start does; may be nil

	// Server says how to serve the API beside the Lakebase; nil means not at all. Config and Ready are set here.
	Server *ServerOptions

	// Ready is called once, when everything answers. An error from it ends the run.
	Ready func(Ready) error
}

// Ready is what answers.
type Ready struct {
	Dir       string
	Workspace standin.WorkspaceFile
	Demo      *Demo    // nil when it was not asked for
	Serving   *Serving // nil when it was not asked for
}

// Run starts what the options ask for and keeps it running until ctx is done, which is a normal end. It returns when
// everything has stopped.
func Run(ctx context.Context, o Options) (err error) {
	var listener net.Listener
	if o.Server != nil { // an address that is taken shall be known before anything is started
		if listener, err = listen(ctx, o.Server.address()); err != nil {
			return err
		}
		defer listener.Close()
	}
	lakebase, err := standin.Start(ctx, o.Lakebase)
	if err != nil {
		return err
	}
	defer func() {
		if closing := lakebase.Close(); closing != nil {
			err = errors.Join(err, closing)
		}
	}()
	ready := Ready{Dir: o.Lakebase.Dir, Workspace: lakebase.Workspace()}
	if o.Demo {
		if ready.Demo, err = loadDemo(ctx, ready, o.Lakebase.Port, o.Progress); err != nil {
			return err
		}
	}
	if o.Server != nil {
		return o.serve(ctx, ready, listener)
	}
	if err := o.Ready(ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// serve serves the API for the local Lakebase, whatever workspace the environment names.
func (o Options) serve(ctx context.Context, ready Ready, listener net.Listener) error {
	server := *o.Server
	environment := server.Getenv
	server.Getenv = func(name string) string {
		if strings.HasPrefix(name, "DATABRICKS_") || strings.HasPrefix(name, "PG") {
			return ""
		}
		return environment(name)
	}
	var err error
	if server.Config, err = config.Resolve(config.Flags{Dir: ready.Dir}, server.Getenv); err != nil {
		return err
	}
	server.Ready = func(s Serving) error {
		ready.Serving = &s
		return o.Ready(ready)
	}
	return serve(ctx, server, listener)
}
