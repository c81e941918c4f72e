package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/standin"
)

// localFaultCmd makes the local Lakebase misbehave, so that one sees what a program does then.
type localFaultCmd struct {
	Fail         faultFailCmd   `cmd:"" help:"Let the next calls of a route of the REST API fail."`
	Delay        faultDelayCmd  `cmd:"" help:"Let the next calls of a route take longer."`
	ExpireTokens faultExpireCmd `cmd:"" help:"Make every database token that was minted until now an expired one."`
	TokenTTL     faultTTLCmd    `cmd:"" name:"token-ttl" help:"Let database tokens live for so long from now on; 0 restores."`
	Refuse       faultRefuseCmd `cmd:"" help:"Refuse the next logins although their tokens are good."`
	Kill         faultKillCmd   `cmd:"" help:"Kill a node of an instance."`
	Freeze       faultFreezeCmd `cmd:"" help:"Stop a node of an instance where it stands."`
	Thaw         faultThawCmd   `cmd:"" help:"Let a frozen node go on."`
	Fill         faultFillCmd   `cmd:"" help:"Let an instance have reached its logical size: it becomes read-only."`
	Drain        faultDrainCmd  `cmd:"" help:"Let an instance have room again."`
	List         faultListCmd   `cmd:"" help:"List what has been asked for and has not happened yet."`
	Clear        faultClearCmd  `cmd:"" help:"Forget all of it; thaw and drain what was frozen and filled."`
}

type faultRoute struct {
	Route string `help:"Calls it is about: a path, with * at its end for all below, after a method or not (default: all)." placeholder:"'[METHOD] PATH'"`
	Times int    `help:"How many of them." default:"1"`
}

type faultFailCmd struct {
	faultRoute
	Status  int           `help:"HTTP status of the answer." default:"503"`
	Message string        `help:"Its message." placeholder:"TEXT"`
	After   time.Duration `help:"Answer after so long." placeholder:"2s"`
}

func (c faultFailCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{
		Kind: standin.FaultFail, Route: c.Route, Times: c.Times, Status: c.Status, Message: c.Message, Delay: c.After,
	})
}

type faultDelayCmd struct {
	faultRoute
	By time.Duration `help:"How much longer." default:"2s"`
}

func (c faultDelayCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultDelay, Route: c.Route, Times: c.Times, Delay: c.By})
}

type faultExpireCmd struct{}

func (faultExpireCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultExpireTokens})
}

type faultTTLCmd struct {
	TTL time.Duration `arg:"" help:"Such as 30s; 0 restores." name:"ttl"`
}

func (c faultTTLCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultTokenTTL, TTL: c.TTL})
}

type faultRefuseCmd struct {
	Times int `help:"How many logins." default:"1"`
}

func (c faultRefuseCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultRefuse, Times: c.Times})
}

type faultInstance struct {
	Instance string `arg:"" help:"Its name, or the full name of an endpoint."`
}

type faultNode struct {
	faultInstance
	Node int `help:"Number of the node (default: the primary)." placeholder:"N"`
}

func (n faultNode) inject(ctx context.Context, a *app, kind standin.FaultKind) error {
	return a.inject(ctx, standin.Fault{Kind: kind, Instance: n.Instance, Node: n.Node})
}

type faultKillCmd struct{ faultNode }

func (c faultKillCmd) Run(ctx context.Context, a *app) error {
	return c.inject(ctx, a, standin.FaultKill)
}

type faultFreezeCmd struct{ faultNode }

func (c faultFreezeCmd) Run(ctx context.Context, a *app) error {
	return c.inject(ctx, a, standin.FaultFreeze)
}

type faultThawCmd struct{ faultNode }

func (c faultThawCmd) Run(ctx context.Context, a *app) error {
	return c.inject(ctx, a, standin.FaultThaw)
}

type faultFillCmd struct{ faultInstance }

func (c faultFillCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultFill, Instance: c.Instance})
}

type faultDrainCmd struct{ faultInstance }

func (c faultDrainCmd) Run(ctx context.Context, a *app) error {
	return a.inject(ctx, standin.Fault{Kind: standin.FaultDrain, Instance: c.Instance})
}

type faultListCmd struct{}

func (faultListCmd) Run(ctx context.Context, a *app) error {
	var list standin.FaultList
	if err := a.faults(ctx, http.MethodGet, nil, &list); err != nil {
		return err
	}
	return a.print(list, func(w io.Writer) error {
		for _, f := range list.Faults {
			fmt.Fprintf(w, "%s", f.Kind)
			for _, part := range []struct {
				name  string
				value any
				given bool
			}{
				{"route", f.Route, f.Route != ""},
				{"times", f.Times, f.Times > 0},
				{"status", f.Status, f.Status > 0},
				{"delay", f.Delay, f.Delay > 0},
				{"ttl", f.TTL, f.TTL > 0},
			} {
				if part.given {
					fmt.Fprintf(w, "  %s %v", part.name, part.value)
				}
			}
			fmt.Fprintln(w)
		}
		return nil
	})
}

type faultClearCmd struct{}

func (faultClearCmd) Run(ctx context.Context, a *app) error {
	return a.faults(ctx, http.MethodDelete, nil, nil)
}

// inject asks the local Lakebase of the folder for a fault.
func (a *app) inject(ctx context.Context, f standin.Fault) error {
	return a.faults(ctx, http.MethodPost, f, nil)
}

// faults calls the local Lakebase's own API of faults, which is in no SDK.
func (a *app) faults(ctx context.Context, method string, in, out any) error {
	dir, err := config.LocalDir(a.flags, a.getenv)
	if err != nil {
		return err
	}
	return callLocal(ctx, dir, method, "/lakeward/faults", in, out)
}

// callLocal calls the REST API of the local Lakebase in a folder as its administrator.
func callLocal(ctx context.Context, dir, method, path string, in, out any) error {
	ws, err := standin.ReadWorkspace(dir)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, ws.Host+path, &body)
	if err != nil {
		return fmt.Errorf("call the local Lakebase: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+ws.Token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return lakeward.Errorf(lakeward.KindUnavailable, "start it with: lakeward up",
			"the local Lakebase in %s does not answer: %w", dir, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return refusalOf(response)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("read answer of the local Lakebase: %w", err)
	}
	return nil
}

// refusalOf is the error in an answer of the local Lakebase.
func refusalOf(response *http.Response) error {
	var e struct {
		Message string `json:"message"`
	}
	_ = json.NewDecoder(response.Body).Decode(&e) // an answer that cannot be read has a status
	kind := lakeward.KindInvalid
	switch response.StatusCode {
	case http.StatusNotFound:
		kind = lakeward.KindNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = lakeward.KindDenied
	case http.StatusConflict:
		kind = lakeward.KindConflict
	}
	return lakeward.Errorf(kind, "", "%s", cmp.Or(e.Message, "the local Lakebase answers "+response.Status))
}
