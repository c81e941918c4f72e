package config

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// probeTimeout bounds the first contact with the local Lakebase, which answers from this machine or not at all.
const probeTimeout = 2 * time.Second

// Open signs in to the workspace. With none it says how to get one, and when the local Lakebase does not run it says
// so at once.
func (c *Config) Open(ctx context.Context) (*databricks.Workspace, error) {
	w := c.Workspace
	switch w.Kind {
	case None:
		return nil, lakeward.Errorf(lakeward.KindUnavailable, c.startHint(),
			"no workspace is configured and no local Lakebase runs in %s", c.Dir.Text)
	case Local:
		if err := c.Probe(ctx); err != nil {
			return nil, err
		}
	}
	return databricks.Open(ctx, databricks.Config{
		Host:         w.hostToSignIn(),
		Token:        lakeward.Secret(w.Token.Text),
		ClientID:     w.ClientID.Text,
		ClientSecret: lakeward.Secret(w.ClientSecret.Text),
		Profile:      w.Profile.Text,
	})
}

func (c *Config) startHint() string {
	if c.localWorkspace != "" {
		return "start one with: lakeward --workspace " + c.localWorkspace + " up"
	}
	return "start one with: lakeward up"
}

// hostToSignIn is empty for a profile: the SDK reads host and credentials there together.
func (w Workspace) hostToSignIn() string {
	if w.Kind == Profile {
		return ""
	}
	return w.Host.Text
}

// Probe checks that something answers at the local Lakebase's address. The SDK would try a closed port for minutes.
func (c *Config) Probe(ctx context.Context) error {
	host, err := url.Parse(c.Workspace.Host.Text)
	if err != nil {
		return lakeward.Errorf(lakeward.KindInvalid, "start it again with: lakeward up",
			"read the local Lakebase's address in %s: %w", c.Workspace.Host.Origin, err)
	}
	d := net.Dialer{Timeout: probeTimeout}
	conn, err := d.DialContext(ctx, "tcp", host.Host)
	switch {
	case err == nil:
		return conn.Close()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.ECONNREFUSED):
		err = nil // "is not running" says it
	}
	return &lakeward.Error{
		Kind: lakeward.KindUnavailable, Hint: c.startHint(), Err: err,
		Message: "the local Lakebase in " + c.Dir.Text + " is not running",
	}
}

// Connector makes the connector to one instance of ws, with the certificate authority and the port that were resolved.
func (c *Config) Connector(ws lakeward.Workspace, instance string) *lakeward.Connector {
	return lakeward.NewConnector(ws, instance, lakeward.ConnectOptions{RootCAs: c.RootCAs.Text, Port: c.PortNumber()})
}

// PortNumber returns the PostgreSQL port of endpoints.
func (c *Config) PortNumber() int {
	n, _ := strconv.Atoi(c.Port.Text) // Resolve has checked it
	return n
}
