package pgproc

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// socketName is the name that PostgreSQL gives its socket; the port in it only tells servers of one folder apart.
const socketName = ".s.PGSQL.5432"

// SocketFolder is the folder of the data folder that the socket is in. PostgreSQL's own tools pass over what is in there:
// a copy has no lock of the original's socket, and pg_rewind does not try to read a socket.
const SocketFolder = "pg_stat_tmp"

// SocketDir returns the folder of the server's socket.
func (s *Server) SocketDir() string { return filepath.Join(s.config.Dir, SocketFolder) }

// Dial opens a connection to the server's socket. The server speaks the wire protocol there without TLS and trusts
// every name.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := dialIn(ctx, s.config.Dir)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL in %s: %w", s.config.Dir, err)
	}
	return conn, nil
}

// dialIn reaches the socket through a descriptor of its folder, because the path of a socket must fit into 107 bytes
// and that of a data folder need not.
func dialIn(ctx context.Context, dir string) (net.Conn, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var d net.Dialer
	return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s/%s", folder.Fd(), SocketFolder, socketName))
}

// ConnConfig returns the configuration of a superuser's connection to a database. It takes nothing from the PG*
// variables of the environment.
func (s *Server) ConnConfig(database string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig("host=/ port=5432 sslmode=disable target_session_attrs=any passfile=/dev/null " +
		"password=none require_auth='' user=" + Superuser)
	if err != nil {
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	c.Database, c.Password = database, ""
	c.RuntimeParams = map[string]string{"application_name": "lakeward", "default_transaction_read_only": "off"}
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	return c, nil
}
