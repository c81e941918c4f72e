package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/config"
)

// walk is what the steps hand on to each other.
type walk struct {
	app  *app
	name string // of the instance; may be empty
	access

	config     *config.Config
	workspace  *databricks.Workspace
	connector  *lakeward.Connector
	instance   lakeward.Instance
	connection *pgx.ConnConfig
}

type doctorStep struct {
	name string
	do   func(ctx context.Context) (detail string, err error)
	goOn bool // the walk goes on when it fails
}

func (w *walk) steps() []doctorStep {
	steps := []doctorStep{
		{name: "configuration", do: w.configure},
		{name: "workspace", do: w.reach},
		{name: "identity", do: w.identify},
	}
	if w.name == "" {
		return append(steps, doctorStep{name: "instances", do: w.list})
	}
	steps = append(steps, []doctorStep{
		{name: "instance", do: w.find},
		{name: "DNS", do: w.resolve},
		{name: "TCP", do: w.dial},
		{name: "TLS", do: w.handshake},
		{name: "credential", do: w.mint},
		{name: "login", do: w.login},
		{name: "writes", do: w.writes, goOn: true},
	}...)
	steps = append(steps, w.accessSteps()...)
	if w.role == "" {
		steps = append(steps, doctorStep{name: "privileges", do: w.privileges, goOn: true})
	}
	return steps
}

func (w *walk) configure(ctx context.Context) (detail string, err error) {
	if w.config, err = w.app.config(); err != nil {
		return "", err
	}
	ws := w.config.Workspace
	if ws.Kind == config.None {
		_, err := w.config.Open(ctx) // it says so
		return "", err
	}
	return fmt.Sprintf("%s workspace, from %s", ws.Kind, ws.Origin()), nil
}

func (w *walk) reach(ctx context.Context) (detail string, err error) {
	if w.workspace, err = w.config.Open(ctx); err != nil {
		return "", err
	}
	return w.workspace.Host() + " answers", nil
}

func (w *walk) identify(ctx context.Context) (string, error) {
	me, err := w.workspace.Me(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s in workspace %s", me.UserName, me.WorkspaceID), nil
}

func (w *walk) list(ctx context.Context) (string, error) {
	instances, err := w.workspace.Instances(ctx)
	if err != nil {
		return "", err
	}
	names := make([]string, len(instances))
	for i, instance := range instances {
		names[i] = instance.Name + " (" + string(instance.Status) + ")"
	}
	if len(names) == 0 {
		return "none yet", nil
	}
	return strings.Join(names, ", "), nil
}

func (w *walk) find(ctx context.Context) (detail string, err error) {
	w.connector = w.config.Connector(w.workspace, w.name)
	if w.instance, err = usable(ctx, w.connector); err != nil {
		return "", err
	}
	if w.connection, err = w.connector.Config(ctx); err != nil {
		return "", err
	}
	return w.instance.Name + " is " + status(w.instance), nil
}

func (w *walk) resolve(ctx context.Context) (string, error) {
	addresses, err := net.DefaultResolver.LookupHost(ctx, w.instance.Host)
	if err != nil {
		return "", lakeward.Errorf(lakeward.KindUnavailable, "check this machine's DNS, and a VPN that the workspace may need",
			"resolve %s: %w", w.instance.Host, err)
	}
	return w.instance.Host + " is " + strings.Join(addresses, ", "), nil
}

func (w *walk) address() string {
	return net.JoinHostPort(w.instance.Host, strconv.Itoa(int(w.connection.Port)))
}

func (w *walk) connect(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", w.address())
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "check firewalls between here and there, and PGPORT",
			"reach %s: %w", w.address(), err)
	}
	return conn, nil
}

func (w *walk) dial(ctx context.Context) (string, error) {
	conn, err := w.connect(ctx)
	if err != nil {
		return "", err
	}
	return w.address() + " accepts connections", conn.Close()
}

// sslRequest asks a PostgreSQL server for TLS.
const sslRequest = 80877103

func (w *walk) handshake(ctx context.Context) (string, error) {
	conn, err := w.connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	answer := make([]byte, 1)
	if _, err = conn.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, sslRequest)); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil || answer[0] != 'S' {
		return "", lakeward.Errorf(lakeward.KindUnavailable, "check that nothing between here and there speaks for the server",
			"%s does not offer TLS (answer %q)", w.address(), answer)
	}
	secure := tls.Client(conn, w.connection.TLSConfig)
	if err := secure.HandshakeContext(ctx); err != nil {
		return "", lakeward.Errorf(lakeward.KindInvalid, "name the certificate authority's file in PGSSLROOTCERT",
			"verify the certificate of %s: %w", w.instance.Host, err)
	}
	state := secure.ConnectionState()
	return fmt.Sprintf("%s, certificate valid until %s", tls.VersionName(state.Version),
		state.PeerCertificates[0].NotAfter.Format(time.DateOnly)), nil
}

func (w *walk) mint(ctx context.Context) (string, error) {
	c, err := w.workspace.Credential(ctx, w.instance)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("for %s, good until %s", c.User, c.Expires.Local().Format(time.TimeOnly)), nil
}

func (w *walk) login(ctx context.Context) (string, error) {
	conn, err := w.connector.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var who, version string
	err = conn.QueryRow(ctx, "SELECT current_user, current_setting('server_version')").Scan(&who, &version)
	return fmt.Sprintf("as %s on PostgreSQL %s", who, version), err
}

// writes tells whether a session may write at all, whatever its role may do.
func (w *walk) writes(ctx context.Context) (string, error) {
	conn, err := w.connector.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var readOnly bool
	if err := conn.QueryRow(ctx, "SELECT current_setting('transaction_read_only')::bool").Scan(&readOnly); err != nil {
		return "", fmt.Errorf("ask whether a session may write: %w", err)
	}
	if readOnly {
		return "", lakeward.Errorf(lakeward.KindConflict,
			"if its data have outgrown its limit: SET default_transaction_read_only = off, and drop or truncate what is not needed",
			"sessions of %s begin read-only", w.name)
	}
	return "sessions may write", nil
}

func (w *walk) privileges(ctx context.Context) (string, error) {
	conn, err := w.connector.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var database, user string
	var create bool
	err = conn.QueryRow(ctx, `SELECT current_database(), quote_ident(current_user),
		has_database_privilege(current_database(), 'CREATE')`).Scan(&database, &user, &create)
	if err != nil {
		return "", fmt.Errorf("ask for privileges: %w", err)
	}
	if !create {
		return "", lakeward.Errorf(lakeward.KindDenied,
			"the owner of the database runs: GRANT CONNECT, CREATE ON DATABASE "+database+" TO "+user,
			"%s may log in to %s and not create schemas there", user, database)
	}
	return "may create schemas in " + database, nil
}
